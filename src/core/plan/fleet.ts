import type { NodeId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'

/** What EC2 and SSM say of one node. Text from outside is well-formed and bounded. */
export type NodeSeen = Readonly<{
  node: NodeId
  account: string
  region: string
  ami: string
  /** Zone id, `use1-az1`. */
  zone: string
  /** EC2 state name; hybrid nodes are `running`. */
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped'
  /** `amazon-linux-2023`, `amazon-linux-2`, `ubuntu`, `debian`, or `other`. */
  platform: string
  agent: 'online' | 'lost' | 'none'
  lastPing: Instant | null
  hybrid: boolean
  tags: Readonly<Record<string, string>>
}>

/** An image and where it was copied from. */
export type ImageSeen = Readonly<{
  ami: string
  region: string
  name: string
  sourceAmi: string | null
  sourceRegion: string | null
  tags: Readonly<Record<string, string>>
}>

/** Whether EC2 is done with it: it will not come back. */
export const isGone = (node: Pick<NodeSeen, 'state'>): boolean => node.state === 'terminated' || node.state === 'shutting-down'

/** Account ids by the names that the config gives them. */
export type Accounts = Readonly<Record<string, string>>

/** The package family of a platform; `undefined` for what we do not patch. */
export function familyOf(platform: string): 'rpm' | 'deb' | undefined {
  if (platform === 'amazon-linux-2023' || platform === 'amazon-linux-2') return 'rpm'
  return platform === 'ubuntu' || platform === 'debian' ? 'deb' : undefined
}
