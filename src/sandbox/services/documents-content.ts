import { parseDocument } from 'yaml'
import { ServiceError } from '../model.ts'
import { isRecord } from '../wire/message.ts'
import { checkCalendar } from './change-calendar-events.ts'

/** SSM's limit for a document's text, in bytes. */
const CONTENT_BYTES_MAX = 64 * 1024
const SCHEMAS: Readonly<Record<string, readonly string[]>> = { Command: ['1.2', '2.0', '2.2'], Automation: ['0.3'], Session: ['1.0'] }

/** The type of document whose text is an iCalendar. */
export const CHANGE_CALENDAR = 'ChangeCalendar'

/** What a document's text says of itself. */
export type DocumentContent = Readonly<{
  value: Record<string, unknown>
  schemaVersion: string
  description: string | undefined
  parameters: readonly Readonly<{ Name: string; Type: string; Description: string | undefined; DefaultValue: string | undefined }>[]
}>

const invalid = (message: string): ServiceError => new ServiceError('InvalidDocumentContent', message)

/** Reads a document's text as SSM does when it is stored. Throws what SSM answers for one that it would not store. */
export function readContent(content: string, format: string, type: string): DocumentContent {
  if (Buffer.byteLength(content) > CONTENT_BYTES_MAX) {
    throw new ServiceError('MaxDocumentSizeExceeded', `The size limit of a document is ${String(CONTENT_BYTES_MAX / 1024)} KB.`)
  }
  if (type === CHANGE_CALENDAR) return calendarContent(content, format)
  const value = parsed(content, format)
  if (!isRecord(value)) throw invalid(`${format} not well-formed.`)
  const { schemaVersion, description, parameters } = value
  if (typeof schemaVersion !== 'string') throw invalid('The document has no schemaVersion.')
  const known = SCHEMAS[type]
  if (known && !known.includes(schemaVersion)) {
    throw new ServiceError(
      'InvalidDocumentSchemaVersion',
      `The document schema version ${schemaVersion} is not supported for the type ${type}.`,
    )
  }
  if (schemaVersion === '2.2') checkSteps(value['mainSteps'])
  return {
    value,
    schemaVersion,
    description: typeof description === 'string' ? description : undefined,
    parameters: isRecord(parameters) ? Object.entries(parameters).map(([name, each]) => parameterOf(name, each)) : [],
  }
}

function calendarContent(content: string, format: string): DocumentContent {
  if (format !== 'TEXT') throw invalid('A Change Calendar is written in the format TEXT.')
  checkCalendar(content)
  return { value: {}, schemaVersion: '1.0', description: undefined, parameters: [] }
}

/** The same document in the other notation, for GetDocument. */
export const asJson = (content: string, format: string): string =>
  format === 'JSON' ? content : JSON.stringify(parsed(content, format), null, 2)

function parsed(content: string, format: string): unknown {
  try {
    if (format === 'JSON') return JSON.parse(content)
    const document = parseDocument(content, { prettyErrors: false, logLevel: 'silent' })
    return document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 })
  } catch {
    return undefined
  }
}

function checkSteps(steps: unknown): void {
  if (!Array.isArray(steps) || steps.length === 0) throw invalid('The document has no mainSteps.')
  const names = new Set<unknown>()
  for (const step of steps as readonly unknown[]) {
    if (!isRecord(step) || typeof step['action'] !== 'string' || typeof step['name'] !== 'string')
      throw invalid('A step needs an action and a name.')
    if (names.has(step['name'])) throw invalid(`Two steps have the name ${step['name']}.`)
    names.add(step['name'])
  }
}

function parameterOf(name: string, value: unknown): DocumentContent['parameters'][number] {
  const { type, description, default: standard } = isRecord(value) ? value : {}
  if (typeof type !== 'string') throw invalid(`The parameter ${name} has no type.`)
  return {
    Name: name,
    Type: type === 'StringList' ? 'StringList' : 'String',
    Description: typeof description === 'string' ? description : undefined,
    DefaultValue: standard === undefined ? undefined : typeof standard === 'string' ? standard : JSON.stringify(standard),
  }
}
