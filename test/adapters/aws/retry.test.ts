import { describe, expect, it } from 'vitest'
import type { Kind } from '../../../src/adapters/aws/errors.ts'
import { retry } from '../../../src/adapters/aws/retry.ts'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import { PatchwaveError, type ErrorCode } from '../../../src/kit/error.ts'
import { plus } from '../../../src/kit/instant.ts'
import { signal, start } from './wire.ts'

const failure = (code: ErrorCode): PatchwaveError => new PatchwaveError(code, code, { hint: 'x' })
/** Full jitter at its longest: pauses are exactly their bounds. */
const longest = { uuid: () => '', share: () => 1 }

/** Instants (ms after the start) at which the work was tried. */
async function tries(kind: Kind, code: ErrorCode, until = Infinity, stop = signal): Promise<number[]> {
  const clock = new VirtualClock(start)
  const at: number[] = []
  const work = (): Promise<string> => {
    at.push(clock.now() - start)
    return at.length > until ? Promise.resolve('done') : Promise.reject(failure(code))
  }
  const result = await clock.run(() => retry({ clock, random: longest }, kind, stop, work).catch((error: unknown) => error))
  expect(result).toEqual(until === Infinity ? failure(code) : 'done')
  return at
}

describe('retrying', () => {
  // prettier-ignore
  it.each<[Kind, ErrorCode, number]>([
    ['read',       'aws.throttled',   8],
    ['read',       'aws.unreachable', 8],
    ['read',       'aws.denied',      1],
    ['read',       'aws.missing',     1],
    ['read',       'aws.invalid',     1],
    ['read',       'aws.conflict',    1],
    ['repeatable', 'aws.throttled',   8],
    ['repeatable', 'aws.unclear',     8],
    ['careful',    'aws.throttled',   8],
    ['careful',    'aws.unreachable', 8],
    ['careful',    'aws.unclear',     1],
    ['once',       'aws.throttled',   1],
    ['once',       'aws.unreachable', 1],
    ['once',       'aws.unclear',     1],
  ])('tries a %s call that ends %s %i times', async (kind, code, count) => {
    expect(await tries(kind, code)).toHaveLength(count)
  })

  it('doubles its pauses up to 20 seconds', async () => {
    const pauses = (at: number[]): number[] => at.slice(1).map((one, i) => one - (at[i] ?? 0))
    expect(pauses(await tries('read', 'aws.unreachable'))).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 12_800])
    expect(pauses(await tries('read', 'aws.throttled'))).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000])
  })

  it('ends with the first success', async () => {
    expect(await tries('read', 'aws.throttled', 2)).toEqual([0, 1_000, 3_000])
  })

  it('gives up at once when it is aborted, also in a pause', async () => {
    expect(await tries('read', 'aws.throttled', Infinity, AbortSignal.abort())).toEqual([0])
    const clock = new VirtualClock(start)
    const stop = new AbortController()
    await clock.run(async () => {
      void clock.sleep(plus(start, 1_500)).then(() => {
        stop.abort()
      })
      const work = (): Promise<never> => Promise.reject(failure('aws.throttled'))
      await expect(retry({ clock, random: longest }, 'read', stop.signal, work)).rejects.toThrow('aws.throttled')
    })
    expect(clock.now() - start).toBe(1_500)
  })

  it('does not repeat what is no failure of AWS', async () => {
    const clock = new VirtualClock(start)
    let count = 0
    const work = (): Promise<never> => Promise.reject(new Error(String(++count)))
    await expect(retry({ clock, random: longest }, 'read', signal, work)).rejects.toThrow('1')
  })
})
