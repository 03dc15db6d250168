import { describe, expect, it } from 'vitest'
import { lowerBoundMs, spansOf } from '../../../src/core/run/bound.ts'
import { HOUR, instant, MINUTE, plus } from '../../../src/kit/instant.ts'
import type { Outcome } from '../../../src/core/run/event.ts'
import { Telling } from './telling.ts'
import { plan, type PlanSpec } from './plan.ts'

/** Plays one command in which every node takes its minutes; `null`: it never told its end. */
function took(spec: PlanSpec, minutes: readonly (number | null)[]): Telling {
  const told = new Telling(plan(spec))
  told.open()
  const ended = new Map<number, number>()
  for (let turns = 0; turns < 100 && ended.size < minutes.length; turns++) {
    told.read()
    for (const n of [...told.state.openCommands]) {
      told.sent(n)
      const { nodes, intendedAt } = told.state.commands.get(n) ?? { nodes: [], intendedAt: told.now }
      for (const node of nodes) {
        const length = minutes[node]
        ended.set(node, n)
        if (length === undefined) continue
        told.now = plus(intendedAt, Math.max(told.now - intendedAt, (length ?? 1) * MINUTE))
        told.tell({
          type: 'NodesReported',
          n,
          nodes: [node],
          outcomes: ['patched' satisfies Outcome],
          reasons: ['installed'],
          changed: [1],
          missing: [0],
          before: [''],
          after: [''],
          reboot: [false],
          ended: [length === null ? instant(0) : plus(intendedAt, length * MINUTE)],
        })
      }
      told.tell({ type: 'CommandClosed', n })
    }
    told.wake()
  }
  return told
}

const one = { groups: [0] }
const other = { groups: [1] }

describe('the least time that a run could have taken', () => {
  // prettier-ignore
  it.each<[it: string, spec: PlanSpec, minutes: (number | null)[], boundMinutes: number]>([
    ['the longest node, when all have a place',      { waves: [{ nodes: 3, gate: { failuresMax: 9 } }] },                                              [5, 8, 6],    8],
    ['all nodes over the places',                    { waves: [{ nodes: 4, concurrency: 2, gate: { failuresMax: 9 } }] },                              [5, 5, 5, 5], 10],
    ['a group that takes one at a time',             { waves: [{ nodes: [one, one, other], gate: { failuresMax: 9 } }], groups: [{ atMost: 1 }, {}] }, [6, 6, 7],    12],
    ['the places of a group are not those of all',   { waves: [{ nodes: [one, one, one, one], concurrency: 3, gate: { failuresMax: 9 } }], groups: [{ atMost: 2 }] }, [6, 6, 6, 6], 12],
    ['groups that take turns are added up',          { waves: [{ nodes: [one, one, other], gate: { failuresMax: 9 } }], groups: [{ atMost: 2, set: 'z' }, { set: 'z' }] }, [6, 5, 7], 13],
    ['what never told its end counts nothing',       { waves: [{ nodes: 2, gate: { failuresMax: 9 } }] },                                              [5, null],    5],
    ['waves follow one another',                     { waves: [{ nodes: 1 }, { nodes: 1 }] },                                                          [5, 7],       12],
  ])('%s', (_, spec, minutes, boundMinutes) => {
    const told = took({ ...spec, waves: spec.waves.map((wave) => ({ ...wave })) }, minutes)
    told.play('patched')
    expect(lowerBoundMs(told.state)).toBe(boundMinutes * MINUTE)
  })

  it('a passed gate adds its bake, one that failed does not', () => {
    const passed = took({ waves: [{ nodes: 1, gate: { bakeMs: HOUR } }] }, [5])
    passed.play('patched')
    expect(passed.state.waves[0]?.phase).toBe('passed')
    expect(lowerBoundMs(passed.state)).toBe(5 * MINUTE + HOUR)
    const failed = took({ waves: [{ nodes: 1, gate: { bakeMs: HOUR } }], rollback: { on: 'never', scope: 'wave', method: 'none', outside: 'allow', failures: { kind: 'count', count: 0 }, failuresMax: 0 } }, [5])
    failed.play('patched', 'fail')
    expect(failed.state.waves[0]?.phase).toBe('failed')
    expect(lowerBoundMs(failed.state)).toBe(5 * MINUTE)
  })

  it('a span runs from the intent to the node’s own end', () => {
    expect([...spansOf(took({ waves: [{ nodes: 2, gate: { failuresMax: 9 } }] }, [5, 8]).state)]).toEqual([5 * MINUTE, 8 * MINUTE])
  })
})
