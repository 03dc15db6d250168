import { budgetKept } from './budget.ts'
import { claimsHeld } from './claims.ts'
import { disruption } from './disruption.ts'
import type { Checker, Evidence } from './evidence.ts'
import { freezes } from './freezes.ts'
import { noCut, once, oneHand } from './hands.ts'
import { order, window } from './order.ts'
import { budget, itEnds, nobodyLost, putBack } from './outcomes.ts'
import { journal, told } from './record.ts'
import { toldTruly } from './truth.ts'
import { testedOnly, undo } from './versions.ts'

/** The invariants of docs/architecture.md, each with its checker. */
export const CHECKERS: Readonly<Record<string, Checker>> = {
  'I1 one hand': oneHand,
  'I1 claims held': claimsHeld,
  'I2 disruption': disruption,
  'I3 window': window,
  'I3 freezes': freezes,
  'I4 order': order,
  'I5 nobody lost': nobodyLost,
  'I5 told truly': toldTruly,
  'I6 undo': undo,
  'I7 tested only': testedOnly,
  'I8 once': once,
  'I9 journal': journal,
  'I10 told': told,
  'I11 budget': budget,
  'I11 budget kept': budgetKept,
  'I12 put back': putBack,
  'I13 it ends': itEnds,
  'I14 no cut': noCut,
}

/** What does not hold, each line led by its invariant; empty when all holds. Evidence that cannot even be told again is a fault too. */
export function checkAll(evidence: Evidence): string[] {
  return Object.entries(CHECKERS).flatMap(([name, check]) => faultsOf(check, evidence).map((fault) => `${name}: ${fault}`))
}

function faultsOf(check: Checker, evidence: Evidence): string[] {
  try {
    return [...check(evidence)]
  } catch (error) {
    return [`the evidence does not fit itself: ${error instanceof Error ? error.message : String(error)}`]
  }
}
