import { describe, expect, it } from 'vitest'
import { HOUR, MINUTE } from '../../src/kit/instant.ts'
import { conduct } from '../../src/engine/conduct.ts'
import { planRollback } from '../../src/engine/planning.ts'
import { requestRun } from '../../src/engine/request.ts'
import type { CommandOrder } from '../../src/ports/commands.ts'
import { faults, fleet, group, runbook, TESTED } from './documents.ts'
import { given } from './given.ts'
import { done, killedOnce, withSends, type SendFate } from './sends.ts'
import { Stage } from './stage.ts'
import type { Then } from './then.ts'

const BUCKETS = { buckets: ['patchwave-lists-us-east-1'] }
const FOUR = fleet([group('prod-us', 4)], BUCKETS)
const APPLY = '{ with: patch-manager }'
const WAVES = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]'
const LENIENT = '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 100%, bake: 0s } }]'
const PATCH_MANAGER = 'AWS-RunPatchBaseline'

const ranOn = (then: Then, node: string): string[] =>
  then.stage.sandbox
    .ledger()
    .filter((row) => row.node === node && row.document !== 'Patchwave-Check')
    .map(({ document, verdict }) => `${document} ${String(verdict)}`)

const reasons = (then: Then): string[] => [...new Set(then.all().map(({ outcome, reason }) => `${outcome}: ${reason}`))].sort()

/** How often Patch Manager's document ran on each node. */
const timesRun = ({ sandbox }: Stage): number[] =>
  sandbox.nodes().map(({ node }) => sandbox.ledger().filter((row) => row.node === node && row.document === PATCH_MANAGER).length)

const onPatchManager =
  (fate: SendFate) =>
  ({ document }: Readonly<{ document: Readonly<{ name: string }> }>): SendFate =>
    document.name === PATCH_MANAGER ? fate : 'answered'

