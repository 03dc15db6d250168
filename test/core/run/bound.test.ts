import { describe, expect, it } from 'vitest'
import { lowerBoundMs, spansOf } from '../../../src/core/run/bound.ts'
import { commandOf } from '../../../src/core/run/state.ts'
import { HOUR, latest, MINUTE, plus } from '../../../src/kit/instant.ts'
import { measured, report, Telling } from './telling.ts'
import { plan, type PlanSpec } from './plan.ts'

/** Plays a run to its end; every node takes its minutes (`null`: it never tells its end), every check says `check`. */
function took(spec: PlanSpec, minutes: readonly (number | null)[], check: 'pass' | 'fail' = 'pass'): Telling {
  const told = new Telling(plan(spec))
  told.open()
  for (let turns = 0; turns < 200 && told.state.phase.name !== 'finished'; turns++) {
    const before = told.facts.length
    told.read()
    for (const n of [...told.state.openCommands]) endAll(told, n, minutes)
    for (const effect of [...told.state.activities.values()]) if (effect.kind === 'measure') told.tell(measured(effect, check))
    if (told.facts.length === before) told.wake()
  }
  return told
}

function endAll(told: Telling, n: number, minutes: readonly (number | null)[]): void {
  told.sent(n)
  const { nodes, intendedAt } = commandOf(told.state, n)
  for (const node of [...nodes].sort((a, b) => (minutes[a] ?? 0) - (minutes[b] ?? 0))) {
    const length = minutes[node] ?? null
    told.now = latest(told.now, plus(intendedAt, (length ?? 1) * MINUTE))
    told.tell(report(n, { [node]: length === null ? 'silent failed: timeout' : 'patched' }, plus(intendedAt, (length ?? 0) * MINUTE)))
  }
  told.tell({ type: 'CommandClosed', n })
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
    ['a turn takes as long as its longest chain',    { waves: [{ nodes: [{ groups: [0, 2] }, { groups: [0, 2] }, { groups: [0] }, { groups: [1] }], gate: { failuresMax: 9 } }], groups: [{ atMost: 9, set: 'z' }, { atMost: 9, set: 'z' }, {}] }, [6, 5, 7, 4], 15],
    ['what never told its end counts nothing',       { waves: [{ nodes: 2, gate: { failuresMax: 9 } }] },                                              [5, null],    5],
    ['waves follow one another',                     { waves: [{ nodes: 1 }, { nodes: 1 }] },                                                          [5, 7],       12],
  ])('%s', (_, spec, minutes, boundMinutes) => {
    const told = took(spec, minutes)
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'succeeded' })
    expect(lowerBoundMs(told.state)).toBe(boundMinutes * MINUTE)
  })

  it('a passed gate adds its bake, one that failed does not', () => {
    const passed = took({ waves: [{ nodes: 1, gate: { bakeMs: HOUR } }] }, [5])
    expect(passed.state.waves[0]?.phase).toBe('passed')
    expect(lowerBoundMs(passed.state)).toBe(5 * MINUTE + HOUR)
    const failed = took(
      {
        waves: [{ nodes: 1, gate: { bakeMs: HOUR } }],
        rollback: { on: 'never', scope: 'wave', method: 'none', outside: 'allow', failures: { kind: 'count', count: 0 }, failuresMax: 0 },
      },
      [5],
      'fail',
    )
    expect(failed.state.waves[0]?.phase).toBe('failed')
    expect(lowerBoundMs(failed.state)).toBe(5 * MINUTE)
  })

  it('a span runs from the intent to the node’s own end', () => {
    expect([...spansOf(took({ waves: [{ nodes: 2, gate: { failuresMax: 9 } }] }, [5, 8]).state)]).toEqual([5 * MINUTE, 8 * MINUTE])
  })
})
