import { describe, expect, it } from 'vitest'
import { judge, keysOf, type Ask, type Claimed, type Judgement, type Ticket } from '../../../src/core/run/turns.ts'

type Claim = Readonly<{ run: string; node: string; groups: readonly string[]; stuck?: boolean; hand?: boolean }>

/** Set of each group that takes turns. */
const SETS: Readonly<Record<string, string>> = { a: 'zone', b: 'zone', c: 'zone' }

/** A store that holds these claims. */
function holding(...claims: readonly Claim[]): Claimed {
  const others = (run: string, kind: 'all' | 'stuck'): readonly Claim[] =>
    claims.filter((one) => one.run !== run && (kind !== 'stuck' || one.stuck === true))
  return {
    hands: (node) => claims.filter((one) => one.node === node && one.hand !== false).map(({ run }) => run),
    inGroup: (group, run, without, kind) =>
      others(run, kind).filter((one) => one.groups.includes(group) && !without.includes(one.node)).length,
    beside: (set, group, run, kind) => others(run, kind).some((one) => one.groups.some((key) => key !== group && SETS[key] === set)),
  }
}

const limit = (key: string, atMost: number, ours: number, set = SETS[key] ?? null): Ask['limits'][number] => ({ key, atMost, ours, set })
const wants = (nodes: Readonly<Record<string, string>>, ...limits: Ask['limits']): Ask => ({
  run: 'me',
  nodes: Object.entries(nodes).map(([node, groups]) => ({ node, groups: groups === '' ? [] : groups.split(' ') })),
  limits,
})
const ticket = (run: string, key: string, number: number, side = '', spare = 0): Ticket => ({ run, key, number, side, spare })
const place = (key: string, spare = 0, side = ''): Judgement['places'][number] => ({ key, side, spare })
const GRANTED: Judgement = { busy: [], places: [] }

describe('what a request is about', () => {
  it('is its nodes, all their groups once, and the sets that these take turns in', () => {
    const ask = wants({ i1: 'a d', i2: 'a e' }, limit('a', 2, 2), limit('b', 1, 0), limit('d', 1, 1))
    expect(keysOf(ask)).toEqual(['node/i1', 'node/i2', 'group/a', 'group/d', 'group/e', 'set/zone'])
  })
})

describe('a group of which others claim nodes', () => {
  it('lets all go while the limit holds, and no matter how many where there is none', () => {
    const others = holding({ run: 'x', node: 'i8', groups: ['d', 'e'] }, { run: 'y', node: 'i9', groups: ['e'] })
    expect(judge(wants({ i1: 'd e', i2: 'd' }, limit('d', 3, 2)), others, [])).toEqual(GRANTED)
  })

  it('lets as many go as there is room for, and says how many others the run can bear', () => {
    const others = holding({ run: 'x', node: 'i8', groups: ['d'] })
    expect(judge(wants({ i1: 'd', i2: 'd' }, limit('d', 2, 2)), others, [])).toEqual({ busy: ['i2'], places: [place('group/d', 1)] })
    // One of ours is out already that is not wanted now; a node of no such group does not count.
    expect(judge(wants({ i1: 'd', i2: 'd', i3: '' }, limit('d', 3, 3)), others, [])).toEqual({
      busy: ['i2'],
      places: [place('group/d', 1)],
    })
  })

  it('that are wanted now counts them once', () => {
    const left = holding({ run: 'x', node: 'i1', groups: ['d'], hand: false })
    expect(judge(wants({ i1: 'd', i2: 'd' }, limit('d', 2, 2)), left, [])).toEqual(GRANTED)
  })

  it('is waited for, with what the run waits for already, while their ends are in sight', () => {
    const others = holding({ run: 'x', node: 'i8', groups: ['d'] })
    const mine = ticket('me', 'group/e', 3)
    const ask = wants({ i1: 'd e' }, limit('d', 1, 1), limit('e', 9, 1))
    expect(judge(ask, others, [mine])).toEqual({ busy: ['i1'], places: [place('group/d'), place('group/e', 8)] })
  })

  it('is all that is waited for when these may last', () => {
    const stuck = holding({ run: 'x', node: 'i8', groups: ['d'], stuck: true })
    const ask = wants({ i1: 'd e' }, limit('d', 1, 1), limit('e', 9, 1))
    expect(judge(ask, stuck, [ticket('me', 'group/e', 3)])).toEqual({ busy: ['i1'], places: [place('group/d')] })
  })
})

describe('a set whose turn another group has', () => {
  const ask = wants({ i1: 'a' }, limit('a', 9, 1))
  const mine = ticket('me', 'group/a', 3)

  it('is waited for, with what the run waits for already', () => {
    expect(judge(ask, holding({ run: 'x', node: 'i8', groups: ['b'] }), [mine])).toEqual({
      busy: ['i1'],
      places: [place('group/a', 8), place('set/zone', 0, 'a')],
    })
  })

  it('is all that is waited for when the other’s claims may last', () => {
    expect(judge(ask, holding({ run: 'x', node: 'i8', groups: ['b'], stuck: true }), [mine])).toEqual({
      busy: ['i1'],
      places: [place('set/zone', 0, 'a')],
    })
  })

  it('is no other set, whatever that is called', () => {
    const behind = [ticket('x', 'set/null', 1, 'z')]
    expect(judge(wants({ i1: 'd' }, limit('d', 9, 1)), holding(), behind)).toEqual(GRANTED)
  })
})

describe('a run that came first', () => {
  const free = holding()

  it('goes first, unless it waits for the turn of the same group', () => {
    const ask = wants({ i1: 'a' }, limit('a', 9, 1))
    expect(judge(ask, free, [ticket('x', 'set/zone', 1, 'a')])).toEqual(GRANTED)
    expect(judge(ask, free, [ticket('x', 'set/zone', 1, 'b')])).toEqual({ busy: ['i1'], places: [place('set/zone', 0, 'a')] })
  })

  it('is one whose ticket is older than any on what the node needs; a turn of another group is not what it needs', () => {
    const ask = wants({ i1: 'a' }, limit('a', 9, 1))
    const theirs = ticket('x', 'set/zone', 5, 'b')
    expect(judge(ask, free, [theirs, ticket('me', 'group/a', 4)])).toEqual(GRANTED)
    expect(judge(ask, free, [theirs, ticket('me', 'set/zone', 4, 'c')]).busy).toEqual(['i1'])
    expect(judge(ask, free, [theirs, ticket('me', 'set/zone', 4, 'a')])).toEqual(GRANTED)
  })

  it('stands back while its group is full of claims that may last, and only then', () => {
    const ask = wants({ i1: 'd' }, limit('d', 9, 1))
    const theirs = ticket('x', 'group/d', 1, '', 1)
    const claims = (stuck: boolean): Claimed =>
      holding({ run: 'y', node: 'i8', groups: ['d'], stuck }, { run: 'y', node: 'i9', groups: ['d'], stuck: true })
    expect(judge(ask, claims(true), [theirs])).toEqual(GRANTED)
    expect(judge(ask, claims(false), [theirs]).busy).toEqual(['i1'])
  })

  it('stands back while another group of its set has claims that may last, and only then', () => {
    const ask = wants({ i1: 'a' }, limit('a', 9, 1))
    const theirs = ticket('x', 'set/zone', 1, 'b')
    const claims = (stuck: boolean): Claimed => holding({ run: 'me', node: 'i8', groups: ['a'], stuck })
    expect(judge(ask, claims(true), [theirs])).toEqual(GRANTED)
    expect(judge(ask, claims(false), [theirs]).busy).toEqual(['i1'])
  })
})
