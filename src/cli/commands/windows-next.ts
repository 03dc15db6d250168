import { isoSeconds } from '../../kit/instant.ts'
import { neverFires, nextOpenings, type CalendarRule } from '../../core/plan/calendar.ts'
import type { WindowTimes } from '../../core/plan/plan.ts'
import { countOf, durationOf, instantOf, textOf, type Call, type CommandSpec } from '../call.ts'
import { EXIT, usage } from '../exit.ts'

/** Openings shown when nobody says how many. */
const COUNT = 10
/** More than anybody reads; it bounds a search that a sparse schedule makes long. */
const COUNT_MAX = 100_000

/** The next openings of a schedule, by arithmetic alone: no AWS, no store. */
export const windowsNext: CommandSpec = {
  path: 'windows next',
  summary: 'the next openings of a maintenance schedule, strictly after an instant',
  options: [
    { flags: '--schedule <expression>', means: 'cron(…), rate(…) or at(…), as maintenance windows write them', required: true },
    { flags: '--timezone <zone>', means: 'IANA name of the schedule’s zone', required: true },
    { flags: '--from <iso>', means: 'openings strictly after this instant', required: true },
    { flags: '--count <n>', means: `how many (default: ${String(COUNT)})` },
    { flags: '--start <iso>', means: 'nothing opens before; rate() counts from it (default: --from)' },
    { flags: '--end <iso>', means: 'nothing opens at it or after' },
    { flags: '--offset <days>', means: 'days to wait after the hit of a cron()' },
    { flags: '--duration <duration>', means: 'how long a window is open; adds cutoff and closes' },
    { flags: '--cutoff <duration>', means: 'how long before it closes nothing starts any more' },
    { flags: '--on-gap <rule>', means: 'a local time that does not exist (default: skip)', choices: ['skip', 'next-valid'] },
    { flags: '--on-overlap <rule>', means: 'a local time that occurs twice (default: first)', choices: ['first', 'second'] },
  ],
  example: "windows next --schedule 'cron(0 3 ? * SUN *)' --timezone America/New_York --from 2026-03-01T00:00:00Z --count 3",
  output: 'document',
  run(call) {
    const from = instantOf(call, 'from')
    if (from === undefined) throw usage('--from is missing', 'write it like --from 2026-03-01T00:00:00Z')
    const durationMs = durationOf(call, 'duration')
    const rule = ruleOf(call, durationMs)
    const found = nextOpenings(rule, from, countOf(call, 'count', 0, COUNT_MAX) ?? COUNT)
    const rows = found.map((times) => shapeOf(times, durationMs !== undefined))
    const { io } = call.app
    if (call.common.json) io.out(JSON.stringify(rows))
    else
      for (const row of rows)
        io.out(
          Object.entries(row)
            .map(([key, at]) => (key === 'opens' ? at : `${key} ${at}`))
            .join('  '),
        )
    if (!call.common.json && rows.length === 0) io.err(neverFires(rule, from) ?? 'no more openings')
    return Promise.resolve(EXIT.done)
  },
}

function ruleOf(call: Call, durationMs: number | undefined): CalendarRule {
  const cutoffMs = durationOf(call, 'cutoff') ?? 0
  return {
    schedule: textOf(call, 'schedule') ?? '',
    timezone: textOf(call, 'timezone') ?? '',
    durationMs: durationMs ?? 0,
    cutoffMs: durationMs === undefined ? 0 : cutoffMs,
    onGap: textOf(call, 'onGap') === 'next-valid' ? 'next-valid' : 'skip',
    onOverlap: textOf(call, 'onOverlap') === 'second' ? 'second' : 'first',
    start: instantOf(call, 'start') ?? null,
    end: instantOf(call, 'end') ?? null,
    offsetDays: countOf(call, 'offset', 0, 6) ?? 0,
  }
}

function shapeOf({ opens, cutoff, closes }: WindowTimes, long: boolean): Readonly<Record<string, string>> {
  return { opens: isoSeconds(opens), ...(long && { cutoff: isoSeconds(cutoff), closes: isoSeconds(closes) }) }
}
