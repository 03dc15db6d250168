import { createAws, type Aws } from '../../../src/adapters/aws/aws.ts'
import { silentLog } from '../../../src/adapters/system/log.ts'
import { seededRandom } from '../../../src/adapters/system/random.ts'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import { known } from '../../../src/kit/assert.ts'
import { sha256 } from '../../../src/kit/digest.ts'
import type { Cell, NodeId } from '../../../src/kit/ids.ts'
import { DAY, MINUTE, type Ms, plus } from '../../../src/kit/instant.ts'
import { userKey } from '../../../src/sandbox/callers.ts'
import { type FaultsFile, parseFaults } from '../../../src/sandbox/faults.ts'
import { type FleetFile, parseFleet } from '../../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../../src/sandbox/handler.ts'
import type { NodeView } from '../../../src/sandbox/nodes/world.ts'
import { createSandbox, type Sandbox } from '../../../src/sandbox/sandbox.ts'
import { ConnectionReset, textOf } from '../../../src/sandbox/wire/message.ts'
import { listOf, SUDO } from '../../sandbox/nodes/scene.ts'
import { signal } from './wire.ts'

export const CONTROL: Cell = { account: '999999999999', region: 'us-east-1' }
export const STAGING: Cell = { account: '111111111111', region: 'us-east-1' }

/** Six nodes of an Auto Scaling group behind two target groups, four that stand alone, two of which may be stopped. */
export const FLEET: FleetFile = parseFleet(
  `apiVersion: patchwave/v1
kind: Fleet
seed: 7
groups:
  - account: staging
    region: us-east-1
    count: 6
    platform: amazon-linux-2023
    dataVolumes: 1
    targetGroups: [{ name: web, port: 8080, drain: 2m }, { name: admin, drain: 30s }]
    autoScaling: { name: web, min: 4 }
  - { account: staging, region: us-east-1, count: 4, platform: ubuntu, targetGroups: [{ name: web, port: 8080, drain: 2m }] }
buckets: [lists]
`,
  'fleet.yaml',
)

/** Faults of the API alone. */
export const apiFaults = (lines: string): FaultsFile =>
  parseFaults(`apiVersion: patchwave/v1\nkind: Faults\napi: { ${lines} }\n`, 'faults.yaml')

const APPLY = JSON.stringify({
  schemaVersion: '2.2',
  parameters: Object.fromEntries(
    ['Token', 'StartBefore', 'List', 'ListDigest', 'Reboot', 'executionTimeout'].map((name) => [
      name,
      { type: 'String', default: name === 'executionTimeout' ? '3600' : '' },
    ]),
  ),
  mainSteps: [{ action: 'aws:runShellScript', name: 'patchwave' }],
})

/** A sandbox in virtual time and the adapters that stand before it. */
export class EstateStage {
  readonly clock = new VirtualClock(FLEET.start)
  readonly sandbox: Sandbox
  readonly aws: Aws
  /** Operations of the query protocol whose next answer is lost on the way. */
  readonly losing = new Set<string>()

  constructor(faults: FaultsFile | null = null, fleet: FleetFile = FLEET) {
    this.sandbox = createSandbox({ clock: this.clock, fleet, faults })
    this.aws = createAws({
      clock: this.clock,
      random: seededRandom(7),
      regionHome: CONTROL.region,
      control: CONTROL,
      accounts: [{ id: STAGING.account, role: `arn:aws:iam::${STAGING.account}:role/Patchwave`, externalId: null }],
      requestHandler: sandboxHandler({ dispatch: (request, aborted) => this.#dispatch(request, aborted) }),
      credentials: { accessKeyId: userKey(CONTROL.account, 'operator'), secretAccessKey: 'x' },
      sessionName: 'estate',
      log: silentLog,
    })
  }

  async #dispatch(...[request, aborted]: Parameters<Sandbox['dispatch']>): ReturnType<Sandbox['dispatch']> {
    const answer = await this.sandbox.dispatch(request, aborted)
    const operation = new URLSearchParams(textOf(request.body)).get('Action')
    if (operation !== null && this.losing.delete(operation)) throw new ConnectionReset('read ECONNRESET')
    return answer
  }

  /** Does it in virtual time. */
  do<T>(work: (aws: Aws) => Promise<T>): Promise<T> {
    return this.clock.run(() => work(this.aws))
  }

  pass(ms: Ms): Promise<void> {
    return this.clock.run(() => this.clock.sleep(plus(this.clock.now(), ms)))
  }

  /** Installs sudo on a node as a run would. */
  async update(node: NodeId): Promise<void> {
    const document = { name: 'Patchwave-Apply', content: APPLY, hash: sha256(APPLY) }
    await this.do(async ({ documents, commands }) => {
      await documents.ensure(STAGING, document, signal)
      const startBefore = plus(this.clock.now(), DAY)
      const token = '0190a000-0000-7000-8000-00000000000f.1'
      const parameters = { ...listOf(SUDO), Reboot: 'never' }
      await commands.send({ cell: STAGING, token, document, nodes: [node], parameters, startBefore, executionSeconds: 3_600 }, signal)
    })
    await this.pass(90 * MINUTE)
  }

  view(node: NodeId): NodeView {
    return known(
      this.sandbox.nodes().find((one) => one.node === node),
      node,
    )
  }

  /** Nodes of the Auto Scaling group (0-5), then those without (6-9). */
  id(index: number): NodeId {
    return known(this.sandbox.nodes()[index], `node ${String(index)}`).node
  }

  calls(call: string): number {
    return this.sandbox.calls().find((row) => row.call === call)?.count ?? 0
  }
}

export { signal }

/** The code of the failure, with AWS's own name for it. */
export const failureOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    if (!(error instanceof Error)) return String(error)
    const detail: unknown = Reflect.get(Object(Reflect.get(error, 'more')), 'detail')
    return `${String(Reflect.get(error, 'code'))} ${String(Reflect.get(Object(detail), 'error'))}`
  }
}
