import { describe, expect, it } from 'vitest'
import { evolve } from '../../src/core/run/evolve.ts'
import { next } from '../../src/core/run/next.ts'
import type { RunState } from '../../src/core/run/state.ts'
import { answer } from '../../src/engine/inbox.ts'
import { DAY, HOUR, plus, type Ms } from '../../src/kit/instant.ts'
import { OPENS, Telling } from '../core/run/telling.ts'
import { fleet, group } from '../scenarios/documents.ts'
import { given } from '../scenarios/given.ts'

const SIX = fleet([group('prod-us', 6)])
const WAVES =
  '[{ name: canary, take: 1, gate: { bake: 1m, approval: { group: sre-leads, expires: 1h } } }, { name: broad, take: rest, concurrency: 100%, gate: { bake: 0s } }]'

describe('a word that was left just in time, and would be read too late', () => {
  it.each([500, 1_500, 2_500, 3_500, 4_500])('approves the gate: %i ms before the question expires', async (ms) => {
    const then = await given(SIX)
      .runbook({ waves: WAVES })
      .faults('api: { latency: { median: 137ms, p95: 411ms } }')
      .when()
      .at('ApprovalAsked', {}, ({ say, later }) => {
        later(HOUR - ms, () => {
          say('approve', { gate: 'canary', by: 'rehearsal:sre-leads/3' })
        })
      })
      .runs()
    expect(then.facts('ApprovalExpired')).toEqual([])
    then.ends('succeeded').nodes({ patched: 6 })
  })
})

describe('a word on a gate that held', () => {
  const world = { groups: new Map<string, readonly string[]>(), clock: { now: () => plus(OPENS, 3 * DAY) } }
  const actor = { kind: 'cli', id: 'arn:aws:iam::999999999999:user/alice' } as const

  /** The gate of a wave of one node, which holds for lack of evidence from the opening on. Nobody drives the run when its time is over. */
  function held(holdForMs: Ms | null): RunState {
    const told = new Telling({ waves: [{ nodes: 1, gate: { holdForMs } }, { nodes: 1 }] })
    told.open()
    told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['offline'], down: [] })
    return told.state
  }

  it('is no once somebody has said no, although both were read before anything was decided', () => {
    const state = held(null)
    const said = (what: 'approve' | 'reject', by: string): readonly string[] => {
      const wish = { what, reason: 'x', gate: null, actor: { kind: 'cli', id: by } } as const
      const events = answer(world, state, wish, plus(OPENS, HOUR))
      for (const event of events) evolve(state, { at: plus(OPENS, HOUR), actor: wish.actor, event })
      return events.map(({ type }) => type)
    }
    expect(said('reject', 'alice')).toEqual(['ApprovalAsked', 'ApprovalRefused'])
    expect(said('approve', 'bob')).toEqual(['SteeringRefused'])
    expect(next(state, plus(OPENS, HOUR)).events).toMatchObject([{ type: 'GateDecided', verdict: 'fail', why: ['rejected by alice'] }])
  })

  // prettier-ignore
  it.each<[what: 'approve' | 'reject', holdFor: Ms | null, said: Ms, told: string]>([
    ['approve', 2 * HOUR, 2 * HOUR - 1, 'ApprovalAsked ApprovalGiven'],
    ['approve', 2 * HOUR, 2 * HOUR,     'SteeringRefused'],
    ['approve', 2 * HOUR, DAY,          'SteeringRefused'],
    ['reject',  2 * HOUR, HOUR,         'ApprovalAsked ApprovalRefused'],
    ['reject',  2 * HOUR, DAY,          'SteeringRefused'],
    ['approve', null,     5 * HOUR,     'ApprovalAsked ApprovalGiven'],
    ['approve', null,     6 * HOUR,     'SteeringRefused'],
  ])('counts if it was given before the hold was over: %s, held for %s ms, after %i ms', (what, holdFor, said, told) => {
    const events = answer(world, held(holdFor), { what, reason: 'x', gate: 'wave-1', actor }, plus(OPENS, said))
    expect(events.map(({ type }) => type).join(' ')).toBe(told)
  })
})
