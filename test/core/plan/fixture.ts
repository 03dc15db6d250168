import { DAY, HOUR, instant, MINUTE, parseInstant, type Instant } from '../../../src/kit/instant.ts'
import { sha256 } from '../../../src/kit/digest.ts'
import { baselineDigest, baselineKey, baselineOf, type StoredBaseline } from '../../../src/core/plan/baseline.ts'
import type { ImageSeen, NodeSeen } from '../../../src/core/plan/fleet.ts'
import type { PlanInput } from '../../../src/core/plan/make.ts'
import type { Patch } from '../../../src/core/plan/plan.ts'
import { NOTHING_AROUND, PLAIN_WINDOW, type Amount, type Match, type Runbook, type WaveRule } from '../../../src/core/runbook/runbook.ts'

export const NOW = parseInstant('2026-03-01T00:00:00Z') ?? instant(0)
export const STAGING = '111111111111'
export const PROD = '222222222222'
export const ACCOUNTS = { staging: STAGING, 'prod-us': PROD }

export const days = (count: number): Instant => instant(NOW + count * DAY)
export const count = (n: number): Amount => ({ kind: 'count', count: n })
export const percent = (n: number): Amount => ({ kind: 'share', percent: n })
export const anything: Match = { platform: null, tags: {}, images: null, nodes: null, accounts: null, regions: null }
export const tagged = (tags: Readonly<Record<string, string>>): Match => ({
  ...anything,
  tags: Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, [value]])),
})

export function node(id: string, more: Partial<NodeSeen> = {}): NodeSeen {
  return {
    node: id,
    account: PROD,
    region: 'us-east-1',
    ami: 'ami-a',
    zone: 'use1-az1',
    state: 'running',
    platform: 'amazon-linux-2023',
    agent: 'online',
    lastPing: NOW,
    hybrid: false,
    tags: { Env: 'prod' },
    ...more,
  }
}

/** Nodes over three zones and two images, five to a cluster. */
export function nodes(total: number, more: Partial<NodeSeen> = {}, prefix = 'i-p'): NodeSeen[] {
  return Array.from({ length: total }, (_, index) =>
    node(`${prefix}${String(index).padStart(4, '0')}`, {
      zone: `use1-az${String((index % 3) + 1)}`,
      ami: index % 2 === 0 ? 'ami-a' : 'ami-b',
      ...more,
      tags: { Env: 'prod', Cluster: `c${String(Math.floor(index / 5))}`, ...more.tags },
    }),
  )
}

export const staging = (total: number): NodeSeen[] => nodes(total, { account: STAGING, tags: { Env: 'staging' } }, 'i-s')

export const image = (ami: string, more: Partial<ImageSeen> = {}): ImageSeen => ({
  ami,
  region: 'us-east-1',
  name: ami,
  sourceAmi: null,
  sourceRegion: null,
  tags: {},
  ...more,
})

export const patch = (name: string, version = '0:1.0-1', more: Partial<Patch> = {}): Patch => ({
  family: 'rpm',
  name,
  arch: 'x86_64',
  version,
  advisories: ['ALAS2023-2026-001'],
  cves: ['CVE-2026-0001'],
  classification: 'Security',
  severity: 'Important',
  releasedAt: days(-10),
  ...more,
})

export function wave(
  name: string,
  take: WaveRule['take'],
  more: Partial<Omit<WaveRule, 'gate'>> & { gate?: Partial<WaveRule['gate']> } = {},
): WaveRule {
  const gate = { failures: count(0), hard: false, bakeMs: 10 * MINUTE, checks: [], evidencePercent: null, approval: null, holdForMs: null }
  return { name, take, spread: [], concurrency: percent(10), disruption: [], ...more, gate: { ...gate, ...more.gate } }
}

export const rest = { kind: 'rest' } as const
export const amount = (of: Amount): WaveRule['take'] => ({ kind: 'amount', amount: of })

export function runbook(more: Partial<Runbook> = {}): Runbook {
  return {
    name: 'monthly',
    title: null,
    owner: null,
    scope: {
      accounts: ['staging', 'prod-us'],
      regions: ['us-east-1', 'eu-west-1'],
      match: anything,
      exclude: tagged({ 'patchwave:hold': 'true' }),
    },
    window: {
      times: {
        schedule: 'cron(0 3 ? * SUN *)',
        timezone: 'UTC',
        durationMs: 6 * HOUR,
        cutoffMs: HOUR,
        offsetDays: 0,
        start: null,
        end: null,
      },
      ...PLAIN_WINDOW,
    },
    inputs: {},
    patches: {
      approve: [
        {
          classification: ['Security'],
          severity: ['Critical', 'Important'],
          releasedForMs: 3 * DAY,
          cves: null,
          advisories: null,
          names: null,
        },
      ],
      reject: ['kernel-debug*'],
      reboot: 'never',
      kernel: 'install',
    },
    test: { match: tagged({ Env: 'staging' }), leadMs: 3 * DAY, perAmi: 2, soakMs: 30 * MINUTE, checks: ['ping'], onFailure: 'stop' },
    baseline: { path: '/patchwave/{runbook}/{account}/{image}', maxAgeMs: 14 * DAY, approval: null },
    checks: { ping: { type: 'agent-ping' }, smoke: { type: 'script', run: '/opt/smoke', timeoutMs: MINUTE } },
    disruption: [],
    waves: [wave('canary', amount(percent(1))), wave('broad', rest)],
    ...NOTHING_AROUND,
    rollback: { on: 'gate-failed', scope: 'wave', method: 'packages', outside: 'allow', failures: percent(10) },
    feedback: null,
    limit: { nodes: null, sharePercent: 100 },
    budget: null,
    before: [],
    after: [],
    approval: null,
    retry: null,
    driftPercent: 5,
    ...more,
  }
}

export function stored(
  account: string,
  lineage: string,
  patches: readonly Patch[] = [patch('openssl')],
  storedAt = days(-1),
): [string, StoredBaseline] {
  const baseline = baselineOf(account, lineage, patches, {
    run: 'run',
    plan: sha256('plan'),
    nodes: ['i-s0000'],
    checks: ['ping'],
    testedAt: storedAt,
  })
  const path = `/patchwave/monthly/${account}/${lineage}/manifest`
  return [baselineKey(account, lineage), { baseline, path, version: 3, digest: baselineDigest(baseline), storedAt }]
}

export function input(more: Partial<PlanInput> = {}): PlanInput {
  return {
    runbook: runbook(),
    inputs: {},
    accounts: ACCOUNTS,
    fleet: [...staging(12), ...nodes(90)],
    images: [image('ami-a'), image('ami-b')],
    imageTag: null,
    baselines: new Map([stored(PROD, 'ami-a'), stored(PROD, 'ami-b')]),
    missing: new Map(),
    documents: { 'Patchwave-Apply': sha256('apply') },
    now: NOW,
    ...more,
  }
}
