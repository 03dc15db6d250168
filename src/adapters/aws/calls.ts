import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import type { EC2Client } from '@aws-sdk/client-ec2'
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { SSMClient } from '@aws-sdk/client-ssm'
import type { STSClient } from '@aws-sdk/client-sts'
import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/world.ts'
import { failedAs, translate, type Kind } from './errors.ts'
import type { Ec2Sdk, ElbSdk, Lane, Lanes, S3Sdk, ScalingSdk, SqsSdk, SsmSdk, StsSdk } from './lanes.ts'
import type { Quota } from './quota.ts'
import type { CallOptions } from './requests.ts'
import { retry } from './retry.ts'
import type { Keys } from './sessions.ts'

/** How long a request that changes who serves may take to leave: less than what is left of a driver's lease when it asks (engine/fenced.ts). */
const FRESH_MS: Ms = 25 * SECOND

/** One call: its operation's name, and what may be known of it on the way. */
export type Call = Readonly<{
  cell: Cell
  operation: string
  kind: Kind
  signal: AbortSignal
  /**
   * Changes who serves, runs or boots, or sends a document of others: its request leaves soon after this instant, at which the engine asked for it, or
   * not at all. One port call may make several, and each of them is as old as that.
   */
  fresh?: Instant
  /** Called when the request is signed and about to leave; throws to keep it back. */
  leaving?: () => void
  /** The answer's `Date` header, where it has one. */
  date?: (header: string) => void
}>

type Tools<Sdk, Client> = Readonly<{ sdk: Sdk; client: Client; options: CallOptions }>
type Work<Sdk, Client, T> = (tools: Tools<Sdk, Client>) => Promise<T>

/** Where credentials come from: a session's keys, or `null` for the process's own. */
export type Credentials = Readonly<{
  keys(account: string): Promise<Keys | null>
  newest(account: string): Keys | undefined
  /** The process's own. */
  base(): Promise<Keys>
  /** AWS calls them expired. */
  expired(account: string): void
  /** AWS denies a call that they made: whether others are worth a try. */
  denied(account: string): boolean
}>

/** The one way to AWS: quota, credentials, one attempt, typed failure, and again as far as the call's kind allows. */
export class Calls {
  readonly #lanes: Lanes
  readonly #quota: Quota
  readonly #clock: Clock
  readonly #random: Random
  readonly #credentials: Credentials

  constructor(parts: Readonly<{ lanes: Lanes; quota: Quota; clock: Clock; random: Random; credentials: Credentials }>) {
    this.#lanes = parts.lanes
    this.#quota = parts.quota
    this.#clock = parts.clock
    this.#random = parts.random
    this.#credentials = parts.credentials
  }

  /** For what is to leave soon after now. */
  get now(): Instant {
    return this.#clock.now()
  }

  ssm<T>(call: Call, work: Work<SsmSdk, SSMClient, T>): Promise<T> {
    return this.#do('ssm', this.#lanes.ssm, call, work)
  }

  ec2<T>(call: Call, work: Work<Ec2Sdk, EC2Client, T>): Promise<T> {
    return this.#do('ec2', this.#lanes.ec2, call, work)
  }

  sqs<T>(call: Call, work: Work<SqsSdk, SQSClient, T>): Promise<T> {
    return this.#do('sqs', this.#lanes.sqs, call, work)
  }

  elb<T>(call: Call, work: Work<ElbSdk, ElasticLoadBalancingV2Client, T>): Promise<T> {
    return this.#do('elasticloadbalancing', this.#lanes.elasticloadbalancing, call, work)
  }

  scaling<T>(call: Call, work: Work<ScalingSdk, AutoScalingClient, T>): Promise<T> {
    return this.#do('autoscaling', this.#lanes.autoscaling, call, work)
  }

  s3<T>(call: Call, work: Work<S3Sdk, S3Client, T>): Promise<T> {
    return this.#do('s3', this.#lanes.s3, call, work)
  }

