import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NodeSeen } from '../../../src/core/plan/fleet.ts'
import { grouping } from '../../../src/core/plan/groups.ts'
import { byPlace } from '../../../src/core/plan/select.ts'
import { partition, type Candidate } from '../../../src/core/plan/waves.ts'
import type { DisruptionRule, WaveRule } from '../../../src/core/runbook/runbook.ts'
import { ACCOUNTS, amount, anything, count, node, nodes, percent, rest, STAGING, tagged, wave } from './fixture.ts'

const names = { accounts: ACCOUNTS, lineages: new Map<string, string>() }

function candidates(
  all: readonly NodeSeen[],
  skip: (node: NodeSeen) => string | null = () => null,
  disruption: DisruptionRule[] = [],
): Candidate[] {
  const { of } = grouping({ disruption, waves: [] }, all, all)
  return [...all].sort(byPlace).map((one) => ({ node: one, skip: skip(one), groups: of(one) }))
}

function parted(rules: readonly WaveRule[], of: readonly Candidate[]) {
  const { waves, empty } = partition(rules, of, names)
  return {
    empty,
    sizes: Object.fromEntries(waves.map((one) => [one.rule.name, one.nodes.length])),
    waves,
    ids: waves.map((one) => one.nodes.map((position) => of[position]?.node.node ?? '')),
  }
}

const canary = wave('canary', amount(percent(1)))
const early = wave('early', amount(percent(10)))
const broad = wave('broad', rest)

describe('the sizes of waves', () => {
  it('are none but that of the last one, which holds them, where nobody may be touched', () => {
    const found = parted(
      [canary, broad],
      candidates(nodes(4), () => 'excluded'),
    )
    expect([found.sizes, found.empty]).toEqual([{ broad: 4 }, ['canary']])
  })

  // prettier-ignore
  it.each<[it: string, rules: WaveRule[], fleet: number, sizes: Record<string, number>, empty: string[]]>([
    ['shares of what is left, rounded up',  [canary, early, broad], 200, { canary: 2, early: 20, broad: 178 }, []],
    ['one percent of few is one',           [canary, early, broad], 10,  { canary: 1, early: 1, broad: 8 }, []],
    ['a wave may come to nothing',          [canary, early, broad], 2,   { canary: 1, early: 1 }, ['broad']],
    ['a single node is the canary',         [canary, early, broad], 1,   { canary: 1 }, ['early', 'broad']],
    ['a count',                             [wave('a', amount(count(3))), broad], 10, { a: 3, broad: 7 }, []],
    ['a count beyond what is left',         [wave('a', amount(count(30))), broad], 10, { a: 10 }, ['broad']],
    ['without rest some are left out',      [canary], 200, { canary: 2 }, []],
    ['match takes what it names',           [wave('blue', { kind: 'match', match: tagged({ Cluster: 'c0' }) }), broad], 12, { blue: 5, broad: 7 }, []],
    ['match takes only what is left',       [wave('a', amount(count(11))), wave('blue', { kind: 'match', match: anything }), broad], 12, { a: 11, blue: 1 }, ['broad']],
  ])('%s', (_, rules, fleet, sizes, empty) => {
    const found = parted(rules, candidates(nodes(fleet)))
    expect([found.sizes, found.empty]).toEqual([sizes, empty])
  })

  it('put every node into exactly one wave, whatever the rules are', () => {
    const take = fc.oneof(
      fc.integer({ min: 1, max: 40 }).map((n) => amount(count(n))),
      fc.integer({ min: 1, max: 100 }).map((n) => amount(percent(n))),
      fc.integer({ min: 0, max: 8 }).map((n): WaveRule['take'] => ({ kind: 'match', match: tagged({ Cluster: `c${String(n)}` }) })),
    )
    const spread = fc.subarray(['image', 'availability-zone', 'account', 'tag:Cluster'])
    const rules = fc
      .array(fc.tuple(take, spread), { maxLength: 4 })
      .map((some) => [...some.map(([one, keys], index) => wave(`w${String(index)}`, one, { spread: keys })), broad])
    fc.assert(
      fc.property(rules, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 2, max: 9 }), (some, size, every) => {
        const all = candidates(nodes(size), ({ node: id }) => (Number(id.slice(3)) % every === 0 ? 'stopped' : null))
        const found = parted(some, all)
        const ids = found.ids.flat()
        expect(ids).toHaveLength(size)
        expect(new Set(ids).size).toBe(size)
        for (const one of found.waves) expect(one.touched).toBe(one.nodes.filter((position) => all[position]?.skip === null).length)
      }),
    )
  })
})

