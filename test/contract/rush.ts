import { known } from '../../src/kit/assert.ts'
import { below, seeded, shuffled, type Random } from '../../src/kit/random.ts'
import type { Append, GroupLimit, Store } from '../../src/ports/store.ts'
import { afterDusk, runId } from './entries.ts'
import { Stage } from './stage.ts'

/** What became of a rush: how long nodes waited and the most that any should, what broke the queue or a limit, and all answers in order. */
export type Rush = Readonly<{ waits: readonly number[]; bound: number; breaches: readonly string[]; answers: readonly string[] }>

type Node = Readonly<{ node: string; groups: readonly string[] }>
type World = Readonly<{
  nodes: readonly Node[]
  limits: ReadonlyMap<string, Readonly<{ atMost: number; set: string | null }>>
  oneGroup: boolean
}>
/** In seconds: when the node was first asked for, and until when it is left alone after a refusal. */
type Want = { readonly node: Node; asked: number | null; until: number }
type Runner = { readonly run: string; readonly wants: Want[]; readonly mine: Node[]; readonly batch: number; next: number }
type Later = Readonly<{ at: number; runner: Runner; node: Node; out: boolean }>

/** A driver tries a refused node again after this long, in seconds. */
const AGAIN = 30
const HOLD_MAX = 1_200
/** How long a place may lie idle between two grants: until a run that stopped asking is forgotten, and the next one asks. */
const IDLE_MAX = 150

/**
 * Plays runs that want the same nodes and groups, each asking every 30 s as a driver does: for what it does not hold yet, within its own limits,
 * going on at once with those nodes of a claim that were not refused. Every hold ends; some nodes stay out of service for a while. One seed in
 * three has a single group and no node that two runs want: there the order is the plain order of first refusals.
 */
export async function rush(store: Store, seed: number): Promise<Rush> {
  const night = new Night(new Stage(store), seeded(seed), seed % 3 === 0)
  return night.play()
}

class Night {
  readonly #stage: Stage
  readonly #random: Random
  readonly #world: World
  readonly #runners: Runner[]
  #later: Later[] = []
  /** Runs that were refused, the first in front; only where there is one group. */
  #queue: string[] = []
  readonly #waits: number[] = []
  readonly #breaches: string[] = []
  readonly #answers: string[] = []

