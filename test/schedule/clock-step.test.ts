import { describe, expect, it } from 'vitest'
import { DAY, HOUR, instant, MINUTE, plus } from '../../src/kit/instant.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { World } from '../../src/engine/world.ts'
import { fleet, group, runbook, START } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'
import { instantRuns, ringing, serve, Shelf, SteppedClock } from './serving.ts'

const FLEET = fleet([group('prod-us', 6)])

/** A run by hand whose engine's clock is set as soon as the first wave has been drained; AWS's answers carry its own time. */
async function stepped(offsetMs: number): Promise<Readonly<{ ended: string; intents: number; stage: Stage }>> {
  const stage = new Stage({ fleet: FLEET })
  const process = await stage.start()
  const clock = new SteppedClock(process.world.clock)
  const identity: World['identity'] = {
    caller: async (signal) => ({ ...(await process.world.identity.caller(signal)), awsNow: stage.clock.now() }),
  }
  const world = { ...process.world, clock, identity }
  let intents = 0
  const ended = await stage.run(() =>
    stage
      .acts({ ...process, world }, runbook('now'), {
        now: true,
        listen: (_, { event }) => {
          if (event.type === 'WaveDrained' && clock.offsetMs === 0) clock.offsetMs = offsetMs
          else if (event.type === 'CommandIntended' && clock.offsetMs !== 0) intents += 1
        },
      })
      .then(
        ({ ended: [run] }) => run?.outcome ?? 'left',
        (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
      ),
  )
  return { ended, intents, stage }
}

describe('a clock that is set while a run is driven', () => {
  it('by an hour: nothing more is decided by it, and the run goes on with a right one', async () => {
    const { ended, intents, stage } = await stepped(HOUR)
    expect([ended, intents]).toEqual(['clock.skewed', 0])
    const next = await stage.start()
    const again = await stage.run(async () => {
      await stage.clock.sleep(plus(stage.clock.now(), 90 * MINUTE)) // What was written by the wrong clock lies in the future until then.
      return stage.acts(next, runbook('now'), { now: true })
    })
    expect(again.ended.map(({ outcome }) => outcome)).toEqual(['succeeded'])
  })

  it('by a day: the same', async () => {
    expect(await stepped(DAY)).toMatchObject({ ended: 'clock.skewed', intents: 0 })
  })

  it('by seconds: the run goes on', async () => {
    expect(await stepped(10_000)).toMatchObject({ ended: 'succeeded' })
  })
})

describe('a service that sees a runbook for the first time', () => {
  /** Whether an opening of the days to come is started although the clock was off when the runbook, or its new schedule (`anew`), was first seen. */
  async function served(offMs: number, anew: boolean): Promise<boolean> {
    const stage = new Stage({ fleet: FLEET })
    const process = await stage.start()
    const clock = new SteppedClock(process.world.clock)
    clock.offsetMs = anew ? 0 : offMs
    const identity: World['identity'] = {
      caller: async (signal) => ({ ...(await process.world.identity.caller(signal)), awsNow: stage.clock.now() }),
    }
    const shelf = new Shelf()
    const opens = plus(instant(Math.ceil(START / DAY) * DAY), 2 * DAY)
    const daily = (minute: number): Runbook =>
      runbook('daily', { window: `{ schedule: "cron(${String(minute)} 0 * * ? *)", duration: 4h, cutoff: 1h }`, baseline: 'none' })
    shelf.put(daily(anew ? 30 : 0))
    const stop = new AbortController()
    await stage.run(async () => {
      const world = { ...process.world, clock, identity }
      const heartbeat = ringing(stage.clock, 10 * MINUTE)
      const serving = serve(process, shelf, { start: instantRuns, beatMs: 10 * MINUTE, heartbeat, signal: stop.signal, world }).run()
      await stage.clock.sleep(plus(stage.clock.now(), HOUR))
      clock.offsetMs = offMs
      if (anew) shelf.put(daily(0), 'second')
      await stage.clock.sleep(plus(stage.clock.now(), HOUR))
      clock.offsetMs = 0
      await stage.clock.sleep(plus(opens, HOUR))
      stop.abort()
      await serving
    })
    return (await stage.store.openingOf('daily', 'rollout', opens)) !== undefined
  }

  it('with a clock that is days ahead does not let go of the openings until then', async () => {
    expect(await served(5 * DAY, false)).toBe(true)
  })

  it('or its new schedule: neither', async () => {
    expect(await served(5 * DAY, true)).toBe(true)
  })
})
