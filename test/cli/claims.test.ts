import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { seal } from '../../src/core/audit/seal.ts'
import { instant } from '../../src/kit/instant.ts'
import type { Claim, Store } from '../../src/ports/store.ts'
import { cli, storeOf } from './stand-in.ts'

const FIRST = '0199b6f2-7c1e-7aaa-8bbb-000000000001'
const OTHER = '0299b6f2-7c1e-7aaa-8bbb-000000000002'
const at = instant(0)

const claim = (run: string, hand: boolean): Claim => ({ node: 'i-1', run, groups: ['tag:Cluster=a'], hand, since: at, notBefore: at })

async function storeWith(...claims: readonly Claim[]): Promise<Store> {
  const store = openMemoryStore()
  for (const run of [FIRST, OTHER]) {
    const entry = seal(null, { run, at, actor: { kind: 'cli', id: 'x' }, type: 'RunRequested', data: {} })
    await store.create({ run, runbook: 'monthly', act: 'rollout', requestedAt: at }, [entry])
  }
  await store.restoreClaims(claims)
  return store
}

const release = (store: Store, ...more: readonly string[]) =>
  cli(['claims', 'release', 'i-1', '--reason', 'terminated by hand', ...more], storeOf(store))

describe('claims release', () => {
  it('asked again after a lost answer takes no claim that only counts', async () => {
    const store = await storeWith(claim(FIRST, false), claim(OTHER, true))
    expect((await release(store)).out).toEqual([
      `i-1 is free; run ${OTHER} had it since 1970-01-01T00:00:00Z; it counts as out of service for run ${FIRST}`,
    ])
    expect(await release(store)).toMatchObject({ code: 2, err: [expect.stringContaining('usage.invalid')] as unknown })
    expect(await store.claims()).toEqual([claim(FIRST, false)])
  })

  it('takes the claim of the run that is named, and no other’s', async () => {
    const store = await storeWith(claim(FIRST, false), claim(OTHER, true))
    expect((await release(store, '--run', FIRST)).out).toEqual([
      `i-1 does not count for run ${FIRST} any more; run ${OTHER} has its hand on it`,
    ])
    expect((await release(store, '--run', FIRST)).out).toEqual([`i-1 was not claimed by run ${FIRST}; run ${OTHER} has its hand on it`])
    expect(await store.claims()).toEqual([claim(OTHER, true)])
  })
})

describe('claims --run', () => {
  it('finds a run by its beginning, and refuses one that is not there', async () => {
    const store = await storeWith(claim(FIRST, true))
    expect((await cli(['claims', '--run', '0199', '--json'], storeOf(store))).out.join('')).toContain(FIRST)
    expect((await cli(['claims', '--run', '0299'], storeOf(store))).out).toEqual([`run ${OTHER} claims no node`])
    expect(await cli(['claims', '--run', 'abcdef'], storeOf(store))).toMatchObject({ code: 2 })
  })
})