describe('nodes that nobody touches', () => {
  const down = (one: NodeSeen) => (one.node < 'i-p0005' ? 'stopped' : null)

  it('take no place of a wave and stand at the end of the last', () => {
    const found = parted([canary, early, broad], candidates(nodes(15), down))
    expect(found.sizes).toEqual({ canary: 1, early: 1, broad: 13 })
    expect(found.ids.at(-1)?.slice(-5).sort()).toEqual(['i-p0000', 'i-p0001', 'i-p0002', 'i-p0003', 'i-p0004'])
    expect(found.waves.map((one) => one.touched)).toEqual([1, 1, 8])
  })

  it('stay with the wave that names them', () => {
    const named = wave('c0', { kind: 'match', match: tagged({ Cluster: 'c0' }) })
    expect(
      parted(
        [named, broad],
        candidates(nodes(12), (one) => (one.node === 'i-p0000' ? 'offline' : null)),
      ).sizes,
    ).toEqual({ c0: 5, broad: 7 })
  })

  it('stand nowhere when there is no wave at all', () => {
    expect(
      partition(
        [],
        candidates(nodes(3), () => 'untested'),
        names,
      ),
    ).toEqual({ waves: [], empty: [] })
  })

  it('make a wave of their own when there are no others', () => {
    const found = parted(
      [canary, broad],
      candidates(nodes(3), () => 'untested'),
    )
    expect([found.sizes, found.waves.map((one) => [one.touched, one.unrepresented])]).toEqual([{ broad: 3 }, [[0, []]]])
  })
})

describe('spread', () => {
  const of = (found: ReturnType<typeof parted>, all: readonly Candidate[], key: (node: NodeSeen) => string) =>
    new Set(found.waves[0]?.nodes.map((position) => key(all[position]?.node ?? node('none'))))

  it('has every image and zone when the number allows', () => {
    const all = candidates(nodes(90))
    const found = parted([wave('canary', amount(count(3)), { spread: ['image', 'availability-zone'] }), broad], all)
    expect(of(found, all, (one) => one.ami)).toEqual(new Set(['ami-a', 'ami-b']))
    expect(of(found, all, (one) => one.zone)).toEqual(new Set(['use1-az1', 'use1-az2', 'use1-az3']))
    expect(found.waves[0]?.unrepresented).toEqual([])
  })

  it('says what is not there', () => {
    const found = parted([wave('canary', amount(count(1)), { spread: ['image', 'availability-zone'] }), broad], candidates(nodes(90)))
    expect(found.waves[0]?.unrepresented).toEqual(['availability-zone=use1-az2', 'availability-zone=use1-az3', 'image=ami-b'])
  })

  // prettier-ignore
  it.each<[key: string, more: (at: number) => Partial<NodeSeen>, missing: (at: number) => string]>([
    ['image',             (at) => ({ ami: `ami-${String(at)}` }),                       (at) => `image=ami-${String(at)}`],
    ['availability-zone', (at) => ({ zone: `az${String(at)}` }),                        (at) => `availability-zone=az${String(at)}`],
    ['account',           (at) => ({ account: `11111111111${String(at)}` }),            (at) => `account=11111111111${String(at)}`],
    ['region',            (at) => ({ region: `eu-west-${String(at)}` }),                (at) => `region=eu-west-${String(at)}`],
    ['tag:Shard',         (at) => ({ tags: { Shard: `s${String(at)}`, Env: 'prod' } }), (at) => `tag:Shard=s${String(at)}`],
  ])('goes over %s, and tells which it could not take', (key, more, missing) => {
    // Three of the first value, two of the second, one of the third.
    const all = candidates([1, 1, 1, 2, 2, 3].map((value, index) => node(`i-${String(index)}`, more(value))))
    const found = (some: number) => parted([wave('canary', amount(count(some)), { spread: [key] }), broad], all).waves[0]
    expect(found(3)?.unrepresented).toEqual([])
    expect(found(2)?.unrepresented).toEqual([missing(3)])
    expect(found(1)?.unrepresented).toEqual([missing(2), missing(3)])
  })

  it('knows no value of a node without the tag', () => {
    const all = candidates([node('i-1', { tags: {} }), node('i-2', { tags: { Shard: 'x' } }), node('i-3', { tags: { Shard: 'y' } })])
    const found = (some: number) => parted([wave('canary', amount(count(some)), { spread: ['tag:Shard'] }), broad], all)
    expect(found(2).ids[0]).toEqual(['i-2', 'i-3'])
    expect(found(1).waves[0]?.unrepresented).toEqual(['tag:Shard=y'])
    expect(found(3).ids[0]?.toSorted()).toEqual(['i-1', 'i-2', 'i-3'])
  })

  it('takes what brings more values before what keeps a proportion', () => {
    const both = { zone: 'az9', tags: { Shard: 'z' } }
    const all = candidates([...nodes(9, { zone: 'az1', tags: { Shard: 'a' } }), node('i-z', both)])
    expect(parted([wave('canary', amount(count(2)), { spread: ['availability-zone', 'tag:Shard'] }), broad], all).ids[0]).toContain('i-z')
  })

  it('takes what brings more, though it is the last of its kind', () => {
    const many = nodes(9, { tags: { Shard: 'b' } })
    const all = candidates([...many, node('i-z', { tags: { Shard: 'a', Team: 't' } })])
    expect(parted([wave('canary', amount(count(1)), { spread: ['tag:Shard', 'tag:Team'] }), broad], all).ids[0]).toEqual(['i-z'])
  })

  it('takes another copy before a second node of one', () => {
    const copies = new Map([
      ['us-east-1/ami-a', 'x'],
      ['us-east-1/ami-b', 'x'],
      ['us-east-1/ami-c', 'y'],
    ])
    const all = candidates([...nodes(5, { ami: 'ami-a' }), node('i-b', { ami: 'ami-b' }), node('i-c', { ami: 'ami-c' })])
    const images = (some: number) =>
      partition([wave('canary', amount(count(some)), { spread: ['image'] }), broad], all, { ...names, lineages: copies })
        .waves[0]?.nodes.map((position) => all[position]?.node.ami)
        .sort()
    expect([images(2), images(3)]).toEqual([
      ['ami-a', 'ami-c'],
      ['ami-a', 'ami-b', 'ami-c'],
    ])
  })

  it('takes of equals the first by name, not by place', () => {
    const all = candidates([node('i-1', { ami: 'ami-b' }), node('i-2', { ami: 'ami-a' })])
    expect(parted([wave('canary', amount(count(1)), { spread: ['image'] }), broad], all).ids[0]).toEqual(['i-2'])
  })

  it('finds the rare ones', () => {
    const all = candidates([...nodes(99), node('i-rare', { ami: 'ami-z', zone: 'use1-az9' })])
    const found = parted([wave('canary', amount(count(4)), { spread: ['image', 'availability-zone'] }), broad], all)
    expect(of(found, all, (one) => one.zone)).toContain('use1-az9')
  })

  it('keeps proportions beyond that', () => {
    const all = candidates([...nodes(80, { ami: 'ami-a' }), ...nodes(20, { ami: 'ami-b' }, 'i-q')])
    const found = parted([wave('early', amount(count(10)), { spread: ['image'] }), broad], all)
    expect(found.waves[0]?.nodes.filter((position) => all[position]?.node.ami === 'ami-b')).toHaveLength(2)
  })

  it('prefers a new lineage to another copy', () => {
    const copies = new Map([
      ['us-east-1/ami-a', 'x'],
      ['eu-west-1/ami-e', 'x'],
      ['us-east-1/ami-b', 'y'],
    ])
    const all = candidates([node('i-1'), node('i-2', { region: 'eu-west-1', ami: 'ami-e' }), node('i-3', { ami: 'ami-b' })])
    const { waves } = partition([wave('canary', amount(count(2)), { spread: ['image'] }), broad], all, { ...names, lineages: copies })
    expect(
      waves[0]?.nodes.map((position) => copies.get(`${all[position]?.node.region ?? ''}/${all[position]?.node.ami ?? ''}`)).sort(),
    ).toEqual(['x', 'y'])
  })
})

