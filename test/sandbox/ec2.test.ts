import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  paginateDescribeInstances,
  type DescribeInstancesCommandInput,
} from '@aws-sdk/client-ec2'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { Cell } from '../../src/kit/ids.ts'
import { instant } from '../../src/kit/instant.ts'
import { Callers } from '../../src/sandbox/callers.ts'
import { Calls } from '../../src/sandbox/calls.ts'
import { dispatcher } from '../../src/sandbox/dispatch.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { idsFrom } from '../../src/sandbox/ids.ts'
import type { SimFleet, SimImage, SimNode } from '../../src/sandbox/model.ts'
import { Quotas } from '../../src/sandbox/quotas.ts'
import { ec2 } from '../../src/sandbox/services/ec2.ts'
import { clientsOf, nameOf, START, STAGING } from './front.ts'

const id = (n: number): string => `i-${String(n).padStart(17, '0')}`
const AMI = 'ami-00000000000000001'
const SOURCE = 'ami-00000000000000009'

function node(n: number, more: Partial<SimNode> = {}): SimNode {
  return {
    node: id(n),
    account: STAGING,
    region: 'us-east-1',
    ami: AMI,
    zoneName: n % 2 === 0 ? 'us-east-1a' : 'us-east-1b',
    zoneId: n % 2 === 0 ? 'use1-az4' : 'use1-az6',
    platform: 'ubuntu',
    tags: { Name: `n${String(n)}`, Env: 'staging' },
    instanceType: 'm6i.large',
    privateIp: `10.0.0.${String(n)}`,
    launchedAt: START,
    state: 'running',
    reachability: 'ok',
    agentVersion: '3.3',
    agent: 'online',
    lastPing: START,
    kernel: '6.1',
    bootId: 'b',
    packages: new Map(),
    health: 'healthy',
    volumes: [],
    ...more,
  }
}

const NODES: readonly SimNode[] = [
  ...Array.from({ length: 10 }, (_, n) => node(n)),
  node(10, { state: 'stopped', tags: { Env: 'prod', Note: '<a> & "b"' } }),
  node(11, { state: 'terminated' }),
  node(12, { reachability: 'impaired', instanceType: 't4g.small' }),
  node(13, { reachability: 'initializing' }),
  node(14, { region: 'eu-central-1' }),
  { ...node(15), node: 'mi-00000000000000001' },
]
const IMAGES: readonly SimImage[] = [
  {
    ami: AMI,
    region: 'us-east-1',
    owner: STAGING,
    name: 'golden',
    createdAt: instant(START - 1_000),
    sourceAmi: SOURCE,
    sourceRegion: 'eu-west-1',
    architecture: 'x86_64',
    tags: { Lineage: 'x' },
  },
  {
    ami: 'ami-00000000000000002',
    region: 'us-east-1',
    owner: '137112412989',
    name: 'al2023-ami',
    createdAt: START,
    sourceAmi: null,
    sourceRegion: null,
    architecture: 'arm64',
    tags: {},
  },
]
const fleet: SimFleet = {
  nodesOf: (cell: Cell) => NODES.filter(({ account, region }) => account === cell.account && region === cell.region),
  node: (wanted) => NODES.find((each) => each.node === wanted),
  images: (region) => IMAGES.filter((image) => image.region === region),
  accounts: () => new Map([['staging', STAGING]]),
}
const clock = new VirtualClock(START)
const dispatch = dispatcher({
  clock,
  services: { ssm: {}, sqs: {}, sts: {}, ec2: ec2(fleet), elasticloadbalancing: {}, autoscaling: {}, s3: {} },
  callers: new Callers({ clock, ids: idsFrom(1, 's'), accounts: [STAGING] }),
  quotas: new Quotas(clock),
  calls: new Calls(),
  ids: idsFrom(1, 'api'),
  faults: () => ({ throttled: 0, failedAfterEffect: 0, latencyMedianMs: 0, latencyP95Ms: 0 }),
})
const client = clientsOf({ requestHandler: sandboxHandler({ dispatch }) }).ec2

