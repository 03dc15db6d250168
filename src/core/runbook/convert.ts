import { known } from '../../kit/assert.ts'
import { parseInstant } from '../../kit/instant.ts'
import { readPeriod } from '../../kit/period.ts'
import { amountOf, msOf, percentOf } from './amount.ts'
import type { Approval, Check, Disruption, Match as MatchDocument, RunbookDocument } from './generated.ts'
import type {
  ApprovalRule,
  ApproveRule,
  BaselineRule,
  CheckRule,
  DisruptionRule,
  DrainRule,
  GateRule,
  HookRule,
  HooksRule,
  Match,
  PatchRule,
  Runbook,
  Scope,
  Take,
  TrialRule,
  WaveRule,
  WindowRule,
  WindowTimesRule,
} from './runbook.ts'

/** The document as the engine uses it: every key present, durations in milliseconds, shares as numbers. Its inputs stand beside it. */
export function runbookOf(document: RunbookDocument): Omit<Runbook, 'inputs'> {
  const { metadata, scope, window, patches, test, baseline, rollback, feedback, limit, budget, approval, retry, drain, backup } = document
  return {
    name: metadata.name,
    title: metadata.title ?? null,
    owner: metadata.owner ?? null,
    scope: scopeOf(scope),
    window: window ? windowOf(window) : null,
    patches: patches ? patchesOf(patches) : null,
    test: test ? trialOf(test) : null,
    baseline: typeof baseline === 'string' ? 'none' : baselineOf(baseline),
    checks: Object.fromEntries(Object.entries(document.checks).map(([name, check]) => [name, checkOf(check)])),
    disruption: disruptionOf(document.disruption),
    waves: document.waves.map(waveOf),
    apply: document.apply,
    hooks: hooksOf(document.hooks),
    drain: drain ? drainOf(drain) : null,
    power: document.power,
    backup: backup ? { keepMs: msOf(backup.keep) } : null,
    rollback: { ...rollback, failures: amountOf(rollback.failures) },
    feedback: feedback ?? null,
    limit: { nodes: limit.nodes ?? null, sharePercent: percentOf(limit.share) },
    budget: budget ? { failures: amountOf(budget.failures) } : null,
    before: document.before.checks,
    after: document.after.checks,
    approval: approval ? approvalOf(approval) : null,
    retry: retry ?? null,
    driftPercent: percentOf(document.drift),
  }
}

type Part<Key extends keyof RunbookDocument> = NonNullable<RunbookDocument[Key]>
type WaveDocument = Part<'waves'>[number]

const EVERYTHING: Match = { platform: null, tags: {}, images: null, nodes: null, accounts: null, regions: null }

function scopeOf({ accounts, regions, match, exclude }: Part<'scope'>): Scope {
  return { accounts, regions, match: match ? matchOf(match) : EVERYTHING, exclude: exclude ? matchOf(exclude) : null }
}

function matchOf({ tags, ...lists }: MatchDocument): Match {
  const values = Object.entries(tags ?? {}).map(([key, value]) => [key, typeof value === 'string' ? [value] : value] as const)
  return { ...EVERYTHING, ...lists, tags: Object.fromEntries(values) }
}

function windowOf(window: Part<'window'>): WindowRule {
  const { unfinished, onGap, onOverlap, overlap, fit, freezes, breakFreeze } = window
  const jitterMs = msOf(window.jitter)
  return {
    times: window.native === undefined ? timesOf(window) : { native: window.native },
    unfinished,
    onGap,
    onOverlap,
    lateMs: Math.max(msOf(window.late), jitterMs), // One that is written and shorter than the jitter has been refused.
    overlap,
    jitterMs,
    fit,
    freezes: freezes.map(readPeriod),
    breakFreeze: breakFreeze ? approvalOf(breakFreeze) : null,
  }
}

