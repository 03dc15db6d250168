import { describe, expect, it } from 'vitest'
import { fleet, group, HEALTHZ, TESTED } from './documents.ts'
import { given } from './given.ts'

const SIX = fleet([group('prod-us', 6)])
const BREAKS = "packages: [{ match: 'openssl*', breaks: health, share: 100% }]"

describe('a calm night', () => {
  it('patches wave after wave and succeeds', async () => {
    const then = await given(SIX).runbook().when().runs()
    then.ends('succeeded', 'all gates passed').nodes({ patched: 6 }).versionsAreNew(then.all())
    expect(then.wave('canary')).toHaveLength(1)
    expect(then.facts('GateDecided').map(({ verdict }) => verdict)).toEqual(['pass', 'pass'])
    expect(then.changes()).toHaveLength(6)
  })

  it('tests first, stores what was tested, and rolls exactly that out', async () => {
    const then = await given(fleet([group('staging', 3), group('prod-us', 4)]))
      .runbook(TESTED)
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 4 })
    expect(then.acts[0]?.ended.map(({ outcome, state }) => [state.plan.act, outcome])).toEqual([
      ['trial', 'succeeded'],
      ['rollout', 'succeeded'],
    ])
    expect(then.facts('BaselineStored').map(({ account }) => account)).toEqual(['222222222222'])
    const [list] = then.state().plan.lists
    expect(list?.baseline).toMatchObject({ version: 1 })
    expect(list?.patches.length).toBeGreaterThan(5)
  })

  it('does not test again while what was tested is young', async () => {
    const when = given(fleet([group('staging', 3), group('prod-us', 4)]))
      .runbook(TESTED)
      .when()
    await when.runs()
    const then = await when.runs()
    then.ends('succeeded').nodes({ 'not-needed': 4 })
    expect(then.acts[0]?.ended).toHaveLength(1)
  })

  it('has nothing to do on nodes that miss nothing', async () => {
    const then = await given(SIX).runbook({ patches: '{ approve: [{ cves: [CVE-1999-0001] }] }' }).when().runs()
    then.ends('succeeded').nodes({ 'not-needed': 6 }).versionsAreAsBefore()
    expect(then.changes().filter(({ transaction }) => transaction !== null)).toEqual([])
  })

  it('only reads when the runbook has no patches', async () => {
    const then = await given(SIX)
      .runbook({ patches: '', baseline: '', waves: '[{ name: all, take: rest, gate: { bake: 0s } }]' })
      .when()
      .runs()
    then.ends('succeeded').nodes({ 'not-needed': 6 }).untouched(then.all()).versionsAreAsBefore()
    const { nodes } = then.state()
    expect([...nodes.missing].every((missing) => missing > 0)).toBe(true)
  })

  it('reboots where the runbook says so', async () => {
    const boots = new Map<string, string>()
    const when = given(SIX).runbook({ patches: '{ approve: [{ severity: [Critical, Important] }], reboot: if-needed }' }).when()
    for (const { node, bootId } of when.stage.sandbox.nodes()) boots.set(node, bootId)
    const then = await when.runs()
    then.ends('succeeded').nodes({ patched: 6 })
    expect(then.stage.sandbox.nodes().filter(({ node, bootId }) => boots.get(node) === bootId)).toEqual([])
  })

  it('leaves images that no one tested, and says so before all else', async () => {
    const nodes = fleet([group('staging', 2), group('prod-us', 3), group('prod-us', 2, { lineage: 'legacy' })])
    const then = await given(nodes).runbook(TESTED).when().runs()
    then.ends('succeeded').nodes({ patched: 3, skipped: 2 })
    const untested = then.all().filter(({ outcome }) => outcome === 'skipped')
    expect(untested.map(({ reason }) => reason)).toEqual(['untested', 'untested'])
    then.untouched(untested)
  })
})

