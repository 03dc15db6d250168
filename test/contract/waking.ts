import { beforeEach, describe, expect, it } from 'vitest'
import type { Store } from '../../src/ports/store.ts'
import { afterDusk, dusk } from './entries.ts'
import { A, B, type Stage } from './stage.ts'

/** When a run wants a driver, in every store; part of `storeContract`. */
export function wakingContract(stageOf: () => Stage): void {
  describe('waking', () => {
    let store: Store
    const lease = afterDusk(60_000)
    const wakeAt = async () => (await store.run(A))?.wakeAt

    beforeEach(async () => {
      store = stageOf().store
      await stageOf().create(A)
      await store.drive(A, 'one', dusk, lease)
    })

    it.each<[case_: string, wake: number | null, notes: number[], wakes: number | null]>([
      ['as its driver said', 9_000, [], 9_000],
      ['when nothing was said', null, [], null],
      ['at once, at a note that came before the rest', 9_000, [1_000], 1_000],
      ['as its driver said, when the note is later still', 9_000, [12_000], 9_000],
      ['at the first of several notes', 9_000, [8_000, 7_000], 7_000],
      ['at a note, when nothing was said', null, [3_000], 3_000],
    ])('comes %s', async (_, wake, notes, wakes) => {
      for (const ms of notes) await store.note(A, afterDusk(ms), 'event', '')
      await store.rest(A, 'one', wake === null ? null : afterDusk(wake))
      expect(await wakeAt()).toBe(wakes === null ? null : afterDusk(wakes))
      expect(await store.runs({ unfinished: true })).toMatchObject([{ driver: null, leaseUntil: null, wakeAt: await wakeAt() }])
    })

    it('comes earlier by a note after the rest, and as said again once the note is taken', async () => {
      await store.rest(A, 'one', afterDusk(9_000))
      await store.note(A, afterDusk(2_000), 'pause', '')
      expect(await wakeAt()).toBe(afterDusk(2_000))
      await stageOf().append(A, { taken: (await store.notes(A, 9)).map(({ id }) => id) })
      expect(await wakeAt()).toBe(afterDusk(9_000))
    })

    it('is no business of another run’s notes', async () => {
      await stageOf().create(B)
      await store.rest(A, 'one', afterDusk(9_000))
      await store.note(B, afterDusk(2_000), 'pause', '')
      expect(await wakeAt()).toBe(afterDusk(9_000))
    })

    it('is ignored from one whose lease another has taken, or who never had it', async () => {
      await store.rest(A, 'two', afterDusk(1))
      expect(await store.run(A)).toMatchObject({ driver: 'one', leaseUntil: lease, wakeAt: null })
      await store.drive(A, 'two', lease, afterDusk(120_000))
      await store.rest(A, 'one', afterDusk(1))
      expect(await store.run(A)).toMatchObject({ driver: 'two', wakeAt: null })
    })
  })
}
