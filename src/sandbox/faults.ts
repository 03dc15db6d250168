import { compileSchema, parseYamlDocument, validateDocument } from '../kit/document.ts'
import { DURATION_PATTERN, parseShare, SHARE_PATTERN } from '../kit/duration.ts'
import { known } from '../kit/assert.ts'
import { InvalidDocument } from '../kit/error.ts'
import type { Ms } from '../kit/instant.ts'
import { fillDefaults, type JsonSchema } from '../kit/schema.ts'
import { msOf } from './fleet-file.ts'
import type { ApiFaults } from './model.ts'

/** What a package does when it is installed. Shares are 0-1. */
export type PackageFault = Readonly<{
  /** Package names; `*` and `?` are wildcards. */
  match: string
  /** Account names; null: everywhere. */
  in: readonly string[] | null
  /** Only where a package of such a name changes with it; null: alone too. */
  beside: string | null
  share: number
  /** Works until it is rolled back. */
  breaks: 'health' | 'agent' | 'reachability' | null
  fails: 'install' | 'scriptlet' | 'repository' | 'disk' | 'checksum' | 'database' | 'rollback' | 'livepatch' | null
}>

/** What befalls scripts of the nodes' owner: SSM documents that are not ours, and hooks. Shares are 0-1. */
export type DocumentFault = Readonly<{
  /** Names of documents, or paths of a hook's script; `*` and `?` are wildcards. */
  match: string
  /** Account names; null: everywhere. */
  in: readonly string[] | null
  fails: number
  hangs: number
}>

/** A zone (name or id) that nobody can reach, from `fromMs` after the faults were set. */
export type ZoneFault = Readonly<{ zone: string; fromMs: Ms; forMs: Ms }>

/** A fault file after schema and defaults. Shares are 0-1. */
export type FaultsFile = Readonly<{
  seed: number
  api: Readonly<ApiFaults>
  agents: Readonly<{
    /** Registered, never answers. */
    offline: number
    /** Ends in the middle of a command and does not come back. */
    dieInCommand: number
    /** Five times the time. */
    slow: number
    /** Restarts in a command, which kills the script, and runs it again. */
    rerun: number
    /** Is upgraded under the script: the first copy lives on, a second one starts beside it. */
    upgradeInCommand: number
    /** The node loses power in a command and boots two minutes later. */
    crash: number
    /** The same, but it boots twelve hours later. */
    lateBoot: number
    lag: Readonly<{ share: number; byMs: Ms }>
  }>
  events: Readonly<{ lost: number; doubled: number; late: Readonly<{ share: number; byMs: Ms }> }>
  packages: readonly PackageFault[]
  documents: readonly DocumentFault[]
  /** Patch Manager's own data. `stale`: no scan for days; `overwritten`: the last scan was by somebody else's baseline. */
  patchData: Readonly<{ stale: number; overwritten: number }>
  zones: readonly ZoneFault[]
  listCommands: Readonly<{ lagMs: Ms }>
  /** `poison`: NULs and lone surrogates after the result; `garbled`: the first line is no result. */
  output: Readonly<{ poison: number; garbled: number }>
  /** An Auto Scaling group replaces nodes that became sick. */
  replace: Readonly<{ share: number; afterMs: Ms }>
}>

const share = (description: string): JsonSchema => ({
  title: 'a share',
  type: 'string',
  pattern: SHARE_PATTERN,
  default: '0%',
  description,
  examples: ['2%'],
})
const length = (description: string, standard: string): JsonSchema => ({
  title: 'a duration',
  type: 'string',
  pattern: DURATION_PATTERN,
  default: standard,
  description,
  examples: [standard],
})
const section = (description: string, properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  default: {},
  description,
  properties,
})

const PACKAGE: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['match'],
  description: 'What a package does to the nodes that install it.',
  properties: {
    match: { type: 'string', minLength: 1, maxLength: 200, description: 'Names; `*` and `?` are wildcards.', examples: ['openssl*'] },
    in: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Only in these accounts.', examples: [['prod-us']] },
    breaks: { enum: ['health', 'agent', 'reachability'], description: 'What stops working when it is installed.', examples: ['health'] },
    fails: {
      enum: ['install', 'scriptlet', 'repository', 'disk', 'checksum', 'database', 'rollback', 'livepatch'],
      description: 'How its installation (or its rollback) fails; `livepatch`: it is installed and the kernel does not load it.',
      examples: ['install'],
    },
    beside: {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      description: 'Only where such a package changes with it.',
      examples: ['zlib*'],
    },
    share: { ...share('On how many nodes.'), default: '100%' },
  },
}

