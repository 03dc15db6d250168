import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { DAY, HOUR, iso, MINUTE, parseInstant, plus, type Instant } from '../../src/kit/instant.ts'
import type { Fact } from '../../src/core/run/event.ts'
import type { RunState } from '../../src/core/run/state.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { Service } from '../../src/engine/service.ts'
import { fleet, group, runbook, TESTED } from '../scenarios/documents.ts'
import { Stage, type EngineProcess } from '../scenarios/stage.ts'
import { missed, serve, Shelf } from './serving.ts'

/** A Thursday; the Sundays after it are the 4th and the 11th. */
const FLEET = fleet([group('staging', 2), group('prod-us', 6)])
const SUNDAY = known(parseInstant('2026-01-04T03:00:00Z'), 'a Sunday')
const WINDOW = 'schedule: "cron(0 3 ? * SUN *)", duration: 6h, cutoff: 1h'

type Heard = Readonly<{ run: string; at: Instant; type: Fact['event']['type']; event: Fact['event'] }>

/** A served store: what its runs record is heard, and whoever is asked approves. */
class Served {
  readonly stage: Stage
  readonly shelf = new Shelf()
  readonly heard: Heard[] = []
  service: Service | undefined
  process: EngineProcess | undefined
  approving = true
  #stop = new AbortController()
  #serving: Promise<void> = Promise.resolve()

  constructor(...runbooks: readonly Runbook[]) {
    this.stage = new Stage({ fleet: FLEET })
    for (const one of runbooks) this.shelf.put(one)
  }

  async start(): Promise<void> {
    this.#stop = new AbortController()
    this.process = await this.stage.start()
    this.service = serve(this.process, this.shelf, {
      beatMs: 10 * MINUTE,
      signal: this.#stop.signal,
      listen: (state, fact) => this.#hear(state, fact),
    })
    this.#serving = this.service.run()
    this.#serving.catch(() => undefined)
  }

  /** Serves until then. */
  async until(at: Instant): Promise<void> {
    await this.stage.clock.sleep(at)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#serving
  }

  kill(): void {
    this.process?.life.kill()
  }

  when(type: Heard['type']): string[] {
    return this.heard.flatMap((one) => (one.type === type ? [iso(one.at)] : []))
  }

  #hear(state: RunState, { at, event }: Fact): void {
    this.heard.push({ run: state.run, at, type: event.type, event })
    if (event.type !== 'ApprovalAsked' || !this.approving) return
    for (let person = 1; person <= event.count; person++)
      void this.stage.steer(state.run, { what: 'approve', by: `rehearsal:${event.group}/${String(person)}` })
  }
}

/** Serves these runbooks from the first of January on, and stops cleanly in the end. */
async function served(runbooks: readonly Runbook[], play: (served: Served) => Promise<void>): Promise<Served> {
  const one = new Served(...runbooks)
  await one.stage.run(async () => {
    await one.start()
    await play(one)
    await one.stop()
  })
  return one
}

const outcomes = async ({ stage }: Served): Promise<string[]> =>
  (await stage.store.runs()).map(({ act, outcome }) => `${act} ${outcome ?? 'unfinished'}`)

