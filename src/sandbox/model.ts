import type { Cell, NodeId } from '../kit/ids.ts'
import type { Instant, Ms } from '../kit/instant.ts'

/** Who calls: read from the request's signature scope (access key → account, region). */
export type Caller = Readonly<{ account: string; region: string; arn: string; accessKey: string }>

/**
 * One operation of one service: the parsed input in, the parsed output out. Throws `ServiceError`. May wait on the world's clock; `signal`
 * aborts when the caller has gone, so that a long poll takes nothing any more.
 */
export type Operation = (
  input: Record<string, unknown>,
  caller: Caller,
  signal?: AbortSignal,
) => Promise<Record<string, unknown>> | Record<string, unknown>

/** Operations by name (`SendCommand`), for one service. */
export type Service = Readonly<Record<string, Operation>>

/** What AWS answers instead of a result. `extra` are further members of the error's shape. */
export class ServiceError extends Error {
  readonly code: string
  readonly status: number
  readonly extra: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, status = 400, extra: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.status = status
    this.extra = extra
  }
}

export type SimImage = Readonly<{
  ami: string
  region: string
  owner: string
  name: string
  createdAt: Instant
  sourceAmi: string | null
  sourceRegion: string | null
  architecture: 'x86_64' | 'arm64'
  tags: Readonly<Record<string, string>>
}>

/** One EBS volume of an instance. */
export type SimVolume = Readonly<{ volume: string; device: string; root: boolean; sizeGiB: number; attachedAt: Instant }>

/** One simulated instance. The nodes' side changes it; EC2's operations read it. */
export type SimNode = {
  readonly node: NodeId
  readonly account: string
  readonly region: string
  ami: string
  readonly zoneName: string
  readonly zoneId: string
  readonly platform: 'amazon-linux-2023' | 'amazon-linux-2' | 'ubuntu' | 'debian'
  readonly tags: Record<string, string>
  readonly instanceType: string
  readonly privateIp: string
  readonly launchedAt: Instant
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped'
  /** EC2's instance reachability check. */
  reachability: 'ok' | 'impaired' | 'insufficient-data' | 'initializing'
  agentVersion: string
  /** `lost`: registered but not answering. */
  agent: 'online' | 'lost'
  lastPing: Instant
  kernel: string
  bootId: string
  /** `name.arch` → version. */
  readonly packages: Map<string, string>
  /** What its own application check says. */
  health: 'healthy' | 'broken'
  /** The volume that it boots from comes first. */
  readonly volumes: readonly SimVolume[]
}

/** API faults, as in a fault file's `api`. Shares are 0-1. */
export type ApiFaults = { throttled: number; failedAfterEffect: number; latencyMedianMs: Ms; latencyP95Ms: Ms }

/** What the services need from the simulated fleet. */
export interface SimFleet {
  /** Every node of a cell, terminated ones included for an hour. */
  nodesOf(cell: Cell): Iterable<SimNode>
  node(id: NodeId): SimNode | undefined
  /** Images visible in a region. */
  images(region: string): Iterable<SimImage>
  /** Account ids by the name that the fleet file uses. */
  accounts(): ReadonlyMap<string, string>
}
