import { expect, it } from 'vitest'
import { undo } from '../../src/engine/undo.ts'
import { known } from '../../src/kit/assert.ts'
import { fleet, group, runbook } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'

it('two people who undo the same run at once get one run; who asks when it has ended gets another one', async () => {
  const stage = new Stage({ fleet: fleet([group('prod-us', 2)]) })
  const of = runbook('undone', { waves: '[{ name: all, take: rest, gate: { bake: 0s } }]' })
  await stage.run(async () => {
    const processes = [await stage.start(), await stage.start()]
    const [first] = processes
    const { ended } = await stage.acts(known(first, 'a process'), of)
    const row = known(await stage.store.run(known(ended[0], 'the end').run), 'the row')
    const asked = await Promise.all(
      processes.map(({ world, rehearsal }) => undo(world, row, () => Promise.resolve(rehearsal.requester), 'sick')),
    )
    expect(new Set(asked.map(({ run }) => run)).size).toBe(1)
    expect(asked.filter(({ plan }) => plan !== null)).toHaveLength(1)
    await stage.acts(known(first, 'a process'), of)
    const { world, rehearsal } = known(first, 'a process')
    const again = await undo(world, row, () => Promise.resolve(rehearsal.requester), 'sick')
    expect(asked.map(({ run }) => run)).not.toContain(again.run)
  })
  expect(await stage.runs()).toHaveLength(3)
})
