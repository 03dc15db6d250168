import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { checkAll } from '../../checkers/all.ts'
import { follow } from '../../checkers/follow.ts'
import { OUTCOMES } from '../../../src/core/run/event.ts'
import { evolve } from '../../../src/core/run/evolve.ts'
import { at, initial, STAGE } from '../../../src/core/run/state.ts'
import { lanesOf, randomPlan, walk } from './walk.ts'

/** A run's state is the fold of its journal: whoever reads it later knows the same, and decides the same. */
describe('the state is the fold of the journal', () => {
  it('after any story', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const told = walk(randomPlan(seed), seed)
        expect(told.refolded()).toEqual(told.lived)
      }),
      { numRuns: Number(process.env['RUNS'] ?? 300) },
    )
  })

  it('and every promise is kept in it', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { plan, facts, state } = walk(randomPlan(seed), seed)
        expect(checkAll({ runs: [{ run: state.run, plan, facts, lived: state }], calm: true })).toEqual([])
      }),
      { numRuns: Number(process.env['RUNS'] ?? 300) },
    )
  })

  it('as somebody else tells it who reads the same facts: outcomes, and who is out of service', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { plan, facts, state } = walk(randomPlan(seed), seed)
        const core = initial(state.run, plan)
        follow({ run: state.run, plan, facts }, (told, fact) => {
          evolve(core, fact)
          const { outcome, reason, stage } = core.nodes
          expect(told.lives.map((life) => `${life.outcome} ${life.outcome === 'open' ? '' : life.reason}`)).toEqual(
            plan.nodes.map(
              (_, position) => `${OUTCOMES[at(outcome, position)] ?? ''} ${at(outcome, position) === 0 ? '' : (reason[position] ?? '')}`,
            ),
          )
          if (plan.work === 'scan') return // Reading takes nothing out of service.
          const chosen = (position: number): boolean => stage[position] === STAGE.chosen
          const out = plan.nodes.flatMap((_, position) => (core.nodes.out[position] === 1 ? [position] : []))
          expect([...told.out].filter((position) => !chosen(position)).sort((a, b) => a - b)).toEqual(
            out.filter((position) => !chosen(position)),
          )
        })
      }),
      { numRuns: Number(process.env['RUNS'] ?? 300) },
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
      { numRuns: Number(process.env['RUNS'] ?? 300) },
    )
  })
})
