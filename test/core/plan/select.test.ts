import { describe, expect, it } from 'vitest'
import { familyOf, type NodeSeen } from '../../../src/core/plan/fleet.ts'
import { lineages } from '../../../src/core/plan/lineage.ts'
import { hindrance, matches, rolloutNodes, startsNodes, testNodes, trialNodes } from '../../../src/core/plan/select.ts'
import type { Match } from '../../../src/core/runbook/runbook.ts'
import { ACCOUNTS, anything, image, node, nodes, PROD, rest, runbook, staging, STAGING, tagged, wave } from './fixture.ts'

const names = {
  accounts: ACCOUNTS,
  lineages: lineages([image('ami-a'), image('ami-e', { region: 'eu-west-1', sourceAmi: 'ami-a', sourceRegion: 'us-east-1' })], null),
}
const web = node('i-1', { tags: { Role: 'web-blue', Env: 'prod' } })

describe('a match', () => {
  // prettier-ignore
  it.each<[it: string, match: Partial<Match>, fits: boolean]>([
    ['takes everything when it says nothing', {}, true],
    ['a tag value',                           { tags: { Env: ['prod'] } }, true],
    ['one of several values',                 { tags: { Env: ['test', 'prod'] } }, true],
    ['every key must fit',                    { tags: { Env: ['prod'], Role: ['db'] } }, false],
    ['a tag that is not there',               { tags: { Team: ['*'] } }, false],
    ['a name of every object is no tag',      { tags: { constructor: ['*'] } }, false],
    ['* is any run',                          { tags: { Role: ['web-*'] } }, true],
    ['? is one character',                    { tags: { Role: ['web-blu?'] } }, true],
    ['? is not none',                         { tags: { Role: ['web-blue?'] } }, false],
    ['the whole value counts',                { tags: { Role: ['web'] } }, false],
    ['case counts',                           { tags: { Env: ['Prod'] } }, false],
    ['a dot is a dot',                        { tags: { Role: ['web.blue'] } }, false],
    ['platform',                              { platform: ['amazon-linux-2', 'amazon-linux-2023'] }, true],
    ['another platform',                      { platform: ['ubuntu'] }, false],
    ['account by name',                       { accounts: ['prod-us'] }, true],
    ['account by id',                         { accounts: [PROD] }, true],
    ['another account',                       { accounts: ['staging'] }, false],
    ['region',                                { regions: ['eu-west-1'] }, false],
    ['image',                                 { images: ['ami-a'] }, true],
    ['another image',                         { images: ['ami-e', 'ami-b'] }, false],
    ['node',                                  { nodes: ['i-2'] }, false],
  ])('%s', (_, match, fits) => {
    expect(matches({ ...anything, ...match }, web, names)).toBe(fits)
  })

  it('knows a copied image by its lineage', () => {
    expect(matches({ ...anything, images: ['ami-a'] }, node('i-2', { region: 'eu-west-1', ami: 'ami-e' }), names)).toBe(true)
  })

  it('refuses an account that the config does not know', () => {
    for (const account of ['prod-moon', 'constructor', `a${PROD}`, `${PROD}0`])
      expect(() => matches({ ...anything, accounts: [account] }, web, names)).toThrow(
        expect.objectContaining({ code: 'config.invalid', more: { hint: 'add it under accounts with its id and role' } }),
      )
  })
})

describe('the nodes of a rollout', () => {
  const idsOf = (found: readonly NodeSeen[]) => found.map(({ node: id }) => id)
  const hold = node('i-held', { tags: { 'patchwave:hold': 'true' } })
  const far = node('i-far', { region: 'ap-south-1' })
  const stranger = node('i-strange', { account: '333333333333' })
  const dead = node('i-dead', { state: 'terminated' })

  it('are those in scope, sorted, without the ones kept for the trial', () => {
    expect(
      idsOf(rolloutNodes(runbook(), [node('i-2'), ...staging(3), hold, far, stranger, dead, node('i-1'), node('i-1')], names)),
    ).toEqual(['i-1', 'i-2'])
  })

  it('are all of them where the scope leaves nobody out', () => {
    const { scope } = runbook()
    expect(rolloutNodes(runbook({ scope: { ...scope, exclude: null } }), [hold, node('i-1')], names)).toHaveLength(2)
  })

  it('stand by account, then by region, then by id', () => {
    const places = [
      ['i-1', PROD, 'us-east-1'],
      ['i-2', PROD, 'eu-west-1'],
      ['i-4', PROD, 'eu-west-1'],
      ['i-3', PROD, 'eu-west-1'],
      ['i-5', STAGING, 'us-east-1'],
    ] as const
    const all = places.map(([id, account, region]) => node(id, { account, region }))
    expect(idsOf(rolloutNodes(runbook(), all, names))).toEqual(['i-5', 'i-2', 'i-3', 'i-4', 'i-1'])
  })

  it('has trial nodes only when a wave names them', () => {
    const one = runbook({ waves: [wave('staging', { kind: 'match', match: tagged({ Env: 'staging' }) }), wave('all', rest)] })
    expect(rolloutNodes(one, [...staging(3), node('i-1')], names)).toHaveLength(4)
  })

  it('has everything in scope without a test', () => {
    expect(rolloutNodes(runbook({ test: null }), [...staging(3), node('i-1')], names)).toHaveLength(4)
  })
})

