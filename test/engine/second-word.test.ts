import { describe, expect, it } from 'vitest'
import { evolve } from '../../src/core/run/evolve.ts'
import { viewOf } from '../../src/core/run/view.ts'
import { answer } from '../../src/engine/inbox.ts'
import { DAY, HOUR, MINUTE, plus, type Instant } from '../../src/kit/instant.ts'
import { OPENS, Telling } from '../core/run/telling.ts'

describe('a gate that holds for two hours, and two people who may let it pass', () => {
  const approval = { group: 'sre', count: 2, expiresMs: DAY }

  // prettier-ignore
  it.each([
    [2 * HOUR - MINUTE, ['ApprovalGiven']],
    [2 * HOUR,          ['SteeringRefused']],
    [5 * HOUR,          ['SteeringRefused']],
  ])('the second word counts if it comes before it is given up, also when nobody was there to do that: after %s ms', (after, told) => {
    const telling = new Telling({ waves: [{ nodes: 1, gate: { holdForMs: 2 * HOUR, approval } }, { nodes: 1 }] })
    telling.open()
    telling.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['offline'], down: [] })
    const { state } = telling
    const say = (by: string, said: Instant) => {
      const actor = { kind: 'cli', id: by } as const
      const groups = new Map([['sre', ['alice', 'bob']]])
      const events = answer({ groups, clock: { now: () => said } }, state, { what: 'approve', reason: 'x', gate: 'wave-1', actor }, said)
      for (const event of events) evolve(state, { at: plus(OPENS, HOUR), actor, event })
      return events.map(({ type }) => type)
    }
    expect(say('alice', plus(OPENS, HOUR))).toEqual(['ApprovalAsked', 'ApprovalGiven'])
    expect(viewOf(state).waitsFor).toBe('approval of gate wave-1: 1 of 2 from sre')
    expect(say('bob', plus(OPENS, after))).toEqual(told)
  })
})
