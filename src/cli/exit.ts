import { Bug } from '../kit/assert.ts'
import { InvalidDocument, PatchwaveError, type Diagnostic } from '../kit/error.ts'
import type { Io } from './app.ts'

/** What the process ends with. The contract of every command; errors bring their own from the table in kit/error.ts. */
export const EXIT = { done: 0, otherwise: 1, input: 2, held: 4, notEnded: 5, bug: 70 } as const

/** A mistake on the command line. */
export const usage = (message: string, hint: string): PatchwaveError => new PatchwaveError('usage.invalid', message, { hint })

/** `file:line:col: error CODE: message`, and what to do about it. */
export const diagnosticText = (one: Diagnostic): string =>
  `${one.file}:${String(one.line)}:${String(one.column)}: error ${one.code}: ${one.message}\n  hint: ${one.hint}`

/** Tells a failure to people (stderr) and, where a command promised one JSON document, to machines (stdout). Returns the exit code. */
export function report(error: unknown, io: Io, document: boolean): number {
  const known = error instanceof PatchwaveError ? error : undefined
  for (const line of known ? mistakeLines(known) : bugLines(error)) io.err(line)
  if (document) io.out(JSON.stringify(errorShape(error)))
  return known?.exit ?? EXIT.bug
}

/** `{"error":{"code","message","hint"}}`; a document's mistakes come with it. */
export function errorShape(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof InvalidDocument)
    return { error: { code: error.code, message: error.message, hint: error.more.hint, diagnostics: error.diagnostics } }
  if (error instanceof PatchwaveError) return { error: { code: error.code, message: error.message, hint: error.more.hint } }
  return { error: { code: 'bug', message: messageOf(error), hint: REPORT } }
}

const mistakeLines = (error: PatchwaveError): string[] =>
  error instanceof InvalidDocument ? error.diagnostics.map(diagnosticText) : [error.toString()]

const REPORT = 'please report it to the maintainers (docs, "Reporting a bug") with the command, the version and the lines below'

function bugLines(error: unknown): string[] {
  const stack = error instanceof Error ? error.stack : undefined
  return [`a bug in patchwave: ${messageOf(error)}`, `  ${REPORT}; journals are left as they were`, ...(stack === undefined ? [] : [stack])]
}

const messageOf = (error: unknown): string => (error instanceof Bug || error instanceof Error ? error.message : String(error))
