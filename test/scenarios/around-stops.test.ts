import { describe, expect, it } from 'vitest'
import { HOUR, MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import type { StepName } from '../../src/core/run/event.ts'
import { openRun } from '../../src/engine/open.ts'
import type { Append } from '../../src/ports/store.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { fleet, group, runbook } from './documents.ts'
import { given } from './given.ts'
import { faultsFound } from './holds.ts'
import { Stage, type EngineProcess } from './stage.ts'

const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 4, bake: 1m } }]'
const AROUND = { waves: ALL, drain: '{}', power: '{ stopped: start-and-restore }', backup: '{ method: snapshot }' }
/** One node that runs and one that is stopped, behind a load balancer and in an Auto Scaling group. */
const PAIR = fleet(
  [
    group('prod-us', 2, {
      stopped: 0.5,
      autoScaling: { name: 'web', min: 0, max: null },
      targetGroups: [{ name: 'web', port: 80, drainMs: 30 * SECOND }],
    }),
  ],
  { seed: 3 },
)

/** Where each node stands: power, target groups, Auto Scaling. A target of a node that does not run is unused. */
const standing = (views: Iterable<NodeView>): unknown =>
  [...views].map(({ node, state, targets, autoScaling }) => [node, state, targets, autoScaling?.lifecycle]).sort()

describe('an abort in the middle', () => {
  it.each<[StepName]>([['start'], ['drain'], ['standby']])('of %s puts everything back, and changes nothing', async (step) => {
    const then = await given(PAIR)
      .runbook(AROUND)
      .when()
      .at('StepIntended', { step }, ({ say }) => {
        say('abort')
      })
      .runs()
    then.ends('aborted').untouched(then.all())
    expect(then.state().notBack.size).toBe(0)
    expect(standing(then.stage.sandbox.nodes())).toEqual(standing(then.stage.before.values()))
  })

  it('of the way back does not stop the way back', async () => {
    const then = await given(PAIR)
      .runbook(AROUND)
      .when()
      .at('StepIntended', { step: 'in-service' }, ({ say }) => {
        say('abort')
      })
      .runs()
    then.nodes({ patched: 2 })
    expect(standing(then.stage.sandbox.nodes())).toEqual(standing(then.stage.before.values()))
  })
})

describe('a pause in the middle', () => {
  it('lets nodes serve meanwhile, and takes them out again afterwards', async () => {
    const paused: unknown[] = []
    const then = await given(PAIR)
      .runbook(AROUND)
      .when()
      .at('StepIntended', { step: 'standby' }, ({ say, later, stage }) => {
        say('pause')
        later(30 * MINUTE, () => {
          paused.push(standing(stage.sandbox.nodes()))
          say('resume')
        })
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 2 })
    expect(paused).toEqual([standing(then.stage.before.values())])
    expect(standing(then.stage.sandbox.nodes())).toEqual(standing(then.stage.before.values()))
  })
})

describe('an engine that dies around a step', () => {
  /** Plays the night; the first engine dies at the entry of this number that is about a step. */
  async function night(death: Readonly<{ number: number; side: 'before' | 'after' }> | null, restMs: Ms = 0) {
    const stage = new Stage({ fleet: PAIR })
    let steps = 0
    const crew: EngineProcess[] = []
    const strike = (side: 'before' | 'after') => (append: Append) => {
      if (!append.entries.some(({ type }) => type.startsWith('Step'))) return
      if (side === 'before') steps += 1
      if (death?.side === side && death.number === steps) crew[0]?.life.kill()
    }
    const one = await stage.start({ before: strike('before'), after: strike('after') })
    crew.push(one)
    await stage.run(async () => {
      const wish = runbook('runbook-1', AROUND)
      const went = await Promise.race([stage.acts(one, wish), one.life.stopped])
      if (went !== undefined) return
      await stage.clock.sleep(plus(stage.clock.now(), restMs))
      await stage.acts(await stage.start(), wish)
    })
    return { stage, steps }
  }

  async function resultOf(stage: Stage) {
    const [run = ''] = await stage.runs()
    const { state } = await openRun(stage.store, run)
    return {
      phase: state.phase,
      outcomes: [...state.nodes.outcome],
      notBack: state.notBack.size,
      standing: standing(stage.sandbox.nodes()),
    }
  }

  it('leaves nothing that its successor does not put back', async () => {
    const calm = await night(null)
    const wanted = await resultOf(calm.stage)
    expect(wanted).toMatchObject({ phase: { outcome: 'succeeded' }, notBack: 0, standing: standing(calm.stage.before.values()) })
    expect(calm.steps).toBeGreaterThan(10)
    for (let number = 1; number <= calm.steps; number++) {
      const side = number % 2 === 0 ? 'before' : 'after'
      const { stage } = await night({ number, side }, [0, 20 * SECOND, 5 * MINUTE][number % 3] ?? 0)
      expect([number, side, await resultOf(stage), await faultsFound(stage)]).toEqual([number, side, wanted, []])
    }
  }, 120_000)
})

describe('an engine that comes back after hours', () => {
  it.each<[StepName]>([['in-service'], ['rejoin'], ['stop']])('still brings nodes back that it left at %s', async (step) => {
    const stage = new Stage({ fleet: PAIR })
    const crew: EngineProcess[] = []
    const one = await stage.start({
      after: ({ entries }) => {
        if (entries.some(({ type, text }) => type === 'StepIntended' && text.includes(`"step":"${step}"`))) crew[0]?.life.kill()
      },
    })
    crew.push(one)
    await stage.run(async () => {
      const wish = runbook('runbook-1', AROUND)
      await Promise.race([stage.acts(one, wish), one.life.stopped])
      await stage.clock.sleep(plus(stage.clock.now(), 2 * HOUR))
      await stage.acts(await stage.start(), wish)
    })
    expect(one.life.alive).toBe(false)
    const [run = ''] = await stage.runs()
    const { state } = await openRun(stage.store, run)
    expect([state.phase, state.notBack.size]).toMatchObject([{ outcome: 'succeeded' }, 0])
    expect(standing(stage.sandbox.nodes())).toEqual(standing(stage.before.values()))
  })
})

describe('an AWS that fails, sometimes after it has done what was asked', () => {
  it.each([1, 2, 3, 4])('leaves no node behind (seed %i)', async (seed) => {
    const then = await given({ ...PAIR, seed })
      .faults(`seed: ${String(seed)}\napi: { throttled: 10%, failedAfterEffect: 15% }`)
      .runbook({ ...AROUND, waves: '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 4, bake: 5m, checks: [site] } }]' })
      .when()
      .runs()
    then.ends('succeeded')
    expect(then.state().notBack.size).toBe(0)
    expect(standing(then.stage.sandbox.nodes())).toEqual(standing(then.stage.before.values()))
  })
})
