import { describe, expect, it } from 'vitest'
import { START_MARGIN_MS } from '../../../src/core/run/dispatch.ts'
import { ROUND_MS } from '../../../src/core/run/waiting.ts'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { briefly, CUTOFF, report, Telling } from './telling.ts'

const chosen = (events: readonly RunEvent[]): (readonly number[])[] =>
  events.flatMap((event) => (event.type === 'BatchChosen' ? [event.nodes] : []))

describe('free places', () => {
  // prettier-ignore
  it.each<[it: string, spec: PlanSpec, sizes: number[]]>([
    ['take a whole wave that fits',             { waves: [{ nodes: 3 }] },                                     [3]],
    ['are no more than the concurrency',        { waves: [{ nodes: 9, concurrency: 4 }] },                     [4]],
    ['are filled 50 nodes a command',           { waves: [{ nodes: 120 }] },                                   [50, 50, 20]],
    ['are filled 50 a command up to the limit', { waves: [{ nodes: 120, concurrency: 70 }] },                  [50, 20]],
    ['never mix cells',                         { waves: [{ nodes: [{}, { region: 'eu-west-1' }, {}] }] },     [2, 1]],
    ['never mix accounts',                      { waves: [{ nodes: [{}, { account: '444455556666' }] }] },     [1, 1]],
    ['never mix lists',                         { waves: [{ nodes: [{ list: 0 }, { list: 1 }, { list: 0 }] }] }, [2, 1]],
    ['leave out what the plan skips',           { waves: [{ nodes: [{}, { skip: 'untested' }, {}] }] },        [2]],
    ['a hard budget narrows them',              { waves: [{ nodes: 9, gate: { hard: true, failuresMax: 1 } }] }, [2]],
    ['a hard budget of none: one at a time',    { waves: [{ nodes: 9, gate: { hard: true } }] },               [1]],
    ['a soft budget does not',                  { waves: [{ nodes: 9, gate: { failuresMax: 1 } }] },           [9]],
  ])('%s', (_, spec, sizes) => {
    const told = new Telling(spec)
    expect(chosen(told.open()).map((nodes) => nodes.length)).toEqual(sizes)
  })

  it('wait for the round to end, so that a command is not made of one node', () => {
    const told = new Telling({ waves: [{ nodes: 4, concurrency: 2 }] })
    told.open()
    told.read()
    told.sent(1)
    expect(briefly(told.tell(report(1, { 0: 'patched' }, told.now)))).toEqual([])
    expect(told.wakeAt).toBe(plus(told.now, ROUND_MS))
    expect(briefly(told.wait(ROUND_MS))).toEqual(['BatchChosen 2'])
  })

  it('are filled at once when nothing is in flight', () => {
    const told = new Telling({ waves: [{ nodes: 3, concurrency: 1, gate: { failuresMax: 3 } }] })
    told.open()
    told.read()
    told.sent(1)
    expect(briefly(told.tell(report(1, { 0: 'failed' }, told.now)))).toEqual(['BatchChosen 1'])
  })

  it('are narrowed by what a hard budget has left', () => {
    const told = new Telling({ waves: [{ nodes: 9, gate: { hard: true, failuresMax: 2 } }] })
    told.open()
    told.read()
    told.sent(1)
    expect(chosen(told.tell(report(1, { 0: 'failed', 1: 'patched', 2: 'patched' }, told.now)))).toEqual([[3, 4]])
  })

  it('wait for cells that are not prepared yet; the others go', () => {
    const told = new Telling({ waves: [{ nodes: [{}, { region: 'eu-west-1' }] }] })
    const opened = told.open({}, ['111122223333/eu-west-1'])
    expect(chosen(opened)).toEqual([[0]])
    expect(chosen(told.tell({ type: 'CellPrepared', cell: '111122223333/eu-west-1', documents: {} }))).toEqual([[1]])
  })

  it('are not given to a refused cell; the wave goes on', () => {
    const told = new Telling({ waves: [{ nodes: [{}, { region: 'eu-west-1' }] }] })
    told.open({}, ['111122223333/eu-west-1'])
    const followed = told.tell({ type: 'CellRefused', cell: '111122223333/eu-west-1', code: 'aws.denied', message: 'no' })
    expect(briefly(followed)).toEqual(['NodesSkipped 1 cell-refused'])
  })
})

