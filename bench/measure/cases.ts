/** A fleet and a runbook to rehearse, as their files would say it. `config`: the shipped one unless it says otherwise. */
export type Case = Readonly<{ name: string; about: string; fleet: string; runbook: string; config?: string }>

/** Accounts of config/patchwave.yaml times two regions: six cells. */
const CELLS = ['staging', 'prod-us', 'prod-eu'].flatMap((account) => ['us-east-1', 'eu-west-1'].map((region) => ({ account, region })))

/** Twelve nodes to test on, in a cell of the lower environment, with the images that all others run on. */
const TEST_NODES = 12

/** A tenth of the nodes in one wave stands for the calls of a wide wave; nothing limits either. */
const WIDE_WAVES = `waves:
  - { name: canary, take: 1%, concurrency: 100%, gate: { bake: 10m } }
  - { name: all, take: rest, concurrency: 100%, gate: { failures: 2%, bake: 10m } }
`

const LIMITED_WAVES = `disruption:
  - { per: "tag:Cluster", atMost: 1 }
  - { per: availability-zone, oneAtATime: true }
waves:
  - { name: canary, take: 1%, gate: { bake: 10m } }
  - { name: all, take: rest, concurrency: 25%, gate: { failures: 2%, bake: 10m } }
`

/** Full of nodes that may all go at once: what the engine itself needs is plain to see. */
export const wide = (nodes: number): Case => ({
  name: `wide-${String(nodes)}`,
  about: `${count(nodes)} nodes, no limit`,
  fleet: fleetText(nodes, null),
  runbook: runbookText(WIDE_WAVES),
})

/** Clusters of five of which one may be away, one zone of a region after the other, a quarter at once. */
export const limited = (nodes: number): Case => ({
  name: `limited-${String(nodes)}`,
  about: `${count(nodes)} nodes, clusters and zones limited`,
  fleet: fleetText(nodes, 5),
  runbook: runbookText(LIMITED_WAVES),
})

function fleetText(nodes: number, clusterSize: number | null): string {
  const each = Math.floor(nodes / CELLS.length)
  const groups = CELLS.map(({ account, region }, index) => {
    const extra = index === 0 ? nodes - each * CELLS.length - TEST_NODES : 0
    const cluster = clusterSize === null ? '' : `, clusterSize: ${String(clusterSize)}`
    return `  - { account: ${account}, region: ${region}, count: ${String(each + extra)}, platform: amazon-linux-2023, amis: 3, zones: 3${cluster}, tags: { Role: app } }`
  })
  return `apiVersion: patchwave/v1
kind: Fleet
seed: 7
start: 2026-01-01T00:00:00Z
groups:
  - { account: staging, region: us-east-1, count: ${String(TEST_NODES)}, platform: amazon-linux-2023, amis: 3, zones: 3, tags: { Role: test } }
${groups.join('\n')}
commandTime: { median: 8m, p95: 15m }
`
}

const runbookText = (waves: string): string => `apiVersion: patchwave/v1
kind: Runbook
metadata: { name: bench }
scope:
  accounts: [staging, prod-us, prod-eu]
  regions: [us-east-1, eu-west-1]
limit: { share: 100% }
patches:
  approve: [{ severity: [Critical, Important] }]
test:
  match: { tags: { Role: test } }
  perAmi: 2
  soak: 10m
baseline: { path: "/patchwave/{runbook}/{account}/{image}", maxAge: 14d }
${waves}`

const count = (nodes: number): string => nodes.toLocaleString('en')
