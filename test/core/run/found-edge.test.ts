import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { outOf } from '../../../src/core/run/limits.ts'
import { commandOf, STAGE } from '../../../src/core/run/state.ts'
import { HOUR, MINUTE, plus } from '../../../src/kit/instant.ts'
import { ACCOUNT, type PlanSpec } from './plan.ts'
import { briefly, OPENS, report, Telling } from './telling.ts'

const CELL = `${ACCOUNT}/us-east-1`
const ELSEWHERE = `${ACCOUNT}/eu-west-1`
const EXPIRES = plus(OPENS, HOUR)

const found = (n: number, nodes: readonly number[], more: Partial<Extract<RunEvent, { type: 'CommandFound' }>> = {}): RunEvent => ({
  type: 'CommandFound',
  n,
  commandId: `found-${String(n)}`,
  cell: CELL,
  work: 'apply',
  document: 'Patchwave-Apply',
  nodes,
  requestedAt: OPENS,
  expiresAfter: EXPIRES,
  ...more,
})

/** A run whose nodes all wait. */
function waiting(nodes = 3, more: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: [{ nodes, gate: { failuresMax: 9 } }], ...more })
  told.open()
  told.tell({ type: 'Paused', reason: 'x' })
  return told
}

const wanted = (told: Telling): string[] => [...told.state.activities.keys()]

