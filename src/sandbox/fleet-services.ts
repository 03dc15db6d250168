import { known } from '../kit/assert.ts'
import { DURATION_PATTERN, parseDuration, parseShare, SHARE_PATTERN } from '../kit/duration.ts'
import type { Ms } from '../kit/instant.ts'
import type { JsonSchema } from '../kit/schema.ts'

/** A target group in which the nodes of a fleet group stand. */
export type FleetTargetGroup = Readonly<{ name: string; port: number; drainMs: Ms }>
/** The Auto Scaling group of a fleet group; `max` null: as many as there are nodes. */
export type FleetScaling = Readonly<{ name: string; min: number; max: number | null }>

/** What the services beside SSM know of a fleet group's nodes. `stopped` is a share, 0-1. */
export type GroupServices = Readonly<{
  targetGroups: readonly FleetTargetGroup[]
  autoScaling: FleetScaling | null
  stopped: number
  dataVolumes: number
}>

/** The same as it is written, with the defaults in place. */
export type RawGroupServices = Readonly<{
  targetGroups: readonly Readonly<{ name: string; port: number; drain: string }>[]
  autoScaling?: Readonly<{ name?: string; min: number; max?: number }>
  stopped: string
  dataVolumes: number
}>

/** ELBv2 allows an hour (`deregistration_delay.timeout_seconds`, 0-3600). */
const DRAIN_MS_MAX: Ms = 3_600_000

const TARGET_GROUP: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  description: 'An ELBv2 target group of instances. Fleet groups of one account and region share a target group by naming it alike.',
  properties: {
    name: { type: 'string', pattern: '^[a-zA-Z0-9](-?[a-zA-Z0-9]){0,31}$', description: 'Its name.', examples: ['web'] },
    port: {
      type: 'integer',
      minimum: 1,
      maximum: 65_535,
      default: 80,
      description: 'Port under which these nodes stand in it.',
      examples: [80],
    },
    drain: {
      title: 'a duration',
      type: 'string',
      pattern: DURATION_PATTERN,
      default: '5m',
      description:
        'How long connections of a target that is taken out may go on (`deregistration_delay.timeout_seconds`), at most an hour.',
      examples: ['30s'],
    },
  },
}

/** Keys of a fleet group for load balancers, Auto Scaling, power and volumes. */
export const GROUP_SERVICE_SCHEMAS: Readonly<Record<keyof RawGroupServices, JsonSchema>> = {
  targetGroups: {
    type: 'array',
    maxItems: 20,
    default: [],
    items: TARGET_GROUP,
    description: 'Target groups in which all these nodes are registered.',
    examples: [[{ name: 'web', port: 8080, drain: '30s' }]],
  },
  autoScaling: {
    type: 'object',
    additionalProperties: false,
    description: 'The Auto Scaling group that keeps these nodes: it replaces those that are stopped or sick, unless they are in standby.',
    examples: [{ name: 'web', min: 2 }],
    properties: {
      name: {
        type: 'string',
        pattern: '^[!-9;-~]{1,255}$',
        description: 'Its name; without it, one that follows from the nodes.',
        examples: ['web'],
      },
      min: { type: 'integer', minimum: 0, default: 0, description: 'Its minimum size.', examples: [2] },
      max: { type: 'integer', minimum: 1, description: 'Its maximum size; without it, as many as there are nodes.', examples: [12] },
    },
  },
  stopped: {
    title: 'a share',
    type: 'string',
    pattern: SHARE_PATTERN,
    default: '0%',
    description: 'Share of the nodes that are stopped from the start; in an Auto Scaling group they stand in standby.',
    examples: ['5%'],
  },
  dataVolumes: {
    type: 'integer',
    minimum: 0,
    maximum: 8,
    default: 0,
    description: 'EBS volumes of each node beside the one it boots from.',
    examples: [1],
  },
}