  /** STS is always called with the process's own credentials: it is where the others come from. */
  sts<T>(call: Call, work: Work<StsSdk, STSClient, T>): Promise<T> {
    return this.#do('sts', this.#lanes.sts, call, work)
  }

  #do<Sdk, Client, T>(service: string, lane: Lane<Sdk, Client>, asked: Call, work: Work<Sdk, Client, T>): Promise<T> {
    const name = `${service}.${asked.operation}`
    const call = asked.fresh === undefined ? asked : { ...asked, leaving: this.#soon(name, asked, asked.fresh) }
    const attempt = (): Promise<T> => this.#attempt(name, lane, call, work)
    return retry({ clock: this.#clock, random: this.#random, call: name }, call.kind, call.signal, async () => {
      try {
        return await attempt()
      } catch (error) {
        // Expired or revoked credentials are refused before anything is done, so that one more try with new ones is safe for every kind.
        if (!this.#isRenewed(error, name, call)) throw error
        return await attempt()
      }
    })
  }

  /** Keeps the request back when its process stood still, or it waited, since it was asked for. */
  #soon(name: string, { cell, leaving }: Call, fresh: Instant): () => void {
    return () => {
      leaving?.()
      const waitedMs = this.#clock.now() - fresh
      if (waitedMs < FRESH_MS) return
      throw new PatchwaveError(
        'aws.stale',
        `${name} in ${cellKey(cell)}: was to leave ${String(Math.round(waitedMs / SECOND))} s after it was asked for`,
        {
          hint: 'it is asked for again by whoever drives the run',
          detail: { cell: cellKey(cell), call: name },
        },
      )
    }
  }

  #isRenewed(error: unknown, name: string, { cell }: Call): boolean {
    if (failedAs(error, 'aws.expired')) this.#credentials.expired(cell.account)
    else if (!failedAs(error, 'aws.denied') || error.more.detail?.['call'] !== name || name.startsWith('sts.')) return false
    else return this.#credentials.denied(cell.account)
    return true
  }

  async #attempt<Sdk, Client, T>(name: string, lane: Lane<Sdk, Client>, call: Call, work: Work<Sdk, Client, T>): Promise<T> {
    const { cell, signal } = call
    await this.#quota.take(cell, name, signal)
    const pause = new Hold(this.#clock)
    try {
      const { sdk, client } = await this.#open(name, lane, cell)
      pause.start()
      return await work({ sdk, client, options: this.#options(name, call, pause) })
    } catch (error) {
      const known = translate(error, { cell, call: name, kind: call.kind })
      if (known.code === 'aws.throttled') this.#quota.throttled(cell, name)
      throw known
    } finally {
      pause.end()
    }
  }

  async #open<Sdk, Client>(name: string, lane: Lane<Sdk, Client>, cell: Cell): Promise<Readonly<{ sdk: Sdk; client: Client }>> {
    const { account } = cell
    const own = name.startsWith('sts.') || (await this.#credentials.keys(account)) === null
    return lane.open(cell, async () => {
      const keys = own ? await this.#credentials.base() : known(this.#credentials.newest(account), `the session of ${account}`)
      return { ...keys, expiration: new Date(0) }
    })
  }

  #options(name: string, call: Call, pause: Hold): CallOptions {
    return {
      abortSignal: call.signal,
      passage: {
        leaving: () => {
          call.leaving?.()
          this.#quota.sent(call.cell, name)
          pause.end()
        },
        back: (date) => {
          pause.start()
          if (date !== undefined) call.date?.(date)
        },
      },
    }
  }
}

/**
 * Keeps virtual time still while the SDK works (it may read files or load modules), but not while the request is out: there the sandbox sleeps
 * on the same clock.
 */
class Hold {
  readonly #clock: Clock
  #release: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  start(): void {
    if (this.#release) return
    void this.#clock.hold(
      () =>
        new Promise<void>((resolve) => {
          this.#release = resolve
        }),
    )
  }

  end(): void {
    this.#release?.()
    this.#release = undefined
  }
}
