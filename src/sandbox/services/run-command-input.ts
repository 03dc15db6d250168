import { ServiceError } from '../model.ts'

type Input = Readonly<Record<string, unknown>>
type TextRule = Readonly<{ min?: number; max?: number; pattern?: RegExp }>

/** `(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)`, as in the service model. */
export const INSTANCE_ID = /^(i-(\w{8}|\w{17})|mi-\w{17})$/

/** SSM's ValidationException for one member. */
export function invalid(member: string, value: unknown, constraint: string): ServiceError {
  const shown = typeof value === 'string' ? value : JSON.stringify(value ?? null)
  const message = `1 validation error detected: Value '${shown.slice(0, 200)}' at '${member}' failed to satisfy constraint: ${constraint}`
  return new ServiceError('ValidationException', message)
}

/** An optional text member. */
export function textOf(input: Input, name: string, rule: TextRule = {}): string | undefined {
  const value = input[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new ServiceError('SerializationException', `${name} is not a string`)
  const { min, max, pattern } = rule
  if (min !== undefined && value.length < min)
    throw invalid(lower(name), value, `Member must have length greater than or equal to ${String(min)}`)
  if (max !== undefined && value.length > max)
    throw invalid(lower(name), value, `Member must have length less than or equal to ${String(max)}`)
  if (pattern && !pattern.test(value))
    throw invalid(lower(name), value, `Member must satisfy regular expression pattern: ${pattern.source}`)
  return value
}

/** A text member that must be there. */
export function requiredText(input: Input, name: string, rule: TextRule = {}): string {
  const value = textOf(input, name, rule)
  if (value === undefined) throw invalid(lower(name), null, 'Member must not be null')
  return value
}

/** An optional whole number. */
export function wholeOf(input: Input, name: string, min: number, max: number): number | undefined {
  const value = input[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new ServiceError('SerializationException', `${name} is not an integer`)
  if (value < min) throw invalid(lower(name), value, `Member must have value greater than or equal to ${String(min)}`)
  if (value > max) throw invalid(lower(name), value, `Member must have value less than or equal to ${String(max)}`)
  return value
}

/** An optional list of texts, each fitting the pattern. */
export function textsOf(input: Input, name: string, max: number, pattern?: RegExp): readonly string[] | undefined {
  const list = itemsOf(input, name, max)
  return list?.map((item) => {
    if (typeof item !== 'string') throw new ServiceError('SerializationException', `${name} holds something that is not a string`)
    if (pattern && !pattern.test(item))
      throw invalid(
        lower(name),
        list,
        `Member must satisfy constraint: [Member must satisfy regular expression pattern: ${pattern.source}]`,
      )
    return item
  })
}

/** An optional list of structures. */
export function structuresOf(input: Input, name: string, max: number): readonly Input[] | undefined {
  return itemsOf(input, name, max)?.map((item) => {
    if (!isRecord(item)) throw new ServiceError('SerializationException', `${name} holds something that is not a structure`)
    return item
  })
}

/** `Parameters`: name → list of strings. */
export function parametersOf(input: Input): Readonly<Record<string, readonly string[]>> {
  const value = input['Parameters'] ?? {}
  if (!isRecord(value)) throw new ServiceError('SerializationException', 'Parameters is not a map')
  const parameters: Record<string, readonly string[]> = {}
  for (const name of Object.keys(value)) parameters[name] = textsOf(value, name, Number.MAX_SAFE_INTEGER) ?? []
  return parameters
}

/** Whether it is a plain structure. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An opaque page token that only its own kind of call takes back. */
export const tokenFor = (kind: string, position: string): string => Buffer.from(`${kind}\n${position}`).toString('base64url')

/** The position in a token, `undefined` without one. @throws InvalidNextToken */
export function positionOf(input: Input, kind: string): string | undefined {
  const token = textOf(input, 'NextToken')
  if (token === undefined || token === '') return undefined
  const [seen, position] = Buffer.from(token, 'base64url').toString('utf8').split('\n')
  if (seen !== kind || position === undefined) throw new ServiceError('InvalidNextToken', 'The specified token is not valid.')
  return position
}

function itemsOf(input: Input, name: string, max: number): readonly unknown[] | undefined {
  const value = input[name]
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) throw new ServiceError('SerializationException', `${name} is not a list`)
  if (value.length > max) throw invalid(lower(name), value, `Member must have length less than or equal to ${String(max)}`)
  return value as readonly unknown[]
}

const lower = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)
