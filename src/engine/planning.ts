import { known } from '../kit/assert.ts'
import { mapBounded } from '../kit/bounded.ts'
import { PatchwaveError } from '../kit/error.ts'
import { plus, type Instant } from '../kit/instant.ts'
import { baselineKey, baselinePath, type StoredBaseline } from '../core/plan/baseline.ts'
import { canonicalDigest } from '../core/plan/canonical.ts'
import { nextOpenings } from '../core/plan/calendar.ts'
import { documentsOf } from '../core/plan/documents.ts'
import { callsOf, worstCases } from '../core/plan/estimate.ts'
import { forecast } from '../core/plan/forecast.ts'
import { WINDOWS_SHOWN } from '../core/plan/openings.ts'
import { drift, driftReason } from '../core/plan/drift.ts'
import { familyOf } from '../core/plan/fleet.ts'
import { lineageOf, lineages, type Lineages } from '../core/plan/lineage.ts'
import { makePlan, makeTrialPlan, type PlanInput } from '../core/plan/make.ts'
import type { Plan, PlanContent } from '../core/plan/plan.ts'
import { headlineOf } from '../core/plan/remarks.ts'
import { rolloutNodes, testNodes, trialNodes, type Names } from '../core/plan/select.ts'
import { needsRollback } from '../core/run/evolve-waves.ts'
import { at, codeOf, type RunState } from '../core/run/state.ts'
import { NOW_WINDOW, type Runbook } from '../core/runbook/runbook.ts'
import { shownSchedule, freezesOf, hasFreezes } from './almanac.ts'
import { cellsOf, readFleet, type FleetNow } from './census.ts'
import { bucketOf } from './effects/patch-manager.ts'
import { jitterOf } from './effects/window.ts'
import { readHistory } from './history.ts'
import { hookRemarks } from './hook-remarks.ts'
import { missingPatches, NOTHING_MISSING } from './missing.ts'
import { openRun } from './open.ts'
import { APPROVED, readBaseline } from './shelf.ts'
import type { World } from './world.ts'

/** What a plan is asked for. */
export type PlanRequest = Readonly<{
  runbook: Runbook
  inputs: Readonly<Record<string, string>>
  /** The run is to open a window of its own, at once. */
  now?: boolean
  /** The opening that it is made for; absent: the next one. */
  opening?: Instant
}>

/** Baselines and nodes read side by side; Parameter Store gives 40 reads a second. */
const READS_AT_ONCE = 8

/** Reads AWS once and makes the plan of the act that is due: the trial's, unless fresh baselines stand or the runbook wants none. Changes nothing. */
export async function planDue(world: World, request: PlanRequest, signal: AbortSignal): Promise<Plan> {
  const { test, patches, baseline } = request.runbook
  if (test === null || patches === null || baseline === 'none') return planRollout(world, request, signal)
  const read = await readAll(world, request.runbook, signal)
  return (await areFresh(world, request, read, signal))
    ? rolloutOf(world, request, read, signal)
    : makeTrialPlan(await inputOf(world, request, read, signal))
}

/** Reads AWS and makes the rollout's plan. Changes nothing. @throws as `makePlan`, and `aws.*` */
export async function planRollout(world: World, request: PlanRequest, signal: AbortSignal): Promise<Plan> {
  return rolloutOf(world, request, await readAll(world, request.runbook, signal), signal)
}

async function rolloutOf(world: World, request: PlanRequest, read: Read, signal: AbortSignal): Promise<Plan> {
  const baselines = await approvedBaselines(world, request.runbook, read, signal)
  const missing =
    request.runbook.baseline === 'none' && request.runbook.patches !== null
      ? await missingPatches(world, rolloutNodes(request.runbook, read.nodes, read.names), signal)
      : NOTHING_MISSING
  const input = await inputOf(world, request, read, signal)
  return makePlan({ ...input, baselines, ...missing, remarks: [...input.remarks, ...missing.remarks] })
}

/** Reads AWS and makes the trial's plan. Changes nothing. */
export async function planTrial(world: World, request: PlanRequest, signal: AbortSignal): Promise<Plan> {
  return makeTrialPlan(await inputOf(world, request, await readAll(world, request.runbook, signal), signal))
}

/** Whether every image of the rollout that could be tested has an approved baseline that is young enough. */
export async function baselinesFresh(world: World, request: PlanRequest, signal: AbortSignal): Promise<boolean> {
  const { runbook } = request
  const { test, baseline } = runbook
  if (test === null || baseline === 'none') return true
  return areFresh(world, request, await readAll(world, runbook, signal), signal)
}

