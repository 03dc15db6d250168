import { known } from '../../kit/assert.ts'
import { instant, type Instant } from '../../kit/instant.ts'
import type { Outcome, RunEvent, StepName } from '../../core/run/event.ts'
import type { Step } from '../../core/run/parts.ts'
import { stepOf } from '../../core/run/evolve-steps.ts'
import type { ResultLine } from '../../core/run/verdict.ts'
import type { EffectOf, Found, Performing } from '../effects/perform.ts'
import { drain, rejoin } from './drain.ts'
import { hook } from './hook.ts'
import { livePatch } from './live-patch.ts'
import { start, stop } from './power.ts'
import { record, verify } from './record.ts'
import { replaceRoot } from './root-volume.ts'
import { snapshot } from './snapshot.ts'
import { inService, standby } from './standby.ts'

/** What became of one node in a step. What is left out: no outcome, nothing changed or missing, no end known. */
export type StepResult = Readonly<{
  position: number
  done: boolean
  outcome?: Outcome
  reason: string
  changed?: number
  missing?: number
  ended?: Instant
  /** What a verify read. */
  line?: ResultLine
}>

/** Does one step for its nodes. Begins anew after a crash, with what `step.found` already tells. */
export type StepWork = (performing: Performing, step: Step) => Found

/** Does what a step says; its last batch of facts ends the step for its last node. */
export function performStep(performing: Performing, effect: EffectOf<'step'>): Found {
  const step = stepOf(performing.state, effect.id)
  return known(STEPS.get(step.name), `the work of step ${step.name}`)(performing, step)
}

const STEPS: ReadonlyMap<StepName, StepWork> = new Map<StepName, StepWork>([
  ['start', start],
  ['drain', drain],
  ['standby', standby],
  ['snapshot', snapshot],
  ['hook-before', hook],
  ['live-patch', livePatch],
  ['record', record],
  ['replace-root', replaceRoot],
  ['verify', verify],
  ['hook-after', hook],
  ['hook-exit', hook],
  ['in-service', inService],
  ['rejoin', rejoin],
  ['stop', stop],
])

/** The fact that a step is over for these nodes. */
export function stepEnded(step: Step, results: readonly StepResult[], stop = false): RunEvent {
  return {
    type: 'StepEnded',
    id: step.id,
    nodes: results.map((one) => one.position),
    done: results.map((one) => one.done),
    outcomes: results.map((one) => one.outcome ?? 'open'),
    reasons: results.map((one) => one.reason),
    changed: results.map((one) => one.changed ?? 0),
    missing: results.map((one) => one.missing ?? 0),
    ended: results.map((one) => one.ended ?? instant(0)),
    stop,
    ...(results.some(({ line }) => line) && readOf(results.map(({ line }) => line))),
  }
}

function readOf(
  lines: readonly (ResultLine | undefined)[],
): Required<Pick<Extract<RunEvent, { type: 'StepEnded' }>, 'before' | 'after' | 'reboot' | 'hosts'>> {
  return {
    before: lines.map((line) => line?.before ?? ''),
    after: lines.map((line) => line?.after ?? ''),
    reboot: lines.map((line) => line?.reboot ?? false),
    hosts: {
      kernel: lines.map((line) => line?.kernel ?? ''),
      live: lines.map((line) => line?.live ?? 0),
      covered: lines.map((line) => line?.covered ?? instant(0)),
      newer: lines.map((line) => line?.newer ?? ''),
      booted: lines.map((line) => line?.booted ?? instant(0)),
    },
  }
}
