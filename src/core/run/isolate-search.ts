/** What a try said of its patches. `refused`: the node would not install them without others; `unclear`: it could not be told. */
export type TryVerdict = 'good' | 'bad' | 'refused' | 'unclear'

/** A set of units that was installed on one node, and what came of it. `kept`: it was tried to stay. */
export type Tried = Readonly<{ units: readonly number[]; verdict: TryVerdict; kept: boolean }>

/** What is known of one list. Units are numbered from 0 and cannot be separated. */
export type Search = Readonly<{
  units: number
  /** The whole list has broken a node. */
  broke: boolean
  tried: readonly Tried[]
  /** Into how many parts a set is cut at first: as many as can be tried side by side. */
  parts: number
}>

/**
 * What follows: sets to try, each on one node; the set that is left, to be tried on every node and to stay; the end, with each set of culprits
 * and what cannot be installed without them; or that nobody will know.
 */
export type SearchStep = Readonly<
  | { kind: 'try'; sets: readonly Units[] }
  | { kind: 'keep'; set: Units }
  | { kind: 'found'; culprits: readonly Units[]; dependents: Units; rest: Units }
  | { kind: 'lost'; why: 'not-reproducible' | 'unclear' | 'nothing-left' | 'too-many-tries' }
>

type Units = readonly number[]

/**
 * So many tries of one list are made at most. A single culprit among 500 units takes about 20, two that only break together among 100 at most
 * 65; what needs more is no matter of single patches, and each try takes half an hour.
 */
export const TRIES_MAX = 96

/** A set about which nobody could tell anything is tried again once. */
const UNCLEAR_MAX = 2

/**
 * The next step of a search for the smallest sets that break a node: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating
 * failure-inducing input", 2002), told again from all results each time. A set that was found cannot lose a unit without ceasing to break; the rest is
 * searched again until a node has been well with all of it.
 */
export function searchStep(search: Search): SearchStep {
  const step = nextStep(search)
  const asks = step.kind === 'try' || step.kind === 'keep'
  return asks && search.tried.length >= TRIES_MAX ? { kind: 'lost', why: 'too-many-tries' } : step
}

function nextStep(search: Search): SearchStep {
  const known = memoryOf(search.tried)
  const culprits: Units[] = []
  const dependents: number[] = []
  let rest: Units = Array.from({ length: search.units }, (_, unit) => unit)
  for (let broken = search.broke; ; broken = false) {
    if (rest.length === 0) return { kind: 'lost', why: 'nothing-left' }
    const verdict = broken ? 'bad' : known(rest)
    if (verdict === 'unclear') return { kind: 'lost', why: 'unclear' }
    const kept = search.tried.filter((one) => one.kept && keyOf(one.units) === keyOf(rest))
    if (verdict === 'good' && kept.some((one) => one.verdict === 'good')) return { kind: 'found', culprits, dependents, rest }
    if (verdict === 'good' && kept.length >= UNCLEAR_MAX) return { kind: 'lost', why: 'unclear' }
    if (verdict === 'good' || verdict === undefined) return { kind: 'keep', set: rest }
    const grown = verdict === 'refused' ? largest(rest, known) : { kind: 'breaks' as const, set: rest }
    if (grown.kind === 'resolves') {
      dependents.push(...without(rest, grown.set))
      rest = grown.set
      continue
    }
    if (grown.kind !== 'breaks') return grown
    const found = smallest(grown.set, search.parts, known)
    if (found.kind !== 'breaks') return found
    const core = coreOf(found.set, known)
    if (core === undefined) return { kind: 'lost', why: 'unclear' }
    culprits.push(core)
    rest = without(rest, core)
  }
}

type Known = (units: Units) => TryVerdict | undefined
type Pending = Extract<SearchStep, { kind: 'try' | 'lost' }>
type Breaks = Readonly<{ kind: 'breaks'; set: Units }>