describe('a command that was found without its intent', () => {
  it('is on record like any that was sent, but doubtful', () => {
    const told = waiting()
    told.tell(found(7, [0, 1]))
    expect(commandOf(told.state, 7)).toEqual({
      n: 7,
      cell: CELL,
      list: -1,
      work: 'apply',
      nodes: [0, 1],
      intendedAt: OPENS,
      startBefore: EXPIRES,
      notBefore: EXPIRES,
      phase: 'sent',
      ids: ['found-7'],
      expiresAfter: EXPIRES,
      open: 2,
      cancelled: false,
      doubtful: true,
      found: true,
    })
    expect([...told.state.openCommands]).toEqual([7])
    expect(told.state.activities.get('watch:7')).toEqual({ kind: 'watch', key: 'watch:7', n: 7 })
    expect([...told.state.nodes.attempts]).toEqual([1, 1, 0])
    expect([...told.state.nodes.out]).toEqual([1, 1, 0])
  })

  it('a copy of it is another id, and ends it later, never sooner', () => {
    const told = waiting()
    told.tell(found(7, [0]), found(7, [0], { commandId: 'copy', expiresAfter: plus(EXPIRES, -MINUTE) }))
    expect(commandOf(told.state, 7)).toMatchObject({ ids: ['found-7', 'copy'], expiresAfter: EXPIRES })
    told.tell(found(7, [0], { commandId: 'copy', expiresAfter: plus(EXPIRES, MINUTE) }))
    expect(commandOf(told.state, 7)).toMatchObject({ ids: ['found-7', 'copy'], expiresAfter: plus(EXPIRES, MINUTE), open: 1 })
  })

  it('that only read changes nothing but the numbers', () => {
    const told = waiting()
    told.tell(found(7, [0], { work: 'scan' }))
    expect([told.state.tokenCount, told.state.commands.size, told.state.nodes.touched[0]]).toEqual([7, 0, 0])
    told.tell(found(3, [0], { work: 'scan' }))
    expect(told.state.tokenCount).toBe(7)
  })

  it('of a cell that nobody has asked for yet: it is asked for, because it may have to be undone', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    told.tell({ type: 'DriverTook', driver: 'd', epoch: 1 }, found(1, [0], { cell: ELSEWHERE }))
    expect(told.state.activities.get(`prepare:${ELSEWHERE}`)).toEqual({ kind: 'prepare', key: `prepare:${ELSEWHERE}`, cell: ELSEWHERE })
    const known = waiting()
    known.tell(found(7, [0]))
    expect(wanted(known)).not.toContain(`prepare:${CELL}`)
  })

  it('whose nodes fly for an earlier command of the journal takes them over', () => {
    const told = new Telling({ waves: [{ nodes: 2, gate: { failuresMax: 9 } }] })
    told.open()
    told.read()
    told.sent(1)
    told.tell(found(7, [0, 1]))
    expect([told.state.nodes.command[0], told.state.nodes.attempts[0], told.state.inFlight]).toEqual([7, 2, 2])
    expect([1, 7].map((n) => commandOf(told.state, n).open)).toEqual([0, 2])
    expect(wanted(told)).toEqual(expect.arrayContaining(['watch:1', 'watch:7']))
  })

  it('after another one that was found: its nodes fly for the last', () => {
    const told = waiting()
    told.tell(found(5, [0, 1]), found(7, [0]))
    expect([commandOf(told.state, 5).open, commandOf(told.state, 7).open]).toEqual([1, 1])
    expect([told.state.nodes.command[0], told.state.nodes.attempts[0], told.state.inFlight]).toEqual([7, 2, 2])
  })

  it('of nodes that were given up: unknown, out of service, and heard when they speak', () => {
    const told = new Telling({
      groups: [{ atMost: 9 }],
      waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], gate: { failuresMax: 9, bakeMs: HOUR } }],
    })
    told.open()
    told.tell({ type: 'BatchRead', batch: 1, skipped: [0, 1], reasons: ['excluded', 'excluded'], down: [] })
    told.tell(found(7, [0]))
    expect([told.node(0), told.node(1)]).toEqual(['unknown: found-without-intent', 'skipped: excluded'])
    expect(outOf(told.state, 0)).toBe(1)
    expect(commandOf(told.state, 7)).toMatchObject({ nodes: [0], open: 0 })
    told.tell(report(7, { 0: 'patched' }, told.now))
    expect([told.node(0), outOf(told.state, 0)]).toEqual(['patched: reason', 0])
  })

  it('of nodes that have ended with a change of their own: nothing, unless it undid that', () => {
    const told = new Telling({ waves: [{ nodes: 2, gate: { failuresMax: 9, bakeMs: HOUR } }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    told.tell(found(7, [0]))
    expect([told.node(0), told.state.commands.has(7)]).toEqual(['patched: reason', false])
    told.tell(found(8, [1], { work: 'rollback' }))
    expect(told.node(1)).toBe('unknown: found-without-intent')
  })

  it('while a rollback goes on: nothing, it undoes what it finds', () => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.open()
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'failed: x', 1: 'skipped: x' }, told.now), { type: 'CommandClosed', n: 1 })
    expect(told.state.phase.name).toBe('rolling-back')
    told.tell(found(7, [0, 1]))
    expect([told.state.commands.has(7), told.node(1), told.state.nodes.stage[0]]).toEqual([false, 'skipped: x', STAGE.chosen])
  })

  it('in a trial that has not pinned its lists: the trial ends, and rolls nothing back', () => {
    const trial = { lineages: [{ image: 'ami-1', nodes: [0], accounts: [ACCOUNT] }], path: '/p', approval: null }
    const told = new Telling({ act: 'trial', waves: [{ nodes: [{ list: null }] }], trial })
    told.open()
    told.tell(found(7, [0]))
    expect(told.state.aborting).toEqual({ rollback: false, reason: 'found-without-intent' })
    told.tell(report(7, { 0: 'patched' }, told.now), { type: 'CommandClosed', n: 7 })
    expect(told.state.phase).toMatchObject({ outcome: 'aborted', reason: 'found-without-intent' })
  })

  it('in a trial that has pinned them, and in one that ends already: it goes on as it was', () => {
    const trial = { lineages: [{ image: 'ami-1', nodes: [0], accounts: [ACCOUNT] }], path: '/p', approval: null }
    const told = new Telling({ act: 'trial', waves: [{ nodes: [{ list: null }] }], trial })
    told.open()
    told.tell({ type: 'NodesScanned', nodes: [0], lists: ['x'], missing: [1] })
    told.tell({ type: 'ListsPinned', lists: 'x', count: 1, patches: [1], nodes: [0], of: [0] })
    told.tell({ type: 'BatchDropped', batch: 1, reason: '' }, { type: 'Paused', reason: '' }, found(7, [0]))
    expect([told.state.commands.has(7), told.state.aborting]).toEqual([true, null])
    const ending = new Telling({ act: 'trial', waves: [{ nodes: [{ list: null }] }], trial })
    ending.open()
    ending.tell({ type: 'Paused', reason: '' })
    ending.state.aborting = { rollback: true, reason: 'enough' }
    ending.tell(found(7, [0]))
    expect(ending.state.aborting).toEqual({ rollback: true, reason: 'enough' })
  })

  it('of a node whose last command was refused: it flies, and that one stays as it was', () => {
    const told = new Telling({ waves: [{ nodes: 1, gate: { failuresMax: 9 } }] })
    told.open()
    told.read()
    told.tell({ type: 'Paused', reason: '' }, { type: 'CommandRefused', n: 1, code: 'x', message: '', invalid: [] })
    expect(told.state.nodes.stage[0]).toBe(STAGE.waiting)
    told.tell(found(7, [0]))
    expect([told.state.nodes.stage[0], commandOf(told.state, 1).open, told.state.inFlight]).toEqual([STAGE.flying, 1, 1])
  })

  it('of some that wait and some that were given up: the first fly, the others are unknown', () => {
    const told = waiting(2)
    told.tell({ type: 'NodesSkipped', nodes: [1], reason: 'x' }, found(7, [0, 1]))
    expect(commandOf(told.state, 7)).toMatchObject({ nodes: [0, 1], open: 1 })
    expect(told.node(1)).toBe('unknown: found-without-intent')
  })

  it('while a rollback waits: its nodes wait on', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    told.open()
    told.read()
    told.sent(1)
    told.tell({ type: 'Paused', reason: '' })
    told.ends(1, 'failed: x')
    expect([told.state.phase.name, told.state.nodes.stage[0]]).toEqual(['rolling-back', STAGE.waiting])
    told.tell(found(7, [0]))
    expect([told.state.nodes.stage[0], told.state.commands.has(7)]).toEqual([STAGE.waiting, false])
  })

  it('leaves a run that knows it alone with its nodes', () => {
    const told = waiting()
    expect(briefly(told.tell(found(7, [])))).toEqual([])
    expect(told.state.commands.size).toBe(0)
  })
})
