import type { PlannedNode } from '../../src/core/plan/plan.ts'
import type { Fact, Outcome, RunEvent, Work } from '../../src/core/run/event.ts'
import { known } from '../../src/kit/assert.ts'
import { instant, type Instant } from '../../src/kit/instant.ts'
import { nodeAt, type RunEvidence } from './evidence.ts'

/** What one node went through, told again from the facts alone and without the core's own fold. */
export type Life = {
  readonly position: number
  readonly planned: PlannedNode
  outcome: Outcome
  reason: string
  /** The outcome before any rollback. */
  applied: Outcome
  flying: boolean
  touched: boolean
  /** Ever named by a changing intent that was not refused. */
  everTouched: boolean
  attempts: number
  /** The last intent that named it. */
  n: number
  down: boolean
}

/** From an intent to the node's own word, or until nothing of the command can be open any more. */
export type Hand = Readonly<{ run: string; node: string; position: number; n: number; from: Instant; to: Instant }>

/** A time in which a run itself had a node out of service. */
export type Span = Readonly<{ node: string; position: number; from: Instant; to: Instant }>

type Told = {
  readonly n: number
  readonly work: Work
  readonly nodes: readonly number[]
  phase: 'intended' | 'sent' | 'unclear' | 'refused' | 'closed'
  doubtful: boolean
}

const EVER = instant(8_640_000_000_000_000)
const BAD: ReadonlySet<Outcome> = new Set(['failed', 'unknown'])

/** A run told again, fact by fact. Simple and slow where the core is quick: two tellings that agree are worth more than one. */
export class Following {
  readonly evidence: RunEvidence
  readonly lives: readonly Life[]
  readonly hands: Hand[] = []
  readonly spans: Span[] = []
  /** Positions out of service now, by whatever cause. */
  readonly out = new Set<number>()
  /** How often a node outside the plan is down, by group. */
  outside = new Map<number, number>()
  /** The most failed and unknown nodes that each wave ever had, in the order of the plan; nodes that disappeared do not count. */
  readonly worst: number[]
  finished: Extract<RunEvent, { type: 'RunFinished' }> | null = null
  rollingBack = false
  #aborting = false
  readonly #commands = new Map<number, Told>()
  readonly #batches = new Map<number, Extract<RunEvent, { type: 'BatchChosen' }>>()
  readonly #openHands = new Map<string, Omit<Hand, 'to'>>()
  readonly #openSpans = new Map<number, Instant>()

  constructor(evidence: RunEvidence) {
    this.evidence = evidence
    this.lives = evidence.plan.nodes.map((planned, position) => ({
      position, planned, outcome: 'open', reason: '', applied: 'open', flying: false, touched: false, everTouched: false, attempts: 0, n: 0, down: false,
    })) // prettier-ignore
    this.worst = evidence.plan.waves.map(() => 0)
  }

  life(position: number): Life {
    return known(this.lives[position], `node ${String(position)}`)
  }

