import type { Fact, Outcome, RunEvent, StepName, Work } from '../../src/core/run/event.ts'
import { known } from '../../src/kit/assert.ts'
import { instant, type Instant } from '../../src/kit/instant.ts'
import { nodeAt, wavesOf, type RunEvidence } from './evidence.ts'
import { Intervals, newLife, type Hand, type Life, type Told } from './life.ts'
import { prepares, preparesNodes, stepsBack, turnsBack, undoes } from './steps.ts'

const EVER = instant(8_640_000_000_000_000)
/** Reasons of refusals that are not SSM's. */
const REFUSALS: Readonly<Record<string, string>> = { 'list-refused': 'list-refused', 'plan.drift': 'document-changed' }
const BAD: ReadonlySet<Outcome> = new Set(['failed', 'unknown'])
/** Why a node is given up that answered a moment ago. */
const LOST: ReadonlySet<string> = new Set(['gone', 'offline', 'refused-by-ssm'])

/** A run told again, fact by fact. Simple and slow where the core is quick: two tellings that agree are worth more than one. */
export class Following {
  readonly evidence: RunEvidence
  readonly lives: readonly Life[]
  readonly hands: Hand[] = []
  /** Times in which the run itself had a node out of service. */
  readonly spans: Intervals
  /** Times in which a node was prepared for a change or brought back from one. */
  readonly stays: Intervals
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
  readonly #batches = new Map<number, { readonly work: Work; readonly nodes: Set<number> }>()
  readonly #steps = new Map<number, Extract<RunEvent, { type: 'StepIntended' }>>()
  readonly #waves: ReadonlyMap<number, number>
  /** The waves that are still to be rolled back, the present one first. */
  #goingBack: readonly number[] = []
  readonly #openHands = new Map<string, Omit<Hand, 'to'>>()

  constructor(evidence: RunEvidence) {
    this.evidence = evidence
    this.#waves = wavesOf(evidence.plan)
    this.lives = evidence.plan.nodes.map(newLife)
    this.worst = evidence.plan.waves.map(() => 0)
    const name = (position: number): string => nodeAt(evidence, position)
    this.spans = new Intervals(name)
    this.stays = new Intervals(name)
  }

  life(position: number): Life {
    return known(this.lives[position], `node ${String(position)}`)
  }

  /** Tells one more fact. */
  tell({ at, event }: Fact): void {
    const touched = this.#apply(event, at)
    for (const position of touched) this.#recount(position, at)
    if (event.type === 'NodesReported' || event.type === 'NodesGone' || event.type === 'NodesSkipped' || event.type === 'StepEnded')
      this.#remember()
    if (event.type === 'RunFinished') {
      this.finished = event
      this.spans.end(at)
    }
  }

