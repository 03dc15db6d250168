import { PatchwaveError } from '../../kit/error.ts'

/** The mistake in a schedule, its zone or its bounds: `position` is 1-based in what was written, `rule` names what it breaks, `hint` shows the right form. */
export function invalid(field: string, position: number, rule: string, message: string, hint: string): PatchwaveError {
  return new PatchwaveError('schedule.invalid', `${field} at ${String(position)}: ${message}`, { hint, detail: { field, position, rule } })
}
