/** One HTTP request as both transports hand it over. Header names are lower-case. */
export type WireRequest = Readonly<{
  method: string
  path: string
  headers: Readonly<Record<string, string | undefined>>
  body: string | Uint8Array
}>

/** One HTTP answer. Header names are lower-case; a `date` is never set here: virtual time would shift the SDK's clock. */
export type WireResponse = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: Uint8Array }>

/** The services that the sandbox speaks, as the signature's scope spells them. */
export type ServiceName = 'ssm' | 'sqs' | 'ec2' | 'sts' | 'elasticloadbalancing' | 'autoscaling' | 's3'

/** A request that was understood: which operation, and its input as plain values. */
export type Call = Readonly<{ service: ServiceName; operation: string; input: Record<string, unknown> }>

/** The connection breaks instead of an answer: the caller cannot know what was done. */
export class ConnectionReset extends Error {
  override readonly name = 'ConnectionReset'
  readonly code = 'ECONNRESET'
}

/** More than the largest message that AWS takes (SQS: 1 MiB), even when JSON writes every byte as six characters. */
export const BODY_BYTES_MAX = 8 * 1024 * 1024

/** The request's body as text. */
export const textOf = (body: string | Uint8Array): string =>
  typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')

/** A plain object, and not a list. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
