import { beforeEach, describe, expect, it } from 'vitest'
import { call, caller, create, type Message, renew, urlOf } from './queues.ts'

const role = 'arn:aws:sts::111111111111:assumed-role/Ci'
const senderOf = async (who: typeof caller): Promise<string | undefined> => {
  await call('SendMessage', { QueueUrl: urlOf('q'), MessageBody: 'm' }, who)
  const { Messages } = await call('ReceiveMessage', { QueueUrl: urlOf('q'), MessageSystemAttributeNames: ['SenderId'] })
  return (Messages as Message[])[0]?.Attributes['SenderId']
}

describe('who sent a message', () => {
  beforeEach(async () => {
    renew()
    await create('q')
  })

  it('is the id of the user', async () => {
    expect(await senderOf(caller)).toBe('AIDA111111111111OPERATOR')
  })

  it('is the id of the role, the same each time, and the session', async () => {
    const one = await senderOf({ ...caller, accessKey: 'ASIA00000000000000A1', arn: `${role}/deploy-7` })
    const other = await senderOf({ ...caller, accessKey: 'ASIA00000000000000B2', arn: `${role}/deploy-8` })
    expect([one, other]).toEqual([expect.stringMatching(/^AROA[0-9A-F]{17}:deploy-7$/), expect.stringMatching(/:deploy-8$/)])
    expect(one?.split(':')[0]).toBe(other?.split(':')[0])
  })

  it('is not told unless it is asked for', async () => {
    await call('SendMessage', { QueueUrl: urlOf('q'), MessageBody: 'm' })
    const { Messages } = await call('ReceiveMessage', { QueueUrl: urlOf('q'), MessageSystemAttributeNames: ['SentTimestamp'] })
    expect(Object.keys((Messages as Message[])[0]?.Attributes ?? {})).toEqual(['SentTimestamp'])
  })
})
