import { describe, expect, it } from 'vitest'
import { HOUR, MINUTE } from '../../src/kit/instant.ts'
import { message, TriggerStage } from './trigger-stage.ts'

describe('the queue', () => {
  it('is none: nothing is received', async () => {
    const stage = new TriggerStage()
    await stage.receive(MINUTE, {}, [{ ...stage.world(), triggers: null }])
    expect(stage.lines).toEqual([])
  })

  it('that is not there is told, and taken up once it is', async () => {
    const stage = new TriggerStage()
    await stage.receive(5 * MINUTE)
    expect(stage.troubles).toEqual([expect.stringContaining('aws.missing')])
    await stage.create('triggers')
    await stage.send(message())
    await stage.receive(MINUTE)
    expect([await stage.runs(), stage.troubles.at(-1)]).toEqual([['monthly'], null])
  })

  it('behind an AWS that throttles, breaks and forgets loses nothing and starts nothing twice', async () => {
    const stage = await TriggerStage.with()
    const all = Array.from({ length: 40 }, (_, n) => `r${n}`)
    for (const runbook of all) await stage.send(message({ id: runbook, runbook }))
    for (let n = 0; n < 10; n++) await stage.send(`bad ${n}`)
    stage.disturb('api: { throttled: 30%, failedAfterEffect: 30%, latency: { median: 200ms, p95: 2s } }')
    await stage.receive(3 * HOUR, {}, [stage.world(), stage.world()])
    stage.disturb('api: {}')
    expect([...(await stage.runs())].sort()).toEqual([...all].sort())
    expect(await stage.left()).toEqual([0, 0])
    expect((await stage.left('refused'))[0]).toBeGreaterThanOrEqual(10) // At least once each.
  })
})
