import type { Fact, RunEvent } from '../../src/core/run/event.ts'
import { earliest, iso, type Instant } from '../../src/kit/instant.ts'
import { each, nodeAt, SKEW_MS, wavesOf, type Checker, type Evidence, type RunEvidence } from './evidence.ts'
import { follow, type Following } from './follow.ts'
import { Frost } from './freezes.ts'
import { Beginnings, type Beginning } from './steps.ts'

type Window = Readonly<{ opens: Instant; cutoff: Instant; closes: Instant; lastStart: Instant }>
type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** I3: changes begin inside an open window, before its cutoff and in no freeze that was not broken on record; rollbacks are on record; no node begins after `startBefore`. */
export const window: Checker = function* ({ runs, ledger = [] }) {
  const starts = new Map<string, Instant>()
  for (const run of runs) {
    for (const { n, startBefore } of each(run, 'CommandIntended')) starts.set(`${run.run}.${String(n)}`, startBefore)
    yield* inWindow(run, starts)
  }
  const foreign = new Set<string>()
  const hooks = new Set<string>()
  for (const { node, token, document, transaction, verdict, startedAt, endedAt, commandId } of ledger) {
    const limit = starts.get(token)
    // Documents of others have no marker: what the agent begins anew by itself knows of no limit.
    if (!document.startsWith('Patchwave-') && foreign.size === foreign.add(`${node} ${commandId}`).size) continue
    // The script looks at `startBefore` when it begins; the transaction follows when packages are resolved. A hook has none.
    const repeat = repeats(hooks, { node, token, startedAt, endedAt })
    const began = transaction !== null || (HOOK_WORDS.has(verdict ?? '') && !repeat)
    if (began && limit !== undefined && Date.parse(startedAt) >= limit)
      yield `${node}: ${token} began at ${startedAt}, to be started before ${iso(limit)}`
  }
}

type Execution = Readonly<{ node: string; token: string; startedAt: string; endedAt: string | null }>

/**
 * A script that is done under this token says so again, whenever it is asked: from its marker, in no time. It may have come to its end in a session of
 * its own after its agent had gone.
 */
function repeats(begun: Set<string>, { node, token, startedAt, endedAt }: Execution): boolean {
  const key = `${node} ${token}`
  const again = begun.has(key) && endedAt === startedAt
  begun.add(key)
  return again
}

/** What a hook says that ran. */
const HOOK_WORDS: ReadonlySet<string> = new Set(['passed'])

/**
 * Scripts of steps before a change begin within what the change must begin in: `starts` gets the limit of each token. What brings nodes back is
 * done however late its driver comes.
 */
function* inWindow(run: RunEvidence, starts: Map<string, Instant>): Generator<string> {
  let opened: Window | null = null
  let chosen: Of<'WindowChosen'> | null = null
  let chosenSince = false
  const frost = new Frost()
  let allowed = false
  let rollingBack = run.plan.work === 'rollback'
  const beginnings = new Beginnings(run)
  for (const fact of run.facts) {
    const { at, event } = fact
    frost.hear(event)
    if (event.type === 'WindowChosen') [chosen, chosenSince] = [event, true]
    if (event.type === 'WindowOpened') {
      opened = { ...event, lastStart: chosen?.lastStart ?? event.cutoff }
      chosenSince = false
      yield* openedInTime(run, event, chosen, at)
    }
    if (event.type === 'WindowNarrowed' && opened !== null) opened = { ...opened, ...event }
    if (event.type === 'WindowEnded') opened = null
    if (event.type === 'ApprovalGiven' && event.subject.kind === 'rollback') allowed = true
    if (event.type === 'RollbackStarted') {
      rollingBack = true
      const late = opened !== null && at >= opened.closes && !chosenSince
      if (late && !event.outside) yield `${run.run}: the rollback at ${iso(at)} is outside the window, and not on record as such`
      if (event.outside && run.plan.rollback.outside === 'ask' && !allowed)
        yield `${run.run}: the rollback outside the window was not allowed by anyone`
    }
    const beginning = beginnings.of(fact)
    if (beginning === undefined) continue
    const startBefore = event.type === 'CommandIntended' ? event.startBefore : at
    if (event.type === 'StepIntended' && event.n > 0)
      starts.set(
        `${run.run}.${String(event.n)}`,
        beginning.work === 'apply' && opened ? earliest(event.until, opened.lastStart, frost.next(at)) : event.until,
      )
    yield* intentInWindow(beginning, startBefore, opened, rollingBack)
    if (beginning.work === 'apply') yield* frost.against(beginning, startBefore)
  }
}

