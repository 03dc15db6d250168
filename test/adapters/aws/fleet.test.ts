import { describe, expect, it } from 'vitest'
import { all, control, ec2Refusal, signal, start, wire, type Answer, type Asked } from './wire.ts'

const item = (text: string): string => `<item>${text}</item>`
const instance = (
  id: string,
  more: Readonly<{ state?: string; ami?: string; zone?: string; tags?: Record<string, string> }> = {},
): string =>
  item(
    `<instancesSet>${item(
      `<instanceId>${id}</instanceId><imageId>${more.ami ?? 'ami-1'}</imageId><instanceState><code>16</code><name>${more.state ?? 'running'}</name></instanceState>` +
        `<placement><availabilityZone>us-east-1a</availabilityZone><availabilityZoneId>${more.zone ?? 'use1-az1'}</availabilityZoneId></placement>` +
        `<tagSet>${Object.entries(more.tags ?? {})
          .map(([key, value]) => item(`<key>${key}</key><value>${value}</value>`))
          .join('')}</tagSet>`,
    )}</instancesSet>`,
  )
const instances = (items: readonly string[], next = ''): Answer => ({
  xml: `<DescribeInstancesResponse><requestId>r</requestId><reservationSet>${items.join('')}</reservationSet>${next && `<nextToken>${next}</nextToken>`}</DescribeInstancesResponse>`,
})
const info = (InstanceId: string, more: object = {}): object => ({
  InstanceId,
  PingStatus: 'Online',
  LastPingDateTime: start / 1_000,
  PlatformName: 'Amazon Linux',
  PlatformVersion: '2023',
  ...more,
})
const ids = ({ form }: Asked, prefix: string): string[] =>
  [...form].filter(([key]) => key.startsWith(`${prefix}.`)).map(([, value]) => value)

describe('the census', () => {
  it('joins both lists, page by page, and ends with the hybrid nodes', async () => {
    const { aws, clock, asked } = wire(({ name, input, form }) => {
      if (name === 'ssm.DescribeInstanceInformation') {
        return input['NextToken'] === undefined
          ? { json: { InstanceInformationList: [info('i-00000001'), info('mi-0123456789abcdef0')], NextToken: 's2' } }
          : { json: { InstanceInformationList: [info('i-00000003', { PingStatus: 'ConnectionLost' }), info('i-0000dead')] } }
      }
      return form.get('NextToken') === null
        ? instances(
            [instance('i-00000001', { tags: { Env: 'prod', ['Patch Group']: 'm' } }), instance('i-00000002', { state: 'stopped' })],
            'e2',
          )
        : instances([instance('i-00000003', { zone: 'use1-az2', ami: 'ami-2' })])
    })
    const seen = await clock.run(() => all(aws.fleet.census(control, signal)))
    const common = { ...control, ami: 'ami-1', zone: 'use1-az1', state: 'running', hybrid: false, tags: {} }
    expect(seen).toEqual([
      {
        ...common,
        node: 'i-00000001',
        platform: 'amazon-linux-2023',
        agent: 'online',
        lastPing: start,
        tags: { Env: 'prod', 'Patch Group': 'm' },
      },
      { ...common, node: 'i-00000002', platform: 'other', agent: 'none', lastPing: null, state: 'stopped' },
      { ...common, node: 'i-00000003', platform: 'amazon-linux-2023', agent: 'lost', lastPing: start, zone: 'use1-az2', ami: 'ami-2' },
      {
        ...common,
        node: 'mi-0123456789abcdef0',
        platform: 'amazon-linux-2023',
        agent: 'online',
        lastPing: start,
        hybrid: true,
        ami: '',
        zone: '',
      },
    ])
    expect(asked[0]?.input).toEqual({ MaxResults: 50 })
    expect(asked[2]?.form.get('MaxResults')).toBe('1000')
    expect(asked.at(-1)?.form.get('Filter.1.Name')).toBe('instance-state-name')
  })

  // prettier-ignore
  it.each([
    ['Amazon Linux',     '2023',    'amazon-linux-2023'],
    ['Amazon Linux',     '2',       'amazon-linux-2'],
    ['Amazon Linux AMI', '2018.03', 'other'],
    ['Ubuntu',           '22.04',   'ubuntu'],
    ['Debian GNU/Linux', '12',      'debian'],
    ['SLES',             '15.5',    'other'],
  ])('knows %s %s as %s', async (PlatformName, PlatformVersion, platform) => {
    const { aws, clock } = wire(({ name }) =>
      name.startsWith('ssm') ? { json: { InstanceInformationList: [info('i-00000001', { PlatformName, PlatformVersion })] } } : instances([instance('i-00000001')]),
    )
    expect(await clock.run(() => all(aws.fleet.census(control, signal)))).toMatchObject([{ platform }])
  })
})

