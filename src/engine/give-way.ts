import type { Actor } from '../core/run/event.ts'
import { leaveNote } from './inbox.ts'
import type { World } from './world.ts'

/**
 * Asks a run to end for the sake of a later one; it is cut off nowhere. Asked once however often it is called; a crash in between makes it twice,
 * never not at all.
 */
export async function askToEnd(world: Pick<World, 'store' | 'clock'>, run: string, reason: string, actor: Actor): Promise<void> {
  const { store, clock } = world
  const asked = `cancelled:${run}`
  if ((await clock.hold(() => store.cursor(asked))) > 0) return
  await leaveNote(world, run, { what: 'abort', reason, gate: null, actor })
  await clock.hold(() => store.setCursor(asked, 1))
}
