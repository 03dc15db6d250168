import type { PlannedWave } from '../../src/core/plan/plan.ts'
import { iso, type Instant } from '../../src/kit/instant.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { nodeAt, tokenParts, wavesOf, type Checker, type Evidence, type RunEvidence } from './evidence.ts'
import { follow, type Following } from './follow.ts'
import { Beginnings, type Beginning } from './steps.ts'

/** A node that an intent or the first step before one took out of service; it was in service before. */
type Take = Readonly<{ run: RunEvidence; position: number; at: Instant }>

/** A span of a node in one group; `atMost`: the limit that its wave has there. */
type GroupSpan = Readonly<{ node: string; run: string; atMost: number; from: Instant; to: Instant }>

/** I2: no intent takes a node out of service where a limit is reached: within its run, over all runs, and as the nodes saw it. */
export const disruption: Checker = function* (evidence) {
  const takes: Take[] = []
  const spans = new Map<string, GroupSpan[]>()
  const absences = new Map<string, Absence[]>()
  for (const run of evidence.runs) {
    const found: string[] = []
    const beginnings = new Beginnings(run)
    const following = follow(run, (now, fact, before) => {
      const beginning = beginnings.of(fact)
      if (beginning) found.push(...takesOf(now, beginning, before, takes))
    })
    yield* found
    for (const { node, from, to } of following.spans.all) {
      const name = `${run.run} ${node}`
      absences.set(name, [...(absences.get(name) ?? []), { from, to }])
    }
    for (const { node, position, from, to } of following.spans.all)
      for (const { key, atMost } of groupsAt(run, position))
        spans.set(key, [...(spans.get(key) ?? []), { node, run: run.run, atMost, from, to }])
  }
  if (evidence.runs.length > 1) for (const take of takes) yield* acrossRuns(evidence, take, spans)
  yield* byLedger(evidence, absences)
}

/** The node's groups with the limits of its wave, which may be tighter than the run's. */
function groupsAt({ plan }: RunEvidence, position: number) {
  const tighter = tighterOf(plan.waves.find(({ nodes }) => nodes.includes(position)))
  return (plan.nodes[position]?.groups ?? []).flatMap((index) => {
    const group = plan.groups[index]
    return group === undefined ? [] : [{ ...group, atMost: Math.min(group.atMost, tighter.get(index) ?? Infinity) }]
  })
}

const tighterOf = (wave: PlannedWave | undefined): ReadonlyMap<number, number> =>
  new Map(wave?.tighter.map((one) => [one.group, one.atMost]))

/** What the run itself can see: its own nodes, those that are down, strangers that are down; its wave's tighter limits; turns. */
function* takesOf(now: Following, beginning: Beginning, before: ReadonlySet<number>, takes: Take[]): Generator<string> {
  const run = now.evidence
  const { name, at, nodes, work } = beginning
  if (work === 'scan' || run.plan.work === 'scan') return
  const fresh = nodes.filter((position) => !before.has(position))
  takes.push(...fresh.map((position) => ({ run, position, at })))
  const wave = wavesOf(run.plan).get(nodes[0] ?? -1)
  const tighter = tighterOf(run.plan.waves[wave ?? -1])
  for (const index of new Set(fresh.flatMap((position) => run.plan.nodes[position]?.groups ?? []))) {
    const group = run.plan.groups[index]
    if (group === undefined) continue
    const atMost = Math.min(group.atMost, tighter.get(index) ?? Infinity)
    const out = outOf(now, index) + (now.outside.get(index) ?? 0)
    if (out > atMost) yield `${name} at ${iso(at)}: ${String(out)} of ${group.key} out of service, at most ${String(atMost)}`
    if (group.set !== null) yield* turns(now, fresh, index, `${name} at ${iso(at)}`)
  }
}

const outOf = (now: Following, group: number): number =>
  [...now.out].filter((position) => now.life(position).planned.groups.includes(group)).length

/** Groups of one set take turns: while a node of one is out, no other's may be taken. */
function* turns(now: Following, fresh: readonly number[], index: number, where: string): Generator<string> {
  const { groups } = now.evidence.plan
  const mine = fresh.filter((position) => now.life(position).planned.groups.includes(index))
  for (const [other, group] of groups.entries()) {
    if (other === index || group.set !== groups[index]?.set) continue
    const theirs = [...now.out].some(
      (position) => now.life(position).planned.groups.includes(other) && mine.some((one) => one !== position),
    )
    if (theirs || (now.outside.get(other) ?? 0) > 0)
      yield `${where}: ${groups[index]?.key ?? ''} goes out while ${group.key} is out (set ${group.set ?? ''})`
  }
}

/**
 * Nodes that any run has out at this instant, by group key. No record says which of two runs was first within a millisecond: it is taken for the
 * one with the tighter limit, which the other one has not promised to hold.
 */
