import { execFile } from 'node:child_process'
import { expect, it } from 'vitest'
import { CHECKS } from '../../scripts/checks.ts'

/** The output of a check that fails, or nothing. */
function complaint([file, ...args]: readonly [string, ...string[]]): Promise<string> {
  return new Promise((resolve) => {
    execFile(file, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve(error ? `${error.message}\n${stdout}${stderr}` : '')
    })
  })
}

// The borders are tests of their own, in this folder.
const commands = CHECKS.filter(({ name }) => name !== 'borders')

it.each(commands)('$name: $holds', async ({ command, mend }) => {
  expect(await complaint(command), mend).toBe('')
})

it('takes a command that fails, or does not exist, for a complaint', async () => {
  expect(await complaint(['tsc', '--noSuchFlag'])).toContain('noSuchFlag')
  expect(await complaint(['no-such-tool'])).toContain('ENOENT')
})
