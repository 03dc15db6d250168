import { PatchwaveError } from '../../kit/error.ts'
import { bytesLeft, writerOf } from './local.ts'

/** SQLite's primary result codes (sqlite.org/rescode.html) that a person can do something about. */
const CODES = {
  permission: 3,
  busy: 5,
  locked: 6,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  noLargeFiles: 22,
  notADatabase: 26,
} as const

/** Does `work` on the file; what SQLite and the system say is translated into `store.*`, anything else is thrown as it is. */
export function translated<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw failure(path, error)
  }
}

/** Whether the file itself can no longer be relied on: after a failed read, write or sync nobody knows which pages are on the disk. */
export const isLasting = (error: unknown): boolean => {
  const code = resultCode(error instanceof PatchwaveError ? error.more.cause : error)
  return code === CODES.io || code === CODES.corrupt || code === CODES.notADatabase
}

function failure(path: string, error: unknown): unknown {
  if (error instanceof PatchwaveError || !(error instanceof Error)) return error
  const code = resultCode(error)
  const system = systemCode(error)
  if (code === undefined && system === undefined) return error
  if (code === CODES.busy || code === CODES.locked || code === CODES.protocol) return busy(path, error)
  if (code === CODES.full || system === 'ENOSPC' || system === 'EDQUOT' || (code === CODES.io && isFull(path)))
    return new PatchwaveError('store.full', `${path}: no space is left`, {
      hint: 'free some space; what was acknowledged is safe',
      cause: error,
    })
  const hint = hintOf(code, system)
  return hint === undefined ? error : new PatchwaveError('store.unusable', `${path}: ${error.message}`, { hint, cause: error })
}

function busy(path: string, cause: Error): PatchwaveError {
  const writer = writerOf(path)
  const told =
    writer === undefined
      ? { by: '', hint: 'try again in a moment' }
      : { by: `: ${writer}`, hint: `try again in a moment; if it lasts, see what that process does: \`ps -fp ${writer}\`` }
  return new PatchwaveError('store.busy', `${path} is being written by another process${told.by}`, { hint: told.hint, cause })
}

/** Less than SQLite's shared memory grows by at once (32 KiB): it says "disk I/O error" then, as if the disk had failed. */
const isFull = (path: string): boolean => (bytesLeft(path) ?? Infinity) < 32_768

function hintOf(code: number | undefined, system: string | undefined): string | undefined {
  if (code === CODES.readOnly || code === CODES.permission || ['EACCES', 'EPERM', 'EROFS'].includes(system ?? ''))
    return 'make the file and its folder writable, or name another with --store'
  if (code === CODES.notADatabase) return 'this file is no store: name another with --store'
  if (code === CODES.corrupt) return 'the file is damaged: restore it from a copy, then see `patchwave audit verify`'
  if (code === CODES.io) return 'the disk failed: see the system log, then open the store again'
  if (code === CODES.cannotOpen || code === CODES.noLargeFiles || system !== undefined)
    return 'check that the folder exists, is writable, and is on a local disk'
  return undefined
}

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}

/** `EACCES` and the like; Node's own `ERR_…` codes are mistakes of ours. */
function systemCode(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' && !error.code.startsWith('ERR_') ? error.code : undefined
}
