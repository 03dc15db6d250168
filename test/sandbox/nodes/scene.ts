import { sha256 } from '../../../src/kit/digest.ts'
import { instant, MINUTE, SECOND } from '../../../src/kit/instant.ts'
import { type FaultsFile, parseFaults } from '../../../src/sandbox/faults.ts'
import { type FleetFile, parseFleet } from '../../../src/sandbox/fleet-file.ts'
import type { Caller, SimNode } from '../../../src/sandbox/model.ts'
import type { ObjectStore } from '../../../src/sandbox/nodes/objects.ts'
import { buildWorld, type ResolveDocument, type World } from '../../../src/sandbox/nodes/world.ts'
import { TestClock } from './clock.ts'

export const START = instant(Date.UTC(2026, 0, 1))
export const RUN = '0190a000-0000-7000-8000-000000000001'
export const OTHER_RUN = '0190a000-0000-7000-8000-000000000002'
export const CALLER: Caller = { account: '222222222222', region: 'us-east-1', arn: 'arn:aws:iam::222222222222:role/x', accessKey: 'k' }

const PARAMETERS = [
  'Token',
  'StartBefore',
  'List',
  'ListDigest',
  'Reboot',
  'Undo',
  'Script',
  'Timeout',
  'Digest',
  'Offset',
  'Kernel',
  'Record',
  'Moment',
  'Mode',
  'executionTimeout',
]
const CONTENT = JSON.stringify({
  schemaVersion: '2.2',
  parameters: Object.fromEntries(PARAMETERS.map((name) => [name, { type: 'String', default: name === 'executionTimeout' ? '3600' : '' }])),
  mainSteps: [{ action: 'aws:runShellScript', name: 'patchwave' }],
})
export const HASH = sha256(CONTENT)

const resolveDocument: ResolveDocument = (_, name, version) =>
  /^(Patchwave-|Acme-Quiesce$)/.test(name) && (version === undefined || version.startsWith('$') || version === '1')
    ? { version: '1', hash: HASH, content: CONTENT }
    : undefined

/** Ten nodes of one image in one account; `lines` are further lines of the fleet file. */
export const fleetOf = (lines = '', count = 10, takes = '10m'): FleetFile =>
  parseFleet(
    `apiVersion: patchwave/v1
kind: Fleet
groups: [{ account: prod-us, region: us-east-1, count: ${String(count)}, platform: amazon-linux-2023, clusterSize: 5 }]
commandTime: { median: ${takes}, p95: ${takes} }
${lines}`,
    'fleet.yaml',
  )

export const faultsOf = (lines: string): FaultsFile => parseFaults(`apiVersion: patchwave/v1\nkind: Faults\n${lines}`, 'faults.yaml')

export type SeenEvent = { readonly 'detail-type': string; readonly detail: Readonly<Record<string, string>> }
export type Seen = Readonly<{ node: string; status: string; exit: number; output: string; result: Readonly<Record<string, unknown>> }>

/** A world, its clock, and the calls that a test makes. */
export class Scene {
  readonly clock = new TestClock(START)
  readonly events: SeenEvent[] = []
  readonly world: World

  constructor(
    options: Readonly<{ fleet?: FleetFile; faults?: FaultsFile; resolveDocument?: ResolveDocument; objects?: ObjectStore }> = {},
  ) {
    this.world = buildWorld({
      clock: this.clock,
      fleet: options.fleet ?? fleetOf(),
      faults: options.faults ?? null,
      resolveDocument: options.resolveDocument ?? resolveDocument,
      objects: options.objects,
      onEvent: (event) => this.events.push(event as SeenEvent),
    })
  }

  get nodes(): SimNode[] {
    return [...this.world.fleet.nodesOf(CALLER)]
  }

  node(index: number): SimNode {
    const node = this.nodes[index]
    if (!node) throw new Error(`there is no node ${String(index)}`)
    return node
  }

  async call(operation: string, input: Record<string, unknown>): Promise<Record<string, unknown>> {
    const act = this.world.services.ssm[operation]
    if (!act) throw new Error(`no operation ${operation}`)
    return await act(input, CALLER)
  }

  /** Sends a document to nodes; resolves to the command's id. */
  async send(document: string, token: string, given: Record<string, string> = {}, more: Record<string, unknown> = {}): Promise<string> {
    const startBefore = String((START + 24 * 60 * MINUTE) / SECOND)
    const values = { Token: token, StartBefore: startBefore, ...DEFAULTS[document], ...given }
    const { Command } = await this.call('SendCommand', {
      DocumentName: document,
      InstanceIds: [this.node(0).node],
      Comment: token,
      MaxErrors: '100%',
      Parameters: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]])),
      ...more,
    })
    return (Command as { CommandId: string }).CommandId
  }

  /** Sends and lets everything come to its end. */
  async do(document: string, token: string, given: Record<string, string> = {}, more: Record<string, unknown> = {}): Promise<Seen> {
    const id = await this.send(document, token, given, more)
    await this.clock.pass(90 * MINUTE)
    const [first] = await this.seen(id)
    if (!first) throw new Error('nobody was asked')
    return first
  }

  async seen(id: string): Promise<Seen[]> {
    const { CommandInvocations } = await this.call('ListCommandInvocations', { CommandId: id, Details: true })
    return (CommandInvocations as RawInvocation[]).map(({ InstanceId, StatusDetails, CommandPlugins: [plugin] }) => ({
      node: InstanceId,
      status: StatusDetails,
      exit: plugin?.ResponseCode ?? NaN,
      output: plugin?.Output ?? '',
      result: read(plugin?.Output ?? ''),
    }))
  }

  async command(id: string): Promise<Record<string, unknown>> {
    const { Commands } = await this.call('ListCommands', { CommandId: id })
    return (Commands as Record<string, unknown>[])[0] ?? {}
  }
}

type RawInvocation = { InstanceId: string; StatusDetails: string; CommandPlugins: { ResponseCode: number; Output: string }[] }

function read(output: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(output.split('\n')[0] ?? '') as Record<string, unknown>
  } catch {
    return {}
  }
}

/** Parameters of an apply for lines of list text. */
export function listOf(...lines: string[]): { List: string; ListDigest: string } {
  const text = lines.map((line) => `${line}\n`).join('')
  return { List: Buffer.from(text).toString('base64'), ListDigest: sha256(text) }
}

export const OPENSSL = ['openssl x86_64 1:3.0.8-1.amzn2023.0.18', 'openssl-libs x86_64 1:3.0.8-1.amzn2023.0.18']
export const SUDO = 'sudo x86_64 0:1.9.15-1.p5.amzn2023.0.3'

const DEFAULTS: Readonly<Record<string, Record<string, string>>> = {
  'Patchwave-Apply': { ...listOf(...OPENSSL), Reboot: 'never' },
  'Patchwave-Rollback': { Reboot: 'never' },
  'Patchwave-Scan': {},
  'Patchwave-Check': { Script: '/opt/app/bin/smoke', Timeout: '60' },
  'Patchwave-Fetch': {},
  'Patchwave-Verify': listOf(...OPENSSL),
  'Patchwave-Hook': { Script: '/opt/app/bin/warm', Timeout: '60', Moment: 'before' },
  'Patchwave-LivePatch': { Mode: 'status' },
}
