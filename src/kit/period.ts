import { INSTANT_PATTERN, isDay, parseInstant, type Instant } from './instant.ts'
import type { JsonSchema } from './schema.ts'

/**
 * A stretch of time: from one day to another, both included, in a zone that its reader knows; from an instant up to another, which is not
 * included; or one that somebody else keeps, in an iCalendar file or in a Change Calendar of Systems Manager (its name or document ARN).
 */
export type Period = Readonly<
  | { kind: 'days'; from: string; to: string }
  | { kind: 'period'; from: Instant; to: Instant }
  | { kind: 'file'; path: string }
  | { kind: 'ssm'; name: string }
>

/** A period as people write it: `company.ics`, `ssm:ChangeFreeze`, `{ from: 2026-12-20, to: 2027-01-03 }`. */
export type PeriodDocument = string | Readonly<{ from: string; to: string }>

const DAY_OR_INSTANT = `^\\d{4}-\\d{2}-\\d{2}$|${INSTANT_PATTERN}`
/** SSM names documents with 3 to 128 of these characters (CreateDocument, Name); a shared one is named by its ARN. */
const DOCUMENT = '[A-Za-z0-9_.-]{3,128}'
const CHANGE_CALENDAR = `^ssm:(${DOCUMENT}|arn:aws[a-z-]*:ssm:[a-z0-9-]+:[0-9]{12}:document/${DOCUMENT})$`
const CALENDAR_FILE = '^(?!ssm:)[^\\s:*?"<>|\\\\][^\\n\\r\\t:*?"<>|\\\\]*\\.ics$'

const bound = (description: string, example: string): JsonSchema => ({
  title: 'a day, or an instant with its offset',
  description,
  type: 'string',
  pattern: DAY_OR_INSTANT,
  examples: [example, `${example}T18:00:00Z`],
})

/** The shape of `PeriodDocument`. What a shape cannot say `periodMistakes` does. */
export const PERIOD_SCHEMA: JsonSchema = {
  title: 'an .ics file, `ssm:` and a Change Calendar, or a map with `from` and `to`',
  type: ['string', 'object'],
  pattern: `${CALENDAR_FILE}|${CHANGE_CALENDAR}`,
  maxLength: 512,
  additionalProperties: false,
  required: ['from', 'to'],
  properties: {
    from: bound('Its first day, or the instant at which it begins.', '2026-12-20'),
    to: bound('Its last day, or the instant at which it is over.', '2027-01-03'),
  },
  examples: [{ from: '2026-12-20', to: '2027-01-03' }, 'config/calendars/company-freeze.ics', 'ssm:ChangeFreeze'],
}

/** What is wrong with a period of the right shape: at which key, of which kind, and what to do. */
export type PeriodMistake = Readonly<{ key: 'from' | 'to'; kind: 'malformed' | 'contradiction'; message: string; hint: string }>

/** Days and instants that do not exist, are mixed, or run backwards. Nothing for what the schema refuses already. */
export function periodMistakes(value: unknown): readonly PeriodMistake[] {
  if (typeof value !== 'object' || value === null || !('from' in value) || !('to' in value)) return []
  const { from, to } = value
  if (typeof from !== 'string' || typeof to !== 'string') return []
  const unreal = [unrealBound('from', from), unrealBound('to', to)].filter((each) => each !== undefined)
  if (unreal.length > 0) return unreal
  const start = boundOf(from)
  const end = boundOf(to)
  if (start === undefined || end === undefined) return []
  if (typeof start !== typeof end) {
    const message = `it runs from ${from} to ${to}: one is a day, the other an instant`
    return [{ key: 'to', kind: 'contradiction', message, hint: 'write two days, or two instants' }]
  }
  if (start < end || (typeof start === 'string' && start === end)) return []
  return [{ key: 'to', kind: 'contradiction', message: `it ends (${to}) before it begins (${from})`, hint: 'swap the two' }]
}

/** Reads what `PERIOD_SCHEMA` and `periodMistakes` have let through. */
export function readPeriod(document: PeriodDocument): Period {
  if (typeof document === 'string')
    return document.startsWith(SSM) ? { kind: 'ssm', name: document.slice(SSM.length) } : { kind: 'file', path: document }
  const { from, to } = document
  const start = parseInstant(from)
  const end = parseInstant(to)
  return start === undefined || end === undefined ? { kind: 'days', from, to } : { kind: 'period', from: start, to: end }
}

const SSM = 'ssm:'

/** A day as its own text, an instant as a number: each kind can be compared with its own. */
const boundOf = (text: string): string | Instant | undefined => (isDay(text) ? text : parseInstant(text))

function unrealBound(key: 'from' | 'to', text: string): PeriodMistake | undefined {
  if (!new RegExp(DAY_OR_INSTANT).test(text) || boundOf(text) !== undefined) return undefined
  return { key, kind: 'malformed', message: `there is no ${text}`, hint: 'look the day up in a calendar' }
}