describe('a rollout that Patch Manager installs', () => {
  it('records, installs the list without a boot, and reads back', async () => {
    const then = await given(FOUR).runbook({ apply: APPLY }).when().runs()
    then.ends('succeeded', 'all gates passed').nodes({ patched: 4 }).versionsAreNew(then.all())
    for (const { node } of then.all())
      expect(ranOn(then, node)).toEqual(['Patchwave-Verify scanned', `${PATCH_MANAGER} patched`, 'Patchwave-Verify patched'])
    const { plan } = then.state()
    expect(Object.keys(plan.documents).sort()).toEqual(['Check', 'Fetch', 'Rollback', 'Scan', 'Verify'].map((name) => `Patchwave-${name}`))
  })

  it('has on record what each node had and has, and what it runs on', async () => {
    const then = await given(FOUR).runbook({ apply: APPLY }).when().runs()
    const read = then.facts('StepEnded').filter(({ hosts }) => hosts !== undefined)
    const rows = read.flatMap(({ nodes, before = [], after = [], hosts, ended }) =>
      nodes.map((position, index) => ({
        position,
        same: before[index] === after[index],
        kernel: hosts?.kernel[index],
        ended: ended[index],
      })),
    )
    expect(rows.map(({ position }) => position).sort((a, b) => a - b)).toEqual([0, 1, 2, 3])
    for (const { same, kernel, ended } of rows) expect([same, kernel === '', ended === 0]).toEqual([false, false, false])
    const kernels = new Set(then.stage.sandbox.nodes().map(({ kernel }) => kernel))
    expect(new Set(rows.map(({ kernel }) => kernel))).toEqual(kernels)
  })

  it('brings exactly the versions of the list', async () => {
    const then = await given(FOUR).runbook({ apply: APPLY }).when().runs()
    const { lists, nodes } = then.state().plan
    for (const view of then.stage.sandbox.nodes()) {
      const list = lists[nodes.find(({ node }) => node === view.node)?.list ?? -1]
      expect(list?.patches.length).toBeGreaterThan(0)
      for (const { name, arch, version } of list?.patches ?? []) {
        const before = then.stage.before.get(view.node)?.packages[`${name}.${arch}`]
        if (before !== undefined) expect(view.packages[`${name}.${arch}`], name).toBe(version)
      }
    }
  })

  it('tests so too, and then rolls out what was tested', async () => {
    const then = await given(fleet([group('staging', 3), group('prod-us', 3)], BUCKETS))
      .runbook({ ...TESTED, apply: APPLY })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 3 })
    expect(then.acts[0]?.ended.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded'])
    expect(then.changes()).toEqual([])
  })

  it('only scans where the list is empty: without a list Patch Manager would install what it likes', async () => {
    const then = await given(FOUR).runbook({ apply: APPLY, patches: '{ approve: [{ cves: [CVE-1999-0001] }] }' }).when().runs()
    then.ends('succeeded').nodes({ 'not-needed': 4 }).versionsAreAsBefore()
    expect(then.stage.sandbox.ledger().filter(({ document, verdict }) => document === PATCH_MANAGER && verdict !== 'scanned')).toEqual([])
  })

  it('orders an installation of the list without a boot, from the bucket of each region', async () => {
    const both = fleet([group('prod-us', 2), group('prod-eu', 2)], { buckets: ['patchwave-lists-us-east-1', 'patchwave-lists-eu-west-1'] })
    const scope = '{ accounts: [prod-us, prod-eu], regions: [us-east-1, eu-west-1], match: { tags: { PatchGroup: monthly } } }'
    const stage = new Stage({ fleet: both })
    const orders: CommandOrder[] = []
    const process = withSends(await stage.start(), (order) => {
      if (order.document.name === PATCH_MANAGER) orders.push(order)
      return 'answered'
    })
    const then = await done(stage, process, runbook('both', { scope, apply: APPLY, waves: WAVES }))
    then.ends('succeeded').nodes({ patched: 4 })
    expect(orders.map(({ cell }) => cell.region).sort()).toEqual(['eu-west-1', 'us-east-1'])
    for (const { cell, parameters, document } of orders) {
      expect(parameters).toEqual({
        Operation: 'Install',
        RebootOption: 'NoReboot',
        SnapshotId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/) as string,
        InstallOverrideList: expect.stringMatching(`^s3://patchwave-lists-${cell.region}/patchwave/[0-9a-f]{64}\\.yaml$`) as string,
      })
      expect(document.hash).toBeNull()
    }
    expect(new Set(orders.map(({ parameters }) => parameters['SnapshotId'])).size).toBe(2) // Each account freezes its own.
  })

  it('is judged by what the nodes have, not by what the document says', async () => {
    const then = await given(FOUR)
      .faults("packages: [{ match: 'openssl*', fails: install, share: 100% }]")
      .runbook({ apply: APPLY, waves: LENIENT })
      .when()
      .runs()
    expect(reasons(then)).toEqual(['failed: not-installed'])
  })

  it('is undone by our own record, with all that came along', async () => {
    const then = await given(FOUR)
      .faults("packages: [{ match: 'openssl*', breaks: health, share: 100% }]")
      .runbook({ apply: APPLY })
      .when()
      .runs()
    then.ends('rolled-back', 'rolled back 1 nodes').versionsAreAsBefore()
    const [canary] = then.wave('canary')
    expect(ranOn(then, canary?.node ?? '').at(-1)).toBe('Patchwave-Rollback rolled-back')
  })

  it('is undone by a later run too', async () => {
    const then = await given(FOUR).runbook({ apply: APPLY }).when().runs()
    const { stage } = then
    const { world, rehearsal } = await stage.start()
    const undone = await stage.run(async () => {
      const plan = await planRollback(world, then.state().run)
      const run = await requestRun(world, { plan, actor: rehearsal.requester, reason: 'undo', now: true, trial: null })
      return await conduct(world, run, { listen: () => undefined, signal: new AbortController().signal })
    })
    expect(undone?.outcome).toBe('rolled-back')
    then.versionsAreAsBefore()
  })

  it('is not planned without a bucket for its lists', async () => {
    const stage = new Stage({ fleet: FOUR })
    const process = await stage.start()
    const bare = { ...process, world: { ...process.world, patchManager: null } }
    await expect(stage.run(() => stage.acts(bare, runbook('bare', { apply: APPLY })))).rejects.toMatchObject({
      code: 'config.invalid',
      exit: 2,
      more: { hint: expect.stringContaining('patchManager') as unknown },
    })
  })

  it('touches nothing when the list cannot be put into the bucket', async () => {
    const then = await given(fleet([group('prod-us', 2)]))
      .runbook({ apply: APPLY, waves: LENIENT })
      .when()
      .runs()
    expect(reasons(then)).toEqual(['skipped: list-refused'])
    then.versionsAreAsBefore()
    expect(timesRun(then.stage)).toEqual([0, 0])
  })

  it('lets what runs end when a person aborts: a cancel would cut its transaction', async () => {
    const then = await given(FOUR)
      .runbook({ apply: APPLY, waves: WAVES })
      .when()
      .at('CommandSent', {}, ({ say, later }) => {
        later(MINUTE, () => {
          say('abort')
        })
      })
      .runs()
    then.ends('aborted').nodes({ patched: 4 })
    expect(then.facts('CancelDone')).toEqual([])
    expect(then.stage.sandbox.ledger().filter(({ transaction }) => transaction?.cut !== undefined && transaction?.cut !== null)).toEqual([])
  })
})

