import { describe, expect, it } from 'vitest'
import { DAY, HOUR, iso, MINUTE, plus, type Instant } from '../../src/kit/instant.ts'
import { seeded } from '../../src/kit/random.ts'
import { calendarRule, nextOpenings } from '../../src/core/plan/calendar.ts'
import type { World } from '../../src/engine/world.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { fleet, group, runbook, START } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'
import { instantRuns, missed, ringing, serve, Shelf, SteppedClock } from './serving.ts'

const FLEET = fleet([group('prod-us', 1)])

/** Runbooks of all rhythms, none of which is tried first: what is looked at here is the schedule alone. */
const RHYTHMS: Readonly<Record<string, string>> = {
  counted: '{ schedule: "rate(36 hours)", duration: 2h }',
  daily: '{ schedule: "cron(30 2 * * ? *)", timezone: America/New_York, duration: 4h, cutoff: 1h }',
  weekly: '{ schedule: "cron(30 1 ? * SUN *)", timezone: America/New_York, duration: 6h, jitter: 5m, late: 2h }',
  patchday: '{ schedule: "cron(0 22 ? * TUE#2 *)", timezone: Europe/Berlin, offset: 4, duration: 6h }',
  monthly: '{ schedule: "cron(0 3 LW * ? *)", timezone: Australia/Lord_Howe, duration: 3h, late: 2h }',
  leap: '{ schedule: "cron(0 0 29 2 ? *)", duration: 6h }',
}

const scheduled = (): Runbook[] => Object.entries(RHYTHMS).map(([name, window]) => runbook(name, { window, baseline: 'none' }))

/** Every opening of a runbook in a period, by its own rule. */
function openings({ window }: Runbook, from: Instant, to: Instant): Instant[] {
  if (window === null || 'native' in window.times) throw new Error('a schedule of its own')
  // A rate() without a start counts from when it was first seen.
  const times = { ...window.times, start: window.times.start ?? START }
  return nextOpenings(calendarRule(window, times), from, 100_000).flatMap(({ opens }) => (opens <= to ? [opens] : []))
}

/** What became of each opening: the run that has it, or why it was missed. Told twice, or both: found. */
async function fates(
  stage: Stage,
  one: Runbook,
  to: Instant,
): Promise<Readonly<{ started: Instant[]; missed: Instant[]; forgotten: Instant[]; both: Instant[] }>> {
  const told = await missed(stage, one.name)
  const all = openings(one, START, to)
  const found = { started: [] as Instant[], missed: [] as Instant[], forgotten: [] as Instant[], both: [] as Instant[] }
  for (const opens of all) {
    const run = await stage.store.openingOf(one.name, 'rollout', opens)
    const times = told.filter(({ first, last }) => first <= opens && opens <= last).length
    if (run !== undefined) found.started.push(opens)
    if (times > 0) found.missed.push(opens)
    if (run === undefined && times === 0) found.forgotten.push(opens)
    if ((run !== undefined && times > 0) || times > 1) found.both.push(opens)
  }
  expect(told.reduce((sum, { last, count }) => sum + (last <= to ? count : 0), 0)).toBe(found.missed.length)
  return found
}

/** AWS's answers carry its date, as they do outside of virtual time. */
const knowingAws = ({ identity }: World, stage: Stage): World['identity'] => ({
  caller: async (signal) => ({ ...(await identity.caller(signal)), awsNow: stage.clock.now() }),
})

const instants = (list: readonly Instant[]): string[] => list.map(iso)

describe('virtual years of a scheduler', () => {
  it('that is never disturbed start every opening once and miss none', async () => {
    const stage = new Stage({ fleet: FLEET })
    const shelf = new Shelf()
    for (const one of scheduled()) shelf.put(one)
    const process = await stage.start()
    const stop = new AbortController()
    const end = plus(START, 2 * 365 * DAY)
    await stage.run(async () => {
      const serving = serve(process, shelf, { start: instantRuns, beatMs: 12 * HOUR, signal: stop.signal }).run()
      await stage.clock.sleep(end)
      stop.abort()
      await serving
    })
    for (const one of scheduled()) {
      const { started, missed: lost, forgotten, both } = await fates(stage, one, plus(end, -HOUR))
      expect([one.name, instants(forgotten), instants(both), instants(lost)]).toEqual([one.name, [], [], []])
      const rows = (await stage.store.runs({ runbook: one.name })).map(({ requestedAt }) => requestedAt)
      started.forEach((opens, index) => expect(rows[index]).toBe(plus(opens, -15 * MINUTE)))
    }
  }, 120_000)

  it.each([1, 2, 3])(
    'with kills, suspends and a clock that is set neither lose an opening nor begin one twice (seed %i)',
    async (seed) => {
      const stage = new Stage({ fleet: FLEET })
      const shelf = new Shelf()
      for (const one of scheduled()) shelf.put(one)
      const random = seeded(seed)
      const end = plus(START, 365 * DAY)
      await stage.run(async () => {
        while (stage.clock.now() < end) {
          const process = await stage.start()
          const clock = new SteppedClock(process.world.clock)
          const stop = new AbortController()
          const world = { ...process.world, clock, identity: knowingAws(process.world, stage) }
          const serving = serve(process, shelf, {
            start: instantRuns,
            beatMs: 6 * HOUR,
            signal: stop.signal,
            world,
            heartbeat: ringing(process.world.clock, 2 * HOUR),
          }).run()
          serving.catch(() => undefined)
          await stage.clock.sleep(plus(stage.clock.now(), (5 + random() * 40) * DAY))
          if (random() < 0.4) {
            // Somebody sets the clock, by up to a year either way, and back again after some hours.
            clock.offsetMs = (random() - 0.5) * 2 * 365 * DAY
            await stage.clock.sleep(plus(stage.clock.now(), random() * 20 * HOUR))
            clock.offsetMs = 0
            await stage.clock.sleep(plus(stage.clock.now(), random() * 3 * DAY))
          }
          if (random() < 0.4) {
            process.life.freeze() // Suspended.
            await stage.clock.sleep(plus(stage.clock.now(), random() * 4 * DAY))
            process.life.thaw()
            await stage.clock.sleep(plus(stage.clock.now(), random() * 5 * DAY))
          }
          if (random() < 0.7) process.life.kill()
          else {
            stop.abort()
            await serving
          }
          await stage.clock.sleep(plus(stage.clock.now(), random() * (random() < 0.2 ? 10 * DAY : 2 * HOUR)))
        }
      })
      const last = await stage.start()
      const seen = stage.clock.now()
      const stop = new AbortController()
      await stage.run(async () => {
        const serving = serve(last, shelf, { start: instantRuns, beatMs: HOUR, signal: stop.signal }).run()
        await stage.clock.sleep(plus(stage.clock.now(), DAY))
        stop.abort()
        await serving
      })
      for (const one of scheduled()) {
        const { started, forgotten, both } = await fates(stage, one, seen)
        expect([one.name, instants(forgotten), instants(both)]).toEqual([one.name, [], []])
        const lateMs = one.window?.lateMs ?? 0
        const rows = await stage.store.runs({ runbook: one.name })
        expect(rows.length).toBe(new Set(rows.map(({ run }) => run)).size)
        for (const opens of started) {
          const row = await stage.store.run((await stage.store.openingOf(one.name, 'rollout', opens)) ?? '')
          expect(row?.requestedAt).toBeGreaterThanOrEqual(plus(opens, -15 * MINUTE))
          expect(row?.requestedAt).toBeLessThanOrEqual(plus(opens, lateMs))
        }
      }
    },
    120_000,
  )
})
