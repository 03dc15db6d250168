import { describe, expect, it } from 'vitest'
import { DAY, HOUR, instant, iso, MINUTE, plus, SECOND, type Instant, type Ms } from '../../src/kit/instant.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { runActs } from '../../src/engine/acts.ts'
import { conduct } from '../../src/engine/conduct.ts'
import type { Listener } from '../../src/engine/journal.ts'
import { planRollout } from '../../src/engine/planning.ts'
import { requestRun } from '../../src/engine/request.ts'
import type { World } from '../../src/engine/world.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { faults, fleet, group, runbook } from '../scenarios/documents.ts'
import { faultsFound } from '../scenarios/holds.ts'
import { attack, event, ics, SUNDAY, WINDOW, type Attack, type Serving } from './attack-stage.ts'
import { missed } from './serving.ts'

const ONE_BY_ONE = '[{ name: all, take: rest, concurrency: 1, gate: { bake: 1m } }]'
const FILE = 'config/freeze.ics'

const frozen = (more = '', sections = {}): Runbook =>
  runbook('weekly', { window: `{ ${WINDOW}, freezes: [${FILE}]${more} }`, limit: '{ share: 100% }', waves: ONE_BY_ONE, ...sections })

/** A Change Calendar that answers slowly. */
const changeCalendar =
  (closed: Readonly<{ from: Instant; to: Instant }>, afterMs: Ms) =>
  (world: World): World => ({
    ...world,
    calendars: {
      ...world.calendars,
      state: async (_cell, _names, at) => {
        await world.clock.sleep(plus(world.clock.now(), afterMs))
        if (at >= closed.to) return { open: true, until: null }
        return at < closed.from ? { open: true, until: closed.from } : { open: false, until: closed.to }
      },
    },
  })

const ssm = (sections = {}): Runbook =>
  runbook('weekly', { window: `{ ${WINDOW}, freezes: ["ssm:Changes"] }`, limit: '{ share: 100% }', waves: ONE_BY_ONE, ...sections })

const from = (at: Instant, begun: readonly Instant[]): string[] => begun.filter((one) => one >= at).map(iso)

/** Nothing began from one instant to another, and every invariant holds. */
async function heldBetween(then: Attack, since: Instant, until: Instant): Promise<void> {
  expect(
    then
      .begun()
      .filter((at) => at >= since && at < until)
      .map(iso),
  ).toEqual([])
  expect(await faultsFound(then.stage)).toEqual([])
}

describe('a calendar that answers slowly', () => {
  it('when the window ends is read again for the next one, by the same driver', async () => {
    const slow = runbook('weekly', {
      window: '{ schedule: "cron(0 3 ? * SUN *)", duration: 1h, cutoff: 30m, unfinished: next-window, freezes: ["ssm:Changes"] }',
      waves: ONE_BY_ONE,
    })
    const then = await attack(
      [],
      async (one) => {
        const process = await one.stage.start()
        const { signal } = new AbortController()
        const world = changeCalendar({ from: plus(SUNDAY, 30 * DAY), to: plus(SUNDAY, 31 * DAY) }, 4 * MINUTE)(process.world)
        const plan = await planRollout(world, { runbook: slow, inputs: {}, now: false }, signal)
        const run = await requestRun(world, { plan, actor: process.rehearsal.requester, reason: 'by hand', now: false, trial: null })
        const listen: Listener = (state, fact) => one.hear(state, fact)
        await Promise.race([conduct(world, run, { listen, signal }), one.until(plus(SUNDAY, 50 * DAY))])
      },
      { fleet: fleet([group('prod-us', 12)]) },
    )
    expect([then.all('WindowEnded').length, then.all('WindowMissed').length]).toEqual([2, 0])
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })
})

