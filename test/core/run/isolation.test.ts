import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkAll } from '../../checkers/all.ts'
import { follow } from '../../checkers/follow.ts'
import { OUTCOMES, type RunEvent } from '../../../src/core/run/event.ts'
import { evolve } from '../../../src/core/run/evolve.ts'
import { at, initial, type RunState } from '../../../src/core/run/state.ts'
import { lanesOf, randomIsolation, walk } from './walk.ts'

/** Calm until the search begins; then a world that does anything, for none of the steps in some, for many in others. */
function play(seed: number, watch?: (state: RunState) => void) {
  let begun = 0
  return walk(randomIsolation(seed), seed, watch, ({ isolation }) => isolation === null || ++begun > (seed % 4) * 40)
}

const RUNS = { numRuns: Number(process.env['RUNS'] ?? 200) }

/** Facts of one type. */
const told = <T extends RunEvent['type']>(facts: readonly Readonly<{ event: RunEvent }>[], type: T) =>
  facts.flatMap(({ event }) => (event.type === type ? [event as Extract<RunEvent, { type: T }>] : []))

describe('a trial that looks for its culprits, in a world that does anything', () => {
  it('ends, loses nobody, keeps every promise, and is the fold of its journal', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const played = play(seed, (state) => {
          const lost = lanesOf(state)
          if (lost.length > 0) throw new Error(`nodes ${lost.join(', ')} wait nowhere`)
        })
        const { plan, facts, state } = played
        expect(checkAll({ runs: [{ run: state.run, plan, facts, lived: state }], calm: true })).toEqual([])
        expect(played.refolded()).toEqual(played.lived)
        expect({ inFlight: state.inFlight, open: state.openCommands.size }).toEqual({ inFlight: 0, open: 0 })
      }),
      RUNS,
    )
  })

  it('is told alike by somebody else who reads the same facts', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { plan, facts, state } = play(seed)
        const core = initial(state.run, plan)
        follow({ run: state.run, plan, facts }, ({ lives }, fact) => {
          evolve(core, fact)
          const { outcome, reason } = core.nodes
          expect(lives.map((life) => `${life.outcome} ${life.outcome === 'open' ? '' : life.reason}`)).toEqual(
            plan.nodes.map(
              (_, position) => `${OUTCOMES[at(outcome, position)] ?? ''} ${at(outcome, position) === 0 ? '' : (reason[position] ?? '')}`,
            ),
          )
        })
      }),
      RUNS,
    )
  })

  it('stores baselines only of what was good on a node that is left with it, and otherwise leaves no node with anything', async ({
    annotate,
  }) => {
    const ends = new Map<string, number>()
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { facts, state } = play(seed)
        const ended = told(facts, 'IsolationEnded').at(-1)
        const started = told(facts, 'IsolationStarted').length
        const key = started === 0 ? 'not isolated' : ended === undefined ? 'given up by a person' : ended.solved ? 'solved' : ended.reason
        ends.set(key, (ends.get(key) ?? 0) + 1)
        expect(started).toBeLessThanOrEqual(1)
        if (ended?.solved !== true) {
          if (started > 0) expect(told(facts, 'BaselineStored')).toEqual([])
          return
        }
        const tries = told(facts, 'TryJudged')
        for (const { nodes } of told(facts, 'CulpritsFound')) {
          expect(nodes.length).toBeGreaterThan(0)
          for (const node of nodes) expect(tries.findLast((one) => one.node === node)?.verdict).toBe('good')
        }
        expect(state.isolation?.over).toMatch(/^isolated: /)
      }),
      { ...RUNS, numRuns: RUNS.numRuns * 2 },
    )
    await annotate([...ends].map(([end, count]) => `${end}: ${String(count)}`).join('; '))
    expect(ends.get('solved')).toBeGreaterThan(50)
  })
})
