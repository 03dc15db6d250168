import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { InvalidDocument } from '../../../src/kit/error.ts'
import { DAY, plus } from '../../../src/kit/instant.ts'
import { parseFaults } from '../../../src/sandbox/faults.ts'
import { accountId, type FleetFile, parseFleet } from '../../../src/sandbox/fleet-file.ts'
import type { SimNode } from '../../../src/sandbox/model.ts'
import { chance, logNormal } from '../../../src/sandbox/nodes/chance.ts'
import { buildWorld, type World } from '../../../src/sandbox/nodes/world.ts'
import { zoneIdPrefix } from '../../../src/sandbox/nodes/zones.ts'
import { TestClock } from './clock.ts'
import { CALLER, fleetOf, Scene, START } from './scene.ts'

const DEMO = 'config/fleets/demo.yaml'
const worldOf = (fleet: FleetFile): World =>
  buildWorld({ clock: new TestClock(fleet.start), fleet, faults: null, resolveDocument: () => undefined, onEvent: () => undefined })
const mistakes = (work: () => unknown): string[] => {
  try {
    work()
  } catch (error) {
    if (error instanceof InvalidDocument) return error.diagnostics.map((each) => `${String(each.line)}:${String(each.column)} ${each.code}`)
    throw error
  }
  return []
}

describe('the demo fleet', () => {
  const fleet = parseFleet(readFileSync(DEMO), DEMO)
  const world = worldOf(fleet)
  const nodes = (account: string, region: string): SimNode[] => [...world.fleet.nodesOf({ account: accountId(account), region })]

  it('has three accounts, two regions and enough nodes', () => {
    expect(nodes('staging', 'us-east-1')).toHaveLength(18)
    expect(nodes('prod-us', 'us-east-1')).toHaveLength(130)
    expect(nodes('prod-eu', 'eu-west-1')).toHaveLength(100)
    expect(Object.fromEntries(world.fleet.accounts())).toMatchObject({ staging: '111111111111', control: '999999999999' })
    expect(fleet.urls['https://status.example.com/healthz']).toEqual({ status: 200, withinMs: 80 })
  })

  it('is the same from the same seed and another from another', () => {
    expect(worldOf(fleet).nodesView()).toEqual(world.nodesView())
    const other = worldOf({ ...fleet, seed: 8 }).nodesView()
    expect(other.map(({ node }) => node)).not.toEqual(world.nodesView().map(({ node }) => node))
    expect(new Set(world.nodesView().map(({ node }) => node)).size).toBe(248)
  })

  it('gives the accounts of one region the same images, and the other region copies of them', () => {
    const images = new Map([...world.fleet.images('us-east-1'), ...world.fleet.images('eu-west-1')].map((image) => [image.ami, image]))
    const tested = new Set(nodes('staging', 'us-east-1').map(({ ami }) => ami))
    for (const { ami } of nodes('prod-us', 'us-east-1')) expect(tested).toContain(ami)
    for (const { ami } of nodes('prod-eu', 'eu-west-1')) {
      const image = images.get(ami)
      expect(image).toMatchObject({ sourceRegion: 'us-east-1' })
      expect(tested, 'a copy of a tested image').toContain(image?.sourceAmi)
      expect(tested).not.toContain(ami)
    }
  })

  it('spreads each cluster over the zones; a zone name stands for one id within an account', () => {
    const byCluster = Map.groupBy(nodes('prod-us', 'us-east-1'), ({ tags }) => tags['Cluster'])
    expect(byCluster.size).toBe(28)
    for (const [, members] of byCluster) {
      expect(new Set(members.map(({ zoneId }) => zoneId)).size).toBe(3)
      expect(new Set(members.map(({ ami }) => ami)).size).toBe(1)
    }
    const names = new Map(nodes('prod-us', 'us-east-1').map(({ zoneId, zoneName }) => [zoneId, zoneName]))
    expect(new Set(names.values()).size).toBe(3)
    const staging = new Map(nodes('staging', 'us-east-1').map(({ zoneId, zoneName }) => [zoneId, zoneName]))
    expect([...staging.keys()].sort()).toEqual([...names.keys()].sort())
  })

  it('keeps another lineage apart', () => {
    const text = `apiVersion: patchwave/v1
kind: Fleet
groups:
  - { account: staging, region: us-east-1, count: 1, platform: ubuntu }
  - { account: prod-us, region: eu-west-1, count: 1, platform: ubuntu, lineage: legacy }
`
    const images = [...worldOf(parseFleet(text, 'f')).fleet.images('eu-west-1')]
    expect(images).toMatchObject([{ sourceAmi: null, name: 'legacy-golden-01' }])
  })
})

