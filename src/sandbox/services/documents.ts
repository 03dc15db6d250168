import { createHash } from 'node:crypto'
import { type Digest, sha256 } from '../../kit/digest.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { flag, inputOf, list, optional, type Read, structure, text, whole } from '../wire/input.ts'
import { asJson, CHANGE_CALENDAR, type DocumentContent, readContent } from './documents-content.ts'
import { placeIn, tokenFor } from './pages.ts'

/** Quotas of an account and Region (endpoints and quotas page). */
const DOCUMENTS_MAX = 500
const VERSIONS_MAX = 1_000

const OWN_NAME = text({ pattern: /^[a-zA-Z0-9_\-.]{3,128}$/ })
const ANY_NAME = text({ pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ })
const VERSION = optional(text({ pattern: /([$]LATEST|[$]DEFAULT|^[1-9][0-9]*$)/ }))
const VERSION_NAME = optional(text({ pattern: /^[a-zA-Z0-9_\-.]{1,128}$/ }))
const FORMAT = optional(text({ oneOf: ['YAML', 'JSON', 'TEXT'] }))
const TARGET_TYPE = optional(text({ max: 200, pattern: /^\/[\w.\-:/]*$/ }))
const TYPES = [
  'Command',
  'Automation',
  'Session',
  'Policy',
  'Package',
  'ApplicationConfiguration',
  'ApplicationConfigurationSchema',
  CHANGE_CALENDAR,
]

const CREATE = {
  Content: text({ min: 1 }),
  Name: OWN_NAME,
  DisplayName: optional(text({ max: 1_024, pattern: /^[\w.\-:/ ]*$/ })),
  VersionName: VERSION_NAME,
  DocumentType: optional(text({ oneOf: TYPES })),
  DocumentFormat: FORMAT,
  TargetType: TARGET_TYPE,
  Tags: optional(list(structure({ Key: text({ min: 1, max: 128 }), Value: text({ max: 256 }) }), { max: 1_000 })),
}
const UPDATE = {
  Content: text({ min: 1 }),
  Name: OWN_NAME,
  DisplayName: optional(text({ max: 1_024 })),
  VersionName: VERSION_NAME,
  DocumentVersion: VERSION,
  DocumentFormat: FORMAT,
  TargetType: TARGET_TYPE,
}
const readCreate = inputOf(CREATE)
const readUpdate = inputOf(UPDATE)
const readDefault = inputOf({ Name: OWN_NAME, DocumentVersion: text({ pattern: /(^[1-9][0-9]*$)/ }) })
const readDescribe = inputOf({ Name: ANY_NAME, DocumentVersion: VERSION, VersionName: VERSION_NAME })
const readGet = inputOf({ Name: ANY_NAME, DocumentVersion: VERSION, VersionName: VERSION_NAME, DocumentFormat: FORMAT })
const readDelete = inputOf({ Name: OWN_NAME, DocumentVersion: VERSION, VersionName: VERSION_NAME, Force: optional(flag()) })
const readVersions = inputOf({ Name: ANY_NAME, MaxResults: optional(whole({ min: 1, max: 50 })), NextToken: optional(text()) })

type Version = Readonly<{
  number: number
  name: string | undefined
  displayName: string | undefined
  content: string
  hash: Digest
  format: string
  targetType: string | undefined
  says: DocumentContent
  at: Instant
}>
type Document = {
  readonly name: string
  readonly owner: string
  readonly type: string
  readonly tags: readonly Readonly<{ Key: string; Value: string }>[]
  readonly versions: Version[]
  defaultVersion: number
}

/** A document's text as Run Command executes it. `version` is the number. */
export type ResolvedDocument = Readonly<{ name: string; version: string; hash: Digest; content: string }>

export type Documents = Readonly<{
  service: Service
  /** What a cell has under this name (or own ARN) and version (`$DEFAULT`, `$LATEST`, a number); `undefined`: nothing. */
  resolve: (cell: Cell, name: string, version: string | undefined) => ResolvedDocument | undefined
  /** The default version's text of a Change Calendar of that name or own ARN; `other`: a document of another type. */
  calendar: (cell: Cell, name: string) => Readonly<{ content: string }> | 'other' | undefined
}>

