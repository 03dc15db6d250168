import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { ServiceView } from '../../src/engine/service-view.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { instant, plus } from '../../src/kit/instant.ts'
import { serveWeb, type Web, type WebParts } from '../../src/web/server.ts'

const NOW = instant(Date.UTC(2026, 0, 4, 3))
const VIEW: ServiceView = {
  driver: 'host-a:4711:0f3c',
  startedAt: plus(NOW, -3_600_000),
  beatAt: plus(NOW, -2_000),
  runbooks: [
    { file: 'runbooks/monthly.yaml', name: 'monthly-linux-security', digest: 'abc', problem: null },
    { file: 'runbooks/broken.yaml', name: null, digest: null, problem: 'runbook.invalid: 2 mistakes' },
  ],
  next: [
    {
      runbook: 'monthly-linux-security',
      act: 'trial',
      due: plus(NOW, 60_000),
      opens: plus(NOW, 259_260_000),
      against: 'freeze: year end',
    },
  ],
  driving: ['019b0000-0000-7000-8000-000000000001'],
  events: { ours: 40, passedOn: 3, strangers: 2, unreadable: 1 },
  throttle: {
    cell: { account: '222222222222', region: 'eu-west-1' },
    call: 'ssm.SendCommand',
    count: 3,
    perSecond: 2.5,
    at: plus(NOW, -9_000),
  },
  troubles: ['triggers: aws.missing: no such queue'],
}

const opened: Web[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(opened.splice(0).map((web) => web.close()))
})

async function serve(view: Partial<ServiceView> = {}, more: Partial<WebParts> = {}): Promise<Web> {
  const web = await serveWeb({ view: () => ({ ...VIEW, ...view }), now: () => NOW, port: 0, version: '1.2.3', ...more })
  opened.push(web)
  return web
}

/** What comes back on a connection for these bytes, up to its end or up to an answer's end. */
function raw(web: Web, bytes: string): { answer: Promise<string>; socket: Socket; ended: Promise<string> } {
  const { port } = new URL(web.url)
  const socket = connect(Number(port), '127.0.0.1')
  sockets.push(socket)
  const pieces: string[] = []
  socket.setEncoding('utf8')
  const ended = new Promise<string>((resolve) => {
    socket.on('error', () => undefined).on('close', () => resolve(pieces.join('')))
  })
  const answer = new Promise<string>((resolve) => {
    socket.on('data', (piece: string) => {
      pieces.push(piece)
      if (piece.includes('\r\n\r\n')) resolve(pieces.join(''))
    })
    void ended.then(resolve)
  })
  socket.write(bytes)
  return { answer, socket, ended }
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
const bodyOf = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
const problemOf = (work: Promise<unknown>): Promise<PatchwaveError> =>
  work.then(
    () => Promise.reject(new Error('it was taken')),
    (error: unknown) => (error instanceof PatchwaveError ? error : Promise.reject(error as Error)),
  )

describe('health', () => {
  it('tells what the service does and what bothers it', async () => {
    const answer = await fetch(`${(await serve()).url}/health`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual({
      ok: true,
      driver: 'host-a:4711:0f3c',
      startedAt: '2026-01-04T02:00:00.000Z',
      beatAt: '2026-01-04T02:59:58.000Z',
      driving: 1,
      runbooks: 2,
      events: { ours: 40, passedOn: 3, strangers: 2, unreadable: 1 },
      quota: {
        cell: '222222222222/eu-west-1',
        call: 'ssm.SendCommand',
        throttles: 3,
        perSecond: 2.5,
        at: '2026-01-04T02:59:51.000Z',
      },
      problems: ['triggers: aws.missing: no such queue', 'runbooks/broken.yaml: runbook.invalid: 2 mistakes'],
    })
  })

  it.each([
    ['no beat yet', null, 503],
    ['a beat now', NOW, 200],
    ['almost a minute old', plus(NOW, -59_999), 200],
    ['a minute old', plus(NOW, -60_000), 503],
    ['a day old', plus(NOW, -86_400_000), 503],
    ['from the future: the clock was set back', plus(NOW, 60_000), 503],
  ])('%s: %s gives %i', async (_, beatAt, status) => {
    const answer = await fetch(`${(await serve({ beatAt })).url}/health`)
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ ok: status === 200 })
  })

  it('has no problems where nothing is wrong', async () => {
    const answer = await fetch(`${(await serve({ troubles: [], runbooks: VIEW.runbooks.slice(0, 1) })).url}/health`)
    expect(await answer.json()).toMatchObject({ problems: [], runbooks: 1 })
  })
})

it('the schedule has the next runs and the runbooks, with instants as people read them', async () => {
  const answer = await fetch(`${(await serve()).url}/api/schedule`)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    at: '2026-01-04T03:00:00.000Z',
    next: [
      {
        runbook: 'monthly-linux-security',
        act: 'trial',
        due: '2026-01-04T03:01:00.000Z',
        opens: '2026-01-07T03:01:00.000Z',
        against: 'freeze: year end',
      },
    ],
    driving: VIEW.driving,
    runbooks: VIEW.runbooks,
  })
})

