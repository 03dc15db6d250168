import { isRecord, type WireRequest } from './wire/message.ts'
import { instant, type Instant } from '../kit/instant.ts'

/** What a tape is of: it fits no other sandbox. `madeAt`: the wall's clock, in ms, when the sandbox's showed `start`. */
export type TapeHead = Readonly<{ v: 1; of: string; start: Instant; madeAt: number; port: number }>

/** A request, and when it came. */
export type Taped = Readonly<{ at: Instant; request: WireRequest }>

/** All that came to a sandbox from outside. The same requests at the same instants make the same sandbox again: nothing in it is left to chance. */
export type Tape = Readonly<{ head: TapeHead; taped: readonly Taped[] }>

/** The first line of a tape. */
export const headLine = (head: TapeHead): string => `${JSON.stringify(head)}\n`

/** One more line of it. */
export function tapeLine({ at, request: { method, path, headers, body } }: Taped): string {
  return `${JSON.stringify({ at, method, path, headers, body: Buffer.from(body).toString('base64') })}\n`
}

/** Reads a tape. The last line may have been cut by a crash: it is left out. `undefined`: this is no tape. */
export function readTape(text: string): Tape | undefined {
  const lines = text.split('\n').slice(0, -1)
  const [head, ...rest] = lines.map(parsed)
  if (!isHead(head)) return undefined
  const taped = rest.map(tapedOf)
  return taped.every((one) => one !== undefined) ? { head, taped } : undefined
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const isHead = (value: unknown): value is TapeHead =>
  isRecord(value) &&
  value['v'] === 1 &&
  typeof value['of'] === 'string' &&
  ['start', 'madeAt', 'port'].every((name) => typeof value[name] === 'number')

function tapedOf(value: unknown): Taped | undefined {
  if (!isRecord(value)) return undefined
  const { at, method, path, headers, body } = value
  if (typeof at !== 'number' || typeof method !== 'string' || typeof path !== 'string' || typeof body !== 'string') return undefined
  if (!isRecord(headers)) return undefined
  const named = Object.entries(headers).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text] as const] : []))
  return { at: instant(at), request: { method, path, headers: Object.fromEntries(named), body: Buffer.from(body, 'base64') } }
}