describe('an unclear send to Patch Manager', () => {
  const BOOK = runbook('unclear', { apply: APPLY, waves: LENIENT })

  it('is found by its comment, and adopted', async () => {
    const stage = new Stage({ fleet: FOUR, faults: faults('listCommands: { lag: 1m }') })
    const then = await done(stage, withSends(await stage.start(), onPatchManager('lost')), BOOK)
    then.ends('succeeded').nodes({ patched: 4 })
    expect(timesRun(stage)).toEqual([1, 1, 1, 1])
    expect(then.facts('CommandSent').map(({ adopted }) => adopted)).toEqual([true])
  })

  // prettier-ignore
  it.each<[fate: SendFate, times: number]>([
    ['unsent', 0],
    ['lost',   1],
  ])('that SSM never shows (%s) leaves its nodes unknown; it is never sent again', async (fate, times) => {
    const stage = new Stage({ fleet: FOUR, faults: faults('listCommands: { lag: 6h }') })
    const then = await done(stage, withSends(await stage.start(), onPatchManager(fate)), BOOK)
    expect(reasons(then)).toEqual(['unknown: send-unclear'])
    expect(timesRun(stage)).toEqual([times, times, times, times])
    expect(then.facts('CommandRefused')).toEqual([])
    expect(then.facts('CommandIntended')).toHaveLength(1)
  })

  it('is undone where the gate fails', async () => {
    const stage = new Stage({ fleet: FOUR, faults: faults('listCommands: { lag: 6h }') })
    const then = await done(
      stage,
      withSends(await stage.start(), onPatchManager('lost')),
      runbook('undone', { apply: APPLY, waves: WAVES }),
    )
    then.ends('rolled-back').nodes({ 'rolled-back': 4 }).versionsAreAsBefore()
  })
})

describe('Patch Manager and a driver that dies', () => {
  const BOOK = runbook('dies', { apply: APPLY, waves: LENIENT })

  // prettier-ignore
  it.each<[around: string, side: 'before' | 'after', laterMs: number, ends: string, times: number]>([
    ['StepIntended record',  'after',  MINUTE,   'patched: installed',    1],
    ['CommandIntended',      'before', MINUTE,   'patched: installed',    1],
    ['CommandIntended',      'after',  MINUTE,   'unknown: send-unclear', 0], // It might have been sent in that moment.
    ['CommandSent',          'after',  MINUTE,   'patched: installed',    1],
    ['CommandSent',          'before', 2 * HOUR, 'patched: installed',    1],
    ['StepIntended verify',  'after',  MINUTE,   'patched: installed',    1],
    ['StepIntended verify',  'after',  2 * HOUR, 'patched: installed',    1],
  ])('killed at %s (%s), back after %s ms: %s', async (around, side, laterMs, ends, times) => {
    const [type, step] = around.split(' ')
    const stage = new Stage({ fleet: FOUR })
    const strikes = (event: { type: string; step?: string }): boolean => event.type === type && event.step === step
    const then = await killedOnce(stage, BOOK, { strikes, side, laterMs })
    expect(reasons(then)).toEqual([ends])
    expect(timesRun(stage)).toEqual([times, times, times, times])
  })
})
