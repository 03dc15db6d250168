import { describe, expect, it } from 'vitest'
import { finished, tally } from '../../../src/core/run/finish.ts'
import { codeOf } from '../../../src/core/run/state.ts'
import type { Outcome } from '../../../src/core/run/event.ts'
import { Telling } from './telling.ts'

const OUTCOMES: readonly Outcome[] = ['open', 'open', 'patched', 'patched', 'patched', 'failed', 'unknown', 'skipped', 'rolled-back']

function ended(nodes: number = OUTCOMES.length) {
  const { state } = new Telling({ waves: [{ nodes }] })
  OUTCOMES.forEach((outcome, position) => (state.nodes.outcome[position] = codeOf(outcome)))
  return state
}

const REST = { patched: 3, 'not-needed': 0, failed: 1, unknown: 1, 'rolled-back': 1, 'rollback-failed': 0, total: 9 }

describe('nodes by outcome', () => {
  it('while the run goes on: open ones are open', () => {
    expect(tally(ended(), false)).toEqual({ ...REST, open: 2, skipped: 1 })
  })

  it('at its end: those that were never reached are skipped', () => {
    expect(tally(ended(), true)).toEqual({ ...REST, skipped: 3 })
  })
})

describe('the entry that ends a run', () => {
  it('says how, why, and how many', () => {
    expect(finished(ended(), 'succeeded', 'all gates passed')).toEqual({
      type: 'RunFinished',
      outcome: 'succeeded',
      reason: 'all gates passed',
      nodes: { ...REST, skipped: 3 },
    })
  })

  const reason = (count: number): string => {
    const state = ended(12)
    for (let position = 0; position < count; position++) state.notBack.set(position, position === 0 ? ['rejoin', 'stop'] : ['rejoin'])
    const event = finished(state, 'stopped', 'x')
    return event.type === 'RunFinished' ? event.reason : ''
  }
  const named = (count: number): string =>
    Array.from(
      { length: count },
      (_, position) => `i-${position.toString(16).padStart(17, '0')} (${position === 0 ? 'rejoin, stop' : 'rejoin'})`,
    ).join(', ')

  // prettier-ignore
  it.each<[nodes: number, reason: string]>([
    [0,  'x'],
    [1,  `x; not back: ${named(1)}`],
    [10, `x; not back: ${named(10)}`],
    [12, `x; not back: ${named(10)} and 2 more`],
  ])('names what %i nodes were not brought back from, ten of them at most', (count, said) => {
    expect(reason(count)).toBe(said)
  })
})
