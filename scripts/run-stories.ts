import { HOUR } from '../src/kit/instant.ts'
import type { PlanContent, PlannedNode, PlannedWave } from '../src/core/plan/plan.ts'
import type { Outcome, Verdict } from '../src/core/run/event.ts'
import { NOTHING_AROUND, PLAIN_WINDOW, type Match, type Runbook } from '../src/core/runbook/runbook.ts'

/** How the world answers in one story; what is left out goes well. */
export type Story = Readonly<{
  plan?: Partial<PlanContent>
  unfinished?: 'stop' | 'next-window'
  outcome?: Outcome
  reason?: string
  verdict?: Verdict
  bakeMs?: number
  evidencePercent?: number
  drift?: string
  busy?: boolean
  send?: 'refused' | 'invalid' | 'unclear' | 'missed'
  answer?: 'approve' | 'refuse' | 'silent'
  /** A gate that holds is decided by a person. */
  decide?: 'approve' | 'refuse'
  windowMs?: number
  stored?: boolean
  /** Who reads the nodes takes longer than a reading is worth. */
  slowRead?: boolean
  gone?: boolean
  /** The first reading finds its nodes excluded. */
  excluded?: boolean
  /** Nodes do not answer the scan. */
  silent?: boolean
  /** The patch that breaks nodes; below 0: they stay broken without it. */
  culprit?: number
}>

const RULE = { group: 'leads', count: 1, expiresMs: HOUR }
const ROLLBACK = {
  on: 'gate-failed',
  scope: 'run',
  method: 'packages',
  outside: 'allow',
  failures: { kind: 'count', count: 0 },
  failuresMax: 0,
} as const
const TRIAL = {
  act: 'trial',
  trial: { lineages: [{ image: 'ami-1', nodes: [0, 1], accounts: ['111111111111'] }], path: '/p', approval: RULE },
} as const
const ISOLATED = {
  ...TRIAL,
  waves: [wave('trial', [0, 1], 0)],
  checks: { probe: { type: 'agent-ping' } },
} as const
const RETRY = { attempts: 2, on: ['lock-held'] }

/** One story for each way that a run can take; two waves of one node each. */
export const STORIES: readonly Story[] = [
  {},
  { plan: { approval: RULE } },
  { plan: { approval: RULE }, answer: 'refuse' },
  { plan: { approval: RULE }, answer: 'silent' },
  { plan: { before: ['probe'], after: ['probe'] } },
  { plan: { before: ['probe'] }, verdict: 'fail' },
  { plan: { after: ['probe'] }, verdict: 'fail' },
  { plan: { ...TRIAL, before: ['probe'] } },
  { plan: TRIAL },
  { plan: TRIAL, silent: true },
  { plan: TRIAL, answer: 'refuse' },
  { plan: TRIAL, answer: 'silent' },
  { plan: TRIAL, stored: false },
  { plan: ISOLATED, culprit: 1 },
  { plan: ISOLATED, culprit: -1 },
  { plan: { work: 'scan' } },
  { plan: { work: 'rollback', undoes: 'earlier' } },
  { drift: 'a node changed' },
  { outcome: 'failed', reason: 'dependency' },
  { outcome: 'failed', reason: 'dependency', plan: { rollback: { ...ROLLBACK, on: 'never' } } },
  { outcome: 'failed', reason: 'dependency', plan: { rollback: { ...ROLLBACK, outside: 'ask' } }, bakeMs: 20 * HOUR },
  { outcome: 'failed', reason: 'lock-held', plan: { retry: RETRY } },
  { outcome: 'unknown', reason: 'delivery-timed-out' },
  { outcome: 'skipped', reason: 'too-late' },
  { outcome: 'skipped', reason: 'too-late', decide: 'approve' },
  { outcome: 'skipped', reason: 'too-late', decide: 'refuse' },
  { verdict: 'fail' },
  { verdict: 'inconclusive' },
  { bakeMs: 10 * HOUR },
  { bakeMs: 10 * HOUR, unfinished: 'next-window' },
  { windowMs: 0 },
  { busy: true },
  { slowRead: true },
  { excluded: true },
  { plan: { nodes: [nodeOf('i-00000001'), { ...nodeOf('i-00000002'), skip: 'hybrid' }] } },
  { gone: true },
  { send: 'refused' },
  { send: 'invalid' },
  { send: 'unclear' },
  { send: 'missed' },
]

const ANY: Match = { platform: null, tags: {}, images: null, nodes: null, accounts: null, regions: null }

function runbookOf(story: Story): Runbook {
  return {
    name: 'diagram',
    title: null,
    owner: null,
    scope: { accounts: ['one'], regions: ['us-east-1'], match: ANY, exclude: null },
    window: {
      times: { schedule: 'rate(7 days)', timezone: 'UTC', durationMs: 6 * HOUR, cutoffMs: HOUR, offsetDays: 0, start: null, end: null },
      ...PLAIN_WINDOW,
      unfinished: story.unfinished ?? 'stop',
    },
    patches: null,
    test: story.culprit === undefined ? null : { match: ANY, leadMs: HOUR, perAmi: 2, soakMs: 0, checks: ['probe'], onFailure: 'isolate' },
    inputs: {},
    baseline: 'none',
    checks: {},
    disruption: [],
    waves: [],
    ...NOTHING_AROUND,
    rollback: ROLLBACK,
    feedback: null,
    limit: { nodes: null, sharePercent: 100 },
    budget: null,
    before: [],
    after: [],
    approval: null,
    retry: null,
    driftPercent: 5,
  }
}

/** The plan of a story: two waves of one node each. */
export function planOf(story: Story): PlanContent {
  return {
    v: 1,
    act: 'rollout',
    work: 'apply',
    undoes: null,
    runbook: runbookOf(story),
    inputs: {},
    nodes: [nodeOf('i-00000001'), nodeOf('i-00000002')],
    groups: [],
    waves: ['canary', 'rest'].map((name, index) => wave(name, [index], story.bakeMs ?? 0)),
    lists: [],
    trial: null,
    checks: {},
    before: [],
    after: [],
    budgetMax: null,
    rollback: ROLLBACK,
    retry: null,
    approval: null,
    feedback: null,
    reboot: 'never',
    documents: {},
    ...story.plan,
  }
}

function wave(name: string, nodes: readonly number[], bakeMs: number): PlannedWave {
  const gate = { failuresMax: 0, hard: false, bakeMs, checks: ['probe'], evidencePercent: null, approval: null, holdForMs: null }
  return { name, nodes, concurrency: nodes.length, tighter: [], gate, unrepresented: [] }
}

function nodeOf(id: string): PlannedNode {
  const where = { account: '111111111111', region: 'us-east-1', ami: 'ami-1', zone: 'use1-az1', platform: 'amazon-linux-2023' }
  return { node: id, ...where, groups: [], list: 0, skip: null }
}