describe('a freeze that is declared', () => {
  it('while the window is open holds within five minutes', async () => {
    const declaredAt = plus(SUNDAY, 12 * MINUTE)
    const then = await attack([frozen()], async (one) => {
      one.files.set(FILE, ics())
      const serving = await one.start()
      await one.until(declaredAt)
      one.files.set(FILE, ics(event(declaredAt, plus(SUNDAY, 3 * HOUR))))
      await one.until(plus(SUNDAY, 6 * HOUR))
      await serving.stop()
    })
    await heldBetween(then, plus(declaredAt, 5 * MINUTE), plus(SUNDAY, 3 * HOUR))
    expect(from(plus(SUNDAY, 3 * HOUR), then.begun()).length).toBeGreaterThan(0)
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })

  it('while nobody drives the run holds what an approval would let begin', async () => {
    const GATED =
      '[{ name: canary, take: 1, gate: { bake: 1m, approval: { group: sre-leads, expires: 5h } } }, { name: rest, take: rest, gate: { bake: 1m } }]'
    const approvedAt = plus(SUNDAY, 2 * HOUR)
    const closed = { from: plus(SUNDAY, 9 * HOUR), to: plus(SUNDAY, 9 * HOUR) }
    const then = await attack([ssm({ waves: GATED })], async (one) => {
      one.answering = ({ at }) => approvedAt - at
      const serving = await one.start({ with: changeCalendar(closed, 20 * SECOND) })
      await one.until(plus(SUNDAY, HOUR))
      Object.assign(closed, { from: plus(SUNDAY, 30 * MINUTE), to: plus(SUNDAY, 4 * HOUR) })
      await one.until(plus(SUNDAY, 7 * HOUR))
      await serving.stop()
    })
    expect(then.all('ApprovalGiven').length).toBe(1)
    await heldBetween(then, plus(SUNDAY, HOUR), plus(SUNDAY, 4 * HOUR))
    expect(from(plus(SUNDAY, 4 * HOUR), then.begun()).length).toBe(3)
  })

  it('while the driver is dead holds what the next one would begin', async () => {
    const closed = { from: plus(SUNDAY, 9 * HOUR), to: plus(SUNDAY, 9 * HOUR) }
    const then = await attack([ssm()], async (one) => {
      const first = await one.start({ with: changeCalendar(closed, SECOND) })
      await one.until(plus(SUNDAY, 12 * MINUTE))
      first.process.life.kill()
      Object.assign(closed, { from: plus(SUNDAY, 13 * MINUTE), to: plus(SUNDAY, 3 * HOUR) })
      await one.until(plus(SUNDAY, 40 * MINUTE))
      const second = await one.start({ with: changeCalendar(closed, 30 * SECOND) })
      await one.until(plus(SUNDAY, 6 * HOUR))
      await second.stop()
    })
    await heldBetween(then, plus(SUNDAY, 20 * MINUTE), plus(SUNDAY, 3 * HOUR))
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })

  it('and lifted again lets the run go on without its end', async () => {
    const then = await attack([frozen()], async (one) => {
      one.files.set(FILE, ics(event(plus(SUNDAY, -DAY), plus(SUNDAY, 4 * HOUR))))
      const serving = await one.start()
      await one.until(plus(SUNDAY, HOUR))
      expect(one.changes()).toEqual([])
      one.files.set(FILE, ics())
      await one.until(plus(SUNDAY, 3 * HOUR))
      await serving.stop()
    })
    expect(then.begun()[0]).toBeLessThan(plus(SUNDAY, HOUR + 15 * MINUTE))
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })
})

describe('a calendar that cannot be read', () => {
  it('holds, and lets go when it can be read again', async () => {
    const then = await attack([frozen()], async (one) => {
      one.files.set(FILE, ics())
      const serving = await one.start()
      await one.until(plus(SUNDAY, 5 * MINUTE))
      one.files.delete(FILE)
      await one.until(plus(SUNDAY, 2 * HOUR))
      one.files.set(FILE, ics())
      await one.until(plus(SUNDAY, 5 * HOUR))
      await serving.stop()
    })
    await heldBetween(then, plus(SUNDAY, 11 * MINUTE), plus(SUNDAY, 2 * HOUR))
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })

  it('all window long is told as missed with the reason', async () => {
    const then = await attack([frozen()], async (one) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, 7 * HOUR))
      await serving.stop()
    })
    expect(then.changes()).toEqual([])
    expect((await missed(then.stage, 'weekly')).map(({ reason }) => reason)).toEqual([expect.stringContaining('frozen: cannot be read')])
  })

  it('of AWS, slow and throttled: neither the schedule nor the run stands still', async () => {
    const then = await attack([ssm()], async (one) => {
      await one.changeCalendar('Changes')
      one.stage.sandbox.setFaults(faults('api: { latency: { median: 1s, p95: 5s } }'))
      const serving = await one.start()
      await one.until(plus(SUNDAY, 10 * MINUTE))
      one.stage.sandbox.setFaults(faults('api: { throttled: 70%, latency: { median: 4s, p95: 30s } }'))
      await one.until(plus(SUNDAY, 90 * MINUTE))
      one.stage.sandbox.setFaults(null)
      await one.until(plus(SUNDAY, 6 * HOUR))
      await serving.stop()
    })
    expect(await faultsFound(then.stage)).toEqual([])
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })
})

