import { known } from '../../kit/assert.ts'
import type { Digest } from '../../kit/digest.ts'
import { PatchwaveError } from '../../kit/error.ts'
import type { NodeId } from '../../kit/ids.ts'
import type { Instant, Ms } from '../../kit/instant.ts'
import type { Runbook, WaveRule } from '../runbook/runbook.ts'
import { roundedDown, roundedUp } from './amount.ts'
import type { StoredBaseline } from './baseline.ts'
import type { CalendarRule } from './calendar.ts'
import { canonicalDigest } from './canonical.ts'
import { debNodeRemarks, debPatchRemarks } from './deb-rules.ts'
import { callsOf, worstCases } from './estimate.ts'
import { isGone, type Accounts, type ImageSeen, type NodeSeen } from './fleet.ts'
import type { RunDurations } from './durations.ts'
import { fitOf, unfit } from './fit.ts'
import { forecast } from './forecast.ts'
import type { Freeze } from './freeze.ts'
import { grouping, tighterIn, type Grouping } from './groups.ts'
import { lineageOf, lineages, type Lineages } from './lineage.ts'
import { pin, type Pinning } from './pin.ts'
import { roomOf } from './openings.ts'
import type { Patch, Plan, PlanContent, PlannedNode, PlannedWave, TrialPlan } from './plan.ts'
import { headlineOf, irreversibleOf, kernelRemarks, plural, untaggedRemarks } from './remarks.ts'
import { byPlace, hindrance, rolloutNodes, testNodes, trialNodes, type Names } from './select.ts'
import { fewest, touchedIn, trimmed, TRIMMED } from './trim.ts'
import { partition, type Candidate, type Parted } from './waves.ts'

export { planText, readPlan } from './plan-file.ts'

/** All that a plan is made from. The same input, in any order, makes the same digest. */
export type PlanInput = Readonly<{
  runbook: Runbook
  inputs: Readonly<Record<string, string>>
  accounts: Accounts
  /** Every managed node of the cells that the scope names, matching or not. */
  fleet: readonly NodeSeen[]
  images: readonly ImageSeen[]
  /** The tag of the config that names an image's lineage. */
  imageTag: string | null
  /** Approved baselines by `baselineKey`. */
  baselines: ReadonlyMap<string, StoredBaseline>
  /** What nodes miss, for `baseline: none`. */
  missing: ReadonlyMap<NodeId, readonly Patch[]>
  /** What is to be said of how `missing` was found. */
  remarks?: readonly string[]
  documents: Readonly<Record<string, Digest>>
  now: Instant
  /** The window's calendar; null or absent: there is none, or it is an SSM maintenance window that is disabled. */
  calendar?: CalendarRule | null
  /** The opening that it is made for; absent: the next one. */
  opening?: Instant
  /** The window that the run opens itself, at once, instead of waiting for the calendar's. */
  own?: Readonly<{ durationMs: Ms; cutoffMs: Ms }> | null
  /** How long after an opening the run begins. */
  delayMs?: (opens: Instant) => Ms
  /** Periods in which nothing may start, as far as the openings that are shown. They warn, and are no part of the digest. */
  freezes?: readonly Freeze[]
  /** What earlier runs took; none: a stated default. */
  history?: readonly RunDurations[]
  /** A rehearsal: more than the default `limit.share` is a warning instead of a refusal. A limit that the runbook itself says always holds. */
  lenient?: boolean
}>

/** The default of `limit.share`. */
const SHARE_PERCENT = 60

/**
 * The rollout's plan: waves over the runbook's nodes with their pinned lists; a scan when the runbook has no `patches`. What is predicted not to
 * fit the window is warned of, refused or trimmed, as `window.fit` says.
 * @throws `plan.empty`, `plan.limit`, `plan.unfit`, `config.invalid` (an account without an id), `schedule.invalid`
 */
