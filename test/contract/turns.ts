import { beforeEach, describe, expect, it } from 'vitest'
import type { GroupLimit, Store } from '../../src/ports/store.ts'
import { TICKET_MS } from '../../src/ports/store.ts'
import { dusk, runId } from './entries.ts'
import { rush } from './rush.ts'
import { A, B, C, claim, limit, type Stage } from './stage.ts'

const D = runId(4)
const STALE = TICKET_MS / 1000

/** Who goes first when several runs want the same, in every store; part of `storeContract`, whose stage is new for each test. */
export function turnsContract(stageOf: () => Stage): void {
  describe('turns', () => {
    let store: Store
    const append = (...parts: Parameters<Stage['append']>) => stageOf().append(...parts)

    /** Asks so many seconds after dusk; resolves to the nodes that are refused. */
    async function ask(seconds: number, run: string, nodes: string[], groups: string[] = [], limits: GroupLimit[] = []): Promise<string[]> {
      const answer = await append(run, claim(nodes, groups, limits, seconds))
      return 'nodes' in answer ? [...answer.nodes] : []
    }
    const free = (run: string, ...nodes: string[]) => append(run, { release: nodes.map((node) => ({ node, out: false })) })
    const out = (run: string, ...nodes: string[]) => append(run, { release: nodes.map((node) => ({ node, out: true })) })

    beforeEach(async () => {
      store = stageOf().store
      for (const run of [A, B, C, D]) await stageOf().create(run)
    })

    it('go to the run that was refused first, node by node', async () => {
      await ask(0, A, ['i-1', 'i-2'])
      expect(await ask(1, B, ['i-1', 'i-3'])).toEqual(['i-1'])
      expect(await ask(2, C, ['i-1', 'i-3'])).toEqual(['i-1'])
      await free(A, 'i-1')
      expect(await ask(3, C, ['i-1', 'i-3'])).toEqual(['i-1'])
      expect(await ask(31, D, ['i-1'])).toEqual(['i-1'])
      expect(await ask(32, B, ['i-1'])).toEqual([])
      await free(B, 'i-1')
      expect(await ask(62, D, ['i-1'])).toEqual(['i-1'])
      expect(await ask(63, C, ['i-1'])).toEqual([])
    })

    it('go round in a full group: who had one stands at the end', async () => {
      const one = (seconds: number, run: string, node: string, ours = 1) => ask(seconds, run, [node], ['g'], [limit('g', 1, ours)])
      expect(await one(0, A, 'i-1')).toEqual([])
      expect(await one(1, B, 'i-2')).toEqual(['i-2'])
      expect(await one(2, C, 'i-3')).toEqual(['i-3'])
      await free(A, 'i-1')
      expect(await one(3, A, 'i-4')).toEqual(['i-4'])
      expect(await one(31, B, 'i-2')).toEqual([])
      await free(B, 'i-2')
      expect(await one(32, B, 'i-5')).toEqual(['i-5'])
      expect(await one(33, A, 'i-4')).toEqual(['i-4'])
      expect(await one(34, C, 'i-3')).toEqual([])
      await free(C, 'i-3')
      expect(await one(62, B, 'i-5')).toEqual(['i-5'])
      expect(await one(63, A, 'i-4')).toEqual([])
    })

    it('come to one that waits for a whole group while many want a place in it', async () => {
      // C bears nobody beside it; A and B, who bear each other, would take turns for ever.
      await ask(0, A, ['i-1'], ['g'], [limit('g', 2, 1)])
      expect(await ask(1, C, ['i-3'], ['g'], [limit('g', 1, 1)])).toEqual(['i-3'])
      expect(await ask(2, B, ['i-2'], ['g'], [limit('g', 2, 1)])).toEqual(['i-2'])
      await free(A, 'i-1')
      expect(await ask(3, A, ['i-4'], ['g'], [limit('g', 2, 1)])).toEqual(['i-4'])
      expect(await ask(31, C, ['i-3'], ['g'], [limit('g', 1, 1)])).toEqual([])
    })

    it('come to one that waits for another group of a set, and go back', async () => {
      const blue = (seconds: number, run: string, node: string, ours = 1) =>
        ask(seconds, run, [node], ['blue'], [limit('blue', 9, ours, 's')])
      const green = (seconds: number, run: string, node: string) => ask(seconds, run, [node], ['green'], [limit('green', 9, 1, 's')])
      expect(await blue(0, A, 'i-1')).toEqual([])
      expect(await green(1, B, 'i-2')).toEqual(['i-2'])
      expect(await blue(2, C, 'i-3')).toEqual(['i-3'])
      expect(await blue(3, A, 'i-4', 2)).toEqual(['i-4'])
      expect(await green(4, D, 'i-5')).toEqual(['i-5'])
      await free(A, 'i-1')
      expect(await blue(32, C, 'i-3')).toEqual(['i-3'])
      expect(await green(33, B, 'i-2')).toEqual([])
      // D came after C, and would prolong what C waits for.
      expect(await green(34, D, 'i-5')).toEqual(['i-5'])
      await free(B, 'i-2')
      expect(await green(35, B, 'i-6')).toEqual(['i-6'])
      expect(await blue(62, C, 'i-3')).toEqual([])
      expect(await blue(63, A, 'i-4')).toEqual([])
    })

    it('are side by side for runs that wait for the same group of a set', async () => {
      await ask(0, A, ['i-1'], ['blue'], [limit('blue', 9, 1, 's')])
      for (const run of [B, C]) await ask(1, run, [`i-${run}`], ['green'], [limit('green', 9, 1, 's')])
      await free(A, 'i-1')
      expect(await ask(2, C, [`i-${C}`], ['green'], [limit('green', 9, 1, 's')])).toEqual([])
      expect(await ask(3, B, [`i-${B}`], ['green'], [limit('green', 9, 1, 's')])).toEqual([])
    })

    it.each<[case_: string, askedAgain: number[], then: number, goes: boolean]>([
      ['are lost by one that does not ask again', [], 1 + STALE, true],
      ['are kept until then', [], STALE, false],
      ['are kept by one that asks again', [31, 61, 91], 120, false],
      ['are lost when it stops asking', [31, 61], 61 + STALE, true],
    ])('%s', async (_, askedAgain, then, goes) => {
      await ask(0, A, ['i-1'])
      for (const seconds of [1, ...askedAgain]) expect(await ask(seconds, B, ['i-1'])).toEqual(['i-1'])
      await free(A, 'i-1')
      expect(await ask(then, C, ['i-1'])).toEqual(goes ? [] : ['i-1'])
    })

    it('begin anew after a pause that was too long', async () => {
      await ask(0, A, ['i-1'])
      await ask(1, B, ['i-1'])
      await ask(50, C, ['i-1'])
      await ask(110, C, ['i-1'])
      await ask(115, B, ['i-1'])
      await free(A, 'i-1')
      expect(await ask(120, B, ['i-1'])).toEqual(['i-1'])
      expect(await ask(121, C, ['i-1'])).toEqual([])
    })

    it('are not kept for a run that has ended', async () => {
      await ask(0, A, ['i-1'])
      await ask(1, B, ['i-1'])
      await append(B, { outcome: 'stopped' })
      await free(A, 'i-1')
      expect(await ask(2, C, ['i-1'])).toEqual([])
    })

    it('are not taken by a run that has ended', async () => {
      await append(B, { outcome: 'stopped' })
      await ask(0, A, ['i-1'])
      expect(await ask(1, B, ['i-1'])).toEqual(['i-1'])
      await free(A, 'i-1')
      expect(await ask(2, C, ['i-1'])).toEqual([])
    })

    it('are of no concern to nodes that nobody waits for', async () => {
      await ask(0, A, ['i-1'], ['g'], [limit('g', 1, 1)])
      expect(await ask(1, B, ['i-2'], ['g'], [limit('g', 1, 1)])).toEqual(['i-2'])
      expect(await ask(2, C, ['i-3', 'i-4'], ['h'], [limit('h', 2, 2)])).toEqual([])
      expect(await ask(3, D, ['i-5'])).toEqual([])
    })

    it('never stand in a circle', async () => {
      const both = (seconds: number, run: string, node: string) =>
        ask(seconds, run, [node], ['x', 'y'], [limit('x', 1, 1), limit('y', 1, 1)])
      await ask(0, C, ['i-1'], ['x'], [limit('x', 1, 1)])
      await ask(0, D, ['i-2'], ['y'], [limit('y', 1, 1)])
      expect(await ask(1, A, ['i-3'], ['x'], [limit('x', 1, 1)])).toEqual(['i-3'])
      expect(await ask(2, B, ['i-4'], ['y'], [limit('y', 1, 1)])).toEqual(['i-4'])
      await free(C, 'i-1')
      await free(D, 'i-2')
      // A is first for x, B for y, and each now wants both.
      expect(await both(31, B, 'i-5')).toEqual(['i-5'])
      expect(await both(32, A, 'i-6')).toEqual([])
      await free(A, 'i-6')
      expect(await both(61, B, 'i-5')).toEqual([])
    })

    it('are kept in one group while a node waits for the other', async () => {
      const both = (seconds: number, run: string, node: string) =>
        ask(seconds, run, [node], ['x', 'y'], [limit('x', 1, 1), limit('y', 1, 1)])
      await ask(0, A, ['i-1'], ['x'], [limit('x', 1, 1)])
      await ask(0, B, ['i-2'], ['y'], [limit('y', 1, 1)])
      expect(await both(1, C, 'i-3')).toEqual(['i-3'])
      await free(A, 'i-1')
      for (const seconds of [31, 61, 91, 121, 151]) {
        expect(await both(seconds, C, 'i-3')).toEqual(['i-3'])
        expect(await ask(seconds + 1, D, ['i-4'], ['x'], [limit('x', 1, 1)])).toEqual(['i-4'])
      }
      await free(B, 'i-2')
      expect(await both(181, C, 'i-3')).toEqual([])
    })

    it('are not asked for what a run holds already', async () => {
      await ask(0, A, ['i-1'], ['g'], [limit('g', 1, 1)])
      expect(await ask(1, B, ['i-1'], ['g'], [limit('g', 1, 1)])).toEqual(['i-1'])
      expect(await ask(2, C, ['i-2'], ['g'], [limit('g', 1, 1)])).toEqual(['i-2'])
      expect(await ask(3, A, ['i-1'], ['g'], [limit('g', 1, 1)])).toEqual([])
    })

    it('are not held for one that waits for what failed, which may take days', async () => {
      await ask(0, A, ['i-1'], ['x'], [limit('x', 1, 1)])
      await out(A, 'i-1')
      await ask(0, D, ['i-2'], ['y'], [limit('y', 1, 1)])
      const both = [limit('x', 1, 1), limit('y', 1, 1)]
      expect(await ask(1, B, ['i-3'], ['x', 'y'], both)).toEqual(['i-3'])
      await free(D, 'i-2')
      // B waits for x alone; neither y, nor x for one that bears more there, is kept for it.
      expect(await ask(2, C, ['i-4'], ['y'], [limit('y', 1, 1)])).toEqual([])
      expect(await ask(3, D, ['i-5'], ['x'], [limit('x', 2, 1)])).toEqual([])
      await free(C, 'i-4')
      await free(D, 'i-5')
      await append(A, { outcome: 'failed' })
      // Now it could go, so it comes before those that came later.
      expect(await ask(4, D, ['i-5'], ['x'], [limit('x', 2, 1)])).toEqual(['i-5'])
      expect(await ask(31, B, ['i-3'], ['x', 'y'], both)).toEqual([])
    })

    it('are not held for one that waits for the turn of a set beside what failed', async () => {
      const blue = (seconds: number, run: string, node: string) => ask(seconds, run, [node], ['blue'], [limit('blue', 9, 1, 's')])
      const green = (seconds: number, run: string, node: string) => ask(seconds, run, [node], ['green'], [limit('green', 9, 1, 's')])
      await blue(0, A, 'i-1')
      await out(A, 'i-1')
      expect(await green(1, B, 'i-2')).toEqual(['i-2'])
      expect(await blue(2, C, 'i-3')).toEqual([])
      await append(A, { outcome: 'failed' })
      expect(await blue(3, D, 'i-4')).toEqual(['i-4'])
    })

    it('are not held in another group for one that waits for such a turn', async () => {
      const green = [limit('green', 9, 1, 's'), limit('g', 1, 1)]
      await ask(0, A, ['i-1'], ['blue'], [limit('blue', 9, 1, 's')])
      await out(A, 'i-1')
      await ask(0, D, ['i-2'], ['g'], [limit('g', 1, 1)])
      expect(await ask(1, B, ['i-3'], ['green', 'g'], green)).toEqual(['i-3'])
      await free(D, 'i-2')
      expect(await ask(2, C, ['i-4'], ['g'], [limit('g', 1, 1)])).toEqual([])
    })

    it('are not held in a group for a node that another hand is on', async () => {
      await ask(0, A, ['i-1'])
      await ask(0, D, ['i-2'], ['g'], [limit('g', 1, 1)])
      expect(await ask(1, B, ['i-1'], ['g'], [limit('g', 1, 1)])).toEqual(['i-1'])
      await free(D, 'i-2')
      expect(await ask(2, C, ['i-3'], ['g'], [limit('g', 1, 1)])).toEqual([])
    })

    it('count a hand whose time is up as one that failed', async () => {
      const wide = (seconds: number, run: string, node: string) => ask(seconds, run, [node], ['g'], [limit('g', 2, 1)])
      await wide(0, A, 'i-1')
      expect(await ask(1, B, ['i-2'], ['g'], [limit('g', 1, 1)])).toEqual(['i-2'])
      expect(await wide(2, C, 'i-3')).toEqual(['i-3'])
      expect(await ask(3_590, B, ['i-2'], ['g'], [limit('g', 1, 1)])).toEqual(['i-2'])
      expect(await wide(3_599, C, 'i-3')).toEqual(['i-3'])
      expect(await wide(3_601, C, 'i-3')).toEqual([])
    })

    it('are kept for a claim that was refused beside others that were granted in the same turn', async () => {
      const results = await Promise.all([
        append(A, claim(['i-1'])),
        append(B, claim(['i-1', 'i-2'])),
        append(C, claim(['i-3'])),
        store.append({ run: D, head: 'f'.repeat(64), entries: [], ...claim(['i-1']) }),
      ])
      expect(results).toEqual([{ ok: true }, { ok: false, why: 'busy', nodes: ['i-1'] }, { ok: true }, { ok: false, why: 'replaced' }])
      expect((await store.run(B))?.entries).toBe(1)
      expect(await stageOf().held()).toEqual(['i-1:A:hand', 'i-3:C:hand'])
      await free(A, 'i-1')
      expect(await ask(1, D, ['i-1'])).toEqual(['i-1']) // It was replaced, and so had asked for nothing.
      expect(await ask(2, C, ['i-2'])).toEqual([]) // B was not refused this one.
      expect(await ask(3, B, ['i-1'])).toEqual([])
    })

    it('take nothing of the append that was refused', async () => {
      await ask(0, A, ['i-1'])
      await ask(0, B, ['i-2'])
      await store.note(B, dusk, 'pause', '')
      const taken = (await store.notes(B, 9)).map(({ id }) => id)
      const refused = { ...claim(['i-1']), release: [{ node: 'i-2', out: false }], taken, outcome: 'failed' }
      expect(await append(B, refused)).toMatchObject({ why: 'busy' })
      expect(await stageOf().held()).toEqual(['i-1:A:hand', 'i-2:B:hand'])
      expect(await store.notes(B, 9)).toHaveLength(1)
      expect(await store.run(B)).toMatchObject({ outcome: null })
    })

    it.each([0, 1, 2, 3])('let everybody through in the end, seed %i', async (seed) => {
      const { waits, bound, breaches } = await rush(store, seed)
      expect(breaches).toEqual([])
      expect(Math.max(0, ...waits), 'the longest wait').toBeLessThan(bound)
    })
  })
}
