import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { sealAll } from '../../src/core/audit/seal.ts'
import { toData } from '../../src/core/run/codec.ts'
import { initial } from '../../src/core/run/state.ts'
import { evolve } from '../../src/core/run/evolve.ts'
import { Hints } from '../../src/engine/hints.ts'
import { answer, answerNotes } from '../../src/engine/inbox.ts'
import { Journal } from '../../src/engine/journal.ts'
import type { World } from '../../src/engine/world.ts'
import { DAY, HOUR, plus, type Instant } from '../../src/kit/instant.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { plan } from '../core/run/plan.ts'
import { ENGINE, OPENS, pinned, REQUESTED, Telling } from '../core/run/telling.ts'

const ALICE = { kind: 'cli', id: 'arn:aws:iam::999999999999:user/alice' } as const
const ASKED = { type: 'ApprovalAsked', subject: { kind: 'plan' }, group: '', count: 1, expires: plus(OPENS, 2 * HOUR) } as const

/** A run that asks for the approval of its plan; someone answers, and days later there is a driver again. */
async function answered(what: 'approve' | 'reject', said: Instant): Promise<readonly string[]> {
  const content = plan({ waves: [{ nodes: 1 }], approval: { group: '', count: 1, expiresMs: 2 * HOUR } })
  const store = openMemoryStore()
  const run = '01900000-0000-7000-8000-000000000001'
  let now = OPENS
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve(), hold: (work) => work() }
  const state = initial(run, content)
  const begun = sealAll(null, [{ run, at: now, actor: ENGINE, ...toData(REQUESTED) }])
  await store.create({ run, runbook: 'night', act: 'rollout', requestedAt: now }, begun)
  evolve(state, { at: now, actor: ENGINE, event: REQUESTED })
  const told: string[] = []
  const journal = new Journal({ state, store, clock, last: begun.at(-1) ?? null, listen: (_, { event }) => told.push(event.type) })
  await journal.record([pinned(content), { type: 'DriverTook', driver: 'driver-1', epoch: 1 }, ASKED], ENGINE)
  await store.note(run, said, what, JSON.stringify({ what, reason: 'x', gate: null, actor: ALICE }))
  now = plus(OPENS, 3 * DAY)
  const world: Pick<World, 'clock' | 'store' | 'groups' | 'driver'> = { clock, store, groups: new Map(), driver: 'driver-2' }
  await answerNotes(world as World, journal, new Hints())
  return told.slice(3)
}

describe('an answer that waited for a driver', () => {
  // prettier-ignore
  it.each<[what: 'approve' | 'reject', said: number, told: string]>([
    ['approve', 2 * HOUR - 1, 'ApprovalGiven'],
    ['approve', 2 * HOUR,     'SteeringRefused'],
    ['approve', DAY,          'SteeringRefused'],
    ['reject',  HOUR,         'ApprovalRefused'],
    ['reject',  DAY,          'SteeringRefused'],
  ])('counts if it was given before the question expired: %s after %i ms', async (what, said, told) => {
    expect(await answered(what, plus(OPENS, said))).toEqual([told])
  })
})

describe('the wish for a rollback', () => {
  const world = { groups: new Map(), clock: { now: () => OPENS } }
  const wish = { what: 'rollback', reason: 'x', gate: null, actor: ALICE } as const
  it.each([
    ['apply', 'RollbackAsked'],
    ['scan', 'SteeringRefused'],
    ['rollback', 'SteeringRefused'],
  ] as const)('ends no run that installs nothing: %s', (work, told) => {
    const state = initial('01900000-0000-7000-8000-000000000001', plan({ work, waves: [{ nodes: 1 }] }))
    expect(answer(world, state, wish).map(({ type }) => type)).toEqual([told])
  })
})

describe('an abort for the sake of the next run (overlap: cancel-running)', () => {
  // prettier-ignore
  it.each<[asked: 'abort-and-rollback' | 'abort' | null, by: 'schedule' | 'message' | 'cli', told: string]>([
    ['abort-and-rollback', 'schedule', 'SteeringRefused'],
    ['abort-and-rollback', 'message',  'SteeringRefused'],
    ['abort-and-rollback', 'cli',      'AbortAsked'],
    ['abort',              'schedule', 'AbortAsked'],
    [null,                 'schedule', 'AbortAsked'],
  ])('takes no way back from its nodes: after %s, by %s', (asked, by, expected) => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.open()
    told.read()
    told.sent(1)
    const world = { groups: new Map(), clock: { now: () => told.now } }
    const wish = { reason: 'x', gate: null } as const
    if (asked !== null) told.tell(...answer(world, told.state, { ...wish, what: asked, actor: ALICE }))
    const said = answer(world, told.state, { ...wish, what: 'abort', actor: { kind: by, id: 'it' } })
    expect(said.map(({ type }) => type)).toEqual([expected])
  })

  it('lets a run that undoes another one come to its end', () => {
    const state = initial('01900000-0000-7000-8000-000000000001', plan({ work: 'rollback', waves: [{ nodes: 1 }] }))
    const wish = { what: 'abort', reason: 'x', gate: null, actor: { kind: 'schedule', id: 'it' } } as const
    expect(answer({ groups: new Map(), clock: { now: () => OPENS } }, state, wish)).toMatchObject([{ type: 'SteeringRefused' }])
  })

  it('lets a rollback that has begun come to its end', () => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    told.tell({ type: 'RollbackAsked', reason: 'sick' })
    expect(told.state.phase.name).toBe('rolling-back')
    const world = { groups: new Map(), clock: { now: () => told.now } }
    const wish = { what: 'abort', reason: 'x', gate: null, actor: { kind: 'schedule', id: 'it' } } as const
    expect(answer(world, told.state, wish)).toMatchObject([{ type: 'SteeringRefused' }])
  })
})
