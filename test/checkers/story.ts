import type { Fact, Outcome, RunEvent, Work } from '../../src/core/run/event.ts'
import type { Instant } from '../../src/kit/instant.ts'
import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { RunEvidence } from './evidence.ts'

/** What the journal says of one node, read without the engine's own fold. */
export type NodeStory = {
  readonly position: number
  outcome: Outcome
  reason: string
  /** The command that may be at work on it. */
  flying: number | null
  /** Intents that named it and that may have reached it. */
  readonly attempts: Attempt[]
  down: boolean
}

export type Attempt = { readonly n: number; readonly work: Work; readonly at: Instant; outcome: Outcome | null; spoke: boolean; over: boolean }

export type CommandStory = { readonly n: number; readonly work: Work; readonly nodes: readonly number[]; readonly startBefore: Instant; doubtful: boolean; open: boolean }

/** Reads a journal fact by fact, in a second hand: slow, plain and independent of `evolve`. */
export class Story {
  readonly plan: PlanContent
  readonly nodes: NodeStory[]
  readonly commands = new Map<number, CommandStory>()
  readonly waveOf: number[]
  phase: 'waiting' | 'rolling-back' | 'finished' = 'waiting'
  aborting = false
  outside: readonly number[] = []
  readonly #known = new Set<number>()
  readonly #batches = new Map<number, readonly number[]>()

  constructor({ plan }: Pick<RunEvidence, 'plan'>) {
    this.plan = plan
    this.nodes = plan.nodes.map((node, position) => ({ position, outcome: node.skip === null ? 'open' : 'skipped', reason: node.skip ?? '', flying: null, attempts: [], down: false }))
    this.waveOf = plan.nodes.map(() => -1)
    plan.waves.forEach((wave, index) => {
      for (const position of wave.nodes) this.waveOf[position] = index
    })
  }

  node(position: number): NodeStory {
    const node = this.nodes[position]
    if (node === undefined) throw new Error(`the journal names node ${String(position)}, the plan has ${String(this.nodes.length)}`)
    return node
  }

  /** Changed, or may be. */
  touched = (node: NodeStory): boolean => node.attempts.some((attempt) => attempt.work !== 'scan' && attempt.outcome !== 'skipped' && attempt.outcome !== 'not-needed')

  /** Failed and unknown nodes of a wave, those that failed and will be tried again left out. */
  spent(wave: number): number {
    return this.nodes.filter((node) => this.waveOf[node.position] === wave && ['failed', 'unknown', 'rollback-failed'].includes(node.outcome)).length
  }

  /** Out of service, as the limits count it: from the intent until it is read back; what failed stays out. */
  isOut(node: NodeStory): boolean {
    if (node.down || (node.flying !== null && this.commands.get(node.flying)?.work !== 'scan')) return true
    return this.isSick(node)
  }

  /** Out of service because of what was done to it: it failed and was not restored, or disappeared. */
  isSick(node: NodeStory): boolean {
    const changes = node.attempts.filter((attempt) => attempt.work !== 'scan' && attempt.outcome !== null)
    if (changes.length === 0 || node.outcome === 'patched' || node.outcome === 'not-needed' || node.outcome === 'rolled-back') return false
    return node.reason === 'gone' || changes.some((attempt) => attempt.outcome === 'failed' || attempt.outcome === 'unknown' || attempt.outcome === 'rollback-failed')
  }

