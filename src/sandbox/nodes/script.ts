import { type Instant, MINUTE, type Ms, plus } from '../../kit/instant.ts'
import type { Execution } from '../ledger.ts'
import type { Alarms, Stop } from './alarms.ts'
import { Change, type Work } from './change.ts'
import type { Outcome } from './disk.ts'
import { HeldWork } from './held-work.ts'
import { type SimulatedNode, stepUp } from './node.ts'
import { type ReadParameters, readParameters, type ScriptParameters } from './parameters.ts'
import { readOutcome } from './reading.ts'
import { type Finding, outcomeOf } from './result.ts'
import type { Surroundings } from './surroundings.ts'

/** One start of a document's script. */
export type ScriptRun = Readonly<{
  document: string
  parameters: Readonly<Record<string, string>>
  execution: Execution
  /** The how-manieth command of its document on this node, from 0: faults are drawn by it. */
  number: number
  takesMs: Ms
  /** The agent's kill of the process group, or the loss of power. */
  kill: Stop
}>

/** How long a change waits for the lock of another token. */
const LOCK_WAIT_MS: Ms = 10 * MINUTE

/** SSM boots the node and runs the script again. */
const REBOOT_EXIT = 194

/** Runs a Patchwave document as documents/PROTOCOL.md has it. Null: it was killed. */
export function runScript(node: SimulatedNode, around: Surroundings, run: ScriptRun): Promise<Outcome | null> {
  const parameters = readParameters(run.document, run.parameters)
  if ('refused' in parameters) {
    const finding: Finding = { verdict: 'failed', reason: parameters.refused }
    return Promise.resolve(outcomeOf(node, run.parameters['Token'] ?? '', around.clock.now(), finding))
  }
  return isReading(parameters) ? runReading(node, around, run, parameters) : runHeld(node, around, run, parameters)
}

function isReading(parameters: ScriptParameters): parameters is ReadParameters {
  const { document } = parameters
  if (document === 'Patchwave-LivePatch') return parameters.mode === 'status'
  return document === 'Patchwave-Scan' || document === 'Patchwave-Check' || document === 'Patchwave-Fetch'
}

function workOf(node: SimulatedNode, around: Surroundings, run: ScriptRun, parameters: Exclude<ScriptParameters, ReadParameters>): Work {
  switch (parameters.document) {
    case 'Patchwave-Apply':
    case 'Patchwave-Rollback':
      return new Change(node, around, parameters, run.execution, run.takesMs)
    default:
      return new HeldWork(node, around, parameters, run)
  }
}

async function runReading(node: SimulatedNode, around: Surroundings, run: ScriptRun, parameters: ReadParameters): Promise<Outcome | null> {
  const { clock, alarms } = around
  const { markers } = node.disk
  const marker = markers.get(parameters.token)
  if (marker?.state === 'done') return marker.outcome
  if (clock.now() >= parameters.startBefore) return tooLate(node, parameters.token, clock.now())
  await alarms.sleep(stepUp(plus(clock.now(), run.takesMs)), run.kill)
  if (run.kill.aborted) return null
  const outcome = readOutcome(node, around, parameters)
  markers.set(parameters.token, { state: 'done', outcome })
  return outcome
}

/** The marker table. Each turn looks at the marker and the lock anew: either may have changed while it waited. */
async function runHeld(
  node: SimulatedNode,
  around: Surroundings,
  run: ScriptRun,
  parameters: Exclude<ScriptParameters, ReadParameters>,
): Promise<Outcome | null> {
  const { disk } = node
  const { clock, alarms } = around
  const { token } = parameters
  const work = workOf(node, around, run, parameters)
  const patience = plus(clock.now(), LOCK_WAIT_MS)
  while (!run.kill.aborted) {
    const marker = disk.markers.get(token)
    if (marker?.state === 'done') return marker.outcome
    if (disk.lock) {
      const mine = disk.lock.token === token || marker !== undefined
      await released(disk.lock.released, mine ? null : patience, alarms, run.kill)
      if (!mine && disk.lock && clock.now() >= patience)
        return outcomeOf(node, token, clock.now(), { verdict: 'failed', reason: 'lock-held' })
    } else if (marker === undefined) {
      if (clock.now() >= parameters.startBefore) return tooLate(node, token, clock.now())
      disk.markers.set(token, { state: 'started' })
      work.start()
    } else if (marker.state === 'started') {
      work.repair()
    } else {
      if (marker.after.bootId === node.bootId) return { exit: REBOOT_EXIT, verdict: 'rebooting', line: '', rest: '' }
      work.readBack(marker.after)
    }
  }
  return null
}

const tooLate = (node: SimulatedNode, token: string, at: Instant): Outcome =>
  outcomeOf(node, token, at, { verdict: 'skipped', reason: 'too-late' })

/** Resolves when a script is killed; never otherwise. */
export const killed = (kill: Stop): Promise<void> => new Promise((resolve) => void kill.when(resolve))

/** Resolves when the lock is free, patience (if any) is at its end, or the script is killed. */
function released(lock: Promise<void>, until: Instant | null, alarms: Alarms, kill: Stop): Promise<void> {
  return new Promise((resolve) => {
    const wishes: (() => void)[] = []
    const end = (): void => {
      for (const forget of wishes) forget()
      resolve()
    }
    if (until !== null) wishes.push(alarms.at(until, end))
    wishes.push(kill.when(end))
    void lock.then(end)
  })
}