  /** Ends what is still open when there are no more facts. */
  end(): this {
    for (const hand of this.#openHands.values()) this.hands.push({ ...hand, to: EVER })
    this.#openHands.clear()
    this.spans.end(EVER)
    this.stays.end(EVER)
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
        this.#goingBack = event.waves
        return []
      case 'TriesChosen':
        return this.#tries(event)
      case 'IsolationEnded':
        for (const life of this.lives) life.resting = null
        return []
      case 'RollbackAdvanced':
        this.#goingBack = this.#goingBack.slice(1)
        return []
      case 'DriverTook':
        for (const command of this.#commands.values()) if (command.phase === 'intended') this.#doubt(command)
        return []
      case 'BatchChosen':
        this.#batches.set(event.batch, { work: event.work, nodes: new Set(event.nodes) })
        for (const position of event.nodes) this.life(position).around.changed = 'no'
        return []
      case 'BatchDropped':
        return this.#leavesRound(event.batch, [...this.#batch(event.batch).nodes])
      case 'NodesBusy':
        return this.#leavesRound(event.batch, event.nodes)
      case 'StepIntended':
        this.#steps.set(event.id, event)
        if (preparesNodes(event)) for (const position of event.nodes) prepares(this.life(position).around, this.evidence.plan, event.step)
        return event.nodes
      case 'StepFound':
        return this.#stepFound(event)
      case 'StepEnded':
        return this.#stepEnded(event)
      case 'BatchRead':
        return this.#batchRead(event)
      case 'CommandIntended':
        return this.#intended(event, at)
      case 'CommandSent': {
        const command = this.#command(event.n)
        if (command.phase !== 'closed' && command.phase !== 'refused') command.phase = 'sent'
        return []
      }
      case 'CommandFound':
        return this.#found(event, at)
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
          if (life.outcome !== 'open' && life.touched && life.around.away === 'no')
            this.#ends(life, this.rollingBack ? 'rollback-failed' : 'failed', 'gone')
        return event.nodes
      case 'CommandClosed':
        this.#command(event.n).phase = 'closed'
        for (const position of this.#command(event.n).nodes) this.#letGo(event.n, position, at)
        return []
      case 'NodesUnscanned':
        // One on which a change was found that the journal does not know says for itself how it ended.
        for (const life of event.nodes.map((position) => this.life(position)))
          if (!life.flying && life.outcome === 'open') this.#ends(life, 'skipped', event.reason)
        return event.nodes
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

  #batch(batch: number) {
    return known(this.#batches.get(batch), `batch ${String(batch)}`)
  }

  /** They wait again, once what was prepared for them is undone. */
  #leavesRound(batch: number, nodes: readonly number[]): readonly number[] {
    for (const position of nodes) {
      this.#batch(batch).nodes.delete(position)
      this.#turnsBack(this.life(position))
    }
    return nodes
  }

  #turnsBack(life: Life): void {
    turnsBack(life.around, this.evidence.plan, life.outcome)
  }

  #stepFound({ id, nodes, things }: Extract<RunEvent, { type: 'StepFound' }>): readonly number[] {
    if (this.#step(id).step === 'start')
      for (const [index, position] of nodes.entries()) if ((things[index] ?? '') !== '') this.life(position).around.started = true
    return []
  }

  #step(id: number) {
    return known(this.#steps.get(id), `step ${String(id)}`)
  }

  #stepEnded(event: Extract<RunEvent, { type: 'StepEnded' }>): readonly number[] {
    const { step, batch } = this.#step(event.id)
    event.nodes.forEach((position, index) => {
      const life = this.life(position)
      const outcome = event.outcomes[index] ?? 'open'
      const reason = event.reasons[index] ?? ''
      if (step === 'live-patch' && (reason === 'installed' || BAD.has(outcome))) life.livePatched = true
      if (step === 'replace-root' && outcome === 'rolled-back') life.down = false
      if (batch === 0) this.#stepsBack(life, step, event.done[index] === true, outcome, reason)
      else this.#leavesEarly(life, batch, outcome, reason)
    })
    return event.nodes
  }

  /** It cannot be prepared, or the step was the whole change. */
  #leavesEarly(life: Life, batch: number, outcome: Outcome, reason: string): void {
    const { work, nodes } = this.#batch(batch)
    if (outcome === 'open' && !this.#isFoundMeanwhile(life, work)) return
    nodes.delete(life.position)
    if (this.#isFoundMeanwhile(life, work)) this.#ends(life, 'unknown', 'found-without-intent')
    else if (work === 'rollback') this.#ends(life, outcome === 'rolled-back' ? outcome : 'rollback-failed', reason)
    else if (outcome === 'skipped') this.#leaves(life, reason, false)
    else this.#ends(life, outcome, reason)
  }

  /** A command that was found while a step prepared the node for its change may have been that change. */
  #isFoundMeanwhile(life: Life, work: Work): boolean {
    return work === 'apply' && life.resting === null && this.#commands.get(life.n)?.found === true
  }

  #stepsBack(life: Life, step: StepName, done: boolean, outcome: Outcome, reason: string): void {
    const { around } = life
    undoes(around, step, done)
    if (step === 'stop' && done && around.started) {
      life.down = true
      around.started = false
    }
    if (outcome !== 'open') this.#ends(life, outcome, reason)
    else if (!done) this.#worsens(life, reason)
    stepsBack(around, this.evidence.plan, life.outcome, step)
  }

