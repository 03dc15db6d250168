import { describe, expect, it } from 'vitest'
import { PatchwaveError } from '../../../src/kit/error.ts'
import { instant, plus, type Instant } from '../../../src/kit/instant.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { CommandOrder } from '../../../src/ports/commands.ts'
import { all, control, refusal, signal, start, wire, type Answer } from './wire.ts'

const token = '01930000-0000-7000-8000-000000000001.7'
const commandId = '11111111-2222-4333-8444-555555555555'
const order: CommandOrder = {
  cell: control,
  token,
  document: { name: 'Patchwave-Apply', hash: 'ab'.repeat(32) },
  nodes: ['i-0123456789abcdef0', 'i-0123456789abcdef1'],
  parameters: { List: 'bGlzdA==', Reboot: 'never' },
  startBefore: plus(start, 600_500),
  executionSeconds: 3_600,
}
const seconds = (at: Instant): number => at / 1_000
const accepted: Answer = {
  json: { Command: { CommandId: commandId, RequestedDateTime: seconds(start), ExpiresAfter: seconds(plus(start, 4_200_000)) } },
}

describe('sending a command', () => {
  it('carries the token, the hash, the times, and no brake of SSM’s', async () => {
    const { aws, clock, asked } = wire(() => accepted)
    const sent = await clock.run(() => aws.commands.send(order, signal))
    expect(sent).toEqual({ commandId, requestedAt: start, expiresAfter: plus(start, 4_200_000) })
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ name: 'ssm.SendCommand', region: 'us-east-1', accessKey: 'AKIABASE' })
    expect(asked[0]?.input).toEqual({
      DocumentName: 'Patchwave-Apply',
      DocumentHash: 'ab'.repeat(32),
      DocumentHashType: 'Sha256',
      InstanceIds: order.nodes,
      Comment: token,
      TimeoutSeconds: 600,
      MaxConcurrency: '50',
      MaxErrors: '100%',
      Parameters: {
        List: ['bGlzdA=='],
        Reboot: ['never'],
        Token: [token],
        StartBefore: [String(Math.floor(seconds(order.startBefore)))],
        executionTimeout: ['3600'],
      },
    })
    expect(aws.counter.calls()).toEqual({ 'ssm.SendCommand': 1 })
  })

  it.each([
    ['29.9 s are left', 29_900],
    ['it is over', -1],
  ])('sends nothing when %s', async (_, ms) => {
    const { aws, clock, asked } = wire(() => accepted)
    const sent = clock.run(() => aws.commands.send({ ...order, startBefore: plus(start, ms) }, signal))
    await expect(sent).rejects.toMatchObject({ code: 'aws.invalid', message: expect.stringContaining('nothing was sent') as string })
    expect(asked).toEqual([])
    expect(aws.counter.calls()).toEqual({})
  })

  it('looks again after signing, as the last thing before the wire', async () => {
    // A driver that freezes while it makes the request: the clock jumps past `startBefore` after the first check.
    let late = false
    const clock: Clock = { now: () => plus(start, late ? 700_000 : 0), sleep: () => Promise.resolve(), hold: (work) => work() }
    const { aws, asked } = wire(() => accepted, { clock })
    const freezing = {
      ...order,
      get parameters() {
        late = true
        return {}
      },
    }
    await expect(aws.commands.send(freezing, signal)).rejects.toMatchObject({
      code: 'aws.invalid',
      message: expect.stringContaining('would leave too late') as string,
    })
    expect(asked).toEqual([])
    expect(aws.counter.calls()).toEqual({})
  })

  it.each<[string, Answer | Error, string]>([
    ['a throttle', refusal('ThrottlingException', 'Rate exceeded'), 'aws.throttled'],
    ['a failure of AWS', refusal('InternalServerError', '', 500), 'aws.unclear'],
    ['a reset', Object.assign(new Error('reset'), { code: 'ECONNRESET' }), 'aws.unclear'],
    ['an answer without an id', { json: {} }, 'aws.unclear'],
    ['an answer that is cut', { text: '{"Command":{"CommandId":"11' }, 'aws.unclear'],
    ['a bad node', refusal('InvalidInstanceId', 'Instances [[i-0123456789abcdef1]] not in a valid state'), 'aws.invalid'],
    ['no such document', refusal('InvalidDocument', ''), 'aws.missing'],
  ])('is sent once, whatever comes back: %s', async (_, answer, code) => {
    const { aws, clock, asked } = wire(() => {
      if (answer instanceof Error) throw answer
      return answer
    })
    const error = await clock.run(() => aws.commands.send(order, signal).catch((caught: unknown) => caught))
    expect(error).toBeInstanceOf(PatchwaveError)
    expect(error).toMatchObject({ code })
    expect(asked).toHaveLength(1)
  })

  it('names the bad nodes and counts throttles', async () => {
    const { aws, clock } = wire(({ input }) =>
      input['Comment'] === token ? refusal('InvalidInstanceId', 'Instances [[i-0123456789abcdef1]] no') : refusal('ThrottlingException'),
    )
    await clock.run(async () => {
      await expect(aws.commands.send(order, signal)).rejects.toMatchObject({ more: { detail: { nodes: 'i-0123456789abcdef1' } } })
      await expect(aws.commands.send({ ...order, token: 'x' }, signal)).rejects.toMatchObject({ code: 'aws.throttled' })
    })
    expect(aws.counter.throttles()).toEqual([{ cell: control, call: 'ssm.SendCommand', count: 1 }])
  })

  it.each([0, 51])('refuses %i nodes as a bug of ours', async (count) => {
    const { aws } = wire(() => accepted)
    await expect(aws.commands.send({ ...order, nodes: Array<string>(count).fill('i-12345678') }, signal)).rejects.toThrow('1 to 50')
  })
})

