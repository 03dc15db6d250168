import { execFile } from 'node:child_process'

/** A program of this machine that set something up did not do it. */
export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed'
}

/** Output of a set-up program that is kept. */
const OUTPUT_BYTES_MAX = 64 * 1_024 * 1_024

/** Runs a program of this machine to its end; its stdout. @throws ProgramFailed, with what it said */
export async function program(name: string, words: readonly string[], cwd = '/'): Promise<string> {
  return (await programBytes(name, words, cwd)).toString('utf8')
}

/** The same, for output that is no text. @throws ProgramFailed */
export function programBytes(name: string, words: readonly string[], cwd = '/'): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    execFile(name, words, { cwd, encoding: 'buffer', maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => {
      if (error) reject(new ProgramFailed(`${name} ${words.join(' ')}: ${stderr.toString('utf8').trim() || error.message}`))
      else resolve(stdout)
    })
  })
}

/** Whether this machine has a program of that name. */
export async function hasProgram(name: string): Promise<boolean> {
  const words = ['-c', 'command -v "$1" >/dev/null', 'sh', name]
  return program('sh', words).then(() => true, () => false) // prettier-ignore
}
