import type { NodeId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { SimVolume } from '../model.ts'
import { hexOf } from './chance.ts'

const ROOT_GIB = 8
const DATA_GIB = 100

type Owner = Readonly<{ node: NodeId; dataVolumes: number; launchedAt: Instant }>

/** A node's volumes at its launch, the root first. The ids follow from the node, the root volume's without a digest: every node has one. */
export function volumesOf({ node, dataVolumes, launchedAt }: Owner, seed: number): SimVolume[] {
  const root = {
    volume: `vol-${node.slice(node.indexOf('-') + 1)}`,
    device: '/dev/xvda',
    root: true,
    sizeGiB: ROOT_GIB,
    attachedAt: launchedAt,
  }
  const data = Array.from({ length: dataVolumes }, (_, index) => ({
    volume: `vol-${hexOf(17, seed, 'volume', node, index)}`,
    device: `/dev/sd${String.fromCharCode('f'.charCodeAt(0) + index)}`,
    root: false,
    sizeGiB: DATA_GIB,
    attachedAt: launchedAt,
  }))
  return [root, ...data]
}
