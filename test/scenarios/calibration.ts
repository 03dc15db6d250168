import { Timings } from '../../src/core/audit/history.ts'
import type { RunDurations } from '../../src/core/plan/durations.ts'
import { forecast } from '../../src/core/plan/forecast.ts'
import type { Forecast } from '../../src/core/plan/plan.ts'
import type { Fact } from '../../src/core/run/event.ts'
import type { RunState } from '../../src/core/run/state.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { known } from '../../src/kit/assert.ts'
import { DAY, MINUTE, plus, type Ms } from '../../src/kit/instant.ts'
import { derive, seeded, type Random } from '../../src/kit/random.ts'
import type { FaultsFile } from '../../src/sandbox/faults.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import { faults, fleet, group, runbook, START } from './documents.ts'
import { Stage } from './stage.ts'

/** What makes a run long: how many nodes go side by side, and what holds them up. */
export const KINDS = ['wide', 'narrow', 'clusters', 'zones', 'images', 'slow', 'polled'] as const
export type Kind = (typeof KINDS)[number]

/** A fleet and a runbook, the nights of history before the one that is foretold, and how much nights differ. */
export type Case = Readonly<{
  seed: number
  kind: Kind
  runbook: Runbook
  fleet: FleetFile
  faults: FaultsFile | null
  nights: number
  /** Standard deviation of the logarithm of a whole night's speed. */
  nightSpread: number
}>

/** What was foretold, and what came. */
export type Foretold = Readonly<{ case: Case; forecast: Forecast; tookMs: Ms; waves: readonly Ms[]; outcome: string }>

/** A case of its seed, of this kind or of one that the seed decides. */
export function caseOf(seed: number, kind: Kind = pick(seeded(derive(seed, 'kind')), KINDS)): Case {
  const of = (what: string): Random => seeded(derive(seed, what))
  const medianMs = between(of('median'), 3, 12) * MINUTE
  const groups = groupsOf(of('groups'), kind)
  return {
    seed,
    kind,
    runbook: runbook('calibrated', sectionsOf(of('runbook'), kind)),
    fleet: fleet(groups, { seed, commandTime: { medianMs, p95Ms: medianMs * (1.4 + 1.4 * of('p95')()) } }),
    faults: kind === 'slow' ? faults('agents: { slow: 4% }') : null,
    nights: between(of('nights'), 1, 6),
    nightSpread: pick(of('spread'), [0, 0.05, 0.1, 0.15]),
  }
}

const pick = <T>(random: Random, from: readonly T[]): T => known(from[Math.floor(random() * from.length)], 'one of them')
const between = (random: Random, least: number, most: number): number => least + Math.floor(random() * (most - least + 1))

function groupsOf(random: Random, kind: Kind): FleetFile['groups'] {
  const clusterSize = kind === 'clusters' ? between(random, 3, 6) : null
  const amis = kind === 'images' ? 3 : 1
  const count = between(random, 12, 60)
  const us = group('prod-us', count, { clusterSize, amis })
  return kind === 'images' ? [us, group('prod-us', between(random, 6, 20), { platform: 'ubuntu', lineage: 'ubuntu' })] : [us]
}

function sectionsOf(random: Random, kind: Kind): Readonly<Record<string, string>> {
  const bake = between(random, 0, 3) * 10
  const checks = pick(random, ['', 'smoke', 'agents, reachable'])
  const gate = `gate: { failures: 100%, bake: ${String(bake)}m, checks: [${checks}] }`
  const concurrency = kind === 'wide' || kind === 'clusters' ? '100%' : pick(random, ['10%', '20%', '33%'])
  const waves = pick(random, [
    `{ name: canary, take: 5%, ${gate} }, { name: rest, take: rest, concurrency: ${concurrency}, ${gate} }`,
    `{ name: canary, take: 2, ${gate} }, { name: half, take: 50%, concurrency: ${concurrency}, ${gate} }, { name: rest, take: rest, concurrency: ${concurrency}, ${gate} }`,
  ])
  const disruption =
    kind === 'clusters' ? '[{ per: "tag:Cluster", atMost: 1 }]' : kind === 'zones' ? '[{ per: availability-zone, oneAtATime: true }]' : ''
  // Debs carry no severity: without a rule for them, half of the images would have nothing to do.
  const patches =
    kind === 'images'
      ? '{ approve: [{ classification: [Security], severity: [Critical, Important] }, { names: [libc6, libc-bin, libssl3, openssl, libxml2] }] }'
      : ''
  return { waves: `[${waves}]`, ...(disruption !== '' && { disruption }), ...(patches !== '' && { patches }) }
}

/** Plays the nights of history, foretells the next one, and plays it. */
export async function play(one: Case): Promise<Foretold> {
  const history: RunDurations[] = []
  for (let night = 0; night < one.nights; night += 1) {
    const { state, facts } = await playNight(one, night)
    const timings = new Timings(state.run, state.plan)
    for (const fact of facts) timings.hear(fact)
    history.push(timings.measured)
  }
  const { state, facts, outcome } = await playNight(one, one.nights)
  const opened = known(facts.find(({ event }) => event.type === 'WindowOpened')?.at, 'the opening')
  const waves = facts.flatMap(({ at, event }) => (event.type === 'GateDecided' ? [at - opened] : []))
  return { case: one, forecast: forecast(state.plan, history, state.planDigest), tookMs: waves.at(-1) ?? 0, waves, outcome }
}

type Night = Readonly<{ state: RunState; facts: readonly Fact[]; outcome: string }>

/** Every night has nodes of its own, on the same images: what is patched once needs nothing the second time. */
async function playNight(one: Case, night: number): Promise<Night> {
  const speed = Math.exp(one.nightSpread * normal(seeded(derive(one.seed, 'night', night))))
  const { medianMs, p95Ms } = one.fleet.commandTime
  const stage = new Stage({
    fleet: {
      ...one.fleet,
      seed: one.seed * 100 + night,
      start: plus(START, night * 7 * DAY),
      commandTime: { medianMs: medianMs * speed, p95Ms: p95Ms * speed },
    },
    faults: one.faults === null ? null : { ...one.faults, seed: one.seed * 100 + night },
  })
  const process = await stage.start({ events: one.kind !== 'polled' })
  const { ended } = await stage.run(() => stage.acts(process, one.runbook, { now: true }))
  const { run, state, outcome } = known(ended.at(-1), 'the run')
  return { state, outcome, facts: await stage.facts(run) }
}

const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** Whether what came lies in what was foretold. */
export const isInside = ({ lowMs, highMs }: Pick<Forecast, 'lowMs' | 'highMs'>, tookMs: Ms): boolean => lowMs <= tookMs && tookMs <= highMs
