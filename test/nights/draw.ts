import { derive, seeded, type Random } from '../../src/kit/random.ts'
import { HOUR, MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { FaultsFile } from '../../src/sandbox/faults.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import { HOLD, troublesOf, hasTags, type Troubles } from './draw-troubles.ts'
import { aroundOf, BUCKETS, type Around } from './draw-around.ts'
import { laterOf, withLater, type Later } from './draw-later.ts'
import { faults, fleet, group, HEALTHZ, runbook, START, TESTED, type Sections } from '../scenarios/documents.ts'

/** Everything that a seed decides before the night begins. */
export type Script = Readonly<{
  seed: number
  fleet: FleetFile
  faults: FaultsFile | null
  /** From here on nothing goes wrong any more. */
  calmAfterMs: Ms
  runbooks: readonly Runbook[]
  /** The share of appends at which the engine dies, and how often it may. */
  crash: Readonly<{ share: number; most: number }>
  /** How often an operator does something, on average; null: never. */
  operatorEveryMs: Ms | null
  events: boolean
  troubles: Troubles
  later: Later
}>

/** Swarm: each night has its own mix of troubles, some none at all, or the loudest would hide the rest. */
export function scriptOf(seed: number): Script {
  const of = (what: string): Random => seeded(derive(seed, what))
  const around = aroundOf(of('around'))
  const calmAfterMs = pick(of('calm'), [30 * MINUTE, 2 * HOUR, 6 * HOUR])
  const later = laterOf(seed, around !== null)
  const runbooks = runbooksOf(of('runbooks'), around, hasTags(seed), later)
  const troubles = troublesOf(seed, { alone: runbooks.length === 1, around: around !== null })
  return {
    seed,
    fleet: fleetOf(seed, of('fleet'), around),
    faults: faultsOf(seed, of('faults'), around, later),
    calmAfterMs,
    runbooks,
    crash: pick(of('crash'), [
      { share: 0, most: 0 },
      { share: 0.01, most: 3 },
      { share: 0.1, most: 12 },
    ]),
    operatorEveryMs: pick(of('operator'), [null, null, 15 * MINUTE, 2 * HOUR]),
    events: pick(of('events'), [true, true, true, false]),
    troubles,
    // What a lost part of a journal had sent can be found only where the account can be asked, and by somebody who is still there.
    later: troubles.loss === null ? later : { ...later, denied: null, undo: null },
  }
}

export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T

export const chance = (random: Random, odds: number): boolean => random() < odds

/** One of these shares, as a fault file has it. */
export const share = (random: Random, ...of: readonly number[]): string => `${String(pick(random, of))}%`

function fleetOf(seed: number, random: Random, around: Around | null): FleetFile {
  const clusterSize = pick(random, [null, 2, 3, 3, 4])
  const shape = { ...around?.group, clusterSize, zones: pick(random, [1, 2, 3]), amis: pick(random, [1, 1, 2]) }
  const groups = [group('staging', pick(random, [2, 3]), { amis: shape.amis }), group('prod-us', pick(random, [4, 6, 9, 12]), shape)]
  groups.push(group('prod-eu', pick(random, [1, 2, 4]), shape)) // An account without nodes does not exist in the sandbox.
  if (chance(random, 0.2)) groups.push(group('prod-us', 2, { platform: 'ubuntu', lineage: 'ubuntu' }))
  const minutes = pick(random, [1, 8, 25])
  const urls = chance(random, 0.93) ? { [HEALTHZ]: { status: chance(random, 0.9) ? 200 : 503, withinMs: 80 } } : {}
  return fleet(groups, {
    seed,
    start: EVE,
    commandTime: { medianMs: minutes * MINUTE, p95Ms: 2 * minutes * MINUTE },
    urls,
    ...(around && { buckets: BUCKETS }),
  })
}

/** Twenty minutes before the windows of these nights open. */
const EVE = plus(START, 40 * MINUTE)

/** Lines of a fault file, each with the odds that a night has it. */
function faultsOf(seed: number, random: Random, around: Around | null, later: Later): FaultsFile | null {
  if (chance(random, 0.15)) return null
  const odds = pick(random, [0.15, 0.35, 0.6])
  const some = (lines: readonly string[]): string => lines.filter(() => chance(random, odds)).join(', ')
  const api = some([
    `throttled: ${share(random, 5, 40)}`,
    `failedAfterEffect: ${share(random, 2, 20)}`,
    `latency: { median: ${pick(random, ['50ms', '2s'])}, p95: 10s }`,
  ])
  const agents = some([
    `offline: ${share(random, 5, 20)}`,
    `dieInCommand: ${share(random, 5, 20)}`,
    `slow: ${share(random, 10, 50)}`,
    `rerun: ${share(random, 10, 100)}`,
    `upgradeInCommand: ${share(random, 10, 100)}`,
    `crash: ${share(random, 10, 40)}`,
    `lateBoot: ${share(random, 10, 30)}`,
    `lag: { share: ${share(random, 20, 100)}, by: ${pick(random, ['1m', '5m'])} }`,
  ])
  const events = some([
    `lost: ${share(random, 10, 100)}`,
    `doubled: ${share(random, 10, 100)}`,
    `late: { share: ${share(random, 20, 100)}, by: 30m }`,
  ])
  const packages = some([
    `{ match: 'openssl*', breaks: ${pick(random, ['health', 'health', 'reachability', 'agent'])}, share: ${share(random, 10, 25, 60)} }`,
    `{ match: 'glibc*', fails: ${pick(random, ['install', 'scriptlet', 'repository', 'disk', 'checksum', 'database'])}, share: ${share(random, 10, 30)} }`,
    `{ match: '*', fails: rollback, share: ${share(random, 5, 30)} }`,
  ])
  const zones = some([
    `{ zone: use1-az${String(pick(random, [1, 2]))}, dark: { from: ${pick(random, ['2m', '20m'])}, for: ${pick(random, ['10m', '2h'])} } }`,
  ])
  const output = some([`poison: ${share(random, 20, 100)}`, `garbled: ${share(random, 10, 50)}`])
  const replace = some(packages.includes('breaks') ? [`share: 100%, after: ${pick(random, ['1m', '10m'])}`] : [])
  const list = some([`lag: ${pick(random, ['30s', '90s'])}`])
  const sections = [
    `api: { ${api} }`,
    `agents: { ${agents} }`,
    `events: { ${events} }`,
    `packages: [${[packages, ...later.packages].filter(Boolean).join(', ')}]`,
    `zones: [${zones}]`,
    `listCommands: { ${list} }`,
    `output: { ${output} }`,
    `replace: { ${replace} }`,
    `documents: [${(around?.documents ?? []).join(', ')}]`,
  ]
  return faults(`seed: ${String(seed)}\n${sections.join('\n')}`)
}

function runbooksOf(random: Random, around: Around | null, tags: boolean, later: Later): Runbook[] {
  const disruption = disruptionOf(random)
  const sections = (index: number): Sections =>
    withLater(heldOut(around?.sections(index, sectionsOf(random)) ?? sectionsOf(random), tags), later, index)
  const first = runbook('first', { ...sections(0), disruption })
  const second = runbook('second', { ...sections(1), disruption: chance(random, 0.7) ? disruption : disruptionOf(random) })
  return chance(random, 0.45) ? [first, second] : [first]
}

/** Where operators put the tag on nodes, the runbooks say what it means. */
const heldOut = (sections: Sections, tags: boolean): Sections =>
  tags ? { ...sections, scope: (sections['scope'] ?? '').replace(/ }$/, `, exclude: { tags: { "${HOLD}": "true" } } }`) } : sections

