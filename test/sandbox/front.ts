import { EC2Client } from '@aws-sdk/client-ec2'
import { SQSClient } from '@aws-sdk/client-sqs'
import { SSMClient } from '@aws-sdk/client-ssm'
import { STSClient } from '@aws-sdk/client-sts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { parseInstant } from '../../src/kit/instant.ts'
import { userKey } from '../../src/sandbox/callers.ts'
import { type FleetFile, parseFleet } from '../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { createSandbox, type Sandbox, type SandboxOptions } from '../../src/sandbox/sandbox.ts'
import { known } from '../../src/kit/assert.ts'

/** 2026-01-01, when the fleet below begins. */
export const START = known(parseInstant('2026-01-01T00:00:00Z'), 'the start')
export const STAGING = '111111111111'
export const CONTROL = '999999999999'

/** Twelve nodes of staging in one Region, two of prod-eu in another. */
export const FLEET: FleetFile = parseFleet(
  `apiVersion: patchwave/v1
kind: Fleet
seed: 7
groups:
  - { account: staging, region: us-east-1, count: 12, platform: amazon-linux-2023, amis: 3, zones: 3, tags: { Env: staging, PatchGroup: monthly } }
  - { account: prod-eu, region: eu-central-1, count: 2, platform: ubuntu, tags: { Env: prod } }
`,
  'fleet.yaml',
)

export type Credentials = Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>

/** The operator of an account. */
export const operatorOf = (account: string): Credentials => ({ accessKeyId: userKey(account, 'operator'), secretAccessKey: 'sandbox' })

export type Clients = Readonly<{ ssm: SSMClient; sqs: SQSClient; ec2: EC2Client; sts: STSClient }>

/** SDK clients of one cell that never retry, over whatever transport. */
export function clientsOf(
  transport: Readonly<{ requestHandler?: ReturnType<typeof sandboxHandler>; endpoint?: string }>,
  {
    account = STAGING,
    region = 'us-east-1',
    credentials = operatorOf(account),
  }: Readonly<{ account?: string; region?: string; credentials?: Credentials }> = {},
): Clients {
  const config = { region, credentials, maxAttempts: 1, ...transport }
  return { ssm: new SSMClient(config), sqs: new SQSClient(config), ec2: new EC2Client(config), sts: new STSClient(config) }
}

export type Front = Readonly<{ clock: VirtualClock; sandbox: Sandbox; clients: (who?: Parameters<typeof clientsOf>[1]) => Clients }>

/** A sandbox in virtual time with SDK clients in the same process. */
export function front(options: Partial<SandboxOptions> = {}): Front {
  const clock = new VirtualClock(START)
  const sandbox = createSandbox({ clock, fleet: FLEET, ...options })
  return { clock, sandbox, clients: (who) => clientsOf({ requestHandler: sandboxHandler(sandbox) }, who) }
}

/** The error's name, or `no error`. */
export const nameOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
  )
