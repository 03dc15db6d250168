import { checkAll } from '../checkers/all.ts'
import { gather } from '../checkers/gather.ts'
import type { Stage } from './stage.ts'

/** What is known of how a night ended. `bodies`: the feedback queue's messages in the order of receiving; absent: not looked at. */
export type Ending = Readonly<{ calm?: boolean; powerLosses?: boolean; bodies?: readonly string[] }>

/** What does not hold on a stage, each line led by its invariant; empty when all does. */
export async function faultsFound(stage: Stage, { calm = false, powerLosses = true, bodies }: Ending = {}): Promise<string[]> {
  return checkAll(await gather(stage, { calm, powerLosses }, bodies))
}
