import { DAY, iso, type Ms } from '../../kit/instant.ts'
import type { Patch, PinnedList, Plan, PlannedWave } from '../../core/plan/plan.ts'
import { touchedIn } from '../shapes.ts'
import { aroundLines } from './around.ts'
import { forecastLines } from './forecast-lines.ts'
import type { Paint } from './paint.ts'
import { counted, plain, span, table, tallied, when } from './text.ts'

/** Patches of a list that are named before the rest is only counted. */
const PATCHES_SHOWN = 8
/** CVEs of a patch that are named; a kernel may fix hundreds. */
const CVES_SHOWN = 2

/** What a person reads before approving: the headline first, then what happens where, how bad it may get, and what cannot be undone. */
export function planPage(plan: Plan, paint: Paint): string[] {
  const { content } = plan
  const title = `${content.act} of ${content.runbook.name}${content.work === 'apply' ? '' : ` (${content.work})`}`
  return [
    `${paint.strong(title)}: ${headline(plan, paint)}`,
    ...plan.warnings.map((warning) => paint.wait(`! ${plain(warning)}`)),
    ...section(
      'waves',
      content.waves.flatMap((wave) => waveLines(plan, wave, paint)),
    ),
    ...section('around each node', aroundLines(content)),
    ...section('budgets', worstLines(plan)),
    ...section('limits', limitLines(plan)),
    ...section('patches', listLines(content.lists, paint)),
    ...section('trial', trialLines(plan)),
    ...section(
      'windows',
      plan.windows.map((one) => `opens ${when(one.opens)}, nothing starts after ${when(one.cutoff)}, closes ${when(one.closes)}`),
    ),
    ...section('cannot be undone', plan.irreversible.map(plain)),
    ...section('forecast', [...forecastLines(plan, paint), ...callLines(plan)]),
    ...section('digest', [plan.digest]),
  ]
}

function headline(plan: Plan, paint: Paint): string {
  const { total, waves, planned, skipped } = plan.headline
  const out = total - planned
  const why = tallied(skipped, ['untested', 'trimmed'])
  const text = `${counted(total, 'node')}, ${counted(waves, 'wave')}, ${String(planned)} planned`
  return out === 0 ? text : `${text}, ${paint.bad(`${String(out)} skipped: ${why}`)}`
}

