import eslint from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Time and chance enter at one seam: these files are it. The sandbox over HTTP has a wall clock of its own, on the other side of the wire. */
const SEAM = ['src/adapters/system/**', 'src/sandbox/http.ts', 'src/sandbox/speed-clock.ts']
const WAITING = ['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
  name,
  message: 'Waiting is the clock port’s: clock.sleep.',
}))
const NOW = 'The time comes from the clock port; in the core it is an argument.'
const READING = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: NOW },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: NOW },
  { selector: "CallExpression[callee.name='Date']", message: NOW },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'Chance comes from a seeded stream of kit/random.ts.',
  },
]

export default defineConfig(
  globalIgnores(['node_modules/', 'coverage/', '.patchwave/', 'src/**/generated.ts']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [eslint.configs.recommended],
    languageOptions: { globals: { process: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.ts'],
    extends: [eslint.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ['error', 'always'],
      'no-var': 'error',
      'prefer-const': 'error',
      'no-param-reassign': 'error',
      'no-else-return': ['error', { allowElseIf: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all' }],
      // A bare arrow or `return` that hands on the void of a call reads better than one with braces; nothing relies on the value.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // It believes that what was read before an await still holds after it: `signal.aborted` has to be asked again.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // A failure that was kept as `unknown` is thrown on as it came.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true, allowRethrowing: true }],
      // `async` on a function that implements a port keeps its throws inside the promise.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 100, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: SEAM,
    rules: { 'no-restricted-globals': ['error', ...WAITING], 'no-restricted-syntax': ['error', ...READING] },
  },
  // One switch over all events, and one object that is a service's state: cut up they would only be harder to follow.
  { files: ['src/core/run/evolve.ts', 'src/sandbox/services/sqs.ts'], rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts', '*.config.ts'],
    rules: {
      // Tables and helpers of tests: a wrong guess fails the test, which is as loud as the compiler.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true, allowNullish: true }],
      '@typescript-eslint/no-unsafe-assignment': 'off', // expect.any() and JSON.parse
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
)
