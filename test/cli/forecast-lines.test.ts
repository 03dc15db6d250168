import { describe, expect, it } from 'vitest'
import { forecastLines } from '../../src/cli/render/forecast-lines.ts'
import { painter } from '../../src/cli/render/paint.ts'
import { planShape } from '../../src/cli/shapes.ts'
import { makePlan } from '../../src/core/plan/make.ts'
import type { Fit, Forecast, Plan } from '../../src/core/plan/plan.ts'
import { HOUR, instant, MINUTE, parseInstant, plus, type Ms } from '../../src/kit/instant.ts'
import { input } from '../core/plan/fixture.ts'
import { CALENDAR } from '../core/plan/history.ts'

const at = (text: string) => parseInstant(text) ?? instant(0)

const wave = (name: string, lowMs: Ms, medianMs: Ms, highMs: Ms) => ({ wave: name, lowMs, medianMs, highMs, lastStartMs: lowMs / 2 })
const FORECAST: Forecast = {
  lowMs: 70 * MINUTE,
  medianMs: 90 * MINUTE,
  highMs: 110 * MINUTE,
  nodeHighMs: 14 * MINUTE,
  waves: [wave('canary', 20 * MINUTE, 22 * MINUTE, 30 * MINUTE), wave('broad', 70 * MINUTE, 90 * MINUTE, 110 * MINUTE)],
  basis: 'history: 90 nodes of 3 runs',
}

function plan(opens: string, zone: string | null, more: Partial<Fit> = {}, forecast = FORECAST): Plan {
  const startAt = at(opens)
  const fit = { opens: startAt, cutoff: plus(startAt, 5 * HOUR), closes: plus(startAt, 6 * HOUR), startAt, fits: true, why: '', ...more }
  const { zone: _, fit: __, ...made } = makePlan(input({ calendar: CALENDAR }))
  return { ...made, forecast, fit, ...(zone !== null && { zone }) }
}
const lines = (one: Plan) => forecastLines(one, painter(false))

describe('when a run ends', () => {
  it('on the clock of its window’s zone, and in UTC', () => {
    expect(lines(plan('2026-03-15T02:00:00Z', 'Europe/Berlin'))).toEqual([
      'begins 2026-03-15 03:00 Europe/Berlin (2026-03-15T02:00:00Z)',
      'ends 04:10-04:50 (90 %), half by 04:30; window closes 09:00: fits',
      'in UTC: ends 03:10-03:50, half by 03:30; window closes 08:00',
      '  canary  passes 03:20-03:30  half by 03:22',
      '  broad   passes 04:10-04:50  half by 04:30',
      '95 of 100 nodes are changed within 14m',
      '(history: 90 nodes of 3 runs)',
    ])
  })

  // prettier-ignore
  it.each<[it: string, opens: string, zone: string | null, line: string]>([
    ['in UTC it is said once',                      '2026-03-15T03:00:00Z', 'UTC',              'ends 04:10-04:50 (90 %), half by 04:30; window closes 09:00: fits'],
    ['a window that names no zone is in UTC',       '2026-03-15T03:00:00Z', null,               'begins 2026-03-15 03:00 UTC'],
    ['the next day is marked',                      '2026-03-15T22:30:00Z', 'UTC',              'ends 23:40-00:20 (+1d) (90 %), half by 00:00 (+1d); window closes 04:30 (+1d): fits'],
    ['an hour that clocks go over is not there',    '2026-03-29T00:30:00Z', 'Europe/Berlin',    'ends 03:40-04:20 (90 %), half by 04:00; window closes 08:30: fits'],
    ['an hour that they repeat',                    '2026-10-25T00:30:00Z', 'Europe/Berlin',    'ends 02:40-03:20 (90 %), half by 03:00; window closes 07:30: fits'],
    ['a zone of half hours',                        '2026-03-15T02:00:00Z', 'Asia/Kolkata',     'begins 2026-03-15 07:30 Asia/Kolkata (2026-03-15T02:00:00Z)'],
    ['the other side of the date line',             '2026-03-15T11:00:00Z', 'Pacific/Auckland', 'begins 2026-03-16 00:00 Pacific/Auckland (2026-03-15T11:00:00Z)'],
  ])('%s', (_, opens, zone, line) => {
    expect(lines(plan(opens, zone))).toContain(line)
  })

  it('says why it does not fit, in red', () => {
    const one = plan('2026-03-15T03:00:00Z', 'UTC', { fits: false, why: '95 of 100 runs end within 7h, the window has 6h' })
    expect(lines(one)[1]).toContain('window closes 09:00: does not fit: 95 of 100 runs end within 7h, the window has 6h')
    expect(forecastLines(one, painter(true))[1]).toContain('\u001b[31mdoes not fit')
  })

  it('without a window, how long it takes; a single wave is not told twice', () => {
    const { fit: _, ...trial } = plan('2026-03-15T03:00:00Z', 'UTC')
    expect(lines(trial)).toEqual([
      'takes 1h 10m to 1h 50m (90 %), half within 1h 30m',
      '  canary  passes after 20m to 30m        half within 22m',
      '  broad   passes after 1h 10m to 1h 50m  half within 1h 30m',
      '95 of 100 nodes are changed within 14m',
      '(history: 90 nodes of 3 runs)',
    ])
    expect(lines({ ...trial, forecast: { ...FORECAST, waves: FORECAST.waves.slice(1) } })).toHaveLength(3)
  })
})

describe('for machines', () => {
  it('spans in seconds, and the ends as instants where the window is known', () => {
    expect(planShape(plan('2026-03-15T02:00:00Z', 'Europe/Berlin'))['forecast']).toEqual({
      lowSeconds: 4200,
      medianSeconds: 5400,
      highSeconds: 6600,
      nodeHighSeconds: 840,
      waves: [
        { name: 'canary', lowSeconds: 1200, medianSeconds: 1320, highSeconds: 1800, lastStartSeconds: 600 },
        { name: 'broad', lowSeconds: 4200, medianSeconds: 5400, highSeconds: 6600, lastStartSeconds: 2100 },
      ],
      basis: 'history: 90 nodes of 3 runs',
      window: { opens: '2026-03-15T02:00:00Z', cutoff: '2026-03-15T07:00:00Z', closes: '2026-03-15T08:00:00Z' },
      startsAt: '2026-03-15T02:00:00Z',
      endsFrom: '2026-03-15T03:10:00Z',
      endsBy: '2026-03-15T03:50:00Z',
      fits: true,
      timezone: 'Europe/Berlin',
    })
  })

  it('why it does not fit; nothing of a window where there is none', () => {
    const one = plan('2026-03-15T02:00:00Z', null, { fits: false, why: 'too long' })
    expect(planShape(one)['forecast']).toMatchObject({ fits: false, why: 'too long', timezone: 'UTC' })
    const { fit: _, ...without } = one
    expect(planShape(without)['forecast']).not.toHaveProperty('fits')
  })
})
