import { describe, expect, it } from 'vitest'
import { conduct } from '../../src/engine/conduct.ts'
import { APPROVED, labelApproved } from '../../src/engine/shelf.ts'
import { known } from '../../src/kit/assert.ts'
import { MINUTE, plus } from '../../src/kit/instant.ts'
import { fleet, group, runbook, TESTED } from '../scenarios/documents.ts'
import { faultsFound } from '../scenarios/holds.ts'
import { Stage, type EngineProcess } from '../scenarios/stage.ts'

const SIX = fleet([group('prod-us', 3)])
const BOOK = runbook('zombie', { waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]' })

/** A process that stands still around its first SendCommand; another takes over; then the first one wakes up. */
async function zombie(side: 'before' | 'after', sleepsMs: number) {
  const stage = new Stage({ fleet: SIX })
  const processes: EngineProcess[] = []
  const freeze = (operation: string): void => {
    if (operation === 'SendCommand') processes[0]?.life.freeze()
  }
  const first = await stage.start({ calls: { [side]: freeze } })
  processes.push(first)
  const [old, successor] = await stage.run(async () => {
    const sleeping = stage.acts(first, BOOK)
    await Promise.race([sleeping, first.life.stopped])
    const second = await stage.start()
    const going = stage.acts(second, BOOK)
    await stage.clock.sleep(plus(stage.clock.now(), sleepsMs))
    first.life.thaw()
    return await Promise.all([sleeping, going])
  })
  return { stage, old, successor }
}

const transactions = (stage: Stage): number[] =>
  [
    ...Map.groupBy(
      stage.sandbox.ledger().filter(({ transaction }) => transaction !== null),
      ({ node }) => node,
    ).values(),
  ].map((rows) => rows.length)

describe('a driver that was frozen just before it sent', () => {
  it('sends its command beside its successor’s: the nodes run it once and repeat the result', async () => {
    const { stage, old, successor } = await zombie('before', 4 * MINUTE)
    expect(old.ended).toEqual([])
    expect(old.left).toBe(known(successor.ended[0], 'the run').run)
    expect(successor.ended[0]?.outcome).toBe('succeeded')
    const applied = stage.sandbox.ledger().filter(({ document }) => document === 'Patchwave-Apply')
    expect(new Set(applied.map(({ commandId }) => commandId)).size, 'the token was sent twice').toBe(2)
    expect(new Set(applied.map(({ token }) => token)).size).toBe(1)
    expect(transactions(stage)).toEqual([1, 1, 1])
    expect(await faultsFound(stage, { calm: true, powerLosses: false })).toEqual([])
  })

  it('and slept past the command’s last start is told too late by the nodes, or repeats their result', async () => {
    const { stage, successor } = await zombie('before', 40 * MINUTE)
    expect(successor.ended[0]?.outcome).toBe('succeeded')
    expect(transactions(stage)).toEqual([1, 1, 1])
  })
})

const SERVING = fleet([group('prod-us', 2, { targetGroups: [{ name: 'web', port: 80, drainMs: MINUTE }] })])
const DRAINED = runbook('drained', {
  waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]',
  drain: '{ targetGroups: auto }',
})

describe('a driver that was frozen before it took nodes out of service', () => {
  it.each([
    ['where it had just written down what it would take out', 'StepFound'],
    ['where it had just decided to', 'StepIntended'],
  ])('%s, takes out nothing when it wakes up after its successor put them back', async (_, type) => {
    const asked: { by: string; operation: string }[] = []
    const seen = (by: string) => (operation: string) => void (operation.endsWith('Targets') && asked.push({ by, operation }))
    const stage = new Stage({ fleet: SERVING })
    const processes: EngineProcess[] = []
    let frozen = false
    const first = await stage.start({
      calls: { before: seen('first') },
      after: ({ entries }) => {
        if (frozen || !entries.some((entry) => entry.type === type)) return
        frozen = true
        processes[0]?.life.freeze()
      },
    })
    processes.push(first)
    const ended = await stage.run(async () => {
      const sleeping = stage.acts(first, DRAINED)
      await Promise.race([sleeping, first.life.stopped])
      const second = await stage.start({ calls: { before: seen('second') } })
      const going = await stage.acts(second, DRAINED)
      first.life.thaw()
      await sleeping
      return going
    })
    expect(frozen).toBe(true)
    expect(ended.ended[0]?.outcome).toBe('succeeded')
    expect(asked.filter(({ by }) => by === 'first')).toEqual([])
    expect(asked.map(({ operation }) => operation)).toEqual(['DeregisterTargets', 'RegisterTargets'])
    expect(await faultsFound(stage, { calm: true, powerLosses: false })).toEqual([])
  })
})

describe('a driver that was frozen just after it sent', () => {
  it('appends nothing once its successor has taken the run', async () => {
    const { stage, old, successor } = await zombie('after', 3 * MINUTE)
    expect(old.ended).toEqual([])
    expect(successor.ended[0]?.outcome).toBe('succeeded')
    const run = known(successor.ended[0], 'the run').run
    const facts = await stage.facts(run)
    const took = facts.findIndex(({ event }) => event.type === 'DriverTook' && event.driver === 'engine-2')
    expect(took).toBeGreaterThan(0)
    expect(facts.slice(took).filter(({ actor }) => actor.id === 'engine-1')).toEqual([])
    expect(facts.filter(({ event }) => event.type === 'CommandSent')).toMatchObject([{ event: { adopted: true } }])
    expect(transactions(stage)).toEqual([1, 1, 1])
  })
})

describe('a driver that was frozen while it labelled approved baselines', () => {
  it('leaves the labels where people have put them since', async () => {
    const stage = new Stage({ fleet: fleet([group('staging', 4, { amis: 2 }), group('prod-us', 4, { amis: 2 })]) })
    const book = runbook('tested', TESTED)
    const labelled: string[] = []
    const processes: EngineProcess[] = []
    const freeze = (operation: string): void => {
      if (operation !== 'LabelParameterVersion') return
      labelled.push(operation)
      processes[0]?.life.freeze()
    }
    const first = await stage.start({ calls: { after: freeze } })
    processes.push(first)
    const signal = new AbortController().signal
    const approved = await stage.run(async () => {
      const sleeping = stage.acts(first, book)
      await Promise.race([sleeping, first.life.stopped])
      const { world } = await stage.start()
      const trial = known((await stage.store.runs())[0], 'the trial').run
      await stage.clock.sleep(plus(stage.clock.now(), 2 * MINUTE))
      await conduct(world, trial, { listen: () => undefined, signal })
      const stored = (await stage.facts(trial)).flatMap(({ event }) => (event.type === 'BaselineStored' ? [event] : []))
      for (const { path, version } of stored) {
        const { value } = known(await world.parameters.get(world.home, `${path}/manifest`, version, signal), 'its manifest')
        await labelApproved(world, path, await world.parameters.put(world.home, `${path}/manifest`, `${value} `, version, signal), signal)
      }
      first.life.thaw()
      await sleeping
      const now = stored.map(async ({ path, version }) => {
        const seen = await world.parameters.get(world.home, `${path}/manifest`, APPROVED, signal)
        return known(seen, 'the approved one').version - version
      })
      return await Promise.all(now)
    })
    expect({ labelled, approved }).toEqual({ labelled: ['LabelParameterVersion'], approved: [1, 1] })
  })
})
