import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../../src/core/run/event.ts'
import { end, recount } from '../../../src/core/run/standing.ts'
import { codeOf, initial, type RunState } from '../../../src/core/run/state.ts'
import { CHANGED } from '../../../src/core/run/steps.ts'
import { plan } from './plan.ts'
import { searching, trying } from './searching.ts'
import { RUN } from './telling.ts'

const one = (): RunState => initial(RUN, plan({ waves: [{ nodes: 1 }] }))

describe('an outcome', () => {
  it('of a node that was skipped in a search is what it was before, with why it was not tried', () => {
    const { state, isolation } = searching({ tries: new Map([[1, trying({ before: { outcome: 'not-needed', reason: 'installed' } })]]) })
    end(state, 1, 'skipped', 'cutoff')
    expect([state.nodes.outcome[1], state.nodes.reason[1], isolation.tries.get(1)?.refused]).toEqual([
      codeOf('not-needed'),
      'installed',
      'cutoff',
    ])
    end(state, 1, 'failed', 'checksum')
    end(state, 2, 'skipped', 'cutoff')
    expect([state.nodes.outcome[1], state.nodes.outcome[2]]).toEqual([codeOf('failed'), codeOf('skipped')])
  })

  it.each<Outcome>(['rolled-back', 'rollback-failed'])('%s leaves on record what the change came to', (outcome) => {
    const state = one()
    end(state, 0, 'patched', 'installed')
    end(state, 0, outcome, 'x')
    expect([state.nodes.outcome[0], state.nodes.applied[0]]).toEqual([codeOf(outcome), codeOf('patched')])
  })

  it('of a node that is in no wave counts in none', () => {
    const { waves, ...more } = plan({ waves: [{ nodes: 2 }] })
    const state = initial(RUN, { ...more, waves: waves.map((wave) => ({ ...wave, nodes: [0] })) })
    end(state, 1, 'skipped', 'excluded')
    expect([state.nodes.reason[1], [...(state.waves[0]?.counts ?? [])]]).toEqual(['excluded', [1, 0, 0, 0, 0, 0, 0, 0]])
  })
})

describe('out of service', () => {
  // prettier-ignore
  it.each<[outcome: Outcome, touched: 0 | 1, changed: number, out: 0 | 1]>([
    ['failed',          1, CHANGED.reported,     1],
    ['failed',          0, CHANGED.no,           0], // Nothing was ever sent to it.
    ['unknown',         0, CHANGED.no,           1],
    ['rollback-failed', 1, CHANGED.reported,     0], // Patched, and nobody laid hand on it since.
    ['rollback-failed', 1, CHANGED.rootReplaced, 1],
  ])('is a node that %s, touched %i, changed %i: %i', (outcome, touched, changed, out) => {
    const state = one()
    end(state, 0, outcome === 'rollback-failed' ? 'patched' : outcome, '')
    end(state, 0, outcome, '')
    state.nodes.touched[0] = touched
    state.nodes.changed[0] = changed
    recount(state, 0)
    expect(state.nodes.out[0]).toBe(out)
  })
})
