import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { CatchUpClock } from './adapters/system/catch-up-clock.ts'
import { systemClock } from './adapters/system/system-clock.ts'
import { PatchwaveError } from './kit/error.ts'
import { instant, type Instant } from './kit/instant.ts'
import { endpointAt, type Keeping } from './sandbox/http.ts'
import { speedClock } from './sandbox/speed-clock.ts'
import { headLine, readTape, tapeLine, type Tape } from './sandbox/tape.ts'

/** A sandbox whose requests are kept in a file: its clock, which goes on with the wall's while nobody serves it, and the port it had. */
export type KeptSandbox = Readonly<{ clock: CatchUpClock; keeping: Keeping; port: number }>

/**
 * Opens the file, or begins one. `of` names the fleet, faults and speed that the sandbox is made of: another one cannot be made from the same
 * requests. What was written outlives the process, not the machine: it is not synced.
 * @throws `file.unreadable` where it is no such file, or one of another sandbox
 */
export function keptSandbox(file: string, of: string, { start, speed }: Readonly<{ start: Instant; speed: number }>): KeptSandbox {
  const before = existsSync(file) ? tapeIn(file, of) : undefined
  const { head } = before ?? { head: { v: 1, of, start, madeAt: systemClock.now(), port: 0 } as const }
  const clock = new CatchUpClock(head.start, speedClock(instant(head.start + (systemClock.now() - head.madeAt) * speed), speed))
  const keeping: Keeping = {
    restore: (sandbox, replay) =>
      clock.catchUp(async () => {
        if (head.port !== 0) sandbox.locate(endpointAt(head.port))
        for (const { at, request } of before?.taped ?? []) {
          await clock.sleep(at)
          replay(request)
        }
      }),
    opened: (port) => {
      if (before === undefined) writeFileSync(file, headLine({ ...head, port }))
    },
    seen: (request) => {
      appendFileSync(file, tapeLine({ at: clock.now(), request }))
    },
  }
  return { clock, keeping, port: head.port }
}

function tapeIn(file: string, of: string): Tape {
  const text = readFileSync(file, 'utf8')
  const tape = readTape(text)
  if (tape === undefined)
    throw new PatchwaveError('file.unreadable', `${file} is no sandbox's state`, { hint: 'name another file with --state' })
  if (tape.head.of !== of)
    throw new PatchwaveError('file.unreadable', `${file} is the state of another fleet, other faults or another speed`, {
      hint: 'start it with the same ones, or name another file with --state',
    })
  truncateSync(file, Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1))) // A line that a crash has cut.
  return tape
}
