import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm'
import { ListQueuesCommand } from '@aws-sdk/client-sqs'
import { DescribeInstancesCommand } from '@aws-sdk/client-ec2'
import { AssumeRoleCommand, type AssumeRoleCommandInput, GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts'
import { describe, expect, it } from 'vitest'
import { HOUR, MINUTE, plus } from '../../src/kit/instant.ts'
import { CONTROL, type Credentials, front, nameOf, START, STAGING } from './front.ts'

const ROLE = `arn:aws:iam::${STAGING}:role/ops/patchwave`

async function assume(
  sts: STSClient,
  more: Partial<AssumeRoleCommandInput> = {},
): Promise<Credentials & { expiration: Date | undefined; arn: string | undefined }> {
  const { Credentials: made, AssumedRoleUser: user } = await sts.send(
    new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'patchwave-0190', ...more }),
  )
  return {
    accessKeyId: made?.AccessKeyId ?? '',
    secretAccessKey: made?.SecretAccessKey ?? '',
    sessionToken: made?.SessionToken ?? '',
    expiration: made?.Expiration,
    arn: user?.Arn,
  }
}

describe('AssumeRole', () => {
  it('makes its caller a session in the role’s account, for an hour of the sandbox’s time', async () => {
    const { clients, clock } = front()
    const session = await assume(clients({ account: CONTROL }).sts)
    expect(session.expiration).toEqual(new Date(plus(START, HOUR)))
    expect(session.arn).toBe(`arn:aws:sts::${STAGING}:assumed-role/patchwave/patchwave-0190`)
    const role = clients({ credentials: session })
    expect(await role.sts.send(new GetCallerIdentityCommand({}))).toMatchObject({ Account: STAGING, Arn: session.arn })
    await role.ssm.send(new PutParameterCommand({ Name: '/p', Value: 'v', Type: 'String' }))
    expect(await nameOf(clients({ account: STAGING }).ssm.send(new GetParameterCommand({ Name: '/p' })))).toBe('no error')
    await clock.run(() => clock.sleep(plus(START, HOUR)))
    // Each service has its own word for it.
    expect(await nameOf(role.ssm.send(new GetParameterCommand({ Name: '/p' })))).toBe('ExpiredTokenException')
    expect(await nameOf(role.sqs.send(new ListQueuesCommand({})))).toBe('ExpiredToken')
    expect(await nameOf(role.ec2.send(new DescribeInstancesCommand({ MaxResults: 5 })))).toBe('RequestExpired')
    expect(await nameOf(role.sts.send(new GetCallerIdentityCommand({})))).toBe('ExpiredToken')
  })

  it('wants the session token with the key', async () => {
    const { clients } = front()
    const { accessKeyId, secretAccessKey } = await assume(clients({ account: CONTROL }).sts)
    const without = clients({ credentials: { accessKeyId, secretAccessKey } })
    expect(await nameOf(without.ssm.send(new GetParameterCommand({ Name: '/p' })))).toBe('UnrecognizedClientException')
  })

  it('lasts an hour at most when it is chained', async () => {
    const { clients } = front()
    const session = await assume(clients({ account: CONTROL }).sts, { DurationSeconds: 43_200 })
    const { sts } = clients({ credentials: session })
    await expect(assume(sts, { DurationSeconds: 3_601 })).rejects.toThrow('1 hour session limit for roles assumed by role chaining')
    expect((await assume(sts, { DurationSeconds: 900 })).expiration).toEqual(new Date(plus(START, 15 * MINUTE)))
  })

  it('honours an external id', async () => {
    const { clients } = front({ externalIds: new Map([[STAGING, 'secret-7']]) })
    const { sts } = clients({ account: CONTROL })
    expect(await nameOf(assume(sts))).toBe('AccessDenied')
    expect(await nameOf(assume(sts, { ExternalId: 'other' }))).toBe('AccessDenied')
    expect(await nameOf(assume(sts, { ExternalId: 'secret-7' }))).toBe('no error')
  })

  // prettier-ignore
  it.each<[it: string, input: Partial<AssumeRoleCommandInput>, code: string]>([
    ['a role of a foreign account', { RoleArn: 'arn:aws:iam::123123123123:role/patchwave' }, 'AccessDenied'],
    ['an ARN that is no role',      { RoleArn: `arn:aws:iam::${STAGING}:user/patchwave` },   'ValidationError'],
    ['a session name of one letter', { RoleSessionName: 'p' },                               'ValidationError'],
    ['a session name with spaces',  { RoleSessionName: 'p w' },                              'ValidationError'],
    ['fourteen minutes',            { DurationSeconds: 899 },                                'ValidationError'],
    ['more than twelve hours',      { DurationSeconds: 43_201 },                             'ValidationError'],
  ])('refuses %s', async (_, input, code) => {
    expect(await nameOf(assume(front().clients({ account: CONTROL }).sts, input))).toBe(code)
  })
})