function* openedInTime(run: RunEvidence, event: Of<'WindowOpened'>, chosen: Of<'WindowChosen'> | null, at: Instant): Generator<string> {
  if (at < event.opens) yield `${run.run}: the window opened at ${iso(at)}, before ${iso(event.opens)}`
  if (chosen === null) return
  if (at < chosen.startAt) yield `${run.run}: begun at ${iso(at)}, before its jitter ended at ${iso(chosen.startAt)}`
  if (at > chosen.openBy) yield `${run.run}: begun at ${iso(at)}, later than ${iso(chosen.openBy)}`
}

/** Steps before a change belong to it: they begin where it may. */
function* intentInWindow(beginning: Beginning, startBefore: Instant, opened: Window | null, rollingBack: boolean): Generator<string> {
  const { name, at, work } = beginning
  if (work === 'rollback' && !rollingBack) yield `${name}: a rollback that is not on record as one`
  if (work !== 'apply') return
  if (opened === null) yield `${name}: intended at ${iso(at)} while no window was open`
  else if (at < opened.opens || at >= opened.cutoff || at >= opened.lastStart)
    yield `${name}: intended at ${iso(at)}, outside ${iso(opened.opens)} to ${iso(opened.lastStart)}`
  else if (startBefore > opened.cutoff || startBefore > opened.lastStart)
    yield `${name}: may start until ${iso(startBefore)}, past ${iso(opened.lastStart)}`
}

/** I4: waves in order and behind their gates, nothing before its approval, no rollout on baselines that were not approved. */
export const order: Checker = function* ({ runs, words }) {
  for (const run of runs) {
    yield* waveOrder(run)
    yield* wholeAtGates(run)
    yield* approvalOrder(run, words)
  }
  yield* baselineOrder(runs)
}

function* waveOrder(run: RunEvidence): Generator<string> {
  const waves = wavesOf(run.plan)
  const started = new Set<number>()
  const drained = new Set<number>()
  const passed = new Set<number>()
  const beginnings = new Beginnings(run)
  for (const fact of run.facts) {
    const { event } = fact
    if (event.type === 'WaveStarted') {
      for (let before = 0; before < event.wave; before++)
        if (!passed.has(before))
          yield `${run.run}: wave ${event.name} started before the gate of wave ${run.plan.waves[before]?.name ?? ''} passed`
      started.add(event.wave)
    }
    if (event.type === 'WaveDrained') drained.add(event.wave)
    // What is tried after a failed trial is on record round by round.
    if (event.type === 'TriesChosen') drained.clear()
    if (event.type === 'TriesDrained') for (const wave of run.plan.waves.keys()) drained.add(wave)
    if (event.type === 'GateDecided') {
      if (!drained.has(event.wave)) yield `${run.run}: the gate of wave ${String(event.wave)} was decided before the wave had drained`
      if (event.verdict === 'pass') passed.add(event.wave)
      else passed.delete(event.wave)
    }
    const beginning = beginnings.of(fact)
    if (beginning?.work !== run.plan.work) continue
    const early = beginning.nodes.filter((position) => !started.has(waves.get(position) ?? -1) || drained.has(waves.get(position) ?? -1))
    if (early.length > 0)
      yield `${beginning.name}: ${early.map((position) => nodeAt(run, position)).join(', ')} outside the time of their wave`
  }
}

/**
 * A gate judges what has come to its end: no node up to its wave is on its way back, unless a person has decided. Of later waves one may be at work
 * whose command a lost part of the journal had sent.
 */
