import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { instant, MINUTE, plus, type Instant } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { OPENS, report, Telling } from './telling.ts'

const GATE = { failuresMax: 0 }
const ROLLBACK = {
  on: 'gate-failed',
  scope: 'wave',
  method: 'packages',
  outside: 'allow',
  failures: { kind: 'count', count: 0 },
  failuresMax: 0,
} as const

/** What a node says that has changed so many packages. */
const says = (n: number, node: number, word: string, changed: number, ended: Instant): RunEvent => ({
  ...report(n, { [node]: word }, ended),
  changed: [changed],
})

function sent(nodes: PlanSpec['waves'], more: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: nodes, rollback: ROLLBACK, ...more })
  told.open()
  told.read()
  told.sent(1)
  return told
}

const undone = (told: Telling): readonly (readonly number[])[] =>
  told.facts.flatMap(({ event }) => (event.type === 'CommandIntended' && event.work === 'rollback' ? [event.nodes] : []))

describe('a rollback and a node that waited for a lock in vain', () => {
  it('is left alone: it has no before-record, and for want of it would stop the undoing of those that were changed', () => {
    const told = sent([{ nodes: 3, gate: GATE }])
    told.tell(says(1, 0, 'failed: lock-held', 0, told.now), says(1, 1, 'patched', 3, told.now), says(1, 2, 'patched', 3, told.now))
    told.tell({ type: 'CommandClosed', n: 1 })
    told.play('rolled-back')
    expect(undone(told)).toEqual([[2, 1]])
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(['failed: lock-held', 'rolled-back: reason', 'rolled-back: reason'])
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
    expect(told.refolded()).toEqual(told.lived)
  })

  const HELD = 'failed: lock-held'
  it.each<[string, (told: Telling) => void]>([
    [
      'of which a copy may have worked',
      (told) => {
        told.tell({ type: 'CommandUnclear', n: 1, message: 'x' })
        told.tell(says(1, 0, HELD, 0, told.now))
      },
    ],
    ['that was not heard itself', (told) => told.tell(says(1, 0, HELD, 0, instant(0)))],
    [
      'whose first attempt ended otherwise',
      (told) => {
        told.tell(says(1, 0, 'failed: disk-full', 0, told.now), { type: 'CommandClosed', n: 1 })
        told.wait(MINUTE)
        told.read()
        told.sent(2)
        told.tell(says(2, 0, HELD, 0, told.now))
      },
    ],
  ])('is undone where that is not sure: a node %s', (_, ends) => {
    const told = sent([{ nodes: 1, gate: GATE }], { retry: { attempts: 2, on: ['disk-full'] } })
    ends(told)
    told.tell({ type: 'CommandClosed', n: told.n })
    told.read()
    expect(undone(told)).toEqual([[0]])
  })

  it('goes on as it was where an older journal has begun to undo it', () => {
    const told = sent([{ nodes: 2, gate: GATE }])
    told.tell(says(1, 0, 'failed: lock-held', 0, told.now), says(1, 1, 'patched', 3, told.now), { type: 'CommandClosed', n: 1 })
    told.tell({ type: 'BatchDropped', batch: 2, reason: 'x' })
    const batch = told.state.batchCount + 1
    told.tell({ type: 'BatchChosen', batch, cell: '222222222222/us-east-1', list: 0, work: 'rollback', nodes: [0] })
    told.play('rolled-back')
    expect(told.node(0)).toBe('rolled-back: reason')
    expect(told.state.phase).toMatchObject({ name: 'finished' })
  })
})

describe('a rollback and a node that needed nothing', () => {
  it.each([
    ['any more, after an attempt that changed something', 2, [[0]]],
    ['and on which no attempt changed anything', 0, []],
  ])('%s', (_, changed, nodes) => {
    const retry = { attempts: 2, on: ['disk-full' as const] }
    const told = sent([{ nodes: 1, gate: { failuresMax: 1 } }], { retry })
    told.tell(says(1, 0, 'failed: disk-full', changed, told.now), { type: 'CommandClosed', n: 1 })
    told.wait(MINUTE)
    told.read()
    told.sent(2)
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: true })
    told.tell(says(2, 0, 'not-needed', 0, plus(OPENS, 10 * MINUTE)), { type: 'CommandClosed', n: 2 })
    told.play('rolled-back')
    expect(undone(told)).toEqual(nodes)
    expect(told.refolded()).toEqual(told.lived)
  })
})