function* acrossRuns({ runs }: Evidence, { run, position, at }: Take, spans: ReadonlyMap<string, readonly GroupSpan[]>): Generator<string> {
  const outAt = (key: string, mine = Infinity): Set<string> =>
    new Set(
      (spans.get(key) ?? [])
        .filter((span) => span.from <= at && at < span.to && !(span.from === at && span.run !== run.run && span.atMost > mine))
        .map(({ node }) => node),
    )
  for (const { key, atMost, set } of groupsAt(run, position)) {
    const out = outAt(key, atMost)
    if (out.size > atMost)
      yield `${nodeAt(run, position)} at ${iso(at)}: ${String(out.size)} of ${key} out of service over all runs, at most ${String(atMost)}`
    if (set === null) continue
    const others = new Set(
      runs.flatMap(({ plan }) => plan.groups.filter((group) => group.set === set && group.key !== key).map((group) => group.key)),
    )
    for (const other of others)
      if ([...outAt(other)].some((node) => node !== nodeAt(run, position)))
        yield `${nodeAt(run, position)} at ${iso(at)}: ${key} goes out while ${other} is out (set ${set})`
  }
}

/** A time in which a run had a node out of service, by its journal. */
type Absence = Readonly<{ from: Instant; to: Instant }>

/**
 * As the nodes saw it: executions that may change something, by the groups that the other side of the wire knows. At each start, every run that
 * has nodes there answers for those that were out when it took its last one; what another run took later, that one answers for. Nodes of a run
 * that has no such rule count in no group: its claims name none.
 */
function* byLedger({ runs, ledger = [] }: Evidence, absences: ReadonlyMap<string, readonly Absence[]>): Generator<string> {
  const limits = new Map(runs.map((run) => [run.run, new Map(run.plan.groups.map(({ key, atMost }) => [key, atMost]))]))
  const ends = new Map(runs.map(({ run, facts }) => [run, facts.find(({ event }) => event.type === 'RunFinished')?.at ?? Infinity]))
  const spans = new Map<string, LedgerSpan[]>()
  for (const row of firstWork(ledger)) {
    const span = spanOf(row, ends, absences)
    for (const key of Object.keys(row.inFlightInGroup)) {
      const id = key.startsWith('tag:') ? `${key}@${row.account}/${row.region}` : key
      spans.set(id, [...(spans.get(id) ?? []), span])
    }
  }
  for (const [key, rows] of spans) {
    const all = rows.filter(({ run }) => limits.get(run)?.has(key) !== false)
    const limitIn = (run: string): number => limits.get(run)?.get(key) ?? Infinity
    for (const { node, from } of all) {
      const there = all.filter((one) => one.from <= from && from < one.to)
      for (const [run, mine] of Map.groupBy(there, (one) => one.run)) {
        const atMost = limitIn(run)
        const last = Math.max(...mine.map(({ taken }) => taken))
        const earlier = ({ taken, run: other }: LedgerSpan): boolean => taken < last || (taken === last && !(limitIn(other) > atMost))
        const out = new Set(there.filter(earlier).map((one) => one.node))
        if (out.size > atMost)
          yield `${node} at ${iso(from)}: ${String(out.size)} nodes of ${key} changed at once on the nodes, at most ${String(atMost)}`
      }
    }
  }
}

/** `taken`: when its run took the node out of service, long before a hook at the end; its start, when the journal knows nothing of it. */
type LedgerSpan = Readonly<{ run: string; node: string; taken: Instant; from: Instant; to: Instant }>

/** Until its script and its transaction are over, but no longer than its run: what a finished run left open holds nobody. */
function spanOf(
  { node, token, startedAt, endedAt, transaction }: LedgerRow,
  ends: ReadonlyMap<string, number>,
  absences: ReadonlyMap<string, readonly Absence[]>,
): LedgerSpan {
  const { run } = tokenParts(token)
  const over = (at: string | null | undefined): number => (at === undefined ? 0 : at === null ? Infinity : Date.parse(at))
  const to = Math.min(Math.max(over(endedAt), over(transaction?.endedAt)), ends.get(run) ?? Infinity)
  const from = Date.parse(startedAt) as Instant
  const absence = absences.get(`${run} ${node}`)?.find((one) => one.from <= from && from < one.to)
  return { run, node, taken: absence?.from ?? from, from, to: to as Instant }
}

/** The first execution of each token on each node, if it was not turned away: later ones repeat or repair. */
function firstWork(ledger: readonly LedgerRow[]): LedgerRow[] {
  const changing = ledger.filter(({ inFlightInGroup, transaction }) => Object.keys(inFlightInGroup).length > 0 || transaction !== null)
  const first = [...Map.groupBy(changing, ({ node, token }) => `${node} ${token}`).values()].flatMap(([row]) => row ?? [])
  return first.filter(({ verdict, transaction }) => transaction !== null || verdict !== 'skipped')
}
