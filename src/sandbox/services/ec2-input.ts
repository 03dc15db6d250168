import { ServiceError } from '../model.ts'
import { isRecord } from '../wire/message.ts'
import { placeIn, tokenFor } from './pages.ts'

/** `Filter.n`: any of the values, `*` and `?` are wildcards; several filters must all pass. */
export type Filter = Readonly<{ name: string; values: readonly string[] }>

type Input = Record<string, unknown>

/** `Name.1`, `Name.2`, … as a list; nothing when there is none. */
export function texts(input: Input, name: string): readonly string[] {
  const value = input[name]
  if (value === undefined) return []
  const items: readonly unknown[] = Array.isArray(value) ? value : [value]
  return items.map((item) => {
    if (typeof item !== 'string') throw invalid(`The parameter ${name} is not recognized`)
    return item
  })
}

/** A single text. */
export const one = (input: Input, name: string): string | undefined => texts(input, name)[0]

/** `true` or not. */
export const isTrue = (input: Input, name: string): boolean => one(input, name) === 'true'

/** The filters; at most 200 values each, as EC2 takes them. */
export function filtersOf(input: Input): readonly Filter[] {
  const value = input['Filter']
  if (value === undefined) return []
  const items: readonly unknown[] = Array.isArray(value) ? value : [value]
  return items.map((item) => {
    if (!isRecord(item)) throw invalid('The filter is not valid')
    const name = one(item, 'Name')
    if (name === undefined) throw new ServiceError('MissingParameter', 'The request must contain the parameter Filter.Name')
    const values = texts(item, 'Value')
    if (values.length > 200)
      throw new ServiceError('FilterLimitExceeded', 'The maximum number of filter values specified on a single call is 200')
    return { name, values }
  })
}

/** Reads each attribute that filters may name; `undefined` for names that are none. */
export type Attributes<T> = (name: string) => ((of: T) => readonly string[]) | undefined

/** One test for all filters. Refuses a filter that the listing does not know. */
export function passesAll<T>(filters: readonly Filter[], attributes: Attributes<T>): (of: T) => boolean {
  const tests = filters.map(({ name, values }) => {
    const read = attributes(name)
    if (!read) throw invalid(`The filter '${name}' is invalid`)
    const patterns = values.map(wildcard)
    return (of: T): boolean => read(of).some((value) => patterns.some((pattern) => pattern(value)))
  })
  return (of) => tests.every((test) => test(of))
}

function wildcard(pattern: string): (value: string) => boolean {
  if (!/[*?\\]/.test(pattern)) return (value) => value === pattern
  let source = ''
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern.charAt(at)
    if (letter === '*') source += '[\\s\\S]*'
    else if (letter === '?') source += '[\\s\\S]'
    else if (letter === '\\' && at + 1 < pattern.length) source += escaped(pattern.charAt((at += 1)))
    else source += escaped(letter)
  }
  const expression = new RegExp(`^${source}$`)
  return (value) => expression.test(value)
}

const escaped = (letter: string): string => letter.replace(/[.*+?^${}()|[\]\\/-]/, '\\$&')

export type Page = Readonly<{ from: number; size: number; question: unknown }>

/** `MaxResults` and `NextToken`; without `MaxResults` a call is one page. */
export function pageOf(input: Input, limits: Readonly<{ min: number; max: number; noun: string }>, ids: readonly string[]): Page {
  const text = one(input, 'MaxResults')
  const size = text === undefined ? Number.MAX_SAFE_INTEGER : Number(text)
  if (text !== undefined) checkSize(text, limits, ids)
  const { MaxResults: _, NextToken: __, ...question } = input
  const from = placeIn(one(input, 'NextToken'), question)
  if (from === undefined) throw invalid('Unable to parse pagination token')
  return { from, size, question }
}

function checkSize(text: string, { min, max, noun }: Readonly<{ min: number; max: number; noun: string }>, ids: readonly string[]): void {
  if (ids.length > 0) {
    throw new ServiceError('InvalidParameterCombination', `The parameter ${noun} cannot be used with the parameter maxResults`)
  }
  const size = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(size >= min && size <= max)) {
    throw invalid(`Value ( ${text} ) for parameter maxResults is invalid. Expecting a value between ${String(min)} and ${String(max)}.`)
  }
}

/** The page's part of the list and the token of the next one. */
export function cut<T>(
  all: readonly T[],
  { from, size, question }: Page,
): Readonly<{ items: readonly T[]; nextToken: string | undefined }> {
  const to = from + size
  return { items: all.slice(from, to), nextToken: to < all.length ? tokenFor(to, question) : undefined }
}

/** Refuses `DryRun`: here everyone may do everything. */
export function checkDryRun(input: Input): void {
  if (isTrue(input, 'DryRun')) throw new ServiceError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)
}

export const invalid = (message: string): ServiceError => new ServiceError('InvalidParameterValue', message)
