import { ServiceError } from '../model.ts'
import { isRecord } from '../wire/message.ts'

/** Users get this many characters for the name, the ARN's beginning included. */
const NAME_CHARACTERS_MAX = 1_011
const LEVELS_MAX = 15
const LABEL_CHARACTERS_MAX = 100
/** Standard and Advanced values, in bytes. */
export const STANDARD_BYTES_MAX = 4_096
export const ADVANCED_BYTES_MAX = 8_192
export const VERSIONS_MAX = 100
export const LABELS_MAX = 10
export const STANDARD_COUNT_MAX = 10_000
export const ADVANCED_COUNT_MAX = 100_000

export type Tier = 'Standard' | 'Advanced'

const invalid = (message: string): ServiceError => new ServiceError('ValidationException', message)

/** Refuses a name that Parameter Store would not create. */
export function checkName(name: string, arnPrefix: string): void {
  if (arnPrefix.length + name.length > NAME_CHARACTERS_MAX) {
    throw invalid(`Parameter name, with its ARN, must not be longer than ${String(NAME_CHARACTERS_MAX)} characters.`)
  }
  if (!/^[a-zA-Z0-9_.\-/]+$/.test(name) || name.endsWith('/') || name.includes('//')) {
    throw invalid(
      'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_',
    )
  }
  if (/^\/?aws/i.test(name)) throw new ServiceError('AccessDeniedException', `No access to reserved parameter name: ${name}.`)
  if (/^\/?ssm/i.test(name)) throw invalid('Parameter name: can\'t be prefixed with "ssm" (case-insensitive).')
  if (name.includes('/') && !name.startsWith('/')) throw invalid('Parameter name must be a fully qualified name.')
  if (levelsOf(name) > LEVELS_MAX) {
    throw new ServiceError('HierarchyLevelLimitExceededException', `A hierarchy can have a maximum of ${String(LEVELS_MAX)} levels.`)
  }
}

const levelsOf = (name: string): number => name.split('/').filter((part) => part !== '').length

/** The tier that a value of this size gets. An Advanced parameter never goes back by itself; asking for it is refused. */
export function tierFor(asked: string | undefined, before: Tier | undefined, bytes: number, policies: boolean): Tier {
  const needed: Tier = bytes > STANDARD_BYTES_MAX || policies ? 'Advanced' : 'Standard'
  if (asked === 'Standard' && before === 'Advanced') {
    throw invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier.",
    )
  }
  const tier: Tier =
    asked === 'Intelligent-Tiering'
      ? before === 'Advanced'
        ? 'Advanced'
        : needed
      : asked === 'Advanced'
        ? 'Advanced'
        : (before ?? 'Standard')
  const limit = tier === 'Standard' ? STANDARD_BYTES_MAX : ADVANCED_BYTES_MAX
  if (bytes <= limit) return tier
  throw tier === 'Standard'
    ? invalid(
        `Standard tier parameters support a maximum parameter value of ${String(STANDARD_BYTES_MAX)} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.`,
      )
    : invalid(`Advanced tier parameters support a maximum parameter value of ${String(ADVANCED_BYTES_MAX)} characters.`)
}

/** Refuses a value that its parameter's pattern does not match, and references inside a value. */
export function checkValue(value: string, pattern: string | undefined): void {
  if (value === '')
    throw invalid(
      "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1",
    )
  if (/\{\{\s*ssm:/.test(value)) throw invalid('Parameter value can not nest another parameter.')
  if (pattern === undefined || pattern === '') return
  if (!compiled(pattern).test(value)) {
    throw new ServiceError('ParameterPatternMismatchException', `Parameter value, cannot be validated against allowedPattern: ${pattern}`)
  }
}

function compiled(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`)
  } catch {
    throw new ServiceError('InvalidAllowedPatternException', `The allowed pattern is not a valid regular expression: ${pattern}`)
  }
}

const POLICY_TYPES = ['Expiration', 'ExpirationNotification', 'NoChangeNotification']
const POLICIES_MAX = 10

/** The policies in a PutParameter, as they are shown again. Their times are not acted upon. */
export function policiesOf(
  text: string | undefined,
): readonly Readonly<{ PolicyText: string; PolicyType: string; PolicyStatus: string }>[] {
  if (text === undefined) return []
  return listIn(text).map((policy) => {
    const type = isRecord(policy) ? policy['Type'] : undefined
    if (typeof type !== 'string' || !POLICY_TYPES.includes(type)) {
      throw new ServiceError(
        'InvalidPolicyTypeException',
        `The policy type is not supported. Parameter Store supports: ${POLICY_TYPES.join(', ')}.`,
      )
    }
    return { PolicyText: JSON.stringify(policy), PolicyType: type, PolicyStatus: 'Pending' }
  })
}

function listIn(text: string): readonly unknown[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (!Array.isArray(value)) throw new ServiceError('InvalidPolicyAttributeException', 'Policies must be a JSON list.')
  if (value.length > POLICIES_MAX) {
    throw new ServiceError('PoliciesLimitExceededException', `A parameter can have at most ${String(POLICIES_MAX)} policies.`)
  }
  return value
}

/** Whether a label may exist: letters, digits, `. _ -`; not beginning with a digit, `aws` or `ssm`. */
export const isLabel = (label: string): boolean =>
  label.length <= LABEL_CHARACTERS_MAX && /^[a-zA-Z_.-][a-zA-Z0-9_.-]*$/.test(label) && !/^(aws|ssm)/i.test(label)
