import { hrtime } from 'node:process'
import { nextOpenings, type CalendarRule } from '../src/core/plan/calendar.ts'
import { known } from '../src/kit/assert.ts'
import { instant, type Instant } from '../src/kit/instant.ts'
import { atMost, plain, table } from './measure/table.ts'

// What the next openings of fifty schedules take: 10,000 in one call, 10,000 asked for one by one, and the first one in a process that knows nothing yet.

const COUNT = 10_000
const ONE_MICROSECONDS_MAX = 10
const FROM = instant(Date.UTC(2026, 0, 1))

/** From every five minutes to once in 28 years; a sparse one has fewer than 10,000 openings until the last year, 2199. */
const SCHEDULES = [
  'cron(0 3 ? * SUN *)',
  'cron(15 10 ? * MON-FRI *)',
  'cron(0 2 ? * TUE#2 *)',
  'cron(0 2 ? * MON#5 *)',
  'cron(0 2 29 2 ? *)',
  'cron(0 2 ? 2 SUN#5 *)',
  'cron(0 4 LW * ? *)',
  'cron(0/5 * * * ? *)',
  'rate(7 days)',
  'cron(30 1,2 ? 3,4,9-11 SUN 2026/7)',
]
const ZONES = ['UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Tokyo', 'Australia/Lord_Howe']

const rules: CalendarRule[] = SCHEDULES.flatMap((schedule) =>
  ZONES.map((timezone) => ({ schedule, timezone, durationMs: 0, cutoffMs: 0, onGap: 'next-valid', onOverlap: 'first' })),
)

/** Microseconds of one piece of work, and what it gave. */
function took<T>(work: () => T): Readonly<{ result: T; us: number }> {
  const begin = hrtime.bigint()
  const result = work()
  return { result, us: Number(hrtime.bigint() - begin) / 1_000 }
}

/** Each opening asked for by itself, as `serve` does it; how many there were. */
function oneByOne(rule: CalendarRule): number {
  let at: Instant = FROM
  for (let asked = 0; asked < COUNT; asked++) {
    const [next] = nextOpenings(rule, at, 1)
    if (next === undefined) return asked
    at = next.opens
  }
  return COUNT
}

const quantile = (sorted: readonly number[], share: number): number => known(sorted[Math.floor(share * (sorted.length - 1))], 'a figure')

const first = rules.map((rule) => took(() => nextOpenings(rule, FROM, 1)).us).sort((a, b) => a - b)
for (const rule of rules) oneByOne(rule) // From here on the zones are known.
const together = rules.map((rule) => ({ rule, ...took(() => nextOpenings(rule, FROM, COUNT).length) }))
const single = rules.map((rule) => ({ rule, ...took(() => oneByOne(rule)) }))

const each = (all: typeof together) => all.reduce((sum, { us }) => sum + us, 0) / all.reduce((sum, { result }) => sum + result, 0)
const worst = known(single.toSorted((a, b) => b.us / b.result - a.us / a.result)[0], 'the slowest schedule')

console.log(
  table(`Next openings of ${String(rules.length)} schedules, up to ${COUNT.toLocaleString('en')} each`, [
    plain(
      'openings',
      together.reduce((sum, { result }) => sum + result, 0),
      '',
    ),
    atMost('one of many in a call', each(together), 'µs', ONE_MICROSECONDS_MAX),
    atMost('asked for one by one', each(single), 'µs', ONE_MICROSECONDS_MAX),
    atMost(`… the slowest, ${worst.rule.schedule} ${worst.rule.timezone}`, worst.us / worst.result, 'µs', ONE_MICROSECONDS_MAX),
    plain('the very first of a schedule, median', quantile(first, 0.5) / 1_000, 'ms'),
    plain('the very first of a schedule, slowest', quantile(first, 1) / 1_000, 'ms'),
  ]),
)
