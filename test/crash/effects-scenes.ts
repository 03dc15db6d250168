import { readEntry } from '../../src/core/audit/open.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { tellLeftovers } from '../../src/engine/leftovers.ts'
import { DAY, HOUR, MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import type { FaultsFile } from '../../src/sandbox/faults.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import { approveAll } from '../scenarios/approver.ts'
import { faults, fleet, group, runbook, TESTED } from '../scenarios/documents.ts'
import { withDocuments } from '../scenarios/sends.ts'
import { Stage } from '../scenarios/stage.ts'
import { baselinesOf, doneBy, endOfRuns, rootTasksOf, snapshotsOf } from './effects-ends.ts'
import type { EffectScene, End } from './effects-play.ts'

const NEVER = new AbortController().signal
const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]'
const CHECKED = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 1m, checks: [smoke] } }]'
const BREAKS = "packages: [{ match: 'openssl*', breaks: health, share: 100% }]"
const FEEDBACK = '{ queue: patchwave-feedback.fifo, detail: node }'

type Parts = Readonly<{
  name: string
  fleet: FleetFile
  faults?: FaultsFile
  runbook: Runbook
  /** Documents of the owner, or earlier ones of ours, that lie in the cells. */
  documents?: readonly string[]
  prepare?: EffectScene['prepare']
  beside?: NonNullable<EffectScene['beside']>
  shows: End
  /** What the night is compared by beside its runs. */
  more?: (stage: Stage) => End | Promise<End>
}>

/** `patchwave run` in one process. People approve what they are asked. Once the run has ended, whoever comes next only tells what is left. */
export function running({ name, fleet, faults, runbook, documents, prepare, beside, shows, more }: Parts): EffectScene {
  return {
    name,
    shows,
    open: async () => {
      const stage = new Stage({ fleet, ...(faults && { faults }) })
      if (documents) await withDocuments(stage, documents)
      return stage
    },
    ...(prepare && { prepare }),
    beside: async (stage, over) => {
      await Promise.all([approveAll(stage, over), beside?.(stage, over)])
    },
    live: async (stage, process) => {
      const last = (await stage.store.runs({ runbook: runbook.name })).at(-1)
      if (last?.act === 'rollout' && last.outcome !== null) await tellLeftovers(process.world, NEVER)
      else await stage.acts(process, runbook)
    },
    end: async (stage) => ({ ...(await endOfRuns(stage)), ...(await more?.(stage)) }),
  }
}

/** One command and one transaction on every node. */
const PATCHED = { outcomes: ['patched installed'], most: { 'Patchwave-Apply': [1, 1] } }

const THREE = fleet([group('prod-us', 3)])

export const SMALL = running({
  name: 'one wave of three nodes',
  fleet: THREE,
  runbook: runbook('small', { waves: ALL, feedback: FEEDBACK }),
  shows: { ...PATCHED, told: { any: true, doubled: 0, missing: 0 }, 'ssm.CreateDocument': 5 },
  more: (stage) => doneBy(stage, ['ssm.CreateDocument']),
})

/** Later than the successor looks for the first time, sooner than it takes nothing for an answer. */
export const LATE = running({
  name: 'an SSM that lists commands late',
  fleet: THREE,
  faults: faults('listCommands: { lag: 100s }'),
  runbook: runbook('late', { waves: ALL }),
  shows: PATCHED,
})

export const BACK = running({
  name: 'a gate that fails, and the way back',
  fleet: THREE,
  faults: faults(BREAKS),
  runbook: runbook('back', { waves: CHECKED, rollback: '{ scope: run }' }),
  shows: { outcomes: ['rolled-back restored'], most: { 'Patchwave-Apply': [1, 1], 'Patchwave-Rollback': [1, 1] } },
})

export const OLDER = running({
  name: 'cells that have older documents',
  fleet: THREE,
  documents: ['Patchwave-Apply'],
  runbook: runbook('older', { waves: ALL }),
  shows: { ...PATCHED, 'ssm.CreateDocument': 5, 'ssm.UpdateDocument': 1 },
  more: (stage) => doneBy(stage, ['ssm.CreateDocument', 'ssm.UpdateDocument']),
})

export const OWNER = running({
  name: 'hooks that are documents of the owner',
  fleet: THREE,
  documents: ['Acme-Quiesce', 'Acme-Open'],
  runbook: runbook('owner', {
    waves: '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 100%, bake: 0s } }]',
    hooks: '{ beforeNode: { document: Acme-Quiesce, timeout: 2m }, onExit: { document: Acme-Open, timeout: 2m } }',
  }),
  shows: { outcomes: ['patched installed'], most: { 'Acme-Open': [1, 0], 'Acme-Quiesce': [1, 0], 'Patchwave-Apply': [1, 1] } },
})

export const BY_PATCH_MANAGER = running({
  name: 'a wave that Patch Manager installs',
  fleet: fleet([group('prod-us', 3)], { buckets: ['patchwave-lists-us-east-1'] }),
  runbook: runbook('managed', {
    waves: '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 100%, bake: 0s } }]',
    apply: '{ with: patch-manager }',
  }),
  shows: { outcomes: ['patched installed'], most: { 'AWS-RunPatchBaseline': [1, 1] } },
})

