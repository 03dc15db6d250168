import { expect, it } from 'vitest'
import type { FeedbackRule } from '../../src/core/runbook/runbook.ts'
import { Bulletin } from '../../src/engine/bulletin.ts'
import { HOUR, plus } from '../../src/kit/instant.ts'
import { fleet, group } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'

it('what a schedule tells is numbered upwards without holes, also when its file asks for another detail', async () => {
  const stage = new Stage({ fleet: fleet([group('prod-us', 1)]) })
  await stage.run(async () => {
    const { world } = await stage.start()
    for (const detail of ['node', 'run', 'wave', 'node'] as const) {
      const rule: FeedbackRule = { queue: 'patchwave-feedback.fifo', detail }
      const bulletin = new Bulletin(world, { kind: 'schedule', id: 'engine-1' }, () => rule, new AbortController().signal)
      await bulletin.write('weekly', { type: 'RunbookTaken', file: 'weekly.yaml', digest: detail })
      const opens = stage.clock.now()
      await bulletin.write('weekly', { type: 'WindowMissed', act: 'rollout', opens, until: opens, count: 1, reason: 'late' })
      await bulletin.settled()
      await stage.clock.sleep(plus(stage.clock.now(), HOUR))
    }
  })
  const told = (await stage.run(() => stage.feedback())).map((body) => JSON.parse(body) as { n: number; type: string })
  expect(told.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(told.filter(({ type }) => type === 'patchwave.window.missed.v1').map(({ n }) => n)).toEqual([2, 4, 6, 8])
})
