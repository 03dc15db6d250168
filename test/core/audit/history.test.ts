import { describe, expect, it } from 'vitest'
import { Timings } from '../../../src/core/audit/history.ts'
import type { RunDurations } from '../../../src/core/plan/durations.ts'
import { logQuantile, momentsOf, type Sketch } from '../../../src/core/plan/sketch.ts'
import type { Outcome, RunEvent } from '../../../src/core/run/event.ts'
import { instant, MINUTE, plus, SECOND, type Ms } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from '../run/plan.ts'

const START = instant(Date.UTC(2026, 2, 1, 3))

/** A run told by the second; durations are read back to one percent. */
class Told {
  readonly #timings: Timings
  #now = START

  constructor(spec: PlanSpec) {
    this.#timings = new Timings('run', plan(spec))
  }

  at(ms: Ms, ...events: readonly RunEvent[]): this {
    this.#now = plus(START, ms)
    for (const event of events) this.#timings.hear({ at: this.#now, actor: { kind: 'engine', id: 'driver' }, event })
    return this
  }

  get measured(): RunDurations {
    return this.#timings.measured
  }
}

const opened: RunEvent = { type: 'WindowOpened', opens: START, cutoff: START, closes: START }
const began = (wave = 0): RunEvent => ({ type: 'WaveStarted', wave, name: `wave-${String(wave + 1)}` })
const chosen = (batch: number, nodes: readonly number[]): RunEvent => ({
  type: 'BatchChosen',
  batch,
  cell: 'a/b',
  list: 0,
  work: 'apply',
  nodes,
})
const intended = (n: number, nodes: readonly number[], work: 'apply' | 'scan' | 'rollback' = 'apply'): RunEvent => ({
  type: 'CommandIntended',
  n,
  batch: n,
  work,
  nodes,
  startBefore: START,
  notBefore: START,
})
const reported = (n: number, ends: Readonly<Record<number, Ms>>, outcomes: readonly Outcome[] = []): RunEvent => ({
  type: 'NodesReported',
  n,
  nodes: Object.keys(ends).map(Number),
  outcomes: Object.keys(ends).map((_, index) => outcomes[index] ?? 'patched'),
  reasons: [],
  changed: [],
  missing: [],
  before: [],
  after: [],
  reboot: [],
  ended: Object.values(ends).map((ms) => (ms === 0 ? instant(0) : plus(START, ms))),
})
const drained = (wave = 0): RunEvent => ({ type: 'WaveDrained', wave })
const passed = (wave = 0, verdict: 'pass' | 'fail' = 'pass'): RunEvent => ({ type: 'GateDecided', wave, verdict, why: [] })

const told = (spec: PlanSpec) => new Told(spec)
/** Seconds of a sketch, sorted. */
const seconds = (sketch: Sketch | undefined): number[] => {
  if (sketch === undefined) return []
  const { count } = momentsOf(sketch)
  return Array.from({ length: count }, (_, index) => Math.round(Math.exp(logQuantile(sketch, (index + 1) / (count + 1))) / SECOND))
}
const near = (expected: readonly number[], sketch: Sketch | undefined) => {
  const found = seconds(sketch)
  expect(found).toHaveLength(expected.length)
  expected.forEach((second, index) => {
    expect(Math.abs((found[index] ?? 0) - second)).toBeLessThanOrEqual(Math.max(1, second * 0.011))
  })
}

describe('what a run took', () => {
  it('a node’s change: from its intent to its own end', () => {
    const { spans } = told({ waves: [{ nodes: 2 }] })
      .at(0, began(), chosen(1, [0, 1]))
      .at(2_000, intended(1, [0, 1]))
      .at(600_000, reported(1, { 0: 302_000, 1: 502_000 })).measured
    expect(spans).toMatchObject([{ work: 'apply', account: '111122223333', image: 'ami-1', platform: 'amazon-linux-2023' }])
    near([300, 500], spans[0]?.sketch)
  })

  // prettier-ignore
  it.each<[it: string, outcome: Outcome, ended: Ms, counts: boolean]>([
    ['a patched node counts',                                 'patched',         60_000, true],
    ['a restored one too',                                    'rolled-back',     60_000, true],
    ['one that needed nothing was done sooner',               'not-needed',      60_000, false],
    ['one that failed may have ended early',                  'failed',          60_000, false],
    ['one that never told its end cannot be measured',        'unknown',         0,      false],
  ])('%s', (_, outcome, ended, counts) => {
    const { spans } = told({ waves: [{ nodes: 1 }] }).at(0, began(), chosen(1, [0]), intended(1, [0])).at(90_000, reported(1, { 0: ended }, [outcome])).measured
    expect(spans).toHaveLength(counts ? 1 : 0)
  })

  it('scans, changes and rollbacks are kept apart', () => {
    const one = told({ waves: [{ nodes: 1 }] }).at(0, began())
    const works = ['scan', 'apply', 'rollback'] as const
    works.forEach((work, index) => {
      const [n, from] = [index + 1, index * 100 * SECOND]
      one
        .at(from, intended(n, [0], work))
        .at(
          from + 60 * SECOND,
          reported(n, { 0: from + (n * 10 + 10) * SECOND }, [
            work === 'rollback' ? 'rolled-back' : work === 'scan' ? 'not-needed' : 'patched',
          ]),
        )
    })
    expect(one.measured.spans.map(({ work, sketch }) => [work, ...seconds(sketch)])).toEqual([
      ['scan', 20],
      ['apply', 30],
      ['rollback', 40],
    ])
  })

  it('images by their lineage, also where a trial has no lists yet', () => {
    const lineages = [{ image: 'golden', nodes: [1], accounts: [] }]
    const { spans } = told({ waves: [{ nodes: [{}, { list: null }] }], act: 'trial', trial: { lineages, path: '', approval: null } })
      .at(0, began(), intended(1, [0, 1]))
      .at(60_000, reported(1, { 0: 50_000, 1: 50_000 })).measured
    expect(spans.map(({ image }) => image)).toEqual(['ami-1', 'golden'])
  })

  it('the lead, the reading of a round, the drain and the gate', () => {
    const { leads, reads, drains, gates } = told({ waves: [{ nodes: 1, gate: { bakeMs: 10 * MINUTE } }] })
      .at(0, opened)
      .at(20_000, began(), chosen(1, [0]))
      .at(23_000, intended(1, [0]))
      .at(200_000, reported(1, { 0: 190_000 }))
      .at(202_000, drained())
      .at(202_000 + 10 * MINUTE + 7_000, passed()).measured
    near([20], leads)
    near([3], reads)
    near([12], drains)
    near([7], gates.none)
  })

  // prettier-ignore
  it.each<[it: string, checks: readonly string[], kind: keyof RunDurations['gates']]>([
    ['without checks',                       [],                  'none'],
    ['looks',                                ['ping'],            'looks'],
    ['scripts, whatever else is looked at',  ['ping', 'smoke'],   'scripts'],
  ])('gates by their checks: %s', (_, checks, kind) => {
    const spec: PlanSpec = { waves: [{ nodes: 1, gate: { checks } }], checks: { ping: { type: 'agent-ping' }, smoke: { type: 'script', run: 'x', timeoutMs: 1 } } }
    const { gates } = told(spec).at(0, began()).at(1_000, drained()).at(31_000, passed()).measured
    near([30], gates[kind])
    expect(Object.values(gates).flat()).toHaveLength(1)
  })
})

