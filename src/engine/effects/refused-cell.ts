import { PatchwaveError } from '../../kit/error.ts'
import { cellOf } from '../../kit/ids.ts'
import { MINUTE, type Ms } from '../../kit/instant.ts'
import type { RunEvent } from '../../core/run/event.ts'
import type { Command } from '../../core/run/parts.ts'
import type { RunState } from '../../core/run/state.ts'

/** Whether it is the cell that AWS refuses: its role cannot be entered, or may not do this there. */
export function refusesCell(error: PatchwaveError, cell: string): boolean {
  const { cell: where, call, account } = error.more.detail ?? {}
  if (error.code === 'config.invalid') return account === cellOf(cell).account
  return error.code === 'aws.denied' && (where === cell || String(call ?? '').startsWith('sts.'))
}

/** The fact that a cell in use is refused from now on; none when it is on record. */
export const cellRefused = ({ prepared }: RunState, cell: string, { code, message }: PatchwaveError): RunEvent[] =>
  prepared.get(cell) === true ? [{ type: 'CellRefused', cell, code, message }] : []

/** How often a cell that refuses is asked what became of a command there. */
export const REFUSED_MS: Ms = MINUTE

/** The refusal of the command's cell. Any other failure is thrown on. */
export function refusalOf(error: unknown, { cell }: Command): PatchwaveError {
  if (error instanceof PatchwaveError && refusesCell(error, cell)) return error
  throw error
}
