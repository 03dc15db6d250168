import { defineConfig } from 'vitest/config'

const NIGHTS = ['test/nights/**/*.test.ts', 'test/explorer/**/*.test.ts']
const CHECKS = ['test/house/checks.test.ts']
const BORDERS = ['test/house/*.test.ts']

/** node:sqlite says that it is experimental each time it is loaded. */
const FLAGS = ['--disable-warning=ExperimentalWarning']

/** Four projects of one suite: `vitest run --project=nights` runs one of them, `vitest run test/core` what is in a folder. */
export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks', // A test may kill what it started, and a crash of one file must not take the others with it.
    maxWorkers: 2,
    execArgv: FLAGS,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    restoreMocks: true,
    unstubEnvs: true,
    reporters: ['default', './test/house/tally-reporter.ts'],
    projects: [
      { extends: true, test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: [...NIGHTS, ...BORDERS] } },
      // What they make is young when it dies: more room for it is a tenth less work.
      { extends: true, test: { name: 'nights', include: NIGHTS, testTimeout: 300_000, execArgv: [...FLAGS, '--max-semi-space-size=128'] } },
      { extends: true, test: { name: 'borders', include: BORDERS, exclude: CHECKS } },
      { extends: true, test: { name: 'checks', include: CHECKS, testTimeout: 300_000 } },
    ],
  },
})