describe('reading commands', () => {
  it('sweeps every page since an instant', async () => {
    const command = (id: string, Status: string): object => ({
      CommandId: id,
      Comment: `${token}\0`,
      DocumentName: 'Patchwave-Apply',
      Status,
      RequestedDateTime: seconds(start),
      ExpiresAfter: seconds(plus(start, 60_000)),
      InstanceIds: ['i-12345678'],
    })
    const { aws, clock, asked } = wire(({ input }) => {
      if (input['NextToken'] === undefined) return { json: { Commands: [command('a', 'InProgress')], NextToken: 't1' } }
      return input['NextToken'] === 't1' ? { json: { Commands: [], NextToken: 't2' } } : { json: { Commands: [command('b', 'Cancelled')] } }
    })
    const seen = await clock.run(() => all(aws.commands.sweep(control, instant(start + 500), signal)))
    expect(asked[0]?.input).toEqual({ Filters: [{ key: 'InvokedAfter', value: '2025-12-31T23:59:59Z' }], MaxResults: 50 })
    expect(seen).toEqual([
      {
        commandId: 'a',
        comment: `${token}\uFFFD`,
        document: 'Patchwave-Apply',
        requestedAt: start,
        expiresAfter: plus(start, 60_000),
        ended: false,
        nodes: ['i-12345678'],
      },
      expect.objectContaining({ commandId: 'b', ended: true }),
    ])
  })

  // prettier-ignore
  it.each([
    ['Success',            { ResponseCode: 0, Output: '{}' },  { status: 'Success', ended: true, exitCode: 0, output: '{}' }],
    ['Failed',             { ResponseCode: 70, Output: 'x' },  { status: 'Failed', ended: true, exitCode: 70, output: 'x' }],
    ['Pending',            { ResponseCode: -1, Output: '' },   { status: 'Pending', ended: false, exitCode: null, output: '' }],
    ['Delivery Timed Out', undefined,                          { status: 'DeliveryTimedOut', ended: true, exitCode: null, output: '' }],
    ['Canceled',           undefined,                          { status: 'Cancelled', ended: true, exitCode: null, output: '' }],
    ['Cancelling',         undefined,                          { status: 'Cancelling', ended: false, exitCode: null, output: '' }],
    ['Delayed',            undefined,                          { status: 'Delayed', ended: false, exitCode: null, output: '' }],
    ['Success',            { ResponseCode: 0, Output: '\ud800\0y' }, { status: 'Success', ended: true, exitCode: 0, output: '\uFFFD\uFFFDy' }],
  ])('reads an invocation that is %s', async (StatusDetails, plugin, expected) => {
    const { aws, clock, asked } = wire(() => ({
      json: { CommandInvocations: [{ InstanceId: 'i-12345678', StatusDetails, CommandPlugins: plugin ? [plugin] : [] }] },
    }))
    const seen = await clock.run(() => all(aws.commands.invocations(control, commandId, signal)))
    expect(seen).toEqual([{ node: 'i-12345678', ...expected }])
    expect(asked[0]?.input).toEqual({ CommandId: commandId, Details: true, MaxResults: 50 })
  })

  it('a node on which a later step of a document was cut off has begun', async () => {
    const CommandPlugins = [
      { Name: 'PatchMacOS', ResponseCode: -1, Output: '' },
      { Name: 'PatchLinux', ResponseCode: 137, Output: '' },
    ]
    const json = { CommandInvocations: [{ InstanceId: 'i-12345678', Status: 'Cancelled', StatusDetails: 'Cancelled', CommandPlugins }] }
    const { aws, clock } = wire(() => ({ json }))
    expect(await clock.run(() => all(aws.commands.invocations(control, commandId, signal)))).toMatchObject([{ exitCode: 137 }])
  })

  it.each([
    ['InProgress', '', 'InProgress'],
    ['InProgress', 'Queued', 'Queued'],
    ['Cancelling', 'Success', 'Success'],
  ])('what is %s has not ended, whatever its details “%s” say', async (Status, StatusDetails, status) => {
    const { aws, clock } = wire(() => ({ json: { CommandInvocations: [{ InstanceId: 'i-12345678', Status, StatusDetails }] } }))
    const seen = await clock.run(() => all(aws.commands.invocations(control, commandId, signal)))
    expect(seen).toMatchObject([{ status, ended: false }])
  })

  it('a list that goes round in a circle is none: what it does not show may be there', async () => {
    const { aws, clock } = wire(() => ({ json: { Commands: [], NextToken: 't' } }))
    await expect(clock.run(() => all(aws.commands.sweep(control, start, signal)))).rejects.toMatchObject({ code: 'aws.unreachable' })
  })

  it('waits for an invocation that is not there yet', async () => {
    let asked = 0
    const { aws, clock } = wire(() => (++asked < 3 ? refusal('InvocationDoesNotExist') : { json: { StandardOutputContent: 'out' } }))
    expect(await clock.run(() => aws.commands.output(control, commandId, 'i-12345678', signal))).toBe('out')
    expect(clock.now() - start).toBe(4_000)
  })

  it('gives up on one that never comes', async () => {
    const { aws, clock, asked } = wire(() => refusal('InvocationDoesNotExist'))
    await expect(clock.run(() => aws.commands.output(control, commandId, 'i-12345678', signal))).rejects.toMatchObject({
      code: 'aws.missing',
    })
    expect(asked).toHaveLength(5)
  })

  it('cancels by fifties, never a whole command by an empty list', async () => {
    const { aws, clock, asked } = wire(() => ({ json: {} }))
    const nodes = Array.from({ length: 60 }, (_, i) => `i-${String(i).padStart(8, '0')}`)
    await clock.run(async () => {
      await aws.commands.cancel(control, commandId, [], signal)
      await aws.commands.cancel(control, commandId, nodes, signal)
    })
    expect(asked.map(({ input }) => (input['InstanceIds'] as string[]).length)).toEqual([50, 10])
  })

  it('cancels on all others when one is gone, which makes SSM refuse the list', async () => {
    const nodes = Array.from({ length: 50 }, (_, i) => `i-${String(i).padStart(8, '0')}`)
    const gone = 'i-00000017'
    const done: string[] = []
    const { aws, clock } = wire(({ input }) => {
      const named = input['InstanceIds'] as string[]
      if (named.includes(gone)) return refusal('InvalidInstanceId')
      done.push(...named)
      return { json: {} }
    })
    const asked = clock.run(() => aws.commands.cancel(control, commandId, nodes, signal))
    await expect(asked, 'that one may still be waiting').rejects.toMatchObject({ code: 'aws.invalid' })
    expect(done.sort()).toEqual(nodes.filter((node) => node !== gone))
  })

  it('is content when the command is forgotten', async () => {
    const { aws, clock } = wire(() => refusal('InvalidCommandId'))
    await expect(clock.run(() => aws.commands.cancel(control, commandId, ['i-12345678'], signal))).resolves.toBeUndefined()
  })
})

describe('virtual time', () => {
  it('stands still while the SDK works, and moves by what the other side sleeps', async () => {
    const { aws, clock } = wire(async () => {
      await clock.sleep(plus(clock.now(), 40))
      return { json: { Commands: [] } }
    })
    await clock.run(async () => {
      void clock.sleep(plus(start, 1))
      await all(aws.commands.sweep(control, start, signal))
      await all(aws.commands.sweep(control, start, signal))
    })
    expect(clock.now() - start).toBe(80)
  })
})
