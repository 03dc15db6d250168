import { areaOf } from './areas.mjs'

const QUICK = process.env.QUICK !== undefined
const { mutate, tests, leaves, folder } = areaOf(process.env.AREA ?? 'run', QUICK)
/** How many stories the property tests tell, which tell 200 and more by themselves: what a mutant that survives costs is mostly this. */
process.env.RUNS ??= QUICK ? '25' : '120'

/**
 * Mutation tests of a folder that decides: `npm run mutate` (core/run), `AREA=plan npm run mutate`; some files of it:
 * `npm run mutate -- --mutate src/core/run/gate.ts`. Everything that it leaves behind lies in `.patchwave/mutation/`, outside git.
 * @type {import('@stryker-mutator/api/core').PartialStrykerOptions}
 */
export default {
  mutate,
  testRunner: 'in-process',
  inProcess: { tests, leaves },
  warnings: { unknownOptions: false }, // `inProcess` and `survivors` are our own.
  survivors: { folder },
  plugins: ['./test/mutation/in-process.mjs', './test/mutation/prose.mjs', './test/mutation/survivors.mjs'],
  ignorers: ['prose'],
  coverageAnalysis: 'perTest',
  ignoreStatic: true, // A mutant in a module's own constants is loaded before any test: each would cost a process.
  concurrency: 2,
  timeoutMS: 3_000, // Above what the tests of a mutant take. What runs in circles is mostly caught by counting; the rest waits so long.
  timeoutFactor: 3,
  dryRunTimeoutMinutes: 10,
  disableTypeChecks: true,
  incremental: true,
  incrementalFile: `${folder}/incremental.json`,
  tempDirName: `${folder}/tmp`,
  cleanTempDir: 'always',
  ignorePatterns: ['.patchwave', 'bench', 'docs', 'web', 'bin', '.ci', '*.md', 'test/real', 'test/node', 'test/web', 'test/serve'],
  reporters: ['clear-text', 'json', 'survivors'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, reportMutants: false },
  jsonReporter: { fileName: `${folder}/report.json` },
}