const DOCUMENT: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['match'],
  description: 'What befalls an SSM document that is not ours, or the script of a hook.',
  properties: {
    match: {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      description: 'Names of documents or paths of scripts; `*` and `?` are wildcards.',
      examples: ['Acme-*'],
    },
    in: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Only in these accounts.', examples: [['prod-us']] },
    fails: { ...share('How many runs end with an error.'), examples: ['5%'] },
    hangs: { ...share('How many runs never end by themselves.'), examples: ['1%'] },
  },
}

const ZONE: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['zone', 'dark'],
  description: 'A zone that nobody can reach for a while.',
  properties: {
    zone: { type: 'string', pattern: '^[a-z0-9-]{3,40}$', description: 'Name or id of the zone.', examples: ['us-east-1b'] },
    dark: section('When, counted from the moment the faults are set.', {
      from: length('Begins this long after.', '0s'),
      for: length('Lasts this long.', '20m'),
    }),
  },
}

/** JSON Schema of a fault file. `schemas/faults.schema.json` is generated from it. */
export const FAULTS_SCHEMA: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://patchwave.dev/schemas/faults.schema.json',
  title: 'a fault file',
  description: 'What goes wrong in the sandbox. The same from the same seed.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind'],
  properties: {
    apiVersion: { const: 'patchwave/v1', description: 'Version of the language.', examples: ['patchwave/v1'] },
    kind: { const: 'Faults', description: 'What this file is.', examples: ['Faults'] },
    seed: { type: 'integer', minimum: 0, default: 1, description: 'Everything random follows from it.', examples: [1] },
    api: section('What the API itself does.', {
      throttled: share('Calls that are throttled; nothing was done.'),
      failedAfterEffect: share('Calls that are done and then answered with an error.'),
      latency: section('How long a call takes (log-normal).', {
        median: length('Half of the calls.', '0ms'),
        p95: length('Nineteen of twenty.', '0ms'),
      }),
    }),
    agents: section('What agents and nodes do.', {
      offline: share('Registered, never answers.'),
      dieInCommand: share('The agent ends in the middle of a command and stays away.'),
      slow: share('Takes five times as long.'),
      rerun: share('The agent restarts in a command and runs it again.'),
      upgradeInCommand: share('The agent is upgraded under the script: a second copy starts beside the first.'),
      crash: share('The node loses power in a command and boots two minutes later.'),
      lateBoot: share('The node loses power in a command and boots twelve hours later.'),
      lag: section('Picks commands up late.', { share: share('On how many nodes.'), by: length('How late.', '2m') }),
    }),
    events: section('What happens to status events.', {
      lost: share('Never arrive.'),
      doubled: share('Arrive twice.'),
      late: section('Arrive late.', { share: share('How many.'), by: length('At most how late.', '10m') }),
    }),
    packages: { type: 'array', default: [], maxItems: 100, items: PACKAGE, description: 'Bad packages.' },
    documents: {
      type: 'array',
      default: [],
      maxItems: 100,
      items: DOCUMENT,
      description: 'Bad documents and hooks; the first that matches counts.',
      examples: [[{ match: 'Acme-*', fails: '5%', hangs: '1%' }]],
    },
    patchData: section('What Patch Manager has on record of nodes.', {
      stale: share('Nodes whose daily scan has failed for days.'),
      overwritten: share('Nodes that another association scanned last, by another patch baseline.'),
    }),
    zones: { type: 'array', default: [], maxItems: 100, items: ZONE, description: 'Dark zones.' },
    listCommands: section('ListCommands.', { lag: length('Does not show commands younger than this.', '0s') }),
    output: section('What nodes print.', {
      poison: share('NULs and lone surrogates after the result line.'),
      garbled: share('A first line that is no result.'),
    }),
    replace: section('Auto Scaling groups.', { share: share('Sick nodes that are replaced.'), after: length('How long after.', '5m') }),
  },
}

const COMPILED = compileSchema(FAULTS_SCHEMA)

