import { closeSync, mkdirSync, openSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { PatchwaveError } from '../../kit/error.ts'

/** `f_type` of file systems whose locks and shared memory do not reach other hosts (statfs(2)): WAL would lose writes on them. */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9p'],
  [0x0bd00bd0, 'Lustre'],
])

/** Name of the network file system with this `f_type`, or `undefined` for any other. */
export const networkName = (type: number): string | undefined => NETWORK.get(type >>> 0)

/** Makes the folder and, readable by its owner only, the file. @throws `store.unusable` on a network file system; system errors */
export function prepareFile(path: string): void {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  const network = networkName(statfsSync(folder).type)
  if (network !== undefined)
    throw new PatchwaveError('store.unusable', `${path} is on a network file system (${network})`, {
      hint: 'name a file on a local disk with --store: SQLite cannot keep its promises over a network',
    })
  closeSync(openSync(path, 'a', 0o600))
}
