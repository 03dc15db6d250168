import { viewOf } from '../core/run/view.ts'
import { openRun } from '../engine/open.ts'
import type { Ended } from '../engine/driver.ts'
import type { World } from '../engine/world.ts'
import type { Io } from './app.ts'
import type { Follower } from './follow/scene.ts'
import { EXIT } from './exit.ts'
import { tallied } from './render/text.ts'

/** How the acts of a call went on, as far as this process saw. */
export type Went = Readonly<{ ended: readonly Ended[]; left: string | null }>

/** Ends that other processes have brought about, too: also of a run that this one left, or found at its end. */
export async function tellEnds({ clock, store }: World, { ended, left }: Went, follower: Pick<Follower, 'ended'>): Promise<void> {
  const runs = ended.map(({ run }) => run)
  if (left !== null && typeof (await clock.hold(() => store.run(left)))?.outcome === 'string') runs.push(left)
  for (const run of runs)
    await follower.ended(run, () =>
      clock.hold(async () => {
        const { state } = await openRun(store, run)
        let at = state.at // Late reports may have followed.
        for await (const sealed of store.read(run)) if (sealed.type === 'RunFinished') at = sealed.at
        return { state, at }
      }),
    )
}

/** The exit code, and for people what came of it and how to go on. `again` is the command that continues. */
export async function conclude(world: World, went: Went, again: string, io: Io, json: boolean): Promise<number> {
  if (!json)
    for (const { run, outcome, state } of went.ended)
      io.out(`${state.plan.act} ${run} ${outcome}${reasonOf(state)}: ${tallied(viewOf(state).nodes)}`)
  if (went.left !== null) return leaving(world, went.left, again, io)
  return went.ended.every((one) => one.outcome === 'succeeded' || undone(one)) ? EXIT.done : EXIT.otherwise
}

/** A run that was asked to undo another one, and did. */
const undone = ({ outcome, state }: Ended): boolean => state.plan.work === 'rollback' && outcome === 'rolled-back'

const reasonOf = ({ phase }: Ended['state']): string => (phase.name === 'finished' && phase.reason !== '' ? ` (${phase.reason})` : '')

async function leaving(world: World, run: string, again: string, io: Io): Promise<number> {
  const { clock, store } = world
  const { state } = await clock.hold(() => openRun(store, run))
  if (state.phase.name === 'finished') return elsewhere({ run, outcome: state.phase.outcome, state }, io)
  // The lease says who drives it; the journal only who did last.
  const driver = (await clock.hold(() => store.run(run)))?.driver ?? null
  if (driver !== null && driver !== world.driver && world.mayLive(driver)) {
    io.err(`run ${run} is driven by ${driver} now; follow it with \`patchwave status ${run} --watch\``)
    return EXIT.held
  }
  const { waitsFor } = viewOf(state, clock.now())
  if (io.signal.aborted)
    io.err(`left: run ${run} goes on where it stands, nothing of it was stopped. Commands in flight run to their end on their nodes.`)
  else io.err(`run ${run} has not ended${waitsFor === null ? '' : `: it waits for ${waitsFor}`}`)
  if (waitsFor !== null) io.err(`decide it with \`patchwave approve ${run} --reason …\` or \`patchwave reject ${run} --reason …\``)
  io.err(`go on with \`${again}\`, or stop it with \`patchwave abort ${run} --reason …\``)
  return EXIT.notEnded
}

/** A driver that was suspended, or lost its lease, may find that its successor is done already. */
function elsewhere(ended: Ended, io: Io): number {
  io.err(
    `run ${ended.run} has ended: another process drove it to its end (${ended.outcome}); see it with \`patchwave status ${ended.run}\``,
  )
  return ended.outcome === 'succeeded' || undone(ended) ? EXIT.done : EXIT.otherwise
}
