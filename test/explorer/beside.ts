import type { RunEvent } from '../../src/core/run/event.ts'
import { judge, keysOf, type Ask, type Claimed, type Ticket } from '../../src/core/run/turns.ts'
import { provenClaims } from '../../src/engine/claims.ts'
import { claimOf, releaseOf } from '../../src/engine/journal.ts'
import { known } from '../../src/kit/assert.ts'
import { plus, type Instant } from '../../src/kit/instant.ts'
import { TICKET_MS, type Append, type Claim } from '../../src/ports/store.ts'
import type { Setup, Sim } from './sim.ts'
import type { Rules } from './world.ts'

/** The claims of all runs and who waits for one, as a store keeps them. */
export type Table = { claims: Claim[]; tickets: Readonly<{ ticket: Ticket; seen: Instant }>[]; last: number }

/** The other run over the same nodes, as one of the two sees it. */
export type Beside = { readonly table: Table; peer: Sim; readonly setup: Setup }

export const newTable = (): Table => ({ claims: [], tickets: [], last: 0 })

type Intent = Extract<RunEvent, { type: 'CommandIntended' | 'StepIntended' }>
type Wanted = NonNullable<Append['claim']>

/** Positions that the store refuses to an intent, which then waits there. */
export function refusedBeside({ looks }: Rules, sim: Sim, event: Intent): readonly number[] {
  const { table } = seen(sim)
  const { claim } = claimOf(sim.live, [event], sim.now)
  if (claim === undefined || (!looks.hands && !looks.limits)) return []
  const ask: Ask = { run: sim.live.run, nodes: claim.nodes, limits: looks.limits ? claim.limits : [] }
  const all = claimed(sim, sim.now)
  const { busy, places } = judge(ask, looks.hands ? all : { ...all, hands: () => [] }, fresh(table, ask, sim.now))
  if (busy.length === 0) return []
  table.tickets = table.tickets.filter((one) => one.seen > plus(sim.now, -TICKET_MS))
  for (const place of places) {
    const index = table.tickets.findIndex(({ ticket }) => ticket.run === ask.run && ticket.key === place.key && ticket.side === place.side)
    const number = table.tickets[index]?.ticket.number ?? ++table.last
    const kept = { ticket: { ...place, run: ask.run, number }, seen: sim.now }
    if (index < 0) table.tickets.push(kept)
    else table.tickets[index] = kept
  }
  return event.nodes.filter((position) => busy.includes(known(sim.live.plan.nodes[position], 'the node').node))
}

const seen = ({ beside: other }: Sim): Beside => known(other ?? undefined, 'the other run')

function fresh(table: Table, ask: Ask, at: Instant): Ticket[] {
  const keys = new Set(keysOf(ask))
  return table.tickets.filter((one) => one.seen > plus(at, -TICKET_MS) && keys.has(one.ticket.key)).map(({ ticket }) => ticket)
}

/** The set that a group takes turns in, by the plan of either run; null: in none. */
export const setOf = (sim: Sim, key: string): string | null =>
  [sim, seen(sim).peer].flatMap(({ live }) => live.plan.groups).find((group) => group.key === key && group.set !== null)?.set ?? null

function claimed(sim: Sim, at: Instant): Claimed {
  const { claims } = seen(sim).table
  const isMeant = (claim: Claim, kind: 'all' | 'stuck'): boolean => kind === 'all' || !claim.hand || claim.notBefore < at
  return {
    hands: (node) => claims.filter((claim) => claim.hand && claim.node === node).map(({ run }) => run),
    inGroup: (group, run, without, kind) =>
      new Set(
        claims
          .filter((claim) => claim.run !== run && claim.groups.includes(group) && !without.includes(claim.node) && isMeant(claim, kind))
          .map(({ node }) => node),
      ).size,
    beside: (set, group, run, kind) =>
      claims.some(
        (claim) => claim.run !== run && isMeant(claim, kind) && claim.groups.some((key) => key !== group && setOf(sim, key) === set),
      ),
  }
}

/** What an append does to the claims, judged by the state before it. */
export type Change = Readonly<{ claim: Wanted | undefined; release: NonNullable<Append['release']> }>

/** Part of an append. */
export function beside({ live }: Sim, events: readonly RunEvent[], at: Instant): Change {
  return { claim: claimOf(live, events, at).claim, release: releaseOf(live, events).release ?? [] }
}

/** The other part, once the facts are folded. */
export function besideAfter(sim: Sim, { claim, release }: Change, events: readonly RunEvent[]): void {
  const { table } = seen(sim)
  const { run } = sim.live
  for (const { node, out } of release) {
    const had = table.claims.find((one) => one.node === node && one.run === run)
    table.claims = table.claims.filter((one) => one !== had)
    if (had !== undefined && out) table.claims.push({ ...had, hand: false })
  }
  if (claim !== undefined) {
    const { nodes, notBefore, at } = claim
    table.claims = table.claims.filter((one) => one.run !== run || !nodes.some(({ node }) => node === one.node))
    for (const { node, groups } of nodes) table.claims.push({ node, run, groups, hand: true, since: at, notBefore })
    const keys = new Set(keysOf({ run, nodes, limits: claim.limits }))
    table.tickets = table.tickets.filter(({ ticket }) => ticket.run !== run || !keys.has(ticket.key))
  }
  if (events.some(({ type }) => type === 'DriverTook'))
    for (const one of provenClaims(sim.live))
      if (!table.claims.some(({ node, run: of }) => node === one.node && of === run)) table.claims.push(one)
  if (sim.live.phase.name === 'finished') {
    table.tickets = table.tickets.filter(({ ticket }) => ticket.run !== run)
    table.claims = table.claims.filter((one) => one.run !== run || one.hand)
  }
  for (const one of [sim, seen(sim).peer]) show(one, table)
}

/** Whose hand is on each node of a run's plan. */
function show({ live, world }: Sim, table: Table): void {
  live.plan.nodes.forEach(({ node }, position) => {
    const hands = table.claims.filter((claim) => claim.hand && claim.node === node)
    world.claims[position] = hands.length === 0 ? 'free' : hands.some(({ run }) => run === live.run) ? 'ours' : 'theirs'
  })
}
