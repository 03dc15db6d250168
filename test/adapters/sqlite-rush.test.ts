import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { openSqliteStore } from '../../src/adapters/sqlite/store.ts'
import { rush } from '../contract/rush.ts'

describe('a rush for nodes and groups', () => {
  it.each(Array.from({ length: 30 }, (_, seed) => seed))(
    'ends with everybody served, in turn, the same in both stores: SEED=%i',
    async (seed) => {
      const [sqlite, memory] = [await openSqliteStore(':memory:'), openMemoryStore()]
      const served = await rush(sqlite, seed)
      expect(served.breaches).toEqual([])
      expect(await rush(memory, seed)).toEqual(served)
      await sqlite.close()
      await memory.close()
    },
  )
})
