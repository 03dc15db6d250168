import { formatDuration, parseDuration } from '../../kit/duration.ts'
import { DAY, HOUR, MINUTE, SECOND, type Ms } from '../../kit/instant.ts'
import { spoken } from '../../kit/schema.ts'
import { suggestion } from '../../kit/suggest.ts'
import { durationOf } from './amount.ts'
import { disruptionFindings } from './disruption.ts'
import { each, one, texts, type Finding } from './finding.ts'
import { nodeFindings } from './on-node.ts'
import { recordOf, type Known } from './references.ts'
import { windowFindings } from './window.ts'

/**
 * The parts of a runbook do not contradict one another. `root` has its defaults filled in, `written` has not; neither need fit the schema.
 */
export function consistencyFindings(root: unknown, written: unknown, known: Known): readonly Finding[] {
  return [
    ...durationFindings(root),
    ...windowFindings(root, written, known),
    ...zoneFindings(root),
    ...waveFindings(root),
    ...actFindings(root),
    ...pathFindings(root),
    ...urlFindings(root),
    ...disruptionFindings(root),
    ...nodeFindings(root),
  ]
}

/** How short and how long each duration may be, and why. */
const RANGES: readonly Readonly<{ path: string; least: Ms; most: Ms }>[] = [
  { path: '/window/duration', least: MINUTE, most: 7 * DAY }, // longer is no window any more: leave it out
  { path: '/window/late', least: 0, most: 7 * DAY },
  { path: '/window/jitter', least: 0, most: DAY },
  { path: '/window/breakFreeze/expires', least: MINUTE, most: 30 * DAY },
  { path: '/test/lead', least: 0, most: 90 * DAY },
  { path: '/test/soak', least: 0, most: 7 * DAY },
  { path: '/baseline/maxAge', least: HOUR, most: 365 * DAY }, // under an hour a baseline is stale before its approval is read
  { path: '/checks/*/timeout', least: SECOND, most: HOUR }, // documents/PROTOCOL.md: 1-3600 seconds
  { path: '/checks/*/within', least: 1, most: MINUTE },
  { path: '/hooks/*/timeout', least: SECOND, most: HOUR }, // documents/PROTOCOL.md: 1-3600 seconds
  { path: '/drain/wait', least: 0, most: HOUR }, // ELBv2 drains for at most 3600 seconds
  { path: '/backup/keep', least: HOUR, most: 365 * DAY },
  { path: '/approval/expires', least: MINUTE, most: 30 * DAY },
  { path: '/baseline/approval/expires', least: MINUTE, most: 30 * DAY },
  { path: '/waves/*/gate/approval/expires', least: MINUTE, most: 30 * DAY },
  { path: '/waves/*/gate/bake', least: 0, most: 7 * DAY },
  { path: '/waves/*/gate/holdFor', least: MINUTE, most: 7 * DAY },
  { path: '/patches/approve/*/releasedFor', least: 0, most: 3_650 * DAY },
]

function durationFindings(root: unknown): readonly Finding[] {
  return RANGES.flatMap(({ path, least, most }) =>
    texts(root, path).flatMap(({ pointer, value }) => {
      const ms = parseDuration(value)
      if (ms === undefined || (ms >= least && ms <= most && !(path.endsWith('/timeout') && ms % SECOND !== 0))) return []
      const fraction = ms >= least && ms <= most
      const hint = fraction ? 'write whole seconds' : `choose from ${formatDuration(least)} to ${formatDuration(most)}`
      return [{ pointer, kind: 'out-of-range', message: `${spoken(pointer)} cannot be ${value}`, hint } as const]
    }),
  )
}

function zoneFindings(root: unknown): readonly Finding[] {
  return texts(root, '/window/timezone')
    .filter(({ value }) => !isZone(value))
    .map(({ pointer, value }) => ({
      pointer,
      kind: 'unknown-name',
      message: `there is no time zone "${value}"`,
      hint: suggestion(value, Intl.supportedValuesOf('timeZone')),
    }))
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

function waveFindings(root: unknown): readonly Finding[] {
  const findings: Finding[] = []
  const first = new Map<string, string>()
  for (const { pointer, value } of texts(root, '/waves/*/name')) {
    const earlier = first.get(value)
    if (earlier === undefined) first.set(value, pointer)
    else
      findings.push({
        pointer,
        kind: 'duplicate-name',
        message: `${spoken(earlier)} is "${value}" too`,
        hint: 'give each wave a name of its own',
      })
  }
  const all = texts(root, '/waves/*/take').filter(({ value }) => /^(rest|100(\.0+)?%)$/.test(value))
  const last = each(root, '/waves/*').at(-1)?.pointer
  for (const { pointer, value } of all) {
    if (pointer === `${String(last)}/take`) continue
    const message = `\`take: ${value}\` leaves nothing to the waves that follow`
    findings.push({ pointer, kind: 'misplaced-wave', message, hint: 'move this wave to the end' })
  }
  return findings
}

function actFindings(root: unknown): readonly Finding[] {
  const { test, baseline, patches } = recordOf(root)
  if (test === undefined) return []
  const findings: Finding[] = []
  const { lead, soak } = recordOf(test)
  const leadMs = durationOf(lead)
  const soakMs = durationOf(soak)
  const at = { pointer: '/test', part: 'key', kind: 'contradiction' } as const
  if (patches === undefined) {
    findings.push({ ...at, message: 'a trial needs `patches`: without them nothing is installed', hint: 'add `patches`, or remove `test`' })
  }
  if (baseline === 'none') {
    findings.push({
      ...at,
      message: 'a trial ends in a baseline, but `baseline` is none',
      hint: 'remove `test`, or remove `baseline: none`',
    })
  }
  if (leadMs !== undefined && soakMs !== undefined && leadMs <= soakMs) {
    const message = `the trial starts ${String(lead)} before the window, but soaks for ${String(soak)}`
    findings.push({ ...at, pointer: '/test/lead', part: 'value', message, hint: 'make `lead` longer than `soak`' })
  }
  return findings
}

function pathFindings(root: unknown): readonly Finding[] {
  const name = one(root, '/metadata/name')
  return texts(root, '/baseline/path').flatMap(({ pointer, value }) => {
    const path = value.replaceAll('{runbook}', typeof name === 'string' ? name : 'runbook')
    const missing = ['{account}', '{image}'].filter((part) => !path.includes(part))
    const at = { pointer, kind: 'malformed' } as const
    const findings: Finding[] = missing.map((part) => ({
      ...at,
      message: `the path has no ${part}, so baselines would overwrite one another`,
      hint: `put ${part} into it, as in /patchwave/{runbook}/{account}/{image}`,
    }))
    if (/^\/(aws|ssm)/i.test(path)) {
      findings.push({
        ...at,
        message: 'Parameter Store keeps paths that start with aws or ssm for itself',
        hint: 'start with another word',
      })
    }
    return findings
  })
}

function urlFindings(root: unknown): readonly Finding[] {
  return texts(root, '/checks/*/url').flatMap(({ pointer, value }) => {
    const url = URL.parse(value)
    const at = { pointer, kind: 'malformed' } as const
    if (!url) return [{ ...at, message: `${spoken(pointer)} is not an address`, hint: 'write it like https://status.example.com/healthz' }]
    if (url.username === '' && url.password === '') return []
    return [
      { ...at, message: 'the address carries a password, and plans and journals would show it', hint: 'probe an address that needs none' },
    ]
  })
}
