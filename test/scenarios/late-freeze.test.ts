import { describe, expect, it } from 'vitest'
import { planRollout } from '../../src/engine/planning.ts'
import { conduct } from '../../src/engine/conduct.ts'
import { requestRun } from '../../src/engine/request.ts'
import type { World } from '../../src/engine/world.ts'
import { known } from '../../src/kit/assert.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { HOUR, MINUTE, plus, SECOND, type Instant } from '../../src/kit/instant.ts'
import { fleet, group, runbook } from './documents.ts'
import { Stage } from './stage.ts'

const ONE_BY_ONE = '[{ name: all, take: rest, concurrency: 1, gate: { bake: 0s } }]'

describe('a freeze that the config names only when the process is started again', () => {
  it('holds for a run that had no freeze to read before', async () => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 4)]) })
    const [first, second] = [await stage.start(), await stage.start()]
    const stopped = new AbortController()
    const run = await stage.run(async () => {
      const signal = new AbortController().signal
      const plan = await planRollout(first.world, { runbook: runbook('late', { waves: ONE_BY_ONE }), inputs: {}, now: true }, signal)
      const id = await requestRun(first.world, { plan, actor: first.rehearsal.requester, reason: 'x', now: true, trial: null })
      const listen: Parameters<typeof conduct>[2]['listen'] = (_, { event }) => {
        if (event.type === 'NodesReported') stopped.abort()
      }
      await conduct(first.world, id, { listen, signal: stopped.signal })
      return id
    })
    const from = stage.clock.now()
    const to = plus(from, HOUR)
    const ended = await stage.run(() =>
      conduct({ ...second.world, freezes: [{ kind: 'period', from, to }] }, run, {
        listen: () => undefined,
        signal: new AbortController().signal,
      }),
    )
    expect(ended?.outcome).toBe('succeeded')
    const intents = (await stage.facts(run)).flatMap(({ at, event }) => (event.type === 'CommandIntended' ? [at] : []))
    expect([intents.length, intents.filter((at) => at >= from && at < to).length]).toEqual([4, 0])
  })

  it('is not invented where reading it was cut off by the process’s own end', async () => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 4)]) })
    const [first, second] = [await stage.start(), await stage.start()]
    const [stopped, again] = [new AbortController(), new AbortController()]
    const run = await stage.run(async () => {
      const signal = new AbortController().signal
      const plan = await planRollout(first.world, { runbook: runbook('late', { waves: ONE_BY_ONE }), inputs: {}, now: true }, signal)
      const id = await requestRun(first.world, { plan, actor: first.rehearsal.requester, reason: 'x', now: true, trial: null })
      const listen: Parameters<typeof conduct>[2]['listen'] = (_, { event }) => {
        if (event.type === 'NodesReported') stopped.abort()
      }
      await conduct(first.world, id, { listen, signal: stopped.signal })
      const calendars: World['calendars'] = {
        ...second.world.calendars,
        state: () => {
          again.abort()
          return Promise.reject(new PatchwaveError('aws.unreachable', 'the request was aborted', { hint: 'x' }))
        },
      }
      const world: World = { ...second.world, calendars, freezes: [{ kind: 'ssm', name: 'ChangeFreeze' }] }
      await conduct(world, id, { listen: () => undefined, signal: again.signal })
      return id
    })
    expect(again.signal.aborted).toBe(true)
    const reasons = (await stage.facts(run)).flatMap(({ event }) => (event.type === 'FreezesRead' ? event.why : []))
    expect(reasons).toEqual([])
  })
})

describe('a freeze that was declared while the host was suspended', () => {
  it('holds as soon as the same driver wakes up, however slowly it can be read', async () => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 4)]) })
    const first = await stage.start()
    const begun = Promise.withResolvers<undefined>()
    let declared: Readonly<{ from: Instant; to: Instant }> | null = null
    const calendars: World['calendars'] = {
      ...first.world.calendars,
      state: async (_cell, _names, at) => {
        if (declared === null) return { open: true, until: null }
        await first.world.clock.sleep(plus(first.world.clock.now(), MINUTE))
        return at < declared.to ? { open: false, until: declared.to } : { open: true, until: null }
      },
    }
    const world: World = { ...first.world, calendars, freezes: [{ kind: 'ssm', name: 'ChangeFreeze' }] }
    const ended = await stage.run(async () => {
      const signal = new AbortController().signal
      const plan = await planRollout(world, { runbook: runbook('late', { waves: ONE_BY_ONE }), inputs: {}, now: true }, signal)
      const id = await requestRun(world, { plan, actor: first.rehearsal.requester, reason: 'x', now: true, trial: null })
      const listen: Parameters<typeof conduct>[2]['listen'] = (_, { event }) => {
        if (event.type === 'CommandSent') begun.resolve(undefined)
      }
      const driving = conduct(world, id, { listen, signal })
      await begun.promise
      await stage.clock.sleep(plus(stage.clock.now(), 2 * SECOND))
      first.life.freeze()
      await stage.clock.sleep(plus(stage.clock.now(), 30 * MINUTE))
      const from = stage.clock.now()
      declared = { from, to: plus(from, HOUR) }
      first.life.thaw()
      return await driving
    })
    expect(ended?.outcome).toBe('succeeded')
    const { from, to } = known(declared as Readonly<{ from: Instant; to: Instant }> | null, 'the freeze')
    const intents = (await stage.facts(known(ended, 'the end').run)).flatMap(({ at, event }) =>
      event.type === 'CommandIntended' ? [at] : [],
    )
    expect([intents.length, intents.filter((at) => at >= from && at < to).length]).toEqual([4, 0])
  })
})
