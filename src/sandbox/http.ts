import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { assert } from '../kit/assert.ts'
import { instant } from '../kit/instant.ts'
import type { Clock } from '../ports/clock.ts'
import type { FaultsFile } from './faults.ts'
import { accountId, type FleetFile } from './fleet-file.ts'
import type { RealNodes } from './nodes/real-nodes.ts'
import { observe, OBSERVER_PATH } from './observer.ts'
import { createSandbox, type Sandbox, type SandboxIdentity, type SandboxOptions } from './sandbox.ts'
import { speedClock } from './speed-clock.ts'
import { BODY_BYTES_MAX, ConnectionReset, textOf, type WireRequest, type WireResponse } from './wire/message.ts'

export type ServeOptions = Readonly<{
  fleet: FleetFile
  faults?: FaultsFile | null
  /** 0 or left out: any free port. */
  port?: number
  /** How many times faster than the wall its time runs; 1 by default. */
  speed?: number
  nextExecutions?: SandboxOptions['nextExecutions']
  /** Its time, if not the wall's at `speed`. */
  clock?: Clock
  /** Where what comes to it is kept, so that another process can go on with it. */
  keeping?: Keeping
  /** Makes the real nodes behind it, once its clock is known; only at speed 1. */
  real?: (clock: Clock) => Promise<RealNodes>
}>

/** Keeps what comes to a sandbox from outside. */
export type Keeping = Readonly<{
  /** Brings a new sandbox to where an earlier one was. */
  restore: (sandbox: Sandbox, replay: (request: WireRequest) => void) => Promise<void>
  /** Told of the port on which it listens, before the first request. */
  opened: (port: number) => void
  /** Told of each request before anything is done about it. */
  seen: (request: WireRequest) => void
}>

/** A sandbox that listens. `env` makes any AWS client its operator. */
export type ServedSandbox = Readonly<{
  endpoint: string
  env: Readonly<Record<string, string>>
  identities: readonly SandboxIdentity[]
  fleet: ReturnType<Sandbox['summary']>
  /** Account ids by the names in the fleet file. */
  accounts: Readonly<Record<string, string>>
  sandbox: Sandbox
  close: () => Promise<void>
}>

/**
 * Serves a sandbox on 127.0.0.1. At speed 1 its clock is the wall's; at any other it begins at the fleet file's start, and answers carry no
 * `Date`, from which clients would correct their own clocks.
 *
 * @throws the server's own error when the port is taken, and what making real nodes throws
 */
export async function serveSandbox({ fleet, faults = null, port = 0, speed = 1, ...more }: ServeOptions): Promise<ServedSandbox> {
  const start = speed === 1 ? instant(Date.now()) : fleet.start
  const clock = more.clock ?? speedClock(start, speed)
  assert(speed === 1 || !more.real, 'real nodes live by the wall’s clock')
  const real = await more.real?.(clock)
  try {
    const { nextExecutions, keeping } = more
    const sandbox = createSandbox({ clock, fleet, faults, ...(nextExecutions && { nextExecutions }), ...(real && { real }) })
    await keeping?.restore(sandbox, (request) => void answer(sandbox, speed, request).catch(() => undefined))
    return await listen(sandbox, { fleet, port, speed, keeping })
  } catch (error) {
    await real?.stop()
    throw error
  }
}

type Served = Readonly<{ fleet: FleetFile; port: number; speed: number; keeping: Keeping | undefined }>

/** Where a sandbox at this port is found. */
export const endpointAt = (port: number): string => `http://127.0.0.1:${String(port)}`

async function listen(sandbox: Sandbox, { fleet, port, speed, keeping }: Served): Promise<ServedSandbox> {
  const server = createServer((request, response) => {
    response.sendDate = speed === 1
    void serve({ sandbox, speed, keeping }, request, response)
  })
  const listensAt = await listening(server, port)
  const endpoint = endpointAt(listensAt)
  sandbox.locate(endpoint)
  keeping?.opened(listensAt)
  const ticking = speed === 1 ? {} : { PATCHWAVE_CLOCK: `${endpoint}${OBSERVER_PATH}clock` }
  return {
    endpoint,
    env: { ...sandbox.env(endpoint), ...ticking },
    identities: sandbox.identities(),
    fleet: sandbox.summary(),
    accounts: Object.fromEntries(fleet.groups.map(({ account }) => [account, accountId(account, fleet.accounts)])),
    sandbox,
    close: async () => {
      await closed(server)
      await sandbox.close()
    },
  }
}

type Behind = Readonly<{ sandbox: Sandbox; speed: number; keeping: Keeping | undefined }>

async function serve({ sandbox, speed, keeping }: Behind, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url: path = '/' } = incoming
  const body = await bodyOf(incoming)
  if (body === undefined) return
  try {
    // A browser names the page that asks; no page has any business here.
    if (path.startsWith(OBSERVER_PATH) && incoming.headers.origin !== undefined)
      return write(response, json(403, { error: 'not for browsers' }))
    const gone = new AbortController()
    response.once('close', () => {
      if (!response.writableFinished) gone.abort()
    })
    const request = { method, path, headers: headersOf(incoming), body }
    keeping?.seen(request)
    write(response, await answer(sandbox, speed, request, gone.signal))
  } catch (error) {
    fail(response, error)
  }
}

async function answer(sandbox: Sandbox, speed: number, request: WireRequest, gone?: AbortSignal): Promise<WireResponse> {
  const { method, path, body } = request
  if (!path.startsWith(OBSERVER_PATH)) return await sandbox.dispatch(request, gone)
  const { status, body: seen } = await observe(sandbox, { method, path, body: textOf(body) }, speed)
  return json(status, seen)
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return // The client has gone.
  if (error instanceof ConnectionReset) {
    response.socket?.resetAndDestroy()
    return
  }
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error)
  write(response, json(500, { __type: 'InternalFailure', message: `a bug in the sandbox: ${said}` }))
}

/** The body; beyond the largest one that any service takes it is cut one byte later, so that the services refuse it. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      if (size <= BODY_BYTES_MAX) parts.push(part)
      size += part.length
    }
  } catch {
    return undefined // The client has gone.
  }
  return Buffer.concat(parts)
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]))

const json = (status: number, body: unknown): WireResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(body)),
})

function write(response: ServerResponse, { status, headers, body }: WireResponse): void {
  response.writeHead(status, { ...headers, 'content-length': body.length })
  response.end(body)
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve()
    })
    server.closeAllConnections()
  })
}