function timesOf({ schedule, timezone, duration, cutoff, offset, start, end }: Part<'window'>): WindowTimesRule {
  return {
    schedule: known(schedule, 'the schedule of a window that is not native'),
    timezone,
    durationMs: msOf(known(duration, 'the duration of a window that is not native')),
    cutoffMs: msOf(cutoff),
    offsetDays: offset,
    start: start === undefined ? null : known(parseInstant(start), `the instant ${start}`),
    end: end === undefined ? null : known(parseInstant(end), `the instant ${end}`),
  }
}

function patchesOf({ approve, reject, reboot, kernel }: Part<'patches'>): PatchRule {
  return { approve: approve.map(approveOf), reject, reboot, kernel }
}

function approveOf(rule: Part<'patches'>['approve'][number]): ApproveRule {
  return {
    classification: rule.classification ?? null,
    severity: rule.severity ?? null,
    releasedForMs: rule.releasedFor === undefined ? null : msOf(rule.releasedFor),
    cves: rule.cves ?? null,
    advisories: rule.advisories ?? null,
    names: rule.names ?? null,
  }
}

function trialOf({ match, lead, perAmi, soak, checks, onFailure }: Part<'test'>): TrialRule {
  return { match: matchOf(match), leadMs: msOf(lead), perAmi, soakMs: msOf(soak), checks, onFailure }
}

function baselineOf({ path, maxAge, approval }: Exclude<Part<'baseline'>, string>): BaselineRule {
  return { path, maxAgeMs: msOf(maxAge), approval: approval ? approvalOf(approval) : null }
}

function hooksOf({ beforeNode, afterNode, onExit }: Part<'hooks'>): HooksRule {
  const hookOf = (hook: typeof beforeNode, onFailure: HookRule['onFailure']): HookRule | null => (hook ? one(hook, onFailure) : null)
  const one = (hook: NonNullable<typeof beforeNode>, standard: HookRule['onFailure']): HookRule => ({
    run:
      hook.script === undefined
        ? { kind: 'document', document: known(hook.document, 'a hook’s document') }
        : { kind: 'script', script: hook.script },
    timeoutMs: msOf(hook.timeout),
    onFailure: hook.onFailure ?? standard,
  })
  return { before: hookOf(beforeNode, 'skip-node'), after: hookOf(afterNode, 'fail-node'), exit: hookOf(onExit, 'fail-node') }
}

const drainOf = ({ targetGroups, wait, autoScaling }: Part<'drain'>): DrainRule => ({
  targetGroups,
  waitMs: wait === 'from-target' ? null : msOf(wait),
  autoScaling,
})

const approvalOf = ({ group, count, expires }: Approval): ApprovalRule => ({ group, count, expiresMs: msOf(expires) })

function checkOf(check: Check): CheckRule {
  switch (check.type) {
    case 'agent-ping':
    case 'instance-status':
      return check
    case 'script':
      return { type: 'script', run: check.run, timeoutMs: msOf(check.timeout) }
    case 'http':
      return { type: 'http', url: check.url, withinMs: msOf(check.within), status: check.status }
  }
}

function disruptionOf(limits: Disruption): readonly DisruptionRule[] {
  return limits.map(({ per, atMost }) => (atMost === undefined ? { per, oneAtATime: true } : { per, atMost: amountOf(atMost) }))
}

function waveOf({ name, take, spread, concurrency, disruption, gate }: WaveDocument): WaveRule {
  return { name, take: takeOf(take), spread, concurrency: amountOf(concurrency), disruption: disruptionOf(disruption), gate: gateOf(gate) }
}

function takeOf(take: WaveDocument['take']): Take {
  if (take === 'rest') return { kind: 'rest' }
  return typeof take === 'object' ? { kind: 'match', match: matchOf(take.match) } : { kind: 'amount', amount: amountOf(take) }
}

function gateOf({ failures, hard, bake, checks, evidence, approval, holdFor }: WaveDocument['gate']): GateRule {
  return {
    failures: amountOf(failures),
    hard,
    bakeMs: msOf(bake),
    checks,
    evidencePercent: evidence === undefined ? null : percentOf(evidence),
    approval: approval ? approvalOf(approval) : null,
    holdForMs: holdFor === undefined ? null : msOf(holdFor),
  }
}
