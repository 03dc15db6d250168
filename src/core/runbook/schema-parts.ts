import { DURATION_PATTERN, SHARE_PATTERN } from '../../kit/duration.ts'
import type { JsonSchema } from '../../kit/schema.ts'

/** What a script of ours accepts as the path of a health script (documents/PROTOCOL.md, `Script`). */
export const SCRIPT_PATTERN = '^/(?!.*\\.\\.)[A-Za-z0-9._/-]{1,255}$'

const POSITIVE_SHARE = `^(?!0{1,2}(\\.0{1,3})?%$)${SHARE_PATTERN.slice(1)}`

const tagKey = '[^:]{1,128}' // AWS allows 128 characters in a tag key
const tagValue = { type: 'string', maxLength: 256 } as const // and 256 in a value; `*` and `?` are wildcards

const wordList = (title: string, words: readonly string[], example: readonly string[]): JsonSchema => ({
  title: `a list of ${title}`,
  type: 'array',
  items: { enum: words },
  minItems: 1,
  uniqueItems: true,
  examples: [example],
})

const checkNames: JsonSchema = {
  title: 'a list of check names',
  type: 'array',
  items: { $ref: '#/$defs/name' },
  maxItems: 50,
  uniqueItems: true,
  default: [],
  examples: [['agents-online', 'smoke']],
}

/** An object that knows only these keys. */
export const object = (more: JsonSchema & { readonly properties: NonNullable<JsonSchema['properties']> }): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  ...more,
})

