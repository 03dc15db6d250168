/** Lines for the people who run the engine: what it does and what bothers it. Never part of the record, never secrets. */
export interface Log {
  info(line: string): void
  warn(line: string): void
}
