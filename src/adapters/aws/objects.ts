import type { Objects } from '../../ports/objects.ts'
import type { Calls } from './calls.ts'

/** What override lists of AWS-RunPatchBaseline are. */
const CONTENT_TYPE = 'text/yaml'

/** S3 over the SDK. The text goes to S3 and nowhere else: no message shows it. */
export function objectsOver(calls: Calls): Objects {
  return {
    async put(cell, bucket, key, text, signal) {
      await calls.s3({ cell, operation: 'PutObject', kind: 'repeatable', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.PutObjectCommand({ Bucket: bucket, Key: key, Body: text, ContentType: CONTENT_TYPE }), options),
      )
    },
  }
}
