import type { Dispatch } from '../../src/sandbox/dispatch.ts'
import { ServiceError } from '../../src/sandbox/model.ts'
import { textOf, type WireRequest, type WireResponse } from '../../src/sandbox/wire/message.ts'
import { address, failed } from '../../src/sandbox/wire/protocols.ts'
import { refused } from '../../src/sandbox/wire/refusals.ts'
import type { Instant } from '../../src/kit/instant.ts'
import type { Stage } from './stage.ts'

/** What is denied in an account: entering it, a call by its operation; `before`: only to sessions that were made before it. */
export type Denial = Readonly<{ assume?: boolean; calls?: RegExp; before?: Instant }>

type Session = Readonly<{ account: string; at: Instant }>

/** Stands between the engine and the sandbox, as IAM does: denies, ends sessions early, and keeps count of who came in. */
export class Roles {
  /** By account id. */
  readonly denials = new Map<string, Denial>()
  /** Sessions in the order in which they were made. */
  readonly assumed: Session[] = []
  /** How long sessions last, instead of what is asked for. */
  seconds: number | null = null
  /** Sessions that were made before this have ended, whatever was said of their end. */
  endedBefore: Instant | null = null
  readonly #sessions = new Map<string, Session>()
  readonly #stage: Stage

  constructor(stage: Stage) {
    this.#stage = stage
    const inner = stage.sandbox.dispatch
    const dispatch: Dispatch = async (request, signal) =>
      this.#refusal(request) ?? this.#learned(request, await inner(this.#shorter(request), signal))
    Object.assign(stage.sandbox, { dispatch })
  }

  /** Both entering the account and every call there. */
  revoke(account: string): void {
    this.denials.set(account, { assume: true, calls: /./ })
  }

  restore(account: string): void {
    this.denials.delete(account)
  }

  #refusal(request: WireRequest): WireResponse | undefined {
    const { service } = address(request)
    const operation = operationOf(request)
    const key = /Credential=([A-Z0-9]+)\//.exec(request.headers['authorization'] ?? '')?.[1] ?? ''
    const session = this.#sessions.get(key)
    if (session && this.endedBefore !== null && session.at < this.endedBefore) return failed(service, refused('expired', service), 'r')
    const account = operation === 'AssumeRole' ? accountIn(request) : session?.account
    const denial = this.denials.get(account ?? '')
    if (denial === undefined) return undefined
    const isDenied = operation === 'AssumeRole' ? denial.assume === true : denial.calls?.test(operation) === true
    const isOld = denial.before === undefined || (session !== undefined && session.at < denial.before)
    if (!isDenied || !isOld) return undefined
    const code = service === 'ec2' ? 'UnauthorizedOperation' : service === 'ssm' ? 'AccessDeniedException' : 'AccessDenied'
    return failed(service, new ServiceError(code, `not authorized to perform: ${service}:${operation}`, service === 'ssm' ? 400 : 403), 'r')
  }

  #learned(request: WireRequest, answer: WireResponse): WireResponse {
    if (operationOf(request) !== 'AssumeRole' || answer.status !== 200) return answer
    const key = /<AccessKeyId>([A-Z0-9]+)</.exec(new TextDecoder().decode(answer.body))?.[1] ?? ''
    const session = { account: accountIn(request), at: this.#stage.clock.now() }
    this.#sessions.set(key, session)
    this.assumed.push(session)
    return answer
  }

  #shorter(request: WireRequest): WireRequest {
    if (this.seconds === null || operationOf(request) !== 'AssumeRole') return request
    return { ...request, body: textOf(request.body).replace(/DurationSeconds=\d+/, `DurationSeconds=${String(this.seconds)}`) }
  }
}

function operationOf(request: WireRequest): string {
  const target = request.headers['x-amz-target']?.split('.').at(-1)
  return target ?? new URLSearchParams(textOf(request.body)).get('Action') ?? ''
}

const accountIn = (request: WireRequest): string => new URLSearchParams(textOf(request.body)).get('RoleArn')?.split(':')[4] ?? ''
