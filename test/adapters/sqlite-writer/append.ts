import { openSqliteStore } from '../../../src/adapters/sqlite/store.ts'
import { known } from '../../../src/kit/assert.ts'
import { all, dusk, entriesOf } from '../../contract/entries.ts'

// Appends to one run of the store as fast as it can, and prints each number once it was acknowledged: `append.ts FILE RUN COUNT`.
const [path = '', run = '', count = '0'] = process.argv.slice(2)
const store = await openSqliteStore(path)
await store.create({ run, runbook: 'crash', act: 'rollout', requestedAt: dusk }, entriesOf(run, 1))
let last = known((await all(store.read(run))).at(-1), 'the head')
for (let n = 0; n < Number(count); n++) {
  const entry = known(entriesOf(run, 1, last)[0], 'an entry')
  const result = await store.append({ run, head: last.hash, entries: [entry] })
  if (!result.ok) throw new Error(result.why)
  last = entry
  process.stdout.write(`${String(entry.seq)}\n`)
}
await store.close()
