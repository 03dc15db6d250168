import { connect } from 'node:net'
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { GetQueueUrlCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm'
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveSandbox, type ServedSandbox } from '../../src/sandbox/http.ts'
import { clientsOf, CONTROL, FLEET, nameOf, STAGING } from './front.ts'

let served: ServedSandbox
beforeAll(async () => {
  served = await serveSandbox({ fleet: FLEET })
})
afterAll(() => served.close())

const look = (path: string, init?: RequestInit): Promise<Response> => fetch(`${served.endpoint}/_sandbox/${path}`, init)
const post = (path: string, body?: string): Promise<Response> => look(path, { method: 'POST', ...(body !== undefined && { body }) })
const read = async (path: string): Promise<unknown> => await (await look(path)).json()

describe('over HTTP', () => {
  it('the SDK works as it does in process', async () => {
    const { ssm, sqs, ec2, sts } = clientsOf({ endpoint: served.endpoint }, { account: CONTROL })
    await ssm.send(new PutParameterCommand({ Name: '/http', Value: 'ä<&>', Type: 'String' }))
    expect((await ssm.send(new GetParameterCommand({ Name: '/http' }))).Parameter?.Value).toBe('ä<&>')
    expect((await ec2.send(new DescribeInstancesCommand({ MaxResults: 5 }))).Reservations).toEqual([])
    expect((await sts.send(new GetCallerIdentityCommand({}))).Arn).toBe(`arn:aws:iam::${CONTROL}:user/operator`)
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'patchwave-events' }))
    expect(QueueUrl).toBe(`${served.endpoint}/${CONTROL}/patchwave-events`)
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))
    expect((await sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages).toMatchObject([{ Body: 'x' }])
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${STAGING}:role/r`, RoleSessionName: 'ab' }))
    const credentials = {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    }
    const staging = clientsOf({ endpoint: served.endpoint }, { credentials })
    expect((await staging.ec2.send(new DescribeInstancesCommand({ MaxResults: 1_000 }))).Reservations).toHaveLength(12)
  })

  it('its environment is enough for a client', async () => {
    const names = Object.keys(served.env)
    const before = Object.fromEntries(names.map((name) => [name, process.env[name]]))
    Object.assign(process.env, served.env)
    try {
      expect((await new EC2Client({}).send(new DescribeInstancesCommand({ MaxResults: 5 }))).Reservations).toEqual([])
    } finally {
      for (const name of names) {
        if (before[name] === undefined) Reflect.deleteProperty(process.env, name)
        else process.env[name] = before[name]
      }
    }
    expect(served.env).toMatchObject({ AWS_ENDPOINT_URL: served.endpoint, AWS_ACCESS_KEY_ID: `AKIA${CONTROL}OPERATOR` })
    expect(served.env).not.toHaveProperty('PATCHWAVE_CLOCK')
    expect(served.identities.map(({ arn }) => arn.split('/')[1])).toEqual(['operator', 'alice', 'bob', 'carol'])
    expect(served.fleet).toEqual({ nodes: 14, accounts: 2, regions: 2 })
    expect(served.accounts).toMatchObject({ staging: STAGING })
  })

  it('a broken connection is one', async () => {
    await post('faults', '{"apiVersion":"patchwave/v1","kind":"Faults","api":{"failedAfterEffect":"100%"}}')
    const { sts } = clientsOf({ endpoint: served.endpoint }, { account: CONTROL })
    const ends = new Set<string>()
    for (let n = 0; n < 20; n += 1) ends.add(await nameOf(sts.send(new GetCallerIdentityCommand({}))))
    await post('faults')
    expect([...ends].sort()).toEqual(['InternalFailure', 'TimeoutError'])
  })

  it('refuses what is too large, and survives what is no HTTP', async () => {
    const headers = {
      'x-amz-target': 'AmazonSSM.GetParameter',
      authorization: `AWS4-HMAC-SHA256 Credential=AKIA${CONTROL}OPERATOR/20260101/us-east-1/ssm/aws4_request`,
    }
    const answer = await fetch(served.endpoint, { method: 'POST', headers, body: Buffer.alloc(9 * 1024 * 1024, 32) })
    expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining('RequestEntityTooLargeException')])
    const { port, hostname } = new URL(served.endpoint)
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end('\u0000\u0001 nonsense\r\n\r\n'))
      socket.on('error', () => undefined)
      socket.on('close', () => {
        resolve()
      })
      socket.resume()
    })
    expect((await look('clock')).status).toBe(200)
  })

  it('a client that hangs up in a long poll takes no message with it', async () => {
    const { sqs } = clientsOf({ endpoint: served.endpoint }, { account: CONTROL })
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'patchwave-events-dlq' }))
    const gone = new AbortController()
    const poll = nameOf(sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), { abortSignal: gone.signal }))
    setTimeout(() => {
      gone.abort()
    }, 50)
    expect(await poll).toBe('AbortError')
    await look('clock') // By now the server has seen it.
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))
    expect((await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }))).Messages).toHaveLength(1)
  })

  it('at the wall’s speed an answer has the wall’s date', async () => {
    const date = Date.parse((await look('clock')).headers.get('date') ?? '')
    expect(Math.abs(date - Date.now())).toBeLessThan(5_000)
  })
})

describe('an observer', () => {
  it('sees calls, nodes, ledger and clock', async () => {
    expect(await read('nodes')).toHaveLength(14)
    expect(await read('ledger')).toEqual([])
    expect(await read('calls')).toContainEqual(expect.objectContaining({ account: CONTROL, call: 'sts.GetCallerIdentity' }))
    const { now, speed } = (await read('clock')) as { now: string; speed: number }
    expect([Math.abs(Date.parse(now) - Date.now()) < 5_000, speed]).toEqual([true, 1])
  })

  // prettier-ignore
  it.each<[it: string, path: string, body: string | undefined, status: number, says: string]>([
    ['mistakes in faults are named',  'faults', 'apiVersion: patchwave/v1\nkind: Faults\napi: { throttle: 2% }\n', 400, 'did you mean'],
    ['faults may be YAML',            'faults', 'apiVersion: patchwave/v1\nkind: Faults\n',                        200, 'ok'],
    ['no body: no faults',            'faults', undefined,                                                         200, 'ok'],
    ['a reset is asked in JSON',      'reset',  '{',                                                               400, 'not well-formed'],
    ['there is nothing else',         'secrets', undefined,                                                        404, 'GET ledger'],
  ])('%s', async (_, path, body, status, says) => {
    const answer = await post(path, body)
    expect((await answer.text()).toLowerCase()).toContain(says.toLowerCase())
    expect(answer.status).toBe(status)
  })

  it('is no page in a browser', async () => {
    expect((await look('reset', { method: 'POST', headers: { origin: 'https://example.com' } })).status).toBe(403)
  })

  it('resets to an empty AWS, and to the fleet again', async () => {
    const { ssm } = clientsOf({ endpoint: served.endpoint }, { account: CONTROL })
    await ssm.send(new PutParameterCommand({ Name: '/r', Value: 'v', Type: 'String' }))
    await post('reset', '{"empty":true}')
    expect(await read('nodes')).toEqual([])
    expect(await nameOf(ssm.send(new GetParameterCommand({ Name: '/r' })))).toBe('ParameterNotFound')
    await post('reset')
    expect(await read('nodes')).toHaveLength(14)
  })
})

describe('a hurried sandbox', () => {
  it('begins at the fleet’s start, runs as fast as it is told, and sends no date', async () => {
    const hurried = await serveSandbox({ fleet: FLEET, speed: 3_600 })
    try {
      expect(hurried.env['PATCHWAVE_CLOCK']).toBe(`${hurried.endpoint}/_sandbox/clock`)
      const clock = async (): Promise<number> => {
        const answer = await fetch(`${hurried.endpoint}/_sandbox/clock`)
        expect(answer.headers.get('date')).toBeNull()
        return Date.parse(((await answer.json()) as { now: string }).now)
      }
      const [first, began] = [await clock(), performance.now()]
      expect(first - Date.parse('2026-01-01T00:00:00Z')).toBeLessThan(3_600_000)
      const { sqs } = clientsOf({ endpoint: hurried.endpoint }, { account: CONTROL })
      const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'patchwave-events' }))
      await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }))
      expect(performance.now() - began).toBeLessThan(5_000)
      expect((await clock()) - first).toBeGreaterThanOrEqual(20_000)
    } finally {
      await hurried.close()
    }
  })
})
