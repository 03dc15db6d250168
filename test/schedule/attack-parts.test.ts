import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { DAY, HOUR, MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { sealAll } from '../../src/core/audit/seal.ts'
import { conduct } from '../../src/engine/conduct.ts'
import { wantRollout } from '../../src/engine/after-trial.ts'
import { planTrial } from '../../src/engine/planning.ts'
import { requestRun } from '../../src/engine/request.ts'
import type { World } from '../../src/engine/world.ts'
import type { Store } from '../../src/ports/store.ts'
import { fleet, group, runbook, START, TESTED } from '../scenarios/documents.ts'
import { attack, SUNDAY, WINDOW } from './attack-stage.ts'
import { instantRuns } from './serving.ts'

const weekly = (name: string, more = ''): ReturnType<typeof runbook> =>
  runbook(name, { window: `{ ${WINDOW}${more} }`, limit: '{ share: 100% }' })

const unreachable = (): PatchwaveError => new PatchwaveError('aws.unreachable', 'AWS is away', { hint: 'wait' })

/** The world with a part of its store in the place of another. */
const storing =
  (part: (inner: Store) => Partial<Store>) =>
  (world: World): World => ({ ...world, store: { ...world.store, ...part(world.store) } })

describe('what fails in one place', () => {
  it.each(['from the beginning', 'after a while'])(
    'an SSM maintenance window that cannot be read %s is asked for once a minute',
    async (since) => {
      let asked = 0
      let away = since === 'from the beginning'
      const then = await attack([], async (one) => {
        const id = await one.window()
        one.shelf.put(runbook('native', { window: `{ native: ${id} }`, baseline: 'none' }))
        const serving = await one.start({
          start: instantRuns,
          with: (world) => ({
            ...world,
            calendars: {
              ...world.calendars,
              window: async (...args) => {
                asked += 1
                if (asked > 500) void serving.stop() // Virtual time would stand still for ever.
                if (away) throw unreachable()
                return world.calendars.window(...args)
              },
            },
          }),
        })
        await one.until(plus(START, HOUR))
        const before = asked
        away = true
        await one.until(plus(START, 2 * HOUR))
        expect(asked - before).toBeGreaterThan(40)
        expect(asked - before).toBeLessThan(70)
        expect(serving.service.view().troubles.join()).toContain('aws.unreachable')
        away = false
        await one.until(plus(START, 3 * HOUR))
        expect(serving.service.view().troubles).toEqual([])
        expect(serving.service.view().next.map(({ opens }) => opens)).toEqual([SUNDAY])
        await serving.stop()
      })
      expect(then.stage.warnings.length).toBeLessThan(200)
    },
  )

  it('a queue that takes its time is told that a person is asked before the run rests', async () => {
    const asking = runbook('asking', {
      window: `{ ${WINDOW} }`,
      waves: '[{ name: canary, take: 1, gate: { bake: 10m, approval: { group: sre-leads, expires: 4h } } }, { name: rest, take: rest }]',
      limit: '{ share: 100% }',
      feedback: '{ queue: patchwave-feedback.fifo }',
    })
    const told: string[] = []
    let drivers: readonly (string | null)[] = []
    await attack([asking], async (one) => {
      one.answering = () => null
      const slow = (world: World): World => ({
        ...world,
        queue: {
          ...world.queue,
          publish: async (...args) => {
            await world.clock.sleep(plus(world.clock.now(), SECOND), args[3])
            return args[3].aborted ? Promise.reject(unreachable()) : world.queue.publish(...args)
          },
        },
      })
      const serving = await one.start({ with: slow })
      await one.until(plus(SUNDAY, 2 * HOUR))
      told.push(...(await one.stage.feedback()))
      drivers = (await one.stage.store.runs()).map(({ driver }) => driver)
      await serving.stop()
    })
    const types = told.map((body) => (JSON.parse(body) as { type: string }).type)
    expect([types.includes('patchwave.approval.asked.v1'), drivers]).toEqual([true, [null]])
  })

  it('a trial that has ended before its opening was put behind it is not told as missed', async () => {
    const tested = runbook('monthly', { ...TESTED, window: `{ ${WINDOW} }`, limit: '{ share: 100% }' })
    let failures = 0
    const then = await attack([tested], async (one) => {
      const forgetful = storing((inner) => ({
        setCursor: (name, position) => {
          if (name !== 'schedule:trial:monthly' || position < SUNDAY || (failures += 1) > 3) return inner.setCursor(name, position)
          return Promise.reject(new PatchwaveError('store.busy', 'busy', { hint: 'wait' }))
        },
      }))
      const serving = await one.start({ start: instantRuns, with: forgetful })
      await one.until(plus(SUNDAY, HOUR))
      await serving.stop()
    })
    expect(failures).toBeGreaterThan(3)
    expect(await then.outcomes()).toEqual(['trial succeeded', 'rollout succeeded'])
    expect(await then.logbook('monthly')).toEqual(['RunbookTaken'])
  })

  it('a bug while one runbook is planned is told, and the others are served', async () => {
    const then = await attack([weekly('broken'), weekly('good')], async (one) => {
      const serving = await one.start({
        start: (world) => async (due, held) => {
          if (held.name === 'broken') throw new TypeError('undefined is not a function')
          return instantRuns(world)(due, held)
        },
      })
      await one.until(plus(SUNDAY, -MINUTE))
      expect(serving.service.view().troubles.join()).toMatch(/broken: .*undefined is not a function/)
      await one.until(plus(SUNDAY, HOUR))
      await serving.stop()
    })
    expect((await then.stage.store.runs()).map(({ runbook: name }) => name)).toEqual(['good'])
    expect(await then.logbook('broken')).toContainEqual(expect.stringMatching(/^WindowMissed .*undefined is not a function/))
  })

  it('a bug inside one run is told, leaves its journal as it was, and the others go on', async () => {
    let wrong = true
    const both = [weekly('broken'), runbook('good', { window: `{ ${WINDOW} }`, limit: '{ share: 100% }', scope: '{ accounts: [prod-eu], regions: [eu-west-1], match: { tags: { PatchGroup: monthly } } }' })] // prettier-ignore
    const then = await attack(
      both,
      async (one) => {
        const serving = await one.start({
          with: (world) => ({
            ...world,
            commands: {
              ...world.commands,
              send: (order, signal) => {
                if (wrong && order.cell.region === 'us-east-1') throw new TypeError('a bug of ours')
                return world.commands.send(order, signal)
              },
            },
          }),
        })
        await one.until(plus(SUNDAY, HOUR))
        expect(serving.service.view().troubles.join()).toContain('a bug of ours')
        expect((await one.stage.store.runs({ runbook: 'good' })).map(({ outcome }) => outcome)).toEqual(['succeeded'])
        wrong = false
        await one.until(plus(SUNDAY, 6 * HOUR))
        expect(serving.service.view().troubles).toEqual([])
        await serving.stop()
      },
      { fleet: fleet([group('prod-us', 2), group('prod-eu', 2)]) },
    )
    expect(await then.outcomes()).toEqual(['rollout succeeded', 'rollout succeeded'])
  })

  it('a schedule’s journal that does not verify stops neither the other runbooks nor the runs', async () => {
    const then = await attack([weekly('broken'), weekly('good')], async (one) => {
      const [entry] = sealAll(null, [{ run: 'schedule:broken', at: START, actor: { kind: 'schedule', id: 'x' }, type: 'RunbookTaken', data: {} }]) // prettier-ignore
      const forged = { ...known(entry, 'the entry'), text: known(entry, 'the entry').text.replace('RunbookTaken', 'RunbookXaken') }
      await one.stage.store.create({ run: 'schedule:broken', runbook: 'broken', act: 'schedule', requestedAt: START }, [forged])
      const serving = await one.start({ start: instantRuns })
      await one.until(plus(SUNDAY, HOUR))
      expect(serving.service.view().troubles.join()).toContain('journal.broken')
      expect(serving.service.view().beatAt).toBeGreaterThan(plus(SUNDAY, 50 * MINUTE))
      await serving.stop()
    })
    expect((await then.stage.store.runs({ runbook: 'good' })).length).toBe(1)
  })

  it('a store that is busy at the start is asked again', async () => {
    let busy = true
    const then = await attack([weekly('good')], async (one) => {
      const serving = await one.start({
        start: instantRuns,
        with: storing(({ runs, cursor }) => {
          const refuse =
            <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
            (...args: A): Promise<R> =>
              busy ? Promise.reject(new PatchwaveError('store.busy', 'the store is held', { hint: 'wait' })) : call(...args)
          return { runs: refuse(runs), cursor: refuse(cursor) }
        }),
      })
      await one.until(plus(START, 10 * MINUTE))
      expect(serving.service.view().beatAt).toBeNull()
      busy = false
      await one.until(plus(SUNDAY, HOUR))
      expect(serving.service.view().troubles).toEqual([])
      await serving.stop()
    })
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
    expect(then.stage.warnings.length).toBeLessThan(200)
  })

  it('a feedback queue that is not there holds up no other, and is left when the file names a better one', async () => {
    const telling = (name: string, queue: string): ReturnType<typeof runbook> =>
      runbook(name, { window: `{ ${WINDOW} }`, limit: '{ share: 100% }', feedback: `{ queue: ${queue} }` })
    const then = await attack([telling('a', 'not-there.fifo'), telling('b', 'patchwave-feedback.fifo')], async (one) => {
      // Not for days: what is told at once, that the files were taken, is tried every ten seconds.
      await one.until(plus(SUNDAY, -HOUR))
      const serving = await one.start({
        start: () => () => Promise.reject(new PatchwaveError('plan.empty', 'no node', { hint: 'look' })),
      })
      await one.until(plus(SUNDAY, HOUR))
      const told = await one.stage.feedback()
      expect(told.map((body) => (JSON.parse(body) as { subject: string }).subject)).toContain('schedule:b')
      one.shelf.put(telling('a', 'patchwave-feedback.fifo'), 'second')
      await one.until(plus(SUNDAY, 2 * HOUR))
      await serving.stop()
    })
    const later = await then.stage.run(() => then.stage.feedback())
    expect(later.map((body) => (JSON.parse(body) as { subject: string }).subject)).toContain('schedule:a')
  })
})

describe('what a run’s end left untold', () => {
  const telling = (name: string, queue: string): ReturnType<typeof runbook> =>
    runbook(name, { window: `{ ${WINDOW} }`, limit: '{ share: 100% }', feedback: `{ queue: ${queue} }` })
  const endsIn = (told: readonly string[]): string[] =>
    told
      .map((body) => JSON.parse(body) as { type: string; source: string })
      .flatMap(({ type, source }) => (type === 'patchwave.run.finished.v1' ? [source] : []))
  const publishing =
    (away: () => boolean) =>
    (world: World): World => {
      const publish: World['queue']['publish'] = (...args) => (away() ? Promise.reject(unreachable()) : world.queue.publish(...args))
      return { ...world, queue: { ...world.queue, publish } }
    }

  it('is told by the same service once the queue is back, however long that takes', async () => {
    const then = await attack([telling('a', 'patchwave-feedback.fifo')], async (one) => {
      const [ended] = [() => one.all('RunFinished')[0]?.at]
      const away = (): boolean => one.now < plus(ended() ?? one.now, ended() === undefined ? 0 : HOUR)
      const serving = await one.start({ with: publishing(away) })
      await one.until(plus(SUNDAY, 8 * HOUR))
      expect(endsIn(await one.stage.feedback())).toEqual(['patchwave/a'])
      await serving.stop()
    })
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })

  it('is told by the next service to each queue, whatever the others do', async () => {
    await attack([telling('a', 'not-there.fifo'), telling('b', 'patchwave-feedback.fifo')], async (one) => {
      const first = await one.start({ with: publishing(() => true) })
      await one.until(plus(SUNDAY, 5 * HOUR))
      await first.stop()
      expect(await one.outcomes()).toEqual(['rollout succeeded', 'rollout succeeded'])
      const second = await one.start()
      await one.until(plus(SUNDAY, 6 * HOUR))
      expect(endsIn(await one.stage.feedback())).toEqual(['patchwave/b'])
      await second.stop()
    })
  })
})

describe('the rollout after a trial that was asked for at once', () => {
  const tested = runbook('emergency', { ...TESTED, baseline: '{ maxAge: 14d }', limit: '{ share: 100% }' })
  const FLEET = fleet([group('staging', 2), group('prod-us', 2)])

  it.each(['at its end', 'at the next start'])('is asked for again when AWS was away %s, and once', async (when) => {
    let away = false
    const then = await attack(
      [],
      async (one) => {
        const withAws = (world: World): World => ({
          ...world,
          fleet: {
            ...world.fleet,
            census: (...args) => {
              if (away) throw unreachable()
              return world.fleet.census(...args)
            },
          },
        })
        const first = await one.start({
          with: withAws,
          listen: (_, { event }) => {
            if (event.type === 'BaselineStored') away = true
            if (event.type === 'RunFinished' && when === 'at the next start') first.process.life.kill()
          },
        })
        const { world, rehearsal } = first.process
        const plan = await planTrial(world, { runbook: tested, inputs: {} }, new AbortController().signal)
        const trial = await requestRun(world, { plan, actor: rehearsal.requester, reason: 'CVE', now: true, trial: null })
        await wantRollout(world, trial)
        while ((await one.stage.store.run(trial))?.outcome === null) await one.until(plus(one.now, MINUTE))
        await one.until(plus(one.now, MINUTE))
        const second = await one.start({ with: withAws })
        await one.until(plus(one.now, HOUR))
        expect(await one.outcomes()).toEqual(['trial succeeded'])
        away = false
        await one.until(plus(one.now, 6 * HOUR))
        await Promise.all([...(when === 'at its end' ? [first] : []), second].map((serving) => serving.stop()))
      },
      { fleet: FLEET },
    )
    expect(await then.outcomes()).toEqual(['trial succeeded', 'rollout succeeded'])
  })
})

describe('a trial that another process drives to its end', () => {
  const approved = '{ maxAge: 14d, approval: { group: sre-leads, count: 1, expires: 7d } }'
  const tested = runbook('emergency', { ...TESTED, baseline: approved, limit: '{ share: 100% }' })

  it.each(['only approves', 'also goes on'])('is followed by one rollout when that one %s', async (what) => {
    const then = await attack(
      [],
      async (one) => {
        one.answering = () => null
        const serving = await one.start()
        const { world, rehearsal } = serving.process
        const plan = await planTrial(world, { runbook: tested, inputs: {} }, new AbortController().signal)
        const trial = await requestRun(world, { plan, actor: rehearsal.requester, reason: 'CVE', now: true, trial: null })
        await wantRollout(world, trial)
        while (one.all('ApprovalAsked').length === 0) await one.until(plus(one.now, MINUTE))
        await one.until(plus(one.now, HOUR + 5_000))
        const other = await one.stage.start()
        await one.stage.steer(trial, { what: 'approve' })
        if (what === 'only approves') await conduct(other.world, trial, { listen: () => undefined, signal: new AbortController().signal })
        else await one.stage.acts(other, tested, { now: true }).catch((error: unknown) => expect(String(error)).toContain('store.busy'))
        await one.until(plus(one.now, 6 * HOUR))
        await serving.stop()
      },
      { fleet: fleet([group('staging', 2), group('prod-us', 2)]) },
    )
    expect(await then.outcomes()).toEqual(['trial succeeded', 'rollout succeeded'])
  })
})

describe('the end of a service', () => {
  it('waits for what its schedule is at', async () => {
    let closed = false
    let late = 0
    await attack([weekly('slow')], async (one) => {
      const serving = await one.start({
        start: (world) => async () => {
          await world.clock.sleep(plus(world.clock.now(), 5 * MINUTE))
          throw new PatchwaveError('plan.empty', 'no node', { hint: 'look' })
        },
        with: storing(({ setCursor, append, create }) => {
          const counted =
            <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
            (...args: A): Promise<R> => {
              if (closed) late += 1
              return call(...args)
            }
          return { setCursor: counted(setCursor), append: counted(append), create: counted(create) }
        }),
      })
      await one.until(plus(SUNDAY, -2 * MINUTE))
      await serving.stop()
      closed = true
      await one.until(plus(SUNDAY, DAY))
    })
    expect(late).toBe(0)
  })
})
