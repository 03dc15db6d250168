import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import type { Digest } from '../../src/kit/digest.ts'
import { instant, plus, type Instant, type Ms } from '../../src/kit/instant.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Sealed, Store } from '../../src/ports/store.ts'

/** How long a database that failed over, or is restored, takes nobody's lease: longer than SSM's list of commands lags behind itself. */
const CLOSED_MS: Ms = 3 * 60_000

/** Entries that a run has from the moment it exists. */
const FIRST = 2

/** A store in memory that can lose what it had acknowledged. */
export type LosingStore = Readonly<{
  store: Store
  /** Every run is again as it was `lostMs` ago, requests excepted; claims, leases and notes are gone. Resolves to how many entries were lost. */
  lose: (lostMs: Ms) => Promise<number>
  /** It is as empty as yesterday: not even the requests are left. */
  empty: () => void
}>

/** Opens an empty one. */
export function openLosingStore(clock: Pick<Clock, 'now'>): LosingStore {
  const kept = new Kept()
  const at: { inner: Store; opensAt: Instant } = { inner: openMemoryStore(), opensAt: instant(0) }
  const own: Pick<Store, 'create' | 'drive' | 'putPlan' | 'putBlob'> = {
    create: (...args) => kept.creating(args, at.inner.create(...args)),
    drive: (...args) => (clock.now() < at.opensAt ? Promise.resolve(undefined) : at.inner.drive(...args)),
    putPlan: (digest, text) => kept.putting(kept.plans, digest, text, at.inner.putPlan(digest, text)),
    putBlob: (digest, text) => kept.putting(kept.blobs, digest, text, at.inner.putBlob(digest, text)),
  }
  // Whoever holds the store goes on with the one that is in its place now.
  const current = new Proxy(at.inner, {
    get: (_, key) => {
      const value: unknown = Reflect.get(Object.hasOwn(own, key) ? own : at.inner, key)
      return typeof value === 'function' ? (value.bind(at.inner) as unknown) : value
    },
  })
  const lose = async (lostMs: Ms): Promise<number> => {
    const restored = await kept.restored(at.inner, plus(clock.now(), -lostMs))
    at.inner = restored.store
    at.opensAt = plus(clock.now(), CLOSED_MS)
    return restored.lost
  }
  const empty = (): void => {
    kept.forget()
    at.inner = openMemoryStore()
    at.opensAt = instant(0)
  }
  return { store: current, lose, empty }
}

/** What is needed to make the same runs once more. */
class Kept {
  readonly plans = new Map<Digest, string>()
  readonly blobs = new Map<Digest, string>()
  #created: Parameters<Store['create']>[] = []

  forget(): void {
    this.#created = []
  }

  creating(args: Parameters<Store['create']>, done: ReturnType<Store['create']>): ReturnType<Store['create']> {
    this.#created.push(args)
    return done
  }

  putting(into: Map<Digest, string>, digest: Digest, text: string, done: Promise<void>): Promise<void> {
    into.set(digest, text)
    return done
  }

  async restored(from: Store, until: Instant): Promise<Readonly<{ store: Store; lost: number }>> {
    const store = openMemoryStore()
    for (const [digest, text] of this.plans) await store.putPlan(digest, text)
    for (const [digest, text] of this.blobs) await store.putBlob(digest, text)
    let lost = 0
    for (const args of this.#created) {
      const [{ run }, first] = args
      if ((await store.create(...args)) !== run) continue
      const all: Sealed[] = []
      for await (const entry of from.read(run)) all.push(entry)
      const rest = all.slice(FIRST).filter((entry) => entry.at <= until)
      lost += all.length - FIRST - rest.length
      const ended = rest.some(({ type }) => type === 'RunFinished') ? (await from.run(run))?.outcome : null
      await store.append({ run, head: first.at(-1)?.hash ?? null, entries: rest, ...(ended && { outcome: ended }) })
    }
    return { store, lost }
  }
}
