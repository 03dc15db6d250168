import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { startHeartbeat } from '../../../src/adapters/system/heartbeat.ts'
import { silentLog, stderrLog } from '../../../src/adapters/system/log.ts'
import { httpProbe } from '../../../src/adapters/system/probe.ts'
import { seededRandom, systemRandom } from '../../../src/adapters/system/random.ts'
import { systemClock } from '../../../src/adapters/system/system-clock.ts'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import { parseToken } from '../../../src/kit/ids.ts'
import { instant } from '../../../src/kit/instant.ts'

const start = instant(Date.UTC(2026, 0, 1))

describe('randomness', () => {
  it.each([
    ['the system’s', systemRandom],
    ['a seeded one', seededRandom(7)],
  ])('of %s: a UUIDv7 of its instant, and a share', (_, random) => {
    const uuid = random.uuid(start)
    expect(parseToken(`${uuid}.1`)).toEqual({ run: uuid, n: 1 })
    expect(parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)).toBe(start)
    expect(new Set(Array.from({ length: 100 }, () => random.uuid(start))).size).toBe(100)
    const shares = Array.from({ length: 1_000 }, () => random.share())
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...shares)).toBeLessThan(1)
    expect(shares.filter((share) => share < 0.5).length).toBeGreaterThan(400)
  })

  it('is the same for the same seed only', () => {
    const three = (seed: number): unknown[] => {
      const random = seededRandom(seed)
      return [random.uuid(start), random.share(), random.uuid(start)]
    }
    expect(three(1)).toEqual(three(1))
    expect(three(1)).not.toEqual(three(2))
  })
})

describe('the log', () => {
  it('writes one line a call, whatever the text contains', () => {
    const lines: string[] = []
    const log = stderrLog(new VirtualClock(start), (text) => lines.push(text))
    log.info('a\nb\u001b[31m')
    log.warn('c')
    expect(lines).toEqual(['2026-01-01T00:00:00Z info a b [31m\n', '2026-01-01T00:00:00Z warn c\n'])
  })

  it('can be silent', () => {
    const write = vi.spyOn(process.stderr, 'write')
    silentLog.warn('x')
    expect(write).not.toHaveBeenCalled()
    write.mockRestore()
  })
})

describe('the HTTP probe', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })
  const serve = (handle: Parameters<typeof createServer>[1]): Promise<string> =>
    new Promise((resolve) => {
      const made = createServer(handle as () => void)
      server = made.listen(0, '127.0.0.1', () => {
        const address = made.address()
        resolve(`http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}/healthz`)
      })
    })
  const probe = httpProbe(systemClock)
  const never = new AbortController().signal

  it.each([200, 204, 301, 404, 503])('tells the status %i, and follows nothing', async (status) => {
    const url = await serve((_, response) => response.writeHead(status, { location: '/elsewhere' }).end(status === 204 ? '' : 'x'))
    const answer = await probe.get(url, 5_000, never)
    expect(answer).toEqual({ status, tookMs: expect.any(Number) as number })
  })

  it('reads no endless body to its end', async () => {
    const url = await serve((_, response) => {
      response.on('error', () => undefined)
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), () => setImmediate(more)))
      more()
    })
    expect(await probe.get(url, 5_000, never)).toMatchObject({ status: 200 })
  })

  it('gives up when there is no answer in time', async () => {
    const url = await serve(() => undefined)
    expect(await probe.get(url, 30, never)).toEqual({ failure: 'no answer within 30 ms' })
  })

  it('gives up when the body does not end in time', async () => {
    const url = await serve((_, response) => void response.writeHead(200).write('x'))
    expect(await probe.get(url, 60, never)).toEqual({ failure: 'no answer within 60 ms' })
  })

  it('never throws', async () => {
    expect(await probe.get('http://127.0.0.1:9/', 1_000, never)).toHaveProperty('failure')
    expect(await probe.get('no address', 1_000, never)).toHaveProperty('failure')
    expect(await probe.get('http://127.0.0.1:9/', 1_000, AbortSignal.abort())).toHaveProperty('failure')
  })

  it('leaves no timer behind', async () => {
    const clock = new VirtualClock(start)
    const answer = await clock.run(() => httpProbe(clock, () => Promise.resolve(new Response('ok'))).get('http://x/', 1_000, never))
    expect(answer).toEqual({ status: 200, tookMs: 0 })
    expect(clock.now()).toBe(start)
  })
})

describe('the heartbeat', () => {
  it('beats, logs a beat that fails, and stops', async () => {
    const warnings: string[] = []
    let beats = 0
    const beat = (): Promise<void> => Promise.reject(new Error(`beat ${String(++beats)}`))
    const heart = startHeartbeat('* * * * * *', beat, { ...silentLog, warn: (line) => warnings.push(line) })
    await vi.waitFor(
      () => {
        expect(beats).toBeGreaterThan(0)
      },
      { timeout: 3_000, interval: 50 },
    )
    await heart.stop()
    expect(warnings[0]).toContain('beat 1')
    const atStop = beats
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(beats).toBe(atStop)
  })
})
