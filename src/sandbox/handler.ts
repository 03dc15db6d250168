import type { Clock } from '../ports/clock.ts'
import type { Dispatch } from './dispatch.ts'
import { ConnectionReset, type WireRequest } from './wire/message.ts'

/** What the SDK hands over: more than this, but nothing else is read. */
type SdkRequest = Readonly<{
  method: string
  path: string
  query?: Readonly<Record<string, string | readonly string[] | null>>
  headers: Readonly<Record<string, string>>
  body?: unknown
}>
type SdkResponse = Readonly<{ statusCode: number; headers: Record<string, string>; body: Uint8Array | ReadableStream }>

/** The shape that the AWS SDK v3 wants as `requestHandler`. */
export type SandboxHandler = Readonly<{
  metadata: Readonly<{ handlerProtocol: string }>
  handle: (request: SdkRequest, options?: Readonly<{ abortSignal?: unknown }>) => Promise<{ response: SdkResponse }>
  destroy: () => void
  updateHttpClientConfig: () => void
  httpHandlerConfigs: () => Record<string, never>
}>

/** Connects SDK clients with a sandbox in the same process: signing, serialisation and parsing run for real, but there is no network. */
export function sandboxHandler({ dispatch, clock }: Readonly<{ dispatch: Dispatch; clock?: Clock }>): SandboxHandler {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    handle: async (request, options) => {
      const signal = options?.abortSignal instanceof AbortSignal ? options.abortSignal : undefined
      if (signal?.aborted === true) throw aborted()
      const answer = exchange(dispatch, wireRequest(request), signal)
      const response = await (signal ? unlessAborted(answer, signal) : answer)
      // What AWS's own clock shows: the far side's, whatever the host thinks.
      if (clock) response.headers['date'] = new Date(clock.now()).toUTCString()
      return { response }
    },
    destroy: () => undefined,
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  }
}

async function exchange(dispatch: Dispatch, request: WireRequest, signal: AbortSignal | undefined): Promise<SdkResponse> {
  try {
    const { status, headers, body } = await dispatch(request, signal)
    return { statusCode: status, headers: { ...headers }, body: bodyFor(request.method, body) }
  } catch (error) {
    // As the SDK's own handler names a connection that broke.
    if (error instanceof ConnectionReset)
      throw Object.assign(new Error(error.message), { name: 'TimeoutError', code: error.code, syscall: 'read' })
    throw error
  }
}

/** No transport carries the body of an answer to HEAD; what is got is an object, which the SDK reads as a stream. */
function bodyFor(method: string, body: Uint8Array): SdkResponse['body'] {
  if (method === 'HEAD') return new Uint8Array()
  return method === 'GET' ? new Blob([new Uint8Array(body)]).stream() : body
}

function unlessAborted(answer: Promise<SdkResponse>, signal: AbortSignal): Promise<SdkResponse> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(aborted())
    }
    signal.addEventListener('abort', onAbort, { once: true })
    answer.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort)
    })
  })
}

const aborted = (): Error => Object.assign(new Error('Request aborted'), { name: 'AbortError' })

const wireRequest = ({ method, path, query, headers, body }: SdkRequest): WireRequest => ({
  method,
  path: path + queryOf(query ?? {}),
  headers,
  body: bytesOf(body),
})

function queryOf(query: NonNullable<SdkRequest['query']>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value ?? ''].flat().map((one): [string, string] => [name, one]))
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`
}

function bytesOf(body: unknown): string | Uint8Array {
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  return body === undefined || body === null ? '' : Buffer.from(body as ArrayBuffer) // The SDK's other bodies are for operations with blobs.
}
