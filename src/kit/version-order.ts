/** Older, the same, newer: what a sort wants. */
export type Order = -1 | 0 | 1

/** `release` is null where there is no dash. */
type Parts = Readonly<{ epoch: string; version: string; release: string | null }>
type Compare = (a: string, b: string) => Order

/**
 * The order of rpm versions written `epoch:version-release` (an absent epoch is 0): `rpmvercmp` as rpm 4.15 and newer has it, with `~` older
 * than nothing and `^` newer than nothing but older than any further segment. No release is older than any.
 */
export function rpmCompare(a: string, b: string): Order {
  return compareParts(a, b, rpmSegments, (left, right) =>
    left === null || right === null ? presence(left, right) : rpmSegments(left, right),
  )
}

const presence = (left: string | null, right: string | null): Order => (left === right ? 0 : left === null ? -1 : 1)

/** The order of Debian versions written `epoch:version-revision`, as `dpkg --compare-versions` has it. An absent revision equals `0`. */
export function debCompare(a: string, b: string): Order {
  return compareParts(a, b, debSegments, (left, right) => debSegments(left ?? '', right ?? ''))
}

function compareParts(a: string, b: string, compare: Compare, releases: (a: string | null, b: string | null) => Order): Order {
  const [left, right] = [partsOf(a), partsOf(b)]
  return digits(left.epoch, right.epoch) || compare(left.version, right.version) || releases(left.release, right.release)
}

function partsOf(text: string): Parts {
  const colon = text.indexOf(':')
  const epoch = colon > 0 && /^\d+$/.test(text.slice(0, colon)) ? text.slice(0, colon) : '0'
  const rest = colon > 0 && /^\d+$/.test(text.slice(0, colon)) ? text.slice(colon + 1) : text
  const dash = rest.lastIndexOf('-')
  return dash < 0 ? { epoch, version: rest, release: null } : { epoch, version: rest.slice(0, dash), release: rest.slice(dash + 1) }
}

/** Two runs of digits as numbers of any length. */
function digits(a: string, b: string): Order {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  return left.length === right.length ? text(left, right) : left.length < right.length ? -1 : 1
}

const text = (a: string, b: string): Order => (a === b ? 0 : a < b ? -1 : 1)

function rpmSegments(a: string, b: string): Order {
  let [left, right] = [a, b]
  for (;;) {
    left = left.replace(/^[^0-9A-Za-z~^]+/, '')
    right = right.replace(/^[^0-9A-Za-z~^]+/, '')
    const mark = rpmMark(left, right)
    if (mark === 'both') {
      left = left.slice(1)
      right = right.slice(1)
      continue
    }
    if (mark !== undefined) return mark
    if (left === '' || right === '') return left === right ? 0 : left === '' ? -1 : 1
    const [first, second] = [rpmHead(left), rpmHead(right)]
    const order = rpmHeads(first, second)
    if (order !== 0) return order
    left = left.slice(first.length)
    right = right.slice(second.length)
  }
}

/** What `~` or `^` at the front decides; `both` when the two cancel out. */
function rpmMark(left: string, right: string): Order | 'both' | undefined {
  const [first, second] = [left[0], right[0]]
  if (first === '~' || second === '~') return first === second ? 'both' : first === '~' ? -1 : 1
  if (first !== '^' && second !== '^') return undefined
  if (first === second) return 'both'
  if (first === undefined) return -1
  if (second === undefined) return 1
  return first === '^' ? -1 : 1
}

const rpmHead = (text: string): string => /^(?:[0-9]+|[A-Za-z]+)/.exec(text)?.[0] ?? ''

function rpmHeads(a: string, b: string): Order {
  const [left, right] = [/^[0-9]/.test(a), /^[0-9]/.test(b)]
  if (left !== right) return left ? 1 : -1
  return left ? digits(a, b) : text(a, b)
}

function debSegments(a: string, b: string): Order {
  let [left, right] = [a, b]
  while (left !== '' || right !== '') {
    const [first, second] = [/^[^0-9]*/.exec(left)?.[0] ?? '', /^[^0-9]*/.exec(right)?.[0] ?? '']
    const words = debWords(first, second)
    if (words !== 0) return words
    left = left.slice(first.length)
    right = right.slice(second.length)
    const [one, two] = [/^[0-9]*/.exec(left)?.[0] ?? '', /^[0-9]*/.exec(right)?.[0] ?? '']
    const numbers = digits(one, two)
    if (numbers !== 0) return numbers
    left = left.slice(one.length)
    right = right.slice(two.length)
  }
  return 0
}

function debWords(a: string, b: string): Order {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const [left, right] = [debWeight(a, at), debWeight(b, at)]
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

/** `~` before the end, the end before letters, letters before everything else. */
function debWeight(word: string, at: number): number {
  const code = word.charCodeAt(at)
  if (Number.isNaN(code)) return 0
  const letter = word[at] ?? ''
  if (letter === '~') return -1
  return /[A-Za-z]/.test(letter) ? code : code + 256
}
