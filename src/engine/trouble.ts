import { PatchwaveError } from '../kit/error.ts'

/**
 * What people read of a failure. A bug of ours, which is no `PatchwaveError`, says so: it stops what met it, and whoever serves many things goes
 * on with the others.
 */
export function troubleOf(error: unknown): string {
  if (error instanceof PatchwaveError) return `${error.code}: ${error.message}`
  return `a bug in patchwave: ${error instanceof Error ? error.message : String(error)}`
}

/** The same for the log: a bug with where it stands. */
export const traceOf = (error: unknown): string =>
  error instanceof PatchwaveError || !(error instanceof Error) ? troubleOf(error) : `a bug in patchwave: ${error.stack ?? error.message}`