async function areFresh(world: World, { runbook }: PlanRequest, read: Read, signal: AbortSignal): Promise<boolean> {
  const { test, baseline } = runbook
  if (test === null || baseline === 'none') return true
  const testable = trialNodes(testNodes(runbook, read.nodes, read.names), test.perAmi, read.names.lineages)
  const baselines = await approvedBaselines(world, runbook, read, signal)
  const now = world.clock.now()
  return keysOf(runbook, read).every(({ account, image }) => {
    const stored = baselines.get(baselineKey(account, image))
    return !testable.has(image) || (stored !== undefined && stored.storedAt + baseline.maxAgeMs >= now)
  })
}

/** @throws `plan.drift` when the fleet, a document or a baseline is no longer what the plan was made from */
export async function checkDrift(world: World, plan: Plan, signal: AbortSignal): Promise<void> {
  const { content } = plan
  const read = await readAll(world, content.runbook, signal)
  const found = drift(content, read.nodes, read.names)
  const why = driftReason(found) ?? changedDocument(world, content) ?? (await lostBaseline(world, content, signal))
  if (why === null) return
  const named = [
    ...found.refused.map((one) => `${one.node} (${one.what})`),
    ...found.listed.gone.map((node) => `${node} (gone)`),
    ...found.listed.new.map((node) => `${node} (new)`),
    ...found.listed.stopped.map((node) => `${node} (stopped)`),
  ]
  const list =
    named.length > 0 ? `: ${named.slice(0, 20).join(', ')}${named.length > 20 ? `, and ${String(named.length - 20)} more` : ''}` : ''
  throw new PatchwaveError('plan.drift', `${why}${list}`, { hint: 'make the plan anew, and have it approved anew' })
}

function changedDocument(world: World, content: PlanContent): string | null {
  const changed = Object.entries(content.documents).find(([name, hash]) => world.scripts.get(name)?.hash !== hash)
  return changed ? `document ${changed[0]} is another one now` : null
}

async function lostBaseline(world: World, content: PlanContent, signal: AbortSignal): Promise<string | null> {
  for (const { baseline } of content.lists) {
    if (baseline === null) continue
    const stored = await readBaseline(world, baseline.path, baseline.version, signal)
    if (stored?.digest !== baseline.digest) return `baseline ${baseline.path}:${String(baseline.version)} is gone or another one`
  }
  return null
}

/** The plan of a run that undoes a finished one: its waves in reverse order, only nodes that it touched. */
export async function planRollback(world: World, run: string): Promise<Plan> {
  const { state, plan } = await world.clock.hold(() => openRun(world.store, run))
  const { content } = plan
  const touched = content.nodes.map((_, position) => needsRollback(state, position) || isLeft(state, position))
  if (!touched.includes(true))
    throw new PatchwaveError('plan.empty', `run ${run} changed no node that could be rolled back`, {
      hint: 'see `patchwave status` for what it did',
    })
  if (content.rollback.method === 'none' || content.rollback.on === 'never')
    throw new PatchwaveError('plan.invalid', `the runbook of run ${run} says that nothing is rolled back`, {
      hint: 'see rollback.on and rollback.method in its plan',
    })
  const waves = content.waves.toReversed().flatMap((wave) => {
    const nodes = wave.nodes.filter((position) => touched[position] === true).toReversed()
    const gate = {
      failuresMax: content.rollback.failuresMax,
      hard: false,
      bakeMs: 0,
      checks: [],
      evidencePercent: null,
      approval: null,
      holdForMs: null,
    }
    return nodes.length > 0 ? [{ ...wave, name: `undo-${wave.name}`, nodes, gate, unrepresented: [] }] : []
  })
  const undo: PlanContent = {
    ...content,
    act: 'rollout',
    work: 'rollback',
    undoes: run,
    nodes: content.nodes.map((node, position) => ({ ...node, skip: touched[position] === true ? null : 'untouched' })),
    waves,
    trial: null,
    before: [],
    after: [],
    budgetMax: content.rollback.failuresMax, // However many waves it has: the same as in the run's own rollback.
    approval: null,
    documents: ownDocuments(world, content.runbook), // Not those of then: an upgrade since has brought others.
  }
  const digest = canonicalDigest(undo)
  const history = await readHistory(world, content.runbook.name)
  const { fit: _, ...rest } = plan
  return {
    ...rest,
    forecast: forecast(undo, history, digest),
    content: undo,
    digest,
    madeAt: world.clock.now(),
    windows: [],
    headline: headlineOf(undo),
    worstCase: worstCases(undo),
    calls: callsOf(undo),
    warnings: [`undoes run ${run}`],
  }
}

