import { hash } from 'node:crypto'
import type { Fact } from '../../src/core/run/event.ts'
import { known } from '../../src/kit/assert.ts'
import type { Instant, Ms } from '../../src/kit/instant.ts'
import { TICKET_MS } from '../../src/ports/store.ts'
import { newTable, setOf, type Table } from './beside.ts'
import { cloneSim } from './clone.ts'
import type { Game, Named } from './explore.ts'
import { ahead } from './key.ts'
import { affordable, dueOf, nowOf, pay, timesOf, type Move } from './moves.ts'
import { own, rested, take } from './solo.ts'
import { begin, requested, Teller, type Setup, type Sim } from './sim.ts'
import { lockOf } from './world.ts'

/** Two runs over nodes that they share, with one store and one clock. The troubles that are left are common to both. */
export type Two = Readonly<{ sims: readonly [Sim, Sim]; table: Table }>

/** What happens to one of them; or time passes, and one of them is the first to see it. */
type PairMove = Named & Readonly<{ of: 0 | 1; move: Move | null; to: Instant }>

const BOTH = [0, 1] as const
const NAMES = ['A', 'B'] as const
const other = (of: 0 | 1): 0 | 1 => (of === 0 ? 1 : 0)

/** Two real runs: what each does, the other one meets. */
export const pair = (first: Setup, second: Setup): Game<Two, PairMove> => {
  const setups = [first, second] as const
  return {
    begin: () => beginning(setups),
    clone: (two) =>
      joined(setups, [cloneSim(two.sims[0]), cloneSim(two.sims[1])], {
        ...two.table,
        claims: [...two.table.claims],
        tickets: [...two.table.tickets],
      }),
    moves: (two) => moves(setups, two),
    take: (two, move, diesAfter) => played(setups, two, move, diesAfter),
    rest: (two, told) => hash('sha1', restedBoth(setups, two, told), 'base64'),
    left: ({ sims }) => sims[0].world.left,
    over: ({ sims }) => sims.every(({ live }) => live.phase.name === 'finished'),
    torn: false,
  }
}

type Setups = readonly [Setup, Setup]

/** Both were requested at the same instant, the first one first, and are about to change nodes. */
function beginning(setups: Setups): Two {
  const two = joined(setups, [requested(setups[0]), requested(setups[1])], newTable())
  for (const of of BOTH) begin(setups[of], two.sims[of])
  for (;;) {
    const move = moves(setups, two).find(({ label }) => OPENING.test(label))
    if (move === undefined) return two
    played(setups, two, move, null)
  }
}

/** What comes before the first wave, where neither run meets the other: that much is explored with one. */
const OPENING = /: (window|almanac|survey|prepare [^:]*)$|^time passes to 3600 s later, A first$/

function joined(setups: Setups, [a, b]: readonly [Sim, Sim], table: Table): Two {
  const sims: readonly [Sim, Sim] = [a, { ...b, world: { ...b.world, left: a.world.left } }]
  for (const of of BOTH) sims[of].beside = { table, peer: sims[other(of)], setup: setups[other(of)] }
  return { sims, table }
}

function moves(setups: Setups, { sims, table }: Two): PairMove[] {
  const now = BOTH.map((of) => nowOf(setups[of], sims[of]))
  const own = BOTH.flatMap((of) =>
    (now[of]?.moves ?? []).map((move): PairMove => ({
      label: `${NAMES[of]}: ${move.label}`,
      costs: move.costs,
      of,
      move,
      to: sims[of].now,
    })),
  )
  const alive = BOTH.filter((of) => sims[of].live.phase.name !== 'finished')
  const due = alive.flatMap((of) => dueOf(sims[of]))
  const idle = now.every((one) => one.idle)
  // A run asks for a claim every half minute, for hours while the other one waits for something far: what is refused again in between is left out.
  const patient = due.filter((at) => !alive.some((of) => sims[of].wakeAt === at && asksInVain(sims[of], table)))
  const times = timesOf(patient.length > 0 ? patient : due, sims[0].now, idle).flatMap(({ at, label, costs }) =>
    alive.map((of): PairMove => ({ label: alive.length === 1 ? label : `${label}, ${NAMES[of]} first`, costs, of, move: null, to: at })),
  )
  return [...own, ...times].filter((move) => affordable(sims[0], move))
}

/** Its nodes wait for claims, and for each there is a hand on the node or no place in a group. */
function asksInVain(sim: Sim, { claims }: Table): boolean {
  const { live } = sim
  const { busy } = live.waiting
  const others = claims.filter(({ run }) => run !== live.run)
  return (
    busy.length > 0 &&
    busy.every(({ node: position }) => {
      const { node, groups } = known(live.plan.nodes[position], 'the node')
      if (others.some((one) => one.hand && one.node === node)) return true
      return groups.some((group) => {
        const { key, atMost, set } = known(live.plan.groups[group], 'the group')
        const isTurnOfOther = others.some((one) => one.groups.some((other) => other !== key && set !== null && setOf(sim, other) === set))
        return isTurnOfOther || others.filter((one) => one.node !== node && one.groups.includes(key)).length >= atMost
      })
    })
  )
}

function played(setups: Setups, { sims }: Two, { of, move, to, costs }: PairMove, diesAfter: number | null): readonly Fact[] {
  const mine = sims[of]
  const peer = sims[other(of)]
  const facts: Fact[] = []
  if (move !== null) facts.push(...take(setups[of], mine, move, diesAfter))
  else {
    pay(mine, { label: '', costs })
    facts.push(...wakes(setups[of], mine, to))
  }
  meet(mine, peer)
  if (peer.now < mine.now) {
    facts.push(...wakes(setups[other(of)], peer, mine.now))
    meet(peer, mine)
  }
  return facts
}

/** Time has passed. */
function wakes(setup: Setup, sim: Sim, to: Instant): readonly Fact[] {
  sim.now = to
  if (sim.live.phase.name === 'finished') return []
  own(sim, false)
  const teller = new Teller(setup, sim)
  teller.tell()
  return teller.facts
}

/** What one run did to the nodes is there for the other. */
function meet(mine: Sim, peer: Sim): void {
  mine.live.plan.nodes.forEach(({ node }, position) => {
    const from = mine.world.nodes[position]
    const to = peer.world.nodes[peer.live.plan.nodes.findIndex((one) => one.node === node)]
    if (from === undefined || to === undefined) return
    to.exists = from.exists
    to.version = from.version
    to.foreign = lockOf(from) !== undefined
    to.changedBy = from.changedBy === null ? null : from.changedBy === 'us' ? 'them' : 'us'
  })
}

function restedBoth(setups: Setups, { sims, table }: Two, told: boolean): string {
  return [...BOTH.map((of) => rested(setups[of], sims[of], told)), tableKey(table, sims[0])].join('\n')
}

function tableKey({ claims, tickets }: Table, { now, live: { run } }: Sim): string {
  const whose = (of: string): string => (of === run ? 'A' : 'B')
  const until = (at: Instant, ms: Ms = 0): number => ahead(at + ms - now)
  const held = claims.map((one) => `${one.node}${whose(one.run)}${one.hand ? 'h' : ''}${until(one.notBefore)}`).sort()
  const queue = [...tickets]
    .sort((a, b) => a.ticket.number - b.ticket.number)
    .filter(({ seen }) => seen + TICKET_MS > now)
    .map(({ ticket, seen }) => `${whose(ticket.run)}${ticket.key}${ticket.side}${ticket.spare}${until(seen, TICKET_MS)}`)
  return [...held, ...queue].join('|')
}
