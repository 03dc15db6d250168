import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { openLosingStore } from '../nights/losing-store.ts'
import { fleet, group, runbook, START } from '../scenarios/documents.ts'
import { faultsFound } from '../scenarios/holds.ts'
import { Stage } from '../scenarios/stage.ts'

const THREE = fleet([group('prod-us', 3)])
const WAVES = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]'

/** The first SendCommand has its effect, and the store forgets that it was intended, and whatever came after. */
async function lost(lostMs: number) {
  const clock = new VirtualClock(START)
  const { store, lose } = openLosingStore(clock)
  const stage = new Stage({ fleet: THREE, store, clock })
  const book = runbook('lost', { waves: WAVES })
  const outcome = await stage.run(async () => {
    const first = await stage.start()
    const going = stage.acts(first, book)
    while (stage.sandbox.ledger().length === 0) await clock.sleep(plus(clock.now(), SECOND))
    expect(await lose(lostMs)).toBeGreaterThan(0)
    expect((await going).ended, 'whoever drove is replaced').toEqual([])
    await clock.sleep(plus(clock.now(), 20 * MINUTE))
    return await stage.acts(await stage.start(), book)
  })
  const run = known(outcome.ended[0], 'the run')
  return { stage, run, facts: await stage.facts(run.run) }
}

describe('a store that lost what it had acknowledged', () => {
  it('gets the command back that it forgot: on record, watched, and not sent again', async () => {
    const { stage, run, facts } = await lost(MINUTE)
    const found = facts.filter(({ event }) => event.type === 'CommandFound')
    expect(found).toMatchObject([{ event: { n: 1, work: 'apply', document: 'Patchwave-Apply', nodes: [0, 1, 2] } }])
    expect(run.outcome).toBe('succeeded')
    expect(run.state.waves[0]?.counts[1], 'patched').toBe(3)
    const applied = stage.sandbox.ledger().filter(({ transaction }) => transaction !== null)
    expect(applied.map(({ token }) => token)).toEqual(Array.from({ length: 3 }, () => `${run.run}.1`))
    expect(await faultsFound(stage, { calm: true, powerLosses: false })).toEqual([])
  })

  it('that is as old as the request: the window opens again, and the command is found', async () => {
    const { stage, facts } = await lost(HOUR)
    expect(facts.some(({ event }) => event.type === 'CommandFound')).toBe(true)
    const starts = stage.sandbox.ledger().filter(({ transaction }) => transaction !== null)
    expect(starts, 'one transaction a node').toHaveLength(3)
    expect(await faultsFound(stage, { calm: true, powerLosses: false })).toEqual([])
  })
})

describe('a store from before the run', () => {
  it('knows nothing of its commands: the run that is asked for anew finds the nodes’ locks and markers, and changes nothing twice', async () => {
    const clock = new VirtualClock(START)
    const { store, empty } = openLosingStore(clock)
    const stage = new Stage({ fleet: THREE, store, clock })
    const book = runbook('yesterday', { waves: WAVES })
    const outcome = await stage.run(async () => {
      const first = await stage.start()
      const going = stage.acts(first, book)
      while (stage.sandbox.ledger().length === 0) await clock.sleep(plus(clock.now(), SECOND))
      empty()
      // Whoever drove it finds no run any more; a person sees an empty store, and asks again at once.
      const [again] = await Promise.all([stage.start().then((second) => stage.acts(second, book)), going.catch((error: unknown) => error)])
      return again
    })
    const run = known(outcome.ended[0], 'the run')
    expect(run.outcome).toBe('succeeded')
    expect(await stage.runs()).toEqual([run.run])
    const applied = stage.sandbox.ledger().filter(({ document }) => document === 'Patchwave-Apply')
    expect(new Set(applied.map(({ token }) => token.split('.')[0])).size, 'both runs were on the nodes').toBe(2)
    for (const view of stage.sandbox.nodes()) {
      const own = applied.filter(({ node }) => node === view.node)
      expect(
        own.filter(({ transaction }) => transaction !== null),
        `${view.node} once`,
      ).toHaveLength(1)
    }
    expect(
      run.state.waves[0]?.counts.reduce((sum, count) => sum + count, 0),
      'every node has an end',
    ).toBe(3)
  })
})

describe('the clock of a host', () => {
  it('that is set back by an hour stops its driver before it decides anything by it', async () => {
    const stage = new Stage({ fleet: THREE })
    const back = plus(START, 2 * MINUTE)
    const host = await stage.run(() => stage.start({ offMs: () => (stage.clock.now() >= back ? -HOUR : 0) }))
    const going = stage.run(() => stage.acts(host, runbook('back', { waves: WAVES })))
    await expect(going).rejects.toMatchObject({ code: 'clock.skewed' })
    const [run] = await stage.runs()
    const late = (await stage.facts(known(run, 'the run'))).filter(({ event, at }) => event.type === 'GateDecided' && at > back)
    expect(late).toEqual([])
  })
})
