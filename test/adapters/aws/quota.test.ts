import { describe, expect, it } from 'vitest'
import { Quota } from '../../../src/adapters/aws/quota.ts'
import { silentLog } from '../../../src/adapters/system/log.ts'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import type { Cell } from '../../../src/kit/ids.ts'
import { plus } from '../../../src/kit/instant.ts'
import { control, prod, signal, start } from './wire.ts'

/** Seconds that `count` calls take which are all asked for at once. */
async function seconds(calls: readonly (readonly [Cell, string])[], before?: (quota: Quota) => void): Promise<number> {
  const clock = new VirtualClock(start)
  const quota = new Quota(clock, silentLog)
  before?.(quota)
  await clock.run(async () => {
    await Promise.all(calls.map(([cell, call]) => quota.take(cell, call, signal)))
  })
  return (clock.now() - start) / 1_000
}
const times = (count: number, call: string, cell = control): [Cell, string][] => Array.from({ length: count }, () => [cell, call])

describe('our side of the quotas', () => {
  // prettier-ignore
  it.each([
    ['ssm.PutParameter',          3,   0],
    ['ssm.PutParameter',          33,  10],
    ['ssm.LabelParameterVersion', 33,  10],
    ['ssm.GetParameterHistory',   33,  10],
    ['ssm.SendCommand',           110, 10],
    ['ec2.DescribeInstances',     100, 0],
    ['ec2.DescribeInstances',     300, 10],
    ['sqs.SendMessageBatch',      300, 0],
  ])('%s: %i calls take %f s', async (call, count, expected) => {
    expect(await seconds(times(count, call))).toBeCloseTo(expected, 2)
  })

  it('counts the reads of parameters together', async () => {
    const mixed = [...times(15, 'ssm.GetParameter'), ...times(15, 'ssm.GetParametersByPath'), ...times(30, 'ssm.GetParameter')]
    expect(await seconds(mixed)).toBeCloseTo(1, 2)
  })

  it('counts each cell and each call by itself', async () => {
    const cells = [...times(10, 'ssm.SendCommand'), ...times(10, 'ssm.SendCommand', prod), ...times(10, 'ssm.ListCommands')]
    expect(await seconds(cells)).toBe(0)
  })

  it('halves its speed at a throttle, once for a burst of them', async () => {
    const slowed = await seconds(times(10, 'ssm.SendCommand'), (quota) => {
      for (let i = 0; i < 5; i++) quota.throttled(control, 'ssm.SendCommand')
    })
    // Five a second, and recovering by a sixth of one each second.
    expect(slowed).toBeGreaterThan(1.5)
    expect(slowed).toBeLessThanOrEqual(2)
  })

  it('never gets slower than a thirty-second part, and recovers within two minutes', async () => {
    const clock = new VirtualClock(start)
    const quota = new Quota(clock, silentLog)
    const burst = async (count: number): Promise<number> => {
      const began = clock.now()
      await Promise.all(times(count, 'ssm.SendCommand').map(([cell, call]) => quota.take(cell, call, signal)))
      return (clock.now() - began) / 1_000
    }
    await clock.run(async () => {
      for (let i = 0; i < 20; i++) {
        quota.throttled(control, 'ssm.SendCommand')
        await clock.sleep(plus(clock.now(), 1_000))
      }
      expect(await burst(3)).toBeLessThan(10)
      await clock.sleep(plus(clock.now(), 120_000))
      expect(await burst(110)).toBeCloseTo(10, 1)
    })
  })

  it('lets go of who stops waiting, and keeps its place for others', async () => {
    const clock = new VirtualClock(start)
    const quota = new Quota(clock, silentLog)
    const stop = new AbortController()
    await clock.run(async () => {
      for (const [cell, call] of times(3, 'ssm.PutParameter')) await quota.take(cell, call, signal)
      const waiting = quota.take(control, 'ssm.PutParameter', stop.signal)
      stop.abort()
      await waiting
      expect(clock.now()).toBe(start)
      await quota.take(control, 'ssm.PutParameter', signal)
    })
    expect(clock.now() - start).toBeLessThanOrEqual(334)
  })

  it('tells what was called and what was throttled', () => {
    const quota = new Quota(new VirtualClock(start), silentLog)
    quota.sent(control, 'ssm.SendCommand')
    quota.sent(prod, 'ssm.SendCommand')
    quota.sent(prod, 'ec2.DescribeInstances')
    quota.throttled(prod, 'ssm.SendCommand')
    quota.throttled(prod, 'ssm.SendCommand')
    expect(quota.calls()).toEqual({ 'ec2.DescribeInstances': 1, 'ssm.SendCommand': 2 })
    expect(quota.throttles()).toEqual([{ cell: prod, call: 'ssm.SendCommand', count: 2 }])
  })

  it('names the quota that was met last, and the rate that is left there, which recovers', async () => {
    const clock = new VirtualClock(start)
    const quota = new Quota(clock, silentLog)
    expect(quota.lastThrottle()).toBeNull()
    quota.throttled(control, 'ssm.ListCommands')
    await clock.run(() => clock.sleep(plus(start, 5_000)))
    for (let i = 0; i < 3; i++) quota.throttled(prod, 'ssm.SendCommand')
    const hit = { cell: prod, call: 'ssm.SendCommand', count: 3, at: plus(start, 5_000) }
    expect(quota.lastThrottle()).toEqual({ ...hit, perSecond: 5 })
    await clock.run(() => clock.sleep(plus(start, 17_000)))
    expect(quota.lastThrottle()).toEqual({ ...hit, perSecond: 7 })
    await clock.run(() => clock.sleep(plus(start, 900_000)))
    expect(quota.lastThrottle()).toEqual({ ...hit, perSecond: 10 })
  })
})
