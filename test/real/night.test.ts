import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { Patch } from '../../src/core/plan/plan.ts'
import { labelApproved, readBaseline, storeBaselineAt } from '../../src/engine/shelf.ts'
import { known } from '../../src/kit/assert.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { instant } from '../../src/kit/instant.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import { type Played, RealFleet } from '../../src/sandbox/real/fleet.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { approveAll } from '../scenarios/approver.ts'
import { runbook } from '../scenarios/documents.ts'
import { faultsFound } from '../scenarios/holds.ts'
import { Stage } from '../scenarios/stage.ts'
import { clock as wall, PATIENCE_MS, skipped } from './real.ts'

const why = (await skipped('apt')) ?? (await skipped('dnf'))

const [APT, DNF] = ['debian', 'amazon-linux-2023'] as const

/** A tag's value as somebody might write it who would like to own the nodes. */
const HOSTILE = "'; touch /pwned; $(touch /pwned) `touch /pwned` | \\n touch /pwned #"

/** Thirty nodes of two families: four to test on, six in the canary, eight in the next wave, twelve that nobody comes to. */
const FLEET = `
apiVersion: patchwave/v1
kind: Fleet
seed: 7
groups:
  - { account: staging, region: us-east-1, count: 2, platform: ${APT}, tags: { Env: staging } }
  - { account: staging, region: us-east-1, count: 2, platform: ${DNF}, tags: { Env: staging } }
  - { account: prod-us, region: us-east-1, count: 3, platform: ${APT}, tags: { Env: prod, Wave: canary, Cluster: "${HOSTILE}", Owner: "${HOSTILE}" } }
  - { account: prod-us, region: us-east-1, count: 3, platform: ${DNF}, tags: { Env: prod, Wave: canary, Cluster: "${HOSTILE}", Owner: "${HOSTILE}" } }
  - { account: prod-us, region: us-east-1, count: 4, platform: ${APT}, tags: { Env: prod, Wave: early } }
  - { account: prod-us, region: us-east-1, count: 4, platform: ${DNF}, tags: { Env: prod, Wave: early } }
  - { account: prod-us, region: us-east-1, count: 6, platform: ${APT}, tags: { Env: prod } }
  - { account: prod-us, region: us-east-1, count: 6, platform: ${DNF}, tags: { Env: prod } }
`
/** Its virtual time begins with the wall's: a node's own clock, which is the wall's, is never ahead of it. */
const NODES = { ...parseFleet(FLEET, 'fleet.yaml'), start: instant(Date.now()) }

/** The trial looks at nothing but the installation, so what breaks the application gets as far as the first gate that asks for it. */
const MONTHLY = runbook('monthly', {
  scope: '{ accounts: [staging, prod-us], regions: [us-east-1] }',
  patches:
    '{ approve: [{ classification: [Security] }], reject: ["sample-failing-*", "sample-conflicting", "amazon-ssm-agent", "sample-dependency", "sample-needs-newer", "sample-unmet", "sample-slow", "sample-huge", "sample-loud", "sample-forgotten", "sample-corrupt", "sample-wants-reboot"], reboot: never }',
  test: '{ match: { tags: { Env: staging } }, lead: 1d, perAmi: 2, soak: 10m }',
  baseline: '{ maxAge: 14d, approval: { group: sre-leads, count: 2, expires: 24h } }',
  checks: '{ smoke: { type: script, run: /opt/app/bin/smoke } }',
  limit: '{ share: 100% }',
  waves: `[
    { name: canary, take: { match: { tags: { Wave: canary } } }, concurrency: 100%, gate: { bake: 10m } },
    { name: early, take: { match: { tags: { Wave: early } } }, concurrency: 100%, gate: { bake: 10m, checks: [smoke] } },
    { name: rest, take: rest, concurrency: 100%, gate: { bake: 10m, checks: [smoke] } }]`,
  rollback: '{ on: gate-failed, scope: run }',
})

/** The same nodes by what stands approved in Parameter Store. */
const UNTRIED = runbook('monthly', {
  scope: '{ accounts: [prod-us], regions: [us-east-1], match: { tags: { Wave: canary } } }',
  patches: '{ approve: [{ classification: [Security] }] }',
  baseline: '{ maxAge: 14d }',
  limit: '{ share: 100% }',
  waves: '[{ name: all, take: rest, concurrency: 100% }]',
})

const UPDATED = ['sample-breaks-health', 'sample-config', 'sample-epoch', 'sample-good', 'sample-library']

