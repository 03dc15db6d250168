import type { Group, PlanContent, PlannedGate, PlannedNode, PlannedWave } from '../../../src/core/plan/plan.ts'
import { NOTHING_AROUND, PLAIN_WINDOW, type Runbook } from '../../../src/core/runbook/runbook.ts'
import { MINUTE } from '../../../src/kit/instant.ts'

export type NodeSpec = Partial<Pick<PlannedNode, 'account' | 'region' | 'groups' | 'list' | 'skip'>>
export type WaveSpec = Partial<Omit<PlannedWave, 'nodes' | 'gate'>> &
  Readonly<{ nodes: number | readonly NodeSpec[]; gate?: Partial<PlannedGate> }>
export type PlanSpec = Partial<Omit<PlanContent, 'waves' | 'groups' | 'nodes' | 'runbook'>> &
  Readonly<{
    waves: readonly WaveSpec[]
    groups?: readonly Partial<Group>[]
    unfinished?: 'stop' | 'next-window'
    around?: Partial<typeof NOTHING_AROUND>
    test?: Runbook['test']
  }>

export const ACCOUNT = '111122223333'
export const REGION = 'us-east-1'

/** A plan written by hand: what is not said is the plainest that holds. Nodes are numbered through the waves. */
export function plan(spec: PlanSpec): PlanContent {
  const { waves: waveSpecs, groups: groupSpecs = [], unfinished, around, test = null, ...more } = spec
  const nodes: PlannedNode[] = []
  const waves = waveSpecs.map((wave, index): PlannedWave => {
    const { nodes: asked, gate, ...rest } = wave
    const specs = typeof asked === 'number' ? Array.from({ length: asked }, (): NodeSpec => ({})) : asked
    const positions = specs.map((one) => nodes.push(nodeOf(nodes.length, one)) - 1)
    return {
      name: `wave-${String(index + 1)}`,
      concurrency: 1_000,
      tighter: [],
      unrepresented: [],
      ...rest,
      nodes: positions,
      gate: { ...GATE, ...gate },
    }
  })
  const sizes = new Map<number, number>()
  for (const { groups } of nodes) for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  const groups = groupSpecs.map((group, index): Group => ({
    key: `tag:Cluster=c${String(index)}@${ACCOUNT}/${REGION}`,
    atMost: 1,
    set: null,
    size: sizes.get(index) ?? 0,
    ...group,
  }))
  return { ...PLAIN, runbook: { ...runbook(unfinished ?? 'stop'), ...around, test }, ...more, nodes, groups, waves }
}

const GATE: PlannedGate = { failuresMax: 0, hard: false, bakeMs: 0, checks: [], evidencePercent: null, approval: null, holdForMs: null }

function nodeOf(position: number, spec: NodeSpec): PlannedNode {
  return {
    node: `i-${position.toString(16).padStart(17, '0')}`,
    account: ACCOUNT,
    region: REGION,
    ami: 'ami-1',
    zone: 'use1-az1',
    platform: 'amazon-linux-2023',
    groups: [],
    list: 0,
    skip: null,
    ...spec,
  }
}

function runbook(unfinished: 'stop' | 'next-window'): Runbook {
  const everything = { platform: null, tags: {}, images: null, nodes: null, accounts: null, regions: null }
  return {
    name: 'night',
    title: null,
    owner: null,
    scope: { accounts: ['prod'], regions: [REGION], match: everything, exclude: null },
    window: {
      times: {
        schedule: 'cron(0 3 ? * SUN *)',
        timezone: 'UTC',
        durationMs: 360 * MINUTE,
        cutoffMs: 60 * MINUTE,
        offsetDays: 0,
        start: null,
        end: null,
      },
      ...PLAIN_WINDOW,
      unfinished,
    },
    patches: { approve: [], reject: [], reboot: 'never', kernel: 'install' },
    test: null,
    inputs: {},
    baseline: 'none',
    checks: {},
    disruption: [],
    waves: [],
    ...NOTHING_AROUND,
    rollback: { on: 'gate-failed', scope: 'wave', method: 'packages', outside: 'allow', failures: { kind: 'count', count: 1 } },
    feedback: null,
    limit: { nodes: null, sharePercent: 60 },
    budget: null,
    before: [],
    after: [],
    approval: null,
    retry: null,
    driftPercent: 5,
  }
}

const PLAIN: Omit<PlanContent, 'runbook' | 'nodes' | 'groups' | 'waves'> = {
  v: 1,
  act: 'rollout',
  work: 'apply',
  undoes: null,
  inputs: {},
  lists: [{ account: ACCOUNT, image: 'ami-1', baseline: null, patches: [], digest: '0'.repeat(64) }],
  trial: null,
  checks: {},
  before: [],
  after: [],
  budgetMax: null,
  rollback: {
    on: 'gate-failed',
    scope: 'wave',
    method: 'packages',
    outside: 'allow',
    failures: { kind: 'count', count: 1 },
    failuresMax: 1,
  },
  retry: null,
  approval: null,
  feedback: null,
  reboot: 'never',
  documents: {},
}
