import { describe, expect, it } from 'vitest'
import { Calls, type Call } from '../../../src/adapters/aws/calls.ts'
import type { Lanes } from '../../../src/adapters/aws/lanes.ts'
import { Quota } from '../../../src/adapters/aws/quota.ts'
import { silentLog } from '../../../src/adapters/system/log.ts'
import { seededRandom } from '../../../src/adapters/system/random.ts'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import { plus } from '../../../src/kit/instant.ts'
import { control, signal, start } from './wire.ts'

const realMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function calls(clock: VirtualClock) {
  const lane = { open: () => realMs(5).then(() => ({ sdk: {}, client: {} })) }
  const credentials = {
    keys: () => Promise.resolve(null),
    newest: () => undefined,
    base: () => Promise.reject(new Error('unused')),
    expired: () => undefined,
    denied: () => false,
  }
  const lanes = { ssm: { open: () => clock.hold(lane.open) } } as unknown as Lanes
  const quota = new Quota(clock, silentLog)
  return { quota, calls: new Calls({ lanes, quota, clock, random: seededRandom(1), credentials }) }
}

const call: Call = { cell: control, operation: 'ListCommands', kind: 'once', signal }

describe('a call in virtual time', () => {
  it('holds the clock while the SDK does real work before and after the request, but not while the request is out', async () => {
    const clock = new VirtualClock(start)
    const at: number[] = []
    const note = (): void => void at.push(clock.now() - start)
    await clock.run(async () => {
      void clock.sleep(plus(start, 1))
      await calls(clock).calls.ssm(call, async ({ options: { passage } }) => {
        await realMs(10)
        note()
        passage.leaving()
        await clock.sleep(plus(clock.now(), 40))
        passage.back(undefined)
        void clock.sleep(plus(clock.now(), 7))
        await realMs(10)
        note()
      })
      await clock.sleep(plus(start, 100))
      note()
    })
    expect(at).toEqual([0, 40, 100])
  })

  it.each(['before it leaves', 'while it is out', 'after it is back'])('lets the clock go when it fails %s', async (when) => {
    const clock = new VirtualClock(start)
    await clock.run(async () => {
      const failed = calls(clock).calls.ssm(call, ({ options: { passage } }) => {
        if (when !== 'before it leaves') passage.leaving()
        if (when === 'after it is back') passage.back(undefined)
        return Promise.reject(new Error('broken'))
      })
      await expect(failed).rejects.toMatchObject({ code: 'aws.unclear' })
      await clock.sleep(plus(start, 5))
    })
    expect(clock.now() - start).toBe(5)
  })

  it('counts what leaves, not what is held back', async () => {
    const clock = new VirtualClock(start)
    const made = calls(clock)
    const leaving = (): never => {
      throw new RangeError('kept back')
    }
    await clock.run(async () => {
      const send = (one: Call): Promise<void> => made.calls.ssm(one, ({ options }) => Promise.resolve(options.passage.leaving()))
      await send(call)
      await expect(send({ ...call, leaving })).rejects.toThrow('kept back')
    })
    expect(made.quota.calls()).toEqual({ 'ssm.ListCommands': 1 })
  })
})
