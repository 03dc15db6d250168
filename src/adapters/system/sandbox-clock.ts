import { PatchwaveError } from '../../kit/error.ts'
import { instant, parseInstant, SECOND, type Instant } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { nap } from './system-clock.ts'

type Environment = Readonly<Record<string, string | undefined>>
type Reading = Readonly<{ now: Instant; speed: number }>

/** How often the sandbox is asked again, in real time: its speed may be changed, and two machines' timers drift apart. */
const ASK_EVERY_MS = 30 * SECOND
/** A sleep looks again this often, so that a change of speed is met soon. */
const LONGEST_NAP_MS = SECOND
const ANSWER_WITHIN_MS = 5 * SECOND
const SERVICES = ['SSM', 'EC2', 'SQS', 'STS'] as const

/**
 * The clock of a sandbox that runs over HTTP, as `PATCHWAVE_CLOCK` names it; `undefined` when the variable is not set. It is read once here and
 * now and then later, never goes back, and keeps running when the sandbox does not answer.
 * @throws `config.invalid` when some AWS endpoint is not the sandbox: a hurried clock must never drive real nodes
 * @throws `aws.unreachable` when the sandbox does not answer
 */
export async function sandboxClock(env: Environment, get: typeof fetch = fetch): Promise<Clock | undefined> {
  const url = env['PATCHWAVE_CLOCK']
  if (url === undefined || url === '') return undefined
  refuseForeignEndpoints(url, env)
  return new SandboxClock(await read(url, get), () => read(url, get))
}

class SandboxClock implements Clock {
  readonly #ask: () => Promise<Reading>
  #reading: Reading
  #readAt = performance.now()
  #last: Instant
  #asking = false

  constructor(first: Reading, ask: () => Promise<Reading>) {
    this.#reading = first
    this.#last = first.now
    this.#ask = ask
  }

  now(): Instant {
    const passedMs = performance.now() - this.#readAt
    if (passedMs >= ASK_EVERY_MS) void this.#askAgain()
    this.#last = instant(Math.max(this.#last, this.#reading.now + passedMs * this.#reading.speed))
    return this.#last
  }

  async sleep(until: Instant, signal?: AbortSignal): Promise<void> {
    for (let left = until - this.now(); left > 0 && signal?.aborted !== true; left = until - this.now()) {
      await nap(Math.min(left / this.#reading.speed, LONGEST_NAP_MS), signal)
    }
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    return work()
  }

  async #askAgain(): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    try {
      this.#reading = await this.#ask()
    } catch {
      this.#reading = { now: this.#last, speed: this.#reading.speed } // It does not answer: time goes on as it went.
    } finally {
      this.#readAt = performance.now()
      this.#asking = false
    }
  }
}

async function read(url: string, get: typeof fetch): Promise<Reading> {
  const answer = await get(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    .then((response) => response.json())
    .catch((cause: unknown) => {
      throw new PatchwaveError('aws.unreachable', `the sandbox's clock at ${url} does not answer`, {
        hint: 'start `patchwave sandbox` with --speed, or unset PATCHWAVE_CLOCK',
        cause,
      })
    })
  return reading(answer, url)
}

function reading(answer: unknown, url: string): Reading {
  if (typeof answer === 'object' && answer !== null && 'now' in answer && 'speed' in answer) {
    const now = typeof answer.now === 'string' ? parseInstant(answer.now) : undefined
    if (now !== undefined && typeof answer.speed === 'number' && answer.speed > 0) return { now, speed: answer.speed }
  }
  throw new PatchwaveError('aws.unreachable', `what answers at ${url} is no sandbox's clock`, {
    hint: 'export the environment that `patchwave sandbox` prints',
  })
}

function refuseForeignEndpoints(url: string, env: Environment): void {
  const host = hostOf(url)
  const named = Object.entries(env).filter(([name, value]) => name.startsWith('AWS_ENDPOINT_URL') && value !== undefined && value !== '')
  const foreign = named.find(([, value]) => hostOf(value) !== host)
  const names = new Set(named.map(([name]) => name))
  const open = names.has('AWS_ENDPOINT_URL') ? undefined : SERVICES.find((service) => !names.has(`AWS_ENDPOINT_URL_${service}`))
  const ignored = env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true'
  if (host !== undefined && foreign === undefined && open === undefined && !ignored) return
  const why =
    host === undefined
      ? `PATCHWAVE_CLOCK is no http address: ${url}`
      : foreign
        ? `${foreign[0]} is another host than PATCHWAVE_CLOCK`
        : ignored
          ? 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is set'
          : `AWS_ENDPOINT_URL is not set, so ${String(open)} would be the real one`
  throw new PatchwaveError('config.invalid', `the sandbox's clock may only drive the sandbox: ${why}`, {
    hint: 'export all that `patchwave sandbox` prints, or unset PATCHWAVE_CLOCK',
  })
}

function hostOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  const { protocol, host } = new URL(url)
  return protocol === 'http:' || protocol === 'https:' ? host : undefined
}
