import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { searchStep, TRIES_MAX, type SearchStep, type Tried, type TryVerdict } from '../../../src/core/run/isolate-search.ts'
import { known } from '../../../src/kit/assert.ts'

/** What breaks a node, what cannot be installed without something else, and how often nothing can be told. */
type World = Readonly<{
  units: number
  /** Each breaks a node when all of it is installed, and none of `unless`. */
  breaks: readonly Readonly<{ all: readonly number[]; unless?: readonly number[] }>[]
  needs?: readonly (readonly [unit: number, needed: number])[]
  parts?: number
}>

const verdictIn = ({ breaks, needs = [] }: World, set: readonly number[]): TryVerdict => {
  const has = new Set(set)
  if (needs.some(([unit, needed]) => has.has(unit) && !has.has(needed))) return 'refused'
  return breaks.some(({ all, unless = [] }) => all.every((unit) => has.has(unit)) && !unless.some((unit) => has.has(unit))) ? 'bad' : 'good'
}

/** Plays a search to its end; `told` may say something else than the world would. */
function search(
  world: World,
  told: (set: readonly number[], n: number) => TryVerdict = (set) => verdictIn(world, set),
): { end: Exclude<SearchStep, { kind: 'try' | 'keep' }>; tried: readonly Tried[]; rounds: number } {
  const { units, parts = 2 } = world
  const tried: Tried[] = []
  for (let rounds = 0; ; rounds++) {
    const step = searchStep({ units, broke: verdictIn(world, every(units)) === 'bad', tried, parts })
    if (step.kind === 'found' || step.kind === 'lost') return { end: step, tried, rounds }
    if (step.kind === 'keep') tried.push({ units: step.set, verdict: told(step.set, tried.length), kept: true })
    else for (const set of step.sets.slice(0, parts)) tried.push({ units: set, verdict: told(set, tried.length), kept: false })
    if (rounds > 500) throw new Error('the search never ends')
  }
}

const every = (units: number): number[] => Array.from({ length: units }, (_, unit) => unit)

describe('the smallest set that breaks a node', () => {
  it.each<[what: string, world: World, culprits: number[][], dependents: number[]]>([
    ['nothing: the list of another image broke', { units: 9, breaks: [] }, [], []],
    ['the only patch but one', { units: 2, breaks: [{ all: [1] }] }, [[1]], []],
    ['one of twenty', { units: 20, breaks: [{ all: [13] }] }, [[13]], []],
    ['two that break each for itself', { units: 20, breaks: [{ all: [2] }, { all: [17] }] }, [[2], [17]], []],
    ['neighbours', { units: 20, breaks: [{ all: [7] }, { all: [8] }] }, [[7], [8]], []],
    ['two that only break together', { units: 20, breaks: [{ all: [3, 16] }] }, [[3, 16]], []],
    ['three that only break together', { units: 16, breaks: [{ all: [0, 7, 15] }] }, [[0, 7, 15]], []],
    ['one that another mends', { units: 8, breaks: [{ all: [2], unless: [5] }, { all: [5] }] }, [[2], [5]], []],
    ['one, and what needs it goes with it', { units: 12, breaks: [{ all: [4] }], needs: [[9, 4]] }, [[4]], [9]],
    ['one, and a chain that needs it', { units: 12, breaks: [{ all: [4] }], needs: [[9, 4], [1, 9]] }, [[4]], [1, 9]], // prettier-ignore
    ['one that needs another, which is no culprit', { units: 12, breaks: [{ all: [4] }], needs: [[4, 10]] }, [[4]], []],
    ['a pair that needs each other', { units: 6, breaks: [{ all: [1] }], needs: [[1, 3], [3, 1]] }, [[1, 3]], []], // prettier-ignore
  ])('is %s', (_, world, culprits, dependents) => {
    const { end } = search(world)
    const gone = new Set([...culprits.flat(), ...dependents])
    expect(end).toEqual({ kind: 'found', culprits, dependents, rest: every(world.units).filter((unit) => !gone.has(unit)) })
  })

  it('is looked for side by side on as many nodes as there are', () => {
    const world = { units: 64, breaks: [{ all: [37] }] }
    expect(search(world).end).toMatchObject({ culprits: [[37]] })
    expect(search({ ...world, parts: 8 }).rounds).toBeLessThan(search(world).rounds)
  })

  it('is not made up when the failure does not come again', () => {
    const world = { units: 8, breaks: [{ all: [1] }] }
    expect(search(world, () => 'good').end).toEqual({ kind: 'lost', why: 'not-reproducible' })
  })

  it('is not made up when nobody can tell anything', () => {
    expect(search({ units: 8, breaks: [{ all: [1] }] }, () => 'unclear').end).toEqual({ kind: 'lost', why: 'unclear' })
  })

  it('may be all of it: then nothing is left to keep', () => {
    expect(search({ units: 1, breaks: [{ all: [0] }] }).end).toEqual({ kind: 'lost', why: 'nothing-left' })
    expect(search({ units: 3, breaks: [{ all: [0] }], needs: [[1, 0], [2, 0]] }).end).toEqual({ kind: 'lost', why: 'nothing-left' }) // prettier-ignore
  })

  it('is given up when it takes too many tries', () => {
    const odd = (set: readonly number[]): TryVerdict => (set.length === 60 ? 'bad' : 'refused')
    const { end, tried } = search({ units: 60, breaks: [{ all: every(60) }] }, odd)
    expect(end).toEqual({ kind: 'lost', why: 'too-many-tries' })
    expect(tried.length).toBeLessThan(TRIES_MAX + 2)
  })

  it('that was told once unclear is tried once more', () => {
    const world: World = { units: 8, breaks: [{ all: [6] }] }
    const { end } = search(world, (set, n) => (n === 1 ? 'unclear' : verdictIn(world, set)))
    expect(end).toMatchObject({ culprits: [[6]] })
  })
})

