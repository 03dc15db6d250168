import { readFileSync } from 'node:fs'
import {
  CreateDocumentCommand,
  GetCommandInvocationCommand,
  ListCommandInvocationsCommand,
  SendCommandCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { sha256 } from '../../src/kit/digest.ts'
import { plus } from '../../src/kit/instant.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import { serveSandbox, type ServedSandbox } from '../../src/sandbox/http.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { type Played, RealFleet } from '../../src/sandbox/real/fleet.ts'
import { HUGE_BYTES } from '../../src/sandbox/real/samples.ts'
import { clientsOf, nameOf, STAGING } from '../sandbox/front.ts'
import { clock, PATIENCE_MS, skipped } from './real.ts'

const why = (await skipped('apt')) ?? (await skipped('dnf'))

const FLEET = parseFleet(
  `apiVersion: patchwave/v1
kind: Fleet
seed: 3
groups:
  - { account: staging, region: us-east-1, count: 11, platform: debian }
  - { account: staging, region: us-east-1, count: 4, platform: amazon-linux-2023 }
`,
  'fleet.yaml',
)

/** Room for the runner's reserve and the huge sample, and little more. */
const DISK_BYTES = 256 * 1_024 * 1_024

const DOCUMENTS = ['Patchwave-Apply', 'Patchwave-Check', 'Patchwave-Scan'] as const
type Wish = Readonly<{ list: readonly string[]; startBefore?: number; reboot?: string }>

/** What SSM tells of one node's part of a command. */
type Told = Readonly<{ status: string; line: Record<string, unknown> }>

let tokens = 0
const token = (): string => `01900000-0000-7000-8000-000000000001.${String((tokens += 1))}`
const LATER = 99_999_999_999
const seconds = (): number => Math.floor(clock.now() / 1_000)

describe.skipIf(why !== null)('a sandbox of real nodes, over HTTP and in the wall’s time', { timeout: PATIENCE_MS }, () => {
  let served: ServedSandbox
  let fleet: RealFleet
  let ssm: SSMClient
  let free: NodeView[]

  beforeAll(async () => {
    served = await serveSandbox({
      fleet: FLEET,
      real: async (sandboxClock) => {
        fleet = await RealFleet.start({ clock: sandboxClock, platforms: ['debian', 'amazon-linux-2023'], diskBytes: DISK_BYTES })
        return fleet
      },
    })
    ssm = clientsOf({ endpoint: served.endpoint }).ssm
    for (const Name of DOCUMENTS) {
      const Content = readFileSync(new URL(`../../documents/${Name}.yaml`, import.meta.url), 'utf8')
      await ssm.send(new CreateDocumentCommand({ Name, Content, DocumentType: 'Command', DocumentFormat: 'YAML' }))
    }
    free = await nodesNow()
  }, PATIENCE_MS)
  afterAll(() => served.close())

  const look = async (path: string): Promise<unknown> => (await fetch(`${served.endpoint}/_sandbox/${path}`)).json()
  const nodesNow = async () => (await look('nodes')) as NodeView[]
  const rowsOf = async ({ node }: Played) => ((await look('ledger')) as LedgerRow[]).filter((row) => row.node === node)
  const viewOf = async ({ node }: Played) =>
    known(
      (await nodesNow()).find((view) => view.node === node),
      node,
    )
  const nap = (ms: number) => clock.sleep(plus(clock.now(), ms))

  /** A node that no other test has. */
  function nodeOf(family: 'apt' | 'dnf'): Played {
    const index = free.findIndex(({ packages }) => 'sample-good.all' in packages === (family === 'apt'))
    const { node } = known(free.splice(index, 1)[0], `a free ${family} node`)
    return { node, region: 'us-east-1', platform: family === 'apt' ? 'debian' : 'amazon-linux-2023' }
  }
  const shell = (node: Played, line: string) => fleet.run(node, ['sh', '-c', line])
  const until = async (node: Played, test: string): Promise<void> => {
    while ((await shell(node, test)).exit !== 0) await nap(50)
  }
  const version = async (node: Played, name: string) =>
    (await shell(node, `dpkg-query -W -f '\${Version}' ${name} 2>/dev/null || rpm -q --qf '%{VERSION}-%{RELEASE}' ${name}`)).stdout

  const start = async (node: Played, document: string, parameters: Readonly<Record<string, string>>): Promise<string> => {
    const Parameters = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, [value]]))
    const sent = await ssm.send(
      new SendCommandCommand({ DocumentName: document, InstanceIds: [node.node], Parameters, TimeoutSeconds: 600 }),
    )
    return known(sent.Command?.CommandId, 'a command id')
  }
  const apply = (node: Played, { list, startBefore = LATER, reboot = 'never' }: Wish, own = token()): Promise<string> => {
    const text = list.map((line) => `${line}\n`).join('')
    const parameters = { List: Buffer.from(text).toString('base64'), ListDigest: sha256(text), Reboot: reboot }
    return start(node, 'Patchwave-Apply', { Token: own, StartBefore: String(startBefore), ...parameters })
  }
  /** Asks as seldom as quotas want, and again where they are spent. */
  async function patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof Error && error.name === 'ThrottlingException')) throw error
        await nap(500)
      }
    }
  }
  const told = async (CommandId: string, node: Played): Promise<Told> => {
    const which = { CommandId, InstanceId: node.node }
    for (;;) {
      const { CommandInvocations: [one] = [] } = await patiently(() => ssm.send(new ListCommandInvocationsCommand(which)))
      if (one?.Status !== undefined && !['Pending', 'InProgress', 'Delayed'].includes(one.Status)) {
        const { StandardOutputContent = '' } = await patiently(() => ssm.send(new GetCommandInvocationCommand(which)))
        const [line = ''] = StandardOutputContent.split('\n')
        return { status: one.Status, line: line.endsWith('"}') || /\d}$/.test(line) ? (JSON.parse(line) as Record<string, unknown>) : {} }
      }
      await nap(1_000)
    }
  }

  it.concurrent('one command on two families: invocations, ledger and node views say what the package managers did', async () => {
    const [apt, dnf, other] = [nodeOf('apt'), nodeOf('dnf'), nodeOf('dnf')]
    const [a, b] = await Promise.all([
      apply(apt, { list: ['sample-good all 1.0.5-2'] }),
      apply(dnf, { list: ['sample-good noarch 0:1.0.5-2'] }),
    ])
    for (const [command, node] of [[a, apt], [b, dnf]] as const) {
      expect(await told(command, node)).toMatchObject({ status: 'Success', line: { verdict: 'patched', changed: 1 } })
      expect(await rowsOf(node)).toMatchObject([
        { document: 'Patchwave-Apply', commandId: command, account: STAGING, exitCode: 0, verdict: 'patched', transaction: { changed: 1, cut: null } },
      ])
      expect(await version(node, 'sample-good')).toBe('1.0.5-2')
    } // prettier-ignore
    const views = new Map((await nodesNow()).map((view) => [view.node, view]))
    expect(views.get(apt.node)).toMatchObject({ health: 'healthy', agent: 'online', packages: { 'sample-good.all': '1.0.5-2' } })
    expect(views.get(dnf.node)?.packages['sample-good.noarch']).toBe('0:1.0.5-2')
    expect(views.get(other.node)?.packages['sample-good.noarch']).toBe('0:1.0-1')
    expect(await rowsOf(other)).toEqual([])
    expect(views.get(apt.node)?.bootId).toBe((await shell(apt, 'cat /proc/sys/kernel/random/boot_id')).stdout.trim())
  })

  it.concurrent('a package that breaks the application is seen by its health script, and by whoever looks', async () => {
    const node = nodeOf('dnf')
    const check = async () =>
      told(
        await start(node, 'Patchwave-Check', { Token: token(), StartBefore: String(LATER), Script: '/opt/app/bin/smoke', Timeout: '60' }),
        node,
      )
    expect(await check()).toMatchObject({ status: 'Success', line: { verdict: 'passed' } })
    await told(await apply(node, { list: ['sample-breaks-health noarch 0:1.1-1'] }), node)
    expect(await check()).toMatchObject({ status: 'Failed', line: { verdict: 'failed', reason: 'check-failed' } })
    expect((await viewOf(node)).health).toBe('broken')
  })

  it.concurrent(
    'the agent is killed with its script in the middle of the transaction, and comes back: one transaction, one result',
    async () => {
      const node = nodeOf('apt')
      const agent = await fleet.agent(node)
      const command = await apply(node, { list: ['sample-slow all 1.1-1'] })
      await until(node, 'dpkg-query -W -f "\\${Status}" sample-slow | grep -q half-configured')
      agent.dies('killed')
      await nap(300)
      agent.returns()
      expect(await told(command, node)).toMatchObject({ status: 'Success', line: { verdict: 'patched', changed: 1 } })
      expect((await rowsOf(node)).map(({ exitCode, verdict }) => [exitCode, verdict])).toEqual([[137, null], [0, 'patched']]) // prettier-ignore
      expect((await shell(node, 'grep -c " upgrade sample-slow" /var/log/dpkg.log')).stdout).toBe('1\n')
    },
  )

  it.concurrent('the agent’s own package stands in the list, and its upgrade starts the script a second time', async () => {
    const node = nodeOf('apt')
    const agent = await fleet.agent(node)
    await shell(node, 'echo 3 >/etc/sample-agent')
    const arch = (await shell(node, 'dpkg --print-architecture')).stdout.trim()
    const command = await apply(node, { list: [`amazon-ssm-agent ${arch} 3.3.2299.0-1`, 'sample-good all 1.1-1'] })
    await until(node, 'dpkg-query -W -f "\\${Status}" amazon-ssm-agent | grep -q half-configured')
    expect(await version(node, 'sample-good')).toBe('1.1-1')
    agent.dies('live')
    agent.returns()
    expect(await told(command, node)).toMatchObject({ status: 'Success', line: { verdict: 'patched', changed: 2 } })
    const rows = await rowsOf(node)
    expect(rows).toHaveLength(2)
    expect(rows.filter(({ transaction }) => transaction !== null)).toHaveLength(1)
    expect((await shell(node, 'grep -cE " upgrade (amazon-ssm-agent|sample-)" /var/log/dpkg.log')).stdout).toBe('2\n')
  })

  it.concurrent('a node that boots when its time has passed installs nothing', async () => {
    const node = nodeOf('apt')
    const agent = await fleet.agent(node)
    await agent.powerCut()
    const startBefore = seconds() + 3
    const command = await apply(node, { list: ['sample-good all 1.1-1'], startBefore })
    while (seconds() <= startBefore) await nap(100)
    await agent.boots()
    expect(await told(command, node)).toMatchObject({ status: 'Success', line: { verdict: 'skipped', reason: 'too-late', changed: 0 } })
    expect(await version(node, 'sample-good')).toBe('1.0-1')
    expect((await rowsOf(node)).map(({ transaction }) => transaction)).toEqual([null])
  })

  it.concurrent('power that goes in the middle of a transaction: nothing is installed again, and the answer says so', async () => {
    const node = nodeOf('apt')
    const agent = await fleet.agent(node)
    const command = await apply(node, { list: ['sample-slow all 1.1-1'] })
    await until(node, 'dpkg-query -W -f "\\${Status}" sample-slow | grep -q half-configured')
    const before = (await viewOf(node)).bootId
    await agent.powerCut()
    await agent.boots()
    expect(await told(command, node)).toMatchObject({ status: 'Failed', line: { verdict: 'failed', reason: 'interrupted' } })
    expect((await rowsOf(node)).map(({ exitCode }) => exitCode)).toEqual([null, 74])
    expect((await viewOf(node)).bootId).not.toBe(before)
    expect((await shell(node, 'grep -c " upgrade sample-slow" /var/log/dpkg.log; dpkg --audit')).stdout).toBe('1\n')
  })

  it.concurrent('two commands and a person want the package manager at once: one after the other, and all is done', async () => {
    const node = nodeOf('apt')
    const person = fleet.run(node, ['apt-get', '-q', '-y', 'install', 'sample-slow=1.1-1'], { env: { DEBIAN_FRONTEND: 'noninteractive' } })
    await until(node, 'dpkg-query -W -f "\\${Status}" sample-slow | grep -q half-configured')
    const commands = await Promise.all([
      apply(node, { list: ['sample-good all 1.1-1'] }),
      apply(node, { list: ['sample-config all 1.1-1'] }),
    ])
    for (const command of commands) expect(await told(command, node)).toMatchObject({ line: { verdict: 'patched', changed: 1 } })
    expect(await person).toMatchObject({ exit: 0 })
    for (const name of ['sample-good', 'sample-config', 'sample-slow']) expect(await version(node, name)).toBe('1.1-1')
  })

  it.concurrent('a full disk is told before anything is changed, and is no trouble when there is room again', async () => {
    const node = nodeOf('apt')
    await shell(node, `head -c ${String(DISK_BYTES - HUGE_BYTES)} /dev/zero >/filler`)
    const full = await told(await apply(node, { list: ['sample-huge all 1.1-1'] }), node)
    expect(full).toMatchObject({ status: 'Failed', line: { verdict: 'failed', reason: 'disk-full', changed: 0 } })
    expect(await version(node, 'sample-huge')).toBe('1.0-1')
    await shell(node, 'rm /filler')
    expect(await told(await apply(node, { list: ['sample-huge all 1.1-1'] }), node)).toMatchObject({ line: { verdict: 'patched' } })
  })

  it.concurrent('a node that wants a reboot gets one, under a new boot id', async () => {
    const node = nodeOf('apt')
    await fleet.agent(node)
    const before = (await viewOf(node)).bootId
    const command = await apply(node, { list: ['sample-wants-reboot all 1.1-1'], reboot: 'if-needed' })
    const { status, line } = await told(command, node)
    expect({ status, line }).toMatchObject({ status: 'Success', line: { verdict: 'patched', changed: 1, reboot: 'no' } })
    expect(line['boot']).not.toBe(before)
    expect((await rowsOf(node)).map(({ exitCode }) => exitCode)).toEqual([194, 0])
    expect(await viewOf(node)).toMatchObject({
      bootId: line['boot'],
      packages: { 'sample-wants-reboot.all': '1.1-1' },
    })
  })

  it.concurrent.each([
    ['a quote in a token', { Token: "'; touch /pwned; '" }],
    ['a line end in a token', { Token: `${token()}\ntouch /pwned` }],
    ['a substitution in the list', { List: '$(touch /pwned)' }],
    ['a quote for a reboot', { Reboot: "never' touch /pwned '" }],
  ])('%s never reaches a node', async (_, poison) => {
    const node = nodeOf('dnf')
    free.push(
      known(
        (await nodesNow()).find((view) => view.node === node.node),
        'the node',
      ),
    )
    const before = (await rowsOf(node)).filter(({ token: own }) => own.includes('touch')).length
    const wish = { Token: token(), StartBefore: String(LATER), List: '', ListDigest: sha256(''), Reboot: 'never', ...poison }
    expect(await nameOf(start(node, 'Patchwave-Apply', wish))).toMatch(
      /InvalidParameters|ValidationException|SerializationException|RequestEntityTooLarge/,
    )
    expect((await rowsOf(node)).filter(({ token: own }) => own.includes('touch'))).toHaveLength(before)
  })

  it.concurrent('two megabytes of list fail on the node, and change nothing', async () => {
    const node = nodeOf('apt')
    const wish = { Token: token(), StartBefore: String(LATER), List: 'A'.repeat(2_000_000), ListDigest: sha256(''), Reboot: 'never' }
    expect(await told(await start(node, 'Patchwave-Apply', wish), node)).toMatchObject({ status: 'Failed' })
    expect((await viewOf(node)).packages).toEqual(Object.fromEntries(fleet.catalogue('debian').installed))
  })
})
