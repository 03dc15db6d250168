import { describe, expect, it } from 'vitest'
import { DAY, HOUR, iso, MINUTE, plus, type Ms } from '../../src/kit/instant.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import type { Starter } from '../../src/engine/scheduler.ts'
import { planRollout } from '../../src/engine/planning.ts'
import { requestRun } from '../../src/engine/request.ts'
import type { World } from '../../src/engine/world.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { runbook, START, TESTED } from '../scenarios/documents.ts'
import { attack, SUNDAY, WINDOW, type Attack, type Serving } from './attack-stage.ts'
import { instantRuns, missed } from './serving.ts'

const weekly = (name: string, more = '', sections = {}): Runbook =>
  runbook(name, { window: `{ ${WINDOW}${more} }`, limit: '{ share: 100% }', ...sections })

/** Every quarter of an hour, with nothing tried first. */
const often = (name: string, more = ''): Runbook =>
  runbook(name, {
    window: `{ schedule: "cron(0/15 * * * ? *)", duration: 10m${more} }`,
    waves: '[{ name: all, take: rest, gate: { bake: 1m } }]',
  })

/** `patchwave run` without a driver: the rollout is put on record by hand. */
async function byHand({ process }: Serving, of: Runbook, now = false): Promise<string> {
  const { world, rehearsal } = process
  const plan = await planRollout(world, { runbook: of, inputs: {}, now }, new AbortController().signal)
  return requestRun(world, { plan, actor: rehearsal.requester, reason: 'by hand', now, trial: null })
}

describe('two services on one store', () => {
  it('start every opening once and tell every missed one once', async () => {
    const frozen = often('frozen', ', freezes: [{ from: 2026-01-01, to: 2026-01-01 }]')
    const then = await attack([often('free'), frozen], async (one) => {
      const both = [await one.start({ start: instantRuns }), await one.start({ start: instantRuns })]
      await one.until(plus(START, DAY - 20 * MINUTE))
      await Promise.all(both.map((serving) => serving.stop()))
    })
    const rows = await then.stage.store.runs()
    const openings = await Promise.all(
      Array.from({ length: 95 }, (_, quarter) => then.stage.store.openingOf('free', 'rollout', plus(START, (quarter + 1) * 15 * MINUTE))),
    )
    expect(openings).toEqual(rows.map(({ run }) => run))
    const told = (await missed(then.stage, 'frozen')).map(({ first }) => iso(first))
    expect(told.length).toBeGreaterThan(85)
    expect(told).toEqual([...new Set(told)])
    expect(await missed(then.stage, 'free')).toEqual([])
  })

  it('drive a run one after the other: when one dies in the window, the other one ends it', async () => {
    const then = await attack([weekly('weekly')], async (one) => {
      const both = [await one.start(), await one.start()]
      await one.until(plus(SUNDAY, 8 * MINUTE))
      const [row] = await one.stage.store.runs()
      const driver = both.find(({ process }) => process.name === row?.driver)
      driver?.process.life.kill()
      await one.until(plus(SUNDAY, 6 * HOUR))
      await Promise.all(both.filter((serving) => serving !== driver).map((serving) => serving.stop()))
    })
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
    expect(new Set(then.all('DriverTook').map(({ event: { driver } }) => driver)).size).toBe(2)
    expect(new Set(then.changes().map(({ node }) => node)).size).toBe(then.changes().length)
  })

  it('go on when one is suspended for hours and comes back', async () => {
    const then = await attack([weekly('weekly')], async (one) => {
      const both = [await one.start(), await one.start()]
      await one.until(plus(SUNDAY, 8 * MINUTE))
      const [row] = await one.stage.store.runs()
      const driver = both.find(({ process }) => process.name === row?.driver)
      driver?.process.life.freeze()
      await one.until(plus(SUNDAY, 2 * HOUR))
      driver?.process.life.thaw()
      await one.until(plus(SUNDAY, 6 * HOUR))
      await Promise.all(both.map((serving) => serving.stop()))
    })
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
    expect(new Set(then.changes().map(({ node }) => node)).size).toBe(then.changes().length)
  })
})

