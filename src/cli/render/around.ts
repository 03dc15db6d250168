import type { PlanContent } from '../../core/plan/plan.ts'
import type { StepName } from '../../core/run/event.ts'
import { AFTER, hookOf, stepsBefore } from '../../core/run/steps.ts'
import { KEEP_MS } from '../../engine/steps/snapshot.ts'
import type { Ms } from '../../kit/instant.ts'
import { plain, span } from './text.ts'

/** What happens to a node beside its change, in order. `undo`: before it is put back. */
export type Around = Readonly<{ before: readonly AroundStep[]; after: readonly AroundStep[]; undo: readonly AroundStep[] }>

/** A step by its name on record, and in words. */
export type AroundStep = Readonly<{ step: StepName; what: string }>

/** The steps of a plan around each node's change and around its rollback. */
export function aroundOf(content: PlanContent): Around {
  const work: During = content.work === 'rollback' ? 'rollback' : 'apply'
  const named = (steps: readonly StepName[], during = work): AroundStep[] =>
    steps.map((step) => ({ step, what: wordsFor(content, step, during) }))
  const before = content.work === 'scan' ? [] : stepsBefore(content, work)
  const undo = content.work === 'apply' && content.rollback.on !== 'never' && content.rollback.method !== 'none'
  return {
    before: named(before),
    after: named(AFTER.filter((step) => follows(content, step, before))),
    undo: undo ? named(stepsBefore(content, 'rollback'), 'rollback') : [],
  }
}

function follows({ runbook, work }: PlanContent, step: (typeof AFTER)[number], before: readonly StepName[]): boolean {
  switch (step) {
    case 'verify':
      return before.includes('record')
    case 'hook-after':
      return work !== 'scan' && runbook.hooks.after !== null
    case 'hook-exit':
      return work !== 'scan' && runbook.hooks.exit !== null
    case 'in-service':
      return before.includes('standby')
    case 'rejoin':
      return before.includes('drain')
    case 'stop':
      return before.includes('start')
  }
}

function wordsFor(content: PlanContent, step: StepName, during: During): string {
  const { drain, backup } = content.runbook
  switch (step) {
    case 'start':
      return 'started, where it is stopped'
    case 'drain':
      return `out of its target groups; connections may drain ${drainWords(drain?.waitMs ?? null)}`
    case 'standby':
      return 'in standby in its Auto Scaling group, where it is in one'
    case 'snapshot':
      return `snapshots of all its volumes, kept for ${span(backup?.keepMs ?? KEEP_MS)}`
    case 'live-patch':
      return 'live patching is turned on'
    case 'record':
      return 'its packages are put on record, for AWS-RunPatchBaseline keeps none'
    case 'replace-root':
      return 'it boots from the snapshot of its root volume'
    case 'verify':
      return 'its packages are compared with the list'
    case 'in-service':
      return 'in service again in its Auto Scaling group'
    case 'rejoin':
      return 'in its target groups again, and healthy there'
    case 'stop':
      return 'stopped again, where it was stopped'
    case 'hook-before':
    case 'hook-after':
    case 'hook-exit':
      return hookWords(content, step, during)
  }
}

const drainWords = (waitMs: Ms | null): string => (waitMs === null ? 'as long as each group says' : `for at most ${span(waitMs)}`)

type During = 'apply' | 'rollback'

const ON_FAILURE = { 'skip-node': 'the node is skipped', 'fail-node': 'the node has failed', 'stop-wave': 'the wave stops' } as const

function hookWords(content: PlanContent, step: StepName, during: During): string {
  const hook = hookOf(content, step)
  if (hook === null) return ''
  const { run, timeoutMs, onFailure } = hook
  const name = run.kind === 'script' ? run.script : `document ${run.document}`
  const consequence = step === 'hook-before' && during === 'rollback' ? undoWords(content, onFailure) : ON_FAILURE[onFailure]
  return `${plain(name)}, at most ${span(timeoutMs)}; if it fails ${consequence}`
}

/** Before a rollback nothing is skipped: what cannot be prepared is not restored, and a root volume is replaced all the same. */
function undoWords({ rollback }: PlanContent, onFailure: keyof typeof ON_FAILURE): string {
  if (rollback.method === 'root-volume') return 'the root volume is replaced all the same'
  return onFailure === 'stop-wave' ? 'the node is not rolled back, and the wave stops' : 'the node is not rolled back'
}

/** The steps as lines of a page. */
export function aroundLines(content: PlanContent): string[] {
  const { before, after, undo } = aroundOf(content)
  const lines = (when: string, steps: readonly AroundStep[]): string[] => steps.map(({ what }) => `${when}  ${what}`)
  return [...lines('before  ', before), ...lines('after   ', after), ...lines('rollback', undo)]
}
