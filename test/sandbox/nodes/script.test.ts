import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../src/kit/digest.ts'
import { MINUTE, SECOND } from '../../../src/kit/instant.ts'
import { faultsOf, fleetOf, listOf, OTHER_RUN, RUN, Scene, START, SUDO } from './scene.ts'

const OLD = '1:3.0.8-1.amzn2023.0.14'
const NEW = '1:3.0.8-1.amzn2023.0.18'
const past = { StartBefore: String(START / SECOND) }

describe('Patchwave-Apply', () => {
  it('installs the list, reads back and reports', async () => {
    const scene = new Scene()
    const { status, exit, result } = await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect([status, exit]).toEqual(['Success', 0])
    expect(result).toMatchObject({
      pw: 1,
      token: `${RUN}.1`,
      verdict: 'patched',
      reason: 'installed',
      changed: 2,
      missing: 0,
      reboot: 'wanted',
    })
    expect(result['before']).not.toBe(result['after'])
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(NEW)
    expect(scene.node(1).packages.get('openssl.x86_64'), 'nodes share packages only while they are equal').toBe(OLD)
  })

  // prettier-ignore
  it.each<[it: string, lines: string[], verdict: string, reason: string, exit: number]>([
    ['leaves what is newer',                         ['bash x86_64 0:4.0-1'],                                          'not-needed', 'nothing-missing',     0],
    ['does not add what is not installed',           ['httpd x86_64 0:2.4.65-1.amzn2023.0.1'],                         'not-needed', 'nothing-missing',     0],
    ['has nothing to do for an empty list',          [],                                                               'not-needed', 'nothing-missing',     0],
    ['touches nothing outside the list',             ['openssl x86_64 1:3.0.8-1.amzn2023.0.18'],                       'skipped',    'untested-dependency', 0],
    ['knows what other packages need',               ['python3-requests noarch 0:2.25.1-1.amzn2023.0.5'],              'skipped',    'untested-dependency', 0],
    ['fails on a version that nobody published',     ['sudo x86_64 0:9.9-1'],                                          'failed',     'unknown-version',    70],
    ['fails on a version that is not published yet', ['gnutls x86_64 0:3.8.3-6.amzn2023.0.1'],                         'failed',     'unknown-version',    70],
    ['refuses an unsorted list',                     [SUDO, 'bash x86_64 0:4.0-1'],                                    'failed',     'bad-parameter',      64],
    ['refuses shell text in a list',                 ['bash x86_64 $(reboot)'],                                        'failed',     'bad-parameter',      64],
  ])('%s', async (_, lines, verdict, reason, exit) => {
    const scene = new Scene()
    const seen = await scene.do('Patchwave-Apply', `${RUN}.1`, listOf(...lines))
    expect(seen).toMatchObject({ exit, result: { verdict, reason, changed: 0 } })
    expect(scene.world.ledger()).toMatchObject([{ transaction: null, verdict, exitCode: exit }])
    expect(seen.result['before']).toBe(seen.result['after'])
  })

  it('refuses a list whose digest differs, and parameters outside the grammar', async () => {
    const scene = new Scene()
    expect(await scene.do('Patchwave-Apply', `${RUN}.1`, { ListDigest: sha256('') })).toMatchObject({
      exit: 64,
      result: { reason: 'list-digest' },
    })
    expect(await scene.do('Patchwave-Apply', `${RUN}.2`, { Reboot: 'please' })).toMatchObject({
      exit: 64,
      result: { reason: 'bad-parameter' },
    })
    expect(await scene.do('Patchwave-Apply', 'no-token')).toMatchObject({ exit: 64, result: { reason: 'bad-parameter' } })
    expect(await scene.do('Patchwave-Check', `${RUN}.3`, { Script: '/opt/../bin/sh' })).toMatchObject({
      exit: 64,
      result: { reason: 'bad-parameter' },
    })
  })

  it('boots only when it may, and goes on at the read-back', async () => {
    const scene = new Scene()
    const boot = scene.node(0).bootId
    const seen = await scene.do('Patchwave-Apply', `${RUN}.1`, { Reboot: 'if-needed' })
    expect(seen).toMatchObject({ exit: 0, result: { verdict: 'patched', changed: 2, reboot: 'no' } })
    expect(seen.result['boot']).not.toBe(boot)
    expect(scene.world.ledger().map((row) => [row.exitCode, row.transaction?.changed ?? null])).toEqual([[194, 2], [0, null]]) // prettier-ignore
  })

  it('does not boot for what needs no boot', async () => {
    const scene = new Scene()
    await scene.do('Patchwave-Apply', `${RUN}.1`, { ...listOf(SUDO), Reboot: 'if-needed' })
    expect(scene.world.ledger().map((row) => row.exitCode)).toEqual([0])
  })
})