describe('a patch that breaks the application', () => {
  it('stops at the canaries, which get their versions back; nothing else is touched', async () => {
    const then = await given(SIX).faults(BREAKS).runbook().when().runs()
    then.ends('rolled-back', 'rolled back 1 nodes').versionsAreAsBefore()
    expect(then.wave('canary').map(({ outcome }) => outcome)).toEqual(['rolled-back'])
    then.untouched(then.wave('broad'))
    expect(then.stage.sandbox.nodes().every(({ health }) => health === 'healthy')).toBe(true)
    expect(then.facts('RollbackStarted')).toMatchObject([{ waves: [0], outside: false }])
  })

  it('is rolled back newest wave first where the scope is the run', async () => {
    const waves =
      '[{ name: one, take: 2, concurrency: 2, gate: { bake: 1m } }, { name: two, take: 2, concurrency: 2, gate: { bake: 5m, checks: [smoke] } }, { name: three, take: rest }]'
    const then = await given(SIX).faults(BREAKS).runbook({ waves, rollback: '{ scope: run }' }).when().runs()
    then.ends('rolled-back', 'rolled back 4 nodes').versionsAreAsBefore().untouched(then.wave('three'))
    const back = then.facts('CommandIntended').filter(({ work }) => work === 'rollback')
    const [first, second] = back.map(({ nodes }) => nodes.map((position) => then.all()[position]?.wave))
    expect([first, second]).toEqual([
      ['two', 'two'],
      ['one', 'one'],
    ])
    expect(then.facts('RollbackAdvanced').map(({ wave }) => wave)).toEqual([1, 0])
  })

  it('leaves the failed wave as it is where the runbook says never', async () => {
    const then = await given(SIX).faults(BREAKS).runbook({ rollback: '{ on: never }' }).when().runs()
    then.ends('failed', 'wave canary: smoke: fail').nodes({ patched: 1, skipped: 5 }).versionsAreNew(then.wave('canary'))
  })

  it('is found in the trial, and no baseline is made of it', async () => {
    const then = await given(fleet([group('staging', 2), group('prod-us', 3)]))
      .faults(BREAKS)
      .runbook(TESTED)
      .when()
      .runs()
    expect(then.state().plan.act).toBe('trial')
    then.ends('rolled-back').versionsAreAsBefore()
    expect(then.facts('BaselineStored')).toEqual([])
  })

  it('stops and calls a person when the way back fails too', async () => {
    const faults = "packages: [{ match: 'openssl*', breaks: health, share: 100% }, { match: 'openssl*', fails: rollback, share: 100% }]"
    const then = await given(SIX).faults(faults).runbook({ rollback: '{ failures: 0 }' }).when().runs()
    then.ends('failed', /rollback: 0 restored, 1 failed/).nodes({ 'rollback-failed': 1, skipped: 5 })
    expect(then.wave('canary')[0]?.reason).toBe('version-unavailable')
  })
})

describe('checks', () => {
  it('of a site that answers wrongly fail the gate', async () => {
    const down = fleet([group('prod-us', 4)], { urls: { [HEALTHZ]: { status: 503, withinMs: 80 } } })
    const then = await given(down)
      .runbook({ waves: '[{ name: canary, take: 1, gate: { bake: 5m, checks: [site] } }, { name: broad, take: rest }]' })
      .when()
      .runs()
    then.ends('rolled-back').versionsAreAsBefore().untouched(then.wave('broad'))
    expect(
      then.facts('CheckMeasured').filter(({ check, verdict }) => check === 'site' && verdict === 'fail').length,
    ).toBeGreaterThanOrEqual(2)
    expect(then.facts('GateDecided')).toMatchObject([{ verdict: 'fail', why: ['site: fail'] }])
  })

  it('before anything is touched stop a run on a limping application', async () => {
    const limping = fleet([group('prod-us', 4)], { urls: { [HEALTHZ]: { status: 503, withinMs: 80 } } })
    const then = await given(limping).runbook({ before: '{ checks: [site] }' }).when().runs()
    then.ends('stopped', 'before: site: fail').nodes({ skipped: 4 }).untouched(then.all())
  })

  it('after all waves decide whether the run may call itself succeeded', async () => {
    const then = await given(fleet([group('prod-us', 3)], { urls: { [HEALTHZ]: { status: 500, withinMs: 80 } } }))
      .runbook({ after: '{ checks: [site] }' })
      .when()
      .runs()
    then.ends('failed', 'after: site: fail').nodes({ patched: 3 })
  })

  it('that cannot be read hold the gate; nothing starts, nothing is rolled back', async () => {
    const then = await given(fleet([group('prod-us', 3)], { urls: {} }))
      .runbook({ waves: '[{ name: canary, take: 1, gate: { bake: 1m, checks: [site], holdFor: 1h } }, { name: broad, take: rest }]' })
      .when()
      .runs()
    then.ends('stopped', 'wave canary').nodes({ patched: 1, skipped: 2 }).untouched(then.wave('broad'))
    expect(then.facts('GateHeld')).toMatchObject([{ wave: 0 }])
    expect(then.facts('RollbackStarted')).toEqual([])
  })
})