export const TRIAL = running({
  name: 'a trial, people, baselines, and the rollout',
  fleet: fleet([group('staging', 2), group('prod-us', 2)]),
  runbook: runbook('trial', {
    ...TESTED,
    baseline: '{ maxAge: 14d, approval: { group: sre-leads, count: 2, expires: 24h } }',
    approval: '{ group: sre-leads, expires: 24h }',
  }),
  shows: {
    ...PATCHED,
    runs: ['trial trial succeeded', 'trial rollout succeeded'],
    baselines: { manifests: [[['approved']]], rewritten: [] },
  },
  more: async (stage) => ({ baselines: await baselinesOf(stage), approvals: await approvalsOf(stage) }),
})

/** Standby takes targets out and puts them back by itself: here nobody else does. */
export const DRAINED = running({
  name: 'a wave behind a load balancer',
  fleet: fleet([group('prod-us', 2, { targetGroups: [{ name: 'web', port: 80, drainMs: 30 * SECOND }] })]),
  runbook: runbook('drained', { waves: ALL, drain: '{}' }),
  shows: PATCHED,
})

/** Two nodes that serve and one that is stopped, with all that a runbook can put around a change. */
export const AROUND = running({
  name: 'a wave with steps around its changes',
  fleet: fleet([
    group('prod-us', 2, {
      targetGroups: [{ name: 'web', port: 80, drainMs: 30 * SECOND }],
      autoScaling: { name: 'web', min: 0, max: null },
      dataVolumes: 1,
    }),
    group('prod-us', 1, { stopped: 1 }),
  ]),
  runbook: runbook('around', {
    waves: ALL,
    drain: '{ targetGroups: auto, autoScaling: standby }',
    power: '{ stopped: start-and-restore }',
    backup: '{ method: snapshot, keep: 7d }',
  }),
  shows: { ...PATCHED, 'autoscaling.EnterStandby': 1, 'autoscaling.ExitStandby': 1, 'ec2.CreateSnapshots': 3 },
  more: async (stage) => ({
    ...doneBy(stage, ['autoscaling.EnterStandby', 'autoscaling.ExitStandby', 'ec2.CreateSnapshots']),
    snapshots: await snapshotsOf(stage),
  }),
})

const keeping = (name: string): Runbook => runbook(name, { waves: ALL, backup: '{ method: snapshot, keep: 1h }' })

export const EXPIRED = running({
  name: 'copies of an earlier run that have expired',
  fleet: fleet([group('prod-us', 2)]),
  prepare: async (stage) => {
    await stage.acts(await stage.start(), keeping('earlier'))
    await stage.clock.sleep(plus(stage.clock.now(), DAY))
  },
  runbook: keeping('later'),
  shows: { 'ec2.CreateSnapshots': 4, 'ec2.DeleteSnapshot': 2, ofEarlier: [] },
  more: async (stage) => {
    const snapshots = await snapshotsOf(stage)
    return {
      ...doneBy(stage, ['ec2.CreateSnapshots', 'ec2.DeleteSnapshot']),
      snapshots,
      ofEarlier: snapshots.filter((one) => one.endsWith('run 0')),
    }
  },
})

export const ROOTS = running({
  name: 'a rollback by root volume',
  fleet: fleet([group('prod-us', 2)]),
  faults: faults(BREAKS),
  runbook: runbook('roots', { waves: CHECKED, rollback: '{ method: root-volume }' }),
  shows: { outcomes: ['rolled-back root-replaced'] },
  more: async (stage) => ({ replacements: await rootTasksOf(stage) }),
})

export const CANCELLED = running({
  name: 'an abort while commands wait for their agents',
  fleet: fleet([group('prod-us', 4)]),
  faults: faults('agents: { lag: { share: 50%, by: 10m } }'),
  runbook: runbook('cancelled', { waves: ALL }),
  shows: { runs: ['cancelled rollout aborted'], outcomes: ['patched installed', 'skipped cancelled'], 'ssm.CancelCommand': 1 },
  beside: async (stage, over) => {
    while (!over.aborted && !(await hasFact(stage, 'CommandSent'))) await stage.clock.sleep(plus(stage.clock.now(), SECOND), over)
    await stage.clock.sleep(plus(stage.clock.now(), 2 * MINUTE), over)
    const [run = ''] = await stage.runs()
    await stage.steer(run, { what: 'abort' })
  },
  more: (stage) => doneBy(stage, ['ssm.CancelCommand']),
})

export const WINDOW = running({
  name: 'a run that waits for its window',
  fleet: THREE,
  runbook: runbook('window', { waves: ALL, window: '{ schedule: "cron(0 1 * * ? *)", duration: 6h, cutoff: 1h }' }),
  shows: { ...PATCHED, hasOpening: true },
  more: async (stage) => {
    const [run] = await stage.runs()
    return { hasOpening: (await stage.store.openingOf('window', 'rollout', plus(stage.fleet.start, HOUR))) === run }
  },
})

async function hasFact(stage: Stage, type: string): Promise<boolean> {
  for (const run of await stage.runs()) if ((await stage.entries(run)).some((entry) => entry.type === type)) return true
  return false
}

/** Who approved how often, over all runs. */
export async function approvalsOf(stage: Stage): Promise<Readonly<Record<string, number>>> {
  const who: string[] = []
  for (const run of await stage.runs())
    for (const entry of await stage.entries(run)) {
      const { type, data } = readEntry(entry)
      if (type === 'ApprovalGiven') who.push(`${JSON.stringify(data['subject'])} ${String(data['by'])}`)
    }
  return Object.fromEntries([...Map.groupBy(who, (one) => one)].map(([one, some]) => [one, some.length]))
}