describe('an opening that a run by hand has', () => {
  it('is the schedule’s no more, and used once', async () => {
    const of = weekly('weekly')
    const then = await attack([of], async (one) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, -DAY))
      await byHand(serving, of)
      await one.until(plus(SUNDAY, 6 * HOUR))
      await serving.stop()
    })
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
    expect(then.all('WindowOpened').map(({ at }) => iso(at))).toEqual([iso(SUNDAY)])
    expect(await missed(then.stage, 'weekly')).toEqual([])
  })

  it('is told as missed when that run was ended before it', async () => {
    const of = weekly('weekly')
    const then = await attack([of], async (one) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, -DAY))
      const run = await byHand(serving, of)
      await one.until(plus(SUNDAY, -20 * HOUR))
      await one.stage.steer(run, { what: 'abort' })
      await one.until(plus(SUNDAY, 6 * HOUR))
      await serving.stop()
    })
    expect(await then.outcomes()).toEqual(['rollout aborted'])
    expect((await missed(then.stage, 'weekly')).map(({ first, reason }) => [iso(first), reason])).toEqual([
      [iso(SUNDAY), expect.stringContaining('was aborted before')],
    ])
  })

  // prettier-ignore
  it.each<[string, Ms, outcome: string, opened: Ms[], missed: string[]]>([
    ['is used while it lasts',  HOUR,     'succeeded', [HOUR], []],
    ['is told as missed',       8 * HOUR, 'stopped',   [],     [iso(SUNDAY)]],
  ])('and whose driver dies before it can say so %s by whoever comes next', async (_, backMs, outcome, opened, told) => {
    const of = weekly('weekly')
    const then = await attack([of], async (one) => {
      const victim: { of: Serving | null } = { of: null }
      const dying = (world: World): World => ({
        ...world,
        store: {
          ...world.store,
          takeOpening: async (...asked) => {
            const run = await world.store.takeOpening(...asked)
            victim.of?.process.life.kill()
            return run
          },
        },
      })
      victim.of = await one.start({ with: dying })
      await one.until(plus(SUNDAY, -DAY))
      await byHand(victim.of, of)
      await one.until(plus(SUNDAY, backMs))
      const next = await one.start()
      await one.until(plus(SUNDAY, 14 * HOUR))
      await next.stop()
    })
    expect(await then.outcomes()).toEqual([`rollout ${outcome}`])
    const [run] = await then.stage.store.runs()
    expect(await then.stage.store.openingOf('weekly', 'rollout', SUNDAY)).toBe(run?.run)
    expect(then.all('WindowOpened').map(({ event: { opens }, at }) => [opens, Math.floor((at - SUNDAY) / HOUR) * HOUR])).toEqual(opened.map((ms) => [SUNDAY, ms]))
    expect(then.all('WindowMissed').map(({ event: { opens } }) => iso(opens))).toEqual(told)
    expect(await missed(then.stage, 'weekly')).toEqual([])
  })

  it('is had by one of both when they ask at the same time', async () => {
    const of = weekly('weekly')
    const then = await attack([of], async (one) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, -15 * MINUTE))
      await byHand(serving, of)
      await one.until(plus(SUNDAY, 8 * DAY))
      await serving.stop()
    })
    const opened = then.all('WindowOpened').map(({ event: { opens } }) => iso(opens))
    expect(opened).toEqual([...new Set(opened)])
    expect(opened.slice(0, 2)).toEqual([iso(SUNDAY), iso(plus(SUNDAY, 7 * DAY))])
  })
})

