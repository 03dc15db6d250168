import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Group, PlanContent } from '../../../src/core/plan/plan.ts'
import { simulateWave } from '../../../src/core/plan/simulate-wave.ts'
import { TimedHeap } from '../../../src/core/plan/timed-heap.ts'
import { shapeOf } from '../../../src/core/plan/wave-shape.ts'
import { known } from '../../../src/kit/assert.ts'
import { MINUTE, SECOND, type Ms } from '../../../src/kit/instant.ts'
import { plan, type NodeSpec } from '../run/plan.ts'

const content = (nodes: number | readonly NodeSpec[], concurrency: number, groups: readonly Partial<Group>[] = []): PlanContent =>
  plan({ waves: [{ nodes, concurrency }], groups })

const inGroups = (...groups: readonly (readonly number[])[]): NodeSpec[] => groups.map((own) => ({ groups: own }))
const cluster = (atMost = 1): Partial<Group> => ({ atMost })
const turn = (of = 'zones'): Partial<Group> => ({ atMost: 100, set: of })

/** Plays the only wave with these durations, without lags, and tells in which order its nodes started. */
function played(one: PlanContent, spanMs: (place: number) => Ms) {
  const started: number[] = []
  const span = simulateWave(shapeOf(one, known(one.waves[0], 'the wave')), {
    spanMs: (place) => {
      started.push(place)
      return spanMs(place)
    },
    readMs: () => 0,
    reportMs: () => 0,
  })
  return { ...span, started }
}

const ROUND: Ms = 5 * SECOND

describe('a wave of nodes that take ten minutes each', () => {
  const ten = () => 10 * MINUTE

  // prettier-ignore
  it.each<[it: string, one: PlanContent, rounds: number]>([
    ['all at once',                                   content(7, 7), 1],
    ['two at once',                                   content(7, 2), 4],
    ['one after the other',                           content(3, 1), 3],
    ['one of a cluster at a time',                    content(inGroups([0], [0], [0], [1], [1]), 5, [cluster(), cluster()]), 3],
    ['two of a cluster at a time',                    content(inGroups([0], [0], [0], [0]), 4, [cluster(2)]), 2],
    ['zones take turns',                              content(inGroups([0], [1], [0], [1], [2]), 5, [turn(), turn(), turn()]), 3],
    ['zones of different regions do not wait',        content(inGroups([0], [1], [2], [3]), 4, [turn('a'), turn('a'), turn('b'), turn('b')]), 2],
    ['the longest chain is not kept for the end',     content([...inGroups([], [], [], []), ...inGroups([0], [0], [0])], 2, [cluster()]), 4],
    ['a cluster within a zone whose turn it is',      content(inGroups([0, 2], [0, 2], [1, 2], [1, 3]), 4, [turn(), turn(), cluster(), cluster()]), 3],
    ['a limit of nobody leaves its nodes out',        content(inGroups([0], []), 2, [cluster(0)]), 1],
  ])('%s: %#', (_, one, rounds) => {
    const { lastEndMs } = played(one, ten)
    expect(Math.round(lastEndMs / (10 * MINUTE))).toBe(rounds)
    expect(lastEndMs).toBeGreaterThanOrEqual(rounds * 10 * MINUTE)
  })

  it('gathers places for a few seconds, but never while nothing is in flight', () => {
    expect(played(content(3, 1), ten)).toMatchObject({ lastStartMs: 20 * MINUTE, lastEndMs: 30 * MINUTE })
    // Two places that are freed a second apart are filled together.
    const { lastEndMs } = played(content(5, 3), (place) => (place === 0 ? 60 * MINUTE : place === 1 ? 10 * MINUTE : 10 * MINUTE + SECOND))
    expect(lastEndMs).toBe(60 * MINUTE)
    expect(played(content(4, 2), (place) => (place === 0 ? 60 * MINUTE : 10 * MINUTE)).lastStartMs).toBe(2 * (10 * MINUTE + ROUND))
  })

  it('leaves out who is skipped, and takes the wave’s own limit', () => {
    const skipped = content([{}, { skip: 'stopped' }, {}], 1)
    expect(played(skipped, ten).started).toEqual([0, 1])
    const tight = plan({ waves: [{ nodes: inGroups([0], [0]), tighter: [{ group: 0, atMost: 1 }] }], groups: [{ atMost: 2 }] })
    expect(played(tight, ten).lastEndMs).toBe(20 * MINUTE)
  })
})

describe('any wave', () => {
  const shapes = fc.record({
    nodes: fc.array(
      fc.record({
        cluster: fc.integer({ min: 0, max: 5 }),
        zone: fc.integer({ min: 0, max: 2 }),
        minutes: fc.integer({ min: 1, max: 60 }),
      }),
      { minLength: 1, maxLength: 40 },
    ),
    concurrency: fc.integer({ min: 1, max: 20 }),
    atMost: fc.integer({ min: 1, max: 3 }),
    turns: fc.boolean(),
  })

  it('starts every node once, in no less time than its limits leave and no more than one after the other', () => {
    fc.assert(
      fc.property(shapes, ({ nodes, concurrency, atMost, turns }) => {
        const groups = [
          ...Array.from({ length: 6 }, () => cluster(atMost)),
          ...Array.from({ length: 3 }, () => (turns ? turn() : { atMost: 100 })),
        ]
        const one = content(
          nodes.map(({ cluster: own, zone }) => ({ groups: [own, 6 + zone] })),
          concurrency,
          groups,
        )
        const shape = shapeOf(one, known(one.waves[0], 'the wave'))
        const started = new Set<number>()
        const { lastEndMs } = simulateWave(shape, {
          readMs: () => 0,
          reportMs: () => 0,
          spanMs: (place) => {
            expect(started.has(place)).toBe(false)
            started.add(place)
            return known(nodes[place], 'the node').minutes * MINUTE
          },
        })
        expect(started.size).toBe(nodes.length)
        const all = nodes.reduce((sum, { minutes }) => sum + minutes * MINUTE, 0)
        const longest = Math.max(...nodes.map(({ minutes }) => minutes * MINUTE))
        expect(lastEndMs).toBeGreaterThanOrEqual(Math.max(longest, all / concurrency, ...bounds(nodes, atMost, turns)))
        expect(lastEndMs).toBeLessThanOrEqual(all + nodes.length * ROUND)
      }),
    )
  })
})

/** What each cluster, and the zones in turn, need at the least. */
function bounds(nodes: readonly Readonly<{ cluster: number; zone: number; minutes: number }>[], atMost: number, turns: boolean): Ms[] {
  const sums = [...Map.groupBy(nodes, ({ cluster: own }) => own).values()].map((own) =>
    own.reduce((sum, { minutes }) => sum + minutes * MINUTE, 0),
  )
  const zones = [...Map.groupBy(nodes, ({ zone }) => zone).values()].map((own) => Math.max(...own.map(({ minutes }) => minutes * MINUTE)))
  return [...sums.map((sum) => sum / atMost), turns ? zones.reduce((sum, ms) => sum + ms, 0) : 0]
}

it('a heap gives out the least first, equals by number', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (keys) => {
      const heap = new TimedHeap()
      keys.forEach((key, id) => {
        heap.push(key, id)
      })
      const order = keys.map((key, id) => ({ key, id })).sort((a, b) => a.key - b.key || a.id - b.id)
      for (const { key, id } of order) {
        expect(heap.key).toBe(key)
        expect(heap.pop()).toBe(id)
      }
      expect(heap.size).toBe(0)
      expect(heap.pop()).toBe(-1)
    }),
  )
})
