import { known } from '../../kit/assert.ts'
import type { Ms } from '../../kit/instant.ts'
import { derive, seeded, shuffled, type Random } from '../../kit/random.ts'
import type { Pace } from './durations.ts'
import type { Expectation } from './expectation.ts'
import { checkKindOf } from './image.ts'
import { normalDraw, normalScore } from './normal.ts'
import type { PlanContent } from './plan.ts'
import type { Population } from './quantiles.ts'
import { simulateWave, type WaveSpan } from './simulate-wave.ts'
import { shapeOf, type WaveShape } from './wave-shape.ts'

/** One simulated run, from its opening: when each wave's last node began, and when its gate passed. */
export type SimulatedRun = Readonly<{ waves: readonly Readonly<{ lastStartMs: Ms; endMs: Ms }>[] }>

/** Runs that are simulated: 200 put the 5th and 95th percentile right to a few percent of the interval; 24 still tell its width. */
const RUNS_MOST = 200
const RUNS_LEAST = 24

/** Nodes drawn in all runs together, about a third of a second of work. */
const DRAWS_MAX = 500_000

/** Simulates the plan from its opening to the last gate, as often as its size allows; the same seed gives the same runs. */
export function simulate(content: PlanContent, expected: Expectation, seed: string, most = RUNS_MOST): readonly SimulatedRun[] {
  const shapes = content.waves.map((wave) => shapeOf(content, wave))
  const drawn = shapes.reduce((sum, shape) => sum + (shape.free ? 0 : shape.count), 0)
  const count = Math.max(RUNS_LEAST, Math.min(most, Math.floor(DRAWS_MAX / Math.max(1, drawn))))
  const nights = strata(count, seeded(derive(seed, 'nights')))
  return nights.map((night, index) => {
    const random = seeded(derive(seed, 'run', index))
    return simulateRun(content, expected, shapes, { random, night: night * expected.nightDoubt })
  })
}

/** Normal scores that fill their distribution evenly, in no order: few runs then still have good and bad nights in the right number. */
const strata = (count: number, random: Random): number[] =>
  shuffled(
    Array.from({ length: count }, (_, index) => normalScore((index + 0.5) / count)),
    random,
  )

type Night = Readonly<{ random: Random; night: number }>

function simulateRun(content: PlanContent, expected: Expectation, shapes: readonly WaveShape[], { random, night }: Night): SimulatedRun {
  const spans = new Spans(expected, random, night)
  let now = expected.leads.draw(random)
  const waves = shapes.map((shape, index) => {
    const { gate } = known(content.waves[index], 'the wave')
    const { lastStartMs, lastEndMs } = playWave(shape, expected, spans, random)
    const gateMs = expected.gates[checkKindOf(content, gate.checks)].draw(random)
    const began = now
    now += lastEndMs + expected.drains.draw(random) + gate.bakeMs + gateMs
    return { lastStartMs: began + lastStartMs, endMs: now }
  })
  return { waves }
}

function playWave(shape: WaveShape, expected: Expectation, spans: Spans, random: Random): WaveSpan {
  if (shape.free) {
    const lastStartMs = expected.reads.draw(random)
    return { lastStartMs, lastEndMs: lastStartMs + spans.longestMs(shape) }
  }
  return simulateWave(shape, {
    spanMs: (place) => spans.spanMs(shape.positions[place] ?? 0),
    readMs: () => expected.reads.draw(random),
    reportMs: (place, spanMs) => expected.reports[spans.paceOf(shape.positions[place] ?? 0, spanMs)].draw(random),
  })
}

/** Durations of one run's nodes: their populations may lie elsewhere than they were seen, and the whole night be fast or slow. */
class Spans {
  readonly #populations: readonly Population[]
  readonly #of: Int32Array
  readonly #random: Random
  readonly #shifts: Float64Array
  readonly #stretches: Float64Array
  readonly #middles: Float64Array

  constructor({ populations, of }: Expectation, random: Random, night: number) {
    this.#populations = populations
    this.#of = of
    this.#random = random
    const doubts = new Map<Population, number>()
    for (const population of populations) if (!doubts.has(population)) doubts.set(population, normalDraw(random))
    this.#shifts = Float64Array.from(populations, (population) => night + (doubts.get(population) ?? 0) * population.doubt)
    // The standard error of a standard deviation of n samples; what is only stated is doubtful in its place alone.
    this.#stretches = Float64Array.from(populations, ({ count }) =>
      count === 0 ? 1 : Math.exp(normalDraw(random) / Math.sqrt(2 * count + 8)),
    )
    this.#middles = Float64Array.from(populations, ({ mean }, number) => Math.exp(mean + (this.#shifts[number] ?? 0)))
  }

  spanMs(position: number): Ms {
    return this.#at(this.#of[position] ?? 0, normalDraw(this.#random))
  }

  /** On which side of the middle of its population this span of a node lies. */
  paceOf(position: number, spanMs: Ms): Pace {
    return spanMs < (this.#middles[this.#of[position] ?? 0] ?? 0) ? 'quick' : 'slow'
  }

  /** The longest of all nodes of a wave, drawn at once: the share below the longest of n is the n-th root of a uniform number. */
  longestMs({ positions }: WaveShape): Ms {
    const counts = new Map<number, number>()
    for (const position of positions) {
      const number = this.#of[position] ?? 0
      counts.set(number, (counts.get(number) ?? 0) + 1)
    }
    let longest = 0
    for (const [number, count] of counts)
      longest = Math.max(longest, this.#at(number, normalScore(Math.max(1e-9, (1 - this.#random()) ** (1 / count)))))
    return longest
  }

  #at(number: number, z: number): Ms {
    const { at, mean } = known(this.#populations[number], 'the population')
    return Math.exp(mean + (this.#shifts[number] ?? 0) + (at(z) - mean) * (this.#stretches[number] ?? 1))
  }
}
