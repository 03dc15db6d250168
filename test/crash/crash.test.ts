import { describe, expect, it } from 'vitest'
import { HOUR, MINUTE } from '../../src/kit/instant.ts'
import { seeded, shuffled } from '../../src/kit/random.ts'
import { faults, fleet, group, runbook, TESTED } from '../scenarios/documents.ts'
import { faultsFound } from '../scenarios/holds.ts'
import { play, restartsAfter, type Crash, type Scene } from './play.ts'

const BREAKS = "packages: [{ match: 'openssl*', in: [prod-us], breaks: health, share: 100% }]"

const AROUND_SECTIONS = {
  hooks:
    '{ beforeNode: { script: /opt/app/bin/quiesce }, afterNode: { script: /opt/app/bin/warm }, onExit: { script: /opt/app/bin/open } }',
  drain: '{ targetGroups: auto, autoScaling: standby }',
  power: '{ stopped: start-and-restore }',
  backup: '{ method: snapshot, keep: 7d }',
}

const SMALL: Scene = {
  name: 'one wave of three nodes',
  fleet: fleet([group('prod-us', 3)]),
  faults: null,
  runbook: runbook('small', { waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]' }),
}

const BACK: Scene = {
  name: 'two waves, a gate that fails, and the way back',
  fleet: fleet([group('prod-us', 5)]),
  faults: faults(BREAKS),
  runbook: runbook('back', {
    waves:
      '[{ name: one, take: 2, concurrency: 1, gate: { bake: 1m } }, { name: two, take: rest, concurrency: 2, gate: { bake: 5m, checks: [smoke, agents] } }]',
    rollback: '{ scope: run }',
  }),
}

const TRIAL: Scene = {
  name: 'a trial, people, baselines, and the rollout',
  fleet: fleet([group('staging', 2), group('prod-us', 3)]),
  faults: null,
  runbook: runbook('trial', {
    ...TESTED,
    baseline: '{ maxAge: 14d, approval: { group: sre-leads, count: 2, expires: 24h } }',
    approval: '{ group: sre-leads, expires: 24h }',
  }),
}

/** Two nodes that serve and one that is stopped, with all that a runbook can put around a change. */
const AROUND: Scene = {
  name: 'a wave with steps around its changes',
  fleet: fleet([
    group('prod-us', 2, {
      targetGroups: [{ name: 'web', port: 80, drainMs: MINUTE }],
      autoScaling: { name: 'web', min: 0, max: null },
      dataVolumes: 1,
    }),
    group('prod-us', 1, { stopped: 1 }),
  ]),
  faults: null,
  runbook: runbook('around', {
    waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]',
    ...AROUND_SECTIONS,
  }),
}

/** How many of the crash points are played: all of the small scene, a sample of the others; `CRASH=all` plays every one. */
const SAMPLES: ReadonlyMap<Scene, number> = new Map([
  [SMALL, Infinity],
  [BACK, 16],
  [TRIAL, 12],
  [AROUND, 24],
])

const EVERY_POINT = process.env['CRASH'] === 'all'

describe.each([SMALL, BACK, TRIAL, AROUND])('a crash in $name', { timeout: EVERY_POINT ? 15 * MINUTE : MINUTE }, (scene) => {
  it('changes nothing in the end, wherever it happens', async ({ annotate }) => {
    const calm = await play(scene)
    const points = crashPoints(calm.appends, calm.sends)
    const chosen = EVERY_POINT ? points : shuffled(points, seeded(scene.name)).slice(0, SAMPLES.get(scene) ?? 0)
    await annotate(`${String(chosen.length)} of ${String(points.length)} crash points`)
    for (const crash of chosen) {
      const at = `${crash.side} ${crash.of} ${String(crash.number)}`
      const { stage, result, crashed } = await play(scene, crash)
      expect(crashed, at).toBe(true)
      // What was begun on a node so long ago has failed meanwhile: who was half prepared is put back, and not changed.
      const late = scene === AROUND && restartsAfter(crash) >= HOUR
      if (!late) expect(result, at).toEqual(calm.result)
      expect(await faultsFound(stage, { calm: true, powerLosses: false }), at).toEqual([])
      if (!late) expect(changesOf(stage), at).toEqual(changesOf(calm.stage))
    }
  })
})

const crashPoints = (appends: number, sends: number): Crash[] =>
  [['append', appends] as const, ['send', sends] as const].flatMap(([of, count]) =>
    Array.from({ length: count }, (_, index) => index + 1).flatMap((number): Crash[] => [
      { of, number, side: 'before' },
      { of, number, side: 'after' },
    ]),
  )

/** Transactions by node and document: as many as without a crash. */
function changesOf(stage: Awaited<ReturnType<typeof play>>['stage']): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { node, document, transaction } of stage.sandbox.ledger())
    if (transaction !== null) counts[`${node} ${document}`] = (counts[`${node} ${document}`] ?? 0) + 1
  return counts
}
