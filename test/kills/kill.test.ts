import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCampaign } from './campaign.ts'
import { Desk, type Kill } from './desk.ts'
import { resultOf } from './result.ts'

/** Small, for every kill costs two processes; `npm run kills` is thorough. */
const NODES = 10

describe('a driver that is killed with kill -9', () => {
  const kills: readonly Kill[] = [
    { moment: 'before', commit: 'RunRequested' },
    { moment: 'after', commit: 'CommandIntended' },
    { moment: 'before', commit: 'CommandSent' },
    { moment: 'before', commit: 'NodesReported' },
    { moment: 'after', commit: 'GateDecided' },
    { moment: 'after', commit: 'RunFinished' },
  ]

  it('leaves a run that another process ends as if nothing had happened', { timeout: 300_000 }, async () => {
    const left = [...kills]
    const told: string[] = []
    const { kills: tried, wrong } = await runCampaign({
      nodes: NODES,
      speed: 300,
      desks: 1,
      next: () => left.shift(),
      over: ({ moment, commit }) => told.push(`${moment} ${commit} did not come`),
      tried: () => undefined,
    })
    expect([...wrong, ...told]).toEqual([])
    expect(tried).toBe(kills.length)
  })
})

describe('drivers that are killed one after the other', () => {
  let desk: Desk
  beforeAll(async () => {
    desk = await Desk.open({ nodes: NODES, speed: 300 })
  })
  afterAll(() => desk.close())

  it('lose nothing and do nothing twice, as the record says and the nodes', { timeout: 240_000 }, async () => {
    await desk.again()
    const before = await desk.nodes()
    for (const commit of [9, 12, 'CommandSent', 'GateDecided'])
      expect(await desk.run({ moment: 'after', commit })).toMatchObject({ killed: true })
    expect(await desk.run()).toMatchObject({ code: 0 })
    const { outcome, gates, faults } = await resultOf(desk, before)
    expect(faults).toEqual([])
    expect({ outcome, gates }).toEqual({ outcome: 'succeeded', gates: ['canary: pass', 'rest: pass'] })
    const verify = desk.command(['audit', 'verify'])
    expect(await verify.ended).toBe(0)
    expect(verify.lines).toMatchObject([{ ok: true, complete: true, runs: 1 }])
  })
})