  constructor(stage: Stage, random: Random, oneGroup: boolean) {
    this.#stage = stage
    this.#random = random
    this.#world = world(random, oneGroup)
    const { nodes } = this.#world
    const count = 2 + below(random, 4)
    this.#runners = Array.from({ length: count }, (_, index): Runner => {
      const some = oneGroup ? nodes.filter((_node, at) => at % count === index) : nodes.filter(() => random() < 0.6)
      const wants = some.map((node): Want => ({ node, asked: null, until: 0 }))
      return { run: runId(100 + index), wants, mine: [], batch: 1 + below(random, 5), next: below(random, 300) }
    })
  }

  async play(): Promise<Rush> {
    for (const { run } of this.#runners) await this.#stage.create(run)
    const wanted = this.#runners.reduce((sum, { wants }) => sum + wants.length, 0)
    const bound = 300 + wanted * (2 * HOLD_MAX + IDLE_MAX)
    for (let now = 0; now <= bound && this.#runners.some(({ wants }) => wants.length > 0); now++) {
      for (const later of this.#later.filter(({ at }) => at === now)) await this.#letGo(later)
      for (const runner of this.#runners.filter(({ next }) => next === now)) await this.#turn(runner, now)
    }
    for (const { run, wants } of this.#runners) for (const { node } of wants) this.#breaches.push(`${run} never gets ${node.node}`)
    return { waits: this.#waits, bound, breaches: this.#breaches, answers: this.#answers }
  }

  /** Asks for all that it may want now, a claim at a time. */
  async #turn(runner: Runner, now: number): Promise<void> {
    runner.next = now + AGAIN
    for (let wants = this.#choose(runner, now); wants.length > 0; wants = this.#choose(runner, now)) {
      for (const want of wants) want.asked ??= now
      const result = await this.#stage.append(runner.run, { claim: this.#claim(runner, wants, now) })
      const busy = new Set('nodes' in result ? result.nodes : [])
      this.#answers.push(`${String(now)} ${runner.run}: ${wants.map(({ node }) => node.node).join(' ')} - ${[...busy].join(' ')}`)
      for (const want of wants) if (busy.has(want.node.node)) want.until = now + AGAIN
      if (result.ok) this.#granted(runner, wants, now)
      else if (!this.#queue.includes(runner.run)) this.#queue.push(runner.run)
    }
  }

  #choose(runner: Runner, now: number): Want[] {
    const chosen: Want[] = []
    for (const want of runner.wants) {
      if (chosen.length === runner.batch) break
      if (want.until > now) continue
      const mine = [...runner.mine, ...chosen.map(({ node }) => node), want.node]
      if (this.#fits(mine) && !runner.mine.includes(want.node)) chosen.push(want)
    }
    return chosen
  }

  #claim(runner: Runner, wants: readonly Want[], now: number): NonNullable<Append['claim']> {
    const nodes = wants.map(({ node }) => node)
    const mine = [...runner.mine, ...nodes]
    const limits = [...new Set(nodes.flatMap(({ groups }) => groups))].map((key): GroupLimit => ({
      key,
      ...known(this.#world.limits.get(key), 'the limit'),
      ours: mine.filter(({ groups }) => groups.includes(key)).length,
    }))
    return { nodes, limits, notBefore: afterDusk((now + 2 * HOLD_MAX) * 1000), at: afterDusk(now * 1000) }
  }

  #granted(runner: Runner, wants: readonly Want[], now: number): void {
    const first = this.#queue[0]
    if (this.#world.oneGroup && first !== undefined && first !== runner.run)
      this.#breaches.push(`at ${String(now)} ${runner.run} overtakes ${first}`)
    this.#queue = this.#queue.filter((run) => run !== runner.run)
    for (const { node, asked } of wants) {
      this.#waits.push(now - known(asked, 'the first request'))
      runner.mine.push(node)
      const at = now + 60 + below(this.#random, HOLD_MAX - 60)
      this.#later.push({ at, runner, node, out: this.#random() < 0.15 })
    }
    runner.wants.splice(0, runner.wants.length, ...runner.wants.filter((want) => !wants.includes(want)))
    const all = this.#runners.flatMap(({ mine }) => mine)
    if (!this.#fits(all)) this.#breaches.push(`at ${String(now)} a limit is broken`)
  }

  async #letGo({ at, runner, node, out }: Later): Promise<void> {
    await this.#stage.append(runner.run, { release: [{ node: node.node, out }] })
    if (out) this.#later.push({ at: at + 60 + below(this.#random, HOLD_MAX - 60), runner, node, out: false })
    else runner.mine.splice(runner.mine.indexOf(node), 1)
  }

  /** Whether so many nodes may be out of service at once. A node that two runs count is one. */
  #fits(out: readonly Node[]): boolean {
    const sides = new Map<string, string>()
    for (const [key, { atMost, set }] of this.#world.limits) {
      const count = new Set(out.filter(({ groups }) => groups.includes(key))).size
      if (count > atMost) return false
      if (count === 0 || set === null) continue
      if (sides.has(set)) return false
      sides.set(set, key)
    }
    return true
  }
}

function world(random: Random, oneGroup: boolean): World {
  const zones = oneGroup ? ['z=0'] : ['z=0', 'z=1', 'z=2'].slice(0, 1 + below(random, 3))
  const clusters = oneGroup ? [] : ['c=0', 'c=1', 'c=2', 'c=3']
  const set = !oneGroup && random() < 0.5 ? 'z' : null
  const nodes = Array.from({ length: 6 + below(random, 9) }, (_, index): Node => {
    const groups = [...shuffled(zones, random).slice(0, 1), ...shuffled(clusters, random).slice(0, below(random, 2))]
    return { node: `i-${String(index)}`, groups }
  })
  const limits = [...zones, ...clusters].map(
    (key) => [key, { atMost: 1 + below(random, 3), set: zones.includes(key) ? set : null }] as const,
  )
  return { nodes, limits: new Map(limits), oneGroup }
}
