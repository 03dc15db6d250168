import { openEntry } from '../../src/core/audit/open.ts'
import { fromData } from '../../src/core/run/codec.ts'
import { evolve } from '../../src/core/run/evolve.ts'
import { initial, type RunState } from '../../src/core/run/state.ts'
import { semantics } from '../core/run/semantics.ts'
import { findings, type Check, type Evidence } from './evidence.ts'

/** I9: the journal can be folded from its beginning, its tokens and times are in order, and its chain verifies and says what was opened. */
export const journal: Check = (evidence) => [...folds(evidence), ...chained(evidence)]

function folds(evidence: Evidence) {
  const { found, say } = findings('I9')
  try {
    refold(evidence)
  } catch (error) {
    say(`it cannot be folded: ${error instanceof Error ? error.message : String(error)}`)
  }
  return found
}

function refold({ run, plan, facts }: Evidence): RunState {
  const state = initial(run, plan)
  for (const fact of facts) evolve(state, fact)
  return state
}

function chained({ sealed, facts }: Evidence) {
  const { found, say } = findings('I9')
  if (sealed === undefined) return found
  let last: (typeof sealed)[number] | null = null
  try {
    sealed.forEach((one, index) => {
      const entry = openEntry(one, last)
      last = one
      const told = facts[index]
      const event = fromData(entry.type, entry.data)
      if (told !== undefined && (told.at !== entry.at || JSON.stringify(sorted(told.event)) !== JSON.stringify(sorted(event)))) say(`entry ${String(entry.seq)} does not say what was folded`)
    })
  } catch (error) {
    say(`its chain breaks: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (sealed.length !== facts.length) say(`${String(sealed.length)} entries were sealed, ${String(facts.length)} facts were folded`)
  return found
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]): [string, unknown] => [key, sorted(inner)])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** Whether a live state is the fold of the journal, its caches left out. */
export function livesAsFolded(evidence: Evidence, state: RunState) {
  const { found, say } = findings('I9')
  const lived = JSON.stringify(semantics(state))
  const folded = JSON.stringify(semantics(refold(evidence)))
  if (lived !== folded) say('the live state is not the fold of the journal')
  return found
}
