import { PatchwaveError } from '../../kit/error.ts'
import { instant, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'

/** Keys that AWS takes; never logged, never part of a message. */
export type Keys = Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>

/** How an account of the config is entered. Without a role: with the process's own credentials. */
export type AccountAccess = Readonly<{ id: string; role: string | null; externalId: string | null }>

export type Session = Readonly<{ keys: Keys; until: Instant }>

/** A call that starts now must not outlive its session: the longest (a long poll) takes well under a minute, the rest is for a slow renewal. */
const RENEW_BEFORE_MS: Ms = 5 * MINUTE

/** A session that is denied something and is younger than this was made under the policies of now: another one would be denied as well. */
const REVOCABLE_AFTER_MS: Ms = MINUTE

/** Credentials by account: the process's own, or a session of the account's role, renewed by the clock before it ends. */
export class Sessions {
  readonly #clock: Clock
  readonly #accounts: ReadonlyMap<string, AccountAccess>
  readonly #own: () => Promise<string>
  readonly #assume: (access: AccountAccess) => Promise<Session>
  readonly #sessions = new Map<string, Session & Readonly<{ made: Instant }>>()
  readonly #pending = new Map<string, Promise<Session>>()

  /** `own` resolves to the account of the process's own credentials; `control` is entered with them when the config does not list it. */
  constructor(
    parts: Readonly<{
      clock: Clock
      accounts: readonly AccountAccess[]
      control: string
      own: () => Promise<string>
      assume: (access: AccountAccess) => Promise<Session>
    }>,
  ) {
    this.#clock = parts.clock
    this.#own = parts.own
    this.#assume = parts.assume
    const listed = parts.accounts.map((access) => [access.id, access] as const)
    this.#accounts = new Map([[parts.control, { id: parts.control, role: null, externalId: null }], ...listed])
  }

  /**
   * The session's keys for this account, or `null`: the process's own credentials.
   * @throws `config.invalid` when the config does not know the account
   */
  async keys(account: string): Promise<Keys | null> {
    const access = this.#accounts.get(account)
    if (!access) {
      throw new PatchwaveError('config.invalid', `account ${account} is not in the config`, {
        hint: 'add it under `accounts` with the role to assume',
        detail: { account },
      })
    }
    if (access.role === null || account === (await this.#own())) return null
    return (await this.#session(access)).keys
  }

  /** The newest keys, without asking for new ones; for the SDK's callbacks, after `keys` has answered. */
  newest(account: string): Keys | undefined {
    return this.#sessions.get(account)?.keys
  }

  /** AWS calls the session expired: the next `keys` asks for a new one. */
  expired(account: string): void {
    const session = this.#sessions.get(account)
    if (session) this.#sessions.set(account, { ...session, until: instant(0) })
  }

  /**
   * AWS denies a call in this account. Keys that have lived for a while may have been revoked (IAM's “revoke sessions” denies those made before an
   * instant), and new ones need not be: then the next `keys` asks for it, and trying once more is worth while.
   */
  denied(account: string): boolean {
    const session = this.#sessions.get(account)
    if (session === undefined || this.#clock.now() < plus(session.made, REVOCABLE_AFTER_MS)) return false
    this.expired(account)
    return true
  }

  async #session(access: AccountAccess): Promise<Session> {
    const session = this.#sessions.get(access.id)
    const now = this.#clock.now()
    if (session && now < session.until - RENEW_BEFORE_MS) return session
    try {
      return await this.#renew(access)
    } catch (error) {
      if (session && this.#sessions.get(access.id) === session && now < session.until) return session
      throw error
    }
  }

  /** Asks once, however many wait. */
  #renew(access: AccountAccess): Promise<Session> {
    const pending = this.#pending.get(access.id)
    if (pending) return pending
    const asked = this.#assume(access)
      .then((session) => {
        this.#sessions.set(access.id, { ...session, made: this.#clock.now() })
        return session
      })
      .finally(() => this.#pending.delete(access.id))
    this.#pending.set(access.id, asked)
    return asked
  }
}
