import type { Runbook } from '../core/runbook/runbook.ts'

/** A runbook file as it is now. Either it can be used, or `problem` says why not (every mistake with its place). */
export type RunbookFile = Readonly<{
  file: string
  /** SHA-256 over its text and that of the file that it extends: another one means that something changed. */
  digest: string
  /** Its `metadata.name`; null when not even that could be read. */
  name: string | null
  runbook: Runbook | null
  problem: string | null
  /** Inputs that it asks for and that have no default: the schedule cannot give them. */
  asks: readonly string[]
  /** The file that it extends. */
  base: string | null
}>

/** The runbooks that `serve` schedules. */
export interface Runbooks {
  /** Every runbook file of the folders in the config, read anew where it changed; a file that cannot be read has a problem. @looks */
  list(): Promise<readonly RunbookFile[]>
  /**
   * One of them with these inputs.
   * @looks
   * @throws `input.invalid`, `runbook.invalid`, `file.unreadable`
   */
  load(
    file: string,
    inputs: Readonly<Record<string, string>>,
  ): Promise<Readonly<{ runbook: Runbook; inputs: Readonly<Record<string, string>> }>>
}