export function makePlan(input: PlanInput): Plan {
  const { runbook, fleet } = input
  const names = namesOf(input)
  const nodes = rolloutNodes(runbook, fleet, names)
  const pinning = pin(runbook, nodes, { ...input, lineages: names.lineages })
  const made = assemble(input, names, nodes, pinning, runbook.waves)
  const content: PlanContent = { ...common(input, made), act: 'rollout', work: runbook.patches === null ? 'scan' : 'apply', trial: null }
  const blast = refuse(input, content)
  const remarks = [...baselineRemarks(content, pinning), ...(input.remarks ?? []), ...lostDebs(input), ...blast, ...made.remarks]
  return fitted(input, content, remarks)
}

/** The plan as the window's `fit` wants it. */
function fitted(input: PlanInput, content: PlanContent, remarks: readonly string[]): Plan {
  const plan = finish(input, content, remarks)
  const rule = input.runbook.window?.fit ?? 'warn'
  if (plan.fit === undefined || plan.fit.fits) return plan
  const notFitting = `the forecast does not fit the window: ${plan.fit.why}`
  if (rule === 'warn') return { ...plan, warnings: [...plan.warnings, notFitting] }
  if (rule === 'refuse') throw unfit(plan.fit)
  const { fit } = plan
  const quick = (some: number): boolean =>
    fitOf(forecast(trimmed(content, some), input.history ?? [], plan.digest, PROBE_RUNS), fit, fit.startAt).fits
  const surely = (some: number): boolean => known(finish(input, trimmed(content, some), remarks).fit, 'the fit').fits
  const count = fewest(touchedIn(content) - 1, quick, surely)
  if (count === null) throw unfit(plan.fit)
  const remark = `${plural(count, 'node')} left out (${TRIMMED}): ${notFitting}`
  return finish(input, trimmed(content, count), [remark, ...remarks])
}

/** While it is only being looked how many nodes to leave out, few runs are simulated. */
const PROBE_RUNS = 24

/**
 * The trial's plan: one wave with the nodes to test, side by side as far as the disruption limits allow. Its lists are made during the run.
 * @throws as `makePlan`; `runbook.invalid` when the runbook has nothing to test
 */
export function makeTrialPlan(input: PlanInput): Plan {
  const { runbook, fleet } = input
  const { test, baseline, patches } = runbook
  if (test === null || patches === null || baseline === 'none') {
    throw new PatchwaveError('runbook.invalid', 'there is nothing to try: the trial needs test, patches and a baseline', {
      hint: 'add them, or run the rollout alone',
    })
  }
  const names = namesOf(input)
  const chosen = trialNodes(testNodes(runbook, fleet, names), test.perAmi, names.lineages)
  const nothing: Pinning = { lists: [], of: () => ({ list: null, skip: null }), stale: [] }
  const made = assemble(input, names, [...chosen.values()].flat().sort(byPlace), nothing, [trialWave(test)])
  const rollout = rolloutNodes(runbook, fleet, names).filter((node) => !node.hybrid && hindrance(node) !== 'unsupported-platform')
  const trial: TrialPlan = {
    lineages: testedLineages(chosen, made.nodes, rollout, names.lineages),
    path: baseline.path,
    approval: baseline.approval,
  }
  const content: PlanContent = { ...common(input, made), act: 'trial', work: 'apply', trial, before: [], after: [], approval: null }
  refuse(input, content)
  const untried = rollout.filter((node) => !chosen.has(lineageOf(names.lineages, node.region, node.ami)))
  const images = new Set(untried.map((node) => lineageOf(names.lineages, node.region, node.ami))).size
  const remark =
    untried.length === 0
      ? []
      : [`${plural(untried.length, 'node')} of ${plural(images, 'image')} without a node to test: they will be skipped as untested`]
  return finish(input, content, [...remark, ...(input.remarks ?? []), ...made.remarks])
}

const namesOf = (input: PlanInput): Names => ({ accounts: input.accounts, lineages: lineages(input.images, input.imageTag) })

function trialWave({ soakMs, checks }: NonNullable<Runbook['test']>): WaveRule {
  const gate = {
    failures: { kind: 'count', count: 0 },
    hard: false,
    bakeMs: soakMs,
    checks,
    evidencePercent: null,
    approval: null,
    holdForMs: null,
  } as const
  return { name: 'trial', take: { kind: 'rest' }, spread: [], concurrency: { kind: 'share', percent: 100 }, disruption: [], gate }
}

