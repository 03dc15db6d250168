import { describe, expect, it } from 'vitest'
import { MINUTE } from '../../src/kit/instant.ts'
import { seeded, shuffled } from '../../src/kit/random.ts'
import { faults, fleet, group, runbook, TESTED } from '../scenarios/documents.ts'
import { faultsFound } from '../scenarios/holds.ts'
import { play, type Crash, type Scene } from './play.ts'

const SCENE: Scene = {
  name: 'a trial that fails and looks for its culprit, and the rollout of the rest',
  fleet: fleet([group('staging', 2), group('prod-us', 1)]),
  faults: faults('packages: [{ match: pam, breaks: health }]'),
  runbook: runbook('isolated', {
    ...TESTED,
    patches: '{ approve: [{ names: [pam, expat, sudo] }], reboot: never }',
    test: '{ match: { tags: { Env: staging } }, lead: 3d, perAmi: 2, soak: 10m, checks: [smoke], onFailure: isolate }',
  }),
}

const EVERY_POINT = process.env['CRASH'] === 'all'

describe(`a crash in ${SCENE.name}`, { timeout: EVERY_POINT ? 15 * MINUTE : MINUTE }, () => {
  it('changes nothing in the end, wherever it happens', async ({ annotate }) => {
    const calm = await play(SCENE)
    expect(calm.result.outcome).toBe('succeeded')
    const points = Array.from({ length: calm.appends }, (_, index) => index + 1).flatMap((number): Crash[] => [
      { of: 'append', number, side: 'before' },
      { of: 'append', number, side: 'after' },
    ])
    const chosen = EVERY_POINT ? points : shuffled(points, seeded(SCENE.name)).slice(0, 6)
    await annotate(`${String(chosen.length)} of ${String(points.length)} crash points`)
    for (const crash of chosen) {
      const at = `${crash.side} ${crash.of} ${String(crash.number)}`
      const { stage, result, crashed } = await play(SCENE, crash)
      expect(crashed, at).toBe(true)
      expect(result, at).toEqual(calm.result)
      expect(await faultsFound(stage, { calm: true, powerLosses: false }), at).toEqual([])
    }
  })
})
