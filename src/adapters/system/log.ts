import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { isoSeconds } from '../../kit/instant.ts'

/** Plain lines on stderr, `2026-01-01T00:00:00Z warn …`, one a call whatever the text contains. */
export function stderrLog(clock: Clock, write: (text: string) => unknown = (text) => process.stderr.write(text)): Log {
  const line = (level: string, text: string): void => {
    write(`${isoSeconds(clock.now())} ${level} ${text.replaceAll(CONTROL, ' ')}\n`)
  }
  return { info: (text) => line('info', text), warn: (text) => line('warn', text) }
}

/** Says nothing: for rehearsals and tests. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined }

/** Control characters: a line of the log must stay one line and must not steer a terminal. */
const CONTROL = /\p{Cc}+/gu