/** SSM documents of each account and Region. */
export function documents(clock: Clock): Documents {
  const shelves = new Map<string, Map<string, Document>>()
  const shelf = (cell: Cell): Map<string, Document> => {
    const key = cellKey(cell)
    let found = shelves.get(key)
    if (!found) shelves.set(key, (found = new Map<string, Document>()))
    return found
  }
  const service: Service = {
    CreateDocument: (input, caller) => create(shelf(caller), readCreate(input), caller, clock.now()),
    UpdateDocument: (input, caller) => update(shelf(caller), readUpdate(input), clock.now()),
    UpdateDocumentDefaultVersion: (input, caller) => setDefault(shelf(caller), readDefault(input)),
    DescribeDocument: (input, caller) => {
      const wanted = readDescribe(input)
      const { document, version } = found(shelf(caller), caller, wanted)
      return { Document: described(document, version, 'Active') }
    },
    GetDocument: (input, caller) => get(shelf(caller), caller, readGet(input)),
    ListDocumentVersions: (input, caller) => versionsOf(shelf(caller), caller, readVersions(input)),
    DeleteDocument: (input, caller) => remove(shelf(caller), readDelete(input)),
  }
  const resolve: Documents['resolve'] = (cell, name, version) => {
    const document = shelf(cell).get(ownName(name, cell))
    if (document?.type === CHANGE_CALENDAR) return undefined // Nothing that a command could execute.
    const chosen = document && pick(document, version ?? '$DEFAULT')
    return chosen && { name: document.name, version: String(chosen.number), hash: chosen.hash, content: chosen.content }
  }
  const calendar: Documents['calendar'] = (cell, name) => {
    const document = shelf(cell).get(ownName(name, cell))
    return document?.type === CHANGE_CALENDAR ? pick(document, '$DEFAULT') : document && 'other'
  }
  return { service, resolve, calendar }
}

function create(shelf: Map<string, Document>, input: Read<typeof CREATE>, caller: Caller, at: Instant): Record<string, unknown> {
  const type = input.DocumentType ?? 'Command'
  if (/^(aws|amazon|amzn)/i.test(input.Name)) {
    throw new ServiceError('ValidationException', `The document name ${input.Name} begins with a reserved prefix.`)
  }
  if (shelf.has(input.Name)) throw new ServiceError('DocumentAlreadyExists', `Document with same name ${input.Name} already exists`)
  if (shelf.size >= DOCUMENTS_MAX)
    throw new ServiceError('DocumentLimitExceeded', `You can have at most ${String(DOCUMENTS_MAX)} documents.`)
  const version = newVersion(input, { number: 1, type, at, format: type === CHANGE_CALENDAR ? 'TEXT' : 'JSON' })
  const document: Document = {
    name: input.Name,
    owner: caller.account,
    type,
    tags: input.Tags ?? [],
    versions: [version],
    defaultVersion: 1,
  }
  shelf.set(input.Name, document)
  return { DocumentDescription: described(document, version, 'Creating') }
}

/** Only the latest version can be updated; the same text again is refused. The default version stays what it was. */
function update(shelf: Map<string, Document>, input: Read<typeof UPDATE>, at: Instant): Record<string, unknown> {
  const document = shelf.get(input.Name)
  const latest = document?.versions.at(-1)
  if (!document || !latest) throw unknown(input.Name)
  const base = pick(document, input.DocumentVersion ?? '$DEFAULT')
  if (base !== latest) {
    throw new ServiceError(
      'InvalidDocumentVersion',
      'The document version is not valid or does not exist: only the latest version can be updated.',
    )
  }
  if (document.versions.length >= VERSIONS_MAX) {
    throw new ServiceError('DocumentVersionLimitExceeded', `A document can have at most ${String(VERSIONS_MAX)} versions.`)
  }
  if (input.VersionName !== undefined && document.versions.some(({ name }) => name === input.VersionName)) {
    throw new ServiceError('DuplicateDocumentVersionName', `The version name ${input.VersionName} has already been used in this document.`)
  }
  const version = newVersion(input, { number: latest.number + 1, type: document.type, at, format: latest.format })
  if (version.hash === latest.hash) {
    throw new ServiceError(
      'DuplicateDocumentContent',
      'The content of the document matches the latest version. Change the content and try again.',
    )
  }
  document.versions.push(version)
  return { DocumentDescription: described(document, version, 'Updating') }
}

type Base = Readonly<{ number: number; type: string; at: Instant; format: string }>

function newVersion(input: Read<typeof UPDATE> | Read<typeof CREATE>, { number, type, at, format: standard }: Base): Version {
  const format = input.DocumentFormat ?? standard
  const { VersionName: name, DisplayName: displayName, TargetType: targetType } = input
  return { number, name, displayName, format, targetType, at, ...textOf(input.Content, format, type) }
}

type Text = Pick<Version, 'content' | 'hash' | 'says'>
const texts = new Map<string, Text>()
/** An engine brings a handful of texts to every cell; when there are more than these, their owner tries out something else. */
const TEXTS_MAX = 64

/** The same document in hundreds of cells is read and kept once. Throws what SSM answers for one that it would not store. */
function textOf(content: string, format: string, type: string): Text {
  const hash = sha256(content)
  const key = `${type} ${format} ${hash}`
  let text = texts.get(key)
  if (text === undefined) {
    text = { content, hash, says: readContent(content, format, type) }
    if (texts.size >= TEXTS_MAX) texts.clear()
    texts.set(key, text)
  }
  return text
}

function setDefault(shelf: ReadonlyMap<string, Document>, input: ReturnType<typeof readDefault>): Record<string, unknown> {
  const document = shelf.get(input.Name)
  if (!document) throw unknown(input.Name)
  const version = pick(document, input.DocumentVersion)
  if (!version) throw noVersion(input.DocumentVersion)
  document.defaultVersion = version.number
  return { Description: { Name: document.name, DefaultVersion: String(version.number), DefaultVersionName: version.name } }
}

