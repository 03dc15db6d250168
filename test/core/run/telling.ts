import { plainOpening } from '../../../src/core/run/opening.ts'
import type { PlanContent } from '../../../src/core/plan/plan.ts'
import type { Actor, Fact, Outcome, RunEvent } from '../../../src/core/run/event.ts'
import { evolve, fold } from '../../../src/core/run/evolve.ts'
import { next } from '../../../src/core/run/next.ts'
import { commandOf, initial, type RunState } from '../../../src/core/run/state.ts'
import { HOUR, instant, latest, MINUTE, plus, type Instant, type Ms } from '../../../src/kit/instant.ts'
import { semantics } from './semantics.ts'
import { plan as planOf, type PlanSpec } from './plan.ts'

export const RUN = '01900000-0000-7000-8000-000000000001'
/** A Sunday, 03:00 UTC. */
export const OPENS = instant(Date.UTC(2026, 2, 1, 3))
export const CUTOFF = plus(OPENS, 5 * HOUR)
export const CLOSES = plus(OPENS, 6 * HOUR)
export const ENGINE: Actor = { kind: 'engine', id: 'driver-1' }

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** A run told fact by fact: what the world says goes in, what the core decides comes out. */
export class Telling {
  readonly plan: PlanContent
  readonly state: RunState
  readonly facts: Fact[] = []
  now: Instant = OPENS
  wakeAt: Instant | null = null
  /** What is recorded instead of a decision: a claim that another run refuses turns an intent into `NodesBusy`. */
  instead: (event: RunEvent) => RunEvent = (event) => event

  constructor(spec: PlanSpec | PlanContent) {
    this.plan = 'runbook' in spec ? spec : planOf(spec)
    this.state = initial(RUN, this.plan)
  }

  /** Folds these facts at the present instant and all that follows from them; returns what followed. */
  tell(...told: readonly RunEvent[]): RunEvent[] {
    for (const event of told) this.#fold(event)
    const followed: RunEvent[] = []
    for (;;) {
      const turn = next(this.state, this.now)
      this.wakeAt = turn.wakeAt
      if (turn.events.length === 0) return followed
      if (followed.length > 10_000) throw new Error('the core never comes to rest')
      const recorded = turn.events.map(this.instead)
      for (const event of recorded) this.#fold(event)
      followed.push(...recorded)
    }
  }

  /** Lets time pass; returns what followed. */
  wait(ms: Ms): RunEvent[] {
    return this.until(plus(this.now, ms))
  }

  until(at: Instant): RunEvent[] {
    this.now = latest(this.now, at)
    return this.tell()
  }

  /** Moves to each instant that the core asked to be woken at, `times` times. */
  wake(times = 1): RunEvent[] {
    const followed: RunEvent[] = []
    for (let count = 0; count < times && this.wakeAt !== null; count++) followed.push(...this.until(this.wakeAt))
    return followed
  }

  /** From the request to the open window, with nobody down and all cells prepared but the `late` ones. */
  open(more: Partial<Of<'FleetRead'>> = {}, late: readonly string[] = []): RunEvent[] {
    this.tell(REQUESTED, pinned(this.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 })
    this.tell(plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: CLOSES }, '2026a'))
    this.tell(NO_FREEZE)
    this.tell(
      ...this.state.cells.filter((cell) => !late.includes(cell)).map((cell): RunEvent => ({ type: 'CellPrepared', cell, documents: {} })),
    )
    return this.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null, ...more })
  }

  /** Answers every re-read with "as planned" until no batch waits for one; returns all that followed. */
  read(): RunEvent[] {
    const followed: RunEvent[] = []
    for (;;) {
      const batch = [...this.state.batches.values()].find((one) => one.readAt === null)
      if (batch === undefined) return followed
      followed.push(...this.tell({ type: 'BatchRead', batch: batch.batch, skipped: [], reasons: [], down: [] }))
    }
  }

  /** The number of the newest command. */
  get n(): number {
    return [...this.state.commands.keys()].at(-1) ?? 0
  }

  /** SSM takes the command. */
  sent(n: number): RunEvent[] {
    return this.tell(sent(n, this.now))
  }

  /** All nodes of a command end like this; then it closes. */
  ends(n: number, outcome: string): RunEvent[] {
    const nodes = commandOf(this.state, n).nodes
    return [
      ...this.tell(report(n, Object.fromEntries(nodes.map((node) => [node, outcome])), this.now)),
      ...this.tell({ type: 'CommandClosed', n }),
    ]
  }

  /** Reads, sends and ends whatever follows, every node with `outcome`, until no command is open and no batch waits. Measures are answered with `check`. */
  play(outcome: string, check: Of<'CheckMeasured'>['verdict'] = 'pass'): RunEvent[] {
    const followed: RunEvent[] = []
    for (let turns = 0; turns < 1_000; turns++) {
      const before = this.facts.length
      followed.push(...this.read())
      for (const n of [...this.state.openCommands]) followed.push(...this.sent(n), ...this.ends(n, outcome))
      for (const effect of [...this.state.activities.values()])
        if (effect.kind === 'measure') followed.push(...this.tell(measured(effect, check)))
      if (this.facts.length === before && this.wakeAt !== null && this.state.phase.name !== 'finished') followed.push(...this.wake())
      if (this.facts.length === before) return followed
    }
    throw new Error('the run never comes to rest')
  }

  /** The outcome and reason of a node. */
  node(position: number): string {
    const outcome = OUTCOME_WORDS[this.state.nodes.outcome[position] ?? 0] ?? ''
    const reason = this.state.nodes.reason[position] ?? ''
    return reason === '' ? outcome : `${outcome}: ${reason}`
  }

  /** The state as a successor would read it from the journal. */
  refolded(): unknown {
    return semantics(fold(initial(RUN, this.plan), this.facts))
  }

  get lived(): unknown {
    return semantics(this.state)
  }

  #fold(event: RunEvent): void {
    const fact: Fact = { at: latest(this.now, this.state.at), actor: ENGINE, event }
    this.facts.push(fact)
    evolve(this.state, fact)
  }
}

