import type { NodeId, RunId } from '../../kit/ids.ts'

/** Nodes that a run wants to lay its hand on, with their groups, and the limits to hold. What the keys mean is the plan's business. */
export type Ask = Readonly<{
  run: RunId
  nodes: readonly Readonly<{ node: NodeId; groups: readonly string[] }>[]
  limits: readonly Limit[]
}>

type Limit = Readonly<{ key: string; atMost: number; ours: number; set: string | null }>

/**
 * Something to wait for: a node, a place in a group, or the turn of a set (`side`: the group whose turn it should be; else empty).
 * `spare`: claims of others in the group that the run can bear there.
 */
export type Place = Readonly<{ key: string; side: string; spare: number }>

/** A run's place in the queue for a key. Lower numbers came first. */
export type Ticket = Place & Readonly<{ run: RunId; number: number }>

/**
 * The claims of a store at one instant. A claim is `stuck` when no report will end it: its node failed and stays out, or its time is up and
 * nobody has let go of it.
 */
export type Claimed = Readonly<{
  /** Runs whose hand is on a wanted node. */
  hands(node: NodeId): readonly RunId[]
  /** Nodes of a group that runs other than `run` claim, but for those `without`. */
  inGroup(group: string, run: RunId, without: readonly NodeId[], kind: 'all' | 'stuck'): number
  /** Whether another group of the set holds a claim of a run other than `run`. */
  beside(set: string, group: string, run: RunId, kind: 'all' | 'stuck'): boolean
}>

/** Nodes that are refused, in the order of the request; none when all may be claimed. `places`: where the run waits for them. */
export type Judgement = Readonly<{ busy: readonly NodeId[]; places: readonly Place[] }>

const nodeKey = (node: NodeId): string => `node/${node}`
const groupKey = (group: string): string => `group/${group}`
const setKey = (set: string): string => `set/${set}`

/** Every key that a request is about: the run's tickets on them are used up when it is granted. */
export function keysOf(ask: Ask): string[] {
  const groups = new Set(ask.nodes.flatMap((one) => one.groups))
  const sets = new Set(ask.limits.flatMap(({ set }) => set ?? []))
  return [...ask.nodes.map(({ node }) => nodeKey(node)), ...[...groups].map(groupKey), ...[...sets].map(setKey)]
}

/**
 * Says which of the nodes a run may not have now, and why it waits. A node is refused while another run's hand is on it, while one of its
 * groups is full (where there is room for some of the wanted nodes the first ones go) or another group of its set has its turn, and while a
 * run that waits longer has a ticket on any of these. A node's place in the queue is the oldest ticket of its run on what the node needs:
 * so the one that has waited longest in the whole store waits for no ticket, and nobody waits in a circle. A ticket stands back while its run
 * is held up by stuck claims, and a node that is held up (by a hand, or by those) queues for nothing else meanwhile: what may take days keeps
 * nobody else waiting. `tickets`: the fresh ones on `keysOf(ask)`.
 */
export const judge = (ask: Ask, claimed: Claimed, tickets: readonly Ticket[]): Judgement => new Hearing(ask, claimed, tickets).judgement()

/** `blocked`: not to be had however the others take their turns. */
type Standing = 'free' | 'full' | 'blocked'
type Need = Place & Readonly<{ standing: Standing }>
type Group = { readonly limit: Limit; readonly spare: number; readonly standing: Standing; readonly turn: Standing; room: number }

class Hearing {
  readonly #ask: Ask
  readonly #claimed: Claimed
  readonly #tickets: ReadonlyMap<string, readonly Ticket[]>
  readonly #groups: ReadonlyMap<string, Group>
  /** Whether tickets count, by number: looked up once. */
  readonly #counts = new Map<number, boolean>()

  constructor(ask: Ask, claimed: Claimed, tickets: readonly Ticket[]) {
    this.#ask = ask
    this.#claimed = claimed
    this.#tickets = Map.groupBy(tickets, ({ key }) => key)
    const wanted = ask.nodes.map(({ node }) => node)
    this.#groups = new Map(ask.limits.map((limit) => [limit.key, this.#groupOf(limit, wanted)]))
  }