describe('what stops dispatch', () => {
  const two = (): Telling => {
    const told = new Telling({ waves: [{ nodes: 4, concurrency: 2, gate: { failuresMax: 0 } }] })
    told.open()
    told.read()
    told.sent(1)
    return told
  }

  it('the cutoff: what waits is given up, what runs ends', () => {
    const told = two()
    expect(briefly(told.until(plus(CUTOFF, -START_MARGIN_MS)))).toEqual(['NodesSkipped 2,3 cutoff'])
    expect(briefly(told.tell(report(1, { 0: 'patched', 1: 'patched' }, told.now)))).toEqual(['WaveDrained', 'MeasureAsked presence last'])
  })

  it('no intent may start after the cutoff', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    told.open()
    told.now = plus(CUTOFF, -START_MARGIN_MS - 1)
    const [intent] = told.read().filter((event) => event.type === 'CommandIntended')
    expect(intent).toBeDefined()
    expect(intent?.type === 'CommandIntended' && intent.startBefore <= CUTOFF).toBe(true)
  })

  it('a budget that is spent', () => {
    const told = two()
    expect(briefly(told.tell(report(1, { 0: 'failed' }, told.now)))).toEqual(['NodesSkipped 2,3 budget-spent'])
  })

  it('the budget of the whole run', () => {
    const told = new Telling({ budgetMax: 0, waves: [{ nodes: 4, concurrency: 2, gate: { failuresMax: 4 } }] })
    told.open()
    told.read()
    told.sent(1)
    expect(briefly(told.tell(report(1, { 0: 'unknown' }, told.now)))).toEqual(['NodesSkipped 2,3 budget-spent'])
  })

  it('a pause: chosen rounds step back, what runs ends, nothing starts; then it goes on', () => {
    const told = new Telling({ waves: [{ nodes: 60, concurrency: 60 }] })
    told.open()
    told.tell({ type: 'BatchRead', batch: 1, skipped: [], reasons: [], down: [] })
    expect(briefly(told.tell({ type: 'Paused', reason: 'lunch' }))).toEqual(['BatchDropped paused'])
    expect(told.wakeAt).toBe(plus(CUTOFF, -START_MARGIN_MS))
    expect(briefly(told.wait(MINUTE))).toEqual([])
    expect(chosen(told.tell({ type: 'Resumed', reason: 'back' }))).toEqual([[50, 51, 52, 53, 54, 55, 56, 57, 58, 59]])
  })

  it('a paused run still ends with its window', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    told.open()
    told.tell({ type: 'Paused', reason: 'forgotten' })
    expect(briefly(told.until(CUTOFF))).toEqual(['NodesSkipped 0 cutoff', 'WaveDrained', 'GateHeld'])
    told.play('patched')
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'stopped' })
  })

  it('a paused run that waits between two waves ends with its window', () => {
    const told = new Telling({ waves: [{ nodes: 1 }, { nodes: 1 }] })
    told.open()
    told.tell({ type: 'Paused', reason: 'forgotten' }, { type: 'Resumed', reason: 'go' })
    told.read()
    told.tell({ type: 'Paused', reason: 'forgotten' })
    told.play('patched')
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'stopped', reason: 'window-ended' })
    expect(told.node(1)).toBe('skipped: not-reached')
  })

  it('an abort: what waits is given up, unstarted invocations are cancelled, what runs ends, then the run', () => {
    const told = two()
    expect(briefly(told.tell({ type: 'AbortAsked', reason: 'wrong list', rollback: false }))).toEqual(['NodesSkipped 2,3 aborted'])
    expect([...told.state.activities.keys()].sort()).toEqual(['cancel:1', 'watch:1'])
    told.tell({ type: 'CancelDone', n: 1, nodes: [1] }, report(1, { 0: 'patched', 1: 'silent skipped: cancelled' }, told.now))
    expect(briefly(told.tell({ type: 'CommandClosed', n: 1 }))).toEqual(['RunFinished aborted: wrong list'])
    expect(told.node(0)).toBe('patched: reason')
    expect(told.node(1)).toBe('skipped: cancelled')
  })

  it('a re-read that is a minute old is made again', () => {
    const told = new Telling({ waves: [{ nodes: 60, concurrency: 60 }] })
    told.open()
    const at = told.now
    told.tell({ type: 'Paused', reason: 'x' })
    told.tell({ type: 'Resumed', reason: 'x' })
    told.now = plus(at, 61 * SECOND)
    const followed = told.read()
    expect(followed.filter((event) => event.type === 'CommandIntended')).toHaveLength(2)
  })
})
