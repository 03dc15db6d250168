import { derive, seeded, type Random } from '../../src/kit/random.ts'
import { HOUR, MINUTE, type Ms } from '../../src/kit/instant.ts'
import { TESTED, type Sections } from '../scenarios/documents.ts'
import { chance, pick } from './draw.ts'

/** Nights that were kept before there were these draws: they go on as they were. */
const BEFORE: ReadonlySet<number> = new Set([
  142, 256, 361, 455, 574, 1030, 20173, 40017, 40270, 100316, 100411, 100812, 200213, 200266, 200992, 201409, 302143,
])

/** A time of the night, counted from its beginning. */
type Time = Readonly<{ afterMs: Ms; forMs: Ms }>

/** What ten thousand nights had never met, and reading found. Each has a stream of its own. */
export type Later = Readonly<{
  /** Limits that waves have beside their runbook's, by the runbook's index. */
  waveLimits: readonly ('none' | 'all' | 'last')[]
  /** A trial that fails is searched for what breaks it; `sick`: and there is something that does, in the first runbook's. */
  isolates: 'no' | 'yes' | 'sick'
  /** Whoever ran a runbook undoes its rollout afterwards; so many nodes are gone by then. */
  undo: Readonly<{ gone: number; waitMs: Ms }> | null
  /** A freeze comes into the config: the processes that run are ended then, and those that are started later know of it. */
  freeze: Time | null
  /** Share of requests to send a command whose process stands still when they are signed, and for how long at most. */
  stuck: Readonly<{ share: number; atMostMs: Ms }>
  /** The process that asks for an approval is ended, and nobody comes back for so long. */
  absentMs: Ms
  /** People answer when the question has expired. */
  lateAnswers: boolean
  /** An account lets nobody in. */
  denied: (Time & Readonly<{ account: string }>) | null
  /** Lines of a fault file's `packages`. */
  packages: readonly string[]
}>

const NONE: Later = {
  waveLimits: [],
  isolates: 'no',
  undo: null,
  freeze: null,
  stuck: { share: 0, atMostMs: 0 },
  absentMs: 0,
  lateAnswers: false,
  denied: null,
  packages: [],
}

/** The later draws of a seed. `around`: nodes are taken out of service around their changes. */
export function laterOf(seed: number, around: boolean): Later {
  if (BEFORE.has(seed)) return NONE
  const of = (what: string): Random => seeded(derive(seed, 'later', what))
  const isolates = pick(of('isolation'), ['no', 'no', 'no', 'no', 'no', 'yes', 'yes', 'yes', 'yes', 'sick'] as const)
  return {
    waveLimits: limitsOf(of('wave limits')),
    isolates,
    undo: undoOf(of('undo')),
    freeze: timeOf(of('freeze'), 0.2, [HOUR, 3 * HOUR]),
    stuck: pick(of('stuck'), [...NOT_STUCK, { share: 0.05, atMostMs: 4 * MINUTE }, { share: 0.3, atMostMs: 12 * MINUTE }]),
    absentMs: pick(of('absence'), [0, 0, 0, 0, 0, 8 * HOUR, 26 * HOUR]),
    lateAnswers: chance(of('answers'), 0.12),
    denied: deniedOf(of('denied'), around),
    packages: [...(around ? livePatchesOf(of('live patches')) : []), ...(isolates === 'sick' ? [sickOf(of('sick'))] : [])],
  }
}

const NOT_STUCK = Array.from({ length: 4 }, () => ({ share: 0, atMostMs: 0 }))

function limitsOf(random: Random): Later['waveLimits'] {
  const one = (): 'none' | 'all' | 'last' => pick(random, ['none', 'none', 'all', 'last'])
  return [one(), one()]
}

function undoOf(random: Random): Later['undo'] {
  const undoes = chance(random, 0.3)
  return undoes ? { gone: pick(random, [0, 0, 1, 2]), waitMs: pick(random, [0, 10 * MINUTE, 5 * HOUR]) } : null
}

function timeOf(random: Random, odds: number, lengths: readonly Ms[]): Time | null {
  const happens = chance(random, odds)
  const afterMs = Math.round(15 + random() * 75) * MINUTE
  return happens ? { afterMs, forMs: pick(random, lengths) } : null
}

/** Longer than half an hour nothing could be put back, which nobody promises then. */
function deniedOf(random: Random, around: boolean): Later['denied'] {
  const time = timeOf(random, 0.2, around ? [5 * MINUTE, 15 * MINUTE] : [5 * MINUTE, 40 * MINUTE, 2 * HOUR])
  return time && { ...time, account: pick(random, ['111111111111', '222222222222', '333333333333']) }
}

function livePatchesOf(random: Random): readonly string[] {
  const share = `share: ${String(pick(random, [10, 40]))}%`
  return [`{ match: 'kernel-livepatch*', breaks: ${pick(random, ['agent', 'reachability'])}, ${share} }`, `{ match: 'kernel-livepatch*', fails: livepatch, ${share} }`].filter(() => chance(random, 0.3)) // prettier-ignore
}

const sickOf = (random: Random): string =>
  `{ match: '${pick(random, ['openssl*', 'expat', 'pam'])}', breaks: ${pick(random, ['health', 'health', 'reachability'])}, in: [staging] }`

/** A runbook's sections with what these draws add. */
export function withLater(sections: Sections, later: Later, index: number): Sections {
  const all = later.isolates === 'sick' && index === 0 && sections['test'] === undefined ? tested(sections) : sections
  return { ...all, ...waves(all, later.waveLimits[index] ?? 'none'), ...(later.isolates !== 'no' && searching(all)) }
}

function waves({ waves = '' }: Sections, limits: 'none' | 'all' | 'last'): Sections {
  if (limits === 'none') return {}
  const from = limits === 'all' ? 0 : waves.lastIndexOf('{ name:')
  const narrow = waves.slice(from).replaceAll(', concurrency:', ', disruption: [{ per: "tag:Cluster", atMost: 1 }], concurrency:')
  return { waves: `${waves.slice(0, from)}${narrow}` }
}

const tested = (sections: Sections): Sections => ({
  ...sections,
  test: TESTED['test'] ?? '',
  baseline: TESTED['baseline'] ?? '',
  scope: (sections['scope'] ?? '').replace('[prod-us', '[staging, prod-us'),
})

/** Between two tries the nodes are rolled back: where nothing is, nobody searches. */
function searching({ test, rollback = '' }: Sections): Sections {
  if (test === undefined || !rollback.includes('on: gate-failed')) return {}
  return { test: test.replace(/ }$/, ', onFailure: isolate }') }
}
