import { openSqliteStore } from '../src/adapters/sqlite/store.ts'
import { calendarRule, nextOpenings } from '../src/core/plan/calendar.ts'
import { known } from '../src/kit/assert.ts'
import { DAY, HOUR, MINUTE, plus } from '../src/kit/instant.ts'
import { fleet, group, runbook, START } from '../test/scenarios/documents.ts'
import { Stage } from '../test/scenarios/stage.ts'
import { instantRuns, serve, Shelf } from '../test/schedule/serving.ts'
import { plain, table } from './measure/table.ts'

// Two virtual years of the scheduler with 500 runbooks: every opening is claimed and put on record in a SQLite store, its runs end at once.

const RUNBOOKS = 500
const YEARS_MS = Number(process.argv[2] ?? 730) * DAY
const ZONES = ['UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Tokyo', 'Australia/Lord_Howe']

/** A fifth weekly, the others monthly, on all days and hours. */
const scheduleOf = (index: number): string => {
  const [hour, weekday] = [index % 24, (index % 7) + 1]
  return index % 5 === 0
    ? `cron(0 ${String(hour)} ? * ${String(weekday)} *)`
    : `cron(30 ${String(hour)} ? * ${String(weekday)}#${String((index % 4) + 1)} *)`
}

const shelf = new Shelf()
const names = Array.from({ length: RUNBOOKS }, (_, index) => `runbook-${String(index)}`)
const books = names.map((name, index) =>
  runbook(name, {
    window: `{ schedule: "${scheduleOf(index)}", timezone: ${known(ZONES[index % ZONES.length], 'a zone')}, duration: 4h }`,
    baseline: 'none',
  }),
)
for (const book of books) shelf.put(book)

const stage = new Stage({ fleet: fleet([group('prod-us', 1)]), store: await openSqliteStore(':memory:') })
const process1 = await stage.start()
const stop = new AbortController()
const end = plus(START, YEARS_MS)
const memory = process.memoryUsage().rss
const begin = performance.now()
await stage.run(async () => {
  const serving = serve(process1, shelf, { start: instantRuns, beatMs: 12 * HOUR, signal: stop.signal }).run()
  await stage.clock.sleep(end)
  stop.abort()
  await serving
})
const seconds = (performance.now() - begin) / 1000
const runs = (await stage.store.runs()).length
const expected = books.reduce((sum, { window }) => {
  if (window === null || 'native' in window.times) return sum
  return sum + nextOpenings(calendarRule(window, window.times), START, 10_000).filter(({ opens }) => opens <= plus(end, 15 * MINUTE)).length
}, 0)
console.log(
  table(`two virtual years of ${String(RUNBOOKS)} runbooks`, [
    plain('openings', expected, ''),
    plain('started', runs, ''),
    plain('wall time', seconds, 's'),
    plain('an opening', (seconds * 1000) / runs, 'ms'),
    plain('memory grown', (process.memoryUsage().rss - memory) / 1e6, 'MB'),
  ]),
)
if (runs !== expected) process.exitCode = 1
