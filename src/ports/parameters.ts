import type { Cell } from '../kit/ids.ts'
import type { Instant } from '../kit/instant.ts'

export type ParameterSeen = Readonly<{ path: string; value: string; version: number; storedAt: Instant; labels: readonly string[] }>

/** SSM Parameter Store, standard text parameters; values over 4,096 bytes are written as Advanced (8,192 at most). */
export interface Parameters {
  /** The newest version, or the given version or label. `undefined` when there is none. @looks */
  get(cell: Cell, path: string, selector: number | string | null, signal: AbortSignal): Promise<ParameterSeen | undefined>
  /** Everything below a path, newest versions; `labels` are not filled. @looks */
  below(cell: Cell, path: string, signal: AbortSignal): AsyncIterable<ParameterSeen>
  /** All kept versions (100 at most), oldest first, with labels. @looks */
  history(cell: Cell, path: string, signal: AbortSignal): AsyncIterable<ParameterSeen>
  /**
   * Writes a new version and returns its number. There is no conditional put: `expect` is the version that the caller read (0: none);
   * a result other than `expect + 1` is `aws.conflict`.
   * @effect store a part of a baseline: PutParameter
   * @repeat Reads first: a newest version with the same value is taken for it, and nothing is written.
   */
  put(cell: Cell, path: string, value: string, expect: number, signal: AbortSignal): Promise<number>
  /**
   * Moves the label to this version.
   * @effect label an approved baseline: LabelParameterVersion
   * @repeat Changes nothing: the version has the label already.
   */
  label(cell: Cell, path: string, version: number, label: string, signal: AbortSignal): Promise<void>
}
