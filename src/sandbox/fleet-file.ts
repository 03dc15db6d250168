import { known } from '../kit/assert.ts'
import { sha256 } from '../kit/digest.ts'
import { compileSchema, inOrder, type ParsedDocument, parseYamlDocument, validateDocument } from '../kit/document.ts'
import { DURATION_PATTERN, parseDuration } from '../kit/duration.ts'
import { type Diagnostic, InvalidDocument } from '../kit/error.ts'
import { instant, type Instant, type Ms, parseInstant } from '../kit/instant.ts'
import { fillDefaults, type JsonSchema } from '../kit/schema.ts'
import { CALENDAR_SCHEMAS, calendarMistakes, type FleetWindow, type RawCalendars, windowsOf } from './fleet-calendars.ts'
import {
  BUCKETS_SCHEMA,
  DOCUMENTS_SCHEMA,
  GROUP_SERVICE_SCHEMAS,
  groupMistakes,
  groupServices,
  type GroupServices,
  type RawGroupServices,
} from './fleet-services.ts'
import type { SimNode } from './model.ts'

/** Nodes that are alike. */
export type FleetGroup = Readonly<{
  account: string
  region: string
  count: number
  platform: SimNode['platform']
  amis: number
  zones: number
  /** Nodes of one `Cluster` tag; null: no such tag. */
  clusterSize: number | null
  tags: Readonly<Record<string, string>>
  /** Images of one lineage and number are copies of one another. */
  lineage: string
  instanceType: string
}> &
  GroupServices

/** A fleet file after schema and defaults. */
export type FleetFile = Readonly<{
  seed: number
  start: Instant
  /** Ids for names that are not among the known ones. */
  accounts: Readonly<Record<string, string>>
  groups: readonly FleetGroup[]
  commandTime: Readonly<{ medianMs: Ms; p95Ms: Ms }>
  urls: Readonly<Record<string, Readonly<{ status: number; withinMs: Ms }>>>
  /** Maintenance windows of the control account's home Region; none when absent. */
  windows?: readonly FleetWindow[]
  /** Change Calendars there: iCalendar texts by name. */
  calendars?: Readonly<Record<string, string>>
  /** S3 buckets of the control account; none when absent. */
  buckets?: readonly string[]
  /** Command documents of the nodes' owner, in every account and region of the fleet; none when absent. */
  documents?: readonly string[]
}>

const duration = (description: string, example: string): JsonSchema => ({
  title: 'a duration',
  type: 'string',
  pattern: DURATION_PATTERN,
  description,
  examples: [example],
})

const GROUP: JsonSchema = {
  type: 'object',
  description: 'Nodes that are alike. They are generated, the same from the same seed.',
  additionalProperties: false,
  required: ['account', 'region', 'count', 'platform'],
  properties: {
    account: {
      type: 'string',
      pattern: '^[a-z][a-z0-9-]{0,40}$',
      description: 'Name of the account, as runbooks use it.',
      examples: ['prod-us'],
    },
    region: { type: 'string', pattern: '^[a-z]{2}(-[a-z]+)+-[0-9]$', description: 'Region of the nodes.', examples: ['us-east-1'] },
    count: { type: 'integer', minimum: 1, maximum: 100_000, description: 'How many nodes.', examples: [90] },
    platform: {
      enum: ['amazon-linux-2023', 'amazon-linux-2', 'ubuntu', 'debian'],
      description: 'Operating system.',
      examples: ['amazon-linux-2023'],
    },
    amis: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 1,
      description: 'How many different images the nodes run on.',
      examples: [3],
    },
    zones: {
      type: 'integer',
      minimum: 1,
      maximum: 6,
      default: 3,
      description: 'Over how many availability zones they stand.',
      examples: [3],
    },
    clusterSize: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      description: 'Nodes of one `Cluster` tag; without it there is no such tag.',
      examples: [5],
    },
    tags: {
      type: 'object',
      default: {},
      maxProperties: 49,
      additionalProperties: { type: 'string', maxLength: 256 },
      description: 'Tags of every node.',
      examples: [{ Env: 'prod', PatchGroup: 'monthly' }],
    },
    lineage: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9-]{0,60}$',
      description: 'Images of one lineage, platform and number are copies of one another, in whatever region; default: the platform.',
      examples: ['legacy'],
    },
    instanceType: {
      type: 'string',
      default: 'm6i.large',
      pattern: '^[a-z0-9-]+\\.[a-z0-9-]+$',
      description: 'EC2 instance type.',
      examples: ['m6i.large'],
    },
    ...GROUP_SERVICE_SCHEMAS,
  },
}

