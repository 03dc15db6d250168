import { dayNumber, weekdayOf } from '../../core/plan/civil.ts'
import type { Freeze } from '../../core/plan/freeze.ts'
import type { Listed } from '../../core/plan/odd-days.ts'
import type { Runbook } from '../../core/runbook/runbook.ts'
import type { Coming, ComingWindow } from '../../engine/coming-windows.ts'
import { formatDuration } from '../../kit/duration.ts'
import type { Paint } from './paint.ts'
import { counted, plain, when } from './text.ts'

/** A schedule of minutes has hundreds of odd hits in a night of a clock change; whoever wants them all takes --json. */
const ODD_SHOWN = 40

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** What a person wants to know of the windows to come: when, by both clocks, what is frozen, and which days are odd. */
export function windowsPage(runbook: Runbook, coming: Coming, paint: Paint): string[] {
  const { windows, odd, never, native, differences } = coming
  return [
    headline(runbook, coming, paint),
    ...(native ? [`SSM maintenance window ${native.id} (${plain(native.name)})`, ...differences.map((text) => `  - ${plain(text)}`)] : []),
    ...(never === null ? [] : [paint.bad(`! it never opens again: ${plain(never)}`)]),
    ...(windows.length > 0 ? ['', 'windows'] : []),
    ...windows.flatMap((window) => windowLines(window, paint)),
    ...(never === null ? ['', ...oddLines(odd, paint)] : []),
  ]
}

function headline({ name }: Runbook, { rule, native, zoneData }: Coming, paint: Paint): string {
  const times = rule ?? native
  if (!times) return paint.strong(plain(name))
  const { schedule, timezone, durationMs, cutoffMs, offsetDays = 0, start, end } = times
  const parts = [
    `${plain(schedule)} in ${plain(timezone)}`,
    ...(offsetDays > 0 ? [`${counted(offsetDays, 'day')} later`] : []),
    `${formatDuration(durationMs)} long`,
    `nothing starts in the last ${formatDuration(cutoffMs)}`,
    ...(start ? [`from ${when(start)}`] : []),
    ...(end ? [`before ${when(end)}`] : []),
    `zone data ${zoneData}`,
  ]
  return `${paint.strong(plain(name))}: ${parts.join(', ')}`
}

function windowLines(window: ComingWindow, paint: Paint): string[] {
  const { opens, cutoff, closes, opensLocal, closesLocal, odd, freezes, advisories } = window
  const main = `  ${when(opens)}  ${weekday(opensLocal)} ${clockOf(opensLocal)}  cutoff ${when(cutoff)}  closes ${when(closes)} (${clockOf(closesLocal)})`
  return [
    main,
    ...odd.map((text) => paint.wait(`    ! ${plain(text)}`)),
    ...freezes.map((freeze) => paint.wait(`    frozen from ${when(freeze.from)} to ${when(freeze.to)}: ${freezeText(freeze)}`)),
    ...(freezes.length > 0 ? [effect(window, paint)] : []),
    ...advisories.map((event) =>
      paint.dim(`    shows as free and freezes nothing: ${freezeText(event)}, from ${when(event.from)} to ${when(event.to)}`),
    ),
  ]
}

function effect({ opens, starts }: ComingWindow, paint: Paint): string {
  if (starts === null) return paint.bad('    -> it will not start: frozen past its cutoff')
  if (starts > opens) return `    -> it starts at ${when(starts)}, when that is over`
  return '    -> it starts when it opens; in that time nothing new starts'
}

function oddLines(odd: readonly Listed[], paint: Paint): string[] {
  if (odd.length === 0) return ['no odd day in the next two years']
  const rows = odd.slice(0, ODD_SHOWN).flatMap(({ local, odd: why }) => why.map((text) => paint.wait(`  ${local}  ${plain(text)}`)))
  const more = odd.length - ODD_SHOWN
  return ['odd days of the next two years', ...rows, ...(more > 0 ? [`  and ${String(more)} more: see --json`] : [])]
}

const freezeText = ({ why, source }: Freeze): string => plain(`${why} (${source})`)

/** `03:00 -04:00` of `2026-03-08T03:00:00-04:00`; seconds where there are any. */
const clockOf = (local: string): string => `${local.slice(11, 19).replace(/:00$/, '')} ${local.slice(19)}`

function weekday(local: string): string {
  const [year = 0, month = 0, day = 0] = local.slice(0, 10).split('-').map(Number)
  return WEEKDAYS[weekdayOf(dayNumber(year, month, day)) - 1] ?? ''
}
