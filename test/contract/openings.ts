import { beforeEach, describe, expect, it } from 'vitest'
import { Bug } from '../../src/kit/assert.ts'
import type { Act, Store } from '../../src/ports/store.ts'
import { afterDusk, all, dusk, entriesOf } from './entries.ts'
import { A, B, C, type Stage } from './stage.ts'

/** What openings, triggers and the journals of schedules must do in every store; part of `storeContract`. */
export function openingsContract(stageOf: () => Stage): void {
  describe('openings and triggers', () => {
    let store: Store
    beforeEach(() => {
      store = stageOf().store
    })

    type Takes = NonNullable<Parameters<Store['create']>[2]>
    const create = (run: string, takes: Takes, runbook = 'monthly', act: Act = 'rollout') =>
      store.create({ run, runbook, act, requestedAt: dusk }, entriesOf(run, 2), takes)

    it('come with the run that is created, and nothing else has them', async () => {
      expect(await create(A, { opening: dusk, trigger: 't-1' })).toBe(A)
      expect(await store.openingOf('monthly', 'rollout', dusk)).toBe(A)
      expect(await store.triggered('t-1')).toBe(A)
      expect(await store.openingOf('monthly', 'trial', dusk)).toBeUndefined()
      expect(await store.openingOf('weekly', 'rollout', dusk)).toBeUndefined()
      expect(await store.openingOf('monthly', 'rollout', afterDusk(1))).toBeUndefined()
      expect(await store.triggered('t-2')).toBeUndefined()
    })

    it('are not needed for a run', async () => {
      expect(await create(A, {})).toBe(A)
      expect(await create(B, {})).toBe(B)
    })

    it.each<[what: string, first: Takes, second: Takes]>([
      ['the opening', { opening: dusk }, { opening: dusk }],
      ['the trigger', { trigger: 't' }, { trigger: 't' }],
      ['the opening, though the trigger is new', { opening: dusk, trigger: 't' }, { opening: dusk, trigger: 'u' }],
      ['the trigger, though the opening is new', { opening: dusk, trigger: 't' }, { opening: afterDusk(1), trigger: 't' }],
    ])('create nothing where another run has %s', async (_, first, second) => {
      await create(A, first)
      expect(await create(B, second)).toBe(A)
      expect(await store.run(B)).toBeUndefined()
      expect(await all(store.read(B))).toEqual([])
      expect((await store.runs()).map(({ run }) => run)).toEqual([A])
      // What it would have taken besides stays free.
      expect(await create(C, { opening: afterDusk(1), trigger: 'u' })).toBe(C)
    })

    it('are told apart by runbook and act', async () => {
      expect(await create(A, { opening: dusk })).toBe(A)
      expect(await create(B, { opening: dusk }, 'monthly', 'trial')).toBe(B)
      expect(await create(C, { opening: dusk }, 'weekly')).toBe(C)
      expect(await store.openingOf('monthly', 'trial', dusk)).toBe(B)
    })

    it('may be asked for again by the same run', async () => {
      await create(A, { opening: dusk, trigger: 't' })
      await stageOf().store.note(A, dusk, 'pause', '')
      expect(await create(A, { opening: dusk, trigger: 't' })).toBe(A)
      expect(await all(store.read(A))).toHaveLength(2)
      expect(await store.runs()).toHaveLength(1)
    })

    it('are refused as a bug together with another run of the same id', async () => {
      await create(A, {})
      const other = store.create({ run: A, runbook: 'monthly', act: 'rollout', requestedAt: dusk }, entriesOf(A, 2, null, 'x'), {
        opening: dusk,
      })
      await expect(other).rejects.toThrow(Bug)
      expect(await store.openingOf('monthly', 'rollout', dusk)).toBeUndefined()
    })

    it('go to one of many that want them at once', async () => {
      const answers = await Promise.all([A, B, C].map((run) => create(run, { opening: dusk, trigger: 't' })))
      expect(new Set(answers).size).toBe(1)
      expect((await store.runs()).map(({ run }) => run)).toEqual([answers[0]])
    })

    it('can be taken for a run that is there already, once', async () => {
      await create(A, {})
      expect(await store.takeOpening('monthly', 'rollout', dusk, A)).toBe(A)
      expect(await store.takeOpening('monthly', 'rollout', dusk, B)).toBe(A)
      expect(await store.takeOpening('monthly', 'rollout', dusk, A)).toBe(A)
      expect(await store.takeOpening('monthly', 'rollout', afterDusk(1), B)).toBe(B)
      expect(await create(C, { opening: dusk })).toBe(A)
      expect(await create(A, { opening: dusk })).toBe(A)
    })

    it('stay taken when the run has ended', async () => {
      await stageOf().create(A)
      await store.takeOpening('monthly', 'rollout', dusk, A)
      await stageOf().append(A, { outcome: 'failed' })
      expect(await create(B, { opening: dusk })).toBe(A)
    })
  })

  describe('the journal of a schedule', () => {
    const journal = 'schedule:monthly'

    it('is kept as a run’s is, and is no run', async () => {
      const { store } = stageOf()
      await stageOf().create(A)
      const entries = entriesOf(journal, 2)
      await store.create({ run: journal, runbook: 'monthly', act: 'schedule', requestedAt: afterDusk(-1) }, entries.slice(0, 1))
      expect(await store.append({ run: journal, head: entries[0]?.hash ?? null, entries: entries.slice(1) })).toEqual({ ok: true })
      expect(await store.append({ run: journal, head: entries[0]?.hash ?? null, entries: entries.slice(1) })).toMatchObject({
        why: 'replaced',
      })
      expect(await all(store.read(journal))).toEqual(entries)
      expect(await store.run(journal)).toMatchObject({ act: 'schedule', runbook: 'monthly', entries: 2, outcome: null })
      const ids = async (filter?: Parameters<Store['runs']>[0]) => (await store.runs(filter)).map(({ run }) => run)
      expect(await ids()).toEqual([A])
      expect(await ids({ runbook: 'monthly', unfinished: true })).toEqual([A])
      expect(await ids({ acts: ['schedule'] })).toEqual([journal])
      expect(await ids({ acts: ['schedule', 'rollout'] })).toEqual([journal, A])
      expect(await ids({ acts: ['schedule', 'trial'], runbook: 'weekly' })).toEqual([])
      expect(await ids({ acts: [] })).toEqual([])
    })
  })
}
