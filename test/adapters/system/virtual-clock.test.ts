import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import { Bug } from '../../../src/kit/assert.ts'
import { DAY, HOUR, instant, plus, type Instant } from '../../../src/kit/instant.ts'

const start = instant(Date.UTC(2026, 0, 1))
const after = (ms: number): Instant => plus(start, ms)
const realMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('the virtual clock', () => {
  it('moves to each sleeper in the order of time', async () => {
    const clock = new VirtualClock(start)
    const woken: string[] = []
    const nap = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(after(ms))
      woken.push(`${name}@${String(clock.now() - start)}`)
    }
    await clock.run(async () => {
      await Promise.all([nap('c', 30), nap('a', 10), nap('b', 20)])
    })
    expect(woken).toEqual(['a@10', 'b@20', 'c@30'])
  })

  it('wakes equal instants together, in the order in which they lay down', async () => {
    const clock = new VirtualClock(start)
    const woken: number[] = []
    await clock.run(async () => {
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          await clock.sleep(after(HOUR))
          woken.push(i)
          expect(clock.now()).toBe(after(HOUR))
        }),
      )
    })
    expect(woken).toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  it('lets work between two sleeps end before time moves', async () => {
    const clock = new VirtualClock(start)
    const seen: number[] = []
    await clock.run(async () => {
      const other = clock.sleep(after(1_000))
      await clock.sleep(after(10))
      for (let i = 0; i < 500; i++) await Promise.resolve()
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(clock.now() - start)
      await clock.sleep(after(20))
      seen.push(clock.now() - start)
      await other
      seen.push(clock.now() - start)
    })
    expect(seen).toEqual([10, 20, 1_000])
  })

  it.each([
    ['now', 0],
    ['in the past', -5],
  ])('does not wait for an instant that is %s', async (_, ms) => {
    const clock = new VirtualClock(start)
    await clock.sleep(after(ms))
    expect(clock.now()).toBe(start)
  })

  it('ends a sleep at once when it is aborted, and forgets it', async () => {
    const clock = new VirtualClock(start)
    const stop = new AbortController()
    const ended = await clock.run(async () => {
      const long = clock.sleep(after(DAY), stop.signal)
      await clock.sleep(after(10))
      stop.abort()
      await long
      return clock.now() - start
    })
    expect(ended).toBe(10)
    await clock.run(() => clock.sleep(after(20)))
    expect(clock.now()).toBe(after(20))
  })

  it('does not move to the instant of an aborted sleep', async () => {
    const clock = new VirtualClock(start)
    const stuck = clock.run(async () => {
      const stop = new AbortController()
      void clock.sleep(after(DAY), stop.signal)
      await clock.sleep(after(10))
      stop.abort()
      await new Promise(() => undefined)
    })
    await expect(stuck).rejects.toThrow('deadlock at 2026-01-01T00:00:00.010Z')
  })

  it('does not sleep on a signal that has been aborted already', async () => {
    const clock = new VirtualClock(start)
    await clock.run(() => clock.sleep(after(DAY), AbortSignal.abort()))
    expect(clock.now()).toBe(start)
  })

  it('leaves no listener on a signal whose sleep has ended', async () => {
    const clock = new VirtualClock(start)
    let listeners = 0
    const { signal } = new AbortController()
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args))
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args))
    await clock.run(() => clock.sleep(after(5), signal))
    expect(listeners).toBe(0)
  })

  it('stands still while something is held', async () => {
    const clock = new VirtualClock(start)
    const held = await clock.run(async () => {
      const other = clock.sleep(after(HOUR))
      const at = await clock.hold(async () => {
        await realMs(15)
        return clock.now()
      })
      await other
      return at
    })
    expect(held).toBe(start)
    expect(clock.now()).toBe(after(HOUR))
  })

  it('ends a hold whose work fails', async () => {
    const clock = new VirtualClock(start)
    await clock.run(async () => {
      await expect(clock.hold(() => Promise.reject(new Error('disk')))).rejects.toThrow('disk')
      await clock.sleep(after(1))
    })
    expect(clock.now()).toBe(after(1))
  })

  it('settles although a hold of the background goes on', async () => {
    const clock = new VirtualClock(start)
    let free = (): void => undefined
    const answer = await clock.run(async () => {
      void clock.hold(() => new Promise<void>((resolve) => (free = resolve)))
      await clock.hold(() => realMs(5))
      return 'done'
    })
    free()
    expect(answer).toBe('done')
  })

  it('calls a deadlock a bug', async () => {
    const clock = new VirtualClock(start)
    const stuck = clock.run(async () => {
      await clock.sleep(after(HOUR))
      await new Promise(() => undefined)
    })
    await expect(stuck).rejects.toThrow(Bug)
    await expect(stuck).rejects.toThrow('deadlock at 2026-01-01T01:00:00.000Z')
  })

  it('hands on what the work throws', async () => {
    const clock = new VirtualClock(start)
    await expect(clock.run(() => Promise.reject(new Error('lost')))).rejects.toThrow('lost')
    await expect(
      clock.run(() => {
        throw new Error('at once')
      }),
    ).rejects.toThrow('at once')
  })

  it('is driven by one run at a time', async () => {
    const clock = new VirtualClock(start)
    await clock.run(async () => {
      await expect(clock.run(() => Promise.resolve())).rejects.toThrow('one run at a time')
    })
  })

  it('goes on with what still slept when the next run starts', async () => {
    const clock = new VirtualClock(start)
    const woken: number[] = []
    await clock.run(async () => {
      void clock.sleep(after(50)).then(() => woken.push(clock.now() - start))
      await clock.sleep(after(10))
    })
    expect(woken).toEqual([])
    await clock.run(() => clock.sleep(after(60)))
    expect(woken).toEqual([50])
  })

  it('wakes any mix of sleeps and aborts as a sorted list would', async () => {
    const naps = fc.array(fc.record({ ms: fc.integer({ min: 1, max: 20 }), abort: fc.boolean() }), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(naps, async (plan) => {
        const clock = new VirtualClock(start)
        const woken: number[] = []
        await clock.run(async () => {
          const aborts = plan.map(() => new AbortController())
          const sleeps = plan.map(async ({ ms, abort }, i) => {
            await clock.sleep(after(ms), aborts[i]?.signal)
            if (!abort) woken.push(i)
            expect(clock.now()).toBe(abort ? start : after(ms))
          })
          plan.forEach(({ abort }, i) => abort && aborts[i]?.abort())
          await Promise.all(sleeps)
        })
        const kept = plan.flatMap(({ ms, abort }, i) => (abort ? [] : [{ ms, i }]))
        expect(woken).toEqual(kept.sort((a, b) => a.ms - b.ms || a.i - b.i).map(({ i }) => i))
      }),
      { numRuns: 200 },
    )
  })

  it('passes 100,000 sleeps of different instants within seconds', async () => {
    const clock = new VirtualClock(start)
    const began = performance.now()
    await clock.run(async () => {
      const sleeper = async (step: number): Promise<void> => {
        for (let i = 1; i <= 1_000; i++) await clock.sleep(plus(clock.now(), step * 1_000 + i))
      }
      await Promise.all(Array.from({ length: 100 }, (_, i) => sleeper(i + 1)))
    })
    expect(performance.now() - began).toBeLessThan(10_000)
  })
})
