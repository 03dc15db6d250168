import { plus } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Probe } from '../../ports/world.ts'

/** A body is read to its end, since a server that breaks off is not healthy, but not beyond this: a probe is no download. */
const BODY_BYTES_MAX = 1_048_576

/** Probes with the platform's own HTTP client. Redirects are answers, not followed: the status is that of the address that was asked. */
export function httpProbe(clock: Clock, get: typeof fetch = fetch): Probe {
  return {
    async get(url, withinMs, signal) {
      const began = clock.now()
      const over = new AbortController()
      const limit = new AbortController()
      void clock.sleep(plus(began, withinMs), over.signal).then(() => {
        limit.abort(new Error(`no answer within ${String(withinMs)} ms`))
      })
      try {
        const response = await get(url, { redirect: 'manual', signal: AbortSignal.any([signal, limit.signal]) })
        await readBounded(response.body)
        return { status: response.status, tookMs: clock.now() - began }
      } catch (error) {
        return { failure: whatFailed(error) }
      } finally {
        over.abort()
      }
    },
  }
}

async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<void> {
  if (!body) return
  const reader = body.getReader()
  let bytes = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.byteLength
    if (bytes <= BODY_BYTES_MAX) continue
    await reader.cancel()
    return
  }
}

/** Undici says only `fetch failed`; the reason is its cause. */
function whatFailed(error: unknown): string {
  if (!(error instanceof Error)) return 'aborted'
  const { cause } = error
  const reason = cause instanceof Error ? ('code' in cause && typeof cause.code === 'string' ? cause.code : cause.message) : error.message
  return reason.slice(0, 200)
}
