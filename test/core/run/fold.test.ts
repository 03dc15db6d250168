import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { checkAll } from '../../checkers/all.ts'
import { lanesOf, randomPlan, walk } from './walk.ts'

/** A run's state is the fold of its journal: whoever reads it later knows the same, and decides the same. */
describe('the state is the fold of the journal', () => {
  it('after any story', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const told = walk(randomPlan(seed), seed)
        expect(told.refolded()).toEqual(told.lived)
      }),
      { numRuns: 300 },
    )
  })

  it('and every promise is kept in it', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { plan, facts, state } = walk(randomPlan(seed), seed)
        expect(checkAll({ runs: [{ run: state.run, plan, facts, lived: state }], calm: true })).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('in any story each node that waits stands somewhere, counters are true and nobody is lost', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const told = walk(randomPlan(seed), seed, (state) => {
          const lost = lanesOf(state)
          if (lost.length > 0) throw new Error(`nodes ${lost.join(', ')} wait nowhere`)
        })
        expect(told.state.phase.name).toBe('finished')
        expect([...told.state.nodes.outcome].every((outcome) => outcome > 0)).toBe(true)
        expect(told.state.nodes.reason.every((reason) => reason !== '')).toBe(true)
        expect({ inFlight: told.state.inFlight, open: told.state.openCommands.size }).toEqual({ inFlight: 0, open: 0 })
      }),
      { numRuns: 300 },
    )
  })
})
