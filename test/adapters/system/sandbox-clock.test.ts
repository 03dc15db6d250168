import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sandboxClock } from '../../../src/adapters/system/sandbox-clock.ts'
import { instant, iso, plus } from '../../../src/kit/instant.ts'

const url = 'http://127.0.0.1:4566/_sandbox/clock'
const env = { PATCHWAVE_CLOCK: url, AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }
const start = instant(Date.UTC(2026, 0, 1))

describe('the sandbox’s clock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.UTC(2030, 5, 1) })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  /** A sandbox whose answers are the given ones, in turn; the last one stays. */
  const sandbox = (...answers: unknown[]) => {
    let asked = 0
    const get = (): Promise<Response> => {
      const answer = answers[Math.min(asked++, answers.length - 1)]
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(Response.json(answer))
    }
    return { get, asked: () => asked }
  }

  it('runs as fast as the sandbox', async () => {
    const { get, asked } = sandbox({ now: iso(start), speed: 600 })
    const clock = await sandboxClock(env, get)
    expect(clock?.now()).toBe(start)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(clock?.now()).toBe(plus(start, 6_000_000))
    expect(asked()).toBe(1)
  })

  it('sleeps by its time', async () => {
    const clock = await sandboxClock(env, sandbox({ now: iso(start), speed: 600 }).get)
    let awake = false
    void clock?.sleep(plus(start, 3_600_000)).then(() => (awake = true))
    await vi.advanceTimersByTimeAsync(5_990)
    expect(awake).toBe(false)
    await vi.advanceTimersByTimeAsync(20)
    expect(awake).toBe(true)
  })

  it('asks again now and then, and never goes back', async () => {
    const clock = await sandboxClock(env, sandbox({ now: iso(start), speed: 100 }, { now: iso(plus(start, 1_000)), speed: 1 }).get)
    await vi.advanceTimersByTimeAsync(30_000)
    const before = clock?.now() // This look asks again.
    await vi.advanceTimersByTimeAsync(1_000)
    expect(before).toBe(plus(start, 3_000_000))
    expect(clock?.now()).toBe(before)
  })

  it('goes on as before when the sandbox does not answer any more', async () => {
    const clock = await sandboxClock(env, sandbox({ now: iso(start), speed: 10 }, new Error('down')).get)
    await vi.advanceTimersByTimeAsync(30_000)
    clock?.now()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(clock?.now()).toBe(plus(start, 310_000))
  })

  it.each([
    ['nothing answers', new Error('refused')],
    ['something else answers', { hello: 'world' }],
    ['the time cannot be read', { now: 'soon', speed: 1 }],
    ['it stands', { now: iso(start), speed: 0 }],
  ])('is refused at the start when %s', async (_, answer) => {
    await expect(sandboxClock(env, sandbox(answer).get)).rejects.toMatchObject({ code: 'aws.unreachable' })
  })

  it.each([{}, { PATCHWAVE_CLOCK: '' }])('is not wanted by %j', async (none) => {
    const { get, asked } = sandbox({})
    expect(await sandboxClock(none, get)).toBeUndefined()
    expect(asked()).toBe(0)
  })

  const four = Object.fromEntries(['SSM', 'EC2', 'SQS', 'STS'].map((service) => [`AWS_ENDPOINT_URL_${service}`, 'http://127.0.0.1:4566']))
  // prettier-ignore
  it.each<[string, Record<string, string>, boolean]>([
    ['one endpoint for all',             env,                                                                    true],
    ['each service by itself',           { PATCHWAVE_CLOCK: url, ...four },                                      true],
    ['no endpoint',                      { PATCHWAVE_CLOCK: url },                                               false],
    ['one service left out',             { PATCHWAVE_CLOCK: url, ...four, AWS_ENDPOINT_URL_STS: '' },            false],
    ['another host',                     { ...env, AWS_ENDPOINT_URL: 'https://ssm.us-east-1.amazonaws.com' },    false],
    ['another port',                     { ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:4567' },                  false],
    ['one service elsewhere',            { ...env, AWS_ENDPOINT_URL_EC2: 'https://ec2.us-east-1.amazonaws.com' }, false],
    ['an endpoint that is no address',   { ...env, AWS_ENDPOINT_URL: 'sandbox' },                                false],
    ['endpoints that are to be ignored', { ...env, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },                false],
    ['a clock that is no address',       { ...env, PATCHWAVE_CLOCK: 'fast' },                                    false],
  ])('with %s', async (_, given, allowed) => {
    const { get, asked } = sandbox({ now: iso(start), speed: 600 })
    const clock = sandboxClock(given, get)
    if (allowed) expect((await clock)?.now()).toBe(start)
    else await expect(clock).rejects.toMatchObject({ code: 'config.invalid' })
    expect(asked()).toBe(allowed ? 1 : 0)
  })
})
