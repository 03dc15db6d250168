import { iso, isoSeconds, plus, type Instant, type Ms } from '../kit/instant.ts'
import { recordOf } from '../core/audit/record.ts'
import type { Forecast, Plan, PlannedNode, PlannedWave, WindowTimes } from '../core/plan/plan.ts'
import { lowerBoundMs } from '../core/run/bound.ts'
import { OUTCOMES } from '../core/run/event.ts'
import { tally } from '../core/run/finish.ts'
import type { RunState } from '../core/run/state.ts'
import { causesOf, viewOf, type RunView, type WaveView } from '../core/run/view.ts'
import { cellKey } from '../kit/ids.ts'
import type { Sealed } from '../ports/store.ts'
import type { Throttle } from '../ports/world.ts'
import { aroundOf } from './render/around.ts'

type Shape = Readonly<Record<string, unknown>>

/** A fact as a line of `run --json`. */
export function factShape(sealed: Sealed): Shape {
  const { type, at, run, seq, actor, where, data } = recordOf(sealed)
  return { type, at, run, seq, actor, ...(where && { where }), ...data }
}

/** When the work of a run began and ended, and the calls that it took. */
export type Measured = Readonly<{
  startedAt: Instant
  finishedAt: Instant
  calls: Readonly<Record<string, number>>
  /** The quota that was met last. */
  throttle?: Throttle | null
}>

/** The last line of an act. */
export function finishedShape(state: RunState, measured: Measured): Shape {
  const { phase, run, planDigest, plan } = state
  const ended = phase.name === 'finished' ? phase : { outcome: 'stopped', reason: '' }
  return {
    type: 'run.finished',
    at: iso(measured.finishedAt),
    run,
    runbook: plan.runbook.name,
    act: plan.act,
    outcome: ended.outcome,
    reason: ended.reason,
    digest: planDigest,
    nodes: tally(state, true),
    causes: causesOf(state),
    waves: viewOf(state).waves.map((wave) => ({ name: wave.name, outcome: waveOutcome(wave.state), nodes: waveNodes(wave) })),
    calls: measured.calls,
    ...(measured.throttle && { quota: quotaShape(measured.throttle) }),
    startedAt: iso(measured.startedAt),
    finishedAt: iso(measured.finishedAt),
    lowerBoundSeconds: Math.round(lowerBoundMs(state)) / 1000,
    undoes: state.undoes,
  }
}

const quotaShape = ({ cell, call, count, perSecond, at }: Throttle): Shape => ({
  cell: cellKey(cell),
  call,
  throttles: count,
  perSecond: Math.round(perSecond * 10) / 10,
  at: iso(at),
})

/** What a wave has come to once its run has ended. */
export function waveOutcome(word: string): string {
  if (word === 'queued') return 'not-started'
  return word === 'passed' || word === 'failed' ? word : 'stopped'
}

/** A wave's nodes by outcome, `total` included; those that never got one as `open`, left out when there is none. */
export function waveNodes({ nodes, total }: WaveView): Readonly<Record<string, number>> {
  const { open, ...ended } = nodes
  return { total, ...ended, ...(open > 0 && { open }) }
}

/** `status --json` of one run; `waves` with them. */
export function statusShape(view: RunView, waves: boolean): Shape {
  const { run, runbook, act, state, reason, wave, nodes, window, waitsFor, inFlight, returning, notBack, causes } = view
  return {
    run,
    runbook,
    act,
    state,
    ...(reason !== '' && { reason }),
    ...(wave !== null && { wave }),
    nodes,
    inFlight,
    ...(returning > 0 && { returning }),
    ...(notBack.length > 0 && { notBack }),
    ...(causes.length > 0 && { causes }),
    ...(window !== null && {
      window: { opens: isoSeconds(window.opens), cutoff: isoSeconds(window.cutoff), closes: isoSeconds(window.closes) },
    }),
    ...(waitsFor !== null && { waitsFor }),
    ...(waves && {
      waves: view.waves.map((one) => ({ name: one.name, state: one.state, nodes: waveNodes(one), checks: one.checks, why: one.why })),
    }),
  }
}