describe.skipIf(why !== null)('a month on thirty real nodes', { timeout: PATIENCE_MS }, () => {
  let nodes: RealFleet
  let stage: Stage

  beforeAll(async () => {
    const clock = new VirtualClock(NODES.start)
    nodes = await RealFleet.start({ clock, wall, platforms: [APT, DNF], seed: NODES.seed })
    stage = new Stage({ fleet: NODES, real: { clock, nodes } })
  }, PATIENCE_MS)
  afterAll(() => stage.sandbox.close())

  /** Which packages of a node are not what they were, without their architectures. */
  const changed = ({ node, packages }: NodeView): string[] => {
    const before = stage.before.get(node)?.packages ?? {}
    const keys = [...new Set([...Object.keys(before), ...Object.keys(packages)])]
    return keys.filter((key) => before[key] !== packages[key]).map((key) => key.slice(0, key.lastIndexOf('.')))
  }
  const ran = (row: LedgerRow, document: string, verdict: string): boolean => row.document === document && row.verdict === verdict

  it('goes through trial and canary, is stopped at the gate that asks the application, and puts back what it did', async () => {
    const acts = await stage.run(async () => {
      const over = new AbortController()
      void approveAll(stage, over.signal)
      const ended = await stage.acts(await stage.start(), MONTHLY, { now: true })
      over.abort()
      return ended
    })
    expect(
      acts.ended.map(({ state, outcome }) => [state.plan.act, outcome]),
      stage.warnings.join('\n'),
    ).toEqual([
      ['trial', 'succeeded'],
      ['rollout', 'rolled-back'],
    ])
    const [trial, rollout] = await Promise.all((await stage.runs()).map((run) => stage.facts(run)))
    const events = (facts: typeof trial, type: string) => (facts ?? []).filter(({ event }) => event.type === type).map(({ event }) => event)
    expect(events(trial, 'BaselineStored')).toHaveLength(2)
    expect(events(trial, 'BaselinesApproved')).toMatchObject([{ count: 2 }])
    expect(events(rollout, 'GateDecided')).toMatchObject([
      { wave: 0, verdict: 'pass' },
      { wave: 1, verdict: 'fail', why: ['smoke: fail'] },
    ])

    const views = await stage.sandbox.look()
    expect(views).toHaveLength(30)
    for (const view of views) {
      const tested = view.tags['Env'] === 'staging'
      expect(changed(view), view.tags['Name']).toEqual(tested ? UPDATED : [])
      expect(view.health, view.tags['Name']).toBe(tested ? 'broken' : 'healthy')
    }
    const ledger = stage.sandbox.ledger()
    const nodesThat = (document: string, verdict: string) =>
      new Set(ledger.filter((row) => ran(row, document, verdict)).map(({ node }) => node))
    const waved = views.filter(({ tags }) => tags['Wave'] !== undefined).map(({ node }) => node)
    expect(nodesThat('Patchwave-Apply', 'patched').size).toBe(18)
    expect([...nodesThat('Patchwave-Rollback', 'rolled-back')].sort()).toEqual(waved.sort())
    expect(nodesThat('Patchwave-Check', 'failed').size).toBe(8)
    const apart = new Set(views.filter(({ tags }) => tags['Env'] === 'prod' && tags['Wave'] === undefined).map(({ node }) => node))
    expect(ledger.filter(({ node }) => apart.has(node))).toEqual([])
    expect((await nodes.usage()).nodes).toBe(18)
    expect(await faultsFound(stage, { calm: true, powerLosses: false })).toEqual([])
  })

  it.each<[string, Partial<Patch>]>([
    ['a name for a shell', { name: 'sample-good;touch /pwned' }],
    ['a version of two lines', { version: '1.1-1\ntouch /pwned' }],
    ['an option for a name', { name: '--allow-downgrades' }],
    ['a megabyte of version', { version: `1.1-1${'0'.repeat(1_000_000)}` }],
  ])('a baseline that an intruder stored and approved, with %s, installs nothing', async (_, poison) => {
    const begun = stage.sandbox.ledger().length
    const outcome = await stage.run(async () => {
      const { world } = (await stage.start()).rehearsal
      const stored = known((await stage.runs())[0], 'the trial')
      const { event } = known(
        (await stage.facts(stored)).find(({ event }) => event.type === 'BaselineStored'),
        'a stored baseline',
      )
      const { path } = event as Extract<typeof event, { type: 'BaselineStored' }>
      const { baseline } = known(await readBaseline(world, path, 1, new AbortController().signal), 'the baseline')
      const patches = baseline.patches.map((patch) => ({ ...patch, ...poison })).slice(0, 1)
      try {
        const { version } = await storeBaselineAt(world, path, { ...baseline, patches }, new AbortController().signal)
        await labelApproved(world, path, version, new AbortController().signal)
        const { ended } = await stage.acts(await stage.start(), UNTRIED, { now: true })
        return ended.at(-1)?.outcome
      } catch (error) {
        return error instanceof PatchwaveError ? error.code : error
      }
    })
    expect(outcome).toMatch(/^(plan|aws)\.invalid$/)
    expect(stage.sandbox.ledger()).toHaveLength(begun)
  })

  it('the package managers themselves say so', async () => {
    const of = (name: string, value: string, platform: typeof APT | typeof DNF): Played => {
      const { node, region } = known(
        [...stage.before.values()].find(({ tags }) => tags[name] === value && tags['Name']?.includes(platform)),
        `a node of ${value}`,
      )
      return { node, region, platform }
    }
    const say = (node: Played, line: string) => nodes.run(node, ['sh', '-c', line])
    const deb = `dpkg-query -W -f '\${Package} \${Version}\\n' sample-breaks-health sample-good; dpkg --audit`
    const rpm = `rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' sample-breaks-health sample-good; rpm -qa | sort -u | wc -l`
    expect(await say(of('Wave', 'early', APT), deb)).toMatchObject({ stdout: 'sample-breaks-health 1.0-1\nsample-good 1.0-1\n' })
    expect(await say(of('Env', 'staging', APT), deb)).toMatchObject({ stdout: 'sample-breaks-health 1.1-1\nsample-good 1.1-1\n' })
    expect(await say(of('Wave', 'canary', APT), 'ls / /usr/bin | grep -c pwned')).toMatchObject({ stdout: '0\n' })
    const count = nodes.catalogue(DNF).installed.size
    expect(await say(of('Wave', 'early', DNF), rpm)).toMatchObject({ stdout: `sample-breaks-health 1.0-1\nsample-good 1.0-1\n${count}\n` })
    expect(await say(of('Env', 'staging', DNF), rpm)).toMatchObject({ stdout: `sample-breaks-health 1.1-1\nsample-good 1.1-1\n${count}\n` })
  })
})