describe('a look at some nodes', () => {
  /** EC2 that knows only these, and refuses a list with others, naming them. */
  const knows =
    (known: readonly string[]) =>
    (asked: Asked): Answer => {
      if (asked.name.startsWith('ssm')) return { json: { InstanceInformationList: known.map((id) => info(id)) } }
      const gone = ids(asked, 'InstanceId').filter((id) => !known.includes(id))
      if (gone.length > 0) return ec2Refusal('InvalidInstanceID.NotFound', `The instance IDs '${gone.join(', ')}' do not exist`)
      return instances(ids(asked, 'InstanceId').map((id) => instance(id)))
    }
  const many = Array.from({ length: 50 }, (_, i) => `i-${String(i).padStart(17, '0')}`)

  it('asks again without those that are gone', async () => {
    const left = many.slice(40)
    const { aws, clock, names, asked } = wire(knows(left))
    const seen = await clock.run(() => aws.fleet.look(control, many, signal))
    expect(seen.map(({ node }) => node)).toEqual(left)
    expect(names()).toEqual(['ssm.DescribeInstanceInformation', 'ec2.DescribeInstances', 'ec2.DescribeInstances'])
    expect(asked[0]?.input['Filters']).toEqual([{ Key: 'InstanceIds', Values: many }])
  })

  it('never asks for an empty list, which would mean all', async () => {
    const { aws, clock, names } = wire(knows([]))
    expect(await clock.run(() => aws.fleet.look(control, ['i-00000001'], signal))).toEqual([])
    expect(await clock.run(() => aws.fleet.look(control, [], signal))).toEqual([])
    expect(names()).toEqual(['ssm.DescribeInstanceInformation', 'ec2.DescribeInstances'])
  })

  it('asks one by one when the refusal names none of them', async () => {
    const { aws, clock } = wire((asked) => {
      if (asked.name.startsWith('ssm')) return { json: {} }
      return ids(asked, 'InstanceId').includes('i-00000002')
        ? ec2Refusal('InvalidInstanceID.NotFound', 'some do not exist')
        : instances(ids(asked, 'InstanceId').map((id) => instance(id)))
    })
    const seen = await clock.run(() => aws.fleet.look(control, ['i-00000001', 'i-00000002', 'i-00000003'], signal))
    expect(seen.map(({ node }) => node)).toEqual(['i-00000001', 'i-00000003'])
  })

  it('reads again after throttles, and counts them', async () => {
    let times = 0
    const { aws, clock } = wire((asked) => {
      if (asked.name.startsWith('ssm')) return { json: {} }
      return ++times < 3 ? ec2Refusal('RequestLimitExceeded', 'slow down', 503) : instances([instance('i-00000001')])
    })
    expect(await clock.run(() => aws.fleet.look(control, ['i-00000001'], signal))).toHaveLength(1)
    expect(aws.counter.throttles()).toEqual([{ cell: control, call: 'ec2.DescribeInstances', count: 2 }])
    expect(aws.counter.calls()).toEqual({ 'ec2.DescribeInstances': 3, 'ssm.DescribeInstanceInformation': 1 })
  })
})

describe('images', () => {
  it('are read with their source, without those that are gone', async () => {
    const { aws, clock } = wire((asked) =>
      ids(asked, 'ImageId').includes('ami-gone')
        ? ec2Refusal('InvalidAMIID.NotFound', "The image id '[ami-gone]' does not exist")
        : {
            xml: `<DescribeImagesResponse><requestId>r</requestId><imagesSet>${item(
              '<imageId>ami-1</imageId><name>al2023-x</name><sourceImageId>ami-0</sourceImageId><sourceImageRegion>eu-west-1</sourceImageRegion>',
            )}</imagesSet></DescribeImagesResponse>`,
          },
    )
    expect(await clock.run(() => aws.fleet.images(control, ['ami-1', 'ami-gone', 'ami-1'], signal))).toEqual([
      { ami: 'ami-1', region: 'us-east-1', name: 'al2023-x', sourceAmi: 'ami-0', sourceRegion: 'eu-west-1', tags: {} },
    ])
  })
})

