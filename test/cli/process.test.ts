import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import type { World } from '../../src/engine/world.ts'
import { remembering } from './stand-in.ts'

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** How `windows next` ends, which prints a thousand lines to this stdout. */
function ended(stdout: number | 'pipe'): Promise<Readonly<{ code: number | null; told: string }>> {
  const schedule = ['--schedule', 'rate(1 hour)', '--timezone', 'UTC', '--from', '2026-01-01T00:00:00Z', '--count', '1000']
  const child = spawn(process.execPath, [MAIN, 'windows', 'next', ...schedule], { stdio: ['ignore', stdout, 'pipe'] })
  child.stdout?.destroy()
  let told = ''
  child.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, told })))
}

describe('a result that cannot be written is no success', () => {
  it.skipIf(!existsSync('/dev/full'))('on a full disk it is an error that says so', async () => {
    const full = openSync('/dev/full', 'w')
    const { code, told } = await ended(full)
    closeSync(full)
    expect(code).toBe(2)
    expect(told).toContain('the result cannot be written: ENOSPC')
  })

  it('a reader that has gone is told as the shell tells it', async () => {
    expect(await ended('pipe')).toEqual({ code: 141, told: '' })
  })
})

/** The world as a session of this process has it, in this environment. */
async function worldIn(environment: Readonly<Record<string, string>>): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'patchwave-process-'))
  folders.push(folder)
  const { io } = remembering()
  const session = await createApp(io, environment).openSession({ json: false, store: join(folder, 'p.db') })
  await session.close()
  return session.world
}

describe('a session', () => {
  // prettier-ignore
  it.each([
    ['all services here',               {},                                                                          true],
    ['one service elsewhere',           { AWS_ENDPOINT_URL_SSM: 'https://ssm.us-east-1.amazonaws.com' },             false],
    ['one service at no address',       { AWS_ENDPOINT_URL_EC2: 'nonsense' },                                        false],
    ['one service here too',            { AWS_ENDPOINT_URL_SSM: 'http://localhost:4567' },                           true],
    ['endpoints are not to be used',    { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },                             false],
    ['no endpoint',                     { AWS_ENDPOINT_URL: '' },                                                    false],
  ])('takes AWS for a sandbox only where every call goes to this machine: %s', async (_, more, rehearsing) => {
    expect((await worldIn({ AWS_ENDPOINT_URL: 'http://127.0.0.1:4566', ...more })).rehearsing).toBe(rehearsing)
  })

  it('knows of a driver whose process is gone', async () => {
    const { mayLive, driver } = await worldIn({})
    const [here = '', pid = ''] = driver.split(':')
    expect(pid).toBe(String(process.pid))
    expect(mayLive(`${here}:${String(process.ppid)}:01234567`)).toBe(true)
    expect(mayLive(`${here}:999999999:01234567`)).toBe(false)
    expect(mayLive(`${here}:${pid}:01234567`), 'an earlier process with this one’s id').toBe(false)
    expect(mayLive(`elsewhere:999999999:01234567`)).toBe(true)
  })

  it.skipIf(!existsSync('/proc/self/ns/pid'))(
    'knows nothing of one whose process ids are another container’s, of the same host name',
    async () => {
      const { mayLive } = await worldIn({})
      for (const there of [hostname(), `${hostname()}/1`]) {
        expect(mayLive(`${there}:${String(process.pid)}:01234567`), there).toBe(true)
        expect(mayLive(`${there}:999999999:01234567`), there).toBe(true)
      }
    },
  )
})
