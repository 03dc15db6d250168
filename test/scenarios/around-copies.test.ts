import { describe, expect, it } from 'vitest'
import { openRun } from '../../src/engine/open.ts'
import { planRollback } from '../../src/engine/planning.ts'
import { DAY, HOUR } from '../../src/kit/instant.ts'
import type { SnapshotSeen } from '../../src/ports/machines.ts'
import { faults, fleet, group, runbook } from './documents.ts'
import { given } from './given.ts'
import type { Stage } from './stage.ts'

const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 1m } }]'
const CELL = { account: '222222222222', region: 'us-east-1' }
const BREAKS = "packages: [{ match: 'openssl*', breaks: health, share: 100% }]"
const VOLUMES = '{ method: root-volume }'

/** All snapshots of the production cell that bear our tags. */
async function snapshots(stage: Stage): Promise<SnapshotSeen[]> {
  const { world } = await stage.start()
  const seen: SnapshotSeen[] = []
  await stage.run(async () => {
    for await (const one of world.machines.snapshots(CELL, {}, new AbortController().signal)) seen.push(one)
  })
  return seen
}

describe('a backup', () => {
  it('is of all volumes of each node, from before its change, and says when it may go', async () => {
    const then = await given(fleet([group('prod-us', 3, { dataVolumes: 1 })]))
      .runbook({ waves: ALL, backup: '{ method: snapshot, keep: 2d }' })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 3 })
    const taken = await snapshots(then.stage)
    expect(taken).toHaveLength(6)
    for (const { startedAt, deleteAfter, run } of taken) {
      expect(run).toBe(then.state().run)
      expect((deleteAfter ?? 0) - startedAt).toBeGreaterThanOrEqual(2 * DAY - HOUR)
      expect(startedAt).toBeLessThanOrEqual(then.facts('CommandIntended')[0]?.at ?? 0)
    }
    expect(new Set(taken.filter(({ root }) => root).map(({ node }) => node)).size).toBe(3)
  })

  it('of an earlier run goes when it has expired, and a run that needs it keeps it', async () => {
    const first = await given(fleet([group('prod-us', 2)]))
      .runbook({ waves: ALL, backup: '{ method: snapshot, keep: 1h }' }, 'first')
      .when()
      .runs()
    const { stage } = first
    const runbook = first.state().plan.runbook
    expect(await snapshots(stage)).toHaveLength(2)
    const process = await stage.start()
    await stage.run(async () => {
      await stage.clock.sleep((stage.clock.now() + DAY) as typeof stage.fleet.start)
      await stage.acts(process, runbook)
    })
    const [, second] = await stage.runs()
    const left = await snapshots(stage)
    expect(left.map(({ run }) => run)).toEqual([second, second])
  })
})

describe('rollback by root volume', () => {
  it('brings each node back as it was before its change, with a boot', async () => {
    const then = await given(fleet([group('prod-us', 4)]))
      .faults(BREAKS)
      .runbook({ waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 5m, checks: [smoke] } }]', rollback: VOLUMES })
      .when()
      .runs()
    then.ends('rolled-back').nodes({ 'rolled-back': 4 }).versionsAreAsBefore()
    expect(then.all().map(({ reason }) => reason)).toEqual(['root-replaced', 'root-replaced', 'root-replaced', 'root-replaced'])
    expect(then.changes().filter(({ document }) => document === 'Patchwave-Rollback')).toEqual([])
    for (const view of then.stage.sandbox.nodes()) expect(view.bootId).not.toBe(then.stage.before.get(view.node)?.bootId)
  })

  it('does not touch nodes that were not changed', async () => {
    const then = await given(fleet([group('prod-us', 4)]))
      .faults(BREAKS)
      .runbook({ rollback: VOLUMES })
      .when()
      .runs()
    then.ends('rolled-back').nodes({ 'rolled-back': 1, skipped: 3 }).versionsAreAsBefore()
    const rest = new Set(then.wave('broad').map(({ node }) => node))
    for (const view of then.stage.sandbox.nodes())
      if (rest.has(view.node)) expect(view.bootId).toBe(then.stage.before.get(view.node)?.bootId)
  })

  it('reaches a node whose agent has died of its patches', async () => {
    const then = await given(fleet([group('prod-us', 2)]))
      .faults(BREAKS)
      .runbook({ waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 5m, checks: [smoke] } }]', rollback: VOLUMES })
      .when()
      .at('GateDecided', {}, ({ stage }) => {
        for (const { node, bootId } of stage.sandbox.nodes()) {
          const boots = (): boolean => stage.sandbox.nodes().some((now) => now.node === node && now.bootId !== bootId)
          stage.disguises.set(node, (seen) => (boots() ? seen : { ...seen, agent: 'lost' }))
        }
      })
      .runs()
    expect(then.facts('BatchRead').at(-1)).toMatchObject({ skipped: [], down: [0, 1] })
    then.ends('rolled-back').nodes({ 'rolled-back': 2 }).versionsAreAsBefore()
  })
})

