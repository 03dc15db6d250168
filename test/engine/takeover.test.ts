import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import type { World } from '../../src/engine/world.ts'
import { fleet, group, runbook } from '../scenarios/documents.ts'
import { Stage, type EngineProcess } from '../scenarios/stage.ts'

const BOOK = runbook('takeover', { waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]' })

/** An AWS that takes so long to list commands. */
const slowly = ({ clock, commands }: World, tookMs: Ms): World['commands'] => ({
  ...commands,
  async *sweep(...asked) {
    await clock.sleep(plus(clock.now(), tookMs), asked[2])
    yield* commands.sweep(...asked)
  },
})

describe('a driver that takes a run from another', () => {
  it('keeps its lease while a slow AWS is asked what was lost: nobody else takes the run meanwhile', async () => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 2)]) })
    const processes: EngineProcess[] = []
    const kill = (operation: string): void => {
      if (operation === 'SendCommand') processes[0]?.life.kill()
    }
    const first = await stage.start({ calls: { before: kill } })
    processes.push(first)
    const lapses: string[] = []
    const { clock } = stage
    await stage.run(async () => {
      void stage.acts(first, BOOK)
      await first.life.stopped
      await clock.sleep(plus(clock.now(), 2 * MINUTE))
      const second = await stage.start()
      const going = stage.acts({ ...second, world: { ...second.world, commands: slowly(second.world, 5 * MINUTE) } }, BOOK)
      const [run] = await stage.runs()
      await clock.sleep(plus(clock.now(), SECOND))
      const took = async (): Promise<boolean> =>
        (await stage.facts(known(run, 'the run'))).some(({ event }) => event.type === 'DriverTook' && event.driver === 'engine-2')
      while (!(await took())) {
        const row = await stage.store.run(known(run, 'the run'))
        if (row?.driver !== 'engine-2' || row.leaseUntil === null || row.leaseUntil <= clock.now()) lapses.push(String(clock.now()))
        await clock.sleep(plus(clock.now(), 10 * SECOND))
      }
      expect((await going).ended[0]?.outcome).toBe('succeeded')
    })
    expect(lapses).toEqual([])
  })

  it('leaves it when it is told to go while AWS is asked, and blames nobody', async () => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 2)]) })
    const processes: EngineProcess[] = []
    const kill = (operation: string): void => {
      if (operation === 'SendCommand') processes[0]?.life.kill()
    }
    const first = await stage.start({ calls: { before: kill } })
    processes.push(first)
    const { clock } = stage
    await stage.run(async () => {
      void stage.acts(first, BOOK)
      await first.life.stopped
      await clock.sleep(plus(clock.now(), 2 * MINUTE))
      const second = await stage.start()
      const leaving = new AbortController()
      const going = stage.acts({ ...second, world: { ...second.world, commands: slowly(second.world, 5 * MINUTE) } }, BOOK, {
        signal: leaving.signal,
      })
      going.catch(() => undefined)
      await clock.sleep(plus(clock.now(), MINUTE))
      leaving.abort()
      const [run] = await stage.runs()
      expect(await going).toEqual({ ended: [], left: run })
      expect(await stage.store.run(known(run, 'the run'))).toMatchObject({ driver: null })
    })
  })
})
