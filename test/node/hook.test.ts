import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ended, lacking, LATER, listOf, Root, RUN } from './roots.ts'

const why = lacking('apt')
if (why !== '') console.warn(`SKIPPED: hooks: ${why}`)

let root: Root
const parameters = (n: number, Script: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  Token: `${RUN}.${String(n)}`, StartBefore: LATER, Script, Timeout: '60', Moment: 'before', ...more,
}) // prettier-ignore
const hook = (n: number, script: string, more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  root.do('Patchwave-Hook', parameters(n, script, more))
const out = async (text: string): Promise<string> => (await root.run(text)).stdout.trim()
const until = async (text: string): Promise<void> => {
  const { exit } = await root.run(`for i in $(seq 300); do if ${text}; then exit 0; fi; sleep 0.1; done; exit 1`)
  expect(exit, text).toBe(0)
}
const SLOW = '#!/bin/sh\necho ran >>/ran\nwhile [ ! -e /go ]; do sleep 0.1; done\necho "done $PATCHWAVE_MOMENT"'

describe.skipIf(why !== '')('a hook', () => {
  beforeEach(async () => {
    root = await Root.open('apt')
  })
  afterEach(async () => {
    await root.close()
  })

  it('runs once, in an environment of its own, and its answer is repeated word for word', async () => {
    await root.write(
      '/opt/hook',
      '#!/bin/sh\nenv | grep -v ^_= | sort >>/seen; pwd >>/seen; echo $# >>/seen; umask >>/seen; echo "said so"',
      '755',
    )
    const ended = await hook(1, '/opt/hook', { Moment: 'after' })
    expect(ended).toMatchObject({ exit: 0, line: { verdict: 'passed', reason: 'passed', changed: 0, live: 0, stale: 0 }, rest: '' })
    expect(ended.line['since']).toBeGreaterThan(1_000_000_000)
    expect((await hook(1, '/opt/hook', { Moment: 'after' })).stdout).toBe(ended.stdout)
    expect((await out('cat /seen')).split('\n').filter((line) => line !== 'PWD=/')).toEqual([
      'HOME=/root', 'PATCHWAVE_MOMENT=after', `PATCHWAVE_RUN=${RUN}`, 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', '/', '0', '0022',
    ]) // prettier-ignore
    expect(await out(`cat /var/lib/patchwave/lists/${String(ended.line['log'])}`)).toBe('said so')
    expect(await out('ls /var/lib/patchwave/before')).toBe('')
  })

  it.each([
    ['says no', '#!/bin/sh\necho why >&2; exit 3', '755', 'hook-failed'],
    ['takes too long', '#!/bin/sh\nsleep 30', '755', 'timeout'],
    ['takes too long and does not heed the first call', '#!/bin/sh\ntrap "" TERM\nsleep 30', '755', 'timeout'],
    ['can be written by others', '#!/bin/sh\nexit 0', '777', 'hook-failed'],
    ['cannot be run', '#!/bin/sh\nexit 0', '644', 'hook-failed'],
  ])('that %s', async (_, text, mode, reason) => {
    await root.write('/opt/hook', text, mode)
    expect(await hook(1, '/opt/hook', { Timeout: '1' })).toMatchObject({ exit: 70, line: { verdict: 'failed', reason } })
  })

  it('that is not there, or whose time is over before it began', async () => {
    expect(await hook(1, '/opt/none')).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'hook-failed' } })
    expect(await hook(2, '/opt/none', { StartBefore: '1' })).toMatchObject({ exit: 0, line: { verdict: 'skipped', reason: 'too-late' } })
  })

  it('is not cut by the kill of its process group, holds the node, and a second copy tells the same', async () => {
    await root.write('/opt/hook', SLOW, '755')
    const child = await root.start('Patchwave-Hook', parameters(1, '/opt/hook'))
    await until('[ -e /ran ]')
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    root.edit = Root.constants({ LOCK_WAIT: 1, LOCK_STEP: 1 })
    const apply = await root.do('Patchwave-Apply', { Token: `${RUN}.2`, StartBefore: LATER, ...listOf() })
    expect(apply).toMatchObject({ exit: 75, line: { reason: 'lock-held' } })
    root.edit = (script) => script
    const again = hook(1, '/opt/hook')
    await root.run('sleep 0.3; touch /go')
    expect((await again).line).toMatchObject({ verdict: 'passed' })
    expect(await out('grep -c . /ran')).toBe('1')
  })

  it('that was cut off is not run again, but at the end, when it only puts back', async () => {
    await root.write('/opt/hook', SLOW, '755')
    for (const [n, Moment] of [[1, 'before'], [2, 'after'], [3, 'exit']] as const) {
      await root.run('rm -f /ran /go')
      void root.start('Patchwave-Hook', parameters(n, '/opt/hook', { Moment }))
      await until('[ -e /ran ]')
      await root.powerLoss()
      await root.run('touch /go')
      expect(await hook(n, '/opt/hook', { Moment })).toMatchObject(
        Moment === 'exit' ? { exit: 0, line: { verdict: 'passed' } } : { exit: 74, line: { verdict: 'failed', reason: 'interrupted' } },
      )
      expect(await out('grep -c . /ran')).toBe(Moment === 'exit' ? '2' : '1')
    }
  }) // prettier-ignore

  it('what it leaves running does not hold the node', async () => {
    await root.write('/opt/hook', '#!/bin/sh\nsleep 60 >/dev/null 2>&1 &', '755')
    expect((await hook(1, '/opt/hook')).line).toMatchObject({ verdict: 'passed' })
    expect((await hook(2, '/opt/hook')).line).toMatchObject({ verdict: 'passed' })
  })

  it.each([
    ['Script', '/opt/../etc/x'],
    ['Script', 'opt/x'],
    ['Script', `/opt/${'x'.repeat(256)}`],
    ['Script', '/opt/x y'],
    ['Timeout', '0'],
    ['Timeout', '3601'],
    ['Moment', 'never'],
    ['Moment', ''],
  ])('refuses %s %o', async (name, value) => {
    expect(await hook(1, '/opt/hook', { [name]: value })).toMatchObject({ exit: 64, line: { verdict: 'failed', reason: 'bad-parameter' } })
  })
})
