import { known } from '../../kit/assert.ts'
import { MINUTE, SECOND, type Ms } from '../../kit/instant.ts'
import type { CheckKind, Pace, RunDurations, Span } from './durations.ts'
import { imagesOf } from './image.ts'
import type { PlanContent } from './plan.ts'
import { lagsOf, observed, stated, type CommandTime, type Lags, type Population } from './quantiles.ts'
import { momentsOf, sketchOf, Tally, type Sketch } from './sketch.ts'

/** Without history: what a few dozen packages take on a small instance, and on a slow one. */
export const COMMAND_TIME: CommandTime = { medianMs: 8 * MINUTE, p95Ms: 15 * MINUTE }

/** The default is a guess about somebody else's nodes: in two of three fleets it is right to about a third. */
const DEFAULT_DOUBT = 0.3

/** The default's spread: assumed of every population before it was seen. */
const USUAL_SPREAD = Math.log(COMMAND_TIME.p95Ms / COMMAND_TIME.medianMs) / 1.6449

/** Nodes of an image that must have been seen before it stands for itself: five are the least of which a median means something. */
const SEEN_MIN = 5

/** Images whose difference is not known yet differ by about a fifth. */
const IMAGE_DOUBT = 0.2

/** Nights whose difference is not known yet differ by about a tenth, all nodes alike: another month's packages, a slow repository. It counts as much as one night seen. */
const NIGHT_DOUBT = 0.1
const NIGHT_PRIOR = 1

/** Lags before any was seen: seconds for the calls, half a minute for a script on every node; reports come by event or within a page's rhythm. */
const USUAL = {
  reads: sketchOf([1, 2, 2, 3, 5].map((seconds) => seconds * SECOND)),
  reports: sketchOf([1, 2, 3, 5, 10, 30].map((seconds) => seconds * SECOND)),
  drains: sketchOf([1, 2, 5, 10, 30].map((seconds) => seconds * SECOND)),
  leads: sketchOf([2, 5, 10, 20, 40].map((seconds) => seconds * SECOND)),
  none: sketchOf([SECOND]),
  looks: sketchOf([1, 2, 5, 10].map((seconds) => seconds * SECOND)),
  scripts: sketchOf([10, 20, 30, 60, 90].map((seconds) => seconds * SECOND)),
} as const

/** What a plan's run is expected to be made of. */
export type Expectation = Readonly<{
  populations: readonly Population[]
  /** Population of each node, by position. */
  of: Int32Array
  /** Standard deviation between nights of the logarithm of all durations. */
  nightDoubt: number
  reads: Lags
  reports: Readonly<Record<Pace, Lags>>
  drains: Lags
  leads: Lags
  gates: Readonly<Record<CheckKind, Lags>>
  /** What it rests on, in words. */
  basis: string
}>

/** Where a node's population was taken from, the nearest first. */
const LEVELS = ['image', 'elsewhere', 'platform', 'fleet', 'default'] as const
type Level = (typeof LEVELS)[number]

const WORDS: Readonly<Record<Level, string>> = {
  image: 'of the same image and account',
  elsewhere: 'of the same image in other accounts',
  platform: 'of the same platform',
  fleet: 'of other platforms',
  default: 'without history',
}

/**
 * What the history says of this plan's nodes: each is expected to take as long as those of its image in its account did; an image that was
 * hardly seen borrows from other accounts, from its platform, from all nodes, at last from a stated default.
 */
