import { describe, expect, it } from 'vitest'
import { eachBounded, mapBounded } from '../../src/kit/bounded.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

/** Counts what is in flight; each item takes as many turns as it says. */
function meter() {
  const seen = { now: 0, most: 0, started: [] as number[] }
  const work = async (item: number): Promise<number> => {
    seen.started.push(item)
    seen.most = Math.max(seen.most, ++seen.now)
    await turns(item)
    seen.now--
    return item
  }
  return { seen, work }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('bounded work', () => {
  it.each([1, 2, 5, 100])('does all of it, at most %i at once', async (limit) => {
    const { seen, work } = meter()
    const items = [5, 1, 4, 1, 3, 1, 2]
    const done = await collect(mapBounded(items, limit, work))
    expect([...done].sort()).toEqual([...items].sort())
    expect(seen.most).toBe(Math.min(limit, items.length))
    expect(seen.started).toEqual(items)
  })

  it('yields what is ready first', async () => {
    expect(await collect(mapBounded([9, 1, 3], 3, meter().work))).toEqual([1, 3, 9])
  })

  it('reads the next item only when there is room', async () => {
    let read = 0
    function* source(): Generator<number> {
      for (;;) yield (read++, 1)
    }
    const results = mapBounded(source(), 3, meter().work)
    for (let i = 0; i < 4; i++) await results.next()
    expect(read).toBeLessThanOrEqual(7)
    await results.return()
  })

  it('awaits what is in flight when the caller stops early', async () => {
    const { seen, work } = meter()
    for await (const first of mapBounded([1, 20, 20, 20], 3, work)) {
      expect(first).toBe(1)
      break
    }
    expect(seen.now).toBe(0)
    expect(seen.started).toEqual([1, 20, 20])
  })

  it('throws the first failure after what is in flight has ended', async () => {
    const { seen, work } = meter()
    const fragile = async (item: number): Promise<number> => {
      if (item === 2) throw new Error('two')
      return work(item)
    }
    await expect(collect(mapBounded([30, 2, 30, 1], 3, fragile))).rejects.toThrow('two')
    expect(seen.now).toBe(0)
    expect(seen.started).toEqual([30, 30])
  })

  it('takes work that throws at once, and a source that fails', async () => {
    const thrown = mapBounded([1], 1, () => {
      throw new Error('at once')
    })
    await expect(collect(thrown)).rejects.toThrow('at once')
    const { seen, work } = meter()
    async function* source(): AsyncGenerator<number> {
      yield 10
      await turn()
      throw new Error('source')
    }
    await expect(collect(mapBounded(source(), 2, work))).rejects.toThrow('source')
    expect(seen.now).toBe(0)
  })

  it.each([0, -1, 1.5, NaN])('refuses the limit %f', async (limit) => {
    await expect(collect(mapBounded([1], limit, meter().work))).rejects.toThrow('positive integer')
  })

  it('has a form without results', async () => {
    const { seen, work } = meter()
    await eachBounded([1, 2, 3], 2, async (item) => void (await work(item)))
    expect(seen).toMatchObject({ now: 0, most: 2, started: [1, 2, 3] })
  })
})