  /** Tells one more fact. */
  tell({ at, event }: Fact): void {
    const touched = this.#apply(event, at)
    for (const position of touched) this.#recount(position, at)
    if (event.type === 'NodesReported' || event.type === 'NodesGone' || event.type === 'NodesSkipped') this.#remember()
    if (event.type === 'RunFinished') {
      this.finished = event
      for (const position of [...this.#openSpans.keys()]) this.#closeSpan(position, at)
    }
  }

  /** Ends what is still open when there are no more facts. */
  end(): this {
    for (const hand of this.#openHands.values()) this.hands.push({ ...hand, to: EVER })
    this.#openHands.clear()
    for (const position of [...this.#openSpans.keys()]) this.#closeSpan(position, EVER)
    return this
  }

  /** Applies the event and returns the positions whose service may have changed. */
  #apply(event: RunEvent, at: Instant): Iterable<number> {
    switch (event.type) {
      case 'PlanPinned':
        for (const life of this.lives) if (life.planned.skip !== null) this.#ends(life, 'skipped', life.planned.skip)
        return []
      case 'FleetRead':
        return this.#fleetRead(event)
      case 'AbortAsked':
      case 'RollbackAsked':
        this.#aborting = true
        return []
      case 'RollbackStarted':
        this.rollingBack = true
        return []
      case 'DriverTook':
        for (const command of this.#commands.values()) if (command.phase === 'intended') this.#doubt(command)
        return []
      case 'BatchChosen':
        this.#batches.set(event.batch, event)
        return []
      case 'BatchRead':
        return this.#batchRead(event)
      case 'CommandIntended':
        return this.#intended(event, at)
      case 'CommandSent': {
        const command = this.#command(event.n)
        if (command.phase !== 'closed' && command.phase !== 'refused') command.phase = 'sent'
        return []
      }
      case 'CommandUnclear':
        this.#doubt(this.#command(event.n))
        return []
      case 'CommandMissed':
        this.#command(event.n).phase = 'intended'
        return []
      case 'CommandRefused':
        return this.#refused(event, at)
      case 'NodesReported':
        return this.#reported(event, at)
      case 'NodesGone':
        for (const life of event.nodes.map((position) => this.life(position)))
          if (life.outcome !== 'open' && life.touched) this.#ends(life, this.rollingBack ? 'rollback-failed' : 'failed', 'gone')
        return event.nodes
      case 'CommandClosed':
        this.#command(event.n).phase = 'closed'
        for (const position of this.#command(event.n).nodes) this.#letGo(event.n, position, at)
        return []
      case 'NodesSkipped':
        for (const position of event.nodes)
          this.#leaves(this.life(position), event.reason, this.rollingBack || this.evidence.plan.work === 'rollback')
        return event.nodes
      case 'RunFinished':
        for (const life of this.lives) if (life.outcome === 'open') this.#ends(life, 'skipped', 'not-reached')
        return []
      default:
        return []
    }
  }

  #command(n: number): Told {
    return known(this.#commands.get(n), `command ${String(n)}`)
  }

  #doubt(command: Told): void {
    command.phase = 'unclear'
    command.doubtful = true
  }

  #fleetRead(event: Extract<RunEvent, { type: 'FleetRead' }>): number[] {
    const down = new Set(event.down)
    for (const life of this.lives) life.down = down.has(life.position)
    this.outside = new Map()
    for (const group of event.outside) this.outside.set(group, (this.outside.get(group) ?? 0) + 1)
    return this.lives.map(({ position }) => position)
  }

  #batchRead(event: Extract<RunEvent, { type: 'BatchRead' }>): readonly number[] {
    const batch = known(this.#batches.get(event.batch), 'the batch')
    const down = new Set(event.down)
    for (const position of batch.nodes) this.life(position).down = down.has(position)
    event.skipped.forEach((position, index) => {
      this.#leaves(this.life(position), event.reasons[index] ?? '', batch.work === 'rollback')
    })
    return batch.nodes
  }

  #intended(event: Extract<RunEvent, { type: 'CommandIntended' }>, at: Instant): readonly number[] {
    const { n, work, nodes } = event
    this.#commands.set(n, { n, work, nodes, phase: 'intended', doubtful: false })
    for (const position of nodes) {
      const life = this.life(position)
      Object.assign(life, { flying: true, n, attempts: life.attempts + 1 })
      if (work === 'scan') continue
      Object.assign(life, { touched: true, everTouched: true })
      this.#openHands.set(`${String(n)} ${String(position)}`, {
        run: this.evidence.run,
        node: nodeAt(this.evidence, position),
        position,
        n,
        from: at,
      })
    }
    return nodes
  }

  /** Proves that nothing was sent, unless an earlier copy may have been. */
  #refused(event: Extract<RunEvent, { type: 'CommandRefused' }>, at: Instant): readonly number[] {
    const command = this.#command(event.n)
    if (command.doubtful && event.code !== 'never-sent') return []
    command.phase = 'refused'
    for (const position of command.nodes) {
      const life = this.life(position)
      life.flying = false
      life.attempts -= 1
      if (life.attempts === 0) Object.assign(life, { touched: false, everTouched: false })
      this.#letGo(event.n, position, at)
      if (event.invalid.includes(position)) this.#leaves(life, 'refused-by-ssm', command.work === 'rollback')
    }
    return command.nodes
  }

