import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { sealAll } from '../../src/core/audit/seal.ts'
import { toData } from '../../src/core/run/codec.ts'
import type { Fact } from '../../src/core/run/event.ts'
import { evolve } from '../../src/core/run/evolve.ts'
import { initial } from '../../src/core/run/state.ts'
import { Journal } from '../../src/engine/journal.ts'
import { known } from '../../src/kit/assert.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Store } from '../../src/ports/store.ts'
import { Telling } from '../core/run/telling.ts'

/** Four nodes of a cluster of four; the wave lets one of them be out, the runbook as a whole any number. */
const told = (first: number): Telling => {
  const skips = [0, 1, 2, 3].map((node) => ({ groups: [0], ...(node !== first && { skip: 'offline' }) }))
  const one = new Telling({ waves: [{ nodes: skips, tighter: [{ group: 0, atMost: 1 }] }], groups: [{ atMost: 4 }] })
  one.open()
  one.read()
  return one
}

/** Writes a run that was told into a store; the nodes that another run's claims refuse to its intent. */
async function written(store: Store, { plan, facts }: Telling, run: string): Promise<readonly string[]> {
  const requested = known(facts[0], 'the request')
  const state = initial(run, plan)
  const clock: Clock = { now: () => state.at, sleep: () => Promise.resolve(), hold: (work) => work() }
  const begun = sealAll(null, [{ run, at: requested.at, actor: requested.actor, ...toData(requested.event) }])
  await store.create({ run, runbook: run, act: 'rollout', requestedAt: requested.at }, begun)
  evolve(state, requested)
  const journal = new Journal({ state, store, clock, last: begun.at(-1) ?? null, listen: () => undefined })
  const busy: string[] = []
  for (const fact of facts.slice(1) as readonly Fact[]) busy.push(...(await journal.record([fact.event], fact.actor)))
  return busy
}

/** A node in each of two zones; `first` is patched, in a run that takes turns with them or does not. */
const zoned = (first: number, set: string | null): Telling => {
  const nodes = [0, 1].map((node) => ({ groups: [node], ...(node !== first && { skip: 'offline' }) }))
  const one = new Telling({ waves: [{ nodes }], groups: [{ atMost: 2, set }, { atMost: 2, set }] }) // prettier-ignore
  one.open()
  one.read()
  return one
}

describe('turns of a set', () => {
  // prettier-ignore
  it.each<[string, first: string | null, second: string | null, busy: number]>([
    ['are kept beside a run that takes none', null,    'zones', 1],
    ['are kept by both',                      'zones', 'zones', 1],
    ['are no business of one without them',   'zones', null,    0],
  ])('%s', async (_, first, second, busy) => {
    const store = openMemoryStore()
    expect(await written(store, zoned(0, first), '01900000-0000-7000-8000-00000000000a')).toEqual([])
    expect(await written(store, zoned(1, second), '01900000-0000-7000-8000-00000000000b')).toHaveLength(busy)
  })
})

describe('the tighter limit of a wave', () => {
  it('is held against what other runs have out, as the runbook’s own are', async () => {
    const store = openMemoryStore()
    expect(await written(store, told(0), '01900000-0000-7000-8000-00000000000a')).toEqual([])
    expect(await written(store, told(1), '01900000-0000-7000-8000-00000000000b')).toEqual(['i-00000000000000001'])
    const claims = await store.claims()
    expect(claims.map(({ node }) => node)).toEqual(['i-00000000000000000'])
  })
})
