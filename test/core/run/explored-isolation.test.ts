import { describe, expect, it } from 'vitest'
import { searchStep, type Tried, type TryVerdict } from '../../../src/core/run/isolate-search.ts'

const tried = (verdict: TryVerdict, ...units: readonly number[]): Tried => ({ units, verdict, kept: false })
const kept = (verdict: TryVerdict, ...units: readonly number[]): Tried => ({ ...tried(verdict, ...units), kept: true })
const step = (...tries: readonly Tried[]) => searchStep({ units: 3, broke: true, tried: tries, parts: 2 })

describe('a search in which nobody could tell', () => {
  it('blames none of two units that broke together when neither could be tried alone', () => {
    const alone = [tried('unclear', 1), tried('unclear', 1), tried('unclear', 2), tried('unclear', 2)]
    expect(step(tried('good', 0), tried('bad', 1, 2), ...alone)).toEqual({ kind: 'lost', why: 'unclear' })
  })

  it('blames the unit without which the set is proved to be good, whatever is unclear of the other', () => {
    const told = [tried('good', 0), tried('bad', 1, 2), tried('unclear', 1), tried('unclear', 1), tried('good', 2)]
    expect(step(...told)).toEqual({ kind: 'keep', set: [0, 2] })
  })

  it('blames all of a set whose units refuse to be installed without one another', () => {
    expect(step(tried('good', 0), tried('bad', 1, 2), tried('refused', 1), tried('refused', 2), kept('good', 0))).toEqual({
      kind: 'found',
      culprits: [[1, 2]],
      dependents: [],
      rest: [0],
    })
  })

  it('has found nothing while no node was well with what should stay on it', () => {
    const told = [tried('good', 0), tried('bad', 1, 2), tried('refused', 1), tried('refused', 2)]
    expect(step(...told, kept('unclear', 0))).toEqual({ kind: 'keep', set: [0] })
    expect(step(...told, kept('unclear', 0), kept('unclear', 0))).toEqual({ kind: 'lost', why: 'unclear' })
    expect(step(...told, kept('unclear', 0), kept('good', 0)).kind).toBe('found')
  })
})
