import { readEntry } from '../../src/core/audit/open.ts'
import { cloudEventType } from '../../src/core/audit/record.ts'
import { verifyChain } from '../../src/core/audit/verify.ts'
import { fromData, toData } from '../../src/core/run/codec.ts'
import type { EventType } from '../../src/core/run/event.ts'
import { fold } from '../../src/core/run/evolve.ts'
import { initial, type RunState } from '../../src/core/run/state.ts'
import { semantics } from '../core/run/semantics.ts'
import type { Checker, CloudEvent, RunEvidence } from './evidence.ts'

/** I9: the facts fold, to the state that was lived; what is stored says the same, in a chain that verifies. */
export const journal: Checker = function* ({ runs }) {
  for (const run of runs) {
    yield* folds(run)
    if (run.entries === undefined) continue
    for (const { detail, reason } of verifyChain(run.run, run.entries, run.anchors).breaks) yield `${run.run}: ${reason}: ${detail}`
    if (run.entries.length !== run.facts.length)
      yield `${run.run}: ${String(run.entries.length)} entries for ${String(run.facts.length)} facts`
    for (const [index, sealed] of run.entries.entries())
      if (said(run, index) !== stored(sealed)) yield `${run.run}: entry ${String(index + 1)} does not say what its fact says`
  }
}

function* folds(run: RunEvidence): Generator<string> {
  try {
    const folded = fold(initial(run.run, run.plan), run.facts)
    if (run.lived && meaning(folded) !== meaning(run.lived)) yield `${run.run}: the state that was lived is not the fold of its facts`
  } catch (error) {
    yield `${run.run}: the facts do not fold: ${error instanceof Error ? error.message : String(error)}`
  }
  for (const [index, { event }] of run.facts.entries()) {
    const { type, data } = toData(event)
    if (JSON.stringify(fromData(type, data)) !== JSON.stringify(event))
      yield `${run.run}: fact ${String(index + 1)} (${event.type}) is not read back as it was written`
  }
}

const meaning = (state: RunState): string => JSON.stringify(semantics(state))

function said({ facts }: RunEvidence, index: number): string {
  const fact = facts[index]
  if (fact === undefined) return ''
  return sorted({ at: fact.at, actor: fact.actor, ...toData(fact.event) })
}

function stored(sealed: Parameters<typeof readEntry>[0]): string {
  try {
    const { at, actor, type, data } = readEntry(sealed)
    return sorted({ at, actor, type, data })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** JSON with the keys of every object in order. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

/** What each `detail` tells of, by the first word of the event. `node` tells of everything. */
const RUN_WORDS = ['Run', 'Plan', 'Approval', 'Window', 'Freeze', 'Rollback', 'Paused', 'Resumed', 'Abort']
const WORDS = {
  run: RUN_WORDS,
  wave: [...RUN_WORDS, 'Wave', 'Gate', 'Check', 'Isolation', 'Tries', 'Try', 'Culprits', 'Baseline', 'Baselines', 'Cell', 'Fleet'],
  node: null,
} as const

const selects = (detail: keyof typeof WORDS, type: EventType): boolean =>
  WORDS[detail]?.includes(/^[A-Z][a-z]+/.exec(type)?.[0] ?? '') ?? true

/** I10: first deliveries come in order, n without holes, each tells the entry that it stands for; in calm all that is selected was told. */
export const told: Checker = function* ({ runs, feedback, calm }) {
  if (feedback === undefined) return
  const byRun = Map.groupBy(feedback, (message) => message.run)
  for (const run of runs) {
    const messages = byRun.get(run.run) ?? []
    const rule = run.plan.feedback
    if (rule === null && messages.length > 0) yield `${run.run}: ${String(messages.length)} messages that nobody asked for`
    if (rule === null) continue
    const wanted = run.facts.flatMap(({ event }, index) =>
      selects(rule.detail, event.type) ? [{ seq: index + 1, type: cloudEventType(event.type) }] : [],
    )
    let last = 0
    for (const message of messages) {
      if (message.n > last + 1) yield `${run.run}: message ${String(message.n)} came after ${String(last)}`
      last = Math.max(last, message.n)
      yield* stands(run, message, wanted[message.n - 1])
    }
    if (calm && last < wanted.length)
      yield `${run.run}: ${String(last)} messages of ${String(wanted.length)}, the next one is ${wanted[last]?.type ?? ''}`
  }
  for (const run of byRun.keys()) if (!runs.some((one) => one.run === run)) yield `${run}: messages of a run that is not in the store`
}

function* stands(run: RunEvidence, message: CloudEvent, wanted: Readonly<{ seq: number; type: string }> | undefined): Generator<string> {
  const name = `${run.run}: message ${String(message.n)}`
  if (wanted?.seq !== message.seq || wanted.type !== message.type)
    yield `${name} tells ${message.type} of entry ${String(message.seq)}, not ${wanted ? `${wanted.type} of entry ${String(wanted.seq)}` : 'anything that was selected'}`
  const hash = run.entries?.[message.seq - 1]?.hash
  if (run.entries && hash !== message.head) yield `${name} carries another head than entry ${String(message.seq)}`
}
