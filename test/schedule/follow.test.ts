import { describe, expect, it } from 'vitest'
import { HeldRunbooks } from '../../src/engine/held-runbooks.ts'
import { triggerStarter } from '../../src/engine/trigger-start.ts'
import type { World } from '../../src/engine/world.ts'
import { HOUR, plus } from '../../src/kit/instant.ts'
import { fleet, group, runbook, TESTED } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'
import { serve, Shelf } from './serving.ts'

describe('a trigger whose process dies as soon as its trial is on record', () => {
  it('still gets its rollout: the next process knows that one is wanted', async () => {
    const stage = new Stage({ fleet: fleet([group('staging', 2), group('prod-us', 2)]) })
    const shelf = new Shelf()
    shelf.put(runbook('emergency', { ...TESTED, limit: '{ share: 100% }' }))
    await stage.run(async () => {
      const first = await stage.start()
      const store: World['store'] = {
        ...first.world.store,
        create: async (...asked) => {
          const run = await first.world.store.create(...asked)
          first.life.kill()
          return run
        },
      }
      const world = { ...first.world, store }
      const held = new HeldRunbooks(world, shelf, { write: () => Promise.resolve() })
      await held.reload()
      const start = triggerStarter(world, held, shelf, new AbortController().signal)
      const trigger = { id: 'one', runbook: 'emergency', reason: 'CVE', inputs: {}, now: true }
      void start(trigger, { kind: 'message', id: 'AIDA' })
      await first.life.stopped
      const stop = new AbortController()
      const serving = serve(await stage.start(), shelf, { beatMs: HOUR / 6, signal: stop.signal }).run()
      await stage.clock.sleep(plus(stage.clock.now(), 8 * HOUR))
      stop.abort()
      await serving
    })
    const runs = (await stage.store.runs()).map(({ act, outcome }) => `${act} ${outcome ?? 'open'}`)
    expect(runs).toEqual(['trial succeeded', 'rollout succeeded'])
  })
})
