import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { nodeHighMs, readHistory } from '../../src/engine/history.ts'
import { planRollout } from '../../src/engine/planning.ts'
import type { World } from '../../src/engine/world.ts'
import { known } from '../../src/kit/assert.ts'
import { MINUTE } from '../../src/kit/instant.ts'
import type { Store } from '../../src/ports/store.ts'
import { caseOf, isInside, KINDS, play, type Case } from './calibration.ts'
import { fleet, group, runbook } from './documents.ts'
import { Stage, type EngineProcess } from './stage.ts'

const signal = new AbortController().signal
const RUNBOOK = runbook('monthly')

/** A store whose journals are counted as they are read. */
function counting(): { store: Store; reads: string[] } {
  const reads: string[] = []
  const store = openMemoryStore()
  const read = store.read.bind(store)
  store.read = (run, from) => {
    reads.push(run)
    return read(run, from)
  }
  return { store, reads }
}

/** A night on ten nodes that take ten minutes each, and the process that it was done in. */
async function afterNight(store: Store = openMemoryStore()): Promise<{ stage: Stage; process: EngineProcess; run: string }> {
  const stage = new Stage({ fleet: fleet([group('prod-us', 10)], { commandTime: { medianMs: 10 * MINUTE, p95Ms: 12 * MINUTE } }), store })
  const process = await stage.start()
  const { ended } = await stage.run(() => stage.acts(process, RUNBOOK, { now: true }))
  return { stage, process, run: known(ended[0], 'the run').run }
}

describe('what the store remembers of earlier nights', () => {
  it('is what the next plan goes by', async () => {
    const { stage, process } = await afterNight()
    const plan = await stage.run(() => planRollout(process.world, { runbook: RUNBOOK, inputs: {}, now: true }, signal))
    expect(plan.forecast.basis).toMatch(/^history: 10 nodes of 1 run; nodes go by those 10 of the same image and account;/)
    expect(plan.forecast.nodeHighMs / MINUTE).toBeGreaterThan(10)
    expect(plan.forecast.nodeHighMs / MINUTE).toBeLessThan(15)
    expect(plan.fit).toMatchObject({ fits: true, startAt: plan.madeAt })
    expect(await stage.run(() => nodeHighMs(process.world, plan.content))).toBe(plan.forecast.nodeHighMs)
  })

  it('without any, a stated default', async () => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 10)]) })
    const { world } = await stage.start()
    const plan = await stage.run(() => planRollout(world, { runbook: RUNBOOK, inputs: {} }, signal))
    expect(plan.forecast.basis).toMatch(/^no history: 8m to 15m a node/)
    expect(await stage.run(() => nodeHighMs(world, plan.content))).toBe(15 * MINUTE)
  })

  it('is read once from a finished journal, and anew when what was kept is pruned or damaged', async () => {
    const { store, reads } = counting()
    const { stage, process, run } = await afterNight(store)
    const history = () => stage.run(() => readHistory(process.world, RUNBOOK.name))
    reads.length = 0
    const first = await history()
    const second = await history()
    expect(second).toEqual(first)
    expect(reads).toEqual([run])
    const blob = store.blob.bind(store)
    store.blob = () => Promise.resolve(undefined)
    expect(await history()).toEqual(first)
    store.blob = () => Promise.resolve('{"v":1,')
    expect(await history()).toEqual(first)
    store.blob = blob
    expect(reads).toEqual([run, run, run])
  })

  it('is not needed: a store that keeps nothing, or a journal that cannot be read, only leaves it out', async () => {
    const store = openMemoryStore()
    const { stage, process, run } = await afterNight(store)
    const { world } = process
    const refusing: World = {
      ...world,
      store: Object.assign(Object.create(world.store) as Store, { plan: () => Promise.resolve(undefined) }),
    }
    expect(await stage.run(() => readHistory(refusing, RUNBOOK.name))).toEqual([])
    expect(stage.warnings.join()).toContain(`run ${run} is left out of the forecast: journal.broken`)
    expect(await stage.run(() => readHistory(world, RUNBOOK.name))).toHaveLength(1)
  })
})

/** As few nodes, and nights before, as a forecast can be made of. */
function small(seed: number): Case {
  const one = caseOf(seed, KINDS[seed % KINDS.length])
  return { ...one, nights: 2, fleet: { ...one.fleet, groups: one.fleet.groups.map((own) => ({ ...own, count: Math.min(own.count, 9) })) } }
}

describe('forecasts hold', () => {
  it('for nine of a dozen rehearsals, each foretold from two nights', { timeout: 180_000 }, async () => {
    const missed: string[] = []
    for (let seed = 1; seed <= 12; seed += 1) {
      const { case: one, forecast, tookMs } = await play(small(seed))
      const minutes = [forecast.lowMs, tookMs, forecast.highMs].map((ms) => Math.round(ms / MINUTE))
      if (!isInside(forecast, tookMs)) missed.push(`${one.kind} ${String(seed)}: ${minutes.join(' / ')}`)
    }
    expect(missed.length, missed.join('; ')).toBeLessThanOrEqual(3)
  })
})
