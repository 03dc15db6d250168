import type { Names } from '../core/plan/select.ts'
import type { World } from './world.ts'

/** What selection needs to know for judging a single node again; image lineages are not read anew for that. */
export const namesOf = (world: World): Names => ({ accounts: world.accounts, lineages: new Map() })
