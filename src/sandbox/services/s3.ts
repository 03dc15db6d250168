import { md5 } from '../../kit/digest.ts'
import { CONTROL_ACCOUNT } from '../callers.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { Bytes } from '../wire/s3.ts'

type Input = Record<string, unknown>
type StoredObject = Readonly<{ body: Bytes; contentType: string; tag: string }>

/** Keys are at most so many bytes of UTF-8. */
const KEY_BYTES_MAX = 1_024

/** The buckets of a world: the service, and what nodes read of it. */
export class Buckets {
  readonly #buckets: ReadonlyMap<string, Map<string, StoredObject>>

  constructor(names: readonly string[]) {
    this.#buckets = new Map(names.map((name) => [name, new Map<string, StoredObject>()]))
  }

  operations(): Service {
    return {
      PutObject: (input) => this.#put(input),
      GetObject: (input, caller) => {
        const { body, contentType, tag } = this.#found(input, caller)
        return { Body: body, 'content-type': contentType, etag: tag }
      },
      HeadObject: (input, caller) => {
        const { contentType, tag } = this.#found(input, caller)
        return { 'content-type': contentType, etag: tag }
      },
      HeadBucket: (input) => {
        this.#bucket(input)
        return {}
      },
    }
  }

  /** The text under a key, as a node with rights to it reads it; undefined when there is none. */
  read(bucket: string, key: string): string | undefined {
    const found = this.#buckets.get(bucket)?.get(key)
    return found && Buffer.from(found.body.value).toString('utf8')
  }

  #put(input: Input): Record<string, unknown> {
    const bucket = this.#bucket(input)
    const key = textOf(input, 'Key')
    if (Buffer.byteLength(key) > KEY_BYTES_MAX) throw new ServiceError('KeyTooLongError', 'Your key is too long')
    const body = input['Body'] instanceof Bytes ? input['Body'] : new Bytes(new Uint8Array())
    const tag = `"${md5(body.value)}"`
    bucket.set(key, { body, contentType: textOf(input, 'ContentType'), tag })
    return { etag: tag }
  }

  /** Who may not list a bucket is not told that a key is missing. */
  #found(input: Input, caller: Caller): StoredObject {
    const found = this.#bucket(input).get(textOf(input, 'Key'))
    if (found) return found
    if (caller.account !== CONTROL_ACCOUNT) throw new ServiceError('AccessDenied', 'Access Denied', 403)
    throw new ServiceError('NoSuchKey', 'The specified key does not exist.', 404)
  }

  #bucket(input: Input): Map<string, StoredObject> {
    const bucket = this.#buckets.get(textOf(input, 'Bucket'))
    if (!bucket) throw new ServiceError('NoSuchBucket', 'The specified bucket does not exist', 404)
    return bucket
  }
}

const textOf = (input: Input, name: string): string => {
  const value = input[name]
  return typeof value === 'string' ? value : ''
}