const disruptionOf = (random: Random): string =>
  `[${[pick(random, ['', '{ per: "tag:Cluster", atMost: 1 }', '{ per: "tag:Cluster", atMost: 1 }', '{ per: "tag:Cluster", atMost: 2 }']), pick(random, ['', '', '{ per: availability-zone, oneAtATime: true }'])].filter(Boolean).join(', ')}]`

/** A window of an hour is too short for most of these fleets: the cutoff comes in the middle of the work. */
const WINDOWS = [
  '',
  '',
  '',
  ...['8h, cutoff: 1h', '1h, cutoff: 15m', '2h, cutoff: 30m, unfinished: next-window', '1h, cutoff: 10m, unfinished: next-window'].map(
    (rule) => `{ schedule: "cron(0 1 * * ? *)", duration: ${rule} }`,
  ),
]

function sectionsOf(random: Random): Sections {
  const accounts = pick(random, ['[prod-us]', '[prod-us, prod-eu]'])
  const gate = (): string => {
    const checks = ['agents', 'reachable', 'smoke', 'site'].filter(() => chance(random, 0.35))
    const approval = chance(random, 0.15) ? ', approval: { group: sre-leads, expires: 6h }' : ''
    return `gate: { failures: ${pick(random, ['0', '1', '2', '40%'])}, hard: ${pick(random, ['true', 'false'])}, bake: ${pick(random, ['0s', '2m', '10m'])}, checks: [${checks.join(', ')}], holdFor: 2h${approval} }`
  }
  const wave = (name: string, take: string): string =>
    `{ name: ${name}, take: ${take}, concurrency: ${pick(random, ['1', '2', '50%', '100%'])}, ${gate()} }`
  const waves = pick(random, [
    [wave('all', 'rest')],
    [wave('canary', '1'), wave('all', 'rest')],
    [wave('canary', '2'), wave('some', '40%'), wave('all', 'rest')],
  ])
  const tested = chance(random, 0.3)
  return {
    ...(tested && {
      ...TESTED,
      baseline: pick(random, [TESTED['baseline'] ?? '', '{ maxAge: 14d, approval: { group: sre-leads, count: 2, expires: 12h } }']),
    }),
    scope: `{ accounts: ${tested ? accounts.replace('[', '[staging, ') : accounts}, regions: [us-east-1, eu-west-1], match: { tags: { PatchGroup: monthly } } }`,
    patches: `{ approve: [{ severity: [Critical, Important] }], reboot: ${pick(random, ['never', 'never', 'if-needed', 'always'])} }`,
    waves: `[${waves.join(', ')}]`,
    rollback: `{ on: ${pick(random, ['gate-failed', 'gate-failed', 'never'])}, scope: ${pick(random, ['wave', 'run', 'run'])}, outside: ${pick(random, ['allow', 'ask'])}, failures: ${pick(random, ['0', '50%'])} }`,
    window: pick(random, WINDOWS),
    retry: pick(random, ['', '{ attempts: 2, on: [lock-held, repository-unreachable] }']),
    approval: pick(random, ['', '', '{ group: sre-leads, expires: 24h }']),
    budget: pick(random, ['', '', '{ failures: 2 }']),
    before: pick(random, ['{}', '{}', '{ checks: [agents] }']),
    after: pick(random, ['{}', '{}', '{ checks: [smoke] }']),
    feedback: `{ queue: patchwave-feedback.fifo, detail: ${pick(random, ['run', 'wave', 'node'])} }`,
    drift: pick(random, ['100%', '5%']),
  }
}

/** Pauses between two things that happen at random, about this long on average; whole seconds. */
export const gapMs = (random: Random, meanMs: Ms): Ms => Math.max(SECOND, Math.round((-Math.log(1 - random()) * meanMs) / SECOND) * SECOND)