const OUTCOME_WORDS: readonly string[] = ['open', 'patched', 'not-needed', 'failed', 'unknown', 'skipped', 'rolled-back', 'rollback-failed']

/** The calendars say nothing. */
export const NO_FREEZE: RunEvent = { type: 'FreezesRead', from: [], to: [], why: [], source: [], again: null }

export const REQUESTED: RunEvent = {
  type: 'RunRequested',
  runbook: 'night',
  act: 'rollout',
  reason: 'monthly',
  inputs: {},
  flags: [1],
  now: false,
  trial: null,
  undoes: null,
  opening: null,
  breakFreeze: false,
}

export const pinned = (plan: PlanContent): RunEvent => ({
  type: 'PlanPinned',
  plan: '0'.repeat(64),
  nodes: plan.nodes.length,
  waves: plan.waves.map((wave) => wave.name),
})

export const sent = (n: number, at: Instant, copy = 1, adopted = false): RunEvent => ({
  type: 'CommandSent',
  n,
  commandId: `00000000-0000-4000-8000-${String(n * 10 + copy).padStart(12, '0')}`,
  requestedAt: at,
  expiresAfter: plus(at, 70 * MINUTE),
  adopted,
})

/** A report of some nodes: position → `patched` or `failed: reason`; `silent:` before it when the node did not speak for itself. */
export function report(n: number, rows: Readonly<Record<number, string>>, ended: Instant): Of<'NodesReported'> {
  const nodes = Object.keys(rows).map(Number)
  const words = nodes.map((node) => rows[node] ?? '')
  const plain = words.map((word) => word.replace(/^silent /, ''))
  return {
    type: 'NodesReported',
    n,
    nodes,
    outcomes: plain.map((word) => (word.split(': ')[0] ?? '') as Outcome),
    reasons: plain.map((word) => word.split(': ')[1] ?? 'reason'),
    changed: nodes.map(() => 1),
    missing: nodes.map(() => 0),
    before: nodes.map(() => ''),
    after: nodes.map(() => ''),
    reboot: nodes.map(() => false),
    ended: words.map((word) => (word.startsWith('silent ') ? instant(0) : ended)),
  }
}

type Asked = Readonly<{ purpose: Of<'CheckMeasured'>['purpose']; wave: number; round: number; check: string }>

export const measured = ({ purpose, wave, round, check }: Asked, verdict: Of<'CheckMeasured'>['verdict']): RunEvent => ({
  type: 'CheckMeasured',
  purpose,
  wave,
  round,
  check,
  verdict,
  evidence: '1 of 1',
  subjects: 1,
  failing: [],
})

/** The events in short, as the tables write them: `BatchChosen 0,1`, `CommandIntended 0`, `GateDecided pass`. */
export function brief(event: RunEvent): string {
  switch (event.type) {
    case 'BatchChosen':
    case 'CommandIntended':
      return `${event.type} ${event.nodes.join(',')}`
    case 'NodesSkipped':
      return `${event.type} ${event.nodes.join(',')} ${event.reason}`
    case 'StepIntended':
      return `${event.step} ${event.nodes.join(',')}`
    case 'GateDecided':
      return `${event.type} ${event.verdict}`
    case 'BatchDropped':
      return `${event.type} ${event.reason}`
    case 'RunFinished':
      return `${event.type} ${event.outcome}: ${event.reason}`
    case 'RollbackStarted':
      return `${event.type} ${event.waves.join(',')}${event.outside ? ' outside' : ''}`
    case 'RollbackFinished':
      return `${event.type} ${String(event.restored)}/${String(event.failed)}${event.stopped ? ' stopped' : ''}`
    case 'MeasureAsked':
      return `${event.type} ${event.checks.join(',')}${event.last ? ' last' : ''}`
    case 'ApprovalAsked':
    case 'ApprovalExpired':
      return `${event.type} ${event.subject.kind}`
    case 'CommandRefused':
      return `${event.type} ${event.code}`
    default:
      return event.type
  }
}

export const briefly = (events: readonly RunEvent[]): string[] => events.map(brief)
