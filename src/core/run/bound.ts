import { known } from '../../kit/assert.ts'
import type { Ms } from '../../kit/instant.ts'
import { at, type RunState } from './state.ts'

/**
 * The least time in which this run's waves could have been done, given how long its nodes really took: for each wave the longest of its longest
 * node, all nodes at full concurrency, and each limited group at all its places; then the bake, where the gate passed. What a run took beyond it is ours to
 * shorten. Groups that take turns are added up, each with what the other limits leave of it: of a cluster that is patched one node after the other, those of the zone
 * whose turn it is. Rollbacks inside a run do not count.
 */
export function lowerBoundMs(state: RunState): Ms {
  const spans = spansOf(state)
  return state.waves.reduce(
    (sum, wave, index) => sum + waveMs(state, index, spans) + (wave.phase === 'passed' ? planOf(state, index).gate.bakeMs : 0),
    0,
  )
}

/** From the last intent that named a node to its own end, in milliseconds by position; 0 where it never told its end. */
export function spansOf(state: RunState): Float64Array {
  const spans = new Float64Array(state.nodes.count)
  for (const command of state.commands.values()) {
    if (command.work === 'rollback' && state.plan.work !== 'rollback') continue
    for (const position of command.nodes) {
      const endedMs = at(state.nodes.endedSeconds, position) * 1000
      if (at(state.nodes.command, position) === command.n) spans[position] = Math.max(0, endedMs - command.intendedAt)
    }
  }
  return spans
}

type Load = { longest: Ms; total: Ms }

const planOf = (state: RunState, wave: number) => known(state.plan.waves[wave], 'the wave')

function waveMs(state: RunState, index: number, spans: Float64Array): Ms {
  const wave = planOf(state, index)
  const all: Load = { longest: 0, total: 0 }
  const loads = new Loads()
  for (const position of wave.nodes) {
    const span = at(spans, position)
    if (span === 0) continue
    add(all, span)
    const { groups } = known(state.plan.nodes[position], 'the node')
    for (const group of groups) {
      add(loads.of(group, group), span)
      if (at(state.groupSet, group) >= 0) for (const other of groups) if (other !== group) add(loads.of(group, other), span)
    }
  }
  return maximum([leastMs(all, wave.concurrency), ...groupsMs(state, index, loads)])
}

/** What each group has to carry, and each group that takes turns together with another one. */
class Loads {
  readonly #loads = new Map<number, Map<number, Load>>()

  of(group: number, other: number): Load {
    const row = this.#loads.get(group) ?? new Map<number, Load>()
    this.#loads.set(group, row)
    const load = row.get(other) ?? { longest: 0, total: 0 }
    row.set(other, load)
    return load
  }

  rows(): Iterable<readonly [number, ReadonlyMap<number, Load>]> {
    return this.#loads
  }
}

/** Of any number of them: a fleet has more groups than a call takes arguments. */
const maximum = (spans: readonly Ms[]): Ms => spans.reduce((most, span) => Math.max(most, span), 0)

function add(load: Load, span: Ms): void {
  load.longest = Math.max(load.longest, span)
  load.total += span
}

const leastMs = (load: Load, places: number): Ms => Math.max(load.longest, load.total / Math.max(1, places))

function groupsMs(state: RunState, index: number, loads: Loads): Ms[] {
  const { concurrency, tighter } = planOf(state, index)
  const tight = new Map(tighter.map((one) => [one.group, one.atMost]))
  const placesOf = (group: number): number => {
    const { atMost } = known(state.plan.groups[group], 'the group')
    return Math.min(concurrency, atMost, tight.get(group) ?? atMost)
  }
  const turns = new Map<number, Ms>()
  const alone: Ms[] = []
  for (const [group, row] of loads.rows()) {
    const ms = maximum([...row].map(([other, load]) => leastMs(load, Math.min(placesOf(group), placesOf(other)))))
    const set = at(state.groupSet, group)
    if (set < 0) alone.push(ms)
    else turns.set(set, (turns.get(set) ?? 0) + ms)
  }
  return [...alone, ...turns.values()]
}
