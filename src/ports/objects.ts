import type { Cell } from '../kit/ids.ts'

/** S3 objects that nodes read: override lists for AWS-RunPatchBaseline. */
export interface Objects {
  /**
   * Writes a small text under a key that names its content. Throws PatchwaveError `aws.*`.
   * @effect put a list into a bucket: PutObject
   * @repeat Writes the same content under the same name.
   */
  put(cell: Cell, bucket: string, key: string, text: string, signal: AbortSignal): Promise<void>
}
