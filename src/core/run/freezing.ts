import { earliest, plus, type Instant } from '../../kit/instant.ts'
import { freezeAt, type Freeze } from '../plan/freeze.ts'
import { events, nothing, wake, type Decision } from './decision.ts'
import { approvalOf, type RunState } from './state.ts'

/**
 * Holds what would start while a freeze holds, and says when it ends; `undefined` when nothing stands in the way. A run that may break freezes
 * asks for the approval that its runbook wants, puts each broken freeze on record, and goes on.
 */
export function heldByFreeze(state: RunState, now: Instant): Decision | undefined {
  if (awaitsFreezes(state)) return nothing
  const freeze = freezeNow(state, now)
  if (freeze === undefined) return undefined
  if (!state.breakFreeze) return wake(freeze.to)
  const rule = state.plan.runbook.window?.breakFreeze ?? null
  const asked = approvalOf(state, { kind: 'freeze' })
  if (rule !== null && asked === undefined)
    return events({
      type: 'ApprovalAsked',
      subject: { kind: 'freeze' },
      group: rule.group,
      count: rule.count,
      expires: plus(now, rule.expiresMs),
    })
  if (rule !== null && asked?.state !== 'given') return wake(asked?.state === 'asked' ? earliest(asked.expires, freeze.to) : freeze.to)
  return events({ type: 'FreezeBroken', from: freeze.from, to: freeze.to, why: freeze.why, reason: state.reason })
}

/** What is known was read by an earlier driver, before a pause of whatever length: this one reads first. Doubt means no. */
export const awaitsFreezes = ({ frost, epoch, plan }: RunState): boolean =>
  frost !== null && frost.again !== null && frost.epoch !== epoch && plan.work !== 'rollback'

/** The freeze that holds now and has not been broken on record. */
export function freezeNow(state: RunState, now: Instant): Freeze | undefined {
  return freezeAt(unbroken(state), now)
}

/** When the next freeze begins, which ends all starting before it; null: none in sight. */
export function nextFreeze(state: RunState, now: Instant): Instant | null {
  const starts = unbroken(state).flatMap((freeze) => (freeze.from > now ? [freeze.from] : []))
  const [first, ...rest] = starts
  return first === undefined ? null : earliest(first, ...rest)
}

/** None holds a run that undoes another one: what is broken is put back in a freeze too. */
const unbroken = ({ plan, frost, broken }: RunState): readonly Freeze[] =>
  plan.work === 'rollback' ? [] : (frost?.freezes.filter((freeze) => !broken.has(brokenKey(freeze))) ?? [])

/** Names a freeze that was broken. */
export const brokenKey = ({ from, to, why }: Pick<Freeze, 'from' | 'to' | 'why'>): string => `${String(from)}-${String(to)} ${why}`
