import { known } from '../../kit/assert.ts'
import { sha256 } from '../../kit/digest.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf, type Cell } from '../../kit/ids.ts'
import { SECOND } from '../../kit/instant.ts'
import { isHeldBack } from '../../core/plan/kernel.ts'
import { overrideList } from '../../core/plan/override-list.ts'
import type { Command } from '../../core/run/parts.ts'
import { PATCH_MANAGER_MS } from '../../core/run/patch-manager.ts'
import { planned, type RunState } from '../../core/run/state.ts'
import type { CommandOrder } from '../../ports/commands.ts'
import { kernelOf } from '../kernel.ts'
import { listsOf } from '../lists.ts'
import type { World } from '../world.ts'
import type { Performing } from './perform.ts'

/**
 * What AWS-RunPatchBaseline is asked to do for one command: to install exactly the list, without a boot. The list lies in S3 already (`storeList`).
 * An empty list would mean the account's own patch baseline: there is only a scan.
 */
export async function patchBaselineOrder({ world, state }: Pick<Performing, 'world' | 'state'>, command: Command): Promise<CommandOrder> {
  const cell = cellOf(command.cell)
  const stored = await storedList({ world, state }, cell, command.list)
  return {
    cell,
    token: tokenOf(state.run, command.n),
    document: { name: 'AWS-RunPatchBaseline', hash: null },
    nodes: command.nodes.map((position) => planned(state, position).node),
    parameters: {
      Operation: stored === null ? 'Scan' : 'Install',
      RebootOption: 'NoReboot',
      SnapshotId: snapshotId(state, cell),
      ...(stored !== null && { InstallOverrideList: `s3://${stored.bucket}/${stored.key}` }),
    },
    startBefore: command.startBefore,
    executionSeconds: PATCH_MANAGER_MS / SECOND,
  }
}

/**
 * Puts a list where the nodes of a cell will read it, before anything about them is promised: who dies around it has sent nothing.
 * @throws `aws.*` of the put
 */
export async function storeList(
  { world, state, signal }: Pick<Performing, 'world' | 'state' | 'signal'>,
  cell: Cell,
  list: number,
): Promise<void> {
  const stored = await storedList({ world, state }, cell, list)
  if (stored === null) return
  await world.objects.put({ account: world.home.account, region: cell.region }, stored.bucket, stored.key, stored.text, signal)
}

/**
 * Where a list lies: in the control account, in the nodes' Region; the key names the content, so that a repeat writes the same again. Null: there is
 * nothing in it that may be installed.
 */
async function storedList(
  { world, state }: Pick<Performing, 'world' | 'state'>,
  { region }: Cell,
  index: number,
): Promise<Readonly<{ bucket: string; key: string; text: string }> | null> {
  const list = known((await listsOf(world, state))[index], `list ${String(index)}`)
  const kernel = kernelOf(state.plan)
  const patches = list.patches.filter(({ name }) => !isHeldBack(name, kernel))
  if (patches.length === 0) return null
  const text = overrideList(patches)
  return { bucket: bucketOf(world).replaceAll('{region}', region), key: `patchwave/${sha256(text)}.yaml`, text }
}

/** The bucket for override lists, as the config names it. @throws `config.invalid` when it names none */
export function bucketOf({ patchManager }: Pick<World, 'patchManager'>): string {
  if (patchManager !== null) return patchManager.bucket
  throw new PatchwaveError(
    'config.invalid',
    'the runbook applies with patch-manager, but the config names no bucket for its override lists',
    {
      hint: 'add `patchManager: { bucket: … }` to the config',
    },
  )
}

/** A GUID for (run, account): nodes that share it share what Patch Manager froze for them, whatever else is approved meanwhile. */
function snapshotId({ run }: RunState, { account }: Cell): string {
  const hex = sha256(`${run} ${account}`)
  // A UUID of version 8: of one's own making (RFC 9562).
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')
}
