import { instant, type Instant } from '../../kit/instant.ts'
import type { Outcome, Work } from './event.ts'

/** The first line of a script's stdout (documents/PROTOCOL.md), checked key by key: it comes from a machine that may be broken or hostile. */
export type ResultLine = Readonly<{
  token: string
  verdict: string
  reason: string
  changed: number
  missing: number
  before: string
  after: string
  /** Scan: digest of the lines that follow. */
  list: string
  kernel: string
  boot: string
  reboot: boolean
  endedAt: Instant
  /** Live patches that the kernel has enabled. */
  live: number
  /** Until when the running kernel gets live patches; 0: not known. */
  covered: Instant
  /** The newest installed kernel where it is not the running one. */
  newer: string
  /** When the node booted; 0: not known. */
  booted: Instant
}>

/** What one node's invocation amounts to. */
export type Report = Readonly<{
  outcome: Outcome
  reason: string
  changed: number
  missing: number
  before: string
  after: string
  reboot: boolean
  ended: Instant
  /** What the node runs on; absent where it said nothing. */
  host?: Pick<ResultLine, 'kernel' | 'live' | 'covered' | 'newer' | 'booted'>
}>

const DIGEST = /^([0-9a-f]{64})?$/
const KERNEL = /^[\w.+~-]{0,128}$/
/** No kernel has near as many. */
const LIVE_MAX = 10_000
const WORD = /^[a-z][a-z-]{0,39}$/

/** The end of the year 9999: what lies beyond cannot be written as an instant. */
const SECONDS_MAX = 253_402_300_799

/** The result line of stdout, or `undefined` when there is none that fits. */
export function readResult(output: string): ResultLine | undefined {
  const line = output.slice(0, 2_500).split('\n', 1)[0] ?? ''
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const raw = value as Readonly<Record<string, unknown>>
  const text = (key: string, form: RegExp): string | undefined => {
    const found = raw[key] ?? ''
    return typeof found === 'string' && form.test(found) ? found : undefined
  }
  const count = (key: string): number => {
    const found = raw[key]
    return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : 0
  }
  const moment = (key: string): Instant => instant(count(key) <= SECONDS_MAX ? count(key) * 1000 : 0)
  const token = text('token', /^[0-9a-f-]{36}\.[0-9]{1,9}$/)
  const verdict = text('verdict', WORD)
  const reason = text('reason', WORD)
  if (raw['pw'] !== 1 || token === undefined || verdict === undefined || reason === undefined) return undefined
  return {
    token,
    verdict,
    reason,
    changed: count('changed'),
    missing: count('missing'),
    before: text('before', DIGEST) ?? '',
    after: text('after', DIGEST) ?? '',
    list: text('list', DIGEST) ?? '',
    kernel: text('kernel', KERNEL) ?? '',
    boot: text('boot', /^[\w-]{0,64}$/) ?? '',
    reboot: raw['reboot'] === 'wanted',
    endedAt: moment('endedAt'),
    live: Math.min(count('live'), LIVE_MAX),
    covered: moment('covered'),
    newer: text('kernelnew', KERNEL) ?? '',
    booted: moment('since'),
  }
}

/** SSM's status details after which nothing can have run on the node. */
const NEVER_RAN: ReadonlySet<string> = new Set(['Undeliverable', 'InvalidPlatform', 'AccessDenied', 'Terminated'])

/** Whether a node that said nothing certainly ran nothing, by SSM's status of its invocation. */
export const neverRan = (status: string): boolean => NEVER_RAN.has(status) || status === 'NotStarted'

/** What a script's own word amounts to, by the work that it was asked to do. Any other word is none. */
const SPOKEN: Readonly<Record<Work, ReadonlyMap<string, Outcome>>> = {
  apply: new Map<string, Outcome>([
    ['patched', 'patched'],
    ['not-needed', 'not-needed'],
    ['skipped', 'skipped'],
    ['failed', 'failed'],
  ]),
  scan: new Map<string, Outcome>([
    ['scanned', 'not-needed'],
    ['skipped', 'skipped'],
    ['failed', 'failed'],
  ]),
  rollback: new Map<string, Outcome>([['rolled-back', 'rolled-back']]),
}

/**
 * Judges an ended invocation by what the node says of itself; SSM's status only tells why it says nothing. What cannot be known is `unknown`,
 * never success: a readable line of another token is none.
 */
export function judge(work: Work, token: string, status: string, output: string): Report {
  const line = readResult(output)
  const silent = (outcome: Outcome, reason: string): Report => ({ ...NOTHING_SAID, outcome: inWork(work, outcome), reason })
  if (line?.token === token) {
    const { changed, missing, before, after, reboot, endedAt, kernel, live, covered, newer, booted } = line
    const host = { kernel, live, covered, newer, booted }
    return { outcome: spoken(work, line), reason: line.reason, changed, missing, before, after, reboot, ended: endedAt, host }
  }
  if (NEVER_RAN.has(status)) return silent('failed', kebab(status))
  if (status === 'NotStarted') return silent('skipped', 'cancelled')
  return silent('unknown', status === 'Success' || status === 'Failed' ? 'unreadable' : kebab(status))
}

const NOTHING_SAID = { changed: 0, missing: 0, before: '', after: '', reboot: false, ended: instant(0) } as const

/**
 * Judges an ended invocation of AWS-RunPatchBaseline, which says nothing of ours: wherever it may have run the node stays `open`, for a verify
 * to decide. Only where it certainly never began is that the end. Where the agent told its end, `seenAt` stands for it: it was no later.
 */
export function judgePatchManager(status: string, seenAt: Instant): Report {
  if (status === 'Success' || status === 'Failed') return { ...NOTHING_SAID, outcome: 'open', reason: 'ended', ended: seenAt }
  if (status === 'NotStarted') return { ...NOTHING_SAID, outcome: 'skipped', reason: 'cancelled' }
  return { ...NOTHING_SAID, outcome: NEVER_RAN.has(status) ? 'failed' : 'open', reason: kebab(status) }
}

const spoken = (work: Work, line: ResultLine): Outcome => SPOKEN[work].get(line.verdict) ?? inWork(work, 'unknown')

/** A rollback that is not proved has failed. */
const inWork = (work: Work, outcome: Outcome): Outcome => (work === 'rollback' ? 'rollback-failed' : outcome)

/** SSM's word for a status as a reason: `DeliveryTimedOut` is `delivery-timed-out`. */
export const kebab = (status: string): string =>
  status
    .replace(/(?<=[a-z])(?=[A-Z])/g, '-')
    .toLowerCase()
    .slice(0, 40)
