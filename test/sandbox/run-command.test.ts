import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../src/kit/digest.ts'
import { DAY, HOUR, iso, MINUTE, SECOND } from '../../src/kit/instant.ts'
import { ServiceError } from '../../src/sandbox/model.ts'
import { faultsOf, fleetOf, HASH, OTHER_RUN, RUN, Scene } from './nodes/scene.ts'

const ids = (scene: Scene, count: number): string[] => scene.nodes.slice(0, count).map((node) => node.node)
const code = async (work: Promise<unknown>): Promise<string> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof ServiceError ? error.code : `no service error: ${String(error)}`
}
const check = (scene: Scene, more: Record<string, unknown>): Promise<string> => scene.send('Patchwave-Check', `${RUN}.1`, {}, more)

describe('SendCommand refuses', () => {
  // prettier-ignore
  it.each<[it: string, more: Record<string, unknown>, code: string]>([
    ['a malformed id',               { InstanceIds: ['i-xyz'] },                                      'ValidationException'],
    ['more than 50 ids',             { InstanceIds: Array.from({ length: 51 }, (_, n) => `i-${String(n).padStart(17, '0')}`) }, 'ValidationException'],
    ['an unknown id among others',   { InstanceIds: ['i-00000000000000000'] },                        'InvalidInstanceId'],
    ['no id and no target',          { InstanceIds: [] },                                             'ValidationException'],
    ['a long comment',               { Comment: 'x'.repeat(101) },                                    'ValidationException'],
    ['a short timeout',              { TimeoutSeconds: 29 },                                          'ValidationException'],
    ['a fractional timeout',         { TimeoutSeconds: 60.5 },                                        'SerializationException'],
    ['a bad concurrency',            { MaxConcurrency: '0' },                                         'ValidationException'],
    ['an unknown document',          { DocumentName: 'Acme-Nothing' },                                'InvalidDocument'],
    ['an unknown document version',  { DocumentVersion: '7' },                                        'InvalidDocumentVersion'],
    ['another hash',                 { DocumentHash: 'a'.repeat(64), DocumentHashType: 'Sha256' },    'InvalidDocument'],
    ['a parameter of nobody',        { Parameters: { commands: ['reboot'] } },                        'InvalidParameters'],
    ['a tagged target with no key',  { InstanceIds: [], Targets: [{ Values: ['x'] }] },               'ValidationException'],
  ])('%s', async (_, more, expected) => {
    const scene = new Scene()
    expect(await code(check(scene, more))).toBe(expected)
    expect((await scene.call('ListCommands', {}))['Commands'], 'nothing was sent').toEqual([])
  })

  it('an id twice, and the whole call for one stranger', async () => {
    const scene = new Scene()
    const [first = '', second = ''] = ids(scene, 2)
    expect(await code(check(scene, { InstanceIds: [first, second, first] }))).toBe('DuplicateInstanceId')
    const refused = check(scene, { InstanceIds: [first, 'i-00000000000000000'] })
    await expect(refused).rejects.toThrow(/Instances \[\[i-0{17}\]\] not in a valid state for account 222222222222/)
  })

  it('takes the right hash', async () => {
    expect(await check(new Scene(), { DocumentHash: HASH, DocumentHashType: 'Sha256' })).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('the documents that ship', () => {
  const shipped = (name: string): string => readFileSync(`documents/${name}.yaml`, 'utf8')
  const scene = (): Scene =>
    new Scene({ resolveDocument: (_, name) => ({ version: '1', hash: sha256(shipped(name)), content: shipped(name) }) })

  it.each(['Patchwave-Apply', 'Patchwave-Rollback', 'Patchwave-Scan', 'Patchwave-Check', 'Patchwave-Fetch'])(
    '%s is taken and run',
    async (name) => {
      const given: Record<string, string> =
        name === 'Patchwave-Rollback' ? { Undo: RUN } : name === 'Patchwave-Fetch' ? { Digest: sha256('x') } : {}
      const seen = await scene().do(name, `${RUN}.1`, given)
      expect(seen.result).toMatchObject({ pw: 1, token: `${RUN}.1` })
    },
  )

  it('SSM refuses what does not fit a pattern', async () => {
    expect(await code(scene().send('Patchwave-Check', `${RUN}.1`, { Script: '$(reboot)' }))).toBe('InvalidParameters')
    expect(await code(scene().send('Patchwave-Check', 'no-token'))).toBe('InvalidParameters')
  })
})

describe('a command', () => {
  it('answers with the whole shape', async () => {
    const scene = new Scene()
    const { Command } = await scene.call('SendCommand', { DocumentName: 'Patchwave-Check', InstanceIds: ids(scene, 2), Comment: 'c' })
    expect(Command).toMatchObject({
      DocumentVersion: '$DEFAULT', MaxConcurrency: '50', MaxErrors: '0', Status: 'Pending', StatusDetails: 'Pending', TimeoutSeconds: 3_600,
      TargetCount: 2, CompletedCount: 0, ErrorCount: 0, DeliveryTimedOutCount: 0, RequestedDateTime: scene.clock.now() / SECOND,
      ExpiresAfter: scene.clock.now() / SECOND + 7_200,
    }) // prettier-ignore
  })

  it('expires after both timeouts; an execution timeout out of range counts as an hour', async () => {
    const scene = new Scene()
    const expires = async (executionTimeout: string): Promise<unknown> =>
      (await scene.command(await scene.send('Patchwave-Check', `${RUN}.1`, { executionTimeout }, { TimeoutSeconds: 600 })))['ExpiresAfter']
    expect(await expires('900')).toBe(scene.clock.now() / SECOND + 1_500)
    expect(await expires('4')).toBe(scene.clock.now() / SECOND + 4_200)
  })

  it('reaches 1, 2, 4, … nodes, each round after the acknowledgements of the last', async () => {
    const scene = new Scene({ fleet: fleetOf('', 31) })
    await scene.send('Patchwave-Apply', `${RUN}.1`, {}, { InstanceIds: ids(scene, 31) })
    await scene.clock.pass(5 * MINUTE)
    const starts = scene.world.ledger().map((row) => Date.parse(row.startedAt))
    const rounds = [1, 2, 4, 8, 16].map((size, round, sizes) => {
      const from = sizes.slice(0, round).reduce((sum, each) => sum + each, 0)
      return starts.slice(from, from + size)
    })
    for (const [round, times] of rounds.entries()) {
      const before = rounds[round - 1] ?? []
      expect(Math.min(...times)).toBeGreaterThan(Math.max(...before, 0))
    }
  })

  it('keeps to MaxConcurrency', async () => {
    const scene = new Scene()
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`, {}, { InstanceIds: ids(scene, 10), MaxConcurrency: '3' })
    await scene.clock.pass(5 * MINUTE)
    expect((await scene.seen(id)).filter(({ status }) => status === 'InProgress')).toHaveLength(3)
    await scene.clock.pass(HOUR)
    expect(await scene.command(id)).toMatchObject({ Status: 'Success', StatusDetails: 'Success', CompletedCount: 10 })
  })

  it('stops sending when more than MaxErrors have failed; the rest is Terminated and never ran', async () => {
    const scene = new Scene({ faults: faultsOf('packages: [{ match: openssl, fails: disk }]') })
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`, {}, { InstanceIds: ids(scene, 10), MaxConcurrency: '1', MaxErrors: '1' })
    await scene.clock.pass(2 * HOUR)
    expect((await scene.seen(id)).map(({ status }) => status)).toEqual(['Failed', 'Failed', ...Array<string>(8).fill('Terminated')])
    expect(await scene.command(id)).toMatchObject({ Status: 'Failed', StatusDetails: 'Failed', CompletedCount: 10, ErrorCount: 2 })
    expect(scene.world.ledger()).toHaveLength(2)
  })

  it('is Incomplete when some failed within the limit', async () => {
    const scene = new Scene({ faults: faultsOf('packages: [{ match: openssl, fails: disk, share: 50% }]') })
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`, {}, { InstanceIds: ids(scene, 10) })
    await scene.clock.pass(2 * HOUR)
    expect((await scene.command(id))['StatusDetails']).toBe('Incomplete')
  })

  it('by tag: the nodes that match all targets, none is told apart', async () => {
    const scene = new Scene()
    const { Command } = await scene.call('SendCommand', {
      DocumentName: 'Patchwave-Check',
      Targets: [{ Key: 'tag:Cluster', Values: ['prod-us-us-east-1-c02'] }],
    })
    expect(Command).toMatchObject({ TargetCount: 5, InstanceIds: [] })
  })

  it('cancels at once what has not started', async () => {
    const scene = new Scene()
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`, {}, { InstanceIds: ids(scene, 10), MaxConcurrency: '2' })
    await scene.clock.pass(3 * MINUTE)
    await scene.call('CancelCommand', { CommandId: id, InstanceIds: ids(scene, 10).slice(5) })
    expect((await scene.seen(id)).slice(5).map(({ status }) => status)).toEqual(Array(5).fill('Cancelled'))
    await scene.clock.pass(2 * HOUR)
    expect((await scene.seen(id)).slice(0, 5).map(({ status }) => status)).toEqual(Array(5).fill('Success'))
    expect(scene.world.ledger()).toHaveLength(5)
  })

  it('waits on the node while five others run there', async () => {
    const scene = new Scene()
    for (let n = 1; n <= 6; n += 1) await scene.send('Patchwave-Apply', `${n % 2 === 0 ? RUN : OTHER_RUN}.${String(n)}`)
    await scene.clock.pass(MINUTE)
    expect(scene.world.ledger()).toHaveLength(5)
    await scene.clock.pass(2 * HOUR)
    expect(scene.world.ledger()).toHaveLength(6)
  })
})

describe('reading results', () => {
  it('GetCommandInvocation: not there at first, then open, then ended', async () => {
    const scene = new Scene()
    const id = await scene.send('Patchwave-Check', `${RUN}.1`)
    const get = (): Promise<Record<string, unknown>> =>
      scene.call('GetCommandInvocation', { CommandId: id, InstanceId: scene.node(0).node })
    expect(await code(get())).toBe('InvocationDoesNotExist')
    await scene.clock.pass(2 * SECOND)
    expect(await get()).toMatchObject({ Status: 'InProgress', ResponseCode: -1, ExecutionEndDateTime: '' })
    await scene.clock.pass(MINUTE)
    expect(await get()).toMatchObject({ Status: 'Success', ResponseCode: 0, ExecutionElapsedTime: 'PT2S', PluginName: 'patchwave' })
    expect(await code(scene.call('GetCommandInvocation', { CommandId: id, InstanceId: scene.node(0).node, PluginName: 'other' }))).toBe(
      'InvalidPluginName',
    )
    expect(await code(scene.call('GetCommandInvocation', { CommandId: id, InstanceId: scene.node(1).node }))).toBe('InvocationDoesNotExist')
  })

  it('cuts output at 2,500 and keeps the head', async () => {
    const scene = new Scene()
    const seen = await scene.do('Patchwave-Scan', `${RUN}.1`)
    expect(seen.output).toHaveLength(2_500)
    expect(seen.output).toMatch(/^\{"pw":1.*--output truncated--$/s)
  })

  it('pages invocations and commands without gaps, and refuses foreign tokens', async () => {
    const scene = new Scene()
    const sent: string[] = []
    for (let n = 1; n <= 7; n += 1)
      sent.push(await scene.send('Patchwave-Check', `${RUN}.${String(n)}`, {}, { InstanceIds: ids(scene, 10) }))
    const invocations = await pages(scene, 'ListCommandInvocations', 'CommandInvocations', { CommandId: sent[0], MaxResults: 3 })
    expect(invocations.map((each) => each['InstanceId'])).toEqual(ids(scene, 10))
    const commands = await pages(scene, 'ListCommands', 'Commands', { MaxResults: 2 })
    expect(commands.map((each) => each['CommandId']), 'newest first').toEqual([...sent].reverse()) // prettier-ignore
    expect(await code(scene.call('ListCommands', { NextToken: 'bm9uc2Vuc2U' }))).toBe('InvalidNextToken')
    expect(await code(scene.call('ListCommands', { MaxResults: 51 }))).toBe('ValidationException')
  })

  it('filters', async () => {
    const scene = new Scene()
    const early = await scene.send('Patchwave-Check', `${RUN}.1`)
    await scene.clock.pass(10 * MINUTE)
    const middle = iso(scene.clock.now())
    await scene.clock.pass(SECOND)
    const late = await scene.send('Patchwave-Apply', `${RUN}.2`)
    const found = async (key: string, value: string): Promise<unknown[]> =>
      ((await scene.call('ListCommands', { Filters: [{ key, value }] }))['Commands'] as { CommandId: string }[]).map(
        (each) => each.CommandId,
      )
    expect(await found('InvokedAfter', middle)).toEqual([late])
    expect(await found('InvokedBefore', middle)).toEqual([early])
    expect(await found('DocumentName', 'Patchwave-Apply')).toEqual([late])
    expect(await found('Status', 'Success')).toEqual([early])
    expect(await found('ExecutionStage', 'Executing')).toEqual([late])
    expect(await code(scene.call('ListCommands', { Filters: [{ key: 'Colour', value: 'red' }] }))).toBe('InvalidFilterKey')
    const pending = { InstanceId: scene.node(0).node, Filters: [{ key: 'Status', value: 'Pending' }] }
    expect(await code(scene.call('ListCommands', pending))).toBe('InvalidFilterKey')
  })

  it('ListCommands may lag; ListCommandInvocations knows at once', async () => {
    const scene = new Scene({ faults: faultsOf('listCommands: { lag: 60s }') })
    const id = await scene.send('Patchwave-Check', `${RUN}.1`)
    await scene.clock.pass(59 * SECOND)
    expect(await scene.command(id)).toEqual({})
    expect(await scene.seen(id)).toHaveLength(1)
    await scene.clock.pass(SECOND)
    expect(await scene.command(id)).toMatchObject({ CommandId: id })
  })

  it('forgets after 30 days', async () => {
    const scene = new Scene()
    const id = await scene.send('Patchwave-Check', `${RUN}.1`)
    await scene.clock.pass(30 * DAY)
    expect(await scene.seen(id)).toHaveLength(1)
    await scene.clock.pass(1)
    expect(await code(scene.seen(id))).toBe('InvalidCommandId')
  })
})

describe('status events', () => {
  it('one for each change of an invocation and of the command', async () => {
    const scene = new Scene()
    const id = await scene.send('Patchwave-Check', `${RUN}.1`)
    await scene.clock.pass(MINUTE)
    expect(scene.events.map((event) => [event['detail-type'], event.detail['status']])).toEqual([
      ['EC2 Command Status-change Notification', 'InProgress'],
      ['EC2 Command Invocation Status-change Notification', 'InProgress'],
      ['EC2 Command Invocation Status-change Notification', 'Success'],
      ['EC2 Command Status-change Notification', 'Success'],
    ])
    expect(scene.events[2]).toMatchObject({
      version: '0', source: 'aws.ssm', account: '222222222222', region: 'us-east-1',
      resources: [`arn:aws:ec2:us-east-1:222222222222:instance/${scene.node(0).node}`],
      detail: { 'command-id': id, 'document-name': 'Patchwave-Check', 'instance-id': scene.node(0).node, 'requested-date-time': '2026-01-01T00:00:00.000Z' },
    }) // prettier-ignore
  })

  // prettier-ignore
  it.each<[it: string, faults: string, afterMinute: number, afterHour: number]>([
    ['lost',    'events: { lost: 100% }',                       0, 0],
    ['doubled', 'events: { doubled: 100% }',                    8, 8],
    ['late',    'events: { late: { share: 100%, by: 30m } }',   0, 4],
  ])('may be %s', async (_, faults, afterMinute, afterHour) => {
    const scene = new Scene({ faults: faultsOf(faults) })
    await scene.send('Patchwave-Check', `${RUN}.1`)
    await scene.clock.pass(20 * SECOND)
    expect(scene.events).toHaveLength(afterMinute)
    await scene.clock.pass(HOUR)
    expect(scene.events).toHaveLength(afterHour)
  })
})

async function pages(scene: Scene, operation: string, member: string, input: Record<string, unknown>): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = []
  for (let token: unknown = undefined, first = true; first || token !== undefined; first = false) {
    const page = await scene.call(operation, { ...input, ...(token !== undefined && { NextToken: token }) })
    items.push(...(page[member] as Record<string, unknown>[]))
    token = page['NextToken']
  }
  return items
}
