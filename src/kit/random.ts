/** A number in [0, 1), the same sequence for the same seed. */
export type Random = () => number

/** A seeded generator (sfc32 behind xmur3): good enough to choose and to shuffle, never for secrets. */
export function seeded(seed: number | string): Random {
  const word = hashWords(String(seed))
  let [a, b, c, d] = [word(), word(), word(), 1]
  const next: Random = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 4_294_967_296
  }
  for (let warm = 0; warm < 12; warm += 1) next()
  return next
}

/** A seed of its own for each sequence of keys under one seed, so that adding one user of randomness never shifts another. */
export function derive(seed: number | string, ...keys: readonly (number | string)[]): string {
  let text = escaped(seed)
  for (const key of keys) text += `/${escaped(key)}`
  return text
}

function escaped(key: number | string): string {
  const text = String(key)
  return SPECIAL.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('/', '\\/') : text
}

const SPECIAL = /[\\/]/

/** A whole number in [0, below). */
export const below = (random: Random, bound: number): number => Math.floor(random() * bound)

/** The items in an order that `random` decides; the input is left as it was. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const keyed = items.map((item) => ({ item, key: random() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
}

/** 32-bit words that depend on every character of the text. */
function hashWords(text: string): () => number {
  let hash = 1_779_033_703 ^ text.length
  for (const letter of text) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 3_432_918_353)
    hash = (hash << 13) | (hash >>> 19)
  }
  return () => {
    hash = Math.imul(hash ^ (hash >>> 16), 2_246_822_507)
    hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_909)
    hash ^= hash >>> 16
    return hash | 0
  }
}