/** Buckets of a fleet file. */
export const BUCKETS_SCHEMA: JsonSchema = {
  type: 'array',
  maxItems: 20,
  default: [],
  description: 'S3 buckets of the control account. Every account of the fleet may read and write them; only their owner may list them.',
  examples: [['patchwave-lists']],
  items: { type: 'string', pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$', description: 'Name of a bucket.', examples: ['patchwave-lists'] },
}

/** Documents of a fleet file. */
export const DOCUMENTS_SCHEMA: JsonSchema = {
  type: 'array',
  maxItems: 20,
  default: [],
  description:
    'Command documents of the owner that exist in every account and region of the fleet, for hooks. They succeed, unless faults say otherwise.',
  examples: [['Acme-Quiesce', 'Acme-Unquiesce']],
  items: {
    type: 'string',
    pattern: '^(?!(?:[aA][wW][sS]|[aA][mM][aA][zZ][oO][nN]|[aA][mM][zZ][nN]|Patchwave-))[a-zA-Z0-9_.-]{3,128}$',
    title: 'the name of an SSM document of your own',
    description: 'Name of a document.',
    examples: ['Acme-Quiesce'],
  },
}

/** A group's part, `number` being its place in the file. */
export const groupServices = (
  raw: RawGroupServices,
  of: Readonly<{ account: string; platform: string; number: number }>,
): GroupServices => ({
  targetGroups: raw.targetGroups.map(({ name, port, drain }) => ({ name, port, drainMs: msOf(drain) })),
  autoScaling: raw.autoScaling
    ? {
        name: raw.autoScaling.name ?? `${of.account}-${of.platform}-${String(of.number + 1)}`,
        min: raw.autoScaling.min,
        max: raw.autoScaling.max ?? null,
      }
    : null,
  stopped: known(parseShare(raw.stopped), `the share ${raw.stopped}`) / 100,
  dataVolumes: raw.dataVolumes,
})

type RawGroup = RawGroupServices & Readonly<{ account: string; region: string; platform: string; count: number }>

/** What the schema cannot see, with the pointer to it. */
export function groupMistakes(groups: readonly RawGroup[]): readonly Readonly<{ pointer: string; message: string; hint: string }>[] {
  const drains = new Map<string, Ms>()
  const scaling = new Set<string>()
  return groups.flatMap((raw, number) => {
    const cell = `${raw.account}/${raw.region}`
    const pointer = `/groups/${String(number)}`
    const { targetGroups, autoScaling } = groupServices(raw, { ...raw, number })
    return [
      ...targetGroups.flatMap(({ name, drainMs }, index) =>
        drainMistakes(drains, `${cell} ${name}`, drainMs, `${pointer}/targetGroups/${String(index)}`),
      ),
      ...(autoScaling ? scalingMistakes(scaling, `${cell} ${autoScaling.name}`, autoScaling, raw.count, `${pointer}/autoScaling`) : []),
    ]
  })
}

type Mistakes = readonly Readonly<{ pointer: string; message: string; hint: string }>[]

function drainMistakes(drains: Map<string, Ms>, key: string, drainMs: Ms, pointer: string): Mistakes {
  if (drainMs > DRAIN_MS_MAX || drainMs % 1_000 !== 0)
    return [{ pointer, message: 'ELBv2 drains for whole seconds and at most an hour', hint: 'write a drain between 0s and 1h' }]
  const other = drains.get(key) ?? drainMs
  drains.set(key, other)
  return other === drainMs
    ? []
    : [{ pointer, message: 'the same target group drains for another time elsewhere', hint: 'give it the same drain everywhere' }]
}

function scalingMistakes(seen: Set<string>, key: string, { name, min, max }: FleetScaling, count: number, pointer: string): Mistakes {
  if (seen.has(key))
    return [
      { pointer, message: `there are two Auto Scaling groups ${name} in one account and region`, hint: 'give each a name of its own' },
    ]
  seen.add(key)
  if (min > count) return [{ pointer, message: `min is more than the ${String(count)} nodes`, hint: 'make it smaller' }]
  if (max !== null && max < count)
    return [{ pointer, message: `max is less than the ${String(count)} nodes`, hint: 'make it larger, or leave it out' }]
  return []
}

const msOf = (text: string): Ms => known(parseDuration(text), `the duration ${text}`)
