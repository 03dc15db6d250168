/** JSON from outside: its value, or why it is not taken. `hostile`: too long, too deep, too wide, or a key that stands twice. */
export type JsonRead = Readonly<{ ok: true; value: unknown } | { ok: false; kind: 'syntax' | 'hostile'; message: string; hint: string }>

/** How much of a JSON text is taken: UTF-16 units of all, open brackets, keys of one map. */
export type JsonLimits = Readonly<{ charactersMax: number; depthMax: number; keysMax: number }>

/**
 * Reads a JSON text of a stranger within limits. A key that stands twice in a map is refused, because readers disagree about which of the two
 * counts. Never throws.
 */
export function readJson(text: string, limits: JsonLimits): JsonRead {
  const { charactersMax } = limits
  if (text.length > charactersMax) {
    const message = `it has ${String(text.length)} characters, more than ${String(charactersMax)}`
    return { ok: false, kind: 'hostile', message, hint: 'send less' }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, kind: 'syntax', message: 'it is not JSON', hint: 'send one JSON object in UTF-8' }
  }
  const flaw = flawOf(text, limits)
  return flaw === undefined ? { ok: true, value } : { ok: false, kind: 'hostile', ...flaw }
}

/** Whether it is a map: neither a list nor null. */
export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Brackets, and strings with the colon that makes them keys. The text is JSON: nothing else can hold a bracket or a quote. */
const TOKEN = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g

/** Looks at the brackets and keys of a text that is JSON. */
function flawOf(text: string, { depthMax, keysMax }: JsonLimits): Readonly<{ message: string; hint: string }> | undefined {
  const open: Set<string>[] = []
  for (const [token, string, colon] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (string !== undefined && colon !== undefined) {
      const key = String(JSON.parse(string))
      const keys = open.at(-1)
      if (keys?.has(key) === true) return { message: `the key ${shown(key)} stands twice`, hint: 'keep one of the two' }
      if (keys?.add(key).size === keysMax + 1) return { message: `a map has more than ${String(keysMax)} keys`, hint: 'send less' }
    }
    if (open.length > depthMax) return { message: `it nests more than ${String(depthMax)} levels`, hint: 'send less' }
  }
  return undefined
}

const shown = (key: string): string => JSON.stringify(key.length > 60 ? `${key.slice(0, 57)}…` : key)