/** JSON Schema of a fleet file. `schemas/fleet.schema.json` is generated from it. */
export const FLEET_SCHEMA: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://patchwave.dev/schemas/fleet.schema.json',
  title: 'a fleet file',
  description: 'A simulated fleet for `patchwave sandbox` and `patchwave rehearse`.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'groups'],
  properties: {
    apiVersion: { const: 'patchwave/v1', description: 'Version of the language.', examples: ['patchwave/v1'] },
    kind: { const: 'Fleet', description: 'What this file is.', examples: ['Fleet'] },
    seed: { type: 'integer', minimum: 0, default: 1, description: 'Everything random follows from it.', examples: [7] },
    start: {
      title: 'an instant',
      type: 'string',
      pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2})?(Z|[+-]\\d{2}:\\d{2})$',
      default: '2026-01-01T00:00:00Z',
      description: 'When the fleet begins. Patches are released relative to it.',
      examples: ['2026-01-01T00:00:00Z'],
    },
    accounts: {
      type: 'object',
      default: {},
      additionalProperties: { type: 'string', pattern: '^[0-9]{12}$' },
      description: 'Account ids by name. Names without an entry get a fixed id.',
      examples: [{ sandbox: '444444444444' }],
    },
    groups: { type: 'array', minItems: 1, maxItems: 1_000, items: GROUP, description: 'The nodes.' },
    commandTime: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'How long the patch script takes on a node (log-normal).',
      properties: {
        median: { ...duration('Half of the nodes take no longer.', '8m'), default: '8m' },
        p95: { ...duration('Nineteen of twenty take no longer.', '15m'), default: '15m' },
      },
    },
    urls: {
      type: 'object',
      default: {},
      description: 'What each URL answers to an http check. A rehearsal has no network.',
      examples: [{ 'https://status.example.com/healthz': { status: 200, within: '80ms' } }],
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        properties: {
          status: { type: 'integer', minimum: 100, maximum: 599, default: 200, description: 'HTTP status.', examples: [200] },
          within: { ...duration('How long the answer takes.', '80ms'), default: '50ms' },
        },
      },
    },
    buckets: BUCKETS_SCHEMA,
    documents: DOCUMENTS_SCHEMA,
    ...CALENDAR_SCHEMAS,
  },
}

const COMPILED = compileSchema(FLEET_SCHEMA)

type RawGroup = Readonly<{
  account: string
  region: string
  count: number
  platform: SimNode['platform']
  amis: number
  zones: number
  clusterSize?: number
  tags: Record<string, string>
  lineage?: string
  instanceType: string
}> &
  RawGroupServices
type RawFleet = Readonly<{
  seed: number
  start: string
  accounts: Record<string, string>
  groups: RawGroup[]
  commandTime: { median: string; p95: string }
  urls: Record<string, { status: number; within: string }>
  buckets: string[]
  documents: string[]
}> &
  RawCalendars

/**
 * Reads a fleet file.
 *
 * @throws InvalidDocument `document.*` or `fleet.invalid` with every mistake
 */
export function parseFleet(bytes: Uint8Array | string, file: string): FleetFile {
  const document = parseYamlDocument(bytes, file)
  const { value, diagnostics } = validateDocument(document, COMPILED, { code: 'fleet.invalid' })
  if (diagnostics.length > 0) throw new InvalidDocument('fleet.invalid', diagnostics)
  const raw = fillDefaults(FLEET_SCHEMA, value) as RawFleet // The schema has been checked and its defaults are in place.
  const mistakes = contradictions(raw, document)
  if (mistakes.length > 0) throw new InvalidDocument('fleet.invalid', inOrder(mistakes))
  return {
    seed: raw.seed,
    start: parseInstant(raw.start) ?? instant(0),
    accounts: raw.accounts,
    groups: raw.groups.map((group, number) => ({
      ...group,
      clusterSize: group.clusterSize ?? null,
      lineage: group.lineage ?? group.platform,
      ...groupServices(group, { ...group, number }),
    })),
    commandTime: { medianMs: msOf(raw.commandTime.median), p95Ms: msOf(raw.commandTime.p95) },
    urls: Object.fromEntries(Object.entries(raw.urls).map(([url, { status, within }]) => [url, { status, withinMs: msOf(within) }])),
    ...(raw.windows && { windows: windowsOf(raw) }),
    ...(raw.calendars && { calendars: raw.calendars }),
    ...(raw.buckets.length > 0 && { buckets: raw.buckets }),
    ...(raw.documents.length > 0 && { documents: raw.documents }),
  }
}

function contradictions(raw: RawFleet, document: ParsedDocument): Diagnostic[] {
  const mistakes: Diagnostic[] = []
  const wrong = (pointer: string, message: string, hint: string): void => {
    mistakes.push({ ...document.placeOf(pointer), code: 'fleet.invalid', message, hint })
  }
  if (parseInstant(raw.start) === undefined) wrong('/start', `there is no such instant: ${raw.start}`, 'write it like 2026-01-01T00:00:00Z')
  if (msOf(raw.commandTime.p95) < msOf(raw.commandTime.median))
    wrong('/commandTime', 'p95 is shorter than the median', 'make p95 the longer one')
  for (const { pointer, message } of calendarMistakes(raw, parseInstant(raw.start) ?? instant(0)))
    wrong(pointer, message, 'write it as SSM would take it')
  for (const { pointer, message, hint } of groupMistakes(raw.groups)) wrong(pointer, message, hint)
  const owners = new Map<string, string>()
  for (const name of new Set(raw.groups.map((group) => group.account))) {
    const id = accountId(name, raw.accounts)
    const other = owners.get(id)
    if (other !== undefined) wrong('/accounts', `${other} and ${name} have the same account id ${id}`, 'give each account an id of its own')
    owners.set(id, name)
  }
  return mistakes
}

/** Milliseconds of a duration that the schema has let through. */
export const msOf = (text: string): Ms => known(parseDuration(text), `the duration ${text}`)

const KNOWN_ACCOUNTS: Readonly<Record<string, string>> = {
  staging: '111111111111',
  'prod-us': '222222222222',
  'prod-eu': '333333333333',
  control: '999999999999',
}

/** The 12-digit id of an account name: the file's own, a known one, else one that follows from the name. */
export function accountId(name: string, own: Readonly<Record<string, string>> = {}): string {
  const fixed = own[name] ?? KNOWN_ACCOUNTS[name]
  if (fixed !== undefined) return fixed
  return ((BigInt(`0x${sha256(name).slice(0, 15)}`) % 900_000_000_000n) + 100_000_000_000n).toString()
}
