import { readFileSync } from 'node:fs'
import { CreateDocumentCommand, ListCommandInvocationsCommand, SendCommandCommand } from '@aws-sdk/client-ssm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { sha256 } from '../../src/kit/digest.ts'
import { instant, plus, SECOND } from '../../src/kit/instant.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { chance } from '../../src/sandbox/nodes/chance.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { RealFleet } from '../../src/sandbox/real/fleet.ts'
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts'
import { speedClock } from '../../src/sandbox/speed-clock.ts'
import { faults } from '../scenarios/documents.ts'
import { clientsOf } from '../sandbox/front.ts'
import { clock as wall, PATIENCE_MS, skipped } from './real.ts'

const why = await skipped('apt')

const FLEET = parseFleet(
  `apiVersion: patchwave/v1
kind: Fleet
seed: 5
groups: [{ account: staging, region: us-east-1, count: 60, platform: debian }]
`,
  'fleet.yaml',
)
const SEED = 1
const DOCUMENT = 'Patchwave-Apply'
/** Longer than any fate waits. */
const SLOW_SECONDS = 6

/** Nothing here is about lateness, so pauses between real work may be short. */
const SPEED = 20

describe.skipIf(why !== null)('seeded faults on real nodes', { timeout: PATIENCE_MS }, () => {
  const clock = speedClock(instant(Date.now()), SPEED)
  let nodes: RealFleet
  let sandbox: Sandbox
  let late: NodeView[]

  beforeAll(async () => {
    nodes = await RealFleet.start({ clock, wall, platforms: ['debian'] })
    sandbox = createSandbox({ clock, fleet: FLEET, real: nodes })
    const Content = readFileSync(new URL(`../../documents/${DOCUMENT}.yaml`, import.meta.url), 'utf8')
    const { ssm } = clientsOf({ requestHandler: sandboxHandler(sandbox) })
    await ssm.send(new CreateDocumentCommand({ Name: DOCUMENT, Content, DocumentType: 'Command', DocumentFormat: 'YAML' }))
    // Whom a fate strikes late in its four seconds: by then the transaction has begun, also on a machine with other work to do.
    late = sandbox.nodes().filter(({ node }) => chance(SEED, 'when', node, DOCUMENT, 0) > 0.85)
  }, PATIENCE_MS)
  afterAll(() => sandbox.close())

  const rowsOf = (node: string) => sandbox.ledger().filter((row) => row.node === node)
  const nap = (ms: number) => clock.sleep(plus(clock.now(), ms))
  let tokens = 0

  /** Sends a slow change to a fresh node under these faults; resolves when its script has begun, or when there was time enough for it. */
  async function begin(lines: string): Promise<Readonly<{ node: NodeView; status: () => Promise<string> }>> {
    const node = known(late.pop(), 'a node')
    const played = { node: node.node, region: node.region, platform: 'debian' } as const
    await nodes.run(played, ['sh', '-c', `echo ${SLOW_SECONDS} >/etc/sample-slow`])
    sandbox.setFaults(faults(`seed: ${SEED}\n${lines}`))
    const list = 'sample-slow all 1.1-1\n'
    const { ssm } = clientsOf({ requestHandler: sandboxHandler(sandbox) })
    const parameters = {
      Token: `01900000-0000-7000-8000-000000000001.${(tokens += 1)}`,
      StartBefore: '99999999999',
      List: Buffer.from(list).toString('base64'),
      ListDigest: sha256(list),
      Reboot: 'never',
    }
    const Parameters = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, [value]]))
    const sent = await ssm.send(
      new SendCommandCommand({ DocumentName: DOCUMENT, InstanceIds: [node.node], Parameters, TimeoutSeconds: 30 }),
    )
    const CommandId = known(sent.Command?.CommandId, 'a command id')
    for (let waited = 0; rowsOf(node.node).length === 0 && waited < 60 * SECOND; waited += SECOND) await nap(SECOND)
    return {
      node,
      status: async () => {
        const { CommandInvocations = [] } = await ssm.send(new ListCommandInvocationsCommand({ CommandId, InstanceId: node.node }))
        return CommandInvocations[0]?.StatusDetails ?? ''
      },
    }
  }

  it('what befalls agents and nodes in a command befalls real ones', async () => {
    const rerun = await begin('agents: { rerun: 100% }')
    const upgraded = await begin('agents: { upgradeInCommand: 100% }')
    const crashed = await begin('agents: { crash: 100% }')
    const died = await begin('agents: { dieInCommand: 100% }')
    const offline = await begin('agents: { offline: 100% }')
    expect(rowsOf(offline.node.node)).toEqual([])
    expect(await offline.status()).toBe('DeliveryTimedOut')
    sandbox.setFaults(null)
    const open = async () => (await Promise.all([rerun, upgraded, crashed].map(({ status }) => status()))).includes('InProgress')
    while (await open()) await nap(20 * SECOND)

    const told = ({ node }: typeof rerun) => rowsOf(node.node).map(({ exitCode, verdict }) => `${exitCode} ${verdict}`)
    expect(told(rerun)).toEqual(['137 null', '0 patched'])
    expect(told(upgraded)).toEqual(['0 patched', '0 patched'])
    expect(told(crashed)).toEqual(['null null', '74 failed'])
    expect(told(died)).toEqual(['137 null'])
    const views = new Map((await sandbox.look()).map((view) => [view.node, view]))
    const state = ({ node }: typeof rerun) => ({
      agent: views.get(node.node)?.agent,
      version: views.get(node.node)?.packages['sample-slow.all'],
      booted: views.get(node.node)?.bootId !== node.bootId,
    })
    expect(state(rerun)).toMatchObject({ agent: 'online', version: '1.1-1' })
    expect(state(upgraded)).toMatchObject({ agent: 'online', version: '1.1-1' })
    // Nobody kills a transaction, not even when its agent is gone for good.
    expect(state(died)).toMatchObject({ agent: 'lost', version: '1.1-1' })
    expect(state(crashed)).toMatchObject({ agent: 'online' })
    for (const { node } of [rerun, upgraded]) expect(rowsOf(node.node).filter(({ transaction }) => transaction !== null)).toHaveLength(1)
  })

  it('bad packages are packages of the repository: faults that would make them up are refused', () => {
    const made = faults('packages: [{ match: "sample-good", breaks: health }]')
    expect(() => sandbox.setFaults(made)).toThrow(/mistake/)
  })

  it('a reset ends what runs, and every node begins anew', async () => {
    const [first] = rowsOf(known(sandbox.nodes()[0], 'a node').node)
    expect(first).toBeUndefined()
    const running = await begin('agents: {}')
    sandbox.reset()
    expect(sandbox.ledger()).toEqual([])
    const played = { node: running.node.node, region: running.node.region, platform: 'debian' } as const
    expect((await nodes.run(played, ['ls', '/etc/sample-slow'])).exit).toBe(2)
    expect((await nodes.usage()).nodes).toBe(1)
  })
})
