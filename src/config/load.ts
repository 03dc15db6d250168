import {
  compileSchema,
  inOrder,
  mergeDocuments,
  parseYamlDocument,
  plainDocument,
  validateDocument,
  type ParsedDocument,
} from '../kit/document.ts'
import { known } from '../kit/assert.ts'
import { parseDuration } from '../kit/duration.ts'
import { InvalidDocument, type Diagnostic } from '../kit/error.ts'
import { periodMistakes } from '../kit/period.ts'
import { fillDefaults } from '../kit/schema.ts'
import type { Config } from './config.ts'
import type { ConfigDocument } from './generated.ts'
import { CONFIG_SCHEMA } from './schema.ts'

/** Where the config is read from unless `--config` names another file. */
export const CONFIG_FILE = 'config/patchwave.yaml'

/** The three layers above the schema's defaults; a later one wins, key by key. */
export type ConfigSources = Readonly<{
  /** The file as it was read; the caller reads it. */
  file: Readonly<{ path: string; bytes: Uint8Array | string }>
  /** `PATCHWAVE_…` variables; others are ignored. */
  environment?: Readonly<Record<string, string | undefined>>
  /** Options of the command line. */
  flags?: Readonly<{ store?: string | undefined }>
}>

/**
 * Fragments are merged, the whole is validated, and only then is there a `Config`.
 *
 * @throws InvalidDocument `document.*` or `config.invalid`, with every mistake and its place (a variable's name is its file)
 */
export function loadConfig({ file, environment = {}, flags = {} }: ConfigSources): Config {
  const merged = [...fragmentsOf(environment, flags)].reduce(mergeDocuments, parseYamlDocument(file.bytes, file.path))
  const { value, diagnostics } = validateDocument(merged, SCHEMA, { code: 'config.invalid' })
  const filled = fillDefaults(CONFIG_SCHEMA, value)
  if (diagnostics.length > 0) throw new InvalidDocument('config.invalid', diagnostics)
  const document = filled as ConfigDocument // The schema, from which the type is made, has just passed it.
  const contradictions = inOrder(
    [roleMistakes, sameAccounts, freezeMistakes, sharedQueues].flatMap((mistakesIn) => mistakesIn(document, merged)),
  )
  if (contradictions.length > 0) throw new InvalidDocument('config.invalid', contradictions)
  return configOf(document)
}

/** The second word of a contradiction's code (`config.duplicate-name`) and what it says. */
export const CONFIG_MISTAKES = {
  contradiction: 'two keys that exclude or need each other',
  'duplicate-name': 'two names stand for the same account',
  malformed: 'a text does not have the form that the key asks for, or names a day that there is not',
} as const satisfies Record<string, string>

const SCHEMA = compileSchema(CONFIG_SCHEMA)

function* fragmentsOf(
  environment: NonNullable<ConfigSources['environment']>,
  flags: NonNullable<ConfigSources['flags']>,
): Generator<ParsedDocument> {
  const { PATCHWAVE_STORE: store } = environment
  if (store !== undefined && store !== '') yield plainDocument('PATCHWAVE_STORE', { store })
  if (flags.store !== undefined) yield plainDocument('--store', { store: flags.store })
}

function configOf(document: ConfigDocument): Config {
  const { control, groups, store, regions, freezes, runbooks, events, triggers, imageLineageTag, patchManager, debt } = document
  const accounts = Object.entries(document.accounts).map(([name, { id, role, externalId }]) => {
    return [name, { id, role: role ?? null, externalId: externalId ?? null }] as const
  })
  return {
    control,
    accounts: Object.fromEntries(accounts),
    groups,
    imageLineageTag: imageLineageTag ?? null,
    events: events ? { queue: events.queue, refused: events.refused ?? null } : null,
    freezes,
    triggers: triggers ? { queue: triggers.queue, refused: triggers.refused ?? null } : null,
    debt: { rebootWithinMs: known(parseDuration(debt.rebootWithin), 'a duration that fits its pattern') },
    patchManager: patchManager ?? null,
    runbooks,
    store,
    regions,
  }
}

const mistake = (kind: keyof typeof CONFIG_MISTAKES): string => `config.${kind}`

/** A role of another account would patch that account's nodes under this one's name. */
function roleMistakes({ accounts }: ConfigDocument, document: ParsedDocument): readonly Diagnostic[] {
  return Object.entries(accounts).flatMap(([name, { id, role, externalId }]) => {
    const at = (key: string) => document.placeOf(`/accounts/${name}/${key}`)
    const owner = role?.split(':')[4]
    if (role !== undefined && owner !== id) {
      const message = `the role belongs to account ${String(owner)}, but ${name} is ${id}`
      return [{ ...at('role'), code: mistake('contradiction'), message, hint: `name a role of ${id}` }]
    }
    if (role === undefined && externalId !== undefined) {
      const message = `${name} has an external id but no role that would ask for it`
      return [{ ...at('externalId'), code: mistake('contradiction'), message, hint: 'add `role`, or remove `externalId`' }]
    }
    return []
  })
}

/** Two names for one account would count its nodes, limits and quotas twice. */
function sameAccounts({ accounts }: ConfigDocument, document: ParsedDocument): readonly Diagnostic[] {
  const names = new Map<string, string>()
  return Object.entries(accounts).flatMap(([name, { id }]) => {
    const earlier = names.get(id)
    names.set(id, earlier ?? name)
    if (earlier === undefined) return []
    const message = `${earlier} and ${name} are both account ${id}`
    return [{ ...document.placeOf(`/accounts/${name}/id`), code: mistake('duplicate-name'), message, hint: 'keep one of the two' }]
  })
}

function freezeMistakes({ freezes }: ConfigDocument, document: ParsedDocument): readonly Diagnostic[] {
  return freezes.flatMap((freeze, index) =>
    periodMistakes(freeze).map(({ key, kind, message, hint }) => {
      return { ...document.placeOf(`/freezes/${String(index)}/${key}`), code: mistake(kind), message, hint }
    }),
  )
}

/** Who reads a queue takes its messages away from whoever else reads it. */
function sharedQueues({ events, triggers }: ConfigDocument, document: ParsedDocument): readonly Diagnostic[] {
  const code = mistake('contradiction')
  const hint = 'give each a queue of its own'
  const at = (key: string) => document.placeOf(`/triggers/${key}`)
  const shared: Diagnostic[] = []
  if (triggers && triggers.queue === events?.queue)
    shared.push({ ...at('queue'), code, message: 'triggers and status events cannot share a queue', hint })
  if (triggers?.refused !== undefined && [triggers.queue, events?.queue].includes(triggers.refused))
    shared.push({ ...at('refused'), code, message: 'what is refused would be read again', hint })
  if (events?.refused !== undefined && [triggers?.queue, events.queue].includes(events.refused))
    shared.push({ ...document.placeOf('/events/refused'), code, message: 'what is refused would be read again', hint })
  return shared
}
