import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createAws } from '../../../src/adapters/aws/aws.ts'
import { silentLog } from '../../../src/adapters/system/log.ts'
import { seededRandom } from '../../../src/adapters/system/random.ts'
import { systemClock } from '../../../src/adapters/system/system-clock.ts'
import { plus } from '../../../src/kit/instant.ts'
import { control, signal } from './wire.ts'

/** The same adapter over the SDK's own HTTP handler and real sockets. */
describe('over the network', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
    server = undefined
  })

  const listen = (reply: RequestListener): Promise<string> =>
    new Promise((resolve) => {
      const made = createServer(reply)
      server = made.listen(0, '127.0.0.1', () => {
        const address = made.address()
        resolve(`http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`)
      })
    })

  const awsAt = (endpoint: string) =>
    createAws({
      clock: systemClock,
      random: { ...seededRandom(1), share: () => 0 },
      regionHome: 'us-east-1',
      control,
      accounts: [],
      endpoint,
      credentials: { accessKeyId: 'AKIA', secretAccessKey: 's' },
      sessionName: 'x',
      log: silentLog,
    })

  const order = () => ({
    cell: control,
    token: 't',
    document: { name: 'Patchwave-Scan', hash: 'x' },
    nodes: ['i-12345678'],
    parameters: {},
    startBefore: plus(systemClock.now(), 3_600_000),
    executionSeconds: 60,
  })

  it('sends, reads the answer and AWS’s clock', async () => {
    const url = await listen((request, response) => {
      const sts = request.headers['x-amz-target'] === undefined
      response.setHeader('content-type', sts ? 'text/xml' : 'application/x-amz-json-1.1')
      response.end(
        sts
          ? '<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:x</Arn><Account>111111111111</Account><UserId>AIDA</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>'
          : '{"Command":{"CommandId":"c","RequestedDateTime":1,"ExpiresAfter":2}}',
      )
    })
    const aws = awsAt(url)
    expect(await aws.commands.send(order(), signal)).toEqual({ commandId: 'c', requestedAt: 1_000, expiresAfter: 2_000 })
    const caller = await aws.identity.caller(signal)
    expect(Math.abs(Number(caller.awsNow) - systemClock.now())).toBeLessThan(5_000)
    aws.close()
  })

  it('calls a refused connection unreachable: nothing was sent', async () => {
    const aws = awsAt('http://127.0.0.1:9')
    await expect(aws.commands.send(order(), signal)).rejects.toMatchObject({ code: 'aws.unreachable' })
    await expect(aws.parameters.get(control, '/x', null, signal)).rejects.toMatchObject({ code: 'aws.unreachable' })
  })

  it('calls a connection that breaks after the request unclear, and sends a command only once', async () => {
    let requests = 0
    const url = await listen((request) => {
      requests++
      request.socket.destroy()
    })
    await expect(awsAt(url).commands.send(order(), signal)).rejects.toMatchObject({ code: 'aws.unclear' })
    expect(requests).toBe(1)
  })

  it('reads again after broken connections', async () => {
    let requests = 0
    const url = await listen((request, response) => {
      if (++requests < 3) request.socket.destroy()
      else response.setHeader('content-type', 'application/x-amz-json-1.1').end('{"Parameter":{"Value":"v","Version":1}}')
    })
    expect(await awsAt(url).parameters.get(control, '/x', null, signal)).toMatchObject({ value: 'v' })
    expect(requests).toBe(3)
  })

  it('ends at once when it is aborted, and says that a command may have been sent', async () => {
    const stop = new AbortController()
    const url = await listen(() => {
      stop.abort()
    })
    await expect(awsAt(url).commands.send(order(), stop.signal)).rejects.toMatchObject({ code: 'aws.unclear' })
  })
})
