import { describe, expect, it } from 'vitest'
import type { RunDurations } from '../../../src/core/plan/durations.ts'
import { expectationOf } from '../../../src/core/plan/expectation.ts'
import { forecast } from '../../../src/core/plan/forecast.ts'
import type { Group, PlanContent } from '../../../src/core/plan/plan.ts'
import { simulate } from '../../../src/core/plan/simulate.ts'
import { simulateWave } from '../../../src/core/plan/simulate-wave.ts'
import { shapeOf } from '../../../src/core/plan/wave-shape.ts'
import { known } from '../../../src/kit/assert.ts'
import { MINUTE, SECOND, type Ms } from '../../../src/kit/instant.ts'
import { below, seeded } from '../../../src/kit/random.ts'
import { plan, type NodeSpec, type PlanSpec } from '../run/plan.ts'
import { durations, span } from './history.ts'

const ACCOUNT = '111122223333'
const shaped = (
  nodes: number | readonly NodeSpec[],
  concurrency: number,
  groups: readonly Partial<Group>[] = [],
  more: Partial<PlanSpec> = {},
) => {
  const one = plan({ waves: [{ nodes, concurrency }], groups, ...more })
  return shapeOf(one, known(one.waves[0], 'the wave'))
}
const inGroups = (...groups: readonly (readonly number[])[]): NodeSpec[] => groups.map((own) => ({ groups: own }))

describe('the shape of a wave', () => {
  // prettier-ignore
  it.each<[it: string, free: boolean, shape: ReturnType<typeof shaped>]>([
    ['whose nodes all have a place is free',         true,  shaped(3, 3)],
    ['with fewer places is not',                     false, shaped(3, 2)],
    ['whose limit is never met is free',             true,  shaped(inGroups([0], [0]), 2, [{ atMost: 2 }])],
    ['whose limit may be met is not',                false, shaped(inGroups([0], [0]), 2, [{ atMost: 1 }])],
    ['whose groups take turns is not',               false, shaped(inGroups([0], [0]), 2, [{ atMost: 2, set: 'zones' }])],
    ['counts only who is touched',                   true,  shaped([{ groups: [0] }, { groups: [0], skip: 'offline' }], 1, [{ atMost: 1 }])],
  ])('%s', (_, free, shape) => {
    expect(shape.free).toBe(free)
  })

  it('has the groups that bind, the sets, and the longest chains first', () => {
    const groups = [{ atMost: 1 }, { atMost: 9 }, { atMost: 9, set: 'a' }, { atMost: 9, set: 'b' }, { atMost: 9, set: 'a' }]
    // The third node is the first of two in the only group that binds; the others of that cluster, and of the sets, go as planned.
    const shape = shaped(inGroups([1], [3], [0, 1, 2], [0, 4]), 2, groups)
    expect(shape).toMatchObject({ count: 4, concurrency: 2, sets: 2, members: [[2, 4], [3]] })
    expect([...shape.positions]).toEqual([0, 1, 2, 3])
    expect([...shape.groupsFrom]).toEqual([0, 0, 1, 3, 5])
    expect([...shape.groups]).toEqual([3, 0, 2, 0, 4])
    expect([...shape.limits]).toEqual([1, 9, 9, 9, 9])
    expect([...shape.setOf]).toEqual([-1, -1, 0, 1, 0])
  })

  it('starts the longest chain first, and knows where each chain begins', () => {
    const shape = shaped(inGroups([], [0], [0], [0], [1], [1], []), 7, [{ atMost: 1 }, { atMost: 1 }])
    // Chains of 3, 2 and 1 nodes begin with the nodes of the first group, of 2 and 1 with those of the second.
    expect([...shape.rank]).toEqual([3, 0, 1, 4, 2, 5, 6])
    expect([...shape.chainRank]).toEqual([3, 0, 1, 3, 1, 3, 3])
  })

  it('counts a chain apart for each turn that its nodes belong to', () => {
    const groups = [{ atMost: 1 }, { atMost: 9, set: 'zones' }, { atMost: 9, set: 'zones' }]
    // Three of one cluster, of which two are in one zone: no chain is longer than two.
    expect([...shaped(inGroups([0, 1], [0, 2], [0, 1]), 3, groups).chainRank]).toEqual([0, 1, 1])
    expect([...shaped(inGroups([0], [0], [0]), 3, groups).chainRank]).toEqual([0, 1, 2])
  })

  it('takes two turns of a limit of two for four nodes', () => {
    expect([...shaped(inGroups([0], [0], [0], [0], []), 5, [{ atMost: 2 }]).chainRank]).toEqual([0, 0, 2, 2, 2])
  })

  it('has the limits of its own where these are tighter', () => {
    const one = plan({
      waves: [{ nodes: inGroups([0, 1], [0, 1]), tighter: [{ group: 0, atMost: 1 }] }],
      groups: [{ atMost: 2 }, { atMost: 2 }],
    })
    const shape = shapeOf(one, known(one.waves[0], 'the wave'))
    expect([[...shape.limits], [...shape.groups]]).toEqual([
      [1, 2],
      [0, 0],
    ])
  })
})

