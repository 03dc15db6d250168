import { known } from '../../kit/assert.ts'
import type { Instant, Ms } from '../../kit/instant.ts'
import { checkKindOf, imagesOf } from '../plan/image.ts'
import type { CheckKind, RunDurations, Span } from '../plan/durations.ts'
import type { PlanContent, PlannedNode } from '../plan/plan.ts'
import { momentsOf, Tally } from '../plan/sketch.ts'
import type { EventType, Fact, Outcome, RunEvent, Work } from '../run/event.ts'

type Of<T extends EventType> = Extract<RunEvent, { type: T }>

/** The facts that tell how long something took; others need not be read. */
export const TIMED: ReadonlySet<string> = new Set<EventType>([
  'WindowOpened',
  'WaveStarted',
  'BatchChosen',
  'BatchRead',
  'CommandIntended',
  'NodesReported',
  'NodesSkipped',
  'WaveDrained',
  'GateHeld',
  'ApprovalAsked',
  'Paused',
  'GateDecided',
])

/** Ends that show how long the whole work takes. A node that needed nothing, or broke early, was done sooner. */
const WHOLE: ReadonlySet<Outcome> = new Set(['patched', 'rolled-back'])

/** At most so many images of accounts are kept apart in one run; the rest is known by its platform only. */
const SPANS_MAX = 200

/** A report that somebody waited for: how late it came, and of what. */
type Reported = Readonly<{ lagMs: Ms; spanMs: Ms; kind: Tally }>

type Sent = Readonly<{ at: Instant; work: Work }>

/** Measures a run while its facts are told in order. What waited for people, or was paused, is left out. */
export class Timings {
  readonly #run: string
  readonly #content: PlanContent
  readonly #images: readonly string[]
  readonly #spans = new Map<string, Omit<Span, 'sketch'> & { readonly tally: Tally }>()
  readonly #reads = new Tally()
  readonly #reports: Reported[] = []
  readonly #drains = new Tally()
  readonly #gates: Readonly<Record<CheckKind, Tally>> = { none: new Tally(), looks: new Tally(), scripts: new Tally() }
  readonly #leads = new Tally()
  readonly #chosen = new Map<number, Instant>()
  readonly #sent = new Map<number, Sent>()
  #opened: Instant | null = null
  /** Nodes of the wave that were not intended yet, and how many of them each group has. */
  readonly #waiting = new Set<number>()
  #waitingIn = new Int32Array(0)
  #inFlight = 0
  #concurrency = 0
  #lastEnd: Instant | null = null
  #drained: Instant | null = null
  /** Somebody was asked or stopped it: this wave's times are not its own. */
  #disturbed = false

  constructor(run: string, content: PlanContent) {
    this.#run = run
    this.#content = content
    this.#images = imagesOf(content)
  }