const worlds = (most: number): fc.Arbitrary<World> =>
  fc.integer({ min: 2, max: 40 }).chain((units) => {
    const unit = fc.nat(units - 1)
    const some = fc.uniqueArray(unit, { minLength: 1, maxLength: Math.min(2, units) })
    // What is needed has a smaller number: no circles.
    const need = fc.tuple(unit, unit).map(([a, b]): readonly [number, number] => [Math.max(a, b), Math.min(a, b)])
    return fc.record({
      units: fc.constant(units),
      breaks: fc.array(
        fc.record({ all: some }).chain(({ all }) => fc.record({ all: fc.constant(all), unless: fc.oneof(fc.constant([]), fc.constant([]), fc.array(unit, { maxLength: 1 })) })), // prettier-ignore
        { minLength: 1, maxLength: most },
      ),
      needs: fc.array(need.filter(([a, b]) => a !== b), { maxLength: 4 }), // prettier-ignore
      parts: fc.constantFrom(1, 2, 4),
    })
  })

describe('whatever breaks, and whatever needs what', () => {
  it('each set that was found breaks with what was known then and cannot lose a unit; the rest was well on a node', () => {
    fc.assert(
      fc.property(worlds(3), (world) => {
        const { end, tried } = search(world)
        const verdicts = new Map(tried.map(({ units, verdict }) => [[...units].sort((a, b) => a - b).join(' '), verdict]))
        const told = (set: readonly number[]): TryVerdict | undefined => verdicts.get(set.join(' '))
        if (end.kind === 'lost') return end.why === 'nothing-left' || end.why === 'too-many-tries'
        for (const set of end.culprits) {
          const why = [...verdicts].filter(
            ([key, verdict]) => verdict === 'bad' && set.every((unit) => key.split(' ').includes(String(unit))),
          )
          const first = verdictIn(world, every(world.units)) === 'bad'
          if (why.length === 0 && !(first && set.length === world.units)) return false
          // In a set that breaks, leaving out a culprit was tried, and the node was not broken.
          const smallest = known(why.sort(([a], [b]) => a.split(' ').length - b.split(' ').length)[0], 'a set')[0]
            .split(' ')
            .map(Number)
          if (smallest.length > 1) for (const unit of set) if (told(smallest.filter((one) => one !== unit)) === 'bad') return false
        }
        return told(end.rest) === 'good' && verdictIn(world, end.rest) === 'good'
      }),
      { numRuns: 400 },
    )
  })

  it('a single culprit is found in few tries', async ({ annotate }) => {
    const counts: number[] = []
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fc.nat(), (units, seed) => {
        const culprit = seed % units
        const { end, tried } = search({ units, breaks: [{ all: [culprit] }] })
        counts.push(tried.length)
        expect(end).toMatchObject({ kind: 'found', culprits: [[culprit]] })
        expect(tried.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(units)) + 2)
      }),
    )
    await annotate(`median tries for one of 2 to 200 units: ${String(median(counts))}`)
  })

  it('a pair that only breaks together is found within the bound', async ({ annotate }) => {
    const counts: number[] = []
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 100 }), fc.nat(), fc.nat(), (units, a, b) => {
        const pair = [...new Set([a % units, b % units])].sort((one, other) => one - other)
        fc.pre(pair.length === 2)
        const { end, tried } = search({ units, breaks: [{ all: pair }] })
        counts.push(tried.length)
        expect(end).toMatchObject({ kind: 'found', culprits: [pair] })
        expect(tried.length).toBeLessThanOrEqual(TRIES_MAX)
      }),
    )
    await annotate(`median tries for a pair of 3 to 100 units: ${String(median(counts))}`)
  })
})

const median = (counts: readonly number[]): number => known(counts.toSorted((a, b) => a - b)[Math.floor(counts.length / 2)], 'a count')
