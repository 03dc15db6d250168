import { PatchwaveError } from '../kit/error.ts'
import type { Actor } from '../core/run/event.ts'
import type { Trigger } from '../core/runbook/trigger.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import type { Runbooks } from '../ports/runbooks.ts'
import type { RunId } from '../kit/ids.ts'
import type { RunRow } from '../ports/store.ts'
import { refuseFrozen } from './frozen.ts'
import { askToEnd } from './give-way.ts'
import type { Held, HeldRunbooks } from './held-runbooks.ts'
import { planDue } from './planning.ts'
import { putOnRecord } from './request.ts'
import type { StartTrigger } from './trigger-verdict.ts'
import type { World } from './world.ts'

/** Starts what a trigger message asks for: its runbook with its inputs, the trial first where no fresh baseline stands. */
export function triggerStarter(world: World, held: HeldRunbooks, runbooks: Runbooks, signal: AbortSignal): StartTrigger {
  return async (trigger, actor) => {
    const { file, runbook } = known(held, trigger)
    const own = await giveWay(world, runbook, trigger.id, actor)
    if (own !== null) return { run: own, known: true }
    const loaded = await world.clock.hold(() => runbooks.load(file, trigger.inputs))
    const { id, reason, now } = trigger
    if (now || loaded.runbook.window === null) await refuseFrozen(world, loaded.runbook.window, signal)
    const plan = await planDue(world, { ...loaded, now }, signal)
    // Planning takes minutes: the schedule, or a person, may have begun a run meanwhile.
    const since = await giveWay(world, runbook, id, actor)
    if (since !== null) return { run: since, known: true }
    const { run, ours } = await putOnRecord(world, { plan, actor, reason, now, trial: null, trigger: id, followed: true })
    return { run, known: !ours }
  }
}

function known(held: HeldRunbooks, { runbook }: Trigger): Held {
  const found = held.get(runbook)
  if (found !== undefined) return found
  const spoiled = held.view().find(({ name, problem }) => name === runbook && problem !== null)
  if (spoiled !== undefined)
    throw new PatchwaveError('file.unreadable', `${spoiled.file} cannot be used: ${spoiled.problem ?? ''}`, { hint: 'mend the file' })
  if (!held.settled)
    throw new PatchwaveError('file.unreadable', `it is not known yet whether there is a runbook ${runbook}`, {
      hint: 'look at what the service says of its runbooks',
    })
  throw new PatchwaveError('trigger.invalid', `there is no runbook ${runbook}`, {
    hint: `name one of ${held.all.map(({ name }) => name).join(', ') || 'the runbooks that are served'}`,
  })
}

/**
 * An earlier run of the runbook is unfinished: its window's `overlap` says whether this one waits, is refused, or has it end first. Resolves to the
 * run that this trigger has led to, if it is one of another delivery since it was asked: that must not give way to itself.
 */
async function giveWay(world: World, runbook: Runbook, trigger: string, actor: Actor): Promise<RunId | null> {
  const [earlier] = await world.clock.hold(() => world.store.runs({ unfinished: true, runbook: runbook.name }))
  if (earlier === undefined) return null
  const own = await world.clock.hold(() => world.store.triggered(trigger))
  if (own !== undefined) return own
  const overlap = runbook.window?.overlap ?? 'queue'
  if (overlap === 'skip') throw refused(earlier)
  if (overlap === 'cancel-running') await askToEnd(world, earlier.run, 'a trigger asks for a new run (overlap: cancel-running)', actor)
  throw new PatchwaveError('store.busy', `run ${earlier.run} of this runbook has not ended`, { hint: 'it starts once that one has ended' })
}

const refused = ({ run }: RunRow): PatchwaveError =>
  new PatchwaveError('trigger.invalid', `run ${run} of this runbook has not ended (overlap: skip)`, { hint: 'send it again when it has' })
