import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { instant, iso, MINUTE, parseInstant } from '../../src/kit/instant.ts'
import { fleet, group } from './documents.ts'
import { given } from './given.ts'

/** An hour before the windows of the first Sunday. */
const SIX = fleet([group('prod-us', 6)], { start: known(parseInstant('2026-01-04T02:00:00Z'), 'the eve') })
/** Sundays, three in the morning. */
const SUNDAY = 'schedule: "cron(0 3 ? * SUN *)"'
const ONE_BY_ONE = '[{ name: all, take: rest, concurrency: 1, gate: { bake: 1m } }]'

describe('the window', () => {
  it('opens when the schedule says, and not a moment before anything is touched', async () => {
    const then = await given(SIX)
      .runbook({ window: `{ ${SUNDAY}, duration: 6h, cutoff: 1h }` })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 6 })
    expect(then.facts('WindowOpened').map(({ at }) => iso(at))).toEqual(['2026-01-04T03:00:00.000Z'])
    expect(then.changes().every(({ startedAt }) => startedAt >= '2026-01-04T03:00:00.000Z')).toBe(true)
  })

  it('is meant in the zone that it names', async () => {
    const then = await given(SIX)
      .runbook({ window: `{ ${SUNDAY}, timezone: America/New_York, duration: 6h }` })
      .when()
      .runs()
    expect(then.facts('WindowOpened').map(({ at }) => iso(at))).toEqual(['2026-01-04T08:00:00.000Z'])
  })

  it('of a run by hand is now', async () => {
    const then = await given(SIX)
      .runbook({ window: `{ ${SUNDAY}, duration: 6h }` })
      .when()
      .runs({ now: true })
    expect(iso(then.ends('succeeded').facts('WindowOpened')[0]?.at ?? instant(0))).toBe('2026-01-04T02:00:00.000Z')
  })

  it('starts nothing after its cutoff, on no node either; what was not reached is skipped', async () => {
    const then = await given(SIX)
      .runbook({ window: `{ ${SUNDAY}, duration: 1h, cutoff: 30m }`, waves: ONE_BY_ONE })
      .when()
      .runs()
    then.ends('stopped', 'window-ended')
    expect(then.changes().length).toBeGreaterThan(1)
    expect(then.changes().length).toBeLessThan(6)
    expect(then.changes().every(({ startedAt }) => startedAt < '2026-01-04T03:30:00.000Z')).toBe(true)
    const late = then.all().filter(({ outcome }) => outcome === 'skipped')
    expect(new Set(late.map(({ reason }) => reason))).toEqual(new Set(['cutoff']))
    then.untouched(late)
  })

  it('goes on with the same plan next time where the runbook says so', async () => {
    const then = await given(SIX)
      .runbook({ window: `{ ${SUNDAY}, duration: 1h, cutoff: 30m, unfinished: next-window }`, waves: ONE_BY_ONE })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 6 })
    const days = new Set(then.changes().map(({ startedAt }) => startedAt.slice(0, 10)))
    expect([...days]).toEqual(['2026-01-04', '2026-01-11'])
    expect(then.facts('WindowEnded').length).toBeGreaterThan(0)
    expect(then.facts('PlanPinned')).toHaveLength(1)
  })

  it('of its own is followed by the next opening, and not by another one of its own', async () => {
    const then = await given(SIX)
      .runbook({ window: `{ ${SUNDAY}, duration: 1h, cutoff: 30m, unfinished: next-window }`, waves: ONE_BY_ONE })
      .when()
      .runs({ now: true })
    then.ends('succeeded').nodes({ patched: 6 })
    const opened = then.facts('WindowOpened').map(({ at }) => iso(at))
    expect(opened.slice(0, 2)).toEqual(['2026-01-04T02:00:00.000Z', '2026-01-04T03:00:00.000Z'])
  })

  it('that ends between waves leaves the later ones alone', async () => {
    const waves = '[{ name: one, take: 2, concurrency: 2, gate: { bake: 55m } }, { name: two, take: rest }]'
    const then = await given(SIX)
      .runbook({ window: `{ ${SUNDAY}, duration: 90m, cutoff: 30m }`, waves })
      .when()
      .runs()
    then.ends('stopped', 'window-ended').untouched(then.wave('two'))
    expect(then.wave('one').map(({ outcome }) => outcome)).toEqual(['patched', 'patched'])
  })
})

describe('a rollback when the window has closed', () => {
  const LATE = {
    window: `{ ${SUNDAY}, duration: 30m, cutoff: 10m }`,
    waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 1h, checks: [smoke] } }]',
  }
  const BREAKS_LATER = "packages: [{ match: 'openssl*', breaks: health, share: 100% }]"

  it('runs, and is on record as outside', async () => {
    const then = await given(SIX)
      .runbook({ ...LATE, waves: LATE.waves.replace('smoke', 'site') })
      .when()
      .at('WaveDrained', {}, ({ say, later }) => {
        later(40 * MINUTE, () => {
          say('rollback')
        })
      })
      .runs()
    then.ends('rolled-back').versionsAreAsBefore()
    expect(then.facts('RollbackStarted')).toMatchObject([{ outside: true }])
  })

  it('asks a person first where the runbook says so', async () => {
    const then = await given(SIX)
      .runbook({ ...LATE, rollback: '{ outside: ask }', waves: LATE.waves.replace('smoke', 'site') })
      .when()
      .at('WaveDrained', {}, ({ say, later }) => {
        later(40 * MINUTE, () => {
          say('rollback')
        })
      })
      .at('ApprovalAsked', {}, ({ say, later }) => {
        later(10 * MINUTE, () => {
          say('approve')
        })
      })
      .runs()
    then.ends('rolled-back').versionsAreAsBefore()
    expect(then.facts('ApprovalAsked')).toMatchObject([{ subject: { kind: 'rollback' } }])
  })

  it('that nobody allows does not happen', async () => {
    const then = await given(SIX)
      .runbook({ ...LATE, rollback: '{ outside: ask }', waves: LATE.waves.replace('smoke', 'site') })
      .when()
      .at('WaveDrained', {}, ({ say, later }) => {
        later(40 * MINUTE, () => {
          say('rollback')
        })
      })
      .runs()
    then.ends('failed', 'was not allowed').versionsAreNew(then.all())
  })

  it('inside the window needs no one', async () => {
    const then = await given(SIX)
      .faults(BREAKS_LATER)
      .runbook({ ...LATE, rollback: '{ outside: ask }' })
      .when()
      .runs()
    expect(then.ends('rolled-back').facts('RollbackStarted')).toMatchObject([{ outside: false }])
  })
})
