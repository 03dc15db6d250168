import { plus, type Ms } from '../../kit/instant.ts'
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

/** What the fleet file of a sandbox says of each URL. */
export type KnownUrls = Readonly<Record<string, Readonly<{ status: number; withinMs: Ms }>>>

/** Answers as a fleet file says, taking its time on the clock: for rehearsals, which reach no network. */
export function fleetProbe(clock: Clock, urls: KnownUrls): Probe {
  return {
    async get(url, _withinMs, signal) {
      const answer = Object.hasOwn(urls, url) ? urls[url] : undefined
      if (answer === undefined) return { failure: 'the fleet file does not say what this URL answers' }
      await clock.sleep(plus(clock.now(), answer.withinMs), signal)
      return { status: answer.status, tookMs: answer.withinMs }
    },
  }
}

/** The probe behind AWS endpoints on this machine: a Patchwave sandbox says what URLs answer; anything else is probed for real. */
export function loopbackProbe(clock: Clock, endpoint: string, get: typeof fetch = fetch): Probe {
  let probe: Promise<Probe> | undefined
  const choose = async (): Promise<Probe> => {
    const urls = await readUrls(endpoint, get)
    return urls === undefined ? httpProbe(clock, get) : fleetProbe(clock, urls)
  }
  return {
    async get(url, withinMs, signal) {
      probe ??= choose()
      return (await probe).get(url, withinMs, signal)
    },
  }
}

async function readUrls(endpoint: string, get: typeof fetch): Promise<KnownUrls | undefined> {
  try {
    const response = await get(new URL('/_sandbox/urls', endpoint))
    return response.ok ? ((await response.json()) as KnownUrls) : undefined
  } catch {
    return undefined
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
