import { PatchwaveError } from '../kit/error.ts'
import type { Anchor, Entry } from '../core/audit/entry.ts'
import { readEntry } from '../core/audit/open.ts'
import { Places, type Place } from '../core/audit/place.ts'
import { ChainVerifier, type ChainVerdict } from '../core/audit/verify.ts'
import { readPlan } from '../core/plan/make.ts'
import type { Act, RunRow, Store } from '../ports/store.ts'

/** Every kind of journal: the trail of a store is those of its runs and those of its runbooks' schedules. */
export const JOURNALS: readonly Act[] = ['trial', 'rollout', 'schedule']

/** An entry of a journal and where it happened. */
export type Placed = Readonly<{ entry: Entry; place: Place }>

/** A run's entries in order, with their places. @throws `journal.broken`, `journal.newer` */
export async function* trailOf(store: Store, run: string): AsyncGenerator<Placed, void, undefined> {
  let places = new Places(null)
  for await (const sealed of store.read(run)) {
    const entry = readEntry(sealed)
    if (entry.type === 'PlanPinned') places = new Places(await planContent(store, entry.data['plan']))
    yield { entry, place: places.of(entry) }
  }
}

async function planContent(store: Store, digest: unknown) {
  const text = typeof digest === 'string' ? await store.plan(digest) : undefined
  return text === undefined ? null : readPlan(text).content
}

/**
 * Verifies a run's chain in the store, up to its end: the run's own row is an anchor for a cut tail, and the plan that it pinned must be there.
 * @throws `journal.newer`
 */
export async function verifyRun(store: Store, row: RunRow, anchors: readonly Anchor[]): Promise<ChainVerdict> {
  const own: Anchor[] = row.entries > 0 ? [{ run: row.run, seq: row.entries, hash: row.head }] : []
  const chain = new ChainVerifier(row.run, [...anchors, ...own])
  let outcome: unknown = null
  for await (const sealed of store.read(row.run)) {
    const entry = chain.add(sealed)
    if (entry?.type === 'PlanPinned') await checkPlan(store, chain, entry)
    if (entry?.type === 'RunFinished') outcome = entry.data['outcome']
  }
  // A row that says so by mistake hides a run that nobody would drive any more. One that was read before the end says nothing yet.
  if (row.outcome !== null && row.outcome !== outcome)
    chain.report('changed', `the store says that the run has ended (${row.outcome}), and its journal says otherwise`)
  const verdict = chain.end()
  // The journal of a schedule has no end that could be missing: its row is the anchor.
  return row.act === 'schedule' ? { ...verdict, finished: true } : verdict
}

async function checkPlan(store: Store, chain: ChainVerifier, { data, seq }: Entry): Promise<void> {
  const digest = data['plan']
  const text = typeof digest === 'string' ? await store.plan(digest) : undefined
  if (text === undefined) {
    chain.report('plan-missing', 'the plan that the run pinned is not in the store', seq)
    return
  }
  try {
    if (readPlan(text).digest !== digest) chain.report('plan-changed', 'the stored plan is not the one that the run pinned', seq)
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    chain.report('plan-changed', error.message, seq)
  }
}

/** Verifies every run of a store. */
export async function verifyStore(store: Store, rows: readonly RunRow[], anchors: readonly Anchor[] = []): Promise<ChainVerdict[]> {
  const verdicts: ChainVerdict[] = []
  for (const row of rows) verdicts.push(await verifyRun(store, row, anchors))
  const known = new Set(rows.map(({ run }) => run))
  for (const { run, seq } of anchors) {
    if (known.has(run)) continue
    known.add(run)
    verdicts.push({
      run,
      entries: 0,
      head: null,
      finished: false,
      breaks: [{ run, seq, reason: 'removed', detail: 'the whole run was seen outside, but is not in the store' }],
    })
  }
  return verdicts
}
