import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/config.ts'
import { parseRunbook } from '../../src/core/runbook/parse.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { parseYamlDocument } from '../../src/kit/document.ts'
import { InvalidDocument } from '../../src/kit/error.ts'
import { instant, MINUTE, parseInstant } from '../../src/kit/instant.ts'
import { parseFaults, type FaultsFile } from '../../src/sandbox/faults.ts'
import type { FleetFile, FleetGroup } from '../../src/sandbox/fleet-file.ts'

/** Midnight of the first of January: a Thursday. Scenarios begin here. */
export const START = parseInstant('2026-01-01T00:00:00Z') ?? instant(0)

/** One account for testing and two for production. Three people may approve. */
export const CONFIG_TEXT = `
apiVersion: patchwave/v1
kind: Config
control: { account: "999999999999", region: us-east-1 }
regions: [us-east-1, eu-west-1]
accounts:
  staging: { id: "111111111111", role: "arn:aws:iam::111111111111:role/PatchwaveNodes", externalId: patchwave }
  prod-us: { id: "222222222222", role: "arn:aws:iam::222222222222:role/PatchwaveNodes", externalId: patchwave }
  prod-eu: { id: "333333333333", role: "arn:aws:iam::333333333333:role/PatchwaveNodes", externalId: patchwave }
groups:
  sre-leads: { members: ["arn:aws:iam::999999999999:user/alice", "arn:aws:iam::999999999999:user/bob"] }
  data-leads: { members: ["arn:aws:iam::999999999999:user/carol"] }
imageLineageTag: ImageLineage
events: { queue: patchwave-events }
patchManager: { bucket: "patchwave-lists-{region}" }
`

export const config = (): Config => told(() => loadConfig({ file: { path: 'config.yaml', bytes: CONFIG_TEXT } }))

/** A few nodes that are alike. */
export const group = (account: string, count: number, more: Partial<FleetGroup> = {}): FleetGroup => ({
  account,
  region: account === 'prod-eu' ? 'eu-west-1' : 'us-east-1',
  count,
  platform: 'amazon-linux-2023',
  amis: 1,
  zones: 3,
  clusterSize: null,
  lineage: 'amazon-linux-2023',
  instanceType: 'm6i.large',
  targetGroups: [],
  autoScaling: null,
  stopped: 0,
  dataVolumes: 0,
  ...more,
  tags: { Env: account === 'staging' ? 'staging' : 'prod', PatchGroup: 'monthly', ...more.tags },
})

export const HEALTHZ = 'https://status.example.com/healthz'

export function fleet(groups: readonly FleetGroup[], more: Partial<FleetFile> = {}): FleetFile {
  return {
    seed: 7,
    start: START,
    accounts: {},
    groups,
    commandTime: { medianMs: 8 * MINUTE, p95Ms: 15 * MINUTE },
    urls: { [HEALTHZ]: { status: 200, withinMs: 80 } },
    ...more,
  }
}

/** Top-level keys of a runbook, each as the YAML text of its value. */
export type Sections = Readonly<Record<string, string>>

/** A runbook that needs no trial: two waves over the production nodes, application and agent checked behind each. */
const USUAL: Sections = {
  scope:
    '{ accounts: [prod-us], regions: [us-east-1], match: { tags: { PatchGroup: monthly } }, exclude: { tags: { "patchwave:hold": "true" } } }',
  patches: '{ approve: [{ classification: [Security], severity: [Critical, Important] }], reboot: never }',
  baseline: 'none',
  checks: `{ agents: { type: agent-ping }, reachable: { type: instance-status }, smoke: { type: script, run: /opt/app/bin/smoke }, site: { type: http, url: "${HEALTHZ}", within: 500ms } }`,
  waves:
    '[{ name: canary, take: 1, gate: { bake: 10m, checks: [smoke] } }, { name: broad, take: rest, concurrency: 100%, gate: { bake: 10m, checks: [agents, smoke] } }]',
  drift: '100%',
}

/** The sections of a runbook with a trial in the lower environment, a baseline, and a rollout to production. */
export const TESTED: Sections = {
  scope: '{ accounts: [staging, prod-us], regions: [us-east-1], match: { tags: { PatchGroup: monthly } } }',
  test: '{ match: { tags: { Env: staging } }, lead: 1d, perAmi: 2, soak: 10m, checks: [smoke] }',
  baseline: '{ maxAge: 14d }',
}

/** The YAML text of a runbook: the usual sections, with these in their place; an empty text leaves a section out. */
export function runbookText(name: string, sections: Sections = {}): string {
  const lines = Object.entries({ ...USUAL, ...sections }).flatMap(([key, text]) => (text === '' ? [] : [`${key}: ${text}`]))
  return ['apiVersion: patchwave/v1', 'kind: Runbook', `metadata: { name: ${name} }`, ...lines, ''].join('\n')
}

export function runbook(name: string, sections: Sections = {}): Runbook {
  const { accounts, groups } = config()
  return told(
    () =>
      parseRunbook(parseYamlDocument(runbookText(name, sections), `${name}.yaml`), null, {
        accounts: Object.keys(accounts),
        groups: Object.keys(groups),
      }).runbook,
  )
}

/** Faults from the lines of a fault file. */
export const faults = (lines: string): FaultsFile =>
  told(() => parseFaults(`apiVersion: patchwave/v1\nkind: Faults\n${lines}\n`, 'faults.yaml'))

/** A mistake in a document of a test is told with its place. */
function told<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error
    throw new Error(error.diagnostics.map(({ file, line, message }) => `${file}:${String(line)}: ${message}`).join('\n'), { cause: error })
  }
}
