import { expect, it } from 'vitest'
import { plus } from '../../../src/kit/instant.ts'
import { control, signal, start, wire } from './wire.ts'

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