  tell(fact: Fact): void {
    const { event, at } = fact
    switch (event.type) {
      case 'FleetRead':
        for (const node of this.nodes) node.down = event.down.includes(node.position)
        this.outside = event.outside
        return
      case 'DriverTook':
        for (const command of this.commands.values()) if (command.open && !this.#known.has(command.n)) command.doubtful = true
        return
      case 'CommandIntended':
        return this.#intended(event, at)
      case 'CommandSent':
        this.#known.add(event.n)
        return
      case 'CommandUnclear':
        this.command(event.n).doubtful = true
        return
      case 'CommandRefused':
        return this.#refused(event)
      case 'NodesReported':
        return this.#reported(event)
      case 'CommandClosed':
        this.command(event.n).open = false
        for (const node of this.nodes) for (const attempt of node.attempts) if (attempt.n === event.n) attempt.over = true
        return
      case 'BatchChosen':
        this.#batches.set(event.batch, event.nodes)
        return
      case 'BatchRead':
        event.skipped.forEach((position, index) => this.#left(this.node(position), event.reasons[index] ?? ''))
        for (const position of this.#batches.get(event.batch) ?? []) this.node(position).down = event.down.includes(position)
        return
      case 'NodesSkipped':
      case 'NodesUnscanned':
        for (const position of event.nodes) this.#left(this.node(position), event.reason)
        return
      case 'NodesGone':
        for (const position of event.nodes) {
          const node = this.node(position)
          if (this.touched(node)) this.#ends(node, this.phase === 'rolling-back' ? 'rollback-failed' : 'failed', 'gone')
        }
        return
      case 'AbortAsked':
      case 'RollbackAsked':
        this.aborting = true
        return
      case 'RollbackStarted':
        this.phase = 'rolling-back'
        return
      case 'RunFinished':
        this.phase = 'finished'
        for (const node of this.nodes) if (node.outcome === 'open') this.#ends(node, 'skipped', 'not-reached')
        return
      default:
        return
    }
  }

  command(n: number): CommandStory {
    const command = this.commands.get(n)
    if (command === undefined) throw new Error(`the journal names command ${String(n)} without an intent`)
    return command
  }

  #intended(event: Extract<RunEvent, { type: 'CommandIntended' }>, at: Instant): void {
    this.commands.set(event.n, { n: event.n, work: event.work, nodes: event.nodes, startBefore: event.startBefore, doubtful: false, open: true })
    for (const position of event.nodes) {
      const node = this.node(position)
      node.flying = event.n
      node.attempts.push({ n: event.n, work: event.work, at, outcome: null, spoke: false, over: false })
    }
  }

  #refused(event: Extract<RunEvent, { type: 'CommandRefused' }>): void {
    const command = this.command(event.n)
    if (command.doubtful && event.code !== 'never-sent') return
    command.open = false
    for (const position of command.nodes) {
      const node = this.node(position)
      const last = node.attempts.findIndex((attempt) => attempt.n === event.n)
      if (last >= 0) node.attempts.splice(last, 1)
      node.flying = null
      if (event.invalid.includes(position)) this.#left(node, 'refused-by-ssm')
    }
  }

  #reported(event: Extract<RunEvent, { type: 'NodesReported' }>): void {
    event.nodes.forEach((position, index) => {
      const node = this.node(position)
      const attempt = node.attempts.findLast((one) => one.n === event.n)
      const outcome = event.outcomes[index] ?? 'unknown'
      if (attempt === undefined || attempt !== node.attempts.at(-1)) return
      if (attempt.outcome !== null && (attempt.outcome !== 'unknown' || node.outcome !== 'unknown' || outcome === 'unknown')) return
      const doubt = outcome === 'skipped' && event.reasons[index] === 'cancelled' && this.command(event.n).doubtful
      const first = attempt.outcome === null
      attempt.outcome = doubt ? 'unknown' : outcome
      attempt.spoke ||= (event.ended[index] ?? 0) > 0
      node.flying = null
      const reason = event.reasons[index] ?? ''
      if (outcome === 'failed' && first && this.#again(node, reason)) node.reason = reason
      else if (attempt.outcome === 'skipped') this.#left(node, reason)
      else this.#ends(node, attempt.outcome, reason)
    })
  }

  #again(node: NodeStory, reason: string): boolean {
    const { retry } = this.plan
    const tried = node.attempts.filter((attempt) => attempt.work === 'apply').length
    return retry !== null && !this.aborting && retry.on.includes(reason) && tried < retry.attempts
  }

  /** It leaves without a report: skipped when it was never touched; else it has failed. */
  #left(node: NodeStory, reason: string): void {
    if (this.phase === 'rolling-back' || this.plan.work === 'rollback') this.#ends(node, 'rollback-failed', reason)
    else if (this.touched(node)) this.#ends(node, 'failed', reason === 'gone' ? reason : node.reason)
    else this.#ends(node, 'skipped', reason)
  }

  #ends(node: NodeStory, outcome: Outcome, reason: string): void {
    node.outcome = outcome
    node.reason = reason
    node.flying = null
  }
}

/** Reads a whole journal; `look` sees the story before each fact is told. */
export function retell(evidence: RunEvidence, look: (story: Story, fact: Fact) => void = () => undefined): Story {
  const story = new Story(evidence)
  for (const fact of evidence.facts) {
    look(story, fact)
    story.tell(fact)
  }
  return story
}

/** Reads several journals side by side in the order of time; `look` sees all stories after each fact. */
export function retellAll(runs: readonly RunEvidence[], look: (stories: readonly Story[], run: number, fact: Fact) => void): void {
  const stories = runs.map((run) => new Story(run))
  const facts = runs.flatMap((run, index) => run.facts.map((fact, order) => ({ index, fact, order })))
  facts.sort((a, b) => a.fact.at - b.fact.at || a.order - b.order)
  for (const { index, fact } of facts) {
    stories[index]?.tell(fact)
    look(stories, index, fact)
  }
}
