import { describe, expect, it } from 'vitest'
import { MINUTE, SECOND } from '../../../src/kit/instant.ts'
import { faultsOf, listOf, OPENSSL, OTHER_RUN, RUN, Scene, START, SUDO } from './scene.ts'

const [OLD, NEW] = ['1:3.0.8-1.amzn2023.0.14', '1:3.0.8-1.amzn2023.0.18']
const hook = (Moment: string, more: Record<string, string> = {}) => ({ Script: '/opt/app/bin/warm', Timeout: '60', Moment, ...more })

describe('Patchwave-Hook', () => {
  it('runs a script of the owner’s under marker and lock', async () => {
    const scene = new Scene()
    const first = await scene.do('Patchwave-Hook', `${RUN}.1`, hook('before'))
    expect(first).toMatchObject({ status: 'Success', exit: 0, result: { verdict: 'passed', reason: 'passed', changed: 0 } })
    const again = await scene.do('Patchwave-Hook', `${RUN}.1`, hook('before'))
    expect(again.result).toEqual(first.result)
    expect(Object.keys(scene.world.ledger()[0]?.inFlightInGroup ?? {})).not.toEqual([])
  })

  // prettier-ignore
  it.each<[it: string, given: Record<string, string>, faults: string, exit: number, verdict: string, reason: string]>([
    ['fails as its script does',        hook('after'),  'documents: [{ match: /opt/app/bin/*, fails: 100% }]',              70, 'failed',  'hook-failed'],
    ['ends a script that hangs',        hook('after'),  'documents: [{ match: /opt/app/bin/warm, hangs: 100% }]',           70, 'failed',  'timeout'],
    ['leaves other scripts alone',      hook('after'),  'documents: [{ match: Acme-*, fails: 100% }]',                      0,  'passed',  'passed'],
    ['leaves other accounts alone',     hook('after'),  'documents: [{ match: "*", in: [staging], fails: 100% }]',          0,  'passed',  'passed'],
    ['does not begin too late',         hook('before', { StartBefore: String(START / SECOND) }), '',                        0,  'skipped', 'too-late'],
    ['refuses a moment that is none',   hook('during'), '',                                                                64, 'failed',  'bad-parameter'],
    ['refuses a path with dots',        hook('before', { Script: '/opt/../etc/x' }), '',                                   64, 'failed',  'bad-parameter'],
  ])('%s', async (_, given, faults, exit, verdict, reason) => {
    const scene = new Scene({ faults: faultsOf(faults) })
    expect(await scene.do('Patchwave-Hook', `${RUN}.1`, given)).toMatchObject({ exit, result: { verdict, reason } })
  })

  it('waits out its timeout, not longer', async () => {
    const scene = new Scene({ faults: faultsOf('documents: [{ match: "*", hangs: 100% }]') })
    await scene.do('Patchwave-Hook', `${RUN}.1`, hook('before', { Timeout: '600' }))
    const [row] = scene.world.ledger()
    expect(Date.parse(row?.endedAt ?? '') - Date.parse(row?.startedAt ?? '')).toBe(10 * MINUTE)
  })

  it.each([
    ['before', { exit: 74, result: { verdict: 'failed', reason: 'interrupted' } }],
    ['after', { exit: 74, result: { verdict: 'failed', reason: 'interrupted' } }],
    ['exit', { exit: 0, result: { verdict: 'passed', reason: 'passed' } }],
  ])('that lost the power in the moment %s', async (moment, told) => {
    const scene = new Scene({ faults: faultsOf('agents: { crash: 100% }') })
    expect(await scene.do('Patchwave-Hook', `${RUN}.1`, hook(moment))).toMatchObject(told)
  })
})