/** A lineage's baseline is for every account that has nodes of it to patch; without any, for those that it was tested in. All nodes come by place. */
function testedLineages(
  chosen: ReadonlyMap<string, readonly NodeSeen[]>,
  planned: readonly PlannedNode[],
  rollout: readonly NodeSeen[],
  knownLineages: Lineages,
): TrialPlan['lineages'] {
  const positions = new Map(planned.map((node, position) => [node.node, position]))
  const byImage = Map.groupBy(rollout, (node) => lineageOf(knownLineages, node.region, node.ami))
  return [...chosen].map(([image, nodes]) => ({
    image,
    nodes: nodes.map((node) => known(positions.get(node.node), node.node)),
    accounts: [...new Set((byImage.get(image) ?? nodes).map((node) => node.account))],
  }))
}

/** The parts of a plan that positions tie together. */
type Assembled = Readonly<Pick<PlanContent, 'nodes' | 'groups' | 'waves' | 'lists'> & { remarks: readonly string[] }>

function assemble(input: PlanInput, names: Names, nodes: readonly NodeSeen[], pinning: Pinning, rules: readonly WaveRule[]): Assembled {
  const { runbook, fleet } = input
  const everywhere = grouping(runbook, nodes, fleet)
  const candidates = nodes.map((node): Candidate => ({ node, skip: pinning.of(node).skip, groups: everywhere.of(node) }))
  const { waves, empty } = partition(rules, candidates, names)
  const used = [...new Set(waves.flatMap((wave) => wave.nodes))].sort((a, b) => a - b)
  const position = new Map(used.map((candidate, index) => [candidate, index]))
  const chosen = used.map((candidate) => known(nodes[candidate], 'a candidate'))
  const groups = grouping(runbook, chosen, fleet)
  const lists = [...new Set(chosen.flatMap((node) => pinning.of(node).list ?? []))].sort((a, b) => a - b)
  const planned = chosen.map((node) => plannedNode(node, groups, pinning, lists))
  return {
    nodes: planned,
    groups: groups.groups,
    lists: lists.map((list) => known(pinning.lists[list], 'a list')),
    waves: waves.map((wave) =>
      plannedWave({ ...wave, nodes: wave.nodes.map((one) => known(position.get(one), 'a node')) }, planned, groups),
    ),
    remarks: [...empty.map((name) => `wave ${name} has no node left to touch and is left out`), ...untaggedRemarks(runbook, chosen)],
  }
}

function plannedNode(node: NodeSeen, groups: Grouping, pinning: Pinning, lists: readonly number[]): PlannedNode {
  const { list, skip } = pinning.of(node)
  const { account, region, ami, zone, platform } = node
  return {
    node: node.node,
    account,
    region,
    ami,
    zone,
    platform,
    groups: groups.of(node),
    list: list === null ? null : lists.indexOf(list),
    skip,
  }
}

function plannedWave({ rule, nodes, touched, unrepresented }: Parted, planned: readonly PlannedNode[], { groups }: Grouping): PlannedWave {
  const { failures, ...gate } = rule.gate
  const used = new Set(nodes.flatMap((position) => known(planned[position], 'a node').groups))
  return {
    name: rule.name,
    nodes,
    concurrency: Math.min(Math.max(1, touched), roundedUp(rule.concurrency, touched)),
    tighter: tighterIn(rule.disruption, groups, used),
    gate: { failuresMax: roundedDown(failures, touched), ...gate },
    unrepresented,
  }
}