const TEN = 10 * MINUTE

/** Plays the only wave, without lags: in which order its nodes start, and how often places are filled. */
function played(one: PlanContent, spanMs: (place: number) => Ms) {
  const started: number[] = []
  let fills = 0
  const { lastStartMs } = simulateWave(shapeOf(one, known(one.waves[0], 'the wave')), {
    spanMs: (place) => {
      started.push(place)
      return spanMs(place)
    },
    readMs: () => {
      fills += 1
      return 0
    },
    reportMs: () => 0,
  })
  return { started, fills, lastStartMs }
}
const content = (nodes: number | readonly NodeSpec[], concurrency: number, groups: readonly Partial<Group>[] = []) =>
  plan({ waves: [{ nodes, concurrency }], groups })
const turn = (set: string): Partial<Group> => ({ atMost: 9, set })

describe('places that become free', () => {
  it('are filled at once when they make a whole command, else after five seconds', () => {
    expect(played(content(151, 51), (place) => (place === 0 ? 9 * TEN : TEN)).lastStartMs).toBe(2 * TEN)
    expect(played(content(147, 50), (place) => (place === 0 ? 9 * TEN : TEN)).lastStartMs).toBe(2 * (TEN + 5 * SECOND))
  })

  it('are filled before the next comes, when they make a whole command', () => {
    expect(played(content(101, 51), (place) => (place === 0 ? TEN + 3 * SECOND : TEN)).lastStartMs).toBe(TEN)
  })

  it('are filled together when they come within five seconds, however many wait', () => {
    const late = (ms: Ms) => played(content(53, 3), (place) => (place === 0 ? 1_000 * TEN : place % 2 === 1 ? TEN : TEN + ms))
    expect(late(SECOND).fills).toBe(1 + 25)
    expect(late(5 * SECOND).fills).toBe(1 + 25)
    expect(late(6 * SECOND).fills).toBeGreaterThan(1 + 40)
  })

  it('go to the longer chain of those that waited', () => {
    // The first node holds both clusters; of those behind it, the second cluster has two more.
    expect(
      played(content(inGroups([0, 1], [0], [1], [1], []), 2, [{ atMost: 1 }, { atMost: 1 }]), (place) => (place === 4 ? 99 * TEN : TEN))
        .started,
    ).toEqual([0, 4, 2, 1, 3])
  })

  it('go to all of a zone at once when its turn has come', () => {
    expect(played(content(inGroups([1], [0], [0], [0]), 4, [turn('a'), turn('a')]), () => TEN)).toMatchObject({
      started: [0, 1, 2, 3],
      lastStartMs: TEN,
    })
  })

  it('are filled after the calls that this takes, and free only when the end was reported', () => {
    const one = content(2, 1)
    const lags = { spanMs: () => TEN, readMs: () => 2 * SECOND, reportMs: () => SECOND }
    expect(simulateWave(shapeOf(one, known(one.waves[0], 'the wave')), lags)).toEqual({
      lastStartMs: TEN + 5 * SECOND,
      lastEndMs: 2 * TEN + 5 * SECOND,
    })
  })

  it('go to every zone in turn, in each region', () => {
    const zones = [turn('a'), turn('b'), turn('b')]
    const { started, lastStartMs } = played(content(inGroups([0], [1], [2], [1]), 4, zones), () => TEN)
    expect(started.toSorted()).toEqual([0, 1, 2, 3])
    expect(lastStartMs).toBeGreaterThanOrEqual(TEN)
  })

  it('go to every node once, whatever they wait behind', () => {
    for (let seed = 0; seed < 400; seed += 1) {
      const random = seeded(seed)
      const groups = Array.from({ length: 5 }, (_, at) => (at === 4 ? turn('a') : { atMost: 1 + below(random, 2) }))
      const nodes = Array.from({ length: 12 }, () => ({ groups: [0, 1, 2, 3, 4].filter(() => random() < 0.4) }))
      const { started } = played(content(nodes, 1 + below(random, 6), groups), () => TEN * (1 + below(random, 3)))
      expect(
        started.toSorted((a, b) => a - b),
        `seed ${String(seed)}`,
      ).toEqual([...nodes.keys()])
    }
  })
})

const changes = (many: number, minutes: number): Ms[] => Array.from({ length: many }, (_, at) => Math.round((minutes + at / many) * MINUTE))
const seen = (image: string, minutes: number) => span(changes(200, minutes), { account: ACCOUNT, image })
const nights = (...spans: ReturnType<typeof seen>[]): RunDurations[] => [1, 2, 3, 4].map(() => durations([], { spans }))
const LISTS: PlanContent['lists'] = ['ami-1', 'ami-2'].map((image) => ({
  account: ACCOUNT,
  image,
  baseline: null,
  patches: [],
  digest: '0'.repeat(64),
}))
const minutesOf = (content: PlanContent, history: readonly RunDurations[] = []) => forecast(content, history, 'seed').medianMs / MINUTE

