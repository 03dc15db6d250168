import { budget } from './budget.ts'
import { disruption } from './disruption.ts'
import { ends } from './ends.ts'
import type { Check, Evidence, Invariant, Violation } from './evidence.ts'
import { journal } from './journal.ts'
import { noCut } from './no-cut.ts'
import { nobodyLost } from './nobody-lost.ts'
import { once } from './once.ts'
import { oneHand } from './one-hand.ts'
import { order } from './order.ts'
import { putBack } from './put-back.ts'
import { testedOnly } from './tested-only.ts'
import { told } from './told.ts'
import { undo } from './undo.ts'
import { window } from './window.ts'

/** The invariants of docs/ARCHITECTURE.md, each with its checker. */
export const CHECKERS: Readonly<Record<Invariant, Check>> = {
  I1: oneHand,
  I2: disruption,
  I3: window,
  I4: order,
  I5: nobodyLost,
  I6: undo,
  I7: testedOnly,
  I8: once,
  I9: journal,
  I10: told,
  I11: budget,
  I12: putBack,
  I13: ends,
  I14: noCut,
}

/** Runs every checker over what a run left behind; an empty list is a good night. */
export const checkAll = (evidence: Evidence, but: readonly Invariant[] = []): Violation[] =>
  Object.entries(CHECKERS).flatMap(([invariant, check]) => (but.includes(invariant as Invariant) ? [] : check(evidence)))
