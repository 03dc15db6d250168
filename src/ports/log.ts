/**
 * Lines for the people who run the engine: what it does and what bothers it. Never part of the record, never secrets.
 * @apart Nothing is decided by a line: what is done again is told again.
 */
export interface Log {
  info(line: string): void
  warn(line: string): void
}
