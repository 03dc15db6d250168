import { expect, it } from 'vitest'
import { tally } from './tally-reporter.ts'

type Modules = Parameters<typeof tally>[0]
type State = 'passed' | 'failed' | 'skipped'

/** A file's report as the test runner hands it over: its tests, and errors of the file and of one of its suites. */
const module = (states: readonly State[], ofFile = 0, ofSuite = 0): Modules[number] =>
  ({
    errors: () => Array.from({ length: ofFile }, () => new Error('file')),
    children: {
      allTests: () => states.map((state) => ({ result: () => ({ state }) })),
      allSuites: () => [{ errors: () => Array.from({ length: ofSuite }, () => new Error('suite')) }],
    },
  }) as unknown as Modules[number]

it.each([
  ['tests', [module(['passed', 'failed', 'passed'])], 0, { passed: 2, failed: 1 }],
  ['tests that did not run as neither', [module(['passed', 'skipped'])], 0, { passed: 1, failed: 0 }],
  ['a file that cannot be loaded as a failure', [module(['passed']), module([], 1)], 0, { passed: 1, failed: 1 }],
  ['a failing hook as a failure', [module(['passed'], 0, 1)], 0, { passed: 1, failed: 1 }],
  ['a stray error as a failure', [module(['passed'])], 2, { passed: 1, failed: 2 }],
])('counts %s', (_, modules, errors, counted) => {
  expect(tally(modules, errors)).toEqual(counted)
})