  hear({ at, event }: Fact): void {
    switch (event.type) {
      case 'WindowOpened':
        this.#opened ??= at
        return
      case 'WaveStarted':
        this.#begin(event, at)
        return
      case 'BatchChosen':
        this.#chosen.set(event.batch, at)
        return
      case 'BatchRead':
        this.#take(event.skipped)
        return
      case 'CommandIntended':
        this.#intend(event, at)
        return
      case 'NodesReported':
        this.#report(event, at)
        return
      case 'NodesSkipped':
        this.#take(event.nodes)
        return
      case 'WaveDrained':
        this.#drained = at
        if (this.#lastEnd !== null && !this.#disturbed) this.#drains.add(at - this.#lastEnd)
        return
      case 'GateHeld':
      case 'ApprovalAsked':
      case 'Paused':
        this.#disturbed = true
        return
      case 'GateDecided':
        this.#decide(event, at)
        return
      default:
        return
    }
  }

  #begin({ wave }: Of<'WaveStarted'>, at: Instant): void {
    if (wave === 0 && this.#opened !== null && !this.#disturbed) this.#leads.add(at - this.#opened)
    const { nodes, concurrency } = known(this.#content.waves[wave], 'the wave')
    this.#waiting.clear()
    this.#waitingIn = new Int32Array(this.#content.groups.length)
    for (const position of nodes)
      if (this.#nodeAt(position).skip === null) {
        this.#waiting.add(position)
        this.#countIn(position, 1)
      }
    this.#inFlight = 0
    this.#concurrency = concurrency
    this.#lastEnd = null
    this.#drained = null
    this.#disturbed = false
  }

  #intend({ n, batch, nodes, work }: Of<'CommandIntended'>, at: Instant): void {
    const chosen = this.#chosen.get(batch)
    if (chosen !== undefined) this.#reads.add(at - chosen)
    this.#chosen.delete(batch)
    this.#take(nodes)
    this.#inFlight += nodes.length
    this.#sent.set(n, { at, work })
  }

  #report({ n, nodes, outcomes, ended }: Of<'NodesReported'>, at: Instant): void {
    const sent = this.#sent.get(n)
    if (sent === undefined) return
    const wanted = nodes.map((position) => this.#isWanted(position))
    this.#inFlight -= nodes.length
    nodes.forEach((position, index) => {
      const end = ended[index] ?? 0
      if (end <= sent.at) return
      if (end > (this.#lastEnd ?? 0)) this.#lastEnd = known(ended[index], 'the end')
      const outcome = known(outcomes[index], 'the outcome')
      const kind = this.#span(position, sent.work)
      if (WHOLE.has(outcome) || sent.work === 'scan') kind.add(end - sent.at)
      if (wanted[index] === true && !this.#disturbed) this.#reports.push({ lagMs: Math.max(0, at - end), spanMs: end - sent.at, kind })
    })
  }

  /** Another node could start in its place, or in one of its groups: the engine does not hurry to read what nobody waits for. */
  #isWanted(position: number): boolean {
    if (this.#waiting.size === 0) return false
    return this.#inFlight >= this.#concurrency || this.#nodeAt(position).groups.some((group) => (this.#waitingIn[group] ?? 0) > 0)
  }

  /** They wait no more. */
  #take(positions: readonly number[]): void {
    for (const position of positions) if (this.#waiting.delete(position)) this.#countIn(position, -1)
  }

  #countIn(position: number, more: 1 | -1): void {
    for (const group of this.#nodeAt(position).groups) this.#waitingIn[group] = (this.#waitingIn[group] ?? 0) + more
  }

  #nodeAt(position: number): PlannedNode {
    return known(this.#content.nodes[position], 'the node')
  }

  #span(position: number, work: Work): Tally {
    const { account, platform } = this.#nodeAt(position)
    const image = known(this.#images[position], 'the image')
    const own = `${work}|${account}|${image}|${platform}`
    const rest = `${work}|||${platform}`
    const full = this.#spans.size >= SPANS_MAX && !this.#spans.has(own)
    const found = this.#spans.get(full ? rest : own)
    if (found) return found.tally
    const tally = new Tally()
    this.#spans.set(full ? rest : own, full ? { work, account: '', image: '', platform, tally } : { work, account, image, platform, tally })
    return tally
  }

  #decide({ wave, verdict }: Of<'GateDecided'>, at: Instant): void {
    if (verdict !== 'pass' || this.#disturbed || this.#drained === null) return
    const { gate } = known(this.#content.waves[wave], 'the wave')
    this.#gates[checkKindOf(this.#content, gate.checks)].add(at - this.#drained - gate.bakeMs)
  }

  /** Lags by what is only known in the end: on which side of its kind's middle each node was. */
  get #paced(): RunDurations['reports'] {
    const middles = new Map<Tally, number>()
    const paced = { quick: new Tally(), slow: new Tally() }
    for (const { lagMs, spanMs, kind } of this.#reports) {
      const middle = middles.get(kind) ?? momentsOf(kind.sketch).mean
      middles.set(kind, middle)
      paced[Math.log(spanMs) < middle ? 'quick' : 'slow'].add(lagMs)
    }
    return { quick: paced.quick.sketch, slow: paced.slow.sketch }
  }

  /** What was measured so far. */
  get measured(): RunDurations {
    const { runbook, act, reboot } = this.#content
    return {
      v: 1,
      run: this.#run,
      runbook: runbook.name,
      act,
      reboot,
      spans: [...this.#spans.values()]
        .map(({ tally, ...span }) => ({ ...span, sketch: tally.sketch }))
        .filter(({ sketch }) => sketch.length > 0),
      reads: this.#reads.sketch,
      reports: this.#paced,
      drains: this.#drains.sketch,
      gates: { none: this.#gates.none.sketch, looks: this.#gates.looks.sketch, scripts: this.#gates.scripts.sketch },
      leads: this.#leads.sketch,
    }
  }
}
