import type { Case } from './cases.ts'

const REGIONS = ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1', 'ap-northeast-1']
const ACCOUNTS_MAX = 100

/** A cell holds about this many nodes until there are no more accounts: small estates have few cells, large ones have full cells. */
const CELL_NODES = 40

/** Two nodes of each of three images, in the first account, on which the list is tested. */
const TEST_NODES = 12

/** An estate of so many nodes in up to 100 accounts of five regions, patched in one night: ten minutes a node, no limit but AWS's quotas. */
export function estate(nodes: number): Case {
  const accounts = Math.max(1, Math.min(ACCOUNTS_MAX, Math.round(nodes / (REGIONS.length * CELL_NODES))))
  const names = Array.from({ length: accounts }, (_, index) => `a${String(index + 1).padStart(3, '0')}`)
  return {
    name: `estate-${String(nodes)}`,
    about: `${nodes.toLocaleString('en')} nodes in ${String(accounts)} accounts x ${String(REGIONS.length)} regions`,
    config: configText(names),
    fleet: fleetText(nodes, names),
    runbook: runbookText(names),
  }
}

const idOf = (index: number): string => String(100_000_000_001 + index)

const configText = (names: readonly string[]): string => `apiVersion: patchwave/v1
kind: Config
control: { account: "999999999999", region: us-east-1 }
regions: [${REGIONS.join(', ')}]
accounts:
${names.map((name, index) => `  ${name}: { id: "${idOf(index)}", role: "arn:aws:iam::${idOf(index)}:role/PatchwaveNodes", externalId: patchwave }`).join('\n')}
groups:
  sre-leads: { members: ["arn:aws:iam::999999999999:user/alice"] }
imageLineageTag: ImageLineage
events: { queue: patchwave-events }
`

function fleetText(nodes: number, names: readonly string[]): string {
  const cells = names.flatMap((account) => REGIONS.map((region) => ({ account, region })))
  const each = Math.floor((nodes - TEST_NODES) / cells.length)
  const groups = cells.map(({ account, region }, index) => {
    const count = index === 0 ? nodes - TEST_NODES - each * (cells.length - 1) : each
    return `  - { account: ${account}, region: ${region}, count: ${String(count)}, platform: amazon-linux-2023, amis: 3, zones: 3, tags: { Role: app } }`
  })
  return `apiVersion: patchwave/v1
kind: Fleet
seed: 7
start: 2026-01-01T00:00:00Z
accounts: { ${names.map((name, index) => `${name}: "${idOf(index)}"`).join(', ')} }
groups:
  - { account: ${names[0] ?? ''}, region: us-east-1, count: ${String(TEST_NODES)}, platform: amazon-linux-2023, amis: 3, zones: 3, tags: { Role: test } }
${groups.join('\n')}
commandTime: { median: 10m, p95: 15m }
`
}

const runbookText = (names: readonly string[]): string => `apiVersion: patchwave/v1
kind: Runbook
metadata: { name: scale }
scope:
  accounts: [${names.join(', ')}]
  regions: [${REGIONS.join(', ')}]
limit: { share: 100% }
patches:
  approve: [{ severity: [Critical, Important] }]
test:
  match: { tags: { Role: test } }
  perAmi: 2
  soak: 10m
baseline: { path: "/patchwave/{runbook}/{account}/{image}", maxAge: 14d }
waves:
  - { name: canary, take: 1%, concurrency: 100%, gate: { bake: 10m } }
  - { name: all, take: rest, concurrency: 100%, gate: { failures: 2%, bake: 10m } }
`