function get(shelf: ReadonlyMap<string, Document>, caller: Caller, input: ReturnType<typeof readGet>): Record<string, unknown> {
  const { document, version } = found(shelf, caller, input)
  const format = version.format === 'TEXT' ? 'TEXT' : (input.DocumentFormat ?? version.format)
  return {
    Name: document.name,
    CreatedDate: version.at / 1_000,
    DisplayName: version.displayName,
    VersionName: version.name,
    DocumentVersion: String(version.number),
    Status: 'Active',
    Content: format === 'JSON' ? asJson(version.content, version.format) : version.content,
    DocumentType: document.type,
    DocumentFormat: format === 'JSON' ? 'JSON' : version.format,
  }
}

function versionsOf(shelf: ReadonlyMap<string, Document>, caller: Caller, input: ReturnType<typeof readVersions>): Record<string, unknown> {
  const { document } = found(shelf, caller, input)
  const from = placeIn(input.NextToken, input.Name)
  if (from === undefined) throw new ServiceError('InvalidNextToken', 'The specified token is not valid.')
  const newestFirst = document.versions.toReversed()
  const to = from + (input.MaxResults ?? 50)
  return {
    DocumentVersions: newestFirst.slice(from, to).map((version) => ({
      Name: document.name,
      DisplayName: version.displayName,
      DocumentVersion: String(version.number),
      VersionName: version.name,
      CreatedDate: version.at / 1_000,
      IsDefaultVersion: version.number === document.defaultVersion,
      DocumentFormat: version.format,
      Status: 'Active',
    })),
    NextToken: to < newestFirst.length ? tokenFor(to, input.Name) : undefined,
  }
}

function remove(shelf: Map<string, Document>, input: ReturnType<typeof readDelete>): Record<string, unknown> {
  const document = shelf.get(input.Name)
  if (!document) throw unknown(input.Name)
  if (input.DocumentVersion === undefined && input.VersionName === undefined) {
    shelf.delete(input.Name)
    return {}
  }
  const version = pick(document, input.DocumentVersion, input.VersionName)
  if (!version) throw noVersion(input.DocumentVersion ?? input.VersionName)
  if (version.number === document.defaultVersion) {
    throw new ServiceError('InvalidDocumentOperation', "Default version of the document can't be deleted.")
  }
  document.versions.splice(document.versions.indexOf(version), 1)
  return {}
}

type Wanted = Readonly<{ Name: string; DocumentVersion?: string | undefined; VersionName?: string | undefined }>

function found(shelf: ReadonlyMap<string, Document>, caller: Caller, wanted: Wanted): Readonly<{ document: Document; version: Version }> {
  const document = shelf.get(ownName(wanted.Name, caller))
  if (!document) throw unknown(wanted.Name)
  const version = pick(document, wanted.DocumentVersion, wanted.VersionName)
  if (!version) throw noVersion(wanted.DocumentVersion ?? wanted.VersionName)
  return { document, version }
}

function pick(document: Document, version: string | undefined, name?: string): Version | undefined {
  if (version === undefined && name !== undefined) return document.versions.find((each) => each.name === name)
  if (version === '$LATEST') return document.versions.at(-1)
  const number = version === undefined || version === '$DEFAULT' ? document.defaultVersion : Number(version)
  return document.versions.find((each) => each.number === number && (name === undefined || each.name === name))
}

/** The name within an ARN of this cell; other ARNs and plain names as they are (no document is shared here). */
function ownName(name: string, cell: Cell): string {
  const prefix = `arn:aws:ssm:${cell.region}:${cell.account}:document/`
  return name.startsWith(prefix) ? name.slice(prefix.length) : name
}

const unknown = (name: string): ServiceError => new ServiceError('InvalidDocument', `Document with name ${name} does not exist.`)
const noVersion = (version: string | undefined): ServiceError =>
  new ServiceError('InvalidDocumentVersion', `The document version ${version ?? ''} is not valid or does not exist.`)

const described = (document: Document, version: Version, status: string): Record<string, unknown> => ({
  Sha1: createHash('sha1').update(version.content).digest('hex'),
  Hash: version.hash,
  HashType: 'Sha256',
  Name: document.name,
  DisplayName: version.displayName,
  VersionName: version.name,
  Owner: document.owner,
  CreatedDate: version.at / 1_000,
  Status: status,
  DocumentVersion: String(version.number),
  Description: version.says.description,
  Parameters: version.says.parameters,
  PlatformTypes: ['Linux', 'MacOS', 'Windows'],
  DocumentType: document.type,
  SchemaVersion: version.says.schemaVersion,
  LatestVersion: String(document.versions.at(-1)?.number ?? version.number),
  DefaultVersion: String(document.defaultVersion),
  DocumentFormat: version.format,
  TargetType: version.targetType,
  Tags: document.tags,
})
