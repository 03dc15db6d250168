import { describe, expect, it } from 'vitest'
import { DAY, HOUR, MINUTE, plus, type Instant } from '../../src/kit/instant.ts'
import type { Starter } from '../../src/engine/scheduler.ts'
import type { World } from '../../src/engine/world.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { runbook } from '../scenarios/documents.ts'
import { attack, SUNDAY, WINDOW } from './attack-stage.ts'
import { instantRuns, missed } from './serving.ts'

const weekly = (name: string, more = '', sections = {}): Runbook =>
  runbook(name, { window: `{ ${WINDOW}${more} }`, limit: '{ share: 100% }', ...sections })

describe('a window that is short for its jitter', () => {
  it('still begins, however late the draw', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const short = (name: string): Runbook =>
      runbook(name, { window: '{ schedule: "cron(0 3 ? * SUN *)", duration: 53m, cutoff: 1m, jitter: 51m }', limit: '{ share: 100% }' })
    const then = await attack(names.map(short), async (one) => {
      const serving = await one.start()
      await one.until(plus(SUNDAY, 2 * HOUR))
      await serving.stop()
    })
    const opened = then.all('WindowOpened').map(({ at }) => at)
    expect(opened.length).toBe(names.length)
    expect(opened.some((at) => at > plus(SUNDAY, 35 * MINUTE))).toBe(true)
  })
})

describe('a runbook that is given another calendar after a run for the old one was requested ahead', () => {
  const ahead = { approval: '{ group: sre-leads, expires: 72h }' }
  const saturday = runbook('weekly', { window: '{ schedule: "cron(0 3 ? * SAT *)", duration: 6h }', limit: '{ share: 100% }', ...ahead })

  const prompt = runbook('weekly', { window: '{ schedule: "cron(0 3 ? * SAT *)", duration: 6h }', limit: '{ share: 100% }' })

  it('starts the openings that come before that one', async () => {
    const then = await attack([weekly('weekly', '', ahead)], async (one) => {
      const serving = await one.start({ start: instantRuns })
      await one.until(plus(SUNDAY, -2 * DAY))
      one.shelf.put(saturday, 'second')
      await one.until(plus(SUNDAY, DAY))
      await serving.stop()
    })
    const taken = (opens: Instant) => then.stage.store.openingOf('weekly', 'rollout', opens)
    expect([await taken(SUNDAY), await taken(plus(SUNDAY, -DAY))]).toEqual([expect.any(String), expect.any(String)])
  })

  it('does so also where they are due later, and the file is changed while that run is being planned', async () => {
    const then = await attack([weekly('weekly', '', ahead)], async (one) => {
      const slow =
        (world: World): Starter =>
        async (due, held) => {
          if (due.opens === SUNDAY) await one.until(plus(SUNDAY, -2 * DAY))
          return instantRuns(world)(due, held)
        }
      await one.until(plus(SUNDAY, -3 * DAY - MINUTE))
      const serving = await one.start({ start: slow })
      await one.until(plus(SUNDAY, -2 * DAY - HOUR))
      one.shelf.put(prompt, 'second')
      await one.until(plus(SUNDAY, DAY))
      await serving.stop()
    })
    const taken = (opens: Instant) => then.stage.store.openingOf('weekly', 'rollout', opens)
    expect([await taken(SUNDAY), await taken(plus(SUNDAY, -DAY))]).toEqual([expect.any(String), expect.any(String)])
  })
})

describe('a service that is stopped while it plans a late run', () => {
  it('tells nothing as missed: the next one starts it', async () => {
    const then = await attack([weekly('weekly', ', late: 2h')], async (one) => {
      const stopped = new AbortController()
      const cut: (world: World) => Starter = (world) => async () => {
        await world.clock.sleep(plus(SUNDAY, DAY), stopped.signal)
        throw new PatchwaveError('aws.denied', 'CredentialsProviderError: the request was aborted', { hint: 'x' })
      }
      await one.until(plus(SUNDAY, -HOUR))
      const first = await one.start({ start: cut })
      await one.until(plus(SUNDAY, HOUR))
      const ended = first.stop()
      stopped.abort()
      await ended
      const next = await one.start({ start: instantRuns })
      await one.until(plus(SUNDAY, 2 * HOUR))
      await next.stop()
    })
    expect(await missed(then.stage, 'weekly')).toEqual([])
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
  })
})