describe('an opening that waits for an earlier run', () => {
  it('waits through restarts, also longer than it may be late', async () => {
    const twice = runbook('twice', {
      window: '{ schedule: "cron(0 3/2 ? * SUN *)", duration: 115m, late: 10m }',
      limit: '{ share: 100% }',
      waves:
        '[{ name: canary, take: 1, gate: { bake: 1m, approval: { group: sre-leads, expires: 12h } } }, { name: rest, take: rest, gate: { bake: 1m } }]',
    })
    const then = await attack([twice], async (one) => {
      one.answering = () => null
      const serving = await one.start()
      await one.until(plus(SUNDAY, 2 * HOUR + 5 * MINUTE))
      expect(await one.outcomes()).toEqual(['rollout unfinished'])
      await serving.stop()
      const again = await one.start()
      await one.until(plus(SUNDAY, 2 * HOUR + 30 * MINUTE))
      expect(again.service.view().next.map(({ against }) => against)).toEqual(['overlap'])
      again.process.life.kill()
      const last = await one.start()
      for (const { run } of await one.stage.store.runs({ unfinished: true })) await one.stage.steer(run, { what: 'abort' })
      await one.until(plus(SUNDAY, 3 * HOUR))
      await last.stop()
    })
    expect((await then.outcomes()).slice(0, 2)).toEqual(['rollout aborted', 'rollout unfinished'])
    expect(await missed(then.stage, 'twice')).toEqual([])
  })

  it('is not told as missed where the run of an earlier window has taken it, however long nobody was there', async () => {
    const slow = runbook('slow', { window: `{ ${WINDOW}, unfinished: next-window }`, limit: '{ share: 100% }' })
    const then = await attack([slow], async (one) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, 5 * MINUTE))
      for (const { run } of await one.stage.store.runs()) await one.stage.steer(run, { what: 'pause' })
      await one.until(plus(SUNDAY, DAY))
      await serving.stop()
      await one.until(plus(SUNDAY, 24 * DAY))
      const again = await one.start()
      await one.until(plus(SUNDAY, 25 * DAY))
      await again.stop()
    })
    const [only] = await then.stage.store.runs()
    expect(await then.stage.store.openingOf('slow', 'rollout', plus(SUNDAY, 7 * DAY))).toBe(only?.run)
    expect((await missed(then.stage, 'slow')).map(({ first, last, count }) => [iso(first), iso(last), count])).toEqual([
      [iso(plus(SUNDAY, 14 * DAY)), iso(plus(SUNDAY, 21 * DAY)), 2],
    ])
  })

  it('is not long past while its window is open', async () => {
    const long = runbook('long', { window: '{ schedule: "cron(0 3 ? * SUN *)", duration: 70h, late: 10m }', limit: '{ share: 100% }' })
    const then = await attack([long], async (one) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, -HOUR))
      const run = await byHand(serving, long, true)
      await one.until(plus(SUNDAY, -50 * MINUTE))
      await one.stage.steer(run, { what: 'pause' })
      await one.until(plus(SUNDAY, 40 * HOUR))
      await one.stage.steer(run, { what: 'abort' })
      await one.until(plus(SUNDAY, 60 * HOUR))
      await serving.stop()
    })
    expect(await missed(then.stage, 'long')).toEqual([])
    expect(await then.outcomes()).toEqual(['rollout aborted', 'rollout succeeded'])
  })
})