  judgement(): Judgement {
    const busy: NodeId[] = []
    const places = new Map<string, Place>()
    for (const { node, groups } of this.#ask.nodes) {
      const limited = groups.flatMap((group) => this.#groups.get(group) ?? [])
      const needs = this.#needsOf(node, limited)
      const refused = needs.filter((need) => need.standing !== 'free' || this.#isBehind(node, need, needs))
      if (refused.length === 0) for (const group of limited) group.room -= 1
      else {
        busy.push(node)
        for (const { key, side, spare } of this.#waitsFor(needs, refused)) places.set(JSON.stringify([key, side]), { key, side, spare })
      }
    }
    return { busy, places: [...places.values()] }
  }

  /** Nodes that are wanted now are in `ours` already: one that another run left out of service is not counted twice. */
  #groupOf(limit: Limit, wanted: readonly NodeId[]): Group {
    const { key, atMost, ours, set } = limit
    const { run, nodes } = this.#ask
    const before = Math.max(0, ours - nodes.filter(({ groups }) => groups.includes(key)).length)
    const room = this.#roomIn(limit, wanted, before)
    const spare = atMost - before - 1
    const isStuck = room !== Number.POSITIVE_INFINITY && this.#claimed.inGroup(key, run, wanted, 'stuck') > spare
    return { limit, spare, standing: isStuck ? 'blocked' : 'full', turn: set === null ? 'free' : this.#turnOf(set, key), room }
  }

  /** How many of the wanted nodes may go; counting all nodes of others is cheaper than leaving some out, and mostly enough. */
  #roomIn({ key, atMost, ours }: Limit, wanted: readonly NodeId[], before: number): number {
    const { run } = this.#ask
    if (this.#claimed.inGroup(key, run, [], 'all') + ours <= atMost) return Number.POSITIVE_INFINITY
    const others = this.#claimed.inGroup(key, run, wanted, 'all')
    return others + ours <= atMost ? Number.POSITIVE_INFINITY : Math.max(0, atMost - others - before)
  }

  #turnOf(set: string, group: string): Standing {
    if (!this.#claimed.beside(set, group, this.#ask.run, 'all')) return 'free'
    return this.#claimed.beside(set, group, this.#ask.run, 'stuck') ? 'blocked' : 'full'
  }

  #needsOf(node: NodeId, limited: readonly Group[]): Need[] {
    const isHeld = this.#claimed.hands(node).some((run) => run !== this.#ask.run)
    const itself: Need = { key: nodeKey(node), side: '', spare: 0, standing: isHeld ? 'blocked' : 'free' }
    return [
      itself,
      ...limited.flatMap(({ limit: { key, set }, spare, standing, turn, room }): Need[] => [
        { key: groupKey(key), side: '', spare, standing: room > 0 ? 'free' : standing },
        ...(set === null ? [] : [{ key: setKey(set), side: key, spare: 0, standing: turn }]),
      ]),
    ]
  }

  /** Whether a run that came before is waiting there. A hand of one's own is only renewed: those that wait for it gain nothing by going first. */
  #isBehind(node: NodeId, need: Need, needs: readonly Need[]): boolean {
    const waiting = this.#tickets.get(need.key) ?? []
    if (waiting.length === 0 || this.#claimed.hands(node).includes(this.#ask.run)) return false
    const place = Math.min(...needs.flatMap((one) => this.#mine(one)?.number ?? []))
    return waiting.some(
      (one) => one.run !== this.#ask.run && one.number < place && (one.side === '' || one.side !== need.side) && this.#isReady(one),
    )
  }

  #mine({ key, side }: Place): Ticket | undefined {
    return this.#tickets.get(key)?.find((one) => one.run === this.#ask.run && one.side === side)
  }

  /** New tickets where the node was refused; those that its run has on the node's other needs are kept. */
  #waitsFor(needs: readonly Need[], refused: readonly Need[]): readonly Need[] {
    const blocked = refused.filter(({ standing }) => standing === 'blocked')
    return blocked.length > 0 ? blocked : needs.filter((need) => refused.includes(need) || this.#mine(need) !== undefined)
  }

  #isReady(ticket: Ticket): boolean {
    const known = this.#counts.get(ticket.number)
    if (known !== undefined) return known
    const counts = !this.#isHeldUp(ticket)
    this.#counts.set(ticket.number, counts)
    return counts
  }

  #isHeldUp({ key, side, spare, run }: Ticket): boolean {
    if (key.startsWith(groupKey(''))) return this.#claimed.inGroup(key.slice(groupKey('').length), run, [], 'stuck') > spare
    return key.startsWith(setKey('')) && this.#claimed.beside(key.slice(setKey('').length), side, run, 'stuck')
  }
}
