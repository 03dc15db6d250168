import { describe, expect, it } from 'vitest'
import { HOUR } from '../../../src/kit/instant.ts'
import { report, sent, Telling } from './telling.ts'

describe('a rollback in a cell that AWS refuses', () => {
  it('wants to be woken when the patience with the cell ends, though nothing else is under way', () => {
    const told = new Telling({ waves: [{ nodes: [{}, { region: 'eu-west-1' }] }] })
    told.open()
    told.read()
    const [first = 0, second = 0] = [...told.state.openCommands]
    told.tell(sent(first, told.now))
    told.tell(sent(second, told.now))
    told.tell({ type: 'CellRefused', cell: told.state.cells[1] ?? '', code: 'aws.denied', message: '' })
    told.tell(report(first, { 0: 'failed: scriptlet-failed' }, told.now), { type: 'CommandClosed', n: first })
    told.tell(report(second, { 1: 'silent unknown: expired' }, told.now), { type: 'CommandClosed', n: second })
    told.read()
    told.sent(told.n)
    told.ends(told.n, 'rolled-back')

    expect(told.wakeAt).toBe(told.now + HOUR)
    told.wake()
    expect(told.node(1)).toBe('rollback-failed: cell-refused')
    expect(told.state.phase.name).toBe('finished')
  })
})