describe('serve', () => {
  it('tries a lead ahead, has the baselines approved, and rolls out in the window, week after week', async () => {
    const tested = runbook('monthly', {
      ...TESTED,
      window: `{ ${WINDOW} }`,
      baseline: '{ maxAge: 14d, approval: { group: sre-leads, count: 1, expires: 12h } }',
      limit: '{ share: 100% }',
    })
    const then = await served([tested], (one) => one.until(plus(SUNDAY, 8 * DAY)))
    expect(await outcomes(then)).toEqual(['trial succeeded', 'rollout succeeded', 'trial succeeded', 'rollout succeeded'])
    const opened = then.heard.flatMap(({ type, at, event }) =>
      type === 'WindowOpened' && 'opens' in event ? [[iso(at), iso(event.opens)]] : [],
    )
    expect(opened.map(([at]) => at)).toEqual([
      '2026-01-03T03:00:00.000Z',
      '2026-01-04T03:00:00.000Z',
      '2026-01-10T03:00:00.000Z',
      '2026-01-11T03:00:00.000Z',
    ])
    expect(await missed(then.stage, 'monthly')).toEqual([])
    expect(then.service?.view().next.map(({ act, due }) => [act, iso(due)])).toEqual([
      ['trial', '2026-01-17T03:00:00.000Z'],
      ['rollout', '2026-01-18T02:45:00.000Z'],
    ])
  })

  it('tells a window that nobody approved the baselines for', async () => {
    const tested = runbook('monthly', {
      ...TESTED,
      window: `{ ${WINDOW} }`,
      baseline: '{ maxAge: 14d, approval: { group: sre-leads, count: 1, expires: 7d } }',
      limit: '{ share: 100% }',
      feedback: '{ queue: patchwave-feedback.fifo }',
    })
    const then = await served([tested], async (one) => {
      one.approving = false
      await one.until(plus(SUNDAY, HOUR))
    })
    expect(await missed(then.stage, 'monthly')).toEqual([{ first: SUNDAY, last: SUNDAY, count: 1, reason: 'not-approved' }])
    const told = await then.stage.run(() => then.stage.feedback())
    const messages = told.map((body) => JSON.parse(body) as { type: string; subject: string; data: { reason: string } })
    expect(messages.filter(({ type }) => type === 'patchwave.window.missed.v1')).toMatchObject([
      { subject: 'schedule:monthly', data: { reason: 'not-approved', act: 'rollout' } },
    ])
  })

  it('goes on after a kill in the middle of a window', async () => {
    const one = runbook('weekly', { window: `{ ${WINDOW} }`, limit: '{ share: 100% }' })
    const then = new Served(one)
    await then.stage.run(async () => {
      await then.start()
      await then.until(plus(SUNDAY, 12 * MINUTE))
      then.kill()
      await then.until(plus(SUNDAY, 20 * MINUTE))
      await then.start()
      await then.until(plus(SUNDAY, 6 * HOUR))
      await then.stop()
    })
    expect(await outcomes(then)).toEqual(['rollout succeeded'])
    expect(then.when('DriverTook').length).toBeGreaterThan(1)
    const changed = then.stage.sandbox.ledger().filter(({ document }) => document === 'Patchwave-Apply')
    expect(new Set(changed.map(({ node }) => node)).size).toBe(changed.length)
  })

  it('stops cleanly in the middle of a window, and another process ends what was begun', async () => {
    const one = runbook('weekly', { window: `{ ${WINDOW} }`, limit: '{ share: 100% }' })
    const then = await served([one], async (first) => {
      await first.until(plus(SUNDAY, 12 * MINUTE))
      await first.stop()
      expect((await first.stage.store.runs()).map(({ outcome }) => outcome)).toEqual([null])
      await first.start()
      await first.until(plus(SUNDAY, 6 * HOUR))
    })
    expect(await outcomes(then)).toEqual(['rollout succeeded'])
  })

  it('serves the others while one runbook cannot even be planned', async () => {
    const empty = runbook('empty', {
      window: `{ ${WINDOW} }`,
      scope: '{ accounts: [prod-us], regions: [us-east-1], match: { tags: { No: one } } }',
    })
    const good = runbook('good', { window: `{ ${WINDOW} }`, limit: '{ share: 100% }' })
    const then = await served([empty, good], async (one) => {
      await one.until(plus(SUNDAY, -10 * MINUTE))
      expect(one.service?.view().troubles.join()).toContain('plan.empty')
      await one.until(plus(SUNDAY, 5 * HOUR))
    })
    expect(await outcomes(then)).toEqual(['rollout succeeded'])
    expect((await missed(then.stage, 'empty')).map(({ reason }) => reason)).toEqual([expect.stringContaining('plan.empty')])
  })

  it('keeps the last valid version of a file, and takes a new one', async () => {
    const one = runbook('weekly', { window: `{ ${WINDOW} }`, limit: '{ share: 100% }' })
    const later = runbook('weekly', { window: '{ schedule: "cron(0 12 ? * SUN *)", duration: 6h }', limit: '{ share: 100% }' })
    const then = await served([one], async (now) => {
      await now.until(plus(SUNDAY, -DAY))
      now.shelf.spoil('weekly')
      await now.until(plus(SUNDAY, -HOUR))
      expect(now.service?.view().runbooks).toMatchObject([
        { name: 'weekly', digest: 'first', problem: expect.stringContaining('windwo') as string },
      ])
      await now.until(plus(SUNDAY, DAY))
      now.shelf.put(later, 'second')
      await now.until(plus(SUNDAY, 7 * DAY + 18 * HOUR))
      now.shelf.remove('weekly')
      await now.until(plus(SUNDAY, 15 * DAY))
      expect(now.service?.view().next).toEqual([])
    })
    expect(then.when('WindowOpened')).toEqual(['2026-01-04T03:00:00.000Z', '2026-01-11T12:00:00.000Z'])
    const types: string[] = []
    for (const { type } of await then.stage.entries('schedule:weekly')) types.push(type)
    expect(types).toEqual(['RunbookTaken', 'RunbookKept', 'RunbookTaken', 'RunbookGone'])
  })
})

