import { describe, expect, it } from 'vitest'
import { HeldRunbooks } from '../../src/engine/held-runbooks.ts'
import { planRollout } from '../../src/engine/planning.ts'
import { requestRun } from '../../src/engine/request.ts'
import { starterOf, type Scheduled } from '../../src/engine/starter.ts'
import { triggerStarter } from '../../src/engine/trigger-start.ts'
import type { World } from '../../src/engine/world.ts'
import { known } from '../../src/kit/assert.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { DAY, HOUR, MINUTE, plus } from '../../src/kit/instant.ts'
import { fleet, group, runbook } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'
import { attack, SUNDAY, WINDOW } from './attack-stage.ts'
import { instantRuns, missed, Shelf } from './serving.ts'

const of = runbook('weekly', { window: `{ ${WINDOW} }`, limit: '{ share: 100% }' })
const signal = new AbortController().signal

/** A stage on which somebody else begins a run of the runbook while this one's fleet is being read. */
async function outrun(work: (world: World, stage: Stage, first: () => string) => Promise<void>): Promise<Stage> {
  const stage = new Stage({ fleet: fleet([group('prod-us', 2)]) })
  await stage.run(async () => {
    const { world, rehearsal } = await stage.start()
    const plan = await planRollout(world, { runbook: of, inputs: {}, now: true }, signal)
    let first: string | null = null
    const beaten: World['fleet'] = {
      ...world.fleet,
      census: async function* (...asked) {
        first ??= await requestRun(world, { plan, actor: rehearsal.requester, reason: 'first', now: true, trial: null })
        yield* world.fleet.census(...asked)
      },
    }
    await work({ ...world, fleet: beaten }, stage, () => known(first ?? undefined, 'the first run'))
  })
  return stage
}

describe('a run of the same runbook that somebody begins while another one is planned', () => {
  it('is not run beside by what a trigger asks for: that waits', async () => {
    const shelf = new Shelf()
    shelf.put(of)
    const stage = await outrun(async (world) => {
      const held = new HeldRunbooks(world, shelf, { write: () => Promise.resolve() })
      await held.reload()
      const trigger = { id: 'one', runbook: 'weekly', reason: 'CVE', inputs: {}, now: true }
      const asked = triggerStarter(world, held, shelf, signal)(trigger, { kind: 'message', id: 'AIDA' })
      await expect(asked).rejects.toMatchObject({ code: 'store.busy' })
    })
    expect(await stage.runs()).toHaveLength(1)
  })

  it('is not run beside by the schedule: its `overlap` decides', async () => {
    const stage = await outrun(async (world) => {
      const due = {
        act: 'rollout',
        at: plus(SUNDAY, -DAY),
        opens: SUNDAY,
        cutoff: plus(SUNDAY, HOUR),
        closes: plus(SUNDAY, 2 * HOUR),
      } as const
      const scheduled = { ...of, window: known(of.window ?? undefined, 'the window') }
      const held: Scheduled = { name: 'weekly', file: 'weekly.yaml', digest: 'x', runbook: scheduled, asks: [], problem: null }
      await expect(starterOf(world, signal)(due, held)).rejects.toMatchObject({ code: 'store.busy' })
      expect(await world.store.openingOf('weekly', 'rollout', SUNDAY)).toBeUndefined()
    })
    expect(await stage.runs()).toHaveLength(1)
  })

  it('is gone on with by who asks for one by hand', async () => {
    const begun: string[] = []
    let first = ''
    const stage = await outrun(async (world, one, other) => {
      const process = { ...(await one.start()), world }
      const { ended } = await one.acts(process, of, { now: true, begins: (run) => void begun.push(run) })
      first = other()
      expect(ended.map(({ outcome }) => outcome)).toEqual(['succeeded'])
    })
    expect([await stage.runs(), begun]).toEqual([[first], [first]])
  })
})

describe('an opening that one of two services could use', () => {
  it('is not told as missed because the other one could not', async () => {
    const then = await attack([of], async (one) => {
      const able = await one.start({
        start: (world) => async (due, held) => {
          await one.until(plus(due.opens, MINUTE))
          return instantRuns(world)(due, held)
        },
      })
      const unable = await one.start({
        start: () => async (due) => {
          await one.until(plus(due.opens, 2 * MINUTE))
          throw new PatchwaveError('input.invalid', 'a mistake', { hint: 'x' })
        },
      })
      await one.until(plus(SUNDAY, 4 * HOUR))
      await Promise.all([able.stop(), unable.stop()])
    })
    expect(await then.outcomes()).toEqual(['rollout succeeded'])
    expect(await missed(then.stage, 'weekly')).toEqual([])
  })
})