/** `plan --json`. A wave lists the nodes that it will touch; the others stand under `skipped` with their reason. */
export function planShape(plan: Plan): Shape {
  const { content } = plan
  return {
    digest: plan.digest,
    runbook: content.runbook.name,
    act: content.act,
    work: content.work,
    headline: plan.headline,
    waves: content.waves.map((wave) => waveShape(plan, wave)),
    skipped: skippedIn(plan),
    around: aroundOf(content),
    windows: plan.windows.map(windowShape),
    forecast: forecastShape(plan),
    calls: plan.calls,
    irreversible: plan.irreversible,
    worstCase: plan.worstCase,
    patches: content.lists.map((list) => ({
      account: list.account,
      image: list.image,
      untested: list.baseline === null,
      baseline: baselineShape(list.baseline),
      digest: list.digest,
      patches: list.patches,
    })),
    trial: content.trial,
    warnings: plan.warnings,
    madeAt: iso(plan.madeAt),
  }
}

const windowShape = ({ opens, cutoff, closes }: WindowTimes): Shape => ({
  opens: isoSeconds(opens),
  cutoff: isoSeconds(cutoff),
  closes: isoSeconds(closes),
})

const seconds = (ms: Ms): number => Math.round(ms / 1000)

const intervalShape = ({ lowMs, medianMs, highMs }: Pick<Forecast, 'lowMs' | 'medianMs' | 'highMs'>): Shape => ({
  lowSeconds: seconds(lowMs),
  medianSeconds: seconds(medianMs),
  highSeconds: seconds(highMs),
})

/** Spans count from the beginning of the run; with a window, the ends of the interval are given as instants too. */
function forecastShape({ forecast, fit, zone }: Plan): Shape {
  const { lowMs, highMs, nodeHighMs, waves, basis } = forecast
  return {
    ...intervalShape(forecast),
    nodeHighSeconds: seconds(nodeHighMs),
    waves: waves.map(({ wave, lastStartMs, ...interval }) => ({
      name: wave,
      ...intervalShape(interval),
      lastStartSeconds: seconds(lastStartMs),
    })),
    basis,
    ...(fit && {
      window: windowShape(fit),
      startsAt: isoSeconds(fit.startAt),
      endsFrom: isoSeconds(plus(fit.startAt, lowMs)),
      endsBy: isoSeconds(plus(fit.startAt, highMs)),
      fits: fit.fits,
      ...(!fit.fits && { why: fit.why }),
      timezone: zone ?? 'UTC',
    }),
  }
}

function waveShape(plan: Plan, wave: PlannedWave): Shape {
  return {
    name: wave.name,
    nodes: touchedIn(plan, wave).map((node) => nodeShape(plan, node)),
    concurrency: wave.concurrency,
    gate: wave.gate,
    unrepresented: wave.unrepresented,
    tighter: wave.tighter.map(({ group, atMost }) => ({ group: plan.content.groups[group]?.key, atMost })),
  }
}

/** The nodes of a wave that it will touch, in the order in which they start. */
export const touchedIn = (plan: Plan, wave: PlannedWave): PlannedNode[] =>
  wave.nodes.flatMap((position) => {
    const node = plan.content.nodes[position]
    return node === undefined || node.skip !== null ? [] : [node]
  })

function nodeShape(plan: Plan, { node, account, region, ami, zone, list }: PlannedNode): Shape {
  const pinned = list === null ? undefined : plan.content.lists[list]
  return {
    node,
    account,
    region,
    ami,
    zone,
    ...(pinned?.baseline && { baseline: baselineShape(pinned.baseline) }),
    ...(pinned && pinned.baseline === null && { untested: true }),
  }
}

const baselineShape = (baseline: Plan['content']['lists'][number]['baseline']): Shape | null =>
  baseline === null ? null : { path: baseline.path, version: baseline.version, digest: baseline.digest }

function skippedIn({ content }: Plan): Shape[] {
  const waveOf = new Map(content.waves.flatMap((wave) => wave.nodes.map((position) => [position, wave.name] as const)))
  return content.nodes.flatMap(({ node, account, region, ami, zone, skip }, position) =>
    skip === null ? [] : [{ node, account, region, ami, zone, reason: skip, ...(waveOf.has(position) && { wave: waveOf.get(position) }) }],
  )
}

/** Words of outcomes in the order in which people want them. */
export const OUTCOME_WORDS: readonly string[] = OUTCOMES.filter((word) => word !== 'open')
