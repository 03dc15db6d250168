import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import type { App, Session } from '../../src/cli/app.ts'
import { verifyExport } from '../../src/core/audit/export.ts'
import { seal } from '../../src/core/audit/seal.ts'
import type { World } from '../../src/engine/world.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
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

/** Of a session it needs no more than the store, a clock and who acts. */
const sessionOf = (store: Store): Pick<App, 'openSession'> => ({
  openSession: () => {
    const clock = { now: () => at, hold: <T>(work: () => Promise<T>) => work() }
    const actor: Session['actor'] = () => Promise.resolve({ kind: 'cli', id: 'arn:aws:sts::1:assumed-role/ops/ana' })
    return Promise.resolve({ world: { store, clock } as unknown as World, actor, close: () => Promise.resolve() })
  },
})

const release = (store: Store, ...more: readonly string[]) =>
  cli(['claims', 'release', 'i-1', '--reason', 'terminated by hand', ...more], sessionOf(store))

const said = async (store: Store, line: string) =>
  (await cli([...line.split(' '), '--json'], storeOf(store))).out.map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>)

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

describe('a claim that was released by hand', () => {
  it('is on record with who did it, why, and what it was; once, however often it is asked for', async () => {
    const store = await storeWith(claim(OTHER, true))
    await release(store)
    await release(store)
    const person = { kind: 'cli', id: 'arn:aws:sts::1:assumed-role/ops/ana' }
    const data = { node: 'i-1', run: OTHER, hand: true, groups: ['tag:Cluster=a'], since: '1970-01-01T00:00:00.000Z' }
    expect(await said(store, 'audit list --what claim.* --node i-1')).toMatchObject([
      { type: 'claim.release.asked', actor: person, data: { ...data, reason: 'terminated by hand' } },
      { type: 'claim.released', actor: person, data },
    ])
    expect(await said(store, 'audit verify')).toMatchObject([{ ok: true, entries: 4 }])
    const exported = await cli(['audit', 'export', 'by-hand'], storeOf(store))
    expect(verifyExport(exported.out)).toMatchObject([{ run: 'by-hand', entries: 2, breaks: [] }])
  })

  it('stays when it cannot be put on record', async () => {
    const store = await storeWith(claim(OTHER, true))
    const full = (): Promise<never> => Promise.reject(new PatchwaveError('store.full', 'no space', { hint: 'make some' }))
    expect(await release(Object.assign(store, { create: full }))).toMatchObject({ code: 3 })
    expect(await store.claims()).toEqual([claim(OTHER, true)])
  })

  it('leaves a journal that no run is found by', async () => {
    const store = await storeWith(claim(OTHER, true))
    await release(store)
    expect(await cli(['status', 'by-hand'], storeOf(store))).toMatchObject({
      code: 2,
      err: [expect.stringContaining('run.unknown')] as unknown,
    })
    expect(await cli(['pause', 'by-hand', '--reason', 'x'], sessionOf(store))).toMatchObject({ code: 2 })
    expect(await store.notes('by-hand', 9)).toEqual([])
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
