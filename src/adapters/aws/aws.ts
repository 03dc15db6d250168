import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { instant, plus, SECOND } from '../../kit/instant.ts'
import type { Balancers } from '../../ports/balancers.ts'
import type { Calendars } from '../../ports/calendars.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Commands, Documents } from '../../ports/commands.ts'
import type { Fleet } from '../../ports/fleet.ts'
import type { Log } from '../../ports/log.ts'
import type { Machines } from '../../ports/machines.ts'
import type { Objects } from '../../ports/objects.ts'
import type { Parameters } from '../../ports/parameters.ts'
import type { Queue } from '../../ports/queue.ts'
import type { Scaling } from '../../ports/scaling.ts'
import type { CallCounter, Identity, Random } from '../../ports/world.ts'
import { balancersOver } from './balancers.ts'
import { baseKeys } from './base-keys.ts'
import { calendarsOver } from './calendars.ts'
import { Calls } from './calls.ts'
import { commandsOver } from './commands.ts'
import { documentsOver } from './documents.ts'
import { fleetOver } from './fleet.ts'
import { identityOver } from './identity.ts'
import { openLanes } from './lanes.ts'
import { machinesOver } from './machines.ts'
import { objectsOver } from './objects.ts'
import { parametersOver } from './parameters.ts'
import { queueOver } from './queue.ts'
import { Quota } from './quota.ts'
import { scalingOver } from './scaling.ts'
import { Sessions, type AccountAccess, type Keys, type Session } from './sessions.ts'

/** All that the engine asks of AWS, over the SDK. */
export type Aws = Readonly<{
  fleet: Fleet
  commands: Commands
  documents: Documents
  parameters: Parameters
  queue: Queue
  calendars: Calendars
  balancers: Balancers
  scaling: Scaling
  machines: Machines
  objects: Objects
  identity: Identity
  counter: CallCounter
  /**
   * For what has to be the same from the same seed: loads every SDK module, and forgets the signing keys that the SDK keeps for the whole process. Whether a
   * call waits for either decides in which order calls of one instant reach AWS.
   */
  settle(): Promise<void>
  /** Closes the sockets. */
  close(): void
}>

/** `regionHome` and `control` say where STS is called and which account is entered without a role. */
export type AwsOptions = Readonly<{
  clock: Clock
  random: Random
  regionHome: string
  control: Cell
  accounts: readonly AccountAccess[]
  /** The sandbox in process, instead of the network. */
  requestHandler?: object
  /** Instead of the SDK's own variables (`AWS_ENDPOINT_URL`, …). */
  endpoint?: string
  /** Instead of the SDK's own chain; for rehearsals. */
  credentials?: Keys
  /** Ends up in CloudTrail behind `patchwave-`: the run, or the command. */
  sessionName: string
  log: Log
}>

/** A chained session lasts an hour at most, whatever the role allows. */
const SESSION_SECONDS = 3_600

/** Opens nothing yet: modules are loaded and clients made by the first call of each service and cell. */
export function createAws(options: AwsOptions): Aws {
  const { clock, random, control } = options
  const quota = new Quota(clock, options.log)
  const lanes = openLanes(options, (work) => clock.hold(work))
  const home: Cell = { account: control.account, region: options.regionHome }
  const base = baseKeys(options.credentials, (work) => clock.hold(work))
  const sessions: Sessions = new Sessions({
    clock,
    accounts: options.accounts,
    control: control.account,
    own: remembered(async () => (await identity.caller(NEVER)).account),
    told: () => told.account,
    assume: (access) => assume(calls, clock, home, access, sessionNameOf(options.sessionName)),
  })
  const credentials = {
    keys: (account: string) => sessions.keys(account),
    newest: (account: string) => sessions.newest(account),
    base: () => base.keys(),
    expired: (account: string) => {
      base.expired()
      sessions.expired(account)
    },
    denied: (account: string) => sessions.denied(account),
  }
  const calls: Calls = new Calls({ lanes, quota, clock, random, credentials })
  const asking = identityOver(calls, home)
  const told: { account: string | null } = { account: null }
  const identity: Identity = {
    async caller(signal) {
      const answer = await asking.caller(signal)
      told.account = answer.account
      return answer
    },
  }
  return {
    fleet: fleetOver(calls),
    commands: commandsOver(calls, clock),
    documents: documentsOver(calls, clock),
    parameters: parametersOver(calls),
    queue: queueOver(calls),
    calendars: calendarsOver(calls),
    balancers: balancersOver(calls),
    scaling: scalingOver(calls),
    machines: machinesOver(calls),
    objects: objectsOver(calls),
    identity,
    counter: quota,
    async settle() {
      for (const lane of Object.values(lanes)) await lane.load()
      const { clearCredentialCache } = await import('@smithy/signature-v4')
      clearCredentialCache()
    },
    close() {
      for (const lane of Object.values(lanes)) lane.close()
    },
  }
}

async function assume(calls: Calls, clock: Clock, home: Cell, access: AccountAccess, sessionName: string): Promise<Session> {
  const call = { cell: home, operation: 'AssumeRole', kind: 'read', signal: NEVER } as const
  const answer = await calls.sts(call, ({ sdk, client, options }) =>
    client.send(
      new sdk.AssumeRoleCommand({
        RoleArn: access.role ?? '',
        RoleSessionName: sessionName,
        DurationSeconds: SESSION_SECONDS,
        ...(access.externalId !== null && { ExternalId: access.externalId }),
      }),
      options,
    ),
  )
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {}
  if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined) {
    throw new PatchwaveError('aws.denied', `sts.AssumeRole of ${access.role ?? ''} gave no credentials`, {
      hint: 'check the role and its trust policy',
      detail: { cell: cellKey(home), call: 'sts.AssumeRole' },
    })
  }
  const until = Expiration ? instant(Expiration.getTime()) : plus(clock.now(), SESSION_SECONDS * SECOND)
  return { keys: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }, until }
}

/** 2-64 characters of those that STS takes. */
const sessionNameOf = (name: string): string => `patchwave-${name}`.replaceAll(/[^\w+=,.@-]/g, '-').slice(0, 64)

/** Several calls wait for these, so that none of their signals may end them. */
const NEVER = new AbortController().signal

/** Asks once; asks again after a failure. */
function remembered<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  return async () => {
    answer ??= ask()
    try {
      return await answer
    } catch (error) {
      answer = undefined
      throw error
    }
  }
}
