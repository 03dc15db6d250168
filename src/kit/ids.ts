/** A run: UUIDv7 in lower case, made at the edge when the run is requested. */
export type RunId = string
/** A managed node: `i-…` (EC2) or `mi-…` (hybrid). */
export type NodeId = string
/** SSM's id of a command: a lower-case UUID. */
export type CommandId = string
/** `<run>.<n>`: names one intent for ever; every resend carries the same one. */
export type Token = string

/** One (account, region): the unit of API quota, credentials and failure isolation. `account` is the 12-digit id. */
export type Cell = Readonly<{ account: string; region: string }>

/** `123456789012/us-east-1`: the cell as a map key and in messages. */
export const cellKey = (cell: Cell): string => `${cell.account}/${cell.region}`

/** Reads what `cellKey` wrote. */
export function cellOf(key: string): Cell {
  const slash = key.indexOf('/')
  return { account: key.slice(0, slash), region: key.slice(slash + 1) }
}

export const tokenOf = (run: RunId, n: number): Token => `${run}.${String(n)}`

/** The run and the number in a token, or `undefined` when the text is no token of ours. */
export function parseToken(text: string): { run: RunId; n: number } | undefined {
  const found = /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.([0-9]{1,9})$/.exec(text)
  return found?.[1] !== undefined && found[2] !== undefined ? { run: found[1], n: Number(found[2]) } : undefined
}
