import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { openSqliteStore } from '../../src/adapters/sqlite/store.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { logFact, readLogbook } from '../../src/engine/logbook.ts'
import { instant } from '../../src/kit/instant.ts'

describe('the journal of a schedule', () => {
  it.each([
    ['SQLite', () => openSqliteStore(':memory:')],
    ['memory', () => Promise.resolve(openMemoryStore())],
  ])('that two services open in the same instant has the facts of both (%s)', async (_, open) => {
    const store = await open()
    const clock = new VirtualClock(instant(Date.UTC(2026, 0, 1)))
    const told: unknown[] = []
    await clock.run(async () => {
      const tell = (id: string): Promise<void> =>
        logFact({ store, clock }, 'weekly', { type: 'RunbookTaken', file: 'weekly.yaml', digest: id }, { kind: 'schedule', id })
      await Promise.all([tell('one'), tell('other')])
      for await (const { data } of readLogbook(store, 'weekly')) told.push(data['digest'])
    })
    expect(told.toSorted()).toEqual(['one', 'other'])
  })
})
