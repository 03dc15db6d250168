/** What holds for the tree as a whole, apart from the tests: each is a command that ends with 0 when it does. */
export const CHECKS: readonly Check[] = [
  {
    name: 'types',
    holds: 'the compiler finds no fault under its strictest flags',
    command: ['tsc', '-p', '.'],
    mend: 'mend what it names',
  },
  {
    name: 'lint',
    holds: 'the linter finds no fault',
    command: ['eslint', '.', '--max-warnings=0'],
    mend: 'mend what it names; `npx eslint . --fix` mends some of it',
  },
  {
    name: 'format',
    holds: 'every file is laid out by the formatter',
    command: ['prettier', '--check', '--log-level=warn', '.'],
    mend: 'run `npx prettier --write .`',
  },
  {
    name: 'generated',
    holds: 'every generated file is what its source makes',
    command: ['node', 'scripts/gen.ts', '--check'],
    mend: 'run `npm run gen`',
  },
  {
    name: 'borders',
    holds: 'the import law, the purity of the core and the house rules',
    command: ['vitest', 'run', '--project=borders', '--reporter=dot'],
    mend: 'mend each line that it names',
  },
]

export type Check = Readonly<{ name: string; holds: string; command: readonly [string, ...string[]]; mend: string }>