  #reported(event: Extract<RunEvent, { type: 'NodesReported' }>, at: Instant): readonly number[] {
    event.nodes.forEach((position, index) => {
      if ((event.ended[index] ?? 0) > 0) this.#letGo(event.n, position, at)
      const life = this.life(position)
      const outcome = event.outcomes[index] ?? 'open'
      const late = !life.flying && life.outcome === 'unknown'
      if (life.n !== event.n || (!life.flying && !late) || (late && outcome === 'unknown')) return
      this.#settles(life, this.#command(event.n), outcome, event.reasons[index] ?? '')
    })
    return event.nodes
  }

  #settles(life: Life, command: Told, outcome: Outcome, reason: string): void {
    const { flying } = life
    life.flying = false
    const { retry } = this.evidence.plan
    const again =
      flying && outcome === 'failed' && retry !== null && !this.#aborting && retry.on.includes(reason) && life.attempts < retry.attempts
    if (again) life.reason = reason
    else if (outcome === 'skipped' && reason === 'cancelled' && command.doubtful) this.#ends(life, 'unknown', reason)
    else if (outcome === 'skipped' && life.attempts > 1) this.#leaves(life, reason, false)
    else this.#ends(life, outcome, reason)
    if (!again && life.attempts === 1 && (life.outcome === 'skipped' || outcome === 'not-needed')) life.touched = false
  }

  #ends(life: Life, outcome: Outcome, reason: string): void {
    Object.assign(life, { outcome, reason, flying: false })
    if (outcome !== 'rolled-back' && outcome !== 'rollback-failed') life.applied = outcome
  }

  /** Given up without a report of this attempt. */
  #leaves(life: Life, reason: string, rollback: boolean): void {
    if (rollback) this.#ends(life, 'rollback-failed', reason)
    else if (!life.touched) this.#ends(life, 'skipped', reason)
    else this.#ends(life, 'failed', reason === 'gone' || life.reason === '' ? reason : life.reason)
  }

  #letGo(n: number, position: number, at: Instant): void {
    const key = `${String(n)} ${String(position)}`
    const hand = this.#openHands.get(key)
    if (hand) this.hands.push({ ...hand, to: at })
    this.#openHands.delete(key)
  }

  /** Out of service by this run's doing. */
  #ours(life: Life): boolean {
    if (this.evidence.plan.work === 'scan') return false
    if (life.flying || (life.touched && life.outcome === 'open')) return true
    if (!life.touched || (life.outcome !== 'rollback-failed' && !BAD.has(life.outcome))) return false
    const last = this.#commands.get(life.n)
    return life.outcome !== 'rollback-failed' || (last?.work === 'rollback' && last.phase !== 'refused') || BAD.has(life.applied)
  }

  #recount(position: number, at: Instant): void {
    const life = this.life(position)
    const ours = this.#ours(life)
    if (ours || life.down) this.out.add(position)
    else this.out.delete(position)
    // What has disappeared serves nobody, but no run holds it out.
    const held = ours && life.reason !== 'gone' && this.finished === null
    if (held && !this.#openSpans.has(position)) this.#openSpans.set(position, at)
    if (!held) this.#closeSpan(position, at)
  }

  #closeSpan(position: number, to: Instant): void {
    const from = this.#openSpans.get(position)
    if (from !== undefined) this.spans.push({ node: nodeAt(this.evidence, position), position, from, to })
    this.#openSpans.delete(position)
  }

  #remember(): void {
    this.evidence.plan.waves.forEach(({ nodes }, wave) => {
      const bad = nodes.filter((position) => BAD.has(this.life(position).outcome) && this.life(position).reason !== 'gone').length
      this.worst[wave] = Math.max(this.worst[wave] ?? 0, bad)
    })
  }
}

/** The whole run. `watch` sees each fact after it was told, with the positions that were out of service before it. */
export function follow(
  evidence: RunEvidence,
  watch: (following: Following, fact: Fact, outBefore: ReadonlySet<number>) => void = () => undefined,
): Following {
  const following = new Following(evidence)
  for (const fact of evidence.facts) {
    const before = fact.event.type === 'CommandIntended' ? new Set(following.out) : following.out
    following.tell(fact)
    watch(following, fact, before)
  }
  return following.end()
}