describe('the order inside a wave', () => {
  it('takes cells and zones in turn', () => {
    const all = candidates([...nodes(6), ...nodes(6, { account: STAGING }, 'i-s')])
    const { waves } = partition([broad], all, names)
    const places = waves[0]?.nodes.slice(0, 6).map((position) => `${all[position]?.node.account ?? ''}/${all[position]?.node.zone ?? ''}`)
    expect(new Set(places).size).toBe(6)
  })

  it('starts a node of no cluster before the second of any', () => {
    const clustered = { tags: { Cluster: 'c0' } }
    const all = candidates([node('i-1', clustered), node('i-2', clustered), node('i-3')], undefined, [
      { per: 'tag:Cluster', atMost: count(1) },
    ])
    expect(parted([broad], all).ids[0]).toEqual(['i-1', 'i-3', 'i-2'])
  })

  it('goes by clusters, though all nodes are in one account too', () => {
    const [one, two] = [{ tags: { Cluster: 'c0' } }, { tags: { Cluster: 'c1' } }]
    const all = candidates([node('i-1', one), node('i-2', one), node('i-3', two)], undefined, [
      { per: 'tag:Cluster', atMost: count(1) },
      { per: 'account', atMost: count(9) },
    ])
    expect(parted([broad], all).ids[0]).toEqual(['i-1', 'i-3', 'i-2'])
  })

  it('starts one node of every cluster before a second of any', () => {
    const all = candidates(nodes(30), undefined, [{ per: 'tag:Cluster', atMost: count(1) }])
    const { waves } = partition([broad], all, names)
    const clusters = waves[0]?.nodes.slice(0, 6).map((position) => all[position]?.node.tags['Cluster'])
    expect(new Set(clusters).size).toBeGreaterThanOrEqual(4)
  })
})
