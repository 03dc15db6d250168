import { PERIOD_SCHEMA } from '../kit/period.ts'
import type { JsonSchema } from '../kit/schema.ts'

const name: JsonSchema = {
  title: 'a name of lower-case letters, digits and dashes',
  type: 'string',
  pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
  examples: ['prod-us'],
}

const accountId: JsonSchema = {
  title: 'a quoted account id of 12 digits',
  type: 'string',
  pattern: '^[0-9]{12}$',
  examples: ['111111111111'],
}

const region: JsonSchema = {
  title: 'an AWS region',
  type: 'string',
  pattern: '^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$',
  examples: ['us-east-1'],
}

const closed = (schema: JsonSchema): JsonSchema => ({ type: 'object', additionalProperties: false, ...schema })

const account = closed({
  title: 'an account',
  required: ['id'],
  properties: {
    id: { ...accountId, description: 'The account id.' },
    role: {
      title: 'the ARN of a role',
      description: 'Role that is assumed there; left out, the process’s own credentials are used.',
      type: 'string',
      pattern: '^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,576}$',
      examples: ['arn:aws:iam::111111111111:role/PatchwaveNodes'],
    },
    externalId: {
      title: 'an external id of 2 to 1224 characters',
      description: 'External id that the role’s trust policy asks for.',
      type: 'string',
      pattern: '^[A-Za-z0-9+=,.@:/_-]{2,1224}$', // STS AssumeRole, ExternalId
      examples: ['patchwave'],
    },
  },
  examples: [{ id: '111111111111', role: 'arn:aws:iam::111111111111:role/PatchwaveNodes' }],
})

const group = closed({
  title: 'a group of people',
  required: ['members'],
  properties: {
    members: {
      title: 'a list of people',
      description: 'Who belongs to it: each one’s ARN as GetCallerIdentity answers it, or the subject of an OIDC token.',
      type: 'array',
      items: {
        title: 'an ARN or an OIDC subject',
        type: 'string',
        pattern: '^[!-~]{3,2048}$',
        examples: ['arn:aws:iam::999999999999:user/alice'],
      },
      minItems: 1,
      maxItems: 1000,
      uniqueItems: true,
      examples: [['arn:aws:iam::999999999999:user/alice']],
    },
  },
  examples: [{ members: ['arn:aws:iam::999999999999:user/alice'] }],
})

const queue = (description: string, example: string): JsonSchema => ({
  title: 'the name of a queue',
  description,
  type: 'string',
  pattern: '^([A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\\.fifo)$', // SQS: at most 80 characters with the ending
  examples: [example],
})