  /** Who is not wholly back is not well. */
  #worsens(life: Life, reason: string): void {
    const back = life.outcome === 'rolled-back' || (life.outcome === 'open' && this.evidence.plan.work === 'rollback')
    if (back) this.#ends(life, 'rollback-failed', reason)
    else if (life.outcome !== 'rollback-failed' && life.outcome !== 'unknown') this.#ends(life, 'failed', reason)
  }

  /** The nodes of a round begin anew; what is not installed on one leaves it as it was. */
  #tries(event: Extract<RunEvent, { type: 'TriesChosen' }>): readonly number[] {
    this.rollingBack = false
    this.#goingBack = []
    for (const life of this.lives) life.resting = null
    return event.nodes.filter((position, index) => {
      const life = this.life(position)
      life.resting = { outcome: life.outcome, reason: life.reason }
      if (event.units[index]?.length === 0) return false
      Object.assign(life, { outcome: 'open', applied: 'open', reason: '', touched: false, livePatched: false, attempts: 0 })
      life.around.changed = 'no'
      return true
    })
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
    const batch = this.#batch(event.batch)
    const among = [...batch.nodes]
    const down = new Set(event.down)
    for (const position of among) this.life(position).down = down.has(position)
    event.skipped.forEach((position, index) => {
      batch.nodes.delete(position)
      const life = this.life(position)
      const reason = event.reasons[index] ?? ''
      const nothingLeft = reason === 'gone' && this.evidence.plan.work === 'rollback' && !life.touched
      this.#leaves(life, reason, batch.work === 'rollback' && !nothingLeft)
    })
    return among
  }

  #intended(event: Extract<RunEvent, { type: 'CommandIntended' }>, at: Instant): readonly number[] {
    const { n, work, nodes } = event
    this.#commands.set(n, { n, work, nodes, phase: 'intended', doubtful: false })
    for (const position of nodes) {
      const life = this.life(position)
      Object.assign(life, { flying: true, spoke: false, n, attempts: life.attempts + 1 })
      life.around.away = 'no'
      if (work === 'scan') continue
      Object.assign(life, { touched: true, everTouched: true })
      if (this.evidence.plan.runbook.hooks.exit !== null) life.around.owed.add('hook-exit')
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

  /** Nodes that it may have changed: they fly for it until they speak, or are unknown. */
  #found({ n, work, nodes }: Extract<RunEvent, { type: 'CommandFound' }>, at: Instant): readonly number[] {
    if (work === 'scan' || this.#commands.has(n)) return []
    const isFound = (life: Life): boolean => this.#commands.get(life.n)?.found === true
    const lives = nodes.map((position) => this.life(position))
    const flying = lives.filter(
      (life) => life.around.away === 'no' && (this.rollingBack ? this.#mayGoBack(life, work) : life.flying || life.outcome === 'open'),
    )
    const leaving = lives.filter((life) => life.around.away === 'round' && !this.rollingBack)
    const ended = lives.filter(
      (life) =>
        !this.rollingBack &&
        !flying.includes(life) &&
        !leaving.includes(life) &&
        (work === 'rollback' || life.outcome === 'open' || life.outcome === 'skipped' || isFound(life)),
    )
    const both = [...flying, ...ended, ...leaving].map(({ position }) => position)
    this.#commands.set(n, { n, work, nodes: both, phase: 'sent', doubtful: true, found: true })
    for (const life of [...flying, ...ended, ...leaving]) {
      const before = this.#commands.get(life.n)
      if (before && life.flying) before.nodes = before.nodes.filter((position) => position !== life.position)
      this.#letGo(life.n, life.position, at)
      Object.assign(life, { n, spoke: false, attempts: life.attempts + 1, touched: true, everTouched: true })
      const node = nodeAt(this.evidence, life.position)
      this.#openHands.set(`${String(n)} ${String(life.position)}`, { run: this.evidence.run, node, position: life.position, n, from: at })
    }
    for (const life of flying) life.flying = true
    for (const life of ended) this.#ends(life, 'unknown', 'found-without-intent')
    return both
  }

  /** Whether a rollback that goes on has asked the node to be restored, or is about to. */
  #mayGoBack(life: Life, work: Work): boolean {
    if (work !== 'rollback' || life.flying) return work === 'rollback'
    const isOld = life.outcome !== 'rolled-back' && life.outcome !== 'rollback-failed' && life.outcome !== 'skipped'
    return isOld && life.touched && life.reason !== 'gone' && this.#goingBack[0] === this.#waves.get(life.position)
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
      if (event.invalid.includes(position)) this.#leaves(life, REFUSALS[event.code] ?? 'refused-by-ssm', command.work === 'rollback')
      else this.#turnsBack(life)
    }
    return command.nodes
  }

  #reported(event: Extract<RunEvent, { type: 'NodesReported' }>, at: Instant): readonly number[] {
    event.nodes.forEach((position, index) => {
      if ((event.ended[index] ?? 0) > 0) this.#letGo(event.n, position, at)
      const life = this.life(position)
      const outcome = event.outcomes[index] ?? 'open'
      const late = !life.flying && !life.spoke && life.outcome === 'unknown' && this.#goingBack[0] !== this.#waves.get(position)
      if (life.n !== event.n || (!life.flying && !late) || (late && outcome === 'unknown')) return
      life.spoke = (event.ended[index] ?? 0) > 0
      this.#settles(life, this.#command(event.n), outcome, event.reasons[index] ?? '')
    })
    return event.nodes
  }

  #settles(life: Life, command: Told, outcome: Outcome, reason: string): void {
    const { flying } = life
    const stayedAway = !flying && life.around.notBack.size > 0 && ['patched', 'not-needed', 'skipped'].includes(outcome)
    life.flying = false
    const { retry } = this.evidence.plan
    const again =
      flying &&
      !command.found &&
      outcome === 'failed' &&
      retry !== null &&
      !this.#aborting &&
      retry.on.includes(reason) &&
      life.attempts < retry.attempts
    if (!again && command.work !== 'scan') life.around.changed = !flying && life.around.away === 'back' ? 'late' : 'reported'
    if (again) {
      life.reason = reason
      this.#turnsBack(life)
    } else if (flying && outcome === 'open') this.#turnsBack(life)
    else if (outcome === 'skipped' && reason === 'cancelled' && command.doubtful) this.#ends(life, 'unknown', reason)
    else if (outcome === 'skipped' && life.attempts > 1) this.#leaves(life, reason, false)
    else if (stayedAway) this.#ends(life, 'failed', 'not-back')
    else this.#ends(life, outcome, reason)
    const nothingDone = life.outcome === 'skipped' || outcome === 'not-needed' || (stayedAway && outcome === 'skipped')
    if (!again && life.attempts === 1 && nothingDone) life.touched = false
  }

  #ends(life: Life, said: Outcome, why: string): void {
    const { outcome, reason } = said === 'skipped' && life.resting !== null ? life.resting : { outcome: said, reason: why }
    Object.assign(life, { outcome, reason, flying: false })
    if (outcome !== 'rolled-back' && outcome !== 'rollback-failed') life.applied = outcome
    this.#turnsBack(life)
  }

  /** Given up without a report of this attempt. */
  #leaves(life: Life, reason: string, rollback: boolean): void {
    if (rollback) this.#ends(life, 'rollback-failed', reason)
    else if (!life.touched) this.#ends(life, life.livePatched && LOST.has(reason) ? 'failed' : 'skipped', reason)
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
    if (life.around.away !== 'no' || life.around.notBack.size > 0) return true
    if (life.outcome === 'unknown') return true
    if (
      !(life.touched || life.livePatched || life.around.changed !== 'no') ||
      (life.outcome !== 'rollback-failed' && !BAD.has(life.outcome))
    )
      return false
    const last = this.#commands.get(life.n)
    const tried = (last?.work === 'rollback' && last.phase !== 'refused') || life.around.changed === 'root'
    return life.outcome !== 'rollback-failed' || tried || BAD.has(life.applied)
  }

  #recount(position: number, at: Instant): void {
    const life = this.life(position)
    const ours = this.#ours(life)
    if (ours || life.down) this.out.add(position)
    else this.out.delete(position)
    // What has disappeared serves nobody, but no run holds it out.
    const held = ours && life.reason !== 'gone' && this.finished === null
    this.spans.turn(position, held, at)
    this.stays.turn(position, life.around.away !== 'no', at)
  }

  /** Counted in the worst case. Who had begun to go back, as a lost part of the journal knew, was well or counted there. */
  #mayFail({ outcome, reason, n }: Life): boolean {
    const last = this.#commands.get(n)
    return BAD.has(outcome) && reason !== 'gone' && !(last?.found === true && last.work === 'rollback')
  }

  #remember(): void {
    this.evidence.plan.waves.forEach(({ nodes }, wave) => {
      const bad = nodes.map((position) => this.life(position)).filter((life) => this.#mayFail(life)).length
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
    const before = fact.event.type === 'CommandIntended' || preparesNodes(fact.event) ? new Set(following.out) : following.out
    following.tell(fact)
    watch(following, fact, before)
  }
  return following.end()
}
