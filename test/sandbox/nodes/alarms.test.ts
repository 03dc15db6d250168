import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import { instant, plus, SECOND } from '../../../src/kit/instant.ts'
import { Alarms, Stop } from '../../../src/sandbox/nodes/alarms.ts'
import { Few } from '../../../src/sandbox/nodes/few.ts'

const START = instant(0)
const at = (seconds: number) => plus(START, seconds * SECOND)

describe('a stop', () => {
  it('tells whoever wants it once, with the first reason', () => {
    const stop = new Stop()
    const told: string[] = []
    stop.when(() => told.push(`a ${String(stop.reason)}`))
    stop.when(() => told.push('b'))
    stop.abort('power')
    stop.abort('again')
    stop.when(() => told.push('late'))
    expect(told).toEqual(['a power', 'b', 'late'])
  })

  it('forgets who does not want it any more, also while it tells', () => {
    const stop = new Stop()
    const told: string[] = []
    stop.when(() => told.push('a'))()
    const forget = stop.when(() => told.push('b'))
    stop.abort('power')
    forget()
    expect(told).toEqual(['b'])
  })

  it('is an abort signal for those that want one, before and after', () => {
    const [early, late] = [new Stop(), new Stop()]
    const { signal } = early
    early.abort('x')
    late.abort('y')
    expect([signal.aborted, signal.reason, late.signal.aborted, late.signal.reason]).toEqual([true, 'x', true, 'y'])
  })
})

describe('alarms', () => {
  it('wake in the order of their times, then of asking', async () => {
    const clock = new VirtualClock(START)
    const alarms = new Alarms(clock)
    const rung: string[] = []
    await clock.run(async () => {
      alarms.at(at(2), () => rung.push('late'))
      alarms.at(at(1), () => rung.push('first'))
      alarms.at(at(1), () => rung.push('second'))
      const cancel = alarms.at(at(1), () => rung.push('never'))
      cancel()
      await alarms.sleep(at(3))
    })
    expect(rung).toEqual(['first', 'second', 'late'])
    expect(clock.now()).toBe(at(3))
  })

  it('end with a stop, and leave nobody asleep', async () => {
    const clock = new VirtualClock(START)
    const alarms = new Alarms(clock)
    const stop = new Stop()
    await clock.run(async () => {
      const slept = alarms.sleep(at(3_600), stop)
      await clock.sleep(at(1))
      stop.abort('power')
      await slept
    })
    expect(clock.now()).toBe(at(1))
    await expect(clock.run(() => new Promise(() => undefined))).rejects.toThrow('deadlock')
  })

  it('do not wait for a stop that has come', async () => {
    const stop = new Stop()
    stop.abort('power')
    await new Alarms(new VirtualClock(START)).sleep(at(1), stop)
  })
})

describe('few', () => {
  it('is a map', () => {
    const few = new Few<string, number>()
    for (const [key, value] of [['a', 1], ['b', 2], ['c', 3], ['b', 4]] as const) few.set(key, value) // prettier-ignore
    const copy = few.copy()
    few.delete('a')
    few.delete('nobody')
    few.delete('c')
    expect([[...few], few.size, few.get('b'), few.get('a')]).toEqual([[['b', 4]], 1, 4, undefined])
    expect([...copy]).toEqual([['a', 1], ['b', 4], ['c', 3]]) // prettier-ignore
  })
})
