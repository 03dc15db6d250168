import { iso } from '../kit/instant.ts'
import type { Actor } from '../core/run/event.ts'
import type { Claim } from '../ports/store.ts'
import { logTo } from './logbook.ts'
import type { World } from './world.ts'

/** The journal of what people did to a store outside of any run. */
export const BY_HAND = 'by-hand'

/**
 * What a person asks for is on record before it is done, and that it was done afterwards: after a crash in between the record says no more than
 * that it was asked.
 */
export type HandFact = Readonly<
  | { type: 'ClaimReleaseAsked'; claim: Claim; reason: string }
  | { type: 'ClaimReleased'; claim: Claim }
  | { type: 'BaselineRevertAsked'; path: string; from: number | null; to: number; digest: string; reason: string }
  | { type: 'BaselineReverted'; path: string; to: number }
>

/** Puts it on record: who, when, what and why. Resolves once it is durable. */
export const logByHand = (world: Pick<World, 'store' | 'clock'>, fact: HandFact, actor: Actor): Promise<void> =>
  logTo(world, { run: BY_HAND, runbook: '', type: fact.type, data: dataOf(fact), actor })

/** A claim is named by its node and its run, and by what it kept until then. */
function dataOf({ type: _, ...fact }: HandFact): Readonly<Record<string, unknown>> {
  if (!('claim' in fact)) return fact
  const { claim, ...more } = fact
  return { ...claim, since: iso(claim.since), notBefore: iso(claim.notBefore), ...more }
}
