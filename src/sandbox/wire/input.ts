import { ServiceError } from '../model.ts'
import { isRecord } from './message.ts'

/** Reads one member of an input. Notes what breaks a constraint of the service model; throws at once what is of another type. */
export type Reader<T> = (value: unknown, path: string, broken: string[]) => T

type Members = Readonly<Record<string, Reader<unknown>>>
/** What a structure's reader gives back. */
export type Read<M extends Members> = { readonly [K in keyof M]: M[K] extends Reader<infer T> ? T : never }

type TextLimits = Readonly<{ min?: number; max?: number; pattern?: RegExp; oneOf?: readonly string[] }>
type Range = Readonly<{ min?: number; max?: number }>

/** How many characters of a refused value an error repeats. */
const SHOWN_CHARACTERS_MAX = 200

/** An operation's input: every constraint that is broken is named in one `ValidationException`, as AWS does it. Unknown members are dropped. */
export function inputOf<M extends Members>(members: M): (input: Record<string, unknown>) => Read<M> {
  const read = structure(members)
  return (input) => {
    const broken: string[] = []
    const value = read(input, '', broken)
    if (broken.length > 0) throw refusal(broken)
    return value
  }
}

/** A structure with these members. */
export function structure<M extends Members>(members: M): Reader<Read<M>> {
  const names = Object.keys(members)
  return (value, path, broken) => {
    if (!isRecord(value)) throw mistyped(path, 'a structure')
    const result: Record<string, unknown> = {}
    for (const name of names) result[name] = members[name]?.(value[name], path === '' ? name : `${path}.${name}`, broken)
    return result as Read<M>
  }
}

/** A member that may be left out. */
export const optional =
  <T>(reader: Reader<T>): Reader<T | undefined> =>
  (value, path, broken) =>
    value === undefined || value === null ? undefined : reader(value, path, broken)

/** A string; lengths in characters. */
export const text =
  ({ min, max, pattern, oneOf }: TextLimits = {}): Reader<string> =>
  (value, path, broken) => {
    if (value === undefined || value === null) return missing(path, broken, '')
    if (typeof value !== 'string') throw mistyped(path, 'a string')
    if (min !== undefined && value.length < min)
      note(broken, value, path, `Member must have length greater than or equal to ${String(min)}`)
    if (max !== undefined && value.length > max) note(broken, value, path, `Member must have length less than or equal to ${String(max)}`)
    if (oneOf && !oneOf.includes(value)) note(broken, value, path, `Member must satisfy enum value set: [${oneOf.join(', ')}]`)
    if (pattern && !pattern.test(value)) note(broken, value, path, `Member must satisfy regular expression pattern: ${pattern.source}`)
    return value
  }

/** A whole number. */
export const whole =
  ({ min, max }: Range = {}): Reader<number> =>
  (value, path, broken) => {
    if (value === undefined || value === null) return missing(path, broken, 0)
    if (typeof value !== 'number' || !Number.isInteger(value)) throw mistyped(path, 'an integer')
    if (min !== undefined && value < min) note(broken, value, path, `Member must have value greater than or equal to ${String(min)}`)
    if (max !== undefined && value > max) note(broken, value, path, `Member must have value less than or equal to ${String(max)}`)
    return value
  }

/** A Boolean. */
export const flag = (): Reader<boolean> => (value, path, broken) => {
  if (value === undefined || value === null) return missing(path, broken, false)
  if (typeof value !== 'boolean') throw mistyped(path, 'a boolean')
  return value
}

/** A list of such items. */
export const list =
  <T>(of: Reader<T>, { min, max }: Range = {}): Reader<readonly T[]> =>
  (value, path, broken) => {
    if (value === undefined || value === null) return missing(path, broken, [])
    if (!Array.isArray(value)) throw mistyped(path, 'a list')
    if (min !== undefined && value.length < min)
      note(broken, value, path, `Member must have length greater than or equal to ${String(min)}`)
    if (max !== undefined && value.length > max) note(broken, value, path, `Member must have length less than or equal to ${String(max)}`)
    return value.map((item, index) => of(item, `${path}.${String(index + 1)}.member`, broken))
  }

/** A map from text to such values. */
export const mapOf =
  <T>(of: Reader<T>): Reader<Readonly<Record<string, T>>> =>
  (value, path, broken) => {
    if (value === undefined || value === null) return missing(path, broken, {})
    if (!isRecord(value)) throw mistyped(path, 'a map')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, of(item, `${path}.${key}`, broken)]))
  }

function missing<T>(path: string, broken: string[], instead: T): T {
  broken.push(`Value null at '${camel(path)}' failed to satisfy constraint: Member must not be null`)
  return instead
}

function note(broken: string[], value: unknown, path: string, rule: string): void {
  const shown = typeof value === 'string' ? value : JSON.stringify(value)
  broken.push(`Value '${shown.slice(0, SHOWN_CHARACTERS_MAX)}' at '${camel(path)}' failed to satisfy constraint: ${rule}`)
}

const refusal = (broken: readonly string[]): ServiceError =>
  new ServiceError(
    'ValidationException',
    `${String(broken.length)} validation error${broken.length === 1 ? '' : 's'} detected: ${broken.join('; ')}`,
  )

const mistyped = (path: string, wanted: string): ServiceError =>
  new ServiceError('SerializationException', `${path === '' ? 'The request' : path} must be ${wanted}`)

const camel = (path: string): string => path.charAt(0).toLowerCase() + path.slice(1)
