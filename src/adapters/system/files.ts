import { readFile, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { PatchwaveError } from '../../kit/error.ts'
import type { Files } from '../../ports/calendars.ts'

/** Sixteen megabytes: what people keep beside their runbooks is far smaller, and a log named by mistake is not read to its end. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024

/** Files of this machine. A byte order mark is left out. */
export const systemFiles: Files = {
  async text(path) {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(await bytes(path))
    } catch (cause) {
      throw unreadable(path, cause)
    }
  },
}

/** The same files, and where the working folder has none of that name those of the folder `shipped`. */
export const filesWith = (files: Files, shipped: string): Files => ({
  async text(path) {
    try {
      return await files.text(path)
    } catch (error) {
      const missing = error instanceof PatchwaveError && isMissing(error.more.cause)
      if (!missing || isAbsolute(path)) throw error
      return await files.text(join(shipped, path)).catch(() => {
        throw error
      })
    }
  },
})

/** Asked for its kind before it is opened: opening a pipe would wait for somebody to write. */
async function bytes(path: string): Promise<Uint8Array> {
  const seen = await stat(path)
  if (!seen.isFile()) throw new Error('it is no file')
  if (seen.size > FILE_BYTES_MAX) throw new Error(`it has more than ${String(FILE_BYTES_MAX)} bytes`)
  return readFile(path)
}

const isMissing = (cause: unknown): boolean => cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'

function unreadable(path: string, cause: unknown): PatchwaveError {
  const hint = 'check the path, the folder it is meant from, and its permissions'
  return new PatchwaveError('file.unreadable', `${path} cannot be read: ${reasonOf(cause)}`, { hint, cause })
}

function reasonOf(cause: unknown): string {
  if (cause instanceof TypeError) return 'it is not UTF-8'
  if (isMissing(cause)) return 'there is no such file'
  return cause instanceof Error ? cause.message : String(cause)
}