describe('fleet and fault files', () => {
  // prettier-ignore
  it.each<[it: string, lines: string, at: string]>([
    ['an unknown key',      'groups: [{ account: a, region: us-east-1, count: 1, platform: ubuntu, colour: red }]', '3:71 fleet.unknown-key'],
    ['an unknown platform', 'groups: [{ account: a, region: us-east-1, count: 1, platform: windows }]',             '3:63 fleet.unknown-value'],
    ['no group',            'groups: []',                                                                           '3:9 fleet.out-of-range'],
    ['an impossible start', 'start: 2026-13-01T00:00:00Z\ngroups: [{ account: a, region: us-east-1, count: 1, platform: ubuntu }]', '3:8 fleet.invalid'],
    ['two names of one id', 'accounts: { a: "222222222222" }\ngroups: [{ account: a, region: us-east-1, count: 1, platform: ubuntu }, { account: prod-us, region: us-east-1, count: 1, platform: ubuntu }]', '3:11 fleet.invalid'],
  ])('refuses %s', (_, lines, at) => {
    expect(mistakes(() => parseFleet(`apiVersion: patchwave/v1\nkind: Fleet\n${lines}\n`, 'fleet.yaml'))).toEqual([at])
  })

  it('refuses a package that does nothing, and a share that is none', () => {
    const text = 'apiVersion: patchwave/v1\nkind: Faults\npackages: [{ match: a }]\nagents: { slow: often }\n'
    expect(mistakes(() => parseFaults(text, 'faults.yaml'))).toEqual(['4:17 fleet.malformed', '3:12 fleet.missing-key'])
  })

  it.each(['breaking', 'rough'])('ships %s.faults.yaml', (name) => {
    const file = `config/fleets/${name}.faults.yaml`
    expect(parseFaults(readFileSync(file), file).seed).toBeGreaterThan(0)
  })

  it('names accounts by fixed ids', () => {
    expect(accountId('prod-eu')).toBe('333333333333')
    expect(accountId('somebody')).toMatch(/^[1-9]\d{11}$/)
    expect(accountId('somebody')).toBe(accountId('somebody'))
    expect(accountId('prod-eu', { 'prod-eu': '444444444444' })).toBe('444444444444')
  })

  it('has schema files that are up to date', () => {
    expect(execFileSync(process.execPath, ['scripts/gen-sandbox-schemas.ts', '--check'], { encoding: 'utf8' })).toBe('')
  })
})

describe('chance', () => {
  it('is spread evenly, and log-normal times meet their median and 95th percentile', () => {
    const shares = Array.from({ length: 4_000 }, (_, n) => chance(1, 'x', n))
    expect(shares.filter((share) => share < 0.1).length / shares.length).toBeCloseTo(0.1, 1)
    const times = shares.map((share) => logNormal(8, 15, share))
    expect(times.filter((time) => time < 8).length / times.length).toBeCloseTo(0.5, 1)
    expect(times.filter((time) => time < 15).length / times.length).toBeCloseTo(0.95, 1)
  })

  it.each([
    ['us-east-1', 'use1'],
    ['eu-west-1', 'euw1'],
    ['ap-southeast-2', 'apse2'],
    ['ca-central-1', 'cac1'],
  ])('zone ids of %s begin with %s', (region, prefix) => {
    expect(zoneIdPrefix(region)).toBe(prefix)
  })
})

