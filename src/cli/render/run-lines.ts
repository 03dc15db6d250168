import { isoSeconds, type Instant } from '../../kit/instant.ts'
import type { RunView, WaveView } from '../../core/run/view.ts'
import { cellKey } from '../../kit/ids.ts'
import type { Throttle } from '../../ports/world.ts'
import type { Paint } from './paint.ts'
import { clock, counted, cut, plain, span, tallied } from './text.ts'

/** What surrounds a view on the screen. */
export type Screen = Readonly<{
  now: Instant
  virtual: boolean
  columns: number
  paint: Paint
  /** The quota of AWS that the process which shows it met last; absent or null: none, or it is not the one that drives. */
  throttle?: Throttle | null
}>

/** Columns of a wave's bar. */
const BAR = 24

/** A run as a few lines: where it stands, its window, a bar for each wave, what a gate measured, what a person must do. Pure. */
export function runLines(view: RunView, screen: Screen): string[] {
  const { paint, columns } = screen
  const wide = Math.max(0, ...view.waves.map((wave) => wave.name.length))
  const lines: Line[] = [
    head(view, screen),
    ...windowLine(view, screen),
    ...view.waves.flatMap((wave) => waveLines(wave, wide)),
    ...(view.returning === 0 ? [] : [[{ text: `${counted(view.returning, 'node')} coming back into service`, tone: 'running' } as const]]),
    ...causeLines(view),
    ...notBackLines(view),
    ...throttleLine(screen),
    ...(view.waitsFor === null ? [] : [[{ text: `waits for ${plain(view.waitsFor)}`, tone: 'wait' } as const]]),
  ]
  return lines.map((line) => painted(line, columns, paint))
}

/** Reasons of one outcome that are named; the others are counted. */
const REASONS = 5

/** Why nodes did not go well: a line for each outcome. */
function causeLines({ causes }: RunView): Line[] {
  return [...Map.groupBy(causes, ({ outcome }) => outcome)].map(([outcome, all]) => {
    const named = all.slice(0, REASONS).map(({ reason, nodes }) => `${String(nodes)} ${plain(reason)}`)
    const left = all.slice(REASONS).reduce((sum, { nodes }) => sum + nodes, 0)
    const more = left === 0 ? [] : [`${String(left)} for other reasons`]
    return [{ text: `${outcome}: ${[...named, ...more].join(', ')}`, tone: outcome === 'skipped' ? 'dim' : 'bad' }]
  })
}

/** What a person has to bring back by hand. */
const notBackLines = ({ notBack }: RunView): Line[] =>
  notBack.map(({ node, steps }) => [{ text: `not back: ${node}, without ${steps.join(', ')}`, tone: 'bad' }])

function throttleLine({ throttle, now }: Screen): Line[] {
  if (!throttle) return []
  const { cell, call, count, perSecond, at } = throttle
  const text = `AWS throttled ${call} in ${cellKey(cell)} ${counted(count, 'time')}, last ${span(Math.max(0, now - at))} ago: ${perSecond.toFixed(1)} calls a second now`
  return [[{ text, tone: 'wait' }]]
}

type Tone = 'done' | 'running' | 'bad' | 'wait' | 'dim' | 'strong' | 'state'
type Piece = Readonly<{ text: string; tone?: Tone }>
type Line = readonly Piece[]

/** Cut to the terminal before it is coloured, so that redrawing knows how many lines there are. */
function painted(line: Line, columns: number, paint: Paint): string {
  let left = Math.max(20, columns - 1)
  return line
    .map(({ text, tone }) => {
      const shown = cut(text, left)
      left -= Math.min(left, shown.length)
      return tone === undefined ? shown : paint[tone](shown)
    })
    .join('')
}

function head(view: RunView, { now, virtual }: Screen): Line {
  const reason = view.reason === '' ? '' : `: ${plain(view.reason)}`
  return [
    { text: view.runbook, tone: 'strong' },
    { text: ` ${view.act} ` },
    { text: view.state, tone: 'state' },
    { text: reason },
    { text: `  ${view.run}  ${clock(now)}${virtual ? ' (virtual time)' : ''}`, tone: 'dim' },
  ]
}

