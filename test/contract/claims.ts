import { beforeEach, describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import type { GroupLimit, Store } from '../../src/ports/store.ts'
import { afterDusk, dusk } from './entries.ts'
import { A, B, C, claim, limit, type Stage } from './stage.ts'

/** What claims must do in every store; part of `storeContract`, whose stage is new for each test. */
export function claimsContract(stageOf: () => Stage): void {
  describe('claims', () => {
    let store: Store
    const append = (...parts: Parameters<Stage['append']>) => stageOf().append(...parts)
    const held = () => stageOf().held()

    beforeEach(async () => {
      store = stageOf().store
      for (const run of [A, B, C]) await stageOf().create(run)
    })

    it('lets one hand on a node', async () => {
      expect(await append(A, claim(['i-1', 'i-2']))).toEqual({ ok: true })
      expect(await append(B, claim(['i-2', 'i-3']))).toEqual({ ok: false, why: 'busy', nodes: ['i-2'] })
      expect(await held()).toEqual(['i-1:A:hand', 'i-2:A:hand'])
      expect((await store.run(B))?.entries).toBe(1)
      expect(await append(B, claim(['i-3']))).toEqual({ ok: true })
    })

    it('shows who, since when, and in which groups', async () => {
      await append(A, claim(['i-1'], ['z=2', 'z=1'], [limit('z=1', 5, 1), limit('z=2', 5, 1)]))
      const mine = { node: 'i-1', run: A, groups: ['z=1', 'z=2'], hand: true, since: afterDusk(2000), notBefore: afterDusk(3_600_000) }
      expect(await store.claims()).toEqual([mine])
      expect(await store.claims({ run: A, node: 'i-1' })).toEqual([mine])
      expect(await store.claims({ run: B })).toEqual([])
      expect(await store.claims({ node: 'i-2' })).toEqual([])
    })

    it('renews a claim of its own', async () => {
      await append(A, claim(['i-1'], ['g'], [limit('g', 1, 1)]))
      await append(A, { release: [{ node: 'i-1', out: true }] })
      const renewed = { claim: { nodes: [{ node: 'i-1', groups: ['h'] }], limits: [limit('h', 1, 1)], notBefore: afterDusk(9), at: dusk } }
      expect(await append(A, renewed)).toEqual({ ok: true })
      expect(await store.claims()).toMatchObject([{ groups: ['h'], hand: true, since: afterDusk(4000), notBefore: afterDusk(9) }])
      expect(await append(B, claim(['i-9'], ['g'], [limit('g', 1, 1)]))).toEqual({ ok: true })
    })

    it('takes turns within a set also beside a run that takes none, where the set was said first', async () => {
      expect(await append(B, { ...claim(['i-2'], ['b'], [limit('b', 9, 1)]) })).toEqual({ ok: true })
      expect(await append(A, { sets: [{ key: 'a', set: 's' }, { key: 'b', set: 's' }] })).toEqual({ ok: true }) // prettier-ignore
      expect(await append(A, claim(['i-1'], ['a'], [limit('a', 9, 1, 's')]))).toEqual({ ok: false, why: 'busy', nodes: ['i-1'] })
      expect(await append(B, { release: [{ node: 'i-2', out: false }] })).toEqual({ ok: true })
      expect(await append(A, claim(['i-1'], ['a'], [limit('a', 9, 1, 's')]))).toEqual({ ok: true })
    })

    it('frees a node, or leaves it counted in its groups', async () => {
      await append(A, claim(['i-1', 'i-2'], ['g'], [limit('g', 2, 2)]))
      await append(A, {
        release: [
          { node: 'i-1', out: false },
          { node: 'i-2', out: true },
          { node: 'i-9', out: true },
        ],
      })
      expect(await held()).toEqual(['i-2:A:out'])
      expect(await append(B, claim(['i-3'], ['g'], [limit('g', 1, 1)]))).toEqual({ ok: false, why: 'busy', nodes: ['i-3'] })
      expect(await append(B, claim(['i-3'], ['g'], [limit('g', 2, 1)]))).toEqual({ ok: true })
    })

    it('releases only what is its own', async () => {
      await append(A, claim(['i-1']))
      await append(B, { release: [{ node: 'i-1', out: false }] })
      expect(await held()).toEqual(['i-1:A:hand'])
    })

    it.each<[case_: string, groups: string[], limits: GroupLimit[], busy: string[]]>([
      ['a group with room', ['g'], [limit('g', 3, 1)], []],
      ['a group that others and ours fill to the brim', ['g'], [limit('g', 4, 2)], []],
      ['a group with room for one of two', ['g'], [limit('g', 3, 2)], ['i-8']],
      ['a group with room for one of two beside one that is ours already', ['g'], [limit('g', 4, 3)], ['i-8']],
      ['a full group', ['g'], [limit('g', 2, 2)], ['i-7', 'i-8']],
      ['a group that is more than full', ['g'], [limit('g', 1, 2)], ['i-7', 'i-8']],
      ['another group of the same size', ['h'], [limit('h', 2, 2)], []],
      ['ours alone is too many', ['h'], [limit('h', 1, 2)], ['i-8']],
      ['one of two groups is full', ['h', 'g'], [limit('h', 9, 2), limit('g', 2, 2)], ['i-7', 'i-8']],
      ['one of two groups has less room', ['h', 'g'], [limit('h', 9, 2), limit('g', 3, 2)], ['i-8']],
    ])('counts other runs’ nodes, held or out: %s', async (_, groups, limits, busy) => {
      await append(A, claim(['i-1'], ['g'], [limit('g', 9, 1)]))
      await append(B, claim(['i-2'], ['g'], [limit('g', 9, 1)]))
      await append(B, { release: [{ node: 'i-2', out: true }] })
      expect(await append(C, claim(['i-7', 'i-8'], groups, limits))).toEqual(
        busy.length > 0 ? { ok: false, why: 'busy', nodes: busy } : { ok: true },
      )
    })

    it('does not count a node twice that another run left out of service', async () => {
      await append(A, claim(['i-1'], ['g'], [limit('g', 1, 1)]))
      await append(A, { release: [{ node: 'i-1', out: true }] })
      expect(await append(B, claim(['i-1'], ['g'], [limit('g', 1, 1)]))).toEqual({ ok: true })
      expect(await append(C, claim(['i-2'], ['g'], [limit('g', 2, 1)]))).toEqual({ ok: true })
      expect(await held()).toEqual(['i-1:A:out', 'i-1:B:hand', 'i-2:C:hand'])
    })

    it('takes turns within a set', async () => {
      const blue = [limit('c=blue', 9, 1, 'c')]
      const green = [limit('c=green', 9, 1, 'c')]
      await append(A, claim(['i-1'], ['c=blue'], blue))
      expect(await append(B, claim(['i-2'], ['c=green'], green))).toEqual({ ok: false, why: 'busy', nodes: ['i-2'] })
      expect(await append(B, claim(['i-2'], ['c=blue'], blue))).toEqual({ ok: true })
      expect(await append(A, claim(['i-3'], ['c=blue'], blue))).toEqual({ ok: true })
      expect(await append(C, claim(['i-4'], ['d=1'], [limit('d=1', 9, 1, 'd')]))).toEqual({ ok: true })
      await append(A, {
        release: [
          { node: 'i-1', out: false },
          { node: 'i-3', out: true },
        ],
      })
      await append(B, { release: [{ node: 'i-2', out: false }] })
      expect(await append(C, claim(['i-5'], ['c=green'], green))).toEqual({ ok: false, why: 'busy', nodes: ['i-5'] })
      await append(A, { release: [{ node: 'i-3', out: false }] })
      expect(await append(C, claim(['i-5'], ['c=green'], green))).toEqual({ ok: true })
    })

    it('does not take turns with itself', async () => {
      await append(A, claim(['i-1'], ['c=blue'], [limit('c=blue', 9, 1, 'c')]))
      expect(await append(A, claim(['i-2'], ['c=green'], [limit('c=green', 9, 1, 'c')]))).toEqual({ ok: true })
    })

    it('sees the claims of the append before it in the same turn', async () => {
      const results = await Promise.all([append(A, claim(['i-1'])), append(B, claim(['i-1'])), append(C, claim(['i-2']))])
      expect(results).toEqual([{ ok: true }, { ok: false, why: 'busy', nodes: ['i-1'] }, { ok: true }])
    })

    it('ends what a finished run left out, keeps its hands, and lets nothing out again', async () => {
      await append(A, claim(['i-1', 'i-2', 'i-3']))
      await append(A, { release: [{ node: 'i-1', out: true }], outcome: 'failed' })
      expect(await held()).toEqual(['i-2:A:hand', 'i-3:A:hand'])
      await append(A, { release: [{ node: 'i-2', out: true }] })
      expect(await held()).toEqual(['i-3:A:hand'])
      expect(await append(B, claim(['i-3']))).toMatchObject({ why: 'busy' })
    })

    it('lets a person remove the claim of one run, once, and no other', async () => {
      await append(A, claim(['i-1']))
      await append(A, { release: [{ node: 'i-1', out: true }] })
      await append(B, claim(['i-1']))
      expect(await store.releaseClaim('i-1', B)).toMatchObject({ run: B, hand: true })
      expect(await store.releaseClaim('i-1', B)).toBeUndefined()
      expect(await held()).toEqual(['i-1:A:out'])
      expect(await store.releaseClaim('i-1', A)).toMatchObject({ run: A, hand: false })
      expect(await held()).toEqual([])
    })

    it('puts no hand back where a person took it off and another run has the node by now', async () => {
      await append(A, claim(['i-1', 'i-2'], ['g'], [limit('g', 9, 0)]))
      const lost = await store.claims()
      for (const { node, run } of lost) await store.releaseClaim(node, run)
      await append(B, claim(['i-1']))
      await store.restoreClaims(lost)
      expect(await held()).toEqual(['i-1:A:out', 'i-1:B:hand', 'i-2:A:hand'])
      expect(await append(B, claim(['i-1']))).toEqual({ ok: true })
    })

    it('puts nothing back for a driver that stood still until its successor had let go', async () => {
      await append(A, claim(['i-1'], ['g'], [limit('g', 9, 1)]))
      const proven = await store.claims()
      const proof = { run: A, head: (await store.run(A))?.head ?? null }
      await append(A, { release: [{ node: 'i-1', out: false }] })
      await store.restoreClaims(proven, proof)
      expect(await held()).toEqual([])
      await store.restoreClaims(proven, { run: A, head: (await store.run(A))?.head ?? null })
      expect(await held()).toEqual(['i-1:A:hand'])
    })

    it('puts lost claims back and leaves those that are there', async () => {
      await append(A, claim(['i-1'], ['g'], [limit('g', 9, 1)]))
      const [mine] = await store.claims()
      const lost = { node: 'i-2', run: B, groups: ['g'], hand: true, since: dusk, notBefore: afterDusk(7) }
      await store.restoreClaims([{ ...known(mine, 'a claim'), hand: false, groups: [] }, lost])
      expect(await store.claims()).toEqual([lost, mine])
      expect(await append(C, claim(['i-3'], ['g'], [limit('g', 2, 1)]))).toMatchObject({ why: 'busy' })
    })
  })
}