/** The run tried to restore it itself, and could not: by now that may go. Who was changed by others since is left to them. */
const isLeft = ({ plan, nodes }: RunState, position: number): boolean =>
  plan.work === 'apply' &&
  at(nodes.touched, position) === 1 &&
  at(nodes.outcome, position) === codeOf('rollback-failed') &&
  !LEFT_ALONE.has(nodes.reason[position] ?? '')

const LEFT_ALONE: ReadonlySet<string> = new Set(['gone', 'changed-since'])

type Read = FleetNow & Readonly<{ names: Names }>

async function readAll(world: World, runbook: Runbook, signal: AbortSignal): Promise<Read> {
  const fleet = await readFleet(world, cellsOf(world, runbook), signal)
  const known: Lineages = lineages(fleet.images, world.imageLineageTag)
  return { ...fleet, names: { accounts: world.accounts, lineages: known } }
}

type Input = PlanInput & Required<Pick<PlanInput, 'remarks'>>

async function inputOf(world: World, request: PlanRequest, read: Read, signal: AbortSignal): Promise<Input> {
  if (request.runbook.apply.with === 'patch-manager') bucketOf(world)
  return {
    ...(await outlookOf(world, request, signal)),
    history: await readHistory(world, request.runbook.name),
    runbook: request.runbook,
    inputs: request.inputs,
    accounts: world.accounts,
    fleet: read.nodes,
    images: read.images,
    imageTag: world.imageLineageTag,
    baselines: new Map(),
    missing: new Map(),
    remarks: await hookRemarks(world, request.runbook, read.nodes, signal),
    documents: ownDocuments(world, request.runbook),
    now: world.clock.now(),
    lenient: world.rehearsing,
  }
}

/** The documents that this engine brings for a runbook, by their hashes. */
const ownDocuments = ({ scripts }: World, runbook: Runbook): PlanContent['documents'] =>
  Object.fromEntries(documentsOf(runbook).map((name) => [name, known(scripts.get(name), name).hash]))

type Outlook = Pick<PlanInput, 'calendar' | 'opening' | 'own' | 'delayMs' | 'freezes'>

/** When the run could begin: what the window's calendar and the freezes say. Without a window it opens one of its own, as soon as it is asked for. */
async function outlookOf(world: World, { runbook, now = false, opening }: PlanRequest, signal: AbortSignal): Promise<Outlook> {
  const { window } = runbook
  const calendar = window === null ? null : await shownSchedule(world, runbook.name, window, signal)
  const times = calendar?.rule ?? calendar?.native ?? NOW_WINDOW
  const rule = calendar?.rule ?? null
  const at = world.clock.now()
  const shown = rule === null ? [] : nextOpenings(rule, opening === undefined ? at : plus(opening, -1), WINDOWS_SHOWN)
  const until = shown.at(-1)?.closes ?? plus(at, times.durationMs)
  return {
    calendar: rule,
    ...(opening !== undefined && { opening }),
    own: now || window === null ? { durationMs: times.durationMs, cutoffMs: times.cutoffMs } : null,
    delayMs: (opens) => jitterOf(runbook.name, opens, window?.jitterMs ?? 0),
    freezes: hasFreezes(world, window) ? await freezesOf(world, window, at, until, signal) : [],
  }
}

/** Every (account, image lineage) that the rollout would patch. */
function keysOf(runbook: Runbook, read: Read): { account: string; image: string }[] {
  const keys = new Map<string, { account: string; image: string }>()
  for (const node of rolloutNodes(runbook, read.nodes, read.names)) {
    if (node.hybrid || familyOf(node.platform) === undefined) continue
    const image = lineageOf(read.names.lineages, node.region, node.ami)
    keys.set(baselineKey(node.account, image), { account: node.account, image })
  }
  return [...keys.values()]
}

async function approvedBaselines(world: World, runbook: Runbook, read: Read, signal: AbortSignal): Promise<Map<string, StoredBaseline>> {
  const { baseline, patches } = runbook
  const found = new Map<string, StoredBaseline>()
  if (baseline === 'none' || patches === null) return found
  const work = async ({ account, image }: { account: string; image: string }): Promise<readonly [string, StoredBaseline | undefined]> => {
    const path = baselinePath(baseline.path, { runbook: runbook.name, account, image })
    return [baselineKey(account, image), await readBaseline(world, path, APPROVED, signal)]
  }
  for await (const [key, stored] of mapBounded(keysOf(runbook, read), READS_AT_ONCE, work)) if (stored) found.set(key, stored)
  return found
}
