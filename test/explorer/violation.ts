/** An invariant of the architecture that does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: string

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`)
    this.invariant = invariant
  }
}

/** @throws Violation unless it holds. */
export const must = (holds: boolean, invariant: string, message: () => string): void => {
  if (!holds) throw new Violation(invariant, message())
}