describe('an SSM maintenance window', () => {
  const native = (id: string): Runbook => runbook('native', { window: `{ native: ${id} }`, limit: '{ share: 100% }' })
  const served = async (play: (one: Attack, id: string) => Promise<void>): Promise<Attack> =>
    attack([], async (one) => {
      const id = await one.window()
      one.shelf.put(native(id))
      await play(one, id)
    })
  const opened = (then: Attack): string[] => then.all('WindowOpened').map(({ at }) => iso(at))

  it('that is enabled again starts nothing of what it would have opened for', async () => {
    const then = await served(async (one, id) => {
      await one.change(id, { Enabled: false })
      const serving = await one.start()
      await one.until(plus(SUNDAY, 10 * MINUTE))
      await one.change(id, { Enabled: true })
      await one.until(plus(SUNDAY, 7 * DAY + 6 * HOUR))
      await serving.stop()
    })
    expect(opened(then)).toEqual([iso(plus(SUNDAY, 7 * DAY))])
    expect(await missed(then.stage, 'native')).toEqual([])
  })

  it('that gets another schedule starts nothing of what that would have opened for', async () => {
    const then = await served(async (one, id) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, -30 * MINUTE))
      await one.change(id, { Schedule: 'cron(20 2 ? * SUN *)' })
      await one.until(plus(SUNDAY, 7 * DAY + 6 * HOUR))
      await serving.stop()
    })
    expect(opened(then)).toEqual([iso(plus(SUNDAY, 7 * DAY - 40 * MINUTE))])
    expect(await missed(then.stage, 'native')).toEqual([])
  })

  it('that is changed while a run waits for it takes the run along', async () => {
    const then = await served(async (one, id) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, -14 * MINUTE))
      expect(await one.outcomes()).toEqual(['rollout unfinished'])
      await one.change(id, { Schedule: 'cron(0 5 ? * SUN *)' })
      await one.until(plus(SUNDAY, 8 * HOUR))
      await serving.stop()
    })
    expect(opened(then)).toEqual([iso(plus(SUNDAY, 2 * HOUR))])
    expect(then.all('WindowMissed').map(({ event: { opens, reason } }) => [iso(opens), reason])).toEqual([
      [iso(SUNDAY), expect.stringMatching(/^mw-.* was changed$/)],
    ])
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })

  it('that is shortened while a run is in it ends the run’s starting earlier', async () => {
    const one = '[{ name: all, take: rest, concurrency: 1, gate: { bake: 1m } }]'
    const then = await attack([], async (now) => {
      const id = await now.window({ Duration: 6, Cutoff: 1 })
      now.shelf.put(runbook('native', { window: `{ native: ${id} }`, limit: '{ share: 100% }', waves: one }))
      const serving = await now.start()
      await now.until(plus(SUNDAY, 5 * MINUTE))
      await now.change(id, { Enabled: false })
      await now.until(plus(SUNDAY, 6 * HOUR))
      await serving.stop()
    })
    expect(then.all('WindowNarrowed').map(({ event: { why } }) => why)).toEqual([expect.stringMatching(/was disabled$/)])
    const narrowedAt = then.all('WindowNarrowed')[0]?.at ?? START
    expect(narrowedAt).toBeLessThanOrEqual(plus(SUNDAY, 15 * MINUTE))
    expect(then.begun().filter((at) => at > narrowedAt)).toEqual([])
    expect(then.changes().length).toBeGreaterThan(0)
    expect(then.changes().length).toBeLessThan(4)
    expect(await then.outcomes()).toEqual(['rollout stopped'])
  })

  it('that is deleted is told, and the others go on', async () => {
    const then = await served(async (one, id) => {
      one.shelf.put(weekly('other'))
      const serving = await one.start()
      await one.until(plus(START, DAY))
      await one.remove(id)
      await one.until(plus(SUNDAY, 6 * HOUR))
      expect(serving.service.view().troubles.join()).toContain('native: aws.missing')
      await serving.stop()
    })
    expect((await then.stage.store.runs()).map(({ runbook: name, outcome }) => [name, outcome])).toEqual([['other', 'succeeded']])
    expect(then.stage.warnings.length).toBeLessThan(100)
  })
})

