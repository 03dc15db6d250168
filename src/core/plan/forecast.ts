import { MINUTE, type Ms } from '../../kit/instant.ts'
import type { PlanContent, PlannedWave } from './plan.ts'
import { known } from '../../kit/assert.ts'

/** How long the patch script takes on a node: half of them are done by `medianMs`, 95 of 100 by `p95Ms`. */
export type CommandTime = Readonly<{ medianMs: Ms; p95Ms: Ms }>

/** Without history: what a few dozen packages take on a small instance, and on a slow one. */
export const COMMAND_TIME: CommandTime = { medianMs: 8 * MINUTE, p95Ms: 15 * MINUTE }

/** Steps of the simulation before the rest is extrapolated: well under a second. */
const STEPS_MAX = 3_000_000

/** How long the waves take from the first command to the last gate, if nothing fails and nobody is waited for. */
export function forecast(content: PlanContent, time: CommandTime | undefined): Readonly<{ lowMs: Ms; highMs: Ms; basis: string }> {
  const { medianMs, p95Ms } = time ?? COMMAND_TIME
  const rounds = content.waves.map((wave) => roundsOf(content, wave))
  const bakeMs = content.waves.reduce((sum, wave) => sum + wave.gate.bakeMs, 0)
  const sum = rounds.reduce((total, one) => total + one, 0)
  const minutes = (ms: Ms): string => `${String(Math.round(ms / MINUTE))}m`
  const source = time === undefined ? 'no history' : 'history'
  return {
    lowMs: sum * medianMs + bakeMs,
    highMs: sum * p95Ms + bakeMs,
    basis: `${source}: ${minutes(medianMs)} to ${minutes(p95Ms)} a node, ${String(sum)} rounds, bake times; approvals, failures and waiting for other runs are not in it`,
  }
}

/** Rounds of nodes side by side that a wave needs under its concurrency and the limits, chosen as greedily as the engine does. */
export function roundsOf(content: PlanContent, wave: PlannedWave): number {
  const tighter = new Map(wave.tighter.map(({ group, atMost }) => [group, atMost]))
  let waiting = wave.nodes.filter((position) => content.nodes[position]?.skip === null)
  const all = waiting.length
  let steps = 0
  for (let rounds = 0; ; rounds += 1) {
    if (waiting.length === 0) return rounds
    if (steps > STEPS_MAX) return rounds + Math.ceil(waiting.length / ((all - waiting.length) / rounds))
    steps += waiting.length
    waiting = afterRound(content, waiting, wave.concurrency, tighter)
  }
}

function afterRound(content: PlanContent, waiting: readonly number[], concurrency: number, tighter: ReadonlyMap<number, number>): number[] {
  const out = new Map<number, number>()
  const turns = new Map<string, number>()
  const rest: number[] = []
  let places = concurrency
  waiting.forEach((position, index) => {
    const { groups } = known(content.nodes[position], `node ${String(position)}`)
    const free = groups.every((group) => hasRoom(content, group, out, turns, tighter))
    if (places === 0 || (!free && index > 0)) {
      rest.push(position)
      return
    }
    places -= 1
    for (const group of groups) {
      out.set(group, (out.get(group) ?? 0) + 1)
      const set = content.groups[group]?.set ?? null
      if (set !== null) turns.set(set, group)
    }
  })
  return rest
}

function hasRoom(
  content: PlanContent,
  position: number,
  out: ReadonlyMap<number, number>,
  turns: ReadonlyMap<string, number>,
  tighter: ReadonlyMap<number, number>,
): boolean {
  const group = known(content.groups[position], `group ${String(position)}`)
  const limit = Math.min(group.atMost, tighter.get(position) ?? group.atMost)
  const turn = group.set === null ? undefined : turns.get(group.set)
  return (out.get(position) ?? 0) < limit && (turn === undefined || turn === position)
}
