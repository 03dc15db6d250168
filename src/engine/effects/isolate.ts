import { unitsOf } from '../../core/run/isolate-units.ts'
import { listLine } from '../../core/plan/list.ts'
import { listsOf } from '../lists.ts'
import type { Found, Performing } from './perform.ts'

/** Puts the patches of the trial's lists into units that are not separated while it is looked for the ones that broke it. */
export async function* groupPatches({ world, state }: Performing): Found {
  const lists = await listsOf(world, state)
  yield [
    {
      type: 'PatchesGrouped',
      lines: lists.map(({ patches }) => patches.map(listLine)),
      units: lists.map(({ patches }) => unitsOf(patches)),
    },
  ]
}