describe('runbook files', () => {
  it('of one name: the second is told, and the first goes on', async () => {
    const then = await attack([weekly('weekly')], async (one) => {
      const serving = await one.start({ start: instantRuns })
      await one.until(plus(START, HOUR))
      const [file] = one.shelf.files
      if (file) one.shelf.files = [file, { ...file, file: 'runbooks/zz-copy.yaml', digest: 'copy' }]
      await one.until(plus(START, 2 * HOUR))
      expect(serving.service.view().runbooks.map(({ file: path, problem }) => [path, problem])).toEqual([
        ['runbooks/weekly.yaml', null],
        ['runbooks/zz-copy.yaml', expect.stringContaining('has the name weekly already')],
      ])
      await one.until(plus(SUNDAY, HOUR))
      await serving.stop()
    })
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })

  it('that get another name, or come under another one, lose and double nothing', async () => {
    const then = await attack([weekly('weekly')], async (one) => {
      const serving = await one.start({ start: instantRuns })
      await one.until(plus(SUNDAY, HOUR))
      one.shelf.files = one.shelf.files.map((file) => ({ ...file, file: 'runbooks/moved.yaml' }))
      await one.until(plus(SUNDAY, 7 * DAY + HOUR))
      const named = weekly('renamed')
      one.shelf.files = one.shelf.files.map((file) => ({ ...file, name: 'renamed', digest: 'renamed', runbook: named }))
      await one.until(plus(SUNDAY, 14 * DAY + HOUR))
      await serving.stop()
    })
    expect((await then.stage.store.runs()).map(({ runbook: name }) => name)).toEqual(['weekly', 'weekly', 'renamed'])
    expect(await then.logbook('weekly', 'file')).toEqual([
      'RunbookTaken runbooks/weekly.yaml',
      'RunbookGone runbooks/weekly.yaml',
      'RunbookTaken runbooks/moved.yaml',
      'RunbookGone runbooks/moved.yaml',
    ])
  })

  it('whose schedule changed while nobody served begin nothing of what lies before', async () => {
    const hourly = runbook('weekly', { window: '{ schedule: "cron(0 * * * ? *)", duration: 30m, late: 20m }', baseline: 'none' })
    const then = await attack([weekly('weekly')], async (one) => {
      const first = await one.start({ start: instantRuns })
      await one.until(plus(START, HOUR))
      await first.stop()
      one.shelf.put(hourly, 'hourly')
      await one.until(plus(START, 5 * HOUR + 10 * MINUTE))
      const second = await one.start({ start: instantRuns })
      await one.until(plus(START, 6 * HOUR + 10 * MINUTE))
      await second.stop()
    })
    const rows = await then.stage.store.runs()
    expect(rows.map(({ requestedAt }) => iso(requestedAt))).toEqual([iso(plus(START, 6 * HOUR - 15 * MINUTE))])
    expect(await missed(then.stage, 'weekly')).toEqual([])
  })
})

describe('the rollout of an opening whose plan people may approve for longer than its trial’s lead', () => {
  // prettier-ignore
  it.each([
    ['that is begun at once',        -DAY,                           -DAY],
    ['that AWS refuses for a while', -12 * HOUR,                     -12 * HOUR],
    ['that AWS refuses up to it',    HOUR,                           -15 * MINUTE],
  ])('comes after a trial %s', async (_, refusedUntil, rolloutAt) => {
    const of = runbook('weekly', { ...TESTED, window: `{ ${WINDOW} }`, approval: '{ group: sre-leads, expires: 2d }', limit: '{ share: 100% }' })
    const started: [act: string, at: Ms][] = []
    await attack([of], async (one) => {
      const start = (world: World): Starter => {
        const runs = instantRuns(world)
        return (due, held) => {
          if (due.act === 'trial' && one.now < plus(SUNDAY, refusedUntil))
            return Promise.reject(new PatchwaveError('aws.throttled', 'slow down', { hint: 'wait' }))
          if (due.opens === SUNDAY) started.push([due.act, Math.round((one.now - SUNDAY) / MINUTE) * MINUTE])
          return runs(due, held)
        }
      }
      const serving = await one.start({ start })
      await one.until(plus(SUNDAY, HOUR / 2))
      await serving.stop()
    })
    const trial = refusedUntil < 0 ? [['trial', refusedUntil]] : []
    expect(started).toEqual([...trial, ['rollout', rolloutAt]])
  })
})