describe('instance status', () => {
  // prettier-ignore
  it.each([
    ['ok',                'ok',                undefined,  'ok',       'instance ok, system ok'],
    ['ok',                'ok',                'ok',       'ok',       'instance ok, system ok, ebs ok'],
    ['impaired',          'ok',                undefined,  'impaired', 'instance impaired, system ok'],
    ['ok',                'impaired',          undefined,  'impaired', 'instance ok, system impaired'],
    ['ok',                'ok',                'impaired', 'impaired', 'instance ok, system ok, ebs impaired'],
    ['initializing',      'ok',                undefined,  'unknown',  'instance initializing, system ok'],
    ['insufficient-data', 'insufficient-data', undefined,  'unknown',  'instance insufficient-data, system insufficient-data'],
    ['not-applicable',    'not-applicable',    undefined,  'unknown',  'instance not-applicable, system not-applicable'],
  ])('%s, %s, %s is %s', async (own, system, ebs, verdict, detail) => {
    const { aws, clock, asked } = wire(() => ({
      xml: `<DescribeInstanceStatusResponse><requestId>r</requestId><instanceStatusSet>${item(
        `<instanceId>i-00000001</instanceId><instanceState><code>16</code><name>running</name></instanceState><instanceStatus><status>${own}</status></instanceStatus><systemStatus><status>${system}</status></systemStatus>` +
          (ebs === undefined ? '' : `<attachedEbsStatus><status>${ebs}</status></attachedEbsStatus>`),
      )}</instanceStatusSet></DescribeInstanceStatusResponse>`,
    }))
    const seen = await clock.run(() => aws.fleet.status(control, ['i-00000001', 'i-00000002', 'mi-0123456789abcdef0'], signal))
    expect(seen).toEqual([
      { node: 'i-00000001', verdict, detail, state: 'running' },
      { node: 'i-00000002', verdict: 'unknown', detail: 'not listed', state: null },
      { node: 'mi-0123456789abcdef0', verdict: 'unknown', detail: 'not listed', state: null },
    ])
    expect(asked[0]?.form.get('IncludeAllInstances')).toBe('true')
  })
})

describe('what Patch Manager recorded', () => {
  it('is read page by page, what is missing beside what failed', async () => {
    const { aws, clock, asked } = wire(({ input }) => ({
      json: {
        Patches: [
          {
            Title: `openssl.x86_64:1:3.0.8-${'NextToken' in input ? '1' : '0'}`,
            KBId: 'openssl.x86_64',
            Classification: 'Security',
            Severity: 'Critical',
            State: 'Missing',
            InstalledTime: 0,
            CVEIds: 'CVE-1, CVE-2',
          },
        ],
        ...(!('NextToken' in input) && { NextToken: 'more' }),
      },
    }))
    const row = { kbId: 'openssl.x86_64', classification: 'Security', severity: 'Critical', state: 'Missing', cves: ['CVE-1', 'CVE-2'] }
    expect(await clock.run(() => all(aws.fleet.missing(control, 'i-00000001', signal)))).toEqual([
      { ...row, title: 'openssl.x86_64:1:3.0.8-0' },
      { ...row, title: 'openssl.x86_64:1:3.0.8-1' },
    ])
    const question = { InstanceId: 'i-00000001', Filters: [{ Key: 'State', Values: ['Missing', 'Failed'] }], MaxResults: 100 }
    expect(asked.map(({ input }) => input)).toEqual([question, { ...question, NextToken: 'more' }])
  })

  it('keeps a CVE whole or leaves it out, and titles long enough to show that they are too long', async () => {
    const cves = Array.from({ length: 1_000 }, (_, n) => `CVE-2026-${String(10_000 + n)}`)
    const Title = `${'a'.repeat(300)}.x86_64:0:1-1`
    const { aws, clock } = wire(() => ({ json: { Patches: [{ Title, KBId: 'a', State: 'Missing', CVEIds: cves.join(',') }] } }))
    const [row] = await clock.run(() => all(aws.fleet.missing(control, 'i-00000001', signal)))
    expect(row?.title).toBe(Title)
    expect(row?.cves.length).toBeGreaterThan(500)
    expect(cves.slice(0, row?.cves.length)).toEqual(row?.cves)
  })

  it('says who wrote the data of each node and when, 50 nodes a call', async () => {
    const { aws, clock, asked } = wire((request) => ({
      json: {
        InstancePatchStates: (request.input['InstanceIds'] as string[]).slice(0, 1).map((InstanceId) => ({
          InstanceId,
          PatchGroup: 'web',
          BaselineId: 'pb-0123456789abcdef0',
          OperationStartTime: 1_767_225_590,
          OperationEndTime: 1_767_225_600,
          Operation: 'Scan',
          MissingCount: 3,
        })),
      },
    }))
    const nodes = Array.from({ length: 51 }, (_, n) => `i-${String(n).padStart(8, '0')}`)
    const seen = { patchGroup: 'web', baselineId: 'pb-0123456789abcdef0', snapshotId: '', operation: 'Scan', missing: 3, failed: 0 }
    const endedAt = 1_767_225_600_000
    expect(await clock.run(() => all(aws.fleet.patchData(control, nodes, signal)))).toEqual([
      { node: 'i-00000000', ...seen, endedAt },
      { node: 'i-00000050', ...seen, endedAt },
    ])
    expect(asked.map(({ input }) => (input['InstanceIds'] as string[]).length)).toEqual([50, 1])
  })
})