describe('the lag of a report', () => {
  const clusters: PlanSpec = { waves: [{ nodes: [{ groups: [0] }, { groups: [0] }, { groups: [1] }], concurrency: 3 }], groups: [{}, {}] }

  it('counts where another node waited for the place', () => {
    const { reports } = told({ waves: [{ nodes: 3, concurrency: 2 }] })
      .at(0, began(), intended(1, [0, 1]))
      .at(130_000, reported(1, { 0: 100_000 }))
      .at(135_000, intended(2, [2]))
      .at(300_000, reported(1, { 1: 140_000 }), reported(2, { 2: 200_000 })).measured
    near([30], reports.slow)
  })

  it('counts where another node of its group waited, and nowhere else', () => {
    const { reports } = told(clusters)
      .at(0, began(), intended(1, [0, 2]))
      .at(110_000, reported(1, { 2: 10_000 }))
      .at(140_000, reported(1, { 0: 100_000 })).measured
    near([40], reports.slow)
  })

  it('is that of a quick node, or of a slow one', () => {
    const { reports } = told({ waves: [{ nodes: 4, concurrency: 3 }] })
      .at(0, began(), intended(1, [0, 1, 2]))
      .at(400_000, reported(1, { 0: 100_000, 1: 200_000, 2: 380_000 }))
      .at(405_000, intended(2, [3])).measured
    near([300], reports.quick)
    near([20, 200], reports.slow)
  })

  it('not while somebody had paused it', () => {
    const { reports, drains } = told({ waves: [{ nodes: 3, concurrency: 2 }] })
      .at(0, began(), intended(1, [0, 1]), { type: 'Paused', reason: '' })
      .at(130_000, reported(1, { 0: 100_000, 1: 100_000 }))
      .at(140_000, { type: 'NodesSkipped', nodes: [2], reason: 'aborted' }, drained()).measured
    expect([reports, drains]).toEqual([{ quick: [], slow: [] }, []])
  })
})

describe('what is not the run’s own time', () => {
  // prettier-ignore
  it.each<[it: string, event: RunEvent]>([
    ['a gate that held',        { type: 'GateHeld', wave: 0, why: [] }],
    ['an approval',             { type: 'ApprovalAsked', subject: { kind: 'gate', wave: 'wave-1' }, group: 'sre', count: 1, expires: START }],
    ['a pause',                 { type: 'Paused', reason: '' }],
  ])('%s', (_, event) => {
    const { gates } = told({ waves: [{ nodes: 1 }] }).at(0, began()).at(1_000, drained(), event).at(31_000, passed()).measured
    expect(gates.none).toEqual([])
  })

  it('a gate that failed', () => {
    expect(
      told({ waves: [{ nodes: 1 }] })
        .at(0, began())
        .at(1_000, drained())
        .at(9_000, passed(0, 'fail')).measured.gates.none,
    ).toEqual([])
  })

  it('is over with the next wave', () => {
    const { gates } = told({ waves: [{ nodes: 1 }, { nodes: 1 }] })
      .at(0, began(), { type: 'GateHeld', wave: 0, why: [] }, drained(), passed())
      .at(10_000, began(1))
      .at(20_000, drained(1))
      .at(25_000, passed(1)).measured
    near([5], gates.none)
  })
})

it('stays small: hundreds of images are kept by their platform only', () => {
  const count = 500
  const lists = Array.from({ length: count }, (_, index) => ({
    account: '111122223333',
    image: `ami-${String(index)}`,
    baseline: null,
    patches: [],
    digest: '',
  }))
  const one = told({ waves: [{ nodes: lists.map((_, list) => ({ list })) }], lists })
  one.at(
    0,
    began(),
    intended(
      1,
      lists.map((_, position) => position),
    ),
  )
  one.at(99_000, reported(1, Object.fromEntries(lists.map((_, position) => [position, 60_000 + position]))))
  const { spans } = one.measured
  expect(spans.length).toBeLessThanOrEqual(201)
  expect(spans.reduce((sum, { sketch }) => sum + momentsOf(sketch).count, 0)).toBe(count)
})
