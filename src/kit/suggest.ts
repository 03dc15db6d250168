/** The candidate that `word` was most likely meant to be, or `undefined` when none is near. Case, dashes and underscores do not count. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const plain = bare(word)
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = editDistance(plain, bare(candidate))
    if (distance <= reach(plain, bare(candidate)) && (!best || distance < best.distance)) best = { candidate, distance }
  }
  return best?.candidate
}

/** `did you mean "x"?`, or the whole choice when nothing is near and the choice is short enough to read. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const near = suggest(word, candidates)
  if (near !== undefined) return `did you mean "${near}"?`
  if (candidates.length === 0) return 'there is none to choose from'
  const shown = candidates.slice(0, CHOICES_SHOWN)
  return `choose from ${shown.join(', ')}${candidates.length > shown.length ? ', …' : ''}`
}

/** More names than this do not help a reader who mistyped one. */
const CHOICES_SHOWN = 20

/** Beyond this a word is no slip of the fingers any more, and the distance would cost its square. */
const WORD_MAX = 64

const bare = (word: string): string => word.slice(0, WORD_MAX).toLowerCase().replace(/[-_ ]/g, '')

/** One edit in three letters, and at least one, is still a slip of the fingers; of the longer word, so that a word cut short is found. */
const reach = (a: string, b: string): number =>
  a.length === 0 || b.length === 0 ? -1 : Math.max(1, Math.floor(Math.max(a.length, b.length) / 3))

/** Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const edits = [at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1)]
      if (swapped) edits.push(at(beforeLast, column - 2) + 1)
      current.push(Math.min(...edits))
    }
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

const at = (row: readonly number[], column: number): number => row[column] ?? Infinity