const instances = async (input: DescribeInstancesCommandInput): Promise<string[]> => {
  const { Reservations = [] } = await client.send(new DescribeInstancesCommand(input))
  return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => String(Number(InstanceId?.slice(2)))))
}
const by = (Name: string, ...Values: string[]): DescribeInstancesCommandInput => ({ Filters: [{ Name, Values }] })

describe('DescribeInstances', () => {
  it('shows an instance as the engine reads it', async () => {
    const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id(10)] }))
    const [instance] = Reservations?.[0]?.Instances ?? []
    expect(Reservations?.[0]?.OwnerId).toBe(STAGING)
    expect(instance).toMatchObject({
      InstanceId: id(10),
      ImageId: AMI,
      State: { Code: 80, Name: 'stopped' },
      Placement: { AvailabilityZone: 'us-east-1a', AvailabilityZoneId: 'use1-az4' },
      LaunchTime: new Date(START),
      PlatformDetails: 'Linux/UNIX',
      Tags: [
        { Key: 'Env', Value: 'prod' },
        { Key: 'Note', Value: '<a> & "b"' },
      ],
    })
    expect(instance?.Platform).toBeUndefined()
  })

  // prettier-ignore
  it.each<[it: string, input: DescribeInstancesCommandInput, nodes: string]>([
    ['everything of the cell, terminated ones too',  { MaxResults: 1_000 },                            '0 1 2 3 4 5 6 7 8 9 10 11 12 13'],
    ['the named, once, in their order',              { InstanceIds: [id(3), id(1), id(3)] },           '3 1'],
    ['by state',                                     by('instance-state-name', 'stopped', 'terminated'), '10 11'],
    ['by tag',                                       by('tag:Env', 'prod'),                            '10'],
    ['by wildcard',                                  by('tag:Name', 'n1?', 'n*0'),                     '0 11 12 13'],
    ['a dot is a dot',                               by('private-ip-address', '10.0.0.?'),             '0 1 2 3 4 5 6 7 8 9'],
    ['an escaped star is a star',                    by('tag:Name', 'n\\*'),                           ''],
    ['by tag key',                                   by('tag-key', 'Note'),                            '10'],
    ['by architecture',                              by('architecture', 'arm64'),                      '12'],
    ['filters are ANDed',                            { Filters: [{ Name: 'availability-zone-id', Values: ['use1-az6'] }, { Name: 'instance-id', Values: [id(1), id(2)] }] }, '1'],
    ['no windows here',                              by('platform', 'windows'),                        ''],
  ])('finds %s', async (_, input, nodes) => {
    expect((await instances(input)).join(' ')).toBe(nodes)
  })

  it('pages', async () => {
    const sizes: number[] = []
    for await (const page of paginateDescribeInstances({ client, pageSize: 6 }, {})) sizes.push(page.Reservations?.length ?? 0)
    expect(sizes).toEqual([6, 6, 2])
  })

  // prettier-ignore
  it.each<[it: string, input: DescribeInstancesCommandInput, code: string]>([
    ['an unknown id',             { InstanceIds: [id(1), id(99)] },               'InvalidInstanceID.NotFound'],
    ['an id of another Region',   { InstanceIds: [id(14)] },                      'InvalidInstanceID.NotFound'],
    ['an id of no form',          { InstanceIds: ['i-1'] },                       'InvalidInstanceID.Malformed'],
    ['a page of named ones',      { InstanceIds: [id(1)], MaxResults: 5 },        'InvalidParameterCombination'],
    ['a page too small',          { MaxResults: 4 },                              'InvalidParameterValue'],
    ['a page too large',          { MaxResults: 1_001 },                          'InvalidParameterValue'],
    ['a filter that is none',     by('colour', 'red'),                            'InvalidParameterValue'],
    ['a token of its own making', { MaxResults: 5, NextToken: 'abc' },            'InvalidParameterValue'],
    ['more than 1,000 ids',       { InstanceIds: Array.from({ length: 1_001 }, () => id(1)) }, 'InvalidParameterValue'],
    ['a dry run',                 { DryRun: true },                               'DryRunOperation'],
  ])('refuses %s', async (_, input, code) => {
    expect(await nameOf(client.send(new DescribeInstancesCommand(input)))).toBe(code)
  })

  it('refuses a token of another question', async () => {
    const { NextToken } = await client.send(new DescribeInstancesCommand({ MaxResults: 5 }))
    const other = new DescribeInstancesCommand({ ...by('tag:Env', 'staging'), MaxResults: 5, NextToken })
    expect(await nameOf(client.send(other))).toBe('InvalidParameterValue')
  })
})