describe('a wave that nothing holds up', () => {
  it('takes as long as the slowest of its nodes: the longer, the more there are', () => {
    const [one, many] = [1, 90].map((nodes) => minutesOf(plan({ waves: [{ nodes }] })))
    expect(one).toBeGreaterThan(6)
    expect(one).toBeLessThan(11)
    // Of ninety nodes, half of which take eight minutes and 95 of 100 fifteen, the slowest takes about twenty.
    expect(many).toBeGreaterThan(16)
    expect(many).toBeLessThan(25)
  })

  it('takes as long as the slower kind of its nodes, whichever is first', () => {
    const history = nights(seen('ami-1', 5), seen('ami-2', 50))
    const mixed = (lists: readonly number[]) =>
      minutesOf(plan({ waves: [{ nodes: lists.map((list) => ({ list })) }], lists: LISTS }), history)
    for (const lists of [
      [0, 0, 1],
      [1, 0, 0],
    ]) {
      expect(mixed(lists)).toBeGreaterThan(45)
      expect(mixed(lists)).toBeLessThan(60)
    }
    expect(mixed([0, 0, 0])).toBeLessThan(8)
  })

  it('takes about as long as when its nodes are played one by one', () => {
    const free = plan({ waves: [{ nodes: 40 }] })
    // A limit that is met by nobody but makes the wave be played: one group of a set of its own.
    const played = plan({ waves: [{ nodes: Array.from({ length: 40 }, () => ({ groups: [0] })) }], groups: [{ atMost: 40, set: 'all' }] })
    expect(minutesOf(free) / minutesOf(played)).toBeGreaterThan(0.9)
    expect(minutesOf(free) / minutesOf(played)).toBeLessThan(1.1)
  })
})

describe('simulated runs', () => {
  const runs = (nodes: number, concurrency: number, most?: number) => {
    const content = plan({ waves: [{ nodes, concurrency }] })
    return simulate(content, expectationOf(content, []), 'seed', most)
  }

  it('are two hundred of a small plan, as many as are asked for, but no fewer than tell the width', () => {
    expect(runs(50, 10)).toHaveLength(200)
    expect(runs(50, 10, 40)).toHaveLength(40)
    expect(runs(50, 10, 1)).toHaveLength(24)
    expect(runs(5_000, 10)).toHaveLength(100)
    expect(runs(5_000, 5_000)).toHaveLength(200)
  })

  it('end wave after wave, each after its own last node began', () => {
    const content = plan({
      waves: [
        { nodes: 3, gate: { bakeMs: 10 * MINUTE } },
        { nodes: 3, concurrency: 1 },
      ],
    })
    for (const { waves } of simulate(content, expectationOf(content, []), 'seed', 24)) {
      const [first, second] = waves
      expect(first?.endMs).toBeGreaterThan((first?.lastStartMs ?? 0) + 10 * MINUTE)
      expect(second?.lastStartMs).toBeGreaterThan(first?.endMs ?? 0)
      expect(second?.endMs).toBeGreaterThan(second?.lastStartMs ?? 0)
    }
  })

  it('know good and bad nights', () => {
    const content = plan({ waves: [{ nodes: 200, concurrency: 100 }] })
    const expected = expectationOf(content, [])
    const ends = (nightDoubt: number) =>
      simulate(content, { ...expected, nightDoubt }, 'seed', 100)
        .map(({ waves }) => waves[0]?.endMs ?? 0)
        .sort((a, b) => a - b)
    const width = (nightDoubt: number) => (ends(nightDoubt)[95] ?? 0) / (ends(nightDoubt)[5] ?? 1)
    expect(width(1)).toBeGreaterThan(3 * width(0))
  })
})

describe('what a history is taken for', () => {
  it('of a plan without waves is no time at all', () => {
    expect(forecast(plan({ waves: [] }), [], 'seed')).toMatchObject({ lowMs: 0, medianMs: 0, highMs: 0, nodeHighMs: 0, waves: [] })
  })

  const scan = plan({ waves: [{ nodes: 3 }], work: 'scan' })

  it('of changes tells nothing of a scan', () => {
    expect(forecast(scan, nights(seen('ami-1', 50)), 'seed').basis).toMatch(/^no history/)
  })

  it('of scans tells nothing of a rollback, of changes it does', () => {
    const back = plan({ waves: [{ nodes: 3 }], work: 'rollback' })
    const scans = { ...seen('ami-1', 1), work: 'scan' as const }
    expect(forecast(back, nights(scans), 'seed').basis).toMatch(/^no history/)
    expect(forecast(back, nights(scans, seen('ami-1', 50)), 'seed').basis).toMatch(
      /^history: 800 nodes of 4 runs; nodes go by those 3 of the same image and account;/,
    )
  })
})
