import { describe, expect, it } from 'vitest'
import { fleetProbe, loopbackProbe } from '../../../src/adapters/system/probe.ts'
import { systemClock } from '../../../src/adapters/system/system-clock.ts'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import { instant } from '../../../src/kit/instant.ts'

const urls = { 'https://status.example.com/healthz': { status: 200, withinMs: 80 } }
const signal = new AbortController().signal

/** A fetch that knows these answers by path and refuses the rest. */
const fetchOf =
  (answers: Readonly<Record<string, Response>>): typeof fetch =>
  (input) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const answer = answers[url.pathname]
    return answer ? Promise.resolve(answer) : Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }))
  }

describe('the probe of a rehearsal', () => {
  it('answers as the fleet file says, and takes that long on the clock', async () => {
    const clock = new VirtualClock(instant(0))
    const answer = await clock.run(() => fleetProbe(clock, urls).get('https://status.example.com/healthz', 500, signal))
    expect(answer).toEqual({ status: 200, tookMs: 80 })
    expect(clock.now()).toBe(80)
  })

  it('does not know other URLs: unknown is no success', async () => {
    const clock = new VirtualClock(instant(0))
    expect(await fleetProbe(clock, urls).get('https://elsewhere.example.com/', 500, signal)).toHaveProperty('failure')
  })
})

describe('the probe behind endpoints on this machine', () => {
  it('asks the sandbox what URLs answer', async () => {
    const clock = new VirtualClock(instant(0))
    const probe = loopbackProbe(clock, 'http://127.0.0.1:4599', fetchOf({ '/_sandbox/urls': Response.json(urls) }))
    expect(await clock.run(() => probe.get('https://status.example.com/healthz', 500, signal))).toEqual({ status: 200, tookMs: 80 })
  })

  it('probes for real where no sandbox answers', async () => {
    const probe = loopbackProbe(systemClock, 'http://127.0.0.1:4566', fetchOf({ '/healthz': new Response('fine') }))
    expect(await probe.get('https://status.example.com/healthz', 5_000, signal)).toMatchObject({ status: 200 })
  })
})
