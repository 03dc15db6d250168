import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { commandOf, STAGE } from '../../../src/core/run/state.ts'
import { HOUR, plus } from '../../../src/kit/instant.ts'
import { briefly, OPENS, report, sent, Telling } from './telling.ts'

const CELL = '222222222222/us-east-1'

/** A command of this run that its journal knows nothing of. */
const found = (n: number, nodes: readonly number[], more: Partial<Extract<RunEvent, { type: 'CommandFound' }>> = {}): RunEvent => ({
  type: 'CommandFound',
  n,
  commandId: `found-${String(n)}`,
  cell: CELL,
  work: 'apply',
  document: 'Patchwave-Apply',
  nodes,
  requestedAt: OPENS,
  expiresAfter: plus(OPENS, HOUR),
  ...more,
})

/** One wave whose first command was lost with its intent: nodes wait again, as the restored journal has them. */
function restored(nodes = 3): Telling {
  const told = new Telling({ waves: [{ nodes, gate: { failuresMax: 9 } }] })
  told.open()
  return told
}

describe('a command without an intent', () => {
  it('is watched; its nodes fly for it until they report, and nothing more is sent to them', () => {
    const told = restored()
    const drop: RunEvent = { type: 'BatchDropped', batch: 1, reason: 'found-without-intent' }
    const followed = briefly(told.tell(drop, found(1, [0, 1])))
    expect([...told.state.nodes.stage].slice(0, 2)).toEqual([STAGE.flying, STAGE.flying])
    expect([...told.state.nodes.touched]).toEqual([1, 1, 0])
    expect(told.state.activities.has('watch:1')).toBe(true)
    expect(followed.filter((line) => /\b[01](,|$)/.test(line.replace(/^.* /, '')))).toEqual([])
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(told.node(0)).toBe('patched: reason')
    told.tell(report(1, { 1: 'failed: timeout' }, told.now))
    expect(told.node(1)).toBe('failed: timeout')
  })

  it('of nodes that were given up leaves them unknown; their word turns that', () => {
    const told = restored(1)
    told.tell({ type: 'BatchDropped', batch: 1, reason: 'x' }, { type: 'NodesSkipped', nodes: [0], reason: 'cutoff' }, found(1, [0]))
    expect(told.node(0)).toBe('unknown: found-without-intent')
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(told.node(0)).toBe('patched: reason')
  })

  it('that undid what an older one did counts as the last: its node is not patched', () => {
    const told = restored(1)
    told.tell({ type: 'BatchDropped', batch: 1, reason: 'x' }, found(1, [0]))
    told.tell(found(2, [0], { work: 'rollback', document: 'Patchwave-Rollback' }))
    expect(commandOf(told.state, 1).open).toBe(0)
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(told.state.nodes.stage[0]).toBe(STAGE.flying)
    told.tell(report(2, { 0: 'rolled-back' }, told.now))
    expect(told.node(0)).toBe('rolled-back: reason')
  })

  it('keeps its number: the next token is a new one', () => {
    const told = restored()
    told.tell(found(7, [0], { work: 'scan', document: 'Patchwave-Check' }))
    expect(told.state.tokenCount).toBe(7)
    expect(told.node(0)).not.toContain('unknown')
    told.read()
    expect([...told.state.commands.keys()]).toEqual([8])
  })

  it('may have copies: all are watched under one token', () => {
    const told = restored()
    told.tell({ type: 'BatchDropped', batch: 1, reason: 'found-without-intent' }, found(1, [0]), found(1, [0], { commandId: 'copy' }))
    expect(commandOf(told.state, 1).ids).toEqual(['found-1', 'copy'])
  })

  it('takes places: a hard budget lets no other node start beside it', () => {
    const told = new Telling({ waves: [{ nodes: 4, concurrency: 4, gate: { failuresMax: 0, hard: true } }] })
    told.open()
    told.tell({ type: 'BatchDropped', batch: 1, reason: 'x' }, found(1, [2]))
    expect(told.state.inFlight).toBe(1)
    expect(told.state.suspects).toBe(0)
    told.tell(report(1, { 2: 'patched' }, told.now))
    told.wait(HOUR)
    expect(told.state.inFlight).toBeLessThanOrEqual(1)
  })

  it('in a wave that never began is undone when somebody asks for it', () => {
    const told = new Telling({ waves: [{ nodes: 1 }, { nodes: 1 }] })
    told.open()
    told.tell({ type: 'BatchDropped', batch: 1, reason: 'x' }, found(1, [1]))
    told.tell(report(1, { 1: 'patched' }, told.now), { type: 'CommandClosed', n: 1 })
    told.tell({ type: 'AbortAsked', reason: 'no', rollback: true })
    expect(told.state.phase).toMatchObject({ name: 'rolling-back', waves: [1, 0] })
  })

  it('is at work on nodes that fly for an earlier one: the lost part knew how that one had ended', () => {
    const told = restored(2)
    told.read()
    told.tell(sent(1, told.now))
    told.tell(found(5, [0]))
    expect(told.state.nodes.stage[0]).toBe(STAGE.flying)
    expect(told.state.tokenCount).toBe(5)
    expect([commandOf(told.state, 1), commandOf(told.state, 5)].map(({ nodes, open }) => ({ nodes, open }))).toEqual([
      { nodes: [1], open: 1 },
      { nodes: [0], open: 1 },
    ])
    told.tell(report(5, { 0: 'patched' }, told.now), { type: 'CommandClosed', n: 5 })
    expect([told.node(0), told.state.nodes.stage[1]]).toEqual(['patched: reason', STAGE.flying])
  })

  it('leaves nothing to send again where all nodes of an earlier one are found at work for it', () => {
    const told = restored(1)
    told.read()
    told.tell({ type: 'DriverTook', driver: 'two', epoch: 2 }, found(5, [0]), { type: 'CommandMissed', n: 1 })
    expect([...told.state.activities.keys()].filter((key) => key.endsWith(':1'))).toEqual(['find:1'])
  })
})

describe('a command that is found while its node is still scanned', () => {
  it('says how the node ended, not the scan that had no answer; and the run ends', () => {
    const told = new Telling({ act: 'trial', trial: { lineages: [], path: '/baselines', approval: null }, waves: [{ nodes: 2 }] })
    told.open()
    told.tell(found(9, [0]), { type: 'NodesUnscanned', nodes: [0, 1], reason: 'unscanned' })
    expect(told.node(0)).toBe('open')
    told.tell(report(9, { 0: 'failed: timeout' }, told.now), { type: 'CommandClosed', n: 9 })
    expect([told.node(0), told.node(1)]).toEqual(['failed: timeout', 'skipped: unscanned'])
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'aborted' })
  })
})
