import { seededRandom } from '../../../src/adapters/system/random.ts'
import { silentLog } from '../../../src/adapters/system/log.ts'
import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import { createAws, type Aws, type AwsOptions } from '../../../src/adapters/aws/aws.ts'
import { md5 } from '../../../src/kit/digest.ts'
import type { Cell } from '../../../src/kit/ids.ts'
import { instant } from '../../../src/kit/instant.ts'

export const start = instant(Date.UTC(2026, 0, 1))
export const control: Cell = { account: '111111111111', region: 'us-east-1' }
export const prod: Cell = { account: '222222222222', region: 'eu-west-1' }
export const signal = new AbortController().signal

/** A request as the other side of the wire reads it. */
export type Asked = Readonly<{ name: string; region: string; accessKey: string; input: Record<string, unknown>; form: URLSearchParams }>
export type Answer = Readonly<{ status?: number; json?: unknown; xml?: string; text?: string; headers?: Record<string, string> }>

export const refusal = (type: string, message = '', status = 400): Answer => ({ status, json: { __type: type, Message: message } })
export const ec2Refusal = (code: string, message: string, status = 400): Answer => ({
  status,
  xml: `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>r-1</RequestID></Response>`,
})

/** A hand-written other side: every request is kept in `asked`, and `reply` answers it; what `reply` throws breaks the connection. */
export function wire(reply: (asked: Asked) => Answer | Promise<Answer>, options: Partial<AwsOptions> = {}) {
  const clock = new VirtualClock(start)
  const asked: Asked[] = []
  const requestHandler = {
    async handle(request: { headers: Record<string, string>; body: unknown }) {
      const one = read(request)
      asked.push(one)
      const answer = await reply(one)
      return { response: responseOf(answer) }
    },
    destroy: () => undefined,
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  }
  const aws: Aws = createAws({
    clock,
    random: seededRandom(7),
    regionHome: 'us-east-1',
    control,
    accounts: [{ id: prod.account, role: `arn:aws:iam::${prod.account}:role/Patchwave`, externalId: 'pw-1' }],
    requestHandler,
    credentials: { accessKeyId: 'AKIABASE', secretAccessKey: 'secret' },
    sessionName: 'run 1',
    log: silentLog,
    ...options,
  })
  return { aws, clock, asked, names: () => asked.map(({ name }) => name) }
}

const SERVICES: Readonly<Record<string, string>> = { AmazonSSM: 'ssm', AmazonSQS: 'sqs' }

function read({ headers, body }: { headers: Record<string, string>; body: unknown }): Asked {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array)
  const scope = /Credential=(\w+)\/\d+\/([\w-]+)\/(\w+)\//.exec(headers['authorization'] ?? '')
  const target = (headers['x-amz-target'] ?? '').split('.')
  const form = new URLSearchParams(headers['x-amz-target'] === undefined ? text : '')
  const service = SERVICES[target[0] ?? ''] ?? scope?.[3] ?? '?'
  return {
    name: `${service}.${target[1] ?? form.get('Action') ?? '?'}`,
    region: scope?.[2] ?? '?',
    accessKey: scope?.[1] ?? '?',
    input: headers['x-amz-target'] === undefined ? {} : (JSON.parse(text) as Record<string, unknown>),
    form,
  }
}

function responseOf({ status = 200, json, xml, text, headers = {} }: Answer): object {
  const type = xml === undefined ? 'application/x-amz-json-1.1' : 'text/xml'
  return {
    statusCode: status,
    headers: { 'content-type': type, 'x-amzn-requestid': 'req-1', ...headers },
    body: Buffer.from(text ?? xml ?? JSON.stringify(json ?? {})),
  }
}

export const callerXml = (account: string): string =>
  `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::${account}:user/ann</Arn><UserId>U</UserId><Account>${account}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>`

export const assumedXml = (accessKey: string, until: Date): string =>
  `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>${accessKey}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${until.toISOString()}</Expiration></Credentials></AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>`

export const messageJson = (id: string, body: string): object => ({ Id: id, MessageId: `m-${id}`, MD5OfMessageBody: md5(body) })

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}
