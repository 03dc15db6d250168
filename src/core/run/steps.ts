import { known } from '../../kit/assert.ts'
import { HOUR, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { PlanContent } from '../plan/plan.ts'
import type { HookRule } from '../runbook/runbook.ts'
import type { StepName, Work } from './event.ts'
import type { Batch } from './parts.ts'
import { at, codeOf, planned, type RunState } from './state.ts'

/** Bits of `Nodes.taken`: what must be brought back. */
export const TAKEN = { start: 1, drain: 2, standby: 4, exit: 8 } as const

/** What follows a change, in order; each undoes what the steps before it did last. */
export const AFTER = ['verify', 'hook-after', 'hook-exit', 'in-service', 'rejoin', 'stop'] as const

/** The bit that a step before a change sets, or that one after it clears. */
export function bitOf(name: StepName): number {
  switch (name) {
    case 'start':
    case 'stop':
      return TAKEN.start
    case 'drain':
    case 'rejoin':
      return TAKEN.drain
    case 'standby':
    case 'in-service':
      return TAKEN.standby
    case 'hook-exit':
      return TAKEN.exit
    default:
      return 0
  }
}

/** The steps before a change of these nodes, in order. A rollback by root volume is a step itself, and no command follows it. */
export function stepsBefore({ runbook, rollback }: PlanContent, work: Work): readonly StepName[] {
  if (work === 'scan') return []
  const { power, drain, backup, hooks, patches, apply } = runbook
  const forward = work === 'apply'
  const volumes = rollback.method === 'root-volume'
  const steps: readonly (readonly [StepName, boolean])[] = [
    ['start', power.stopped === 'start-and-restore'],
    ['drain', drain?.targetGroups === 'auto'],
    ['standby', drain?.autoScaling === 'standby'],
    ['snapshot', forward && (backup !== null || (volumes && rollback.on !== 'never'))],
    ['hook-before', hooks.before !== null],
    ['live-patch', forward && patches?.kernel === 'live-patch'],
    ['record', forward && apply.with === 'patch-manager'],
    ['replace-root', !forward && volumes],
  ]
  return steps.filter(([, wanted]) => wanted).map(([name]) => name)
}

/** The next step before the change of a round; null: nothing stands before it any more. */
export function stepBefore(state: RunState, batch: Batch): StepName | null {
  const steps = stepsBefore(state.plan, batch.work)
  for (const name of steps.slice(batch.step)) if (name !== 'live-patch' || mayLivePatch(state, batch)) return name
  return null
}

/** Only Amazon Linux has live patches that a package brings. */
const mayLivePatch = (state: RunState, batch: Batch): boolean =>
  planned(state, known(batch.nodes[0], 'a node of the round')).platform.startsWith('amazon-linux')

/** The position in `AFTER` of the next step that brings this node back, from a position on, should it have this outcome; null: it is back. */
export function stepAfter(state: RunState, position: number, from = 0, outcome = at(state.nodes.outcome, position)): number | null {
  for (let index = from; index < AFTER.length; index++) if (isDue(state, position, known(AFTER[index], 'the step'), outcome)) return index
  return null
}

/** The same behind the step that the node is at. A change that was reported late, while the node came back already, is still proved, and looked at by its hook. */
export function stepOnward(state: RunState, position: number, outcome = at(state.nodes.outcome, position)): number | null {
  const before = at(state.nodes.after, position)
  const isMissed = (name: 'verify' | 'hook-after'): boolean => before > AFTER.indexOf(name) && isDue(state, position, name, outcome)
  if (isMissed('verify')) return AFTER.indexOf('verify')
  if (at(state.nodes.changed, position) === CHANGED.reportedLate && isMissed('hook-after')) return AFTER.indexOf('hook-after')
  return stepAfter(state, position, before + 1, outcome)
}

function isDue(state: RunState, position: number, name: (typeof AFTER)[number], outcome: number): boolean {
  const changed = at(state.nodes.changed, position)
  switch (name) {
    case 'verify':
      return (
        (changed === CHANGED.reported || changed === CHANGED.reportedLate) &&
        outcome === 0 &&
        state.plan.runbook.apply.with === 'patch-manager'
      )
    case 'hook-after':
      return changed !== CHANGED.no && state.plan.runbook.hooks.after !== null && GOOD.has(outcome)
    default:
      return (at(state.nodes.taken, position) & bitOf(name)) !== 0
  }
}

/** Codes of `Nodes.changed`. Reported late: while the node came back already, and the hook after its change has not looked at it since. */
export const CHANGED = { no: 0, reported: 1, rootReplaced: 2, reportedLate: 3 } as const

const GOOD: ReadonlySet<number> = new Set([codeOf('patched'), codeOf('not-needed'), codeOf('rolled-back')])

/** Whether a step sends a command, and so needs a token of its own. */
export const needsToken = (name: StepName): boolean => TOKENS.has(name)
const TOKENS: ReadonlySet<StepName> = new Set(['hook-before', 'live-patch', 'record', 'verify', 'hook-after', 'hook-exit'])

/** The hook that a step runs. */
export function hookOf({ runbook }: PlanContent, name: StepName): HookRule | null {
  const { before, after, exit } = runbook.hooks
  return name === 'hook-before' ? before : name === 'hook-after' ? after : name === 'hook-exit' ? exit : null
}

/** A command is picked up within ten minutes or not at all, and read back within five more. */
const COMMAND_SLACK_MS: Ms = 15 * MINUTE

/**
 * How long a step may take. ELBv2 drains for at most an hour, an instance starts or stops within minutes, a root volume is replaced within
 * an hour or so; what makes a node serve again is tried for half an hour before a person is told.
 */
export function stepUntil(plan: PlanContent, name: StepName, now: Instant): Instant {
  const hook = hookOf(plan, name)
  if (hook !== null) return plus(now, hook.timeoutMs + COMMAND_SLACK_MS)
  return plus(now, name === 'drain' ? (plan.runbook.drain?.waitMs ?? HOUR) + 5 * MINUTE : known(LIMITS.get(name), `the limit of ${name}`))
}

const LIMITS: ReadonlyMap<StepName, Ms> = new Map<StepName, Ms>([
  ['start', 15 * MINUTE],
  ['standby', 15 * MINUTE],
  ['snapshot', 15 * MINUTE],
  ['live-patch', 30 * MINUTE],
  ['record', COMMAND_SLACK_MS],
  ['replace-root', 90 * MINUTE],
  ['verify', 30 * MINUTE],
  ['in-service', 30 * MINUTE],
  ['rejoin', 30 * MINUTE],
  ['stop', 15 * MINUTE],
])
