import type { Cell } from '../kit/ids.ts'

/** S3 objects that nodes read: override lists for AWS-RunPatchBaseline. */
export interface Objects {
  /** Writes a small text under a key that names its content, so that a repeat writes the same again. Safe to repeat. Throws PatchwaveError `aws.*`. */
  put(cell: Cell, bucket: string, key: string, text: string, signal: AbortSignal): Promise<void>
}
