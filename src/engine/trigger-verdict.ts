import { readEntry } from '../core/audit/open.ts'
import { fromData } from '../core/run/codec.ts'
import type { Actor, RunEvent } from '../core/run/event.ts'
import { parseTrigger, type Trigger } from '../core/runbook/trigger.ts'
import { InvalidDocument, PatchwaveError, type ErrorCode } from '../kit/error.ts'
import type { RunId } from '../kit/ids.ts'
import { clean } from '../kit/text.ts'
import type { Received } from '../ports/queue.ts'
import type { World } from './world.ts'

/**
 * Puts a run on record and takes the trigger's id in the same transaction; `known`: another delivery had done so. A failure of the sender
 * (exit 2, or a clear no such as a freeze) refuses the message; one that may pass lets it come again.
 */
export type StartTrigger = (trigger: Trigger, actor: Actor) => Promise<Readonly<{ run: RunId; known: boolean }>>

/** What becomes of a message: its run is on record, it is refused for good, or it is tried again later. */
export type Verdict = Readonly<
  | { kind: 'started'; id: string; run: RunId; known: boolean }
  | { kind: 'refused'; code: ErrorCode; reason: string }
  | { kind: 'later'; id: string; reason: string }
>

/** Exit 2 or 4, but mended where the service runs: not the sender's mistake, so the trigger waits for it. */
const NOT_THE_SENDERS: ReadonlySet<ErrorCode> = new Set([
  'store.unusable',
  'store.replaced',
  'journal.newer',
  'config.invalid',
  'file.unreadable',
])

/** Names everything that is wrong and still fits into an attribute that people read. */
const REASON_CHARACTERS_MAX = 1_000

/** Reads the message and starts what it asks for. Throws only what is a bug, or a failure of the store. */
export async function verdictOf(world: Pick<World, 'store' | 'clock'>, message: Received, start: StartTrigger): Promise<Verdict> {
  let id = message.id
  let trigger: Trigger | undefined
  try {
    trigger = parseTrigger(message.body)
    id = trigger.id
    // Asked first: a trigger that has led to a run must not be refused because its runbook has changed since.
    const earlier = await led(world, trigger)
    if (earlier !== undefined) return earlier
    const actor: Actor = { kind: 'message', id: message.sender ?? 'unknown' }
    const { run, known } = await start(trigger, actor)
    if (known && !(await isFor(world, run, trigger))) return refused(takenBy(id, run))
    return { kind: 'started', id, run, known }
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    if (mayPass(error)) return { kind: 'later', id, reason: reasonOf(error) }
    // Another delivery may have led to a run while this one was planned: its sender is not told no.
    return (trigger && (await led(world, trigger))) ?? refused(error)
  }
}

/** The run that an earlier delivery has led to, if there is one. */
async function led(world: Pick<World, 'store' | 'clock'>, trigger: Trigger): Promise<Verdict | undefined> {
  const { id } = trigger
  const run = await world.clock.hold(() => world.store.triggered(id))
  if (run === undefined) return undefined
  return (await isFor(world, run, trigger)) ? { kind: 'started', id, run, known: true } : refused(takenBy(id, run))
}

/** Whether the same trigger may succeed later without its sender. A freeze or a plan that does not fit is an answer: nothing starts by surprise when it has passed. */
function mayPass(error: PatchwaveError): boolean {
  return error.retryable || error.exit === 1 || error.exit === 3 || NOT_THE_SENDERS.has(error.code)
}

/** Whether the run is what the trigger asks for: what decides about nodes has to be the same, not its words. Inputs that were filled in do not count. */
async function isFor({ store, clock }: Pick<World, 'store' | 'clock'>, run: RunId, trigger: Trigger): Promise<boolean> {
  const requested = await clock.hold(() => requestOf(store, run))
  if (requested?.runbook !== trigger.runbook) return false
  return Object.entries(trigger.inputs).every(([name, value]) => requested.inputs[name] === value)
}

async function requestOf(store: World['store'], run: RunId): Promise<Extract<RunEvent, { type: 'RunRequested' }> | undefined> {
  for await (const sealed of store.read(run)) {
    const { type, data } = readEntry(sealed)
    const event = fromData(type, data)
    return event.type === 'RunRequested' ? event : undefined
  }
  return undefined
}

const takenBy = (id: string, run: RunId): PatchwaveError =>
  new PatchwaveError('trigger.invalid', `the id ${id} has led to run ${run}, which is for another runbook or other inputs`, {
    hint: 'choose an id of its own for each request',
  })

const refused = (error: PatchwaveError): Verdict => ({ kind: 'refused', code: error.code, reason: reasonOf(error) })

function reasonOf(error: PatchwaveError): string {
  const parts =
    error instanceof InvalidDocument
      ? error.diagnostics.map(({ message, hint }) => `${message} (${hint})`)
      : [`${error.message} (${error.more.hint})`]
  return clean(`${error.code}: ${parts.join('; ')}`, REASON_CHARACTERS_MAX)
}