describe('a freeze', () => {
  const weekly = (freeze: string, more = ''): Runbook =>
    runbook('weekly', { window: `{ ${WINDOW}, freezes: [${freeze}]${more} }`, limit: '{ share: 100% }' })

  it('over the whole window is told as missed, and nothing is touched', async () => {
    const then = await served([weekly('{ from: 2026-01-01, to: 2026-01-04 }')], (one) => one.until(plus(SUNDAY, 10 * HOUR)))
    expect((await missed(then.stage, 'weekly')).map(({ reason }) => reason)).toEqual([expect.stringContaining('frozen: ')])
    expect(then.stage.sandbox.ledger().filter(({ document }) => document === 'Patchwave-Apply')).toEqual([])
  })

  it('over its beginning puts the first wave off to its end', async () => {
    const then = await served([weekly('{ from: 2026-01-03T00:00:00Z, to: 2026-01-04T04:30:00Z }')], (one) =>
      one.until(plus(SUNDAY, 10 * HOUR)),
    )
    expect(then.when('WaveStarted')[0]).toBe('2026-01-04T04:30:00.000Z')
    expect(await outcomes(then)).toEqual(['rollout succeeded'])
  })

  it('that begins in the middle of the window holds what has not started', async () => {
    const then = await served([weekly('{ from: 2026-01-04T03:05:00Z, to: 2026-01-04T05:00:00Z }')], (one) =>
      one.until(plus(SUNDAY, 10 * HOUR)),
    )
    const began = then.stage.sandbox
      .ledger()
      .flatMap(({ document, startedAt }) => (document === 'Patchwave-Apply' ? [Date.parse(startedAt)] : []))
    const inside = began.filter((at) => at >= Date.parse('2026-01-04T03:05:00Z') && at < Date.parse('2026-01-04T05:00:00Z'))
    expect(began.length).toBe(6)
    expect(inside).toEqual([])
    expect(await outcomes(then)).toEqual(['rollout succeeded'])
  })
})

describe('runbooks that meet', () => {
  it('share their nodes: both end, and no node is in two hands', async () => {
    const both = ['first', 'second'].map((name) =>
      runbook(name, { window: `{ ${WINDOW} }`, limit: '{ share: 100% }', disruption: '[{ per: image, atMost: 2 }]' }),
    )
    const then = await served(both, (one) => one.until(plus(SUNDAY, 8 * HOUR)))
    expect((await outcomes(then)).every((one) => one === 'rollout succeeded')).toBe(true)
    expect((await outcomes(then)).length).toBe(2)
    const worst = Math.max(
      ...then.stage.sandbox
        .ledger()
        .flatMap((row) => Object.entries(row.inFlightInGroup).flatMap(([key, count]) => (key.startsWith('image') ? [count] : []))),
    )
    expect(worst).toBeLessThanOrEqual(2)
  })

  it('with itself: skip misses the next window, and cancel-running ends the last run first', async () => {
    const slow = (overlap: string): Runbook =>
      runbook('often', {
        window: `{ schedule: "cron(0 3/2 ? * SUN *)", duration: 110m, overlap: ${overlap}, late: 10m }`,
        limit: '{ share: 100% }',
        waves: '[{ name: canary, take: 1, gate: { bake: 90m } }, { name: broad, take: rest, gate: { bake: 100m } }]',
      })
    const skipped = await served([slow('skip')], (one) => one.until(plus(SUNDAY, 4 * HOUR)))
    expect((await missed(skipped.stage, 'often')).map(({ first, reason }) => [iso(first), reason])).toContainEqual([
      '2026-01-04T05:00:00.000Z',
      'overlap',
    ])
    const cancelled = await served([slow('cancel-running')], (one) => one.until(plus(SUNDAY, 4 * HOUR)))
    expect((await outcomes(cancelled)).slice(0, 1)).toEqual(['rollout aborted'])
    expect(cancelled.when('AbortAsked')).toHaveLength(1)
  })
})