const section = (name: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', name, ...lines.map((line) => `  ${line}`)]

function waveLines(plan: Plan, wave: PlannedWave, paint: Paint): string[] {
  const touched = touchedIn(plan, wave)
  const { gate, concurrency } = wave
  const rows = Map.groupBy(touched, (node) => `${node.account}\0${node.region}\0${node.ami}`)
  const lines = table(
    [...rows].map(([key, nodes]) => [String(nodes.length), ...key.split('\0')]),
    new Set([0]),
  )
  const approval = gate.approval ? [`approval of ${String(gate.approval.count)} from ${gate.approval.group}`] : []
  const parts = [
    `failures ${String(gate.failuresMax)}${gate.hard ? ' (hard)' : ''}`,
    `bake ${span(gate.bakeMs)}`,
    ...(gate.checks.length > 0 ? [`checks ${gate.checks.join(', ')}`] : []),
    ...approval,
  ]
  return [
    `${paint.strong(wave.name)}: ${counted(touched.length, 'node')}, ${String(concurrency)} at once, gate: ${parts.join('; ')}`,
    ...lines.map((line) => `  ${line}`),
    ...(wave.unrepresented.length > 0 ? [paint.wait(`  not represented: ${wave.unrepresented.map(plain).join(', ')}`)] : []),
  ]
}

function worstLines(plan: Plan): string[] {
  const rows = plan.worstCase.map((one) => [
    one.wave,
    `passes with ${counted(one.failuresMax, 'failure')}`,
    `worst case ${String(one.worstFailures)} failed`,
    `${String(one.worstOutOfService)} out of service at once`,
  ])
  const { budgetMax } = plan.content
  return [...table(rows), ...(budgetMax === null ? [] : [`the whole run: ${counted(budgetMax, 'failure')}`])]
}

/** Limits by what they are per: a fleet has hundreds of clusters and one rule for them. */
function limitLines({ content }: Plan): string[] {
  const kinds = Map.groupBy(
    content.groups,
    (group) =>
      `${group.key.slice(0, group.key.indexOf('='))}\0${String(group.atMost === group.size ? 'all' : group.atMost)}\0${group.set === null ? '' : 'one value at a time'}`,
  )
  const rows = [...kinds].map(([kind, groups]) => {
    const [per = '', atMost = '', turns = ''] = kind.split('\0')
    const limit = [...(atMost === 'all' ? [] : [`at most ${atMost} at once`]), ...(turns === '' ? [] : [turns])].join(', ')
    return [per, limit === '' ? 'no number' : limit, counted(groups.length, 'value')]
  })
  return table(rows)
}

/** Accounts whose nodes get the same list see it once, each with its own baseline. */
function listLines(lists: readonly PinnedList[], paint: Paint): string[] {
  return [...Map.groupBy(lists, (list) => list.digest).values()].flatMap((same) => {
    const patches = same[0]?.patches ?? []
    const names = patches.slice(0, PATCHES_SHOWN).map((one) => `    ${patchText(one)}`)
    const more = patches.length - names.length
    const images = [...new Set(same.map((list) => plain(list.image)))].join(', ')
    return [
      `${images}: ${counted(patches.length, 'patch', 'patches')}`,
      ...same.map((list) => `  ${list.account}  ${testedText(list, paint)}`),
      ...names,
      ...(more > 0 ? [`    and ${String(more)} more`] : []),
      ...quarantineLines(same[0]?.quarantined ?? [], paint),
    ]
  })
}

function quarantineLines(quarantined: NonNullable<PinnedList['quarantined']>, paint: Paint): string[] {
  const names = quarantined.slice(0, PATCHES_SHOWN).map(({ name, version }) => plain(`${name} ${version}`))
  const more = quarantined.length - names.length
  const text = `quarantined, left out: ${names.join(', ')}${more > 0 ? `, and ${String(more)} more` : ''}`
  return quarantined.length === 0 ? [] : [paint.wait(`  ${text}`)]
}

function testedText({ baseline }: PinnedList, paint: Paint): string {
  return baseline === null
    ? paint.bad('UNTESTED: no baseline stands behind it')
    : `baseline ${plain(baseline.path)}:${String(baseline.version)} of ${when(baseline.storedAt)}`
}

function patchText({ name, version, severity, classification, cves }: Patch): string {
  const named = [...cves.slice(0, CVES_SHOWN), ...(cves.length > CVES_SHOWN ? [`${String(cves.length - CVES_SHOWN)} more`] : [])]
  return plain(`${name} ${version} (${[severity || classification || 'unclassified', ...named].join(', ')})`)
}

function trialLines({ content }: Plan): string[] {
  const lines = (content.trial?.lineages ?? []).map(
    ({ image, nodes, accounts }) =>
      `${plain(image)}: tested on ${counted(nodes.length, 'node')} for ${counted(accounts.length, 'account')}`,
  )
  const isolates = content.act === 'trial' && content.runbook.test?.onFailure === 'isolate'
  return isolates ? [...lines, 'if it fails: the patches that break it are looked for, quarantined, and left out'] : lines
}

function callLines(plan: Plan): string[] {
  const calls = Object.entries(plan.calls).filter(([, count]) => count > 0)
  return calls.length === 0 ? [] : [`API calls: ${calls.map(([call, count]) => `${call} ${String(count)}`).join(', ')}`]
}

/** How old a plan is, said when it is more than a day. */
export function ageRemark(plan: Plan, nowMs: Ms): string | undefined {
  const age = nowMs - plan.madeAt
  return age > DAY ? `this plan was made at ${iso(plan.madeAt)}, ${span(age)} ago` : undefined
}
