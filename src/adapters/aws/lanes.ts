import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import type { EC2Client } from '@aws-sdk/client-ec2'
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { SSMClient } from '@aws-sdk/client-ssm'
import type { STSClient } from '@aws-sdk/client-sts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { SECOND } from '../../kit/instant.ts'
import { watched } from './requests.ts'
import type { Keys } from './sessions.ts'

export type SsmSdk = typeof import('@aws-sdk/client-ssm')
export type Ec2Sdk = typeof import('@aws-sdk/client-ec2')
export type SqsSdk = typeof import('@aws-sdk/client-sqs')
export type StsSdk = typeof import('@aws-sdk/client-sts')
/** The module of load balancing (ELBv2). */
export type ElbSdk = typeof import('@aws-sdk/client-elastic-load-balancing-v2')
/** The module of EC2 Auto Scaling. */
export type ScalingSdk = typeof import('@aws-sdk/client-auto-scaling')
/** The module of S3. */
export type S3Sdk = typeof import('@aws-sdk/client-s3')

/** What the SDK's clients are made with. The endpoint follows the SDK's own variables unless it is given. */
export type Setting = Readonly<{ requestHandler?: object; endpoint?: string }>

type Config = Readonly<{
  region: string
  maxAttempts: 1
  /** Asked for each request: what it gives out carries an expiry in the past, since a session's end is told by our clock, not by the SDK's. */
  credentials: () => Promise<Keys & { expiration: Date }>
  requestHandler: object
  endpoint?: string
}>

/** A service in all cells: its SDK module, loaded when it is first needed, and one client a cell (50 sockets each). */
export type Lane<Sdk, Client> = Readonly<{
  /** Loads the module now. */
  load(): Promise<void>
  open(cell: Cell, credentials: Config['credentials']): Promise<Readonly<{ sdk: Sdk; client: Client }>>
  close(): void
}>

export type Lanes = Readonly<{
  ssm: Lane<SsmSdk, SSMClient>
  ec2: Lane<Ec2Sdk, EC2Client>
  sqs: Lane<SqsSdk, SQSClient>
  sts: Lane<StsSdk, STSClient>
  elasticloadbalancing: Lane<ElbSdk, ElasticLoadBalancingV2Client>
  autoscaling: Lane<ScalingSdk, AutoScalingClient>
  s3: Lane<S3Sdk, S3Client>
}>

/**
 * A host that does not answer is met by these instead of the SDK's none. A long poll of SQS takes 20 s by itself, the slowest describe calls
 * some seconds; an answer that comes later than a minute is as good as none.
 */
const TIMEOUTS = { connectionTimeout: 5 * SECOND, requestTimeout: 60 * SECOND, throwOnRequestTimeout: true } as const

/** One lane a service. `load` wraps the loading of a module (the virtual clock must stand still meanwhile). */
export function openLanes(setting: Setting, load: <T>(work: () => Promise<T>) => Promise<T>): Lanes {
  const lane = <Sdk, Client extends Openable>(load_: () => Promise<Sdk>, make: (sdk: Sdk, config: Config) => Client): Lane<Sdk, Client> =>
    openLane(setting, () => load(load_), make)
  return {
    ssm: lane(
      () => import('@aws-sdk/client-ssm'),
      (sdk, config) => new sdk.SSMClient(config),
    ),
    ec2: lane(
      () => import('@aws-sdk/client-ec2'),
      (sdk, config) => new sdk.EC2Client(config),
    ),
    sqs: lane(
      () => import('@aws-sdk/client-sqs'),
      (sdk, config) => new sdk.SQSClient(config),
    ),
    sts: lane(
      () => import('@aws-sdk/client-sts'),
      (sdk, config) => new sdk.STSClient(config),
    ),
    elasticloadbalancing: lane(
      () => import('@aws-sdk/client-elastic-load-balancing-v2'),
      (sdk, config) => new sdk.ElasticLoadBalancingV2Client(config),
    ),
    autoscaling: lane(
      () => import('@aws-sdk/client-auto-scaling'),
      (sdk, config) => new sdk.AutoScalingClient(config),
    ),
    s3: lane(
      () => import('@aws-sdk/client-s3'),
      // A bucket is no host name's part where the endpoint is a server of one's own.
      (sdk, config) => new sdk.S3Client({ ...config, forcePathStyle: hasEndpoint(setting) }),
    ),
  }
}

/** As the SDK itself finds one. */
const hasEndpoint = ({ endpoint }: Setting): boolean =>
  endpoint !== undefined || ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3'].some((name) => (process.env[name] ?? '') !== '')

type Openable = { config: { requestHandler: object }; middlewareStack: { remove(name: string): boolean }; destroy(): void }

function openLane<Sdk, Client extends Openable>(
  setting: Setting,
  load: () => Promise<Sdk>,
  make: (sdk: Sdk, config: Config) => Client,
): Lane<Sdk, Client> {
  const clients = new Map<string, Client>()
  let loading: Promise<Sdk> | undefined
  return {
    async load() {
      await (loading ??= load())
    },
    async open(cell, credentials) {
      const sdk = await (loading ??= load())
      const key = cellKey(cell)
      const client = clients.get(key) ?? make(sdk, configOf(cell, credentials, setting))
      if (!clients.has(key)) {
        client.config.requestHandler = watched(client.config.requestHandler)
        // It copies every input and answer for a logger that nobody reads: a tenth of a fleet read's time.
        client.middlewareStack.remove('loggerMiddleware')
        clients.set(key, client)
      }
      return { sdk, client }
    },
    close() {
      for (const client of clients.values()) client.destroy()
      clients.clear()
    },
  }
}

/** `maxAttempts: 1`: retrying is ours, by the clock. It also keeps the SDK from setting any timer. */
const configOf = (cell: Cell, credentials: Config['credentials'], setting: Setting): Config => ({
  region: cell.region,
  maxAttempts: 1,
  credentials,
  requestHandler: setting.requestHandler ?? TIMEOUTS,
  ...(setting.endpoint !== undefined && { endpoint: setting.endpoint }),
})
