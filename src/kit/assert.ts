/** A bug of ours, never an operator's mistake: the process stops and the journal is left as it was. */
export class Bug extends Error {
  override readonly name = 'Bug'
}

/** States what the code around it relies on. Stays on in production. */
export function assert(claim: boolean, message: string): asserts claim {
  if (!claim) throw new Bug(message)
}

/** The value, or a bug when it is absent. For look-ups that the caller knows to succeed. */
export function known<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Bug(`${what} is unknown`)
  return value
}

/** Closes an exhaustive switch: the compiler refuses a missing case, the process refuses a foreign value. */
export function never(value: never): never {
  throw new Bug(`no such case: ${JSON.stringify(value)}`)
}
