import type { NodeId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { FleetTargetGroup } from '../fleet-services.ts'
import type { SimNode } from '../model.ts'
import type { PackageSet } from './package-set.ts'

/** What a node is from its launch on. */
export type Birth = Readonly<{
  node: NodeId
  account: string
  accountName: string
  region: string
  ami: string
  zoneName: string
  zoneId: string
  platform: SimNode['platform']
  tags: Record<string, string>
  instanceType: string
  privateIp: string
  launchedAt: Instant
  packages: PackageSet
  /** Stopped from the start. */
  stopped: boolean
  dataVolumes: number
  targetGroups: readonly FleetTargetGroup[]
  autoScaling: Readonly<{ name: string; min: number; max: number }> | null
}>