it.each([
  ['1.2.3', { version: '1.2.3' }],
  [null, {}],
])('the version is %s', async (version, more) => {
  const web = await serveWeb({ view: () => VIEW, now: () => NOW, port: 0, ...more })
  opened.push(web)
  expect(await (await fetch(`${web.url}/api/version`)).json()).toEqual({ name: 'patchwave', version })
})

describe('a request', () => {
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n`

  it.each([
    ['for what is not there', get('/'), 404],
    ['for a longer path', get('/health/'), 404],
    ['for a hostile path', get('/../../etc/passwd'), 404],
    ['for a name of every object', get('/constructor'), 404],
    ['that posts to what is not there', 'POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', 404],
    ['with a query', get('/health?verbose=1'), 200],
    ['with an address that is none', get('/%zz'), 400],
    ['with a body', get('/health', 'Content-Length: 5\r\n') + 'hello', 413],
    ['with a body in chunks', get('/api/schedule', 'Transfer-Encoding: chunked\r\n') + '5\r\nhello\r\n0\r\n\r\n', 413],
    ['with a body for what is not there', get('/x', 'Content-Length: 5\r\n') + 'hello', 413],
    ['with headers without end', get('/health', `X-Long: ${'x'.repeat(20_000)}\r\n`), 431],
    ['that is no HTTP', 'hello\r\n\r\n', 400],
  ])('%s: %#', async (_, bytes, status) => {
    const answer = await raw(await serve(), bytes).ended
    expect(statusOf(answer)).toBe(status)
    expect(bodyOf(answer)).toEqual(
      status === 200 ? expect.objectContaining({ ok: true }) : { error: { message: expect.any(String), hint: expect.any(String) } },
    )
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])(
    'by %s is refused, and says what is taken',
    async (method) => {
      const answer = await raw(await serve(), `${method} /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`).ended
      expect(statusOf(answer)).toBe(405)
      expect(answer.toLowerCase()).toContain('\r\nallow: get, head\r\n')
    },
  )

  it('by HEAD has the answer’s head alone', async () => {
    const answer = await fetch(`${(await serve()).url}/health`, { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe('')
  })

  it('is told nothing of our own failure', async () => {
    const web = await serve(
      {},
      {
        view: () => {
          throw new Error('secret stack')
        },
      },
    )
    const answer = await fetch(`${web.url}/health`)
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('secret')
  })
})

describe('listening', () => {
  it('is on this machine alone unless told otherwise', async () => {
    expect(new URL((await serve()).url).hostname).toBe('127.0.0.1')
    expect((await serve({}, { host: '0.0.0.0' })).url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/)
  })

  it('says when the port is taken, and what to do', async () => {
    const other = createServer()
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => {
        const address = other.address()
        resolve(typeof address === 'object' && address ? address.port : 0)
      })
    })
    const problem = await problemOf(serve({}, { port }))
    other.close()
    expect(problem).toMatchObject({ code: 'port.busy', exit: 2, message: `another process listens on port ${port} of 127.0.0.1` })
    expect(problem.more.hint).toContain('--port')
  })

  it.each([
    ['a port that is none', { port: 70_000 }],
    ['an address of another host', { host: '192.0.2.1' }],
  ])('says what is wrong with %s', async (_, more) => {
    expect(await problemOf(serve({}, more))).toMatchObject({ code: 'usage.invalid', exit: 2 })
  })
})

describe('closing', () => {
  it('waits neither for idle connections nor for a request that never ends', async () => {
    const web = await serve()
    const idle = raw(web, 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(statusOf(await idle.answer)).toBe(200)
    const silent = raw(web, '')
    const half = raw(web, 'GET /health HTTP/1.1\r\nHost: x\r\nX-Half: ')
    const other = raw(web, 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await other.ended // By now the server knows the connections that were opened before.
    await web.close()
    await Promise.all([idle.ended, half.ended, silent.ended])
    await expect(fetch(`${web.url}/health`)).rejects.toThrow()
  })

  it('lets an answer that has begun end, for a client that reads late', async () => {
    const file = 'x'.repeat(10_000_000) // More than the kernel takes in for a client that does not read.
    const web = await serve({ runbooks: [{ file, name: null, digest: null, problem: null }] })
    const late = raw(web, '')
    late.socket.pause()
    late.socket.write('GET /api/schedule HTTP/1.1\r\nHost: x\r\n\r\n')
    const other = raw(web, 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await other.ended
    const closed = web.close()
    late.socket.resume()
    await closed
    expect(JSON.parse((await late.ended).split('\r\n\r\n')[1] ?? '')).toMatchObject({ runbooks: [{ file }] })
  })

  it('may be asked for twice', async () => {
    const web = await serve()
    await web.close()
    await web.close()
  })
})
