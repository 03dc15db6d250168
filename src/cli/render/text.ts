import { DAY, HOUR, isoSeconds, MINUTE, SECOND, type Instant, type Ms } from '../../kit/instant.ts'

/** Text from outside on one line: it must not steer a terminal. */
export const plain = (text: string): string => text.replaceAll(CONTROL, ' ')

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu

/** A word as a POSIX shell takes it. */
export const quoted = (word: string): string => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

/** Rows in columns, two spaces apart; the last column is not padded. Widths count characters, so colour is added after. */
export function table(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string[] {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        if (right.has(column)) return cell.padStart(width)
        return column === row.length - 1 ? cell : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** At most `width` characters, the cut marked. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text
  return width <= 0 ? '' : `${text.slice(0, width - 1)}…`
}

/** `3 nodes`, `1 node`, `2 patches`. */
export const counted = (count: number, noun: string, many = `${noun}s`): string => `${String(count)} ${count === 1 ? noun : many}`

/** A span as people say it, in at most two units: `3d 4h`, `1h 30m`, `45s`. */
export function span(ms: Ms): string {
  if (ms < 0) return `-${span(-ms)}`
  const units: readonly (readonly [string, Ms])[] = [
    ['d', DAY],
    ['h', HOUR],
    ['m', MINUTE],
    ['s', SECOND],
  ]
  const first = units.findIndex(([, size]) => ms >= size)
  if (first < 0) return '0s'
  const [word, size] = units[first] ?? ['s', SECOND]
  const next = units[first + 1]
  const rest = next === undefined ? 0 : Math.floor((ms % size) / next[1])
  return `${String(Math.floor(ms / size))}${word}${rest > 0 && next !== undefined ? ` ${String(rest)}${next[0]}` : ''}`
}

/** `2026-03-08 07:00:00Z`. */
export const when = (at: Instant): string => isoSeconds(at).replace('T', ' ')

/** `07:00:00Z`. */
export const clock = (at: Instant): string => isoSeconds(at).slice(11)

/** Counts by word, largest first, zeroes left out: `8 patched, 1 failed`. */
export function tallied(counts: Readonly<Record<string, number>>, first: readonly string[] = []): string {
  const rank = (word: string): number => (first.includes(word) ? first.indexOf(word) : first.length)
  const entries = Object.entries(counts).filter(([word, count]) => count > 0 && word !== 'total')
  entries.sort(([a, left], [b, right]) => rank(a) - rank(b) || right - left || (a < b ? -1 : 1))
  return entries.map(([word, count]) => `${String(count)} ${word}`).join(', ')
}
