import { describe, expect, it } from 'vitest'
import { fromData, toData } from '../../../src/core/run/codec.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import { instant, MINUTE, plus } from '../../../src/kit/instant.ts'
import { CLOSES, CUTOFF, OPENS } from './telling.ts'

describe('events of older journals', () => {
  it('are completed by what they meant', () => {
    const { opening: _, breakFreeze: __, ...data } = { runbook: 'x', opening: null, breakFreeze: false }
    expect(fromData('RunRequested', data)).toMatchObject({ type: 'RunRequested', opening: null, breakFreeze: false })
    expect(fromData('Paused', { reason: 'x' })).toEqual({ type: 'Paused', reason: 'x' })
    const chosen = plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: CLOSES }, 'z')
    const { type, data: written } = toData(chosen)
    const old = Object.fromEntries(Object.entries(written).filter(([key]) => ['opens', 'cutoff', 'closes', 'zoneData'].includes(key)))
    expect(fromData(type, old)).toEqual(chosen)
    expect(fromData(type, written)).toEqual(chosen)
    const late = { ...chosen, startAt: plus(OPENS, MINUTE) }
    expect(fromData(type, toData(late).data)).toEqual(late)
  })

  it('keep what stands where a map of hosts should', () => {
    expect(fromData('NodesReported', { hosts: 'none' })).toEqual({ type: 'NodesReported', hosts: 'none' })
  })

  it('instants are ISO 8601, unknown ones empty, absent ones null; what is not readable is a bug', () => {
    expect(toData({ type: 'FreezesRead', from: [OPENS], to: [instant(0)], why: ['2026'], source: [''], again: null }).data).toEqual({
      from: ['2026-03-01T03:00:00.000Z'],
      to: [''],
      why: ['2026'],
      source: [''],
      again: null,
    })
    expect(() => fromData('WindowOpened', { opens: 'soon' })).toThrow(/instant in the journal/)
    expect(() => fromData('WindowOpened', { opens: 5 })).toThrow(/instant in the journal/)
    expect(fromData('NodesReported', { hosts: { covered: ['2026-03-01T03:00:00.000Z'], kernel: ['5'] } })).toMatchObject({
      hosts: { covered: [OPENS], kernel: ['5'] },
    })
    expect(fromData('NodesReported', { hosts: null })).toEqual({ type: 'NodesReported', hosts: null })
  })
})