describe('a native window whose SSM does not answer', () => {
  it('does not keep freezes from being read', async () => {
    let away = false
    const closed = { from: plus(SUNDAY, 9 * HOUR), to: plus(SUNDAY, 9 * HOUR) }
    const then = await attack([], async (one) => {
      const id = await one.window()
      one.shelf.put(runbook('native', { window: `{ native: ${id}, freezes: ["ssm:Changes"] }`, limit: '{ share: 100% }', waves: ONE_BY_ONE })) // prettier-ignore
      const serving = await one.start({
        with: (world) => ({
          ...world,
          calendars: {
            ...changeCalendar(closed, SECOND)(world).calendars,
            window: (...args) =>
              away
                ? Promise.reject(new PatchwaveError('aws.denied', 'not any more', { hint: 'allow it' }))
                : world.calendars.window(...args),
          },
        }),
      })
      await one.until(plus(SUNDAY, 5 * MINUTE))
      away = true
      Object.assign(closed, { from: plus(SUNDAY, 5 * MINUTE), to: plus(SUNDAY, 3 * HOUR) })
      await one.until(plus(SUNDAY, 6 * HOUR))
      await serving.stop()
    })
    await heldBetween(then, plus(SUNDAY, 11 * MINUTE), plus(SUNDAY, 3 * HOUR))
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })
})

describe('a run that may break freezes', () => {
  async function emergency(one: Attack, { process }: Serving, of: Runbook): Promise<void> {
    const { world, rehearsal } = process
    const request = { runbook: of, inputs: {}, now: true, breakFreeze: true, reason: 'CVE-2026-1', actor: rehearsal.requester, plan: null }
    await runActs({ ...world, files: { text: (path) => Promise.resolve(one.files.get(path) ?? '') } }, request, {
      listen: (state, fact) => one.hear(state, fact),
      begins: () => undefined,
      signal: new AbortController().signal,
    })
  }

  it('begins in the freeze, and says so once', async () => {
    const then = await attack([], async (one) => {
      one.files.set(FILE, ics(event(plus(SUNDAY, -5 * DAY), plus(SUNDAY, DAY))))
      const serving = await one.start()
      await emergency(one, serving, frozen())
      await serving.stop()
    })
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
    expect(then.all('FreezeBroken').map(({ event: { why, reason } }) => [why, reason])).toEqual([['Inventory', 'CVE-2026-1']])
    expect(await faultsFound(then.stage)).toEqual([])
  })

  it.each([
    ['waits for those who must agree', (): number => 2 * HOUR, true],
    ['waits the freeze out where nobody agrees', (): null => null, false],
  ])('%s', async (_, answering, broken) => {
    const until = instant(Date.UTC(2026, 0, 1, 3))
    const rule = frozen(', breakFreeze: { group: sre-leads, count: 2, expires: 4h }')
    const then = await attack([], async (one) => {
      one.answering = answering
      one.files.set(FILE, ics(event(plus(SUNDAY, -4 * DAY), until)))
      const serving = await one.start()
      await emergency(one, serving, rule)
      await serving.stop()
    })
    expect(then.all('FreezeBroken').length).toBe(broken ? 1 : 0)
    if (!broken) await heldBetween(then, instant(0), until)
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })
})
