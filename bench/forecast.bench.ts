import { forecast } from '../src/core/plan/forecast.ts'
import { calendarRule } from '../src/core/plan/calendar.ts'
import type { NodeSeen } from '../src/core/plan/fleet.ts'
import { makePlan, type PlanInput } from '../src/core/plan/make.ts'
import type { Patch } from '../src/core/plan/plan.ts'
import { parseRunbook } from '../src/core/runbook/parse.ts'
import { parseYamlDocument } from '../src/kit/document.ts'
import { known } from '../src/kit/assert.ts'
import { instant } from '../src/kit/instant.ts'
import { benchConfig } from './measure/rehearsal.ts'
import { atMost, plain, table, type Figure } from './measure/table.ts'

// What a forecast costs (CPU time) by the size of the fleet and by what holds its nodes up, and what it costs to find out how many nodes to trim.

const SECONDS_MAX = 1

const LIMITS = {
  free: { waves: '100%', disruption: '' },
  narrow: { waves: '10%', disruption: '' },
  clusters: { waves: '25%', disruption: 'disruption: [{ per: "tag:Cluster", atMost: 1 }]' },
  'clusters, zones in turn': {
    waves: '25%',
    disruption: 'disruption: [{ per: "tag:Cluster", atMost: 1 }, { per: availability-zone, oneAtATime: true }]',
  },
} as const
type Limit = keyof typeof LIMITS

const PATCH: Patch = {
  family: 'rpm',
  name: 'openssl',
  arch: 'x86_64',
  version: '1:3.0.8-1',
  advisories: [],
  cves: [],
  classification: 'Security',
  severity: 'Critical',
  releasedAt: null,
}

const START = instant(Date.UTC(2026, 0, 1))

function inputOf(count: number, limit: Limit, window = ''): PlanInput {
  const config = benchConfig()
  const accounts = Object.fromEntries(Object.entries(config.accounts).map(([name, { id }]) => [name, id]))
  const { runbook } = parseRunbook(parseYamlDocument(new TextEncoder().encode(runbookText(LIMITS[limit], window)), 'runbook'), null, {
    accounts: Object.keys(config.accounts),
    groups: Object.keys(config.groups),
  })
  const fleet = Array.from({ length: count }, (_, index) => nodeOf(index, known(accounts['prod-us'], 'the account')))
  const missing = new Map(fleet.map(({ node }) => [node, [PATCH]]))
  const times = runbook.window?.times
  const calendar = runbook.window && times && 'schedule' in times ? calendarRule(runbook.window, times) : null
  return {
    runbook,
    inputs: {},
    accounts,
    fleet,
    images: [],
    imageTag: null,
    baselines: new Map(),
    missing,
    documents: {},
    now: START,
    calendar,
  }
}

const runbookText = ({ waves, disruption }: (typeof LIMITS)[Limit], window: string): string => `apiVersion: patchwave/v1
kind: Runbook
metadata: { name: bench }
scope: { accounts: [prod-us], regions: [us-east-1] }
limit: { share: 100% }
patches: { approve: [{ severity: [Critical] }] }
baseline: none
${disruption}
${window}
waves:
  - { name: canary, take: 1%, concurrency: 100%, gate: { bake: 10m } }
  - { name: all, take: rest, concurrency: ${waves}, gate: { bake: 10m } }
`

/** Five nodes to a cluster, three zones, three images. */
const nodeOf = (index: number, account: string): NodeSeen => ({
  node: `i-${String(index).padStart(17, '0')}`,
  account,
  region: 'us-east-1',
  ami: `ami-${String(index % 3)}`,
  zone: `use1-az${String((index % 3) + 1)}`,
  state: 'running',
  platform: 'amazon-linux-2023',
  agent: 'online',
  lastPing: START,
  hybrid: false,
  tags: { Cluster: `c${String(Math.floor(index / 5))}` },
})

/** CPU time, for the machine may have other work. */
function timed<T>(work: () => T): { seconds: number; made: T } {
  const began = process.cpuUsage()
  const made = work()
  const { user, system } = process.cpuUsage(began)
  return { seconds: (user + system) / 1e6, made }
}

function figuresOf(count: number): Figure[] {
  return Object.keys(LIMITS).map((name) => {
    const limit = name as Limit
    const { content, digest } = makePlan(inputOf(count, limit))
    const { seconds } = timed(() => forecast(content, [], digest))
    return count === 10_000 ? atMost(limit, seconds, 's', SECONDS_MAX) : plain(limit, seconds, 's')
  })
}

for (const count of [100, 1_000, 10_000, 100_000]) console.log(table(`forecast of ${count.toLocaleString('en')} nodes`, figuresOf(count)))

const window = 'window: { schedule: "cron(0 3 ? * SUN *)", duration: 5h, cutoff: 1h, fit: trim }'
const whole = timed(() => makePlan(inputOf(10_000, 'clusters, zones in turn')))
const cut = timed(() => makePlan(inputOf(10_000, 'clusters, zones in turn', window)))
console.log(
  table('plan of 10,000 nodes, without AWS', [
    plain('whole', whole.seconds, 's'),
    plain('trimmed to a window of five hours', cut.seconds, 's'),
    plain('nodes trimmed', cut.made.headline.skipped['trimmed'] ?? 0, ''),
  ]),
)