type Late = { share: string; by: string }
type RawFaults = Readonly<{
  seed: number
  api: { throttled: string; failedAfterEffect: string; latency: { median: string; p95: string } }
  agents: Record<Exclude<keyof FaultsFile['agents'], 'lag'>, string> & { lag: Late }
  events: { lost: string; doubled: string; late: Late }
  packages: Readonly<{
    match: string
    in?: string[]
    beside?: string
    share: string
    breaks?: PackageFault['breaks']
    fails?: PackageFault['fails']
  }>[]
  documents: Readonly<{ match: string; in?: string[]; fails: string; hangs: string }>[]
  patchData: { stale: string; overwritten: string }
  zones: Readonly<{ zone: string; dark: { from: string; for: string } }>[]
  listCommands: { lag: string }
  output: { poison: string; garbled: string }
  replace: { share: string; after: string }
}>

/**
 * Reads a fault file.
 *
 * @throws InvalidDocument `document.*` or `fleet.invalid` with every mistake
 */
export function parseFaults(bytes: Uint8Array | string, file: string): FaultsFile {
  const document = parseYamlDocument(bytes, file)
  const { value, diagnostics } = validateDocument(document, COMPILED, { code: 'fleet.invalid' })
  const bare = listOf(value, 'packages').flatMap((each, index) =>
    typeof each === 'object' && each !== null && !('breaks' in each) && !('fails' in each) ? [index] : [],
  )
  const mistakes = bare.map((index) => ({
    ...document.placeOf(`/packages/${String(index)}`),
    code: 'fleet.missing-key',
    message: 'the package neither breaks nor fails',
    hint: 'add `breaks: health` or `fails: install`',
  }))
  if (diagnostics.length + mistakes.length > 0) throw new InvalidDocument('fleet.invalid', [...diagnostics, ...mistakes])
  return faultsOf(fillDefaults(FAULTS_SCHEMA, value) as RawFaults) // The schema has been checked and its defaults are in place.
}

const listOf = (value: unknown, key: string): readonly unknown[] => {
  const list = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
  return Array.isArray(list) ? list : []
}

const shareOf = (text: string): number => known(parseShare(text), `the share ${text}`) / 100

const lateOf = (late: Late): Readonly<{ share: number; byMs: Ms }> => ({ share: shareOf(late.share), byMs: msOf(late.by) })

function faultsOf(raw: RawFaults): FaultsFile {
  const { api, agents } = raw
  return {
    seed: raw.seed,
    api: {
      throttled: shareOf(api.throttled),
      failedAfterEffect: shareOf(api.failedAfterEffect),
      latencyMedianMs: msOf(api.latency.median),
      latencyP95Ms: msOf(api.latency.p95),
    },
    agents: {
      offline: shareOf(agents.offline),
      dieInCommand: shareOf(agents.dieInCommand),
      slow: shareOf(agents.slow),
      rerun: shareOf(agents.rerun),
      upgradeInCommand: shareOf(agents.upgradeInCommand),
      crash: shareOf(agents.crash),
      lateBoot: shareOf(agents.lateBoot),
      lag: lateOf(agents.lag),
    },
    events: { lost: shareOf(raw.events.lost), doubled: shareOf(raw.events.doubled), late: lateOf(raw.events.late) },
    packages: raw.packages.map((each) => ({
      match: each.match,
      in: each.in ?? null,
      beside: each.beside ?? null,
      share: shareOf(each.share),
      breaks: each.breaks ?? null,
      fails: each.fails ?? null,
    })),
    documents: raw.documents.map(({ match, in: accounts = null, fails, hangs }) => ({
      match,
      in: accounts,
      fails: shareOf(fails),
      hangs: shareOf(hangs),
    })),
    patchData: { stale: shareOf(raw.patchData.stale), overwritten: shareOf(raw.patchData.overwritten) },
    zones: raw.zones.map(({ zone, dark }) => ({ zone, fromMs: msOf(dark.from), forMs: msOf(dark.for) })),
    listCommands: { lagMs: msOf(raw.listCommands.lag) },
    output: { poison: shareOf(raw.output.poison), garbled: shareOf(raw.output.garbled) },
    replace: { share: shareOf(raw.replace.share), afterMs: msOf(raw.replace.after) },
  }
}

/** A calm world. */
export const NO_FAULTS: FaultsFile = parseFaults('apiVersion: patchwave/v1\nkind: Faults\n', 'no faults')
