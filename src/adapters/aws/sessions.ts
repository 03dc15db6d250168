import { PatchwaveError } from '../../kit/error.ts'
import { instant, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'

/** Keys that AWS takes; never logged, never part of a message. */
export type Keys = Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>

/** How an account of the config is entered. Without a role: with the process's own credentials. */
export type AccountAccess = Readonly<{ id: string; role: string | null; externalId: string | null }>

export type Session = Readonly<{ keys: Keys; until: Instant }>

/** `doubtful`: AWS denied it something; the next call asks for another one first. */
type Kept = Session & Readonly<{ made: Instant; doubtful: boolean }>

/** A call that starts now must not outlive its session: the longest (a long poll) takes well under a minute, the rest is for a slow renewal. */
const RENEW_BEFORE_MS: Ms = 5 * MINUTE

/** A session that is denied something and is younger than this was made under the policies of now: another one would be denied as well. */
const REVOCABLE_AFTER_MS: Ms = MINUTE

/** Credentials by account: the process's own, or a session of the account's role, renewed by the clock before it ends. */
export class Sessions {
  readonly #clock: Clock
  readonly #accounts: ReadonlyMap<string, AccountAccess>
  readonly #own: () => Promise<string>
  readonly #told: () => string | null
  readonly #assume: (access: AccountAccess) => Promise<Session>
  readonly #sessions = new Map<string, Kept>()
  readonly #pending = new Map<string, Promise<Session>>()

  /**
   * `own` resolves to the account of the process's own credentials, `told` is that account as far as AWS has said it already; `control` is entered
   * with them when the config does not list it.
   */
  constructor(
    parts: Readonly<{
      clock: Clock
      accounts: readonly AccountAccess[]
      control: string
      own: () => Promise<string>
      told: () => string | null
      assume: (access: AccountAccess) => Promise<Session>
    }>,
  ) {
    this.#clock = parts.clock
    this.#own = parts.own
    this.#told = parts.told
    this.#assume = parts.assume
    const listed = parts.accounts.map((access) => [access.id, access] as const)
    this.#accounts = new Map([[parts.control, { id: parts.control, role: null, externalId: null }], ...listed])
  }

  /**
   * The session's keys for this account, or `null`: the process's own credentials.
   * @throws `config.invalid` when the config does not know the account, or names no role for it and the process's own credentials are another's
   */
  async keys(account: string): Promise<Keys | null> {
    const access = this.#accounts.get(account)
    if (!access) {
      throw new PatchwaveError('config.invalid', `account ${account} is not in the config`, {
        hint: 'add it under `accounts` with the role to assume',
        detail: { account },
      })
    }
    if (access.role === null) return this.#refuseAnothers(account)
    if (account === (await this.#own())) return null
    return (await this.#session(access)).keys
  }

  /** Somebody who signed in elsewhere would change the nodes of that account under this one's name. */
  #refuseAnothers(account: string): null {
    const told = this.#told()
    if (told === null || told === account) return null
    throw new PatchwaveError('config.invalid', `account ${account} has no role, and the process's own credentials are of account ${told}`, {
      hint: `sign in to ${account} (AWS_PROFILE), or name a role of it under \`accounts\``,
      detail: { account },
    })
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
    // It may serve all else: should no other one be had, it is kept.
    this.#sessions.set(account, { ...session, doubtful: true })
    return true
  }

  async #session(access: AccountAccess): Promise<Session> {
    const session = this.#sessions.get(access.id)
    if (session && !session.doubtful && this.#clock.now() < session.until - RENEW_BEFORE_MS) return session
    try {
      return await this.#renew(access)
    } catch (error) {
      const [kept, now] = [this.#sessions.get(access.id), this.#clock.now()]
      if (!kept || now >= kept.until) throw error
      if (kept.doubtful) this.#sessions.set(access.id, { ...kept, doubtful: false, made: now })
      return kept
    }
  }

  /** Asks once, however many wait. */
  #renew(access: AccountAccess): Promise<Session> {
    const pending = this.#pending.get(access.id)
    if (pending) return pending
    const asked = this.#assume(access)
      .then((session) => {
        this.#sessions.set(access.id, { ...session, made: this.#clock.now(), doubtful: false })
        return session
      })
      .finally(() => this.#pending.delete(access.id))
    this.#pending.set(access.id, asked)
    return asked
  }
}