describe('the marker table', () => {
  it('absent, free, too late: writes nothing and is skipped', async () => {
    const scene = new Scene()
    const late = await scene.do('Patchwave-Apply', `${RUN}.1`, past)
    expect(late).toMatchObject({ exit: 0, result: { verdict: 'skipped', reason: 'too-late' } })
    expect((await scene.do('Patchwave-Apply', `${RUN}.1`)).result['verdict'], 'nothing was written').toBe('patched')
  })

  it('absent, held by another token: waits for it', async () => {
    const scene = new Scene({ fleet: fleetOf('', 1, '4m') })
    await scene.send('Patchwave-Apply', `${RUN}.1`)
    const seen = await scene.do('Patchwave-Apply', `${OTHER_RUN}.1`, listOf(SUDO))
    expect(seen).toMatchObject({ exit: 0, result: { verdict: 'patched', changed: 1 } })
    const [first, second] = scene.world.ledger().map((row) => row.transaction)
    expect(String(second?.startedAt) > String(first?.endedAt), 'one transaction after the other').toBe(true)
  })

  it('absent, held by another token for longer than 10 minutes: gives up, nothing changed', async () => {
    const scene = new Scene({ faults: faultsOf('agents: { slow: 100% }') })
    await scene.send('Patchwave-Apply', `${RUN}.1`)
    const seen = await scene.do('Patchwave-Apply', `${OTHER_RUN}.1`, listOf(SUDO))
    expect(seen).toMatchObject({ exit: 75, result: { verdict: 'failed', reason: 'lock-held', changed: 0 } })
    expect(scene.world.ledger().map((row) => row.transaction?.changed ?? null)).toEqual([2, null])
  })

  it('started, held: the second copy waits and repeats the result of the first', async () => {
    const scene = new Scene()
    const one = await scene.send('Patchwave-Apply', `${RUN}.1`)
    const two = await scene.send('Patchwave-Apply', `${RUN}.1`)
    await scene.clock.pass(30 * MINUTE)
    const [[first], [second]] = [await scene.seen(one), await scene.seen(two)]
    expect(first?.result).toMatchObject({ verdict: 'patched', changed: 2 })
    expect(second?.output).toBe(first?.output)
    expect(scene.world.ledger().filter((row) => row.transaction !== null)).toHaveLength(1)
  })

  it.each(['Patchwave-Apply', 'Patchwave-Rollback', 'Patchwave-Scan', 'Patchwave-Check'])(
    'done: %s repeats word for word',
    async (document) => {
      const scene = new Scene()
      await scene.do('Patchwave-Apply', `${RUN}.1`)
      const first = await scene.do(document, `${RUN}.2`)
      expect(await scene.do(document, `${RUN}.2`, past)).toEqual(first)
    },
  )
})

