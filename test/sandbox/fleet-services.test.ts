import { DescribeDocumentCommand, SSMClient } from '@aws-sdk/client-ssm'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { InvalidDocument } from '../../src/kit/error.ts'
import { type FleetFile, parseFleet } from '../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts'
import { CONTROL, operatorOf, STAGING } from './front.ts'

const parse = (group: string, more = ''): FleetFile =>
  parseFleet(
    `apiVersion: patchwave/v1\nkind: Fleet\ngroups:\n  - { account: staging, region: us-east-1, count: 200, platform: debian, ${group} }\n${more}`,
    'fleet.yaml',
  )
const sandboxOf = (fleet: FleetFile): Sandbox => createSandbox({ clock: new VirtualClock(fleet.start), fleet })

const mistakesOf = (group: string, more = ''): string[] => {
  try {
    parse(group, more)
    return []
  } catch (error) {
    return error instanceof InvalidDocument ? error.diagnostics.map(({ line, message }) => `${String(line)}: ${message}`) : [String(error)]
  }
}

describe('the services of a fleet file', () => {
  it('are what they are without being named: none', () => {
    expect(parse('amis: 1').groups[0]).toMatchObject({ targetGroups: [], autoScaling: null, stopped: 0, dataVolumes: 0 })
    expect(parse('amis: 1')).not.toHaveProperty('buckets')
    expect(sandboxOf(parse('amis: 1')).nodes()[0]).toMatchObject({ targets: [], autoScaling: null, state: 'running' })
  })

  it('have their defaults', () => {
    expect(parse('targetGroups: [{ name: web }], autoScaling: {}, stopped: 5%').groups[0]).toMatchObject({
      targetGroups: [{ name: 'web', port: 80, drainMs: 300_000 }],
      autoScaling: { name: 'staging-debian-1', min: 0, max: null },
      stopped: 0.05,
    })
    expect(parse('amis: 1', 'buckets: [a-bucket]\n').buckets).toEqual(['a-bucket'])
  })

  it('documents of the owner are in every cell that has nodes, and nowhere else', async () => {
    const requestHandler = sandboxHandler(sandboxOf(parse('amis: 1', 'documents: [Acme-Quiesce]\n')))
    const describe = (account: string) =>
      new SSMClient({ region: 'us-east-1', credentials: operatorOf(account), maxAttempts: 1, requestHandler }).send(
        new DescribeDocumentCommand({ Name: 'Acme-Quiesce' }),
      )
    await expect(describe(STAGING)).resolves.toMatchObject({ Document: { Name: 'Acme-Quiesce', Owner: STAGING } })
    await expect(describe(CONTROL)).rejects.toMatchObject({ name: 'InvalidDocument' })
    expect(parse('amis: 1')).not.toHaveProperty('documents')
    expect(mistakesOf('amis: 1', 'documents: [AWS-Mine, Patchwave-Apply]\n')).toEqual([
      '5: documents[0]: "AWS-Mine" is not the name of an SSM document of your own',
      '5: documents[1]: "Patchwave-Apply" is not the name of an SSM document of your own',
    ])
  })

  it('a share of the nodes is stopped from the start, the same from the same seed', () => {
    const stopped = (): string[] =>
      sandboxOf(parse('stopped: 25%'))
        .nodes()
        .filter(({ state, agent }) => state === 'stopped' && agent === 'lost')
        .map(({ node }) => node)
    expect(stopped().length).toBeGreaterThan(30)
    expect(stopped().length).toBeLessThan(70)
    expect(stopped()).toEqual(stopped())
  })

  it('are there again after a reset', () => {
    const sandbox = sandboxOf(parse('targetGroups: [{ name: web }], autoScaling: {}'))
    const before = sandbox.nodes().map(({ targets, autoScaling }) => ({ targets, autoScaling }))
    sandbox.reset()
    expect(sandbox.nodes().map(({ targets, autoScaling }) => ({ targets, autoScaling }))).toEqual(before)
    expect(before[0]).toEqual({
      targets: [{ group: 'web', port: 80, state: 'healthy' }],
      autoScaling: { group: 'staging-debian-1', lifecycle: 'InService' },
    })
  })

  it.each<readonly [string, string, string]>([
    ['targetGroups: [{ name: web, drain: 2h }]', '', '4: ELBv2 drains for whole seconds and at most an hour'],
    ['targetGroups: [{ name: web }, { name: web, port: 81, drain: 1m }]', '', '4: the same target group drains for another time elsewhere'],
    ['autoScaling: { min: 201 }', '', '4: min is more than the 200 nodes'],
    ['autoScaling: { max: 199 }', '', '4: max is less than the 200 nodes'],
    [
      'autoScaling: { name: web }',
      '  - { account: staging, region: us-east-1, count: 1, platform: ubuntu, autoScaling: { name: web } }\n',
      '5: there are two Auto Scaling groups web in one account and region',
    ],
  ])('refuse %s', (group, more, wanted) => {
    expect(mistakesOf(group, more)).toEqual([wanted])
  })

  it('of one name are two where the account or the region is another', () => {
    const other = '  - { account: prod-us, region: us-east-1, count: 1, platform: ubuntu, autoScaling: { name: web } }\n'
    expect(mistakesOf('autoScaling: { name: web }', other)).toEqual([])
  })
})
