import type { Cell } from '../kit/ids.ts'
import { type Instant, SECOND } from '../kit/instant.ts'
import type { Clock } from '../ports/clock.ts'
import type { Call } from './wire/message.ts'

/** A token bucket: at most `burst` tokens, `perSecond` come back. Calls with one `bucket` share it. */
export type Rate = Readonly<{ bucket: string; burst: number; perSecond: number }>

/** Parameter Store at its default throughput (endpoints and quotas page): 3 a second each … */
const PARAMETER_WRITES = 3
/** … and 40 a second for the three gets together. */
const PARAMETER_GETS = 40
/** Run Command's and the other SSM rates are unpublished. 10 a second, 20 at once: what accounts report before `Rate exceeded`. */
const SSM_OTHER = { burst: 20, perSecond: 10 }
/** Non-mutating EC2 calls (EC2 API request throttling page). */
const EC2_DESCRIBE = { burst: 100, perSecond: 20 }
/** The same without filters, ids and pages: EC2 counts these apart. */
const EC2_DESCRIBE_ALL = { burst: 50, perSecond: 10 }
/** EC2's mutating calls (as above), each with a bucket of its own … */
const CHANGES = { burst: 50, perSecond: 5 }
const EC2_CHANGING = ['StartInstances', 'StopInstances', 'DeleteSnapshot', 'CreateReplaceRootVolumeTask']
/** … and CreateSnapshots. */
const EC2_SNAPSHOTS = { burst: 100, perSecond: 5 }
/** Load balancing and Auto Scaling publish no figures that can be relied on: those of EC2, which they are modelled on. */
const OTHER_DESCRIBES = { burst: 100, perSecond: 20 }
/** S3 takes 3,500 writes and 5,500 reads a second for each prefix. */
const S3_WRITES = 3_500
const S3_READS = 5_500
/** STS is generous: 600 a second for an account and Region. */
const STS = { burst: 600, perSecond: 600 }

const each = (calls: readonly string[], rate: number): [string, Rate][] =>
  calls.map((call) => [call, { bucket: call, burst: rate, perSecond: rate }])

const RATES = new Map<string, Rate>([
  ...each(
    ['PutParameter', 'LabelParameterVersion', 'UnlabelParameterVersion', 'GetParameterHistory', 'DescribeParameters'].map(
      (call) => `ssm.${call}`,
    ),
    PARAMETER_WRITES,
  ),
  ...['DeleteParameter', 'DeleteParameters'].map((call) => shared(`ssm.${call}`, 'ssm.parameter-deletes', PARAMETER_WRITES)),
  ...EC2_CHANGING.map((operation) => changing(`ec2.${operation}`)),
  ['ec2.CreateSnapshots', { bucket: 'ec2.CreateSnapshots', ...EC2_SNAPSHOTS }],
  ...['RegisterTargets', 'DeregisterTargets'].map((call) => changing(`elasticloadbalancing.${call}`)),
  ...['EnterStandby', 'ExitStandby'].map((call) => changing(`autoscaling.${call}`)),
  ...each(['s3.PutObject'], S3_WRITES),
  ...each(['s3.GetObject', 's3.HeadObject', 's3.HeadBucket'], S3_READS),
  ...['GetParameter', 'GetParameters', 'GetParametersByPath'].map((call) => shared(`ssm.${call}`, 'ssm.parameter-gets', PARAMETER_GETS)),
])

function changing(call: string): [string, Rate] {
  return [call, { bucket: call, ...CHANGES }]
}

function shared(call: string, bucket: string, rate: number): [string, Rate] {
  return [call, { bucket, burst: rate, perSecond: rate }]
}

/** The bucket that a call draws from; `undefined`: its service has no quota of calls here (SQS counts by queue). */
export function rateOf({ service, operation, input }: Call): Rate | undefined {
  const call = `${service}.${operation}`
  const fixed = RATES.get(call)
  if (fixed) return fixed
  if (service === 'ssm') return { bucket: call, ...SSM_OTHER }
  if (service === 'sts') return { bucket: 'sts', ...STS }
  if (service === 'sqs') return undefined
  if (service !== 'ec2') return { bucket: call, ...OTHER_DESCRIBES }
  return isUnbounded(operation, input) ? { bucket: `${call} of everything`, ...EC2_DESCRIBE_ALL } : { bucket: call, ...EC2_DESCRIBE }
}

const isUnbounded = (operation: string, input: Record<string, unknown>): boolean =>
  ['DescribeInstances', 'DescribeInstanceStatus', 'DescribeSnapshots'].includes(operation) &&
  ['InstanceId', 'SnapshotId', 'Filter', 'MaxResults', 'NextToken'].every((name) => input[name] === undefined)

/** One bucket that fills with the clock. */
export class Bucket {
  readonly #burst: number
  readonly #perMs: number
  #tokens: number
  #at: Instant

  constructor(rate: Readonly<{ burst: number; perSecond: number }>, now: Instant) {
    this.#burst = rate.burst
    this.#perMs = rate.perSecond / SECOND
    this.#tokens = rate.burst
    this.#at = now
  }

  /** Takes a token when there is one. */
  take(now: Instant): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, now - this.#at) * this.#perMs)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

/** The buckets of every (account, Region, call). */
export class Quotas {
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the call is within its quota; takes its token. */
  allow(cell: Cell, call: Call): boolean {
    const rate = rateOf(call)
    if (!rate) return true
    const key = `${cell.account}/${cell.region} ${rate.bucket}`
    const now = this.#clock.now()
    let bucket = this.#buckets.get(key)
    if (!bucket) this.#buckets.set(key, (bucket = new Bucket(rate, now)))
    return bucket.take(now)
  }
}