describe('Patchwave-Verify', () => {
  /** Another tool changes the node: AWS-RunPatchBaseline, with all that it finds. */
  const other = async (scene: Scene): Promise<void> => {
    await scene.call('SendCommand', {
      DocumentName: 'AWS-RunPatchBaseline',
      InstanceIds: [scene.node(0).node],
      Parameters: { Operation: ['Install'], RebootOption: ['NoReboot'] },
    })
    await scene.clock.pass(60 * MINUTE)
  }

  it('records first, and afterwards claims what another tool changed, so that a rollback undoes all of it', async () => {
    const scene = new Scene()
    const before = new Map(scene.node(0).packages)
    const recorded = await scene.do('Patchwave-Verify', `${RUN}.1`, { Record: 'yes' })
    expect(recorded).toMatchObject({ exit: 0, result: { verdict: 'scanned', reason: 'recorded', changed: 0 } })
    await other(scene)
    const { result } = await scene.do('Patchwave-Verify', `${RUN}.2`)
    const changed = [...before].filter(([key, version]) => scene.node(0).packages.get(key) !== version).length
    expect(changed).toBeGreaterThan(OPENSSL.length)
    expect(result).toMatchObject({ verdict: 'patched', reason: 'installed', changed, missing: 0, before: recorded.result['after'] })
    expect((await scene.do('Patchwave-Rollback', `${RUN}.3`)).result).toMatchObject({ verdict: 'rolled-back', changed })
    expect(scene.node(0).packages).toEqual(before)
  })

  // prettier-ignore
  it.each<[it: string, lines: string[], exit: number, verdict: string, reason: string]>([
    ['says what is missing',                        OPENSSL,                              70, 'failed',     'not-installed'],
    ['has nothing to say of what is not installed', ['httpd x86_64 0:2.4.65-1.amzn2023'], 0,  'not-needed', 'nothing-missing'],
    ['has nothing to say of what is newer',         ['bash x86_64 0:4.0-1'],              0,  'not-needed', 'nothing-missing'],
  ])('without a record %s', async (_, lines, exit, verdict, reason) => {
    expect(await new Scene().do('Patchwave-Verify', `${RUN}.1`, listOf(...lines))).toMatchObject({ exit, result: { verdict, reason, changed: 0 } })
  })

  it('says not-needed when the record already had all of it', async () => {
    const scene = new Scene()
    await scene.do('Patchwave-Apply', `${OTHER_RUN}.1`)
    await scene.do('Patchwave-Verify', `${RUN}.1`, { Record: 'yes' })
    expect((await scene.do('Patchwave-Verify', `${RUN}.2`)).result).toMatchObject({ verdict: 'not-needed', reason: 'nothing-missing' })
  })

  it('claims nothing when a third run has changed the node since the record', async () => {
    const scene = new Scene()
    await scene.do('Patchwave-Verify', `${RUN}.1`, { Record: 'yes' })
    await scene.do('Patchwave-Apply', `${OTHER_RUN}.1`)
    expect((await scene.do('Patchwave-Verify', `${RUN}.2`)).result).toMatchObject({ verdict: 'patched', changed: 2 })
    expect((await scene.do('Patchwave-Rollback', `${RUN}.3`)).result).toMatchObject({ verdict: 'rollback-failed', reason: 'changed-since' })
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(NEW)
  })

  it('a run that changed nothing since its record is undone, whoever changed the node before', async () => {
    const scene = new Scene()
    await scene.do('Patchwave-Apply', `${OTHER_RUN}.1`)
    await scene.do('Patchwave-Verify', `${RUN}.1`, { Record: 'yes' })
    expect((await scene.do('Patchwave-Rollback', `${RUN}.2`)).result).toMatchObject({ verdict: 'rolled-back', reason: 'nothing-changed' })
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(NEW)
  })

  it('is done again when it was cut off, and refuses another word', async () => {
    const scene = new Scene({ faults: faultsOf('agents: { crash: 100% }') })
    expect((await scene.do('Patchwave-Verify', `${RUN}.1`, { Record: 'yes' })).result).toMatchObject({
      verdict: 'scanned',
      reason: 'recorded',
    })
    scene.world.setFaults(null)
    expect(await scene.do('Patchwave-Verify', `${RUN}.2`, { Record: 'maybe' })).toMatchObject({
      exit: 64,
      result: { reason: 'bad-parameter' },
    })
  })

  it('does not read while a change works', async () => {
    const scene = new Scene()
    await scene.send('Patchwave-Apply', `${RUN}.1`)
    await scene.clock.pass(MINUTE)
    const { result } = await scene.do('Patchwave-Verify', `${RUN}.2`)
    expect(result).toMatchObject({ verdict: 'patched', changed: 2 })
  })
})

describe('a before-record', () => {
  it('takes in what further lists of the run name', async () => {
    const scene = new Scene()
    await scene.do('Patchwave-Apply', `${RUN}.1`)
    await scene.do('Patchwave-Apply', `${RUN}.2`, listOf(SUDO))
    expect((await scene.do('Patchwave-Rollback', `${RUN}.3`)).result).toMatchObject({ verdict: 'rolled-back', changed: 3 })
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(OLD)
  })
})

describe('Patchwave-Restart', () => {
  it('restarts what runs replaced files, once', async () => {
    const scene = new Scene()
    expect((await scene.do('Patchwave-Apply', `${RUN}.1`)).result).toMatchObject({ stale: 2, reboot: 'wanted' })
    expect((await scene.do('Patchwave-Restart', `${RUN}.2`)).result).toMatchObject({
      verdict: 'restarted',
      reason: 'restarted',
      stale: 0,
      reboot: 'wanted',
    })
    expect((await scene.do('Patchwave-Restart', `${RUN}.3`)).result).toMatchObject({ verdict: 'restarted', reason: 'nothing-stale' })
  })
})

describe('documents that are not ours', () => {
  const acme = async (faults = '', comment = ''): Promise<Scene> => {
    const scene = new Scene({ ...(faults !== '' && { faults: faultsOf(faults) }) })
    await scene.call('SendCommand', {
      DocumentName: 'Acme-Quiesce',
      InstanceIds: scene.nodes.map(({ node }) => node),
      MaxErrors: '100%',
      ...(comment !== '' && { Comment: comment }),
      Parameters: { executionTimeout: ['120'] },
    })
    await scene.clock.pass(10 * MINUTE)
    return scene
  }

  it('succeed, and show in the ledger under the token of their comment', async () => {
    const scene = await acme('', `${RUN}.4`)
    expect(scene.world.ledger()).toHaveLength(10)
    expect(scene.world.ledger()[0]).toMatchObject({
      document: 'Acme-Quiesce',
      token: `${RUN}.4`,
      exitCode: 0,
      verdict: 'passed',
      transaction: null,
    })
    expect((await acme('', 'before the night')).world.ledger()[0]?.token).toBe('')
  })

  it('fail on some nodes, the same from the same seed', async () => {
    const exits = (scene: Scene) =>
      scene.world
        .ledger()
        .map(({ node, exitCode }) => [node, exitCode] as const)
        .sort()
    const some = exits(await acme('documents: [{ match: Acme-*, fails: 40% }]'))
    expect(new Set(some.map(([, exit]) => exit))).toEqual(new Set([0, 1]))
    expect(exits(await acme('documents: [{ match: Acme-*, fails: 40% }]'))).toEqual(some)
  })

  it('that hang are killed at their execution timeout', async () => {
    const scene = await acme('documents: [{ match: Acme-Q*, hangs: 100% }]')
    const [row] = scene.world.ledger()
    expect(row).toMatchObject({ exitCode: 137, verdict: null })
    expect(Date.parse(row?.endedAt ?? '') - Date.parse(row?.startedAt ?? '')).toBe(120 * SECOND)
  })
})
