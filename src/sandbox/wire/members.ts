import { ServiceError } from '../model.ts'
import { isRecord } from './message.ts'

type Input = Record<string, unknown>

/** A list of the query protocol, `Name.member.1`, `Name.member.2`, …; nothing when there is none. */
export function members(input: Input, name: string): readonly unknown[] {
  const value = input[name]
  if (value === undefined || value === '') return []
  const items = isRecord(value) ? value['member'] : undefined
  if (!Array.isArray(items)) throw new ServiceError('ValidationError', `${name} must be a list`)
  return items
}

/** The same of texts. */
export const memberTexts = (input: Input, name: string): readonly string[] =>
  members(input, name).map((item) => {
    if (typeof item !== 'string') throw new ServiceError('ValidationError', `${name} must be a list of texts`)
    return item
  })

/** One text; `undefined` when there is none. */
export function textIn(input: Input, name: string): string | undefined {
  const value = input[name]
  if (value === undefined || typeof value === 'string') return value
  throw new ServiceError('ValidationError', `${name} must be a text`)
}

/** One text that must be there. */
export function requiredIn(input: Input, name: string): string {
  const value = textIn(input, name)
  if (value !== undefined && value !== '') return value
  throw new ServiceError(
    'ValidationError',
    `1 validation error detected: Value null at '${name.charAt(0).toLowerCase()}${name.slice(1)}' failed to satisfy constraint: Member must not be null`,
  )
}

/** A whole number within bounds; `undefined` when there is none. */
export function wholeIn(input: Input, name: string, { min, max }: Readonly<{ min: number; max: number }>): number | undefined {
  const text = textIn(input, name)
  if (text === undefined) return undefined
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new ServiceError('ValidationError', `${name} must be a whole number between ${String(min)} and ${String(max)}`)
}