export function expectationOf(content: PlanContent, history: readonly RunDurations[]): Expectation {
  const runs = alike(content, history)
  const spans = runs.flatMap((run) => spansFor(content.work, run))
  const nightDoubt = nightDoubtOf(runs.map((run) => spansFor(content.work, run)))
  const borrowed = new Borrowed(spans)
  const images = imagesOf(content)
  const numbers = new Map<string, number>()
  const populations: Population[] = []
  const levels = new Map<Level, number>()
  const of = Int32Array.from(content.nodes, ({ account, platform, skip }, position) => {
    const image = known(images[position], 'the image')
    const key = `${account}|${image}|${platform}`
    const { level, population } = borrowed.of({ account, image, platform })
    if (skip === null) levels.set(level, (levels.get(level) ?? 0) + 1)
    const number = numbers.get(key) ?? populations.push(population) - 1
    numbers.set(key, number)
    return number
  })
  return {
    populations,
    of,
    nightDoubt,
    ...lagsFrom(runs, content.act),
    basis: basisOf(runs.filter((run) => spansFor(content.work, run).length > 0).length, spans, levels),
  }
}

/** Runs with the same rule for reboots, as long as they tell enough: a boot takes minutes. */
function alike({ reboot, work }: PlanContent, history: readonly RunDurations[]): readonly RunDurations[] {
  const same = history.filter((run) => run.reboot === reboot)
  const seen = same.flatMap((run) => spansFor(work, run)).reduce((sum, { sketch }) => sum + momentsOf(sketch).count, 0)
  return seen >= SEEN_MIN ? same : history
}

/** A rollback that was never seen takes as long as the change that it undoes. */
function spansFor(work: PlanContent['work'], { spans }: RunDurations): readonly Span[] {
  const own = spans.filter((span) => span.work === work)
  return own.length > 0 || work !== 'rollback' ? own : spans.filter((span) => span.work === 'apply')
}

type Kind = Readonly<{ account: string; image: string; platform: string }>

/** Populations by where they are taken from, each made once. */
class Borrowed {
  readonly #tallies = new Map<string, Tally>()
  readonly #made = new Map<string, Population>()
  readonly #imageDoubt: number

  constructor(spans: readonly Span[]) {
    for (const { account, image, platform, sketch } of spans)
      for (const key of keysOf({ account, image, platform })) {
        const tally = this.#tallies.get(key) ?? new Tally()
        tally.addAll(sketch)
        this.#tallies.set(key, tally)
      }
    this.#imageDoubt = imageDoubtOf(spans)
  }

