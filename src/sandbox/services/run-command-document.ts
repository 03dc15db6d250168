import { parse } from 'yaml'
import type { Cell } from '../../kit/ids.ts'
import { ServiceError } from '../model.ts'
import { PATCH_BASELINE } from '../nodes/document-kind.ts'
import { isRecord } from './run-command-input.ts'

/** A version of an SSM document as the document store keeps it. */
export type StoredDocument = Readonly<{ version: string; hash: string; content: string }>

/** Finds a document of a cell: the given version (`$DEFAULT`, `$LATEST`, a number), the default one without. */
export type ResolveDocument = (cell: Cell, name: string, version?: string) => StoredDocument | undefined

/** What a document asks of one parameter; null: it does not. */
export type DocumentParameter = Readonly<{
  required: boolean
  standard: string | null
  pattern: RegExp | null
  values: readonly string[] | null
}>

/** What SendCommand needs to know of a document. */
export type CommandDocument = Readonly<{
  name: string
  version: string
  parameters: ReadonlyMap<string, DocumentParameter> | null
  plugin: string
  /** Its text; empty where Amazon owns it. */
  content: string
}>

/** A URL of the documents of Patch Manager, or nothing. */
const OVERRIDE = /^$|^https:\/\/.+$|^s3:\/\/([^/]+)\/(.*?([^/]+))$/
const optional = (rule: Partial<DocumentParameter>): DocumentParameter => ({
  required: false,
  standard: '',
  pattern: null,
  values: null,
  ...rule,
})

/** Documents that Amazon owns and these nodes know how to run, with what they ask of their parameters. */
const AMAZON_OWNED: ReadonlyMap<string, ReadonlyMap<string, DocumentParameter>> = new Map([
  [
    PATCH_BASELINE,
    new Map<string, DocumentParameter>([
      ['Operation', { required: true, standard: null, pattern: null, values: ['Scan', 'Install'] }],
      ['AssociationId', optional({ pattern: /^$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ })],
      ['SnapshotId', optional({ pattern: /^$|^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/ })],
      ['InstallOverrideList', optional({ pattern: OVERRIDE })],
      ['BaselineOverride', optional({ pattern: OVERRIDE })],
      ['RebootOption', optional({ standard: 'RebootIfNeeded', values: ['RebootIfNeeded', 'NoReboot'] })],
    ]),
  ],
])

const READ = new Map<string, Readonly<Pick<CommandDocument, 'parameters' | 'plugin'>>>()

/** The document that a SendCommand names. @throws ServiceError InvalidDocument, InvalidDocumentVersion */
export function commandDocument(
  resolve: ResolveDocument,
  cell: Cell,
  asked: Readonly<{ name: string; version?: string; hash?: string }>,
): CommandDocument {
  const name = asked.name.startsWith('arn:') ? asked.name.slice(asked.name.lastIndexOf('/') + 1) : asked.name
  const stored = resolve(cell, name, asked.version)
  if (stored) {
    if (asked.hash !== undefined && asked.hash.toLowerCase() !== stored.hash.toLowerCase()) {
      throw new ServiceError('InvalidDocument', `The hash of document ${name} does not match.`)
    }
    return { name: asked.name, version: asked.version ?? '$DEFAULT', ...read(stored), content: stored.content }
  }
  const owned = AMAZON_OWNED.get(name)
  if (owned) return { name: asked.name, version: asked.version ?? '$DEFAULT', parameters: owned, plugin: 'PatchLinux', content: '' }
  if (asked.version !== undefined && resolve(cell, name))
    throw new ServiceError('InvalidDocumentVersion', `Document ${name} has no version ${asked.version}.`)
  throw new ServiceError('InvalidDocument', `Document with name ${name} does not exist.`)
}

/** @throws ServiceError InvalidParameters */
export function checkParameters(document: CommandDocument, given: Readonly<Record<string, readonly string[]>>): void {
  if (!document.parameters) return
  for (const [name, values] of Object.entries(given)) {
    const parameter = document.parameters.get(name)
    if (!parameter) throw new ServiceError('InvalidParameters', `document ${document.name} does not support parameters ${name}.`)
    for (const value of values) {
      if (parameter.pattern?.test(value) === false || parameter.values?.includes(value) === false) {
        throw new ServiceError('InvalidParameters', `Parameter ${name} does not have an allowed value.`)
      }
    }
  }
  for (const [name, { required }] of document.parameters) {
    if (required && given[name] === undefined)
      throw new ServiceError('InvalidParameters', `Parameter ${name} is required by document ${document.name}.`)
  }
}

function read(stored: StoredDocument): Pick<CommandDocument, 'parameters' | 'plugin'> {
  const known = READ.get(stored.hash)
  if (known) return known
  const content: unknown = parse(stored.content)
  const made = { parameters: isRecord(content) ? readParameters(content['parameters']) : null, plugin: pluginOf(content) }
  READ.set(stored.hash, made)
  return made
}

function readParameters(parameters: unknown): ReadonlyMap<string, DocumentParameter> {
  const found = new Map<string, DocumentParameter>()
  if (!isRecord(parameters)) return found
  for (const [name, rule] of Object.entries(parameters)) {
    if (!isRecord(rule)) continue
    const { default: standard, allowedPattern: pattern, allowedValues: values } = rule
    found.set(name, {
      required: standard === undefined,
      standard: standard === undefined ? null : typeof standard === 'string' ? standard : JSON.stringify(standard),
      pattern: typeof pattern === 'string' ? new RegExp(pattern) : null,
      values: Array.isArray(values) ? values.map(String) : null,
    })
  }
  return found
}

/** The name of the document's (first) step. */
function pluginOf(content: unknown): string {
  const steps: unknown = isRecord(content) ? content['mainSteps'] : undefined
  const first: unknown = Array.isArray(steps) ? steps[0] : undefined
  const name = isRecord(first) ? first['name'] : undefined
  return typeof name === 'string' ? name : 'aws:runShellScript'
}
