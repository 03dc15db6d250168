import type { PlanSpec } from './plan.ts'
import { Telling } from './telling.ts'

/** A gate that no failure closes. */
export const WIDE = { failuresMax: 99 }

/** A failed gate puts its wave back, however much fails on the way. */
export const ROLLBACK: NonNullable<PlanSpec['rollback']> = {
  on: 'gate-failed',
  scope: 'wave',
  method: 'packages',
  outside: 'allow',
  failures: { kind: 'count', count: 9 },
  failuresMax: 9,
}

/** One wave of two nodes, its first round chosen. */
export function chosen(spec: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: [{ nodes: 2, gate: WIDE }], ...spec })
  told.open()
  return told
}

/** The same, read and promised. */
export function intended(spec: Partial<PlanSpec> = {}): Telling {
  const told = chosen(spec)
  told.read()
  return told
}

/** The same, sent. */
export function flying(spec: Partial<PlanSpec> = {}): Telling {
  const told = intended(spec)
  told.sent(1)
  return told
}