/** The config: its check, its types, its defaults, `schemas/config.schema.json` and its reference page all come from this value. */
export const CONFIG_SCHEMA: JsonSchema = closed({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:patchwave:v1:config',
  title: 'a config',
  description: 'Which accounts there are, who may decide, and where the engine keeps its things.',
  required: ['apiVersion', 'kind', 'control', 'accounts', 'regions'],
  properties: {
    apiVersion: { description: 'Version of the language.', const: 'patchwave/v1' },
    kind: { description: 'What kind of document this is.', const: 'Config' },
    control: closed({
      description: 'The account and home region where baselines and the feedback queue live.',
      required: ['account', 'region'],
      properties: {
        account: { ...accountId, description: 'Id of the control account.', examples: ['999999999999'] },
        region: { ...region, description: 'Its home region.' },
      },
      examples: [{ account: '999999999999', region: 'us-east-1' }],
    }),
    accounts: {
      title: 'a map of names to accounts',
      description: 'The accounts that hold nodes, by the names that runbooks use.',
      type: 'object',
      propertyNames: name,
      minProperties: 1,
      maxProperties: 10_000, // AWS Organizations ends near this
      additionalProperties: account,
      examples: [{ staging: { id: '111111111111' } }],
    },
    groups: {
      title: 'a map of names to groups',
      description: 'Who may approve, by the names that runbooks use.',
      type: 'object',
      propertyNames: name,
      maxProperties: 200,
      additionalProperties: group,
      default: {},
      examples: [{ 'sre-leads': { members: ['arn:aws:iam::999999999999:user/alice'] } }],
    },
    regions: {
      title: 'a list of regions',
      description: 'Regions that runbooks may name.',
      type: 'array',
      items: region,
      minItems: 1,
      uniqueItems: true,
      examples: [['us-east-1', 'eu-west-1']],
    },
    imageLineageTag: {
      title: 'a tag key',
      description: 'Tag of a node that names its image lineage, where the AMI itself does not lead to a tested one.',
      type: 'string',
      minLength: 1,
      maxLength: 128,
      examples: ['ImageLineage'],
    },
    events: closed({
      description: 'Status events of SSM. Left out, the engine only polls.',
      required: ['queue'],
      properties: {
        queue: {
          title: 'the name of a standard queue',
          description: 'SQS queue of this name in the control account, in each region of the fleet: EventBridge does not cross regions.',
          type: 'string',
          pattern: '^[A-Za-z0-9_-]{1,80}$',
          examples: ['patchwave-events'],
        },
        refused: queue(
          'SQS queue of the control account’s home region to which what cannot be read goes, with the reason; may be the one of `triggers`. Left out, it stays for the redrive of the queue it is in.',
          'patchwave-refused',
        ),
      },
      examples: [{ queue: 'patchwave-events', refused: 'patchwave-refused' }],
    }),
    freezes: {
      title: 'a list of freezes',
      description:
        'When nothing may start, whatever the runbook. Days count in the zone of the runbook’s window, both included. Files are iCalendar, relative to the working folder; Change Calendars are those of the control account.',
      type: 'array',
      items: PERIOD_SCHEMA,
      maxItems: 50,
      uniqueItems: true,
      default: [],
      examples: [['config/calendars/company-freeze.ics', 'ssm:ChangeFreeze', { from: '2026-12-20', to: '2027-01-03' }]],
    },
    triggers: closed({
      description:
        'Messages that start runbooks, from a queue in the control account and its home region. Left out, nobody starts one by message.',
      required: ['queue'],
      properties: {
        queue: queue('SQS queue from which `serve` takes them; standard or FIFO.', 'patchwave-triggers.fifo'),
        refused: queue(
          'SQS queue to which those go that are refused, with the reason. Left out, they are only told in the log.',
          'patchwave-refused',
        ),
      },
      examples: [{ queue: 'patchwave-triggers.fifo', refused: 'patchwave-refused' }],
    }),
    patchManager: closed({
      description:
        'For runbooks that apply with `patch-manager`: where their override lists are put. Left out, such a runbook cannot be planned.',
      required: ['bucket'],
      properties: {
        bucket: {
          title: 'the name of an S3 bucket, in which `{region}` may stand',
          description:
            'Bucket of the control account, one in each region of the fleet if `{region}` stands in its name. Every node must be allowed to read it.',
          type: 'string',
          pattern: '^([a-z0-9]|\\{region\\})([a-z0-9.-]|\\{region\\}){1,61}([a-z0-9]|\\{region\\})$', // S3: 3-63 characters
          examples: ['patchwave-lists-{region}'],
        },
      },
      examples: [{ bucket: 'patchwave-lists-{region}' }],
    }),
    runbooks: {
      title: 'a list of folders and files',
      description: 'Folders and files whose runbooks `serve` schedules and starts by message, relative to the working folder.',
      type: 'array',
      items: {
        title: 'a folder or a file',
        type: 'string',
        minLength: 1,
        maxLength: 1024,
        pattern: '^[^\\n\\r]+$',
        examples: ['runbooks'],
      },
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      default: ['runbooks'],
      examples: [['runbooks', 'teams/database/monthly.yaml']],
    },
    debt: closed({
      description: 'When a reboot that is owed becomes non-compliance.',
      properties: {
        rebootWithin: {
          title: 'a duration in hours or days',
          description: 'How long a node may wait for a reboot, from the first report that asks for it.',
          type: 'string',
          pattern: '^[1-9][0-9]{0,3}[hd]$',
          default: '30d',
          examples: ['30d'],
        },
      },
      default: {},
      examples: [{ rebootWithin: '14d' }],
    }),
    store: {
      title: 'a path or a postgres:// address',
      description: 'Where journals, claims and leases are kept. `--store` and PATCHWAVE_STORE win over it.',
      type: 'string',
      minLength: 1,
      maxLength: 2048,
      default: '.patchwave/patchwave.db',
      examples: ['.patchwave/patchwave.db'],
    },
  },
})