  of(kind: Kind): Readonly<{ level: Level; population: Population }> {
    const keys = keysOf(kind)
    const depth = keys.findIndex((key, at) => momentsOf(this.#sketch(key)).count >= (at === keys.length - 1 ? 1 : SEEN_MIN))
    const key = keys[depth] ?? ''
    const level = LEVELS[depth] ?? 'default'
    const population = this.#made.get(key) ?? this.#make(key, depth)
    this.#made.set(key, population)
    return { level, population }
  }

  #make(key: string, depth: number): Population {
    if (depth < 0) return stated(COMMAND_TIME, DEFAULT_DOUBT)
    const foreign = depth > LEVELS.indexOf('image') ? this.#imageDoubt : 0
    return observed(this.#sketch(key), USUAL_SPREAD, foreign)
  }

  #sketch(key: string): Sketch {
    return this.#tallies.get(key)?.sketch ?? []
  }
}

/** Keys of the levels, the nearest first. */
const keysOf = ({ account, image, platform }: Kind): readonly string[] => [
  `${account}|${image}`,
  `|${image}`,
  `platform ${platform}`,
  'all',
]

/** Standard deviation of the means of images. */
function imageDoubtOf(spans: readonly Span[]): number {
  const means = [...Map.groupBy(spans, ({ image }) => image).values()]
    .map((same) => momentsOf(joined(same.map(({ sketch }) => sketch))))
    .filter(({ count }) => count >= SEEN_MIN)
    .map(({ mean }) => mean)
  const middle = means.reduce((sum, mean) => sum + mean, 0) / Math.max(1, means.length)
  const squares = means.reduce((sum, mean) => sum + (mean - middle) ** 2, 0)
  // The assumption counts as much as one image.
  return Math.sqrt((squares + IMAGE_DOUBT ** 2) / Math.max(1, means.length))
}

/**
 * Standard deviation between nights: what the nights' means differ by beyond what the spread of single nodes explains (one-way analysis of variance
 * over the kinds of node that several nights have), mixed with the assumption.
 */
function nightDoubtOf(nights: readonly (readonly Span[])[]): number {
  const kinds = new Map<string, ReturnType<typeof momentsOf>[]>()
  for (const spans of nights)
    for (const { account, image, platform, sketch } of spans) {
      const key = `${account}|${image}|${platform}`
      kinds.set(key, [...(kinds.get(key) ?? []), momentsOf(sketch)])
    }
  let [between, within, freedom, inside, weight] = [0, 0, 0, 0, 0]
  for (const parts of kinds.values()) {
    if (parts.length < 2) continue
    const count = parts.reduce((sum, part) => sum + part.count, 0)
    const mean = parts.reduce((sum, part) => sum + part.count * part.mean, 0) / count
    between += parts.reduce((sum, part) => sum + part.count * (part.mean - mean) ** 2, 0)
    within += parts.reduce((sum, part) => sum + part.squares, 0)
    freedom += parts.length - 1
    inside += count - parts.length
    weight += count - parts.reduce((sum, part) => sum + part.count ** 2, 0) / count
  }
  const seen = nights.filter((spans) => spans.length > 0).length
  const single = inside > 0 ? within / inside : USUAL_SPREAD ** 2
  const variance = weight > 0 ? Math.max(0, (between - freedom * single) / weight) : 0
  const told = freedom > 0 ? seen - 1 : 0
  const mixed = (told * variance + NIGHT_PRIOR * NIGHT_DOUBT ** 2) / (told + NIGHT_PRIOR)
  // The mean of the nights that were seen is itself in doubt.
  return Math.sqrt(mixed * (1 + 1 / Math.max(1, seen)))
}

function lagsFrom(
  runs: readonly RunDurations[],
  act: PlanContent['act'],
): Omit<Expectation, 'populations' | 'of' | 'nightDoubt' | 'basis'> {
  const of = (pick: (run: RunDurations) => Sketch, usual: Sketch, from = runs): Lags => lagsOf(joined(from.map(pick)), usual)
  return {
    reads: of(({ reads }) => reads, USUAL.reads),
    reports: { quick: of(({ reports }) => reports.quick, USUAL.reports), slow: of(({ reports }) => reports.slow, USUAL.reports) },
    drains: of(({ drains }) => drains, USUAL.drains),
    leads: of(
      ({ leads }) => leads,
      USUAL.leads,
      runs.filter((run) => run.act === act),
    ),
    gates: {
      none: of(({ gates }) => gates.none, USUAL.none),
      looks: of(({ gates }) => gates.looks, USUAL.looks),
      scripts: of(({ gates }) => gates.scripts, USUAL.scripts),
    },
  }
}

function joined(sketches: readonly Sketch[]): Sketch {
  const tally = new Tally()
  for (const sketch of sketches) tally.addAll(sketch)
  return tally.sketch
}

const minutes = (ms: Ms): string => `${String(Math.round(ms / MINUTE))}m`

function basisOf(runs: number, spans: readonly Span[], levels: ReadonlyMap<Level, number>): string {
  const excluded = 'approvals, failures and waiting for other runs are not in it'
  const nothing = `${minutes(COMMAND_TIME.medianMs)} to ${minutes(COMMAND_TIME.p95Ms)} a node`
  const changes = spans.reduce((sum, { sketch }) => sum + momentsOf(sketch).count, 0)
  if (changes === 0) return `no history: ${nothing}; ${excluded}`
  const from = LEVELS.flatMap((level) => (levels.has(level) ? [`${String(levels.get(level))} ${WORDS[level]}`] : []))
  const nights = `${String(runs)} ${runs === 1 ? 'run' : 'runs'}`
  return `history: ${String(changes)} nodes of ${nights}; nodes go by those ${from.join(', ')}; ${excluded}`
}
