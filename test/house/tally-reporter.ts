import type { Reporter, SerializedError, TestModule } from 'vitest/node'

/** How many tests passed and failed. A file that cannot be loaded, a failing hook and a stray error count as failures: none may pass unseen. */
export type Tally = Readonly<{ passed: number; failed: number }>

/** Prints `N passed, N failed` alone on the very last line, for those who read the output by machine. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const { passed, failed } = tally(modules, errors.length)
    process.once('exit', () => process.stdout.write(`\n${String(passed)} passed, ${String(failed)} failed\n`))
  }
}

/** Adds up a finished run; `errors` are those that belong to no test. */
export function tally(modules: readonly Pick<TestModule, 'errors' | 'children'>[], errors: number): Tally {
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const suites = modules.flatMap((module) => [...module.children.allSuites()])
  const count = (state: 'passed' | 'failed'): number => tests.filter((test) => test.result().state === state).length
  const stray = [...modules, ...suites].reduce((sum, each) => sum + each.errors().length, errors)
  return { passed: count('passed'), failed: count('failed') + stray }
}
