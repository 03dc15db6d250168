import { describe, expect, it } from 'vitest'
import { SECOND } from '../../../src/kit/instant.ts'
import { STAGE } from '../../../src/core/run/state.ts'
import { briefly, report, type Telling } from './telling.ts'
import { around, DRAIN, ends, opened } from './stepping.ts'

const ROLLBACK = { on: 'gate-failed', scope: 'run', method: 'packages', outside: 'allow', failures: { kind: 'count', count: 9 }, failuresMax: 9 } as const // prettier-ignore

/** Two nodes that were drained, changed, failed and came back; they are drained for their rollback. */
function rollingBack(): Telling {
  const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 2 }], rollback: ROLLBACK }))
  told.read()
  ends(told, 'drain')
  told.sent(1)
  told.tell(report(1, { 0: 'failed: x', 1: 'patched' }, told.now), { type: 'CommandClosed', n: 1 })
  told.wait(5 * SECOND)
  ends(told, 'rejoin')
  told.read()
  return told
}

describe('a node that said nothing and could not be put back', () => {
  it.each([
    ['patched', 'failed: not-back', 1],
    ['not-needed', 'failed: not-back', 0],
    ['skipped: too-late', 'failed: not-back', 0],
    ['failed: checksum', 'failed: checksum', 1],
  ])('and says %s at last is %s: it still serves nobody', (word, outcome, touched) => {
    const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 2, gate: { failuresMax: 2 } }] }))
    told.read()
    ends(told, 'drain')
    told.sent(1)
    told.tell(report(1, { 0: 'silent unknown: x', 1: 'patched' }, told.now))
    told.wait(5 * SECOND)
    ends(told, 'rejoin', { 0: 'undone: not-rejoined' })
    expect(told.node(0)).toBe('unknown: x')
    told.tell(report(1, { 0: word }, told.now))
    expect([told.node(0), told.state.nodes.out[0], told.state.nodes.touched[0]]).toEqual([outcome, 1, touched])
    expect(told.node(1)).toBe('patched: reason')
    expect(told.refolded()).toEqual(told.lived)
  })
})

describe('a node that comes back in the rollback of its wave', () => {
  it('from what was prepared for it: it is not restored yet, and is tried again', () => {
    const told = rollingBack()
    ends(told, 'drain', { 1: 'done' })
    told.tell({ type: 'Paused', reason: '' })
    const { n } = told
    told.sent(n)
    told.tell({ type: 'Resumed', reason: '' })
    told.tell(report(n, { 0: 'rolled-back', 1: 'rolled-back' }, told.now), { type: 'CommandClosed', n })
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    expect([told.node(0), told.node(1)]).toEqual(['rolled-back: reason', 'rolled-back: reason'])
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
  })

  it('because its round was given up in a pause: it waits, and goes on afterwards', () => {
    const told = rollingBack()
    told.tell({ type: 'Paused', reason: '' })
    ends(told, 'drain')
    told.wait(6 * SECOND)
    ends(told, 'rejoin')
    expect([...told.state.nodes.stage]).toEqual([STAGE.waiting, STAGE.waiting])
    expect([told.node(0), told.node(1)]).toEqual(['failed: x', 'patched: reason'])
    const followed = told.tell({ type: 'Resumed', reason: '' })
    expect(briefly(followed)).toEqual(['BatchChosen 1,0'])
  })

  it('and cannot be prepared has not been restored', () => {
    const told = rollingBack()
    ends(told, 'drain', { 0: 'failed: denied', 1: 'failed: denied' })
    told.wait(6 * SECOND)
    ends(told, 'rejoin')
    expect([told.node(0), told.node(1)]).toEqual(['rollback-failed: denied', 'rollback-failed: denied'])
    expect([...told.state.nodes.stage]).toEqual([STAGE.ended, STAGE.ended])
  })
})
