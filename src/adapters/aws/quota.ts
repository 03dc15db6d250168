import { cellKey, cellOf, type Cell } from '../../kit/ids.ts'
import { MINUTE, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { CallCounter, Throttle } from '../../ports/world.ts'

/** A token bucket: `perSecond` refill it, at most `burst` are kept. */
type Rate = Readonly<{ bucket: string; perSecond: number; burst: number }>

/** Parameter Store, default throughput: 3 TPS each for these (endpoints and quotas page); the high-throughput setting is not assumed. */
const SLOW_PARAMETER_CALLS = ['ssm.PutParameter', 'ssm.LabelParameterVersion', 'ssm.GetParameterHistory', 'ssm.DescribeParameters']
/** 40 TPS for these together; nodes that resolve references share it, so a quarter is left to them. */
const PARAMETER_GETS = ['ssm.GetParameter', 'ssm.GetParameters', 'ssm.GetParametersByPath']

/** Mutating EC2 calls: a bucket of 50, 5 a second (EC2 API request throttling page). Standby and targets, unpublished, are held to the same. */
const CHANGING_CALLS = [
  ...['StartInstances', 'StopInstances', 'DeleteSnapshot', 'CreateReplaceRootVolumeTask'].map((call) => `ec2.${call}`),
  ...['RegisterTargets', 'DeregisterTargets'].map((call) => `elasticloadbalancing.${call}`),
  ...['EnterStandby', 'ExitStandby'].map((call) => `autoscaling.${call}`),
]

const SPECIAL = new Map<string, Rate>([
  ...SLOW_PARAMETER_CALLS.map((call) => [call, { bucket: call, perSecond: 3, burst: 3 }] as const),
  ...PARAMETER_GETS.map((call) => [call, { bucket: 'ssm.parameter-gets', perSecond: 30, burst: 30 }] as const),
  ...CHANGING_CALLS.map((call) => [call, { bucket: call, perSecond: 5, burst: 50 }] as const),
  ['ec2.CreateSnapshots', { bucket: 'ec2.CreateSnapshots', perSecond: 5, burst: 100 }],
])

const BY_SERVICE = new Map<string, Omit<Rate, 'bucket'>>([
  // Unpublished. 10 a second moves 500 nodes a second and reads as many; what is too much shows as throttles, which halve it.
  ['ssm', { perSecond: 10, burst: 10 }],
  // Non-mutating EC2 calls: a bucket of 100, 20 a second (EC2 API request throttling page).
  ['ec2', { perSecond: 20, burst: 100 }],
  // FIFO queues take 300 calls a second for each API.
  ['sqs', { perSecond: 300, burst: 300 }],
  // S3 takes thousands a second for a prefix; one list for some nodes at a time needs far less.
  ['s3', { perSecond: 100, burst: 100 }],
])

/** STS: one call an account and hour in normal times; a brake against loops only. */
const OTHER: Omit<Rate, 'bucket'> = { perSecond: 10, burst: 10 }

/** One burst of throttles has one cause: it slows down once. */
const SLOW_AT_MOST_EVERY_MS: Ms = SECOND
/** A halved rate is back at its start after this long without a throttle: quick enough for a shared quota, too slow to swing. */
const RECOVERY_MS: Ms = MINUTE
/** Never slower than this share of the rate, so that a wave still moves while AWS recovers. */
const SLOWEST_SHARE = 1 / 32

type Bucket = { readonly rate: Rate; perSecond: number; tokens: number; at: Instant; slowedAt: Instant | null }

/** Our side of AWS's quotas: calls of one cell wait here, on the clock, instead of being refused there. Also counts calls and throttles. */
export class Quota implements CallCounter {
  readonly #clock: Clock
  readonly #log: Log
  readonly #buckets = new Map<string, Bucket>()
  readonly #calls = new Map<string, number>()
  readonly #throttles = new Map<string, number>()
  #last: Readonly<{ cell: Cell; call: string; at: Instant }> | null = null

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Resolves when the call may be made; in the order of asking. At once, without a token taken, when `signal` aborts. */
  async take(cell: Cell, call: string, signal: AbortSignal): Promise<void> {
    const bucket = this.#refilled(cell, call)
    bucket.tokens -= 1
    if (bucket.tokens >= 0) return
    await this.#clock.sleep(plus(this.#clock.now(), Math.ceil((-bucket.tokens / bucket.perSecond) * SECOND)), signal)
    if (signal.aborted) bucket.tokens += 1
  }

  /** One request was handed to the wire. */
  sent(cell: Cell, call: string): void {
    bump(this.#calls, `${cellKey(cell)} ${call}`)
  }

  /** AWS refused for speed: counts it and halves the rate. */
  throttled(cell: Cell, call: string): void {
    bump(this.#throttles, `${cellKey(cell)} ${call}`)
    this.#last = { cell, call, at: this.#clock.now() }
    const bucket = this.#refilled(cell, call)
    if (bucket.slowedAt !== null && bucket.at - bucket.slowedAt < SLOW_AT_MOST_EVERY_MS) return
    bucket.slowedAt = bucket.at
    bucket.perSecond = Math.max(bucket.perSecond / 2, bucket.rate.perSecond * SLOWEST_SHARE)
    bucket.tokens = Math.min(bucket.tokens, 0)
    this.#log.info(`AWS throttles ${call} in ${cellKey(cell)}: ${bucket.perSecond.toFixed(1)} calls a second from now on`)
  }

  calls(): Readonly<Record<string, number>> {
    const sums = new Map<string, number>()
    for (const [key, count] of this.#calls) bump(sums, callOf(key), count)
    return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  throttles(): readonly Readonly<{ cell: Cell; call: string; count: number }>[] {
    return [...this.#throttles].map(([key, count]) => ({ cell: cellOf(key.slice(0, key.indexOf(' '))), call: callOf(key), count }))
  }

  lastThrottle(): Throttle | null {
    if (this.#last === null) return null
    const { cell, call, at } = this.#last
    return { cell, call, at, count: this.#throttles.get(`${cellKey(cell)} ${call}`) ?? 0, perSecond: this.#refilled(cell, call).perSecond }
  }

  #refilled(cell: Cell, call: string): Bucket {
    const now = this.#clock.now()
    const bucket = this.#bucket(cell, rateOf(call), now)
    const passedMs = Math.max(0, now - bucket.at)
    bucket.at = now
    bucket.tokens = Math.min(bucket.rate.burst, bucket.tokens + (bucket.perSecond * passedMs) / SECOND)
    bucket.perSecond = Math.min(bucket.rate.perSecond, bucket.perSecond + (bucket.rate.perSecond * passedMs) / RECOVERY_MS)
    return bucket
  }

  #bucket(cell: Cell, rate: Rate, now: Instant): Bucket {
    const key = `${cellKey(cell)} ${rate.bucket}`
    const found = this.#buckets.get(key)
    if (found) return found
    const made: Bucket = { rate, perSecond: rate.perSecond, tokens: rate.burst, at: now, slowedAt: null }
    this.#buckets.set(key, made)
    return made
  }
}

const rates = new Map<string, Rate>(SPECIAL)

function rateOf(call: string): Rate {
  const known = rates.get(call)
  if (known) return known
  const rate: Rate = { bucket: call, ...(BY_SERVICE.get(call.slice(0, call.indexOf('.'))) ?? OTHER) }
  rates.set(call, rate)
  return rate
}

const callOf = (key: string): string => key.slice(key.indexOf(' ') + 1)
const bump = (counts: Map<string, number>, key: string, by = 1): void => void counts.set(key, (counts.get(key) ?? 0) + by)
