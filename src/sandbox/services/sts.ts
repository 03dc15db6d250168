import { iso } from '../../kit/instant.ts'
import { type Callers, isSession, userId } from '../callers.ts'
import type { Ids } from '../ids.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'

/** Limits of AssumeRole (API reference), in seconds. */
const SESSION_SECONDS = { min: 900, max: 43_200, standard: 3_600 }
/** A session that was itself made with a role's session: one hour, whatever the role allows. */
const CHAINED_SECONDS_MAX = 3_600

export type StsOptions = Readonly<{
  callers: Callers
  ids: Ids
  /** External ids that the roles of an account insist on, by account id. */
  externalIds?: ReadonlyMap<string, string>
}>

/** STS: every role of every account of the fleet can be assumed, by anyone who meets its external id. */
export function sts(options: StsOptions): Service {
  return {
    AssumeRole: (input, caller) => assumeRole(options, input, caller),
    GetCallerIdentity: (_, caller) => ({ Arn: caller.arn, UserId: userId(caller), Account: caller.account }),
  }
}

function assumeRole({ callers, ids, externalIds }: StsOptions, input: Record<string, unknown>, caller: Caller): Record<string, unknown> {
  const roleArn = field(input, 'RoleArn', 20, 2_048)
  const name = field(input, 'RoleSessionName', 2, 64)
  if (!/^[\w+=,.@-]*$/.test(name))
    throw invalid(
      `Value '${name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
    )
  const [, account, path] = /^arn:aws:iam::(\d{12}):role\/([\w+=,.@/-]+)$/.exec(roleArn) ?? []
  if (account === undefined || path === undefined) throw invalid(`${roleArn} is invalid`)
  const seconds = secondsOf(input['DurationSeconds'], caller)
  const wanted = externalIds?.get(account)
  if (!callers.knows(account) || (wanted !== undefined && wanted !== input['ExternalId'])) {
    throw new ServiceError('AccessDenied', `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`, 403)
  }
  const role = path.slice(path.lastIndexOf('/') + 1)
  const arn = `arn:aws:sts::${account}:assumed-role/${role}/${name}`
  const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = callers.issue({ account, arn, seconds })
  return {
    Credentials: { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken, Expiration: iso(expiresAt) },
    AssumedRoleUser: { AssumedRoleId: `AROA${ids.hex(17).toUpperCase()}:${name}`, Arn: arn },
    PackedPolicySize: 0,
  }
}

function field(input: Record<string, unknown>, name: string, min: number, max: number): string {
  const value = input[name]
  if (typeof value !== 'string') {
    throw invalid(`Value null at '${camel(name)}' failed to satisfy constraint: Member must not be null`)
  }
  if (value.length < min || value.length > max) {
    throw invalid(
      `Value '${value.slice(0, 100)}' at '${camel(name)}' failed to satisfy constraint: Member must have length between ${String(min)} and ${String(max)}`,
    )
  }
  return value
}

function secondsOf(value: unknown, caller: Caller): number {
  if (value === undefined) return SESSION_SECONDS.standard
  const text = typeof value === 'string' ? value : ''
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(seconds >= SESSION_SECONDS.min && seconds <= SESSION_SECONDS.max)) {
    throw invalid(
      `Value '${text}' at 'durationSeconds' failed to satisfy constraint: Member must have value between ${String(SESSION_SECONDS.min)} and ${String(SESSION_SECONDS.max)}`,
    )
  }
  if (isSession(caller) && seconds > CHAINED_SECONDS_MAX) {
    throw new ServiceError(
      'ValidationError',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    )
  }
  return seconds
}

const invalid = (message: string): ServiceError => new ServiceError('ValidationError', `1 validation error detected: ${message}`)
const camel = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)
