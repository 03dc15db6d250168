import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/adapters/system/system-clock.ts'
import { DAY, instant, plus } from '../../../src/kit/instant.ts'

const start = instant(Date.UTC(2026, 0, 1))

describe('the system’s clock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: start })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('tells the wall’s time', () => {
    expect(systemClock.now()).toBe(start)
    vi.setSystemTime(start + 1)
    expect(systemClock.now()).toBe(start + 1)
  })

  it('sleeps beyond 2^31 ms', async () => {
    let awake = false
    void systemClock.sleep(plus(start, 40 * DAY)).then(() => (awake = true))
    await vi.advanceTimersByTimeAsync(40 * DAY - 1)
    expect(awake).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(awake).toBe(true)
  })

  it('follows the wall when it is set forward while it sleeps', async () => {
    let awake = false
    void systemClock.sleep(plus(start, DAY)).then(() => (awake = true))
    vi.setSystemTime(start + 2 * DAY) // The host was suspended.
    await vi.advanceTimersByTimeAsync(60_000)
    expect(awake).toBe(true)
  })

  it('ends at once, without a timer, when it is aborted', async () => {
    const stop = new AbortController()
    const sleep = systemClock.sleep(plus(start, DAY), stop.signal)
    expect(vi.getTimerCount()).toBe(1)
    stop.abort()
    await sleep
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([0, -1])('does not sleep for %i ms', async (ms) => {
    await systemClock.sleep(plus(start, ms))
    expect(vi.getTimerCount()).toBe(0)
  })

  it('only calls what it holds', async () => {
    expect(await systemClock.hold(() => Promise.resolve(7))).toBe(7)
  })
})