/** Forms that stand in several places of the language. */
export const PARTS: Readonly<Record<string, JsonSchema>> = {
  name: {
    title: 'a name of lower-case letters, digits and dashes',
    type: 'string',
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    examples: ['monthly-linux-security'],
  },
  duration: { title: 'a duration', type: 'string', pattern: DURATION_PATTERN, examples: ['30m', '90s', '6h', '7d'] },
  share: { title: 'a share of at most 100%', type: 'string', pattern: SHARE_PATTERN, examples: ['10%', '0.5%'] },
  positiveShare: {
    title: 'a share above 0% and of at most 100%',
    type: 'string',
    pattern: POSITIVE_SHARE,
    examples: ['60%'],
  },
  amount: {
    title: 'a count or a share of at most 100%',
    type: ['integer', 'string'],
    minimum: 0,
    maximum: 1_000_000,
    pattern: SHARE_PATTERN,
    examples: [2, '10%'],
  },
  positiveAmount: {
    title: 'a count of at least 1, or a share above 0% and of at most 100%',
    type: ['integer', 'string'],
    minimum: 1,
    maximum: 1_000_000,
    pattern: POSITIVE_SHARE,
    examples: ['10%', 500],
  },
  glob: {
    title: 'a package name, in which `*` and `?` stand for any text and any character',
    type: 'string',
    pattern: '^[A-Za-z0-9+._*?-]{1,128}$',
    examples: ['kernel-debug*'],
  },
  region: {
    title: 'an AWS region',
    type: 'string',
    pattern: '^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$',
    examples: ['us-east-1'],
  },
  grouping: {
    title: 'one of image, availability-zone, account, region or tag:<key>',
    type: 'string',
    pattern: `^(image|availability-zone|account|region|tag:${tagKey})$`,
    examples: ['availability-zone', 'tag:Cluster'],
  },
  tags: {
    description: 'Tags that a node must have, all of them. Of several values one is enough; `*` and `?` are wildcards. Keys are exact.',
    title: 'a map of tag keys to a text or a list of texts',
    type: 'object',
    minProperties: 1,
    maxProperties: 50,
    propertyNames: { title: 'a tag key of 1 to 128 characters', type: 'string', minLength: 1, maxLength: 128 },
    additionalProperties: {
      title: 'a text or a list of texts',
      type: ['string', 'array'],
      maxLength: 256,
      items: tagValue,
      minItems: 1,
      examples: ['staging', ['staging', 'test']],
    },
    examples: [{ Env: 'staging' }],
  },
  match: object({
    description: 'Which nodes are meant: every key that is present must fit, and of a list one value is enough.',
    minProperties: 1,
    properties: {
      platform: {
        description: 'Operating systems.',
        ...wordList('platforms', ['amazon-linux-2023', 'amazon-linux-2', 'ubuntu', 'debian'], ['amazon-linux-2023']),
      },
      tags: { $ref: '#/$defs/tags' },
      images: {
        title: 'a list of AMI ids',
        description: 'Images that the nodes run, by AMI id.',
        type: 'array',
        items: { title: 'an AMI id', type: 'string', pattern: '^ami-[0-9a-f]{8,17}$', examples: ['ami-0123456789abcdef0'] },
        minItems: 1,
        uniqueItems: true,
        examples: [['ami-0123456789abcdef0']],
      },
      nodes: {
        title: 'a list of node ids',
        description: 'Single nodes, by instance id or hybrid node id.',
        type: 'array',
        items: { title: 'a node id', type: 'string', pattern: '^m?i-[0-9a-f]{8,17}$', examples: ['i-0123456789abcdef0'] },
        minItems: 1,
        uniqueItems: true,
        examples: [['i-0123456789abcdef0']],
      },
      accounts: {
        title: 'a list of account names',
        description: 'Accounts, out of those in `scope.accounts`.',
        type: 'array',
        items: { $ref: '#/$defs/name' },
        minItems: 1,
        uniqueItems: true,
        examples: [['staging']],
      },
      regions: {
        title: 'a list of regions',
        description: 'Regions, out of those in `scope.regions`.',
        type: 'array',
        items: { $ref: '#/$defs/region' },
        minItems: 1,
        uniqueItems: true,
        examples: [['us-east-1']],
      },
    },
    examples: [{ tags: { Env: 'staging' } }],
  }),
  approval: object({
    description: 'People who must agree. The one who asked does not count, and nobody counts twice.',
    required: ['group'],
    properties: {
      group: { $ref: '#/$defs/name', description: 'Group from the config, whose members may decide.', examples: ['sre-leads'] },
      count: { description: 'How many of them must agree.', type: 'integer', minimum: 1, maximum: 20, default: 1, examples: [2] },
      expires: {
        $ref: '#/$defs/duration',
        description: 'How long after the question the answers count; then it is as if refused.',
        default: '24h',
        examples: ['24h'],
      },
    },
    examples: [{ group: 'sre-leads', count: 2, expires: '24h' }],
  }),
  disruption: {
    title: 'a list of disruption limits',
    type: 'array',
    maxItems: 20,
    items: object({
      title: 'a disruption limit',
      required: ['per'],
      properties: {
        per: {
          $ref: '#/$defs/grouping',
          description: 'What is counted apart: each value of it has its own limit. A tag counts within one account and region.',
          examples: ['tag:Cluster'],
        },
        atMost: {
          $ref: '#/$defs/positiveAmount',
          description: 'How many nodes of one value may be out of service at once; a share rounds down, but to 1 at least.',
          examples: [1],
        },
        oneAtATime: {
          description: 'Only one value may have nodes out of service at a time. Instead of `atMost`.',
          const: true,
          examples: [true],
        },
      },
      examples: [{ per: 'tag:Cluster', atMost: 1 }],
    }),
    default: [],
    examples: [[{ per: 'tag:Cluster', atMost: 1 }]],
  },
  checkNames,
  checkSet: object({
    properties: { checks: { $ref: '#/$defs/checkNames', description: 'Names from `checks`.' } },
    default: {},
    examples: [{ checks: ['agents-online'] }],
  }),
  check: {
    description: 'One health measurement, by its `type`.',
    type: 'object',
    discriminator: { propertyName: 'type' },
    oneOf: [
      object({
        title: 'agent-ping',
        description: 'The agent of every node of the wave has pinged since the node’s own command ended.',
        required: ['type'],
        properties: { type: { const: 'agent-ping' } },
      }),
      object({
        title: 'instance-status',
        description: 'EC2’s instance reachability is ok on every node of the wave.',
        required: ['type'],
        properties: { type: { const: 'instance-status' } },
      }),
      object({
        title: 'script',
        description: 'A script that is on the nodes ends with exit code 0 on every node of the wave.',
        required: ['type', 'run'],
        properties: {
          type: { const: 'script' },
          run: {
            title: 'an absolute path of letters, digits, `.`, `_`, `-` and `/`, without `..`',
            description: 'Absolute path on the node. It gets no arguments.',
            type: 'string',
            pattern: SCRIPT_PATTERN,
            examples: ['/opt/app/bin/smoke'],
          },
          timeout: {
            $ref: '#/$defs/duration',
            description: 'After this it has failed. 1s to 1h, whole seconds.',
            default: '2m',
            examples: ['2m'],
          },
        },
      }),
      object({
        title: 'http',
        description: 'A GET from where the engine runs answers with the status in time. Redirects are not followed.',
        required: ['type', 'url'],
        properties: {
          type: { const: 'http' },
          url: {
            title: 'an http or https address',
            description: 'Address without user name and password.',
            type: 'string',
            pattern: '^https?://[^\\s]+$',
            maxLength: 2048,
            examples: ['https://status.example.com/healthz'],
          },
          within: {
            $ref: '#/$defs/duration',
            description: 'How long the answer may take. 1ms to 60s.',
            default: '5s',
            examples: ['500ms'],
          },
          status: {
            description: 'The status that means healthy.',
            type: 'integer',
            minimum: 100,
            maximum: 599,
            default: 200,
            examples: [200],
          },
        },
      }),
    ],
    examples: [{ type: 'script', run: '/opt/app/bin/smoke', timeout: '2m' }],
  },
}

/** Words for `patches.approve`: what Amazon Linux advisories and Patch Manager use. */
export const CLASSIFICATIONS = wordList('classifications', ['Security', 'Bugfix', 'Enhancement', 'Recommended', 'Newpackage'], ['Security'])

/** Amazon Linux 2023 says Medium where others say Moderate. */
export const SEVERITIES = wordList('severities', ['Critical', 'Important', 'Medium', 'Low', 'None'], ['Critical', 'Important'])

/** Why a node failed without anything on it having been changed: only then is another attempt safe (documents/PROTOCOL.md). */
export const RETRY_REASONS = wordList(
  'reasons',
  ['lock-held', 'repository-unreachable', 'checksum', 'dependency', 'disk-full'],
  ['lock-held', 'repository-unreachable'],
)
