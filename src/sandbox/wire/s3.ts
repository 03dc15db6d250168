import { ServiceError } from '../model.ts'
import { BODY_BYTES_MAX, type Call, textOf, type WireRequest, type WireResponse } from './message.ts'
import { refused } from './refusals.ts'
import { escapeXml } from './xml.ts'

/** An object's bytes. What is recorded of them is their number. */
export class Bytes {
  readonly value: Uint8Array

  constructor(value: Uint8Array) {
    this.value = value
  }

  toJSON(): Readonly<{ bytes: number }> {
    return { bytes: this.value.length }
  }
}

/** `<bucket>.s3.<region>.amazonaws.com`, and the older and dual-stack forms. */
const VIRTUAL_HOST = /^(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com$/
const OPERATIONS: Readonly<Record<string, string>> = {
  'PUT object': 'PutObject',
  'GET object': 'GetObject',
  'HEAD object': 'HeadObject',
  'HEAD bucket': 'HeadBucket',
}
/** Query parameters that say nothing of what is wanted. */
const IDLE = new Set(['x-id'])

/** Reads a REST request to S3, the bucket in the path or in the host's name. */
export function readS3(request: WireRequest): Call {
  if (request.body.length > BODY_BYTES_MAX)
    throw new ServiceError('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size')
  const [path = '/', query = ''] = request.path.split('?')
  const parts = path.split('/').slice(1).map(decoded)
  const named = VIRTUAL_HOST.exec(request.headers['host'] ?? '')?.[1]
  const bucket = named ?? parts.shift() ?? ''
  const key = parts.join('/')
  const operation = OPERATIONS[`${request.method} ${key === '' ? 'bucket' : 'object'}`]
  const strange = [...new URLSearchParams(query).keys()].some((name) => !IDLE.has(name))
  if (operation === undefined || bucket === '' || strange) throw refused('unknown-operation', 's3')
  const input = {
    Bucket: bucket,
    ...(key !== '' && { Key: key }),
    ...(operation === 'PutObject' && { Body: bodyOf(request), ContentType: request.headers['content-type'] ?? 'binary/octet-stream' }),
  }
  return { service: 's3', operation, input }
}

/** Uploads in signed chunks are for streams; nothing here streams. */
function bodyOf({ headers, body }: WireRequest): Bytes {
  if (headers['content-encoding']?.includes('aws-chunked') === true) throw refused('unknown-operation', 's3')
  return new Bytes(typeof body === 'string' ? Buffer.from(textOf(body)) : body)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new ServiceError('InvalidURI', "Couldn't parse the specified URI.")
  }
}

/** An answer whose body is the object, and whose other members are headers. */
export function s3Answer(output: Record<string, unknown>, requestId: string): WireResponse {
  const { Body: body, ...members } = output
  const headers = Object.entries(members).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : []))
  return {
    status: 200,
    headers: { ...Object.fromEntries(headers), 'x-amz-request-id': requestId },
    body: body instanceof Bytes ? body.value : new Uint8Array(),
  }
}

/** The error as REST-XML spells it. */
export function s3Error(error: ServiceError, requestId: string): WireResponse {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message><RequestId>${requestId}</RequestId></Error>`
  return { status: error.status, headers: { 'content-type': 'application/xml', 'x-amz-request-id': requestId }, body: Buffer.from(xml) }
}
