import { sha256 } from '../kit/digest.ts'
import { type Instant, plus, SECOND } from '../kit/instant.ts'
import type { Clock } from '../ports/clock.ts'
import type { Ids } from './ids.ts'
import type { Caller } from './model.ts'
import type { ServiceName } from './wire/message.ts'
import { refused } from './wire/refusals.ts'

/** The account in which the engine, its queues and its baselines live. */
export const CONTROL_ACCOUNT = '999999999999'
/** The Region of the control account's baselines and feedback. */
export const HOME_REGION = 'us-east-1'

/** What STS hands out for a role. */
export type SessionCredentials = Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken: string; expiresAt: Instant }>

type Session = Readonly<{ account: string; arn: string; token: string; expiresAt: Instant }>

const CREDENTIAL = /Credential=([A-Za-z0-9_]{1,128})\/\d{8}\/([a-z0-9-]{1,32})\/[a-z0-9-]+\/aws4_request/
/** `AKIA<account><NAME>`: the long-lived key of a user of that account. */
const USER_KEY = /^AKIA(\d{12})([A-Z0-9]{1,64})$/

/** The access key of a user of an account, as this sandbox spells them. */
export const userKey = (account: string, user: string): string => `AKIA${account}${user.toUpperCase()}`

/** The user's ARN. */
export const userArn = (account: string, user: string): string => `arn:aws:iam::${account}:user/${user}`

/** Whether this caller came through a role: its further sessions last an hour at most (role chaining). */
export const isSession = (caller: Caller): boolean => caller.accessKey.startsWith('ASIA')

/** The caller's unique id as STS and SQS show it: a user's, or a role's with the session. The same for every session of a role. */
export function userId({ accessKey, arn }: Pick<Caller, 'accessKey' | 'arn'>): string {
  if (!accessKey.startsWith('ASIA')) return `AIDA${accessKey.slice(4)}`
  const slash = arn.lastIndexOf('/')
  return `AROA${sha256(arn.slice(0, slash)).slice(0, 17).toUpperCase()}:${arn.slice(slash + 1)}`
}

/**
 * Knows callers by their access keys. Signatures are not verified: whoever names a key is believed, as fits a sandbox. Ages of signatures are
 * not checked either, because they carry the wall's time.
 */
export class Callers {
  readonly #clock: Clock
  readonly #ids: Ids
  readonly #accounts: ReadonlySet<string>
  readonly #sessions = new Map<string, Session>()

  constructor(options: Readonly<{ clock: Clock; ids: Ids; accounts: Iterable<string> }>) {
    this.#clock = options.clock
    this.#ids = options.ids
    this.#accounts = new Set([CONTROL_ACCOUNT, ...options.accounts])
  }

  /** Whether the account exists here. */
  knows(account: string): boolean {
    return this.#accounts.has(account)
  }

  /** Who signed. Throws the service's own words for a missing, unknown or expired key. */
  identify(headers: Readonly<Record<string, string | undefined>>, service: ServiceName): Caller {
    const scope = CREDENTIAL.exec(headers['authorization'] ?? '')
    if (!scope) throw refused('unsigned', service)
    const [, accessKey = '', region = ''] = scope
    const user = USER_KEY.exec(accessKey)
    if (!user) return this.#session(accessKey, region, headers['x-amz-security-token'], service)
    const [, account = '', name = ''] = user
    if (!this.knows(account)) throw refused('unknown-key', service)
    return { account, region, accessKey, arn: userArn(account, name.toLowerCase()) }
  }

  /** New credentials of a role's session. */
  issue(session: Readonly<{ account: string; arn: string; seconds: number }>): SessionCredentials {
    const accessKeyId = `ASIA${this.#ids.hex(16).toUpperCase()}`
    const token = Buffer.from(this.#ids.hex(192), 'hex').toString('base64')
    const expiresAt = plus(this.#clock.now(), session.seconds * SECOND)
    this.#sessions.set(accessKeyId, { account: session.account, arn: session.arn, token, expiresAt })
    return { accessKeyId, secretAccessKey: Buffer.from(this.#ids.hex(60), 'hex').toString('base64'), sessionToken: token, expiresAt }
  }

  #session(accessKey: string, region: string, token: string | undefined, service: ServiceName): Caller {
    const session = this.#sessions.get(accessKey)
    if (!session || session.token !== token) throw refused('unknown-key', service)
    if (this.#clock.now() >= session.expiresAt) throw refused('expired', service)
    return { account: session.account, region, accessKey, arn: session.arn }
  }
}