/** What is known of each set. One node that was broken outweighs any that were well. */
function memoryOf(tried: readonly Tried[]): Known {
  const verdicts = new Map<string, TryVerdict[]>()
  for (const { units, verdict } of tried) verdicts.set(keyOf(units), [...(verdicts.get(keyOf(units)) ?? []), verdict])
  return (units) => {
    const said = verdicts.get(keyOf(units)) ?? []
    for (const verdict of ['bad', 'good', 'refused'] as const) if (said.includes(verdict)) return verdict
    return said.length >= UNCLEAR_MAX ? 'unclear' : undefined
  }
}

/** The smallest part of a set that breaks a node: no unit can be left out. What broke only once is tried again before it is cut finer. */
function smallest(whole: Units, partsAtFirst: number, known: Known): Pending | Breaks {
  let set = whole
  let parts = Math.min(set.length, Math.max(2, partsAtFirst))
  for (;;) {
    const { candidates, pieces } = cut(set, parts)
    const bad = candidates.findIndex((one) => known(one) === 'bad')
    const smaller = candidates[bad]
    if (smaller !== undefined) {
      set = smaller
      parts = Math.min(set.length, Math.max(2, bad < pieces ? partsAtFirst : parts - 1))
      continue
    }
    const open = candidates.filter((one) => known(one) === undefined)
    const whether = known(set)
    if (open.length > 0) return { kind: 'try', sets: whether === undefined ? [...open, set] : open }
    if (whether === undefined) return { kind: 'try', sets: [set] }
    if (whether !== 'bad') return { kind: 'lost', why: whether === 'good' ? 'not-reproducible' : 'unclear' }
    if (parts >= set.length) return { kind: 'breaks', set }
    parts = Math.min(set.length, parts * 2)
  }
}

/**
 * The largest part of a refused set that a node installs: what cannot be installed without a culprit is left out. Searched as the smallest
 * part to leave out; a part that breaks on the way is told at once.
 */
function largest(whole: Units, known: Known): Pending | Breaks | Readonly<{ kind: 'resolves'; set: Units }> {
  let out = whole
  let parts = 2
  while (out.length > 1) {
    const { candidates, pieces } = cut(out, Math.min(parts, out.length))
    const kept = candidates.map((one) => without(whole, one))
    const bad = kept.find((one) => known(one) === 'bad')
    if (bad !== undefined) return { kind: 'breaks', set: bad }
    const good = kept.findIndex((one) => known(one) === 'good')
    const smaller = candidates[good]
    if (smaller !== undefined) {
      out = smaller
      parts = good < pieces ? 2 : Math.max(2, parts - 1)
      continue
    }
    const open = kept.filter((one) => one.length > 0 && known(one) === undefined)
    if (open.length > 0) return { kind: 'try', sets: open }
    if (parts >= out.length) break
    parts = Math.min(out.length, parts * 2)
  }
  return out.length === whole.length ? { kind: 'lost', why: 'nothing-left' } : { kind: 'resolves', set: without(whole, out) }
}

/**
 * Units whose leaving makes the set good. One that only had to come along, because another cannot be installed without it, is no culprit. `undefined`: nobody
 * could tell of some unit whether the set breaks without it, and no other one is proved to be to blame.
 */
function coreOf(set: Units, known: Known): Units | undefined {
  const leaving = set.map((unit) => known(without(set, [unit])))
  if (leaving.includes('good')) return set.filter((_, index) => leaving[index] === 'good')
  return leaving.includes('unclear') ? undefined : set
}

/** A set in parts of about the same size, and what is left without each; of two parts each is what is left without the other. */
function cut(set: Units, parts: number): { candidates: Units[]; pieces: number } {
  if (set.length < 2) return { candidates: [], pieces: 0 }
  const pieces = Array.from({ length: parts }, (_, part) =>
    set.slice(Math.floor((part * set.length) / parts), Math.floor(((part + 1) * set.length) / parts)),
  )
  return { candidates: parts === 2 ? pieces : [...pieces, ...pieces.map((piece) => without(set, piece))], pieces: pieces.length }
}

function without(set: Units, some: Units): Units {
  const out = new Set(some)
  return set.filter((unit) => !out.has(unit))
}

const keyOf = (units: Units): string => [...units].sort(ascending).join(' ')

const ascending = (a: number, b: number): number => a - b