function windowLine({ window, state }: RunView, { now }: Screen): Line[] {
  if (window === null || ENDED.has(state)) return []
  if (now < window.opens) return [[{ text: `window opens ${isoSeconds(window.opens)}, in ${span(window.opens - now)}`, tone: 'dim' }]]
  if (now >= window.closes) return [[{ text: `window closed ${isoSeconds(window.closes)}`, tone: 'wait' }]]
  const cutoff = now >= window.cutoff ? 'cutoff has passed' : `cutoff in ${span(window.cutoff - now)}`
  return [[{ text: `window closes in ${span(window.closes - now)}, ${cutoff}`, tone: 'dim' }]]
}

const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'rolled-back', 'aborted', 'stopped'])

function waveLines(wave: WaveView, wide: number): Line[] {
  const { nodes, total, inFlight: flying } = wave
  const good = nodes.patched + nodes['not-needed']
  const bad = nodes.failed + nodes.unknown + nodes['rollback-failed']
  const idle = nodes.skipped + nodes['rolled-back']
  const ended = good + bad + idle
  const widths = shares([good, bad, idle, Math.min(flying, total - ended)], total)
  const [goodWide = 0, badWide = 0, idleWide = 0, flyingWide = 0] = widths
  const rest = BAR - goodWide - badWide - idleWide - flyingWide
  const open = Math.max(0, total - ended - flying)
  const { open: _, ...ends } = nodes
  const counts = tallied({ ...ends, 'in flight': flying, waiting: wave.state === 'queued' ? 0 : open }, ORDER)
  return [
    [
      { text: `  ${wave.name.padEnd(wide)}  ` },
      { text: '█'.repeat(goodWide), tone: 'done' },
      { text: '█'.repeat(badWide), tone: 'bad' },
      { text: '▒'.repeat(idleWide), tone: 'dim' },
      { text: '▓'.repeat(flyingWide), tone: 'running' },
      { text: '░'.repeat(rest), tone: 'dim' },
      { text: `  ${String(ended).padStart(String(total).length)}/${String(total)}  ` },
      { text: wave.state, tone: 'state' },
      { text: counts === '' ? '' : `  ${counts}` },
    ],
    ...gateLine(wave, wide),
  ]
}

/** Counts of a wave in the order in which people look for them. */
const ORDER = ['patched', 'not-needed', 'in flight', 'waiting', 'failed', 'unknown', 'skipped', 'rolled-back', 'rollback-failed']

function gateLine(wave: WaveView, wide: number): Line[] {
  const checks = Object.entries(wave.checks).map(([check, verdict]) => `${check} ${verdict}`)
  const why = wave.state === 'held' || wave.state === 'failed' ? wave.why.map(plain) : []
  if ((checks.length === 0 || wave.state === 'passed') && why.length === 0) return []
  return [[{ text: `  ${''.padEnd(wide)}  gate: ${[...checks, ...why].join(', ')}`, tone: why.length > 0 ? 'wait' : 'dim' }]]
}

/** Columns for each part of a whole: something that is there has at least one, and together they never exceed the bar. */
function shares(parts: readonly number[], total: number): number[] {
  let left = BAR
  const present = parts.filter((part) => part > 0).length
  let toCome = present
  return parts.map((part) => {
    if (part <= 0 || total <= 0) return 0
    toCome -= 1
    const columns = Math.max(1, Math.min(left - toCome, Math.floor((part * BAR) / total)))
    left -= columns
    return columns
  })
}

/** One line of `status` for a run that is not the only one. */
export function statusRow(view: RunView): string[] {
  const window = view.window === null ? '' : `${isoSeconds(view.window.opens)} – ${isoSeconds(view.window.closes)}`
  const total = view.nodes['total'] ?? 0
  return [view.run, view.runbook, view.act, view.state, view.wave ?? '', tallied(view.nodes) || counted(total, 'node'), window]
}