describe('whether a node can be touched', () => {
  // prettier-ignore
  it.each<[more: Partial<NodeSeen>, why: ReturnType<typeof hindrance>]>([
    [{}, null],
    [{ state: 'stopped', agent: 'none' }, 'stopped'],
    [{ state: 'stopping' }, 'stopped'],
    [{ state: 'pending', agent: 'none' }, 'offline'],
    [{ state: 'pending' }, 'offline'],
    [{ agent: 'lost' }, 'offline'],
    [{ platform: 'other' }, 'unsupported-platform'],
    [{ hybrid: true, node: 'mi-1' }, 'hybrid'],
  ])('%o: %s', (more, why) => {
    expect(hindrance(node('i-1', more))).toBe(why)
  })
})

describe('whether nodes are started', () => {
  const { patches } = runbook()
  it.each([
    ['start-and-restore', patches, true],
    ['start-and-restore', null, false],
    ['skip', patches, false],
  ] as const)('with %s and patches %j: %s', (stopped, rules, starts) => {
    expect(startsNodes({ patches: rules, power: { stopped } })).toBe(starts)
  })
})

describe('the platforms that we patch', () => {
  // prettier-ignore
  it.each([
    ['amazon-linux-2023', 'rpm'],  ['amazon-linux-2', 'rpm'],  ['ubuntu', 'deb'],  ['debian', 'deb'],  ['other', undefined],  ['', undefined],
  ])('%s has packages of %s', (platform, family) => {
    expect(familyOf(platform)).toBe(family)
  })
})

describe('the nodes of a trial', () => {
  const chosen = (all: readonly NodeSeen[], perAmi: number) =>
    Object.fromEntries([...trialNodes(all, perAmi, names.lineages)].map(([lineage, some]) => [lineage, some.map(({ node: id }) => id)]))

  it('are some of each image, from different zones', () => {
    expect(chosen(staging(12), 2)).toEqual({ 'ami-a': ['i-s0000', 'i-s0004'], 'ami-b': ['i-s0001', 'i-s0003'] })
    for (const some of trialNodes(staging(12), 3, names.lineages).values()) expect(new Set(some.map(({ zone }) => zone)).size).toBe(3)
  })

  it('are of each zone in turn, as long as it has any', () => {
    const zone = (id: string, name: string) => node(id, { zone: name })
    const uneven = [zone('i-1', 'az1'), zone('i-2', 'az2'), zone('i-3', 'az2'), zone('i-4', 'az2')]
    expect(chosen(uneven, 3)).toEqual({ 'ami-a': ['i-1', 'i-2', 'i-3'] })
    expect(chosen(uneven, 9)).toEqual({ 'ami-a': ['i-1', 'i-2', 'i-3', 'i-4'] })
  })

  it('stand under their images by name', () => {
    const turned = [node('i-1', { ami: 'ami-b' }), node('i-2', { ami: 'ami-a' })]
    expect([...trialNodes(turned, 1, names.lineages).keys()]).toEqual(['ami-a', 'ami-b'])
  })

  it('are those that the test names, none without one', () => {
    expect(testNodes(runbook({ test: null }), staging(3), names)).toEqual([])
    expect(testNodes(runbook(), [...nodes(2), ...staging(3)], names)).toEqual(staging(3))
  })

  it('are fewer where there are fewer', () => {
    expect(chosen(staging(1), 2)).toEqual({ 'ami-a': ['i-s0000'] })
  })

  it('can be touched', () => {
    const [first, ...others] = staging(3)
    const down = first && { ...first, agent: 'lost' as const }
    expect(chosen([...(down ? [down] : []), ...others], 2)).toEqual({ 'ami-a': ['i-s0002'], 'ami-b': ['i-s0001'] })
  })

  it('count copies of an image in other regions as one image', () => {
    const far = node('i-e', { account: STAGING, region: 'eu-west-1', ami: 'ami-e', zone: 'euw1-az1' })
    expect(chosen([...nodes(1), far], 1)).toEqual({ 'ami-a': ['i-e'] })
  })

  it('do not depend on the order of the census', () => {
    expect(chosen(staging(12).toReversed(), 2)).toEqual(chosen(staging(12), 2))
    expect(testNodes(runbook(), staging(12).toReversed(), names)).toEqual(testNodes(runbook(), staging(12), names))
  })
})
