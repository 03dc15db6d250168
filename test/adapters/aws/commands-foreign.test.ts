import { expect, it } from 'vitest'
import { plus } from '../../../src/kit/instant.ts'
import { assumedXml, callerXml, control, prod, signal, start, wire } from './wire.ts'

it('a document of others gets its parameters as they are, and no hash of ours', async () => {
  const commandId = '11111111-2222-4333-8444-555555555555'
  const { aws, clock, asked } = wire(() => ({ json: { Command: { CommandId: commandId, RequestedDateTime: start / 1_000 } } }))
  const order = {
    cell: control,
    token: '01930000-0000-7000-8000-000000000001.7',
    document: { name: 'AWS-RunPatchBaseline', hash: null },
    nodes: ['i-0123456789abcdef0'],
    parameters: { Operation: 'Install', RebootOption: 'NoReboot' },
    startBefore: plus(start, 600_000),
    executionSeconds: 7_200,
  }
  const sent = await clock.run(() => aws.commands.send(order, signal))
  expect(sent).toEqual({ commandId, requestedAt: start, expiresAfter: plus(start, (600 + 7_200) * 1_000) })
  expect(asked[0]?.input).toEqual({
    DocumentName: 'AWS-RunPatchBaseline',
    InstanceIds: order.nodes,
    Comment: order.token,
    TimeoutSeconds: 600,
    MaxConcurrency: '50',
    MaxErrors: '100%',
    Parameters: { Operation: ['Install'], RebootOption: ['NoReboot'] },
  })
})

it('a document of others is kept back when its process stood still before it left: a successor has told its nodes by then', async () => {
  const { aws, clock, names } = wire(async ({ name }) => {
    if (name === 'sts.GetCallerIdentity') await clock.sleep(plus(clock.now(), 120_000))
    if (name === 'sts.GetCallerIdentity') return { xml: callerXml(control.account) }
    if (name === 'sts.AssumeRole') return { xml: assumedXml('ASIA1', new Date(plus(clock.now(), 3_600_000))) }
    return { json: { Command: { CommandId: 'c' } } }
  })
  const order = {
    cell: prod,
    token: 't.1',
    nodes: ['i-0123456789abcdef0'],
    parameters: {},
    startBefore: plus(start, 600_000),
    executionSeconds: 60,
  }
  const asked = (): Promise<unknown> => aws.commands.send({ ...order, document: { name: 'Acme-Quiesce', hash: null } }, signal)
  await expect(clock.run(asked)).rejects.toMatchObject({ code: 'aws.stale' })
  expect(names()).not.toContain('ssm.SendCommand')
})