function common(input: PlanInput, made: Assembled): Omit<PlanContent, 'act' | 'work' | 'trial'> {
  const { runbook, inputs, documents } = input
  const touched = made.nodes.filter((node) => node.skip === null).length
  const { nodes, groups, waves, lists } = made
  return {
    v: 1,
    undoes: null,
    runbook,
    inputs,
    nodes,
    groups,
    waves,
    lists,
    checks: runbook.checks,
    before: runbook.before,
    after: runbook.after,
    budgetMax: runbook.budget === null ? null : roundedDown(runbook.budget.failures, touched),
    rollback: { ...runbook.rollback, failuresMax: roundedDown(runbook.rollback.failures, touched) },
    retry: runbook.retry,
    approval: runbook.approval,
    feedback: runbook.feedback,
    reboot: runbook.patches?.reboot ?? 'never',
    documents,
  }
}

/** A scan and the few nodes of a trial are no blast; what a mistyped tag would patch is. */
function refuse({ runbook, fleet, lenient }: PlanInput, content: PlanContent): string[] {
  if (content.nodes.length === 0) {
    const hint =
      content.act === 'trial'
        ? 'look at test.match and whether its nodes are online'
        : 'look at scope.match, and at what the config’s accounts can see'
    throw new PatchwaveError('plan.empty', `${runbook.name} selects no node${content.act === 'trial' ? ' to test' : ''}`, { hint })
  }
  const { nodes, sharePercent } = runbook.limit
  const touched = content.nodes.filter((node) => node.skip === null).length
  if (nodes !== null && touched > nodes) {
    throw new PatchwaveError('plan.limit', `the plan touches ${plural(touched, 'node')}, limit.nodes is ${String(nodes)}`, {
      hint: 'narrow the scope or raise limit.nodes',
    })
  }
  if (content.act === 'trial' || content.work === 'scan') return []
  const seen = new Set(fleet.filter((node) => !isGone(node)).map((node) => node.node)).size
  if (touched <= roundedDown({ kind: 'share', percent: sharePercent }, seen)) return []
  const tooMany = `the plan touches ${String(touched)} of ${plural(seen, 'managed node')}, more than limit.share of ${String(sharePercent)}%`
  if (lenient === true && sharePercent === SHARE_PERCENT)
    return [`${tooMany}: outside a rehearsal this is refused unless the runbook's limit says so`]
  throw new PatchwaveError('plan.limit', tooMany, {
    hint: 'narrow the scope, or say limit: { share: … } when so many are meant',
  })
}

function baselineRemarks(content: PlanContent, { stale }: Pinning): string[] {
  const untested = content.lists.some((list) => list.baseline === null)
  const skipped = content.nodes.filter((node) => node.skip === 'untested').length
  return [
    ...(untested ? ['UNTESTED: the lists come from what the nodes miss, no trial has installed them'] : []),
    ...(skipped > 0 ? [`${plural(skipped, 'node')} skipped as untested: no approved baseline covers the image`] : []),
    ...stale.map((key) => `the baseline of ${key} is older than baseline.maxAge and does not count`),
  ]
}

/** Missing debs that a rule would approve, were they to carry what it asks for. */
const lostDebs = ({ runbook, missing, now }: PlanInput): string[] =>
  runbook.patches === null ? [] : debPatchRemarks(runbook.patches, missing.values(), now)

/** Puts beside the content what a person wants to see of it. */
function finish(input: PlanInput, content: PlanContent, remarks: readonly string[]): Plan {
  const digest = canonicalDigest(content)
  const foreseen = forecast(content, input.history ?? [], digest)
  const room = roomOf(input)
  const fit = content.act === 'rollout' && room.first ? fitOf(foreseen, room.first, room.first.startAt) : null
  return {
    digest,
    content,
    madeAt: input.now,
    headline: headlineOf(content),
    worstCase: worstCases(content),
    windows: room.windows,
    forecast: foreseen,
    ...(fit && { fit }),
    ...(room.zone !== null && { zone: room.zone }),
    calls: callsOf(content),
    irreversible: irreversibleOf(content),
    warnings: [
      ...remarks,
      ...kernelRemarks(content),
      ...debNodeRemarks(
        input.runbook.patches,
        content.nodes.filter(({ skip }) => skip === null || skip === 'untested'),
      ),
      ...(content.act === 'rollout' ? room.remarks : []),
    ],
  }
}
