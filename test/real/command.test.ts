import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { Process } from '../serve/processes.ts'
import { PATIENCE_MS, skipped } from './real.ts'

const why = (await skipped('apt')) ?? (await skipped('dnf'))

const MAIN = join(import.meta.dirname, '../../src/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'patchwave-command-'))
const fleet = join(folder, 'fleet.yaml')
writeFileSync(
  fleet,
  `apiVersion: patchwave/v1
kind: Fleet
groups:
  - { account: staging, region: us-east-1, count: 2, platform: ubuntu }
  - { account: staging, region: us-east-1, count: 2, platform: amazon-linux-2023 }
`,
)
afterAll(() => rmSync(folder, { recursive: true }))

/** `patchwave sandbox` with these words, to an end of its own. */
const ended = (words: readonly string[], path = process.env['PATH'] ?? ''): Promise<Readonly<{ exit: number; errors: string }>> =>
  new Promise((resolve) => {
    const args = ['--disable-warning=ExperimentalWarning', MAIN, 'sandbox', '--fleet', fleet, ...words]
    execFile(process.execPath, args, { env: { PATH: path, HOME: folder } }, (error, _, errors) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : 0, errors })
    })
  })

describe('patchwave sandbox --nodes real', { timeout: PATIENCE_MS }, () => {
  it('wants the wall’s time', async () => {
    const { exit, errors } = await ended(['--nodes', 'real', '--speed', '60'])
    expect(exit).toBe(2)
    expect(errors).toContain('real nodes cannot run at 60 times the speed')
    expect(errors).toContain('leave --speed out')
  })

  it('takes no package faults', async () => {
    const file = join(folder, 'faults.yaml')
    writeFileSync(file, 'apiVersion: patchwave/v1\nkind: Faults\npackages: [{ match: "*", fails: install }]\n')
    const { exit, errors } = await ended(['--nodes', 'real', '--faults', file])
    expect(exit).toBe(2)
    expect(errors).toContain(file)
    expect(errors).toContain('real nodes take no package faults')
  })

  it.runIf(process.platform === 'linux' && process.getuid?.() === 0)('says what the machine lacks', async () => {
    const bare = mkdtempSync(join(folder, 'path-'))
    symlinkSync(execFileSync('sh', ['-c', 'command -v sh'], { encoding: 'utf8' }).trim(), join(bare, 'sh'))
    const { exit, errors } = await ended(['--nodes', 'real'], bare)
    expect(exit).toBe(2)
    expect(errors).toMatch(/apt nodes need .*dpkg-deb.* on this machine/)
    expect(errors).toContain('docs/guides/real-nodes.md')
  })

  it.skipIf(why !== null)('shows nodes as their images are, takes no package faults, and ends when it is asked to', async () => {
    const sandbox = new Process(['sandbox', '--fleet', fleet, '--nodes', 'real', '--json'], process.env)
    const { endpoint } = await sandbox.line((line) => line['endpoint'] !== undefined)
    const look = (path: string, init?: RequestInit) => fetch(`${String(endpoint)}/_sandbox/${path}`, init)
    const views = (await (await look('nodes')).json()) as NodeView[]
    expect(views).toHaveLength(4)
    for (const { packages } of views)
      expect(packages).toMatchObject(
        'rpm.amd64' in packages || 'dpkg.amd64' in packages || 'dpkg.arm64' in packages
          ? { 'sample-good.all': '1.0-1' }
          : { 'sample-good.noarch': '0:1.0-1' },
      )
    const refused = await look('faults', {
      method: 'POST',
      body: 'apiVersion: patchwave/v1\nkind: Faults\npackages: [{ match: "*", fails: install }]\n',
    })
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('real nodes take no package faults')
    expect(await sandbox.end('SIGTERM')).toBe(0)
    expect(sandbox.errors).toBe('')
  })
})
