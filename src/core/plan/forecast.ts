import { known } from '../../kit/assert.ts'
import type { Ms } from '../../kit/instant.ts'
import type { RunDurations } from './durations.ts'
import { expectationOf, type Expectation } from './expectation.ts'
import type { Forecast, PlanContent } from './plan.ts'
import { mixedQuantile } from './quantiles.ts'
import { simulate } from './simulate.ts'

/** The interval that 90 of 100 runs end in. */
const [LOW, MEDIAN, HIGH] = [0.05, 0.5, 0.95]

/**
 * How long the run takes from its opening to the last gate, if nothing fails and nobody is waited for: simulated with what earlier runs took.
 * The same content, history and seed give the same forecast. `most` bounds how many runs are simulated.
 */
export function forecast(content: PlanContent, history: readonly RunDurations[], seed: string, most?: number): Forecast {
  const expected = expectationOf(content, history)
  const runs = simulate(content, expected, seed, most)
  const waves = content.waves.map(({ name }, index) => {
    const ends = sorted(runs.map(({ waves: played }) => known(played[index], 'the wave').endMs))
    const starts = sorted(runs.map(({ waves: played }) => known(played[index], 'the wave').lastStartMs))
    return { wave: name, ...interval(ends), lastStartMs: quantile(starts, HIGH) }
  })
  const whole = waves.at(-1) ?? { lowMs: 0, medianMs: 0, highMs: 0 }
  return {
    lowMs: whole.lowMs,
    medianMs: whole.medianMs,
    highMs: whole.highMs,
    nodeHighMs: nodeHigh(content, expected),
    waves,
    basis: expected.basis,
  }
}

/** 95 of 100 of the plan's nodes are changed within this, going by the same history. */
export const nodeHighOf = (content: PlanContent, history: readonly RunDurations[]): Ms => nodeHigh(content, expectationOf(content, history))

function nodeHigh(content: PlanContent, { populations, of }: Expectation): Ms {
  const nodes = new Float64Array(populations.length)
  content.nodes.forEach(({ skip }, position) => {
    const number = of[position] ?? 0
    if (skip === null) nodes[number] = (nodes[number] ?? 0) + 1
  })
  const parts = populations.flatMap((population, number) => (nodes[number] ? [{ population, nodes: nodes[number] }] : []))
  return parts.length === 0 ? 0 : mixedQuantile(parts, HIGH)
}

const sorted = (values: readonly Ms[]): Float64Array => Float64Array.from(values).sort()

const interval = (ends: Float64Array): Pick<Forecast, 'lowMs' | 'medianMs' | 'highMs'> => ({
  lowMs: quantile(ends, LOW),
  medianMs: quantile(ends, MEDIAN),
  highMs: quantile(ends, HIGH),
})

/** Between the values that lie around the share, at plotting positions `i / (n + 1)`. */
function quantile(values: Float64Array, share: number): Ms {
  const rank = Math.max(1, Math.min(values.length, share * (values.length + 1)))
  const below = Math.floor(rank)
  const [low = 0, high = low] = [values[below - 1], values[below]]
  return Math.round(low + (high - low) * (rank - below))
}
