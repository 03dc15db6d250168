import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { commandOf, STAGE } from '../../../src/core/run/state.ts'
import { HOUR, plus, SECOND } from '../../../src/kit/instant.ts'
import { ACCOUNT } from './plan.ts'
import { briefly, OPENS, report, type Telling } from './telling.ts'
import { around, DRAIN, ends, hooks, opened } from './stepping.ts'

const ROLLBACK = { on: 'gate-failed', scope: 'run', method: 'packages', outside: 'allow', failures: { kind: 'count', count: 9 }, failuresMax: 9 } as const // prettier-ignore

const found = (n: number, nodes: readonly number[], work: 'apply' | 'rollback' = 'apply'): RunEvent => ({
  type: 'CommandFound',
  n,
  commandId: `found-${String(n)}`,
  cell: `${ACCOUNT}/us-east-1`,
  work,
  document: work === 'apply' ? 'Patchwave-Apply' : 'Patchwave-Rollback',
  nodes,
  requestedAt: OPENS,
  expiresAfter: plus(OPENS, HOUR),
})

/** Two nodes that are to be drained, in a wave that may lose both. */
function draining(): Telling {
  const told = opened(around({ ...hooks('before'), drain: DRAIN }, { waves: [{ nodes: 2, gate: { failuresMax: 2, bakeMs: HOUR } }] }))
  told.read()
  return told
}

const again = (told: Telling): readonly string[] =>
  told.facts.flatMap(({ event }) => (event.type === 'CommandIntended' ? [event.nodes.join()] : []))

describe('a command that was found, of which the journal has lost the intent', () => {
  it('is no reason to change a node once more that a step was preparing for it', () => {
    const told = draining()
    told.tell(found(7, [0]))
    expect([told.state.nodes.stage[0], told.node(0), commandOf(told.state, 7).nodes]).toEqual([STAGE.chosen, 'open', [0]])
    ends(told, 'drain')
    expect([told.node(0), told.node(1)]).toEqual(['unknown: found-without-intent', 'open'])
    ends(told, 'hook-before')
    expect(again(told), 'the other one goes on alone').toEqual(['1'])
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    told.tell(report(7, { 0: 'patched' }, told.now))
    expect([told.node(0), told.state.nodes.out[0], told.state.nodes.touched[0]]).toEqual(['patched: reason', 0, 1])
    expect(told.refolded()).toEqual(told.lived)
  })

  it('whose node failed in that step: it is unknown all the same', () => {
    const told = draining()
    told.tell(found(7, [0]))
    ends(told, 'drain', { 0: 'skipped: not-drained' })
    expect(told.node(0)).toBe('unknown: found-without-intent')
  })

  it('is awaited by a node that comes back from what was prepared for it', () => {
    const told = draining()
    ends(told, 'drain')
    ends(told, 'hook-before', { 0: 'skipped: hook-failed', 1: 'done' })
    told.tell(found(7, [0, 1]))
    expect(told.node(0)).toBe('unknown: found-without-intent')
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    expect([told.node(0), told.state.nodes.stage[0]]).toEqual(['unknown: found-without-intent', STAGE.ended])
    told.tell(report(7, { 0: 'patched' }, told.now))
    expect(told.node(0)).toBe('patched: reason')
  })

  it('that restores a node: a rollback that is about to do so waits for it', () => {
    const told = opened(around({}, { waves: [{ nodes: 2 }], rollback: ROLLBACK }))
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'failed: x', 1: 'patched' }, told.now), { type: 'CommandClosed', n: 1 })
    expect(told.state.phase.name).toBe('rolling-back')
    told.tell({ type: 'Paused', reason: '' })
    const batch = [...told.state.batches.keys()][0] ?? 0
    if (told.state.batches.size > 0) told.tell({ type: 'BatchDropped', batch, reason: 'found-without-intent' })
    told.tell(found(7, [0], 'rollback'), { type: 'Resumed', reason: '' })
    expect(told.state.nodes.stage[0]).toBe(STAGE.flying)
    told.wait(10 * SECOND)
    const followed = told.read()
    expect(briefly(followed)).toContain('CommandIntended 1')
    told.tell(report(7, { 0: 'rolled-back' }, told.now))
    expect(told.node(0)).toBe('rolled-back: reason')
  })
})

describe('a hook after a change that found nothing to do', () => {
  it('has found the node unwell when it fails: the node counts as out of service', () => {
    const told = opened(around(hooks('after'), { groups: [{ atMost: 1 }], waves: [{ nodes: [{ groups: [0] }], gate: { failuresMax: 1, bakeMs: HOUR } }] })) // prettier-ignore
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'not-needed' }, told.now), { type: 'CommandClosed', n: 1 })
    told.wait(5 * SECOND)
    ends(told, 'hook-after', { 0: 'undone: hook-failed' })
    expect([told.node(0), told.state.nodes.out[0], told.state.groupOut[0]]).toEqual(['failed: hook-failed', 1, 1])
  })
})