function* wholeAtGates(run: RunEvidence): Generator<string> {
  const found: string[] = []
  const waves = wavesOf(run.plan)
  follow(run, (now, { event }) => {
    if (event.type !== 'GateDecided' || event.verdict !== 'pass' || event.why.some((one) => one.startsWith('approved by'))) return
    for (const name of restless(now, (position) => (waves.get(position) ?? -1) <= event.wave))
      found.push(`${run.run}: the gate of wave ${String(event.wave)} passed while ${name} was not back`)
  })
  yield* found
}

const restless = (now: Following, isJudged: (position: number) => boolean): string[] =>
  now.lives
    .filter(({ flying, around, position }) => isJudged(position) && (flying || around.away !== 'no'))
    .map(({ planned }) => planned.node)

/** What must have its approvals before it: the first wave behind the plan's, a passed gate behind its own. */
function* approvalOrder(run: RunEvidence, words: Evidence['words']): Generator<string> {
  const approvals = new Approvals(words?.filter((word) => word.run === run.run))
  for (const fact of run.facts) {
    approvals.tell(fact)
    const { event } = fact
    if (event.type === 'WindowOpened' && run.plan.approval !== null && !approvals.given('plan'))
      yield `${run.run}: the window opened before the plan was approved`
    if (event.type === 'BaselinesApproved' && run.plan.trial?.approval && !approvals.given('baselines'))
      yield `${run.run}: the baselines were approved by nobody`
    if (event.type !== 'GateDecided' || event.verdict !== 'pass') continue
    const { name = '', gate } = run.plan.waves[event.wave] ?? {}
    if (gate?.approval && !approvals.given(`gate ${name}`)) yield `${run.run}: the gate of wave ${name} passed without its approvals`
  }
}

/** Who was asked for what, and who gave it in time: one id counts once, the requester's own not where a group was asked. */
class Approvals {
  readonly #asked = new Map<string, { readonly count: number; readonly group: string; readonly by: Set<string>; readonly until: Instant }>()
  readonly #words: Evidence['words']
  #requester = ''

  constructor(words: Evidence['words']) {
    this.#words = words
  }

  tell({ actor, event }: Fact): void {
    if (event.type === 'RunRequested') this.#requester = actor.id
    if (event.type === 'ApprovalAsked')
      this.#asked.set(subjectOf(event), { count: event.count, group: event.group, by: new Set(), until: event.expires })
    if (event.type === 'ApprovalRefused' || event.type === 'ApprovalExpired') this.#asked.delete(subjectOf(event))
    if (event.type !== 'ApprovalGiven') return
    const asked = this.#asked.get(subjectOf(event))
    const counts = asked && (asked.group === '' || event.by !== this.#requester) && this.#inTime(event.by, asked.until)
    if (counts) asked.by.add(event.by)
  }

  /** What was said in time may be put on record later, when a driver comes. */
  #inTime(by: string, until: Instant): boolean {
    return this.#words?.some((word) => word.what === 'approve' && word.by === by && word.at < until + SKEW_MS) ?? true
  }

  given(subject: string): boolean {
    const asked = this.#asked.get(subject)
    return asked !== undefined && asked.by.size >= asked.count
  }
}

const subjectOf = ({ subject }: Of<'ApprovalAsked' | 'ApprovalGiven' | 'ApprovalRefused' | 'ApprovalExpired'>): string =>
  subject.kind === 'gate' ? `gate ${subject.wave}` : subject.kind

/** A rollout's baselines that a run of this evidence stored were approved before the plan was pinned, as far as hosts' clocks can tell. */
function* baselineOrder(runs: readonly RunEvidence[]): Generator<string> {
  const approved = new Map<string, Instant>()
  for (const run of runs) {
    const at = run.facts.find(({ event }) => event.type === 'BaselinesApproved')?.at
    for (const { path, version } of each(run, 'BaselineStored')) approved.set(`${path}:${String(version)}`, at ?? (Infinity as Instant))
  }
  for (const run of runs) {
    const pinned = run.facts.find(({ event }) => event.type === 'PlanPinned')?.at
    for (const { baseline } of run.plan.lists) {
      const key = baseline && `${baseline.path}:${String(baseline.version)}`
      const since = key === null ? undefined : approved.get(key)
      if (pinned !== undefined && since !== undefined && since > pinned + SKEW_MS)
        yield `${run.run}: pinned ${key ?? ''} before it was approved`
    }
  }
}
