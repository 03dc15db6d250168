import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seal } from '../../src/core/audit/seal.ts'
import { verifyChain } from '../../src/core/audit/verify.ts'
import { Bug, known } from '../../src/kit/assert.ts'
import type { Store } from '../../src/ports/store.ts'
import { claimsContract } from './claims.ts'
import { commandsContract } from './commands.ts'
import { actor, afterDusk, all, dusk, entriesOf, runId } from './entries.ts'
import { openingsContract } from './openings.ts'
import { A, B, C, claim, Stage } from './stage.ts'
import { turnsContract } from './turns.ts'
import { wakingContract } from './waking.ts'

/** What every store must do. An implementation's test calls this and adds only what is its own. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} store`, () => {
    let store: Store
    let stage: Stage
    const create = (...parts: Parameters<Stage['create']>) => stage.create(...parts)
    const append = (...parts: Parameters<Stage['append']>) => stage.append(...parts)

    beforeEach(async () => {
      store = await open()
      stage = new Stage(store)
    })
    afterEach(async () => {
      await store.close()
    })

    describe('journals', () => {
      it('gives back what was created and appended, byte for byte and in order', async () => {
        const first = await create(A, 2)
        const [odd] = [
          seal(known(first.at(-1), 'head'), {
            run: A,
            at: afterDusk(9000),
            actor,
            type: 'Odd',
            data: { text: 'naïve 💥 \0 \u2028 "x"', zero: -0 },
          }),
        ]
        expect(await store.append({ run: A, head: first[1]?.hash ?? null, entries: [odd] })).toEqual({ ok: true })
        expect(await all(store.read(A))).toEqual([...first, odd])
        expect(verifyChain(A, await all(store.read(A)), [{ run: A, seq: 3, hash: odd.hash }]).breaks).toEqual([])
      })

      it('reads from any entry on, over many pages', async () => {
        const entries = await create(A, 1_234)
        for (const from of [1, 2, 500, 501, 1_000, 1_001, 1_234, 1_235])
          expect((await all(store.read(A, from))).map((e) => e.seq)).toEqual(entries.slice(from - 1).map((e) => e.seq))
      })

      it('has no entries of an absent run', async () => {
        expect(await all(store.read(A))).toEqual([])
        expect(await store.run(A)).toBeUndefined()
      })

      it('goes on being read while it is appended to', async () => {
        await create(A, 600)
        const seen: number[] = []
        for await (const entry of store.read(A)) {
          seen.push(entry.seq)
          if (entry.seq === 3) await append(A)
        }
        expect(seen).toEqual(Array.from({ length: 601 }, (_, i) => i + 1))
      })

      it('takes the same creation twice, and refuses another one under the same id', async () => {
        const entries = await create(A, 2)
        await create(A, 2)
        expect(await all(store.read(A))).toEqual(entries)
        await expect(
          store.create({ run: A, runbook: 'x', act: 'trial', requestedAt: dusk }, entriesOf(A, 2, null, 'other')),
        ).rejects.toThrow(Bug)
      })

      it('refuses a driver that was replaced, and takes nothing of what it brought', async () => {
        const [first] = await create(A)
        await append(A)
        const late = entriesOf(A, 1, known(first, 'first'), 'late')
        expect(await store.append({ run: A, head: first?.hash ?? null, entries: late, outcome: 'failed', ...claim(['i-1']) })).toEqual({
          ok: false,
          why: 'replaced',
        })
        expect((await all(store.read(A))).length).toBe(2)
        expect(await store.run(A)).toMatchObject({ outcome: null, entries: 2, head: stage.heads.get(A)?.hash })
        expect(await stage.held()).toEqual([])
      })

      it('lets exactly one of two racing drivers through', async () => {
        const [first] = await create(A)
        const race = ['x', 'y'].map((note) =>
          store.append({ run: A, head: first?.hash ?? null, entries: entriesOf(A, 1, known(first, 'first'), note) }),
        )
        expect((await Promise.all(race)).map((result) => result.ok).sort()).toEqual([false, true])
      })

      it('carries many runs in one turn; those that conflict are refused alone', async () => {
        const runs = Array.from({ length: 40 }, (_, i) => runId(i + 1))
        const firsts = await Promise.all(runs.map(async (run) => known((await create(run))[0], 'first')))
        const results = await Promise.all(
          runs.map((run, i) =>
            store.append({
              run,
              head: i % 4 === 0 ? 'f'.repeat(64) : (firsts[i]?.hash ?? null),
              entries: entriesOf(run, 2, firsts[i] ?? null),
            }),
          ),
        )
        expect(results.map(({ ok }) => ok)).toEqual(runs.map((_, i) => i % 4 !== 0))
        for (const [i, run] of runs.entries()) expect((await all(store.read(run))).length).toBe(i % 4 === 0 ? 1 : 3)
      })

      it('takes appends of one run in the order of the calls', async () => {
        const [first] = await create(A)
        const more = entriesOf(A, 3, known(first, 'first'))
        const results = await Promise.all(
          more.map((entry, i) => store.append({ run: A, head: [first, ...more][i]?.hash ?? null, entries: [entry] })),
        )
        expect(results).toEqual([{ ok: true }, { ok: true }, { ok: true }])
        expect(verifyChain(A, await all(store.read(A))).entries).toBe(4)
      })

      it('refuses entries with a hole as a bug, without harm to others of the same turn', async () => {
        const [a] = await create(A)
        const [b] = await create(B)
        const hole = entriesOf(A, 2, known(a, 'a')).slice(1)
        const [bad, good] = await Promise.allSettled([
          store.append({ run: A, head: a?.hash ?? null, entries: hole }),
          store.append({ run: B, head: b?.hash ?? null, entries: entriesOf(B, 1, known(b, 'b')) }),
        ])
        expect(bad).toMatchObject({ status: 'rejected', reason: { name: 'Bug' } })
        expect(good).toMatchObject({ status: 'fulfilled', value: { ok: true } })
        expect((await all(store.read(A))).length).toBe(1)
      })

      it('says that a run is absent', async () => {
        await expect(store.append({ run: A, head: null, entries: entriesOf(A, 1) })).rejects.toMatchObject({ code: 'run.unknown' })
        await expect(store.note(A, dusk, 'pause', '{}')).rejects.toMatchObject({ code: 'run.unknown' })
        await expect(store.drive(A, 'd', dusk, afterDusk(1))).rejects.toMatchObject({ code: 'run.unknown' })
      })
    })

    describe('runs', () => {
      it('lists them in the order of their requests, unfinished ones and those of a runbook', async () => {
        await create(B, 1, 'monthly', afterDusk(10))
        await create(A, 1, 'monthly', afterDusk(20))
        await create(C, 1, 'weekly', afterDusk(5))
        await append(B, { outcome: 'succeeded' })
        const ids = async (filter?: Parameters<Store['runs']>[0]): Promise<string[]> => (await store.runs(filter)).map((row) => row.run)
        expect(await ids()).toEqual([C, B, A])
        expect(await ids({ unfinished: true })).toEqual([C, A])
        expect(await ids({ runbook: 'monthly' })).toEqual([B, A])
        expect(await ids({ runbook: 'monthly', unfinished: true })).toEqual([A])
        expect(await ids({ runbook: 'yearly' })).toEqual([])
      })

      it('keeps a row a run', async () => {
        const entries = await create(A, 3)
        const head = entries[2]?.hash
        expect(await store.run(A)).toEqual({
          run: A,
          runbook: 'monthly',
          act: 'rollout',
          requestedAt: dusk,
          outcome: null,
          driver: null,
          epoch: 0,
          leaseUntil: null,
          wakeAt: null,
          head,
          entries: 3,
        })
        await append(A, { outcome: 'aborted' })
        expect(await store.run(A)).toMatchObject({ outcome: 'aborted', entries: 4, head: stage.heads.get(A)?.hash })
      })
    })

    describe('driving', () => {
      const lease = afterDusk(30_000)

      it.each<[does: string, driver: string, at: number, epoch: number | undefined]>([
        ['renews its own lease without a new epoch', 'one', 10_000, 1],
        ['keeps its epoch when nobody came after its lease ran out', 'one', 90_000, 1],
        ['keeps others out while the lease runs', 'two', 29_999, undefined],
        ['lets another in when the lease has run out', 'two', 30_000, 2],
      ])('%s', async (_, driver, at, epoch) => {
        await create(A)
        expect(await store.drive(A, 'one', dusk, lease)).toEqual({ epoch: 1 })
        expect((await store.drive(A, driver, afterDusk(at), afterDusk(at + 30_000)))?.epoch).toBe(epoch)
        const leaseUntil = epoch === undefined ? lease : afterDusk(at + 30_000)
        expect(await store.run(A)).toMatchObject({ driver: epoch === undefined ? 'one' : driver, epoch: epoch ?? 1, leaseUntil })
      })

      it('gives the lease back, and the next driver has a new epoch', async () => {
        await create(A)
        await store.drive(A, 'one', dusk, lease)
        await store.rest(A, 'one', afterDusk(5_000))
        expect(await store.run(A)).toMatchObject({ driver: null, leaseUntil: null, wakeAt: afterDusk(5_000), epoch: 1 })
        expect(await store.drive(A, 'two', afterDusk(1), lease)).toEqual({ epoch: 2 })
        expect(await store.run(A)).toMatchObject({ wakeAt: null })
      })

      it('ignores a rest of one that was replaced', async () => {
        await create(A)
        await store.drive(A, 'one', dusk, lease)
        await store.drive(A, 'two', lease, afterDusk(60_000))
        await store.rest(A, 'one', null)
        expect(await store.run(A)).toMatchObject({ driver: 'two', leaseUntil: afterDusk(60_000) })
      })

      it('lets exactly one of many take a free run', async () => {
        await create(A)
        const taken = await Promise.all(Array.from({ length: 10 }, (_, i) => store.drive(A, `d${String(i)}`, dusk, lease)))
        expect(taken.filter((one) => one !== undefined)).toEqual([{ epoch: 1 }])
      })
    })

    describe('the inbox', () => {
      it('keeps notes in order until an append takes them, each run its own', async () => {
        await create(A)
        await create(B)
        await store.note(A, dusk, 'pause', '{"n":1}')
        await store.note(B, dusk, 'abort', '{}')
        await store.note(A, afterDusk(1), 'event', '{"n":2}')
        await store.note(A, afterDusk(1), 'event', '{"n":3}')
        const [first, second] = await store.notes(A, 2)
        expect([first, second]).toMatchObject([
          { run: A, kind: 'pause', data: '{"n":1}', at: dusk },
          { kind: 'event', data: '{"n":2}', at: afterDusk(1) },
        ])
        expect(await append(A, { taken: [first?.id ?? 0, second?.id ?? 0] })).toEqual({ ok: true })
        expect((await store.notes(A, 10)).map((note) => note.data)).toEqual(['{"n":3}'])
        expect(await store.notes(B, 10)).toHaveLength(1)
      })

      it('keeps the notes of an append that was refused', async () => {
        const [first] = await create(A)
        await append(A)
        await store.note(A, dusk, 'pause', '{}')
        const [note] = await store.notes(A, 1)
        await store.append({ run: A, head: first?.hash ?? null, entries: entriesOf(A, 1, known(first, 'first')), taken: [note?.id ?? 0] })
        expect(await store.notes(A, 1)).toEqual([note])
      })

      it('never gives a note the number of one that was taken', async () => {
        await create(A)
        await store.note(A, dusk, 'a', '')
        const [first] = await store.notes(A, 1)
        await append(A, { taken: [first?.id ?? 0] })
        await store.note(A, dusk, 'b', '')
        expect((await store.notes(A, 1))[0]?.id).toBeGreaterThan(first?.id ?? 0)
      })

      it('wakes a run that waits', async () => {
        await create(A)
        await store.drive(A, 'one', dusk, afterDusk(1000))
        await store.note(A, afterDusk(700), 'event', '')
        await store.note(A, afterDusk(800), 'event', '')
        await store.rest(A, 'one', null) // The notes came after its last look.
        expect(await store.run(A)).toMatchObject({ wakeAt: afterDusk(700) })
        expect(await store.runs()).toMatchObject([{ wakeAt: afterDusk(700) }])
        await store.drive(A, 'one', afterDusk(900), afterDusk(2000))
        await append(A, { taken: (await store.notes(A, 9)).map(({ id }) => id) })
        await store.rest(A, 'one', afterDusk(5000))
        expect(await store.run(A)).toMatchObject({ wakeAt: afterDusk(5000) })
      })
    })

    claimsContract(() => stage)
    turnsContract(() => stage)
    openingsContract(() => stage)
    wakingContract(() => stage)
    commandsContract(() => stage)

    it('keeps plans, blobs and cursors', async () => {
      await store.putPlan('d1', 'plan')
      await store.putPlan('d1', 'another')
      await store.putBlob('d1', 'b\0lob')
      expect([await store.plan('d1'), await store.plan('d2'), await store.blob('d1'), await store.blob('d2')]).toEqual([
        'plan',
        undefined,
        'b\0lob',
        undefined,
      ])
      expect(await store.cursor('relay')).toBe(0)
      await store.setCursor('relay', 7)
      await store.setCursor('relay', 9)
      expect(await store.cursor('relay')).toBe(9)
    })

    it('ends what was begun when it closes, and may be closed twice', async () => {
      const [first] = await create(A)
      const begun = store.append({ run: A, head: first?.hash ?? null, entries: entriesOf(A, 1, known(first, 'first')) })
      await store.close()
      expect(await begun).toEqual({ ok: true })
      await store.close()
      await expect(store.runs()).rejects.toThrow(Bug)
    })
  })
}
