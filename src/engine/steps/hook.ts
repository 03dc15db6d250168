import { known } from '../../kit/assert.ts'
import { SECOND } from '../../kit/instant.ts'
import type { Outcome, StepName } from '../../core/run/event.ts'
import type { Step } from '../../core/run/parts.ts'
import { hookOf } from '../../core/run/steps.ts'
import { planned, type RunState } from '../../core/run/state.ts'
import type { HookRule } from '../../core/runbook/runbook.ts'
import type { Answer } from '../ask.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { runDocument } from './hook-document.ts'
import { sendOwn, type Told } from './sending.ts'

/** Runs a hook on the step's nodes: a script that stands there, or a document of the account. */
export function hook(performing: Performing, step: Step): Found {
  const rule = known(hookOf(performing.state.plan, step.name), `the rule of ${step.name}`)
  const tell = (position: number, why: string | null): Told => resultOf(performing.state, step, rule, position, why)
  return rule.run.kind === 'script' ? runScript(performing, step, rule, rule.run.script, tell) : runDocument(performing, step, rule, tell)
}

function runScript(
  performing: Performing,
  step: Step,
  rule: HookRule,
  script: string,
  tell: (position: number, why: string | null) => Told,
): Found {
  const parameters = {
    Script: script,
    Timeout: String(Math.ceil(rule.timeoutMs / SECOND)),
    Moment: known(MOMENTS.get(step.name), `the moment of ${step.name}`),
  }
  return sendOwn(performing, step, {
    document: 'Patchwave-Hook',
    worksMs: rule.timeoutMs,
    parts: (positions) => Promise.resolve([{ nodes: positions.map((position) => planned(performing.state, position).node), parameters }]),
    judge: (position, answer) => tell(position, answer.line?.verdict === 'passed' ? null : whyOf(answer)),
  })
}

const MOMENTS: ReadonlyMap<StepName, string> = new Map([
  ['hook-before', 'before'],
  ['hook-after', 'after'],
  ['hook-exit', 'exit'],
])

function whyOf({ line, status }: Answer): string {
  if (line !== undefined) return line.reason
  return status === 'refused' || status === 'unsent' ? status : 'unknown'
}

/** What a hook's end means for its node. `why` null: it passed; else the word for what went wrong. */
function resultOf({ batches, plan }: RunState, { name, batch }: Step, { onFailure }: HookRule, position: number, why: string | null): Told {
  if (why === null) return { position, done: true, reason: 'passed' }
  const reason = why.startsWith('hook-') ? why : `hook-${why}`.slice(0, REASON_MAX)
  const stop = onFailure === 'stop-wave'
  if (name !== 'hook-before') return { position, done: false, reason, stop }
  const undoes = batches.get(batch)?.work === 'rollback'
  // The system that would have to run it is about to be replaced, perhaps for that very reason.
  if (undoes && plan.rollback.method === 'root-volume') return { position, done: false, reason }
  const failed: Outcome = undoes ? 'rollback-failed' : 'failed'
  return { position, done: false, outcome: onFailure === 'skip-node' ? 'skipped' : failed, reason, stop }
}

/** Reasons are words of at most 40 characters (documents/PROTOCOL.md). */
const REASON_MAX = 40