describe('DescribeInstanceStatus', () => {
  it('lists what runs, with both checks', async () => {
    const { InstanceStatuses = [] } = await client.send(new DescribeInstanceStatusCommand({ InstanceIds: [id(1), id(10), id(12), id(13)] }))
    expect(
      InstanceStatuses.map(({ InstanceId, InstanceStatus }) => [InstanceId, InstanceStatus?.Status, InstanceStatus?.Details?.[0]?.Status]),
    ).toEqual([
      [id(1), 'ok', 'passed'],
      [id(12), 'impaired', 'failed'],
      [id(13), 'initializing', 'initializing'],
    ])
    expect(InstanceStatuses[0]).toMatchObject({ AvailabilityZoneId: 'use1-az6', SystemStatus: { Status: 'ok' }, Events: [] })
  })

  it('lists the rest too when asked', async () => {
    const { InstanceStatuses = [] } = await client.send(
      new DescribeInstanceStatusCommand({ IncludeAllInstances: true, InstanceIds: [id(10)] }),
    )
    expect(InstanceStatuses).toMatchObject([{ InstanceState: { Name: 'stopped' }, InstanceStatus: { Status: 'not-applicable' } }])
  })

  it('filters by status', async () => {
    const filter = new DescribeInstanceStatusCommand({ Filters: [{ Name: 'instance-status.status', Values: ['impaired'] }] })
    expect((await client.send(filter)).InstanceStatuses?.map(({ InstanceId }) => InstanceId)).toEqual([id(12)])
  })

  it('takes at most 100 ids', async () => {
    const many = new DescribeInstanceStatusCommand({ InstanceIds: Array.from({ length: 101 }, () => id(1)) })
    expect(await nameOf(client.send(many))).toBe('InvalidParameterValue')
  })
})

describe('DescribeImages', () => {
  it('shows where an image was copied from', async () => {
    const { Images } = await client.send(new DescribeImagesCommand({ ImageIds: [AMI] }))
    expect(Images).toMatchObject([
      {
        ImageId: AMI,
        SourceImageId: SOURCE,
        SourceImageRegion: 'eu-west-1',
        OwnerId: STAGING,
        Public: false,
        Tags: [{ Key: 'Lineage', Value: 'x' }],
      },
    ])
  })

  // prettier-ignore
  it.each<[it: string, input: object, names: string[]]>([
    ['all',        {},                                                                      ['golden', 'al2023-ami']],
    ['own ones',   { Owners: ['self'] },                                                    ['golden']],
    ['Amazon’s',   { Owners: ['amazon'] },                                                  ['al2023-ami']],
    ['by source',  { Filters: [{ Name: 'source-image-id', Values: [SOURCE] }] },            ['golden']],
    ['by name',    { Filters: [{ Name: 'name', Values: ['al2023-*'] }] },                   ['al2023-ami']],
  ])('finds %s', async (_, input, names) => {
    expect((await client.send(new DescribeImagesCommand(input))).Images?.map(({ Name }) => Name)).toEqual(names)
  })

  it.each([
    ['ami-0000000000000000f', 'InvalidAMIID.NotFound'],
    ['golden', 'InvalidAMIID.Malformed'],
  ])('refuses %s: %s', async (image, code) => {
    expect(await nameOf(client.send(new DescribeImagesCommand({ ImageIds: [image] })))).toBe(code)
  })
})
