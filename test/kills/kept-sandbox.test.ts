import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CatchUpClock } from '../../src/adapters/system/catch-up-clock.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { keptSandbox } from '../../src/kept-sandbox.ts'
import { instant, MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { headLine, readTape, tapeLine } from '../../src/sandbox/tape.ts'

const START = instant(Date.UTC(2026, 0, 1))
const HEAD = { v: 1, of: 'a fleet', start: START, madeAt: 1, port: 4566 } as const
const request = { method: 'POST', path: '/', headers: { host: 'here', absent: undefined }, body: Buffer.from([0, 255, 10]) }

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'patchwave-state-'))
  file = join(folder, 'state')
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

describe('a tape', () => {
  const text = headLine(HEAD) + tapeLine({ at: START, request }) + tapeLine({ at: plus(START, SECOND), request })

  it('says again what it was told, bytes and all', () => {
    const { headers, ...rest } = request
    const one = { ...rest, headers: { host: headers.host } }
    expect(readTape(text)).toEqual({
      head: HEAD,
      taped: [
        { at: START, request: one },
        { at: plus(START, SECOND), request: one },
      ],
    })
  })

  it('loses a last line that was cut, and no other', () => {
    expect(readTape(text.slice(0, -5))?.taped).toHaveLength(1)
    expect(readTape(headLine(HEAD))?.taped).toEqual([])
  })

  it.each(['', 'Dear diary\n', '{"v":2}\n', `${headLine(HEAD)}{"at":"noon"}\n`])('is not this: %j', (other) => {
    expect(readTape(other)).toBeUndefined()
  })
})

describe('the file of a sandbox', () => {
  const open = (of = 'a fleet') => keptSandbox(file, of, { start: START, speed: 600 })

  it('has its port, and its requests without the line that a crash has cut', () => {
    const first = open()
    expect(first.port).toBe(0)
    first.keeping.opened(4567)
    first.keeping.seen(request)
    const whole = readFileSync(file, 'utf8')
    appendFileSync(file, '{"at":17')
    expect(open().port).toBe(4567)
    expect(readFileSync(file, 'utf8')).toBe(whole)
  })

  it('is refused for another fleet, and when it is something else', () => {
    open().keeping.opened(4567)
    expect(() => open('another fleet')).toThrow(/state of another fleet/)
    writeFileSync(file, 'Dear diary\n')
    expect(() => open()).toThrow(/no sandbox's state/)
  })
})

describe('a clock that catches up', () => {
  it('hurries through what happened, in its order, and then goes on as the other one does', async () => {
    const present = new VirtualClock(plus(START, 10 * MINUTE))
    const clock = new CatchUpClock(START, present)
    const log: string[] = []
    const at = async (name: string, minutes: number): Promise<void> => {
      await clock.sleep(plus(START, minutes * MINUTE))
      log.push(`${name} at ${String((clock.now() - START) / MINUTE)}`)
    }
    await present.run(async () => {
      const later = at('later', 12)
      const all = [at('third', 9), at('first', 2)]
      await present.hold(() => clock.catchUp(() => at('second', 5)))
      await Promise.all(all)
      expect(log).toEqual(['first at 2', 'second at 5', 'third at 9'])
      expect(clock.now()).toBe(plus(START, 10 * MINUTE))
      await later
    })
    expect(log.at(-1)).toBe('later at 12')
  })

  it('lets a sleeper go that is called off, in the past and in the present', async () => {
    const present = new VirtualClock(plus(START, MINUTE))
    const clock = new CatchUpClock(START, present)
    const stop = new AbortController()
    await present.run(async () => {
      const [past, both] = [clock.sleep(plus(START, 5 * SECOND), AbortSignal.abort()), clock.sleep(plus(START, 5 * MINUTE), stop.signal)]
      await past
      await present.hold(() => clock.catchUp(() => Promise.resolve()))
      stop.abort()
      await both
    })
    expect(clock.now()).toBe(plus(START, MINUTE))
  })
})
