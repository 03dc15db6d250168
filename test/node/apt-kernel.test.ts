import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ended, lacking, LATER, listOf, Root, RUN } from './roots.ts'

const why = lacking('apt')
if (why !== '') console.warn(`SKIPPED: the kernel's packages on a real apt and dpkg: ${why}`)

let root: Root
const token = (n: number): { Token: string; StartBefore: string } => ({ Token: `${RUN}.${n}`, StartBefore: LATER })
const apply = (n: number, lines: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  root.do('Patchwave-Apply', { ...token(n), ...listOf(...lines), ...more })
const out = async (text: string): Promise<string> => (await root.run(text)).stdout.trim()

describe.skipIf(why !== '')('the kernel, on a real apt and dpkg', () => {
  const LIST = ['linux-image-6.1.0-29-amd64 all 6.1.29-1', 'linux-image-amd64 all 6.1.29']

  beforeEach(async () => {
    root = await Root.open('apt')
    await root.runs('6.1.0-28-amd64')
    for (const n of ['28', '29']) {
      await root.publish({ name: `linux-image-6.1.0-${n}-amd64`, version: `6.1.${n}-1` })
      await root.publish({ name: 'linux-image-amd64', version: `6.1.${n}`, fields: `Depends: linux-image-6.1.0-${n}-amd64` })
      await root.publish({ name: 'linux-libc-dev', version: `6.1.${n}` })
    }
    await root.publish({ name: 'foo', version: '1.0' })
    await root.publish({ name: 'foo', version: '2.0', fields: 'Depends: linux-image-amd64 (>= 6.1.29)' })
    await root.index()
    await root.image('linux-image-amd64=6.1.28', 'linux-libc-dev=6.1.28', 'foo=1.0')
  })

  afterEach(async () => {
    await root.close()
  })

  it.each(['hold', 'live-patch'])('is left alone with %s; what only bears its name is not', async (Kernel) => {
    const ended = await apply(1, [...LIST, 'linux-libc-dev all 6.1.29'], { Kernel })
    expect(ended.line).toMatchObject({ verdict: 'patched', changed: 1, missing: 1, held: 1, kernel: '6.1.0-28-amd64' })
    expect(ended.line).not.toHaveProperty('kernelnew')
    expect((await apply(2, LIST, { Kernel })).line).toMatchObject({ verdict: 'skipped', reason: 'held', missing: 1, held: 1 })
    expect(await out(`grep -c linux-image /var/lib/patchwave/touched/${RUN}`)).toBe('0')
    expect(await apply(3, [...LIST, 'foo all 2.0'], { Kernel })).toMatchObject({ exit: 70, line: { reason: 'dependency', changed: 0 } })
    expect(await root.installed()).toEqual([
      'foo 1.0',
      'linux-image-6.1.0-28-amd64 6.1.28-1',
      'linux-image-amd64 6.1.28',
      'linux-libc-dev 6.1.29',
    ])
  })

  it('is installed when it is asked for, and waits for a boot', async () => {
    const ended = await apply(1, LIST, { Kernel: 'install' })
    expect(ended.line).toMatchObject({ verdict: 'patched', changed: 2, missing: 0, kernelnew: '6.1.0-29-amd64' })
    await root.runs('6.1.0-29-amd64')
    expect((await apply(2, LIST)).line).not.toHaveProperty('kernelnew')
  })

  it('is no row of a scan unless it is asked for', async () => {
    const scan = async (n: number, Kernel: string): Promise<unknown> => {
      const { line, rest } = await root.do('Patchwave-Scan', { ...token(n), Kernel })
      const rows = rest.trim().split('\n').slice(0, -1)
      return [line['missing'], line['held'] ?? 0, rows.map((row) => (JSON.parse(row) as { name: string }).name)]
    }
    expect(await scan(1, 'hold')).toEqual([4, 2, ['foo', 'linux-libc-dev']])
    expect(await scan(2, 'install')).toEqual([4, 0, ['foo', 'linux-image-6.1.0-29-amd64', 'linux-image-amd64', 'linux-libc-dev']])
  })
})
