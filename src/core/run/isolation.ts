import type { Instant } from '../../kit/instant.ts'
import type { Outcome } from './event.ts'
import type { Tried, TryVerdict } from './isolate-search.ts'

/** The search for the patches that broke a trial, as the journal tells it. */
export type Isolation = {
  readonly wave: number
  stage: 'grouping' | 'choosing' | 'trying' | 'soaking'
  /** Rounds begun. The first one installs nothing: it shows which nodes are well without any patch. */
  round: number
  /** Measurements asked for, over all rounds. */
  measures: number
  /** Measurements asked for before this round. */
  measuresBefore: number
  /** What nodes may be tried with, by position in the run's lists. */
  readonly lists: IsolatedList[]
  /** The list of each node of the trial, as it was classified. */
  readonly listOf: ReadonlyMap<number, number>
  /** Parts of lists that were tried. They follow the run's own lists in their numbering. */
  readonly derived: Derived[]
  /** The nodes of the round, by position. */
  tries: Map<number, Trying>
  drainedAt: Instant | null
  /** Nodes that left the game, and why. */
  readonly out: Map<number, string>
  /** Nodes that keep what was found to be good. */
  readonly kept: Set<number>
  /** Why it has ended; null: it goes on. */
  over: string | null
}

/** One of the run's lists, and what is known of its parts. */
export type IsolatedList = {
  /** The list text, a line a patch. */
  readonly lines: readonly string[]
  /** The unit of each patch. */
  readonly units: readonly number[]
  readonly unitCount: number
  /** Nodes that it broke, and by what: only these can show that a part of it breaks, or does not. */
  readonly witnesses: Map<number, string>
  /** Into how many parts it is cut at first. */
  readonly parts: number
  readonly tried: (Tried & Readonly<{ node: number; round: number; why: string }>)[]
  found: Found | null
}

/** What came of a list: `list` is the number of the derived one that stays. */
export type Found = Readonly<{ list: number; culprits: readonly string[]; why: readonly string[]; dependents: readonly string[] }>

/** A part of one of the run's lists: some of its units. */
export type Derived = Readonly<{ base: number; units: readonly number[] }>

/** One node of a round. */
export type Trying = {
  readonly list: number
  readonly units: readonly number[]
  readonly keep: boolean
  /** What it was before, which it is again when nothing was installed on it. */
  readonly before: Readonly<{ outcome: Outcome; reason: string }>
  /** Why nothing was installed on it. */
  refused: string | null
  /** Failing measurements in a row, by check. */
  readonly fails: Map<string, number>
  verdict: TryVerdict | null
}

/** Whether the search is under way. */
export const isIsolating = (isolation: Isolation | null): isolation is Isolation => isolation !== null && isolation.over === null
