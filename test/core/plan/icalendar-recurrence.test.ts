import fc from 'fast-check'
import ICAL from 'ical.js'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, it } from 'vitest'
import { hitsOf } from './recurring.ts'

describe('a recurrence rule', () => {
  it('agrees with ical.js where that can be relied on', () => {
    const weekday = fc.constantFrom('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU')
    const rules = fc.oneof(
      fc.record({ freq: fc.constant('DAILY'), interval: fc.integer({ min: 1, max: 40 }), by: fc.constant('') }),
      fc.record({
        freq: fc.constant('WEEKLY'),
        interval: fc.integer({ min: 1, max: 5 }),
        by: fc.uniqueArray(weekday, { minLength: 1 }).map((days) => `;BYDAY=${days.join(',')}`),
      }),
      fc.record({
        freq: fc.constant('MONTHLY'),
        interval: fc.integer({ min: 1, max: 5 }),
        by: fc.oneof(
          fc.tuple(fc.constantFrom(1, 2, 3, 4, -1, -2), weekday).map(([nth, day]) => `;BYDAY=${nth}${day}`),
          fc.integer({ min: 1, max: 28 }).map((day) => `;BYMONTHDAY=${day}`),
        ),
      }),
      fc.record({
        freq: fc.constant('YEARLY'),
        interval: fc.constant(1),
        by: fc
          .tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom(1, 2, 3, 4, -1), weekday)
          .map(([month, nth, day]) => `;BYMONTH=${month};BYDAY=${nth}${day}`),
      }),
    )
    fc.assert(
      fc.property(rules, fc.integer({ min: 0, max: 700 }), ({ freq, interval, by }, day) => {
        const start = Temporal.PlainDate.from('2024-01-01').add({ days: day }).toPlainDateTime({ hour: 10 })
        const text = `FREQ=${freq};INTERVAL=${interval}${by}`
        const iterator = ICAL.Recur.fromString(text).iterator(ICAL.Time.fromDateTimeString(start.toString({ smallestUnit: 'second' })))
        const expected: string[] = []
        for (let next: ICAL.Time | null = iterator.next(); next && next.year < 2029; next = iterator.next())
          expected.push(next.toString().slice(0, 16))
        const own = hitsOf(text, start.toString(), start.toString(), '2028-12-31T23:59')
        expect(own).toEqual(expected.filter((one) => one !== start.toString({ smallestUnit: 'minute' })))
      }),
      { numRuns: 300, seed: 11 },
    )
  })
})