describe('what SSM says of nodes', () => {
  it('lists managed nodes in pages, with filters that do not mix', async () => {
    const scene = new Scene({ fleet: fleetOf('', 12) })
    const first = await scene.call('DescribeInstanceInformation', { MaxResults: 5 })
    expect(first['InstanceInformationList']).toHaveLength(5)
    const rest = await scene.call('DescribeInstanceInformation', { MaxResults: 50, NextToken: first['NextToken'] })
    expect(rest['InstanceInformationList']).toHaveLength(7)
    const one = await scene.call('DescribeInstanceInformation', { Filters: [{ Key: 'InstanceIds', Values: [scene.node(3).node] }] })
    expect(one['InstanceInformationList']).toMatchObject([
      { InstanceId: scene.node(3).node, PingStatus: 'Online', PlatformName: 'Amazon Linux', PlatformVersion: '2023' },
    ])
    const mixed = [
      { Key: 'tag:Cluster', Values: ['x'] },
      { Key: 'PingStatus', Values: ['Online'] },
    ]
    await expect(scene.call('DescribeInstanceInformation', { Filters: mixed })).rejects.toMatchObject({ code: 'InvalidFilterKey' })
    await expect(scene.call('DescribeInstanceInformation', { MaxResults: 4 })).rejects.toMatchObject({ code: 'ValidationException' })
  })

  it('pings every five minutes', async () => {
    const scene = new Scene()
    const node = scene.node(0)
    const first = node.lastPing
    expect(scene.clock.now() - first).toBeLessThan(5 * 60_000)
    await scene.clock.pass(5 * 60_000)
    expect(node.lastPing).toBe(first + 5 * 60_000)
  })

  it('knows what Patch Manager found missing', async () => {
    const scene = new Scene()
    const id = scene.node(0).node
    const missing = await scene.call('DescribeInstancePatches', {
      InstanceId: id,
      Filters: [{ Key: 'State', Values: ['Missing'] }],
      MaxResults: 100,
    })
    const patches = missing['Patches'] as { KBId: string; Title: string; CVEIds?: string; Severity: string }[]
    expect(patches.find(({ CVEIds }) => CVEIds?.includes('CVE-2026-1234'))?.KBId).toBe('sudo.x86_64')
    expect(patches.find(({ KBId }) => KBId === 'openssl.x86_64')).toMatchObject({
      Title: 'openssl.x86_64:1:3.0.8-1.amzn2023.0.18',
      Severity: 'Critical',
    })
    const states = await scene.call('DescribeInstancePatchStates', { InstanceIds: [id] })
    expect(states['InstancePatchStates']).toMatchObject([{ InstanceId: id, MissingCount: patches.length, Operation: 'Scan' }])
    await scene.clock.until(plus(START, 3 * DAY))
    const later = await scene.call('DescribeInstancePatchStates', { InstanceIds: [id] })
    expect(later['InstancePatchStates'], 'one more has been released').toMatchObject([{ MissingCount: patches.length + 1 }])
  })
})

describe('a world', () => {
  it('is reset to its beginning', async () => {
    const scene = new Scene()
    const before = scene.world.nodesView()
    const id = await scene.send('Patchwave-Apply', '0190a000-0000-7000-8000-000000000001.1')
    await scene.clock.pass(5 * 60_000)
    scene.world.reset()
    const seen = scene.events.length
    await scene.clock.pass(60 * 60_000)
    expect(scene.world.nodesView()).toEqual(before)
    expect(scene.world.ledger()).toEqual([])
    expect(scene.events, 'what ran is forgotten').toHaveLength(seen)
    await expect(scene.seen(id)).rejects.toMatchObject({ code: 'InvalidCommandId' })
  })

  it('keeps cells apart', () => {
    const { world } = new Scene()
    expect([...world.fleet.nodesOf({ ...CALLER, region: 'eu-west-1' })]).toEqual([])
    expect([...world.fleet.nodesOf({ ...CALLER, account: '111111111111' })]).toEqual([])
  })
})
