import { beforeEach, describe, expect, it } from 'vitest'
import type { Store } from '../../src/ports/store.ts'
import { afterDusk, dusk } from './entries.ts'
import { A, B, type Stage } from './stage.ts'

/** Who has sent what, and notes that come in batches, in every store; part of `storeContract`. */
export function commandsContract(stageOf: () => Stage): void {
  describe('commands', () => {
    let store: Store
    let stage: Stage
    const ALL = ['c-1', 'c-2', 'c-3', 'c-4']
    const open = (run: string, ...commands: string[]) => stage.append(run, { commands: { open: commands, closed: [] } })
    const found = async () =>
      Object.fromEntries([...(await store.senders(ALL))].map(([command, { run }]) => [command, run === A ? 'A' : 'B']))

    beforeEach(async () => {
      stage = stageOf()
      store = stage.store
      await stage.create(A)
      await stage.create(B)
    })

    it('lead to the run that has them open, and to none before and after', async () => {
      expect(await found()).toEqual({})
      await open(A, 'c-1', 'c-2')
      await open(B, 'c-3')
      expect(await found()).toEqual({ 'c-1': 'A', 'c-2': 'A', 'c-3': 'B' })
      await stage.append(A, { commands: { open: ['c-4'], closed: ['c-1', 'c-3'] } })
      expect(await found(), 'nobody closes another run’s').toEqual({ 'c-2': 'A', 'c-3': 'B', 'c-4': 'A' })
      await stage.append(A, { outcome: 'failed' })
      expect(await found()).toEqual({ 'c-3': 'B' })
      await open(A, 'c-1')
      expect(await found(), 'an ended run opens none').toEqual({ 'c-3': 'B' })
    })

    it('named again change nothing', async () => {
      await open(A, 'c-1')
      await open(A, 'c-1')
      await open(B, 'c-1')
      expect(await found()).toEqual({ 'c-1': 'A' })
    })

    it('stay as they were when the append is refused', async () => {
      await open(A, 'c-1')
      const refused = await store.append({ run: A, head: 'f'.repeat(64), entries: [], commands: { open: ['c-2'], closed: ['c-1'] } })
      expect([refused.ok, await found()]).toEqual([false, { 'c-1': 'A' }])
    })

    it('tell who drives their run, and how full its inbox is', async () => {
      await open(A, 'c-1')
      expect((await store.senders(['c-1'])).get('c-1')).toEqual({ run: A, leaseUntil: null, waiting: 0 })
      await store.drive(A, 'one', dusk, afterDusk(60_000))
      await store.note(A, dusk, 'pause', '')
      await store.note(B, dusk, 'pause', '')
      expect((await store.senders(['c-1'])).get('c-1')).toEqual({ run: A, leaseUntil: afterDusk(60_000), waiting: 1 })
      await store.rest(A, 'one', null)
      expect((await store.senders(['c-1'])).get('c-1')).toMatchObject({ leaseUntil: null })
    })
  })

  describe('notes in a batch', () => {
    let store: Store
    const note = (run: string, data: string) => ({ run, at: afterDusk(1_000), kind: 'events', data })
    const datas = async (run: string) => (await store.notes(run, 99)).map(({ data }) => data)

    beforeEach(async () => {
      store = stageOf().store
      await stageOf().create(A)
      await stageOf().create(B)
    })

    it('lie behind those that were there, in order, and wake their runs', async () => {
      await store.drive(A, 'one', dusk, afterDusk(60_000))
      await store.rest(A, 'one', null)
      await store.note(A, afterDusk(2_000), 'pause', 'first')
      await store.noteAll([note(A, 'x'), note(B, 'y'), note(A, 'z')])
      expect([await datas(A), await datas(B)]).toEqual([['first', 'x', 'z'], ['y']])
      expect((await store.run(A))?.wakeAt).toBe(afterDusk(1_000))
    })

    it('leave out runs that have ended or are not there', async () => {
      await stageOf().append(B, { outcome: 'succeeded' })
      await store.noteAll([note('no-such-run', 'w'), note(B, 'x'), note(A, 'y')])
      await store.noteAll([])
      expect([await datas(A), await datas(B)]).toEqual([['y'], []])
    })

    it('are taken by an append without an entry; the head stays', async () => {
      await store.noteAll([note(A, 'x'), note(A, 'y')])
      const [first] = await store.notes(A, 1)
      const head = stageOf().heads.get(A)?.hash ?? null
      expect(await store.append({ run: A, head, entries: [], taken: [first?.id ?? 0] })).toEqual({ ok: true })
      expect([await datas(A), (await store.run(A))?.head, (await store.run(A))?.entries]).toEqual([['y'], head, 1])
      expect(await store.append({ run: A, head: 'f'.repeat(64), entries: [], taken: [1, 2] })).toMatchObject({ why: 'replaced' })
      expect(await datas(A)).toEqual(['y'])
    })
  })
}
