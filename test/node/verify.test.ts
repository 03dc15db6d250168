import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ended, lacking, LATER, listOf, OTHER_RUN, type Publication, Root, RUN } from './roots.ts'

const THIRD_RUN = '0190a1b2-c3d4-7e5f-8a6b-0123456789ad'

/** How each family writes the same things: versions, what depends on what, and another tool that installs. */
const FAMILIES = {
  apt: {
    version: (number: string) => number,
    line: (name: string, number: string) => `${name} all ${number}`,
    needs: 'Depends: extra, zoo (>= 2.0)',
    lister: 'dpkg-query',
    failing: { postinst: 'exit 3' },
    tool: (names: string) => `apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q ${names}`,
  },
  rpm: {
    version: (number: string) => `${number}-1.amzn2023`,
    line: (name: string, number: string) => `${name} noarch 0:${number}-1.amzn2023`,
    needs: 'Requires: extra, zoo >= 2.0',
    lister: 'rpm',
    failing: undefined,
    tool: (names: string) => `dnf -y --best upgrade ${names}`,
  },
} as const

for (const [family, own] of Object.entries(FAMILIES) as [keyof typeof FAMILIES, (typeof FAMILIES)[keyof typeof FAMILIES]][]) {
  const why = lacking(family)
  if (why !== '') console.warn(`SKIPPED: verify on a real ${family}: ${why}`)

  describe.skipIf(why !== '')(`verify on a real ${family}`, () => {
    let root: Root
    beforeEach(async () => {
      root = await Root.open(family)
    })
    afterEach(async () => {
      await root.close()
    })

    const LIST = [own.line('bar', '2.0'), own.line('foo', '2.0')]
    const verify = (n: number, more: Readonly<Record<string, string>> = {}, lines: readonly string[] = LIST, run = RUN): Promise<Ended> =>
      root.do('Patchwave-Verify', { Token: `${run}.${String(n)}`, StartBefore: LATER, ...listOf(...lines), ...more })
    const rollback = (undo = RUN): Promise<Ended> =>
      root.do('Patchwave-Rollback', { Token: `${OTHER_RUN}.1`, StartBefore: LATER, Undo: undo })
    const changedBy = async (): Promise<string> => (await root.run('cat /var/lib/patchwave/changed-by')).stdout.trim()
    const tool = async (names: string): Promise<void> => {
      const { exit, stdout, stderr } = await root.run(own.tool(names))
      expect(exit, stdout + stderr).toBe(0)
    }

    /** foo, bar and zoo at 1.0, in the image; each at 2.0, and `extra`, which foo 2.0 wants beside a newer zoo. */
    async function published(): Promise<void> {
      const publish = (name: string, number: string, more: Partial<Publication> = {}): Promise<void> =>
        root.publish({ name, version: own.version(number), ...more })
      for (const name of ['foo', 'bar', 'zoo']) await publish(name, '1.0')
      await root.index()
      await root.image('foo', 'bar', 'zoo')
      await publish('foo', '2.0', { fields: own.needs })
      for (const name of ['bar', 'zoo']) await publish(name, '2.0')
      await publish('extra', '1.0')
      await root.index()
    }

    it('records, reads back what another tool did, and the rollback undoes all that the tool brought along', async () => {
      await published()
      const before = await root.installed()
      expect((await verify(1, { Record: 'yes' })).line).toMatchObject({ verdict: 'scanned', reason: 'recorded', changed: 0 })
      const early = await verify(2)
      expect(early).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'not-installed', changed: 0, missing: 2 } })
      await tool('foo bar')
      const ended = await verify(3)
      expect(ended).toMatchObject({
        exit: 0,
        line: { verdict: 'patched', reason: 'installed', changed: 4, missing: 0, before: early.line['before'] },
      })
      expect((await verify(3)).stdout).toBe(ended.stdout)
      expect(await changedBy()).toBe(RUN)
      expect((await rollback()).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored', changed: 4, after: early.line['before'] })
      expect(await root.installed()).toEqual(before)
    })

    it('undoes a tool whose work was never read back, though another run patched the node before', async () => {
      await published()
      await root.do('Patchwave-Apply', { Token: `${THIRD_RUN}.1`, StartBefore: LATER, ...listOf(own.line('zoo', '2.0')) })
      const before = await root.installed()
      await verify(1, { Record: 'yes' })
      await tool('bar')
      expect(await changedBy()).toBe(THIRD_RUN)
      expect((await rollback()).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored', changed: 1 })
      expect(await root.installed()).toEqual(before)
    })

    it('keeps the record of its run, and replaces it only where it is asked to', async () => {
      await published()
      await verify(1, { Record: 'yes' })
      await tool('zoo')
      const before = await root.installed()
      for (const [n, Record] of ['yes', 'anew', 'yes'].entries())
        expect((await verify(n + 2, { Record })).line).toMatchObject({ verdict: 'scanned', reason: 'recorded' })
      await tool('bar')
      expect((await rollback()).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored', changed: 1 })
      expect(await root.installed()).toEqual(before)
    })

    it('leaves alone what another run has changed since the record', async () => {
      await published()
      await verify(1, { Record: 'yes' })
      await tool('bar')
      await root.do('Patchwave-Apply', { Token: `${THIRD_RUN}.1`, StartBefore: LATER, ...listOf(own.line('zoo', '2.0')) })
      expect((await verify(2, {}, [own.line('bar', '2.0')])).line).toMatchObject({ verdict: 'patched', changed: 1 })
      expect(await changedBy()).toBe(THIRD_RUN)
      expect((await rollback()).line).toMatchObject({ verdict: 'rollback-failed', reason: 'changed-since' })
    })

    it('after an apply it answers the same, and what others installed is not the run’s', async () => {
      await published()
      const list = [own.line('bar', '2.0')]
      await root.do('Patchwave-Apply', { Token: `${RUN}.1`, StartBefore: LATER, ...listOf(...list) })
      await tool('zoo')
      expect((await verify(2, {}, list)).line).toMatchObject({ verdict: 'patched', reason: 'installed', changed: 1, missing: 0 })
      expect((await rollback()).line).toMatchObject({ verdict: 'rolled-back', changed: 1 })
      expect((await root.installed()).some((line) => /^zoo .*2\.0/.test(line))).toBe(true)
    })

    it('tells what is not needed, and what is held back', async () => {
      await published()
      await verify(1, { Record: 'yes' }, [own.line('bar', '1.0')])
      expect((await verify(2, {}, [own.line('bar', '1.0')])).line).toMatchObject({
        verdict: 'not-needed',
        reason: 'nothing-missing',
        changed: 0,
      })
      await root.run(
        family === 'apt'
          ? 'apt-mark hold bar'
          : 'mkdir -p /etc/dnf/plugins; echo "bar-0:1.0-1.amzn2023.*" >/etc/dnf/plugins/versionlock.list',
      )
      expect((await verify(3)).line).toMatchObject({ verdict: 'failed', reason: 'not-installed', missing: 2, held: 1 })
      expect((await verify(4, {}, [own.line('bar', '2.0')])).line).toMatchObject({
        verdict: 'skipped',
        reason: 'held',
        missing: 1,
        held: 1,
      })
    })

    it.skipIf(own.failing === undefined)('tells what is half-configured', async () => {
      await published()
      await verify(1, { Record: 'yes' })
      await root.publish({ name: 'bar', version: own.version('3.0'), ...(own.failing ? { scripts: own.failing } : {}) })
      await root.index()
      await root.run(own.tool('bar'))
      expect(await verify(2, {}, [own.line('bar', '2.0')])).toMatchObject({
        exit: 70,
        line: { verdict: 'failed', reason: 'not-installed' },
      })
      expect((await rollback()).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
    })

    it('a listing that breaks off is no record', async () => {
      await published()
      await root.run(
        `cd /usr/bin && mv ${own.lister} whole-lister && printf '#!/bin/sh\\n/usr/bin/whole-lister "$@" | head -n 1\\nexit 2\\n' >${own.lister} && chmod 755 ${own.lister}`,
      )
      expect((await verify(1, { Record: 'yes' })).line).toMatchObject({ verdict: 'failed', reason: 'package-database' })
      await root.run(`mv /usr/bin/whole-lister /usr/bin/${own.lister}`)
      await tool('foo bar')
      await verify(2)
      const after = await root.installed()
      expect((await rollback()).line).toMatchObject({ verdict: 'rollback-failed' })
      expect(await root.installed()).toEqual(after)
    })

    it('that was cut off is done again', async () => {
      await published()
      await root.run(`mkdir -p /var/lib/patchwave/markers; echo started >/var/lib/patchwave/markers/${RUN}.1`)
      expect((await verify(1, { Record: 'yes' })).line).toMatchObject({ verdict: 'scanned', reason: 'recorded' })
    })
  })
}