describe('the before-record', () => {
  it('is written once: a second token of the run keeps the first one’s', async () => {
    const scene = new Scene()
    const first = await scene.do('Patchwave-Apply', `${RUN}.1`)
    const second = await scene.do('Patchwave-Apply', `${RUN}.2`)
    expect(second.result).toMatchObject({ verdict: 'not-needed', before: first.result['before'], after: first.result['after'] })
    const back = await scene.do('Patchwave-Rollback', `${RUN}.3`)
    expect(back.result).toMatchObject({ verdict: 'rolled-back', reason: 'restored', changed: 2, after: first.result['before'] })
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(OLD)
  })

  it('belongs to one run: another run names what it undoes', async () => {
    const scene = new Scene()
    await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect(await scene.do('Patchwave-Rollback', `${OTHER_RUN}.1`)).toMatchObject({ exit: 70, result: { reason: 'no-before-record' } })
    expect((await scene.do('Patchwave-Rollback', `${OTHER_RUN}.2`, { Undo: RUN })).result).toMatchObject({
      verdict: 'rolled-back',
      changed: 2,
    })
  })

  it('has nothing to restore where nothing was changed', async () => {
    const scene = new Scene()
    await scene.do('Patchwave-Apply', `${RUN}.1`, listOf())
    expect((await scene.do('Patchwave-Rollback', `${RUN}.2`)).result).toMatchObject({
      verdict: 'rolled-back',
      reason: 'nothing-changed',
      changed: 0,
    })
  })
})

describe('reading', () => {
  it('scans what is missing, with what is published so far, and names the lines by digest', async () => {
    const scene = new Scene()
    const id = await scene.send('Patchwave-Scan', `${RUN}.1`)
    await scene.clock.pass(10 * MINUTE)
    const { StandardOutputContent: stdout } = await scene.call('GetCommandInvocation', { CommandId: id, InstanceId: scene.node(0).node })
    const [first = '', ...rest] = String(stdout).trimEnd().split('\n')
    const lines = rest.slice(0, -1)
    const last = JSON.parse(rest.at(-1) ?? '') as Record<string, unknown>
    expect(JSON.parse(first)).toMatchObject({
      verdict: 'scanned',
      missing: lines.length + 2,
      held: 2, // The kernel and its debugging one.
      changed: 0,
      list: last['digest'],
    })
    expect(last).toEqual({ end: true, count: lines.length, digest: sha256(lines.map((line) => `${line}\n`).join('')) })
    const patches = lines.map(
      (line) => JSON.parse(line) as { name: string; installed: string; version: string; cves: string[]; releasedAt: number },
    )
    expect(patches.filter(({ cves }) => cves.includes('CVE-2026-1234')).map(({ name }) => name)).toEqual(['sudo'])
    expect(patches.find(({ name }) => name === 'openssl')).toMatchObject({ installed: OLD, version: NEW })
    expect(
      patches.some(({ name }) => name === 'gnutls'),
      'released two days after the start',
    ).toBe(false)
    expect(
      patches.some(({ releasedAt }) => releasedAt * SECOND > START - 3 * 24 * 60 * MINUTE),
      'some are younger than three days',
    ).toBe(true)
  })

  it('hands kept lists out in parts, base64', async () => {
    const scene = new Scene()
    const applied = await scene.do('Patchwave-Apply', `${RUN}.1`)
    const whole = await scene.do('Patchwave-Fetch', `${RUN}.2`, { Digest: String(applied.result['before']), Offset: '0' })
    const tail = await scene.do('Patchwave-Fetch', `${RUN}.3`, { Digest: String(applied.result['before']), Offset: '100' })
    const text = (output: string): string => Buffer.from(output.split('\n')[1] ?? '', 'base64').toString()
    expect(whole.result['missing']).toBe(0)
    expect(text(tail.output).slice(0, 300)).toBe(text(whole.output).slice(100, 400))
    expect(text(whole.output)).toContain(`openssl x86_64 ${OLD}\n`)
    expect(await scene.do('Patchwave-Fetch', `${RUN}.4`, { Digest: sha256('x'), Offset: '0' })).toMatchObject({ exit: 64 })
  })
})
