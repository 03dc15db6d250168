import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ServiceView } from '../engine/service-view.ts'
import { PatchwaveError } from '../kit/error.ts'
import { SECOND, type Instant, type Ms } from '../kit/instant.ts'
import { Connections } from './connections.ts'
import { healthPage } from './health.ts'
import { refusal, type Page } from './page.ts'
import { schedulePage } from './schedule.ts'

/** What `serve` gives. `port` 0 is any free one; `host` is 127.0.0.1 unless named: nobody logs in here. `version` is the program's. */
export type WebParts = Readonly<{ view: () => ServiceView; now: () => Instant; port: number; host?: string; version?: string }>

/** A server that listens. `close` lets open requests end, takes no new one and waits for no idle connection. */
export type Web = Readonly<{ url: string; close(): Promise<void> }>

type Socket = FastifyRequest['raw']['socket']

const LOOPBACK = '127.0.0.1'
/** A request is a line and some headers: what takes longer is a client that does nothing but hold a connection. */
const REQUEST_MS_MAX: Ms = 10 * SECOND
/** Longer than the half minute between two looks of a usual load balancer, so that each finds its connection again. */
const KEEP_ALIVE_MS: Ms = 65 * SECOND
/** A header of our clients is a few hundred bytes. */
const HEADER_BYTES_MAX = 8 * 1024

/**
 * Serves what the service tells of itself, as JSON, to whoever can reach the port: GET `/health`, `/api/schedule`, `/api/version`. It changes
 * nothing and takes no body.
 * @throws `port.busy` when another process listens there, `usage.invalid` when this process may not or cannot
 */
export async function serveWeb(parts: WebParts): Promise<Web> {
  const { fastify } = await import('fastify') // A tenth of a second that only this command needs.
  const connections = new Connections()
  const app = fastify({
    logger: false,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: REQUEST_MS_MAX + KEEP_ALIVE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    clientErrorHandler: refuseUnread,
    frameworkErrors: (_error, _request, reply) => void answer(reply, refusal(400, 'the address is not well-formed', HINT)),
  })
  connections.watch(app.server)
  addPages(app, parts, connections)
  const url = await listen(app, parts.host ?? LOOPBACK, parts.port)
  return {
    url,
    close: async () => {
      await connections.end() // First, for Node's own end cuts off answers that are written but not yet read.
      await app.close()
    },
  }
}

/** The pages by their paths. */
const PAGES: Readonly<Record<string, (parts: WebParts) => Page>> = {
  '/health': ({ view, now }) => healthPage(view(), now()),
  '/api/schedule': ({ view, now }) => schedulePage(view(), now()),
  '/api/version': ({ version }) => ({ status: 200, body: { name: 'patchwave', version: version ?? null } }),
}

const HINT = `ask for ${Object.keys(PAGES).join(', ')}`
/** GET, and HEAD as HTTP wants it wherever there is GET. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

function addPages(app: FastifyInstance, parts: WebParts, connections: Connections): void {
  app.addHook('onRequest', async (request, reply) => {
    connections.busy(request.raw.socket, reply.raw)
    const refused = refusalOf(request)
    if (refused) return answer(reply, refused)
  })
  for (const [path, page] of Object.entries(PAGES)) app.get(path, (_request, reply) => answer(reply, page(parts)))
  app.setNotFoundHandler((request, reply) => answer(reply, refusal(404, `there is nothing at ${pathOf(request)}`, HINT)))
  app.setErrorHandler((_error, _request, reply) => answer(reply, refusal(500, 'the service failed to answer', 'see its log')))
}

/** Why a request is not looked at any further. */
function refusalOf(request: FastifyRequest): Page | undefined {
  const page = Object.hasOwn(PAGES, pathOf(request))
  if (page && !METHODS.has(request.method)) return refusal(405, `${request.method} is not taken here`, 'use GET')
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
  return Number(length) === 0 && encoding === undefined ? undefined : refusal(413, 'a request with a body is not taken', 'send none')
}

/** Without the query; at most 200 characters of it, for a message. */
const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0]?.slice(0, 200) ?? ''

function answer(reply: FastifyReply, { status, body }: Page): FastifyReply {
  if (status === 405) reply.header('allow', [...METHODS].join(', '))
  if (status === 413 || status === 405) reply.header('connection', 'close') // What follows on this connection is a body.
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-type': 'application/json; charset=utf-8' })
    .send(JSON.stringify(body))
}

/** For what is no request that can be read: too long a head, too slow, or no HTTP at all. */
function refuseUnread(error: Error & Readonly<{ code?: string }>, socket: Socket): void {
  const [status, message] = UNREAD[error.code ?? ''] ?? [400, 'this is not a request of HTTP']
  const text = JSON.stringify(refusal(status, message, HINT).body)
  const head = `HTTP/1.1 ${String(status)} Refused\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${String(text.length)}\r\nConnection: close`
  if (socket.writable) socket.end(`${head}\r\n\r\n${text}`)
  else socket.destroy()
}

const UNREAD: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'the head of the request is too long'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long'],
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (cause) {
    await app.close()
    throw cannotListen(host, port, cause)
  }
  const address = app.server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${String(bound)}`
}

function cannotListen(host: string, port: number, cause: unknown): PatchwaveError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const place = `port ${String(port)} of ${host}`
  if (code === 'EADDRINUSE') {
    const hint = 'name another one with --port, or --port 0 for any that is free'
    return new PatchwaveError('port.busy', `another process listens on ${place}`, { hint, cause })
  }
  const hint = code === 'EACCES' ? 'name a port from 1024 on' : 'name a port from 0 to 65535, and an address of this host'
  return new PatchwaveError('usage.invalid', `this process cannot listen on ${place}${code === '' ? '' : ` (${code})`}`, { hint, cause })
}
