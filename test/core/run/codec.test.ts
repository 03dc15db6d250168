import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { fromData, toData } from '../../../src/core/run/codec.ts'
import { instant } from '../../../src/kit/instant.ts'
import { EVENT_TYPES, eventOf } from './arbitrary.ts'

describe('every event survives the journal', () => {
  it.each(EVENT_TYPES)('%s', (type) => {
    fc.assert(
      fc.property(eventOf(type), (event) => {
        const stored = JSON.parse(JSON.stringify(toData(event))) as ReturnType<typeof toData>
        expect(fromData(stored.type, stored.data)).toEqual(event)
      }),
      { numRuns: 60 },
    )
  })
})

it('instants stand in the journal as ISO 8601 UTC', () => {
  expect(toData({ type: 'WindowEnded', cutoff: instant(Date.UTC(2026, 0, 1)) }).data).toEqual({ cutoff: '2026-01-01T00:00:00.000Z' })
})

it('what is no instant is refused loudly', () => {
  expect(() => fromData('WindowEnded', { cutoff: 'soon' })).toThrow(/not readable/)
})
