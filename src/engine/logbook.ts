import { known } from '../kit/assert.ts'
import { latest, iso, type Instant } from '../kit/instant.ts'
import { openEntry, readEntry } from '../core/audit/open.ts'
import { seal } from '../core/audit/seal.ts'
import type { Actor } from '../core/run/event.ts'
import type { Sealed } from '../ports/store.ts'
import type { World } from './world.ts'

/**
 * What became of a runbook's openings and files where no run came of it: what a run was requested for stands in the run's own journal.
 * Instants are ISO 8601 UTC in the journal.
 */
export type ScheduleFact = Readonly<
  | { type: 'RunbookTaken'; file: string; digest: string }
  | { type: 'RunbookKept'; file: string; problem: string }
  | { type: 'RunbookGone'; file: string }
  | { type: 'OpeningLeft'; act: string; opens: Instant; why: string }
  | { type: 'WindowMissed'; act: string; opens: Instant; until: Instant; count: number; reason: string }
>

/** The journal of a runbook's schedule. */
export const logbookOf = (runbook: string): string => `schedule:${runbook}`

/**
 * Two services on one store look at an opening in the same second: what the other one has just told is not told again. More entries than these
 * do not come in between.
 */
const LATEST = 50

/** Another writer appended in between; the fact is sealed anew on top of it, at most so often in a row. */
const TRIES = 20

/**
 * Puts a fact into the journal of a runbook's schedule: chained, sealed and durable like any other. Several processes may write there; what became
 * of an opening is told by the first of them.
 */
export const logFact = (world: Pick<World, 'store' | 'clock'>, runbook: string, fact: ScheduleFact, actor: Actor): Promise<void> =>
  logTo(world, { run: logbookOf(runbook), runbook, type: fact.type, data: dataOf(fact), actor, isTold: (entry) => tells(entry, fact) })

/** An entry of a journal that is no run's, and in which several processes may write. `isTold`: whether an entry there says it already. */
export type Logged = Readonly<{
  run: string
  runbook: string
  type: string
  data: Readonly<Record<string, unknown>>
  actor: Actor
  isTold?: (entry: Sealed) => boolean
}>

/** Seals it on top of whatever stands there, and opens the journal with it where there is none. */
export async function logTo(world: Pick<World, 'store' | 'clock'>, logged: Logged): Promise<void> {
  await world.clock.hold(async () => {
    for (let turn = 0; turn < TRIES; turn += 1) if (await append(world, logged)) return
    throw new Error(`the journal ${logged.run} changes all the time`)
  })
}

async function append({ store, clock }: Pick<World, 'store' | 'clock'>, logged: Logged): Promise<boolean> {
  const { run, runbook, type, data, actor, isTold } = logged
  const row = await store.run(run)
  const newest: Sealed[] = []
  if (row !== undefined) for await (const entry of store.read(run, Math.max(1, row.entries - LATEST + 1))) newest.push(entry)
  if (isTold && newest.some(isTold)) return true
  const last =
    row === undefined
      ? null
      : known(
          newest.find(({ seq }) => seq === row.entries),
          'the last entry',
        )
  const at = last === null ? clock.now() : latest(clock.now(), last.at)
  const entry = seal(last, { run, at, actor, type, data })
  if (row === undefined) {
    await store.create({ run, runbook, act: 'schedule', requestedAt: at }, [entry])
    return (await store.run(run))?.head === entry.hash
  }
  return (await store.append({ run, head: row.head, entries: [entry] })).ok
}

/** Whether an entry says what became of the same opening. */
function tells(sealed: Sealed, fact: ScheduleFact): boolean {
  if (fact.type !== 'WindowMissed' && fact.type !== 'OpeningLeft') return false
  if (sealed.type !== 'WindowMissed' && sealed.type !== 'OpeningLeft') return false
  const { data } = readEntry(sealed)
  return data['act'] === fact.act && data['opens'] === iso(fact.opens)
}

function dataOf({ type: _, ...fact }: ScheduleFact): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fact).map(([key, value]) => [key, key === 'opens' || key === 'until' ? iso(value as Instant) : value]),
  )
}

/** The facts of a schedule in order, verified. @throws `journal.broken` */
export async function* readLogbook(
  store: World['store'],
  runbook: string,
): AsyncGenerator<Readonly<{ at: Instant; type: string; data: Readonly<Record<string, unknown>> }>> {
  let last: Sealed | null = null
  for await (const sealed of store.read(logbookOf(runbook))) {
    const { at, type, data } = openEntry(sealed, last)
    last = sealed
    yield { at, type, data }
  }
}