describe('rollback by root volume of nodes that serve', () => {
  it('takes them out of service first, and brings them back', async () => {
    const web = { targetGroups: [{ name: 'web', port: 80, drainMs: 30_000 }], autoScaling: { name: 'web', min: 0, max: null } }
    const then = await given(fleet([group('prod-us', 3, web)]))
      .faults(BREAKS)
      .runbook({ waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 5m } }]', rollback: VOLUMES, drain: '{}' })
      .when()
      .runs()
    then.ends('rolled-back').nodes({ 'rolled-back': 3 }).versionsAreAsBefore()
    for (const { targets, autoScaling } of then.stage.sandbox.nodes())
      expect([targets.map(({ state }) => state), autoScaling?.lifecycle]).toEqual([['healthy'], 'InService'])
  })

  it('does not depend on a hook of the system that is to be replaced', async () => {
    const then = await given(fleet([group('prod-us', 2)]))
      .faults(BREAKS)
      .runbook({
        waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 5m, checks: [smoke] } }]',
        rollback: VOLUMES,
        hooks: '{ beforeNode: { script: /opt/app/bin/quiesce } }',
      })
      .when()
      .at('GateDecided', {}, ({ stage }) => {
        stage.sandbox.setFaults(faults(`${BREAKS}\ndocuments: [{ match: /opt/app/bin/quiesce, fails: 100% }]`))
      })
      .runs()
    expect(then.facts('StepEnded').flatMap(({ reasons }) => reasons.filter((reason) => reason === 'hook-failed'))).toHaveLength(2)
    then.ends('rolled-back').nodes({ 'rolled-back': 2 }).versionsAreAsBefore()
  })
})

describe('a run that is undone after its end', () => {
  const VOLUME_WAVES = { waves: ALL, rollback: VOLUMES }

  /** A finished run; then `between`, if anything; then its rollback. */
  async function undone(between: (stage: Stage, run: string) => Promise<void> = () => Promise.resolve()) {
    const first = await given(fleet([group('prod-us', 2)]))
      .runbook(VOLUME_WAVES)
      .when()
      .runs()
    const { stage } = first
    const run = first.state().run
    await between(stage, run)
    const process = await stage.start()
    await stage.run(async () => {
      const plan = await planRollback(process.world, run)
      await stage.acts(process, first.state().plan.runbook, { plan, now: true })
    })
    const undo = (await stage.runs()).at(-1) ?? ''
    const { state } = await openRun(stage.store, undo)
    return { stage, state }
  }

  it('boots from the snapshots that it took', async () => {
    const { stage, state } = await undone()
    expect(state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
    for (const view of stage.sandbox.nodes()) expect(view.packages).toEqual(stage.before.get(view.node)?.packages)
  })

  it('leaves nodes alone that another run has changed since', async () => {
    const { state } = await undone(async (stage) => {
      const process = await stage.start()
      await stage.run(() =>
        stage.acts(process, runbook('another', { waves: ALL, patches: '{ approve: [{ names: ["*"] }], reboot: never }' })),
      )
    })
    expect(state.nodes.reason).toEqual(['changed-since', 'changed-since'])
  })

  it('fails where the snapshots are gone', async () => {
    const { state } = await undone(async (stage) => {
      const { world } = await stage.start()
      const signal = new AbortController().signal
      const all = await snapshots(stage)
      await stage.run(async () => {
        for (const { snapshot } of all) await world.machines.deleteSnapshot(CELL, snapshot, signal)
      })
    })
    expect(state.nodes.reason).toEqual(['no-snapshot', 'no-snapshot'])
    expect(state.phase).toMatchObject({ name: 'finished', outcome: 'failed' })
  })
})
