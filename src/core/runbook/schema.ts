import type { JsonSchema } from '../../kit/schema.ts'
import { object, PARTS, RETRY_REASONS } from './schema-parts.ts'
import { inputs } from './schema-inputs.ts'
import { baseline, patches, test } from './schema-patches.ts'
import { apply, backup, drain, hooks, power } from './schema-node.ts'
import { rollback, wave } from './schema-waves.ts'
import { window } from './schema-window.ts'

const scope = object({
  description: 'The nodes that this runbook may ever touch.',
  required: ['accounts', 'regions'],
  properties: {
    accounts: {
      title: 'a list of account names',
      description: 'Accounts by their names in the config.',
      type: 'array',
      items: { $ref: '#/$defs/name' },
      minItems: 1,
      uniqueItems: true,
      examples: [['staging', 'prod-us']],
    },
    regions: {
      title: 'a list of regions',
      description: 'Regions, in each of the accounts.',
      type: 'array',
      items: { $ref: '#/$defs/region' },
      minItems: 1,
      uniqueItems: true,
      examples: [['us-east-1', 'eu-west-1']],
    },
    match: { $ref: '#/$defs/match', description: 'Which nodes there; all managed nodes when left out.' },
    exclude: { $ref: '#/$defs/match', description: 'Nodes that are left alone whatever `match` says.' },
  },
  examples: [{ accounts: ['staging'], regions: ['us-east-1'] }],
})

const feedback = object({
  description: 'Where transitions are published.',
  required: ['queue'],
  properties: {
    queue: {
      title: 'the name of a FIFO queue',
      description: 'SQS FIFO queue in the control account and its home region.',
      type: 'string',
      pattern: '^[A-Za-z0-9_-]{1,75}\\.fifo$', // SQS: at most 80 characters with the ending
      examples: ['patchwave-feedback.fifo'],
    },
    detail: {
      description: 'How much is told: transitions of the run, of its waves too, or of every node too.',
      enum: ['run', 'wave', 'node'],
      default: 'wave',
      examples: ['wave'],
    },
  },
  examples: [{ queue: 'patchwave-feedback.fifo', detail: 'wave' }],
})

const metadata = object({
  description: 'What it is called and whose it is.',
  required: ['name'],
  properties: {
    name: { $ref: '#/$defs/name', description: 'Name of the runbook, part of the baseline path.' },
    title: {
      description: 'One line for people.',
      type: 'string',
      minLength: 1,
      maxLength: 200,
      examples: ['Monthly security patches, Amazon Linux'],
    },
    owner: { description: 'Who answers for it.', type: 'string', minLength: 1, maxLength: 200, examples: ['platform-sre'] },
  },
  examples: [{ name: 'monthly-linux-security' }],
})

const limit = object({
  description: 'How much one run may touch at all; a plan beyond it is refused.',
  properties: {
    nodes: { description: 'Nodes at most.', type: 'integer', minimum: 1, maximum: 1_000_000, examples: [5000] },
    share: {
      $ref: '#/$defs/positiveShare',
      description: 'Share at most of the managed nodes that the plan could see.',
      default: '60%',
      examples: ['60%'],
    },
  },
  default: {},
  examples: [{ nodes: 5000, share: '60%' }],
})

/** The runbook language: the check, the types, the defaults, `schemas/runbook.schema.json` and the reference page all come from this value. */
export const RUNBOOK_SCHEMA: JsonSchema = object({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:patchwave:v1:runbook',
  title: 'a runbook',
  description: 'What should happen to a fleet, declaratively.',
  required: ['apiVersion', 'kind', 'metadata', 'scope', 'waves'],
  properties: {
    apiVersion: { description: 'Version of the language.', const: 'patchwave/v1' },
    kind: { description: 'What kind of document this is.', const: 'Runbook' },
    extends: {
      title: 'the relative path of a YAML file in or below this folder',
      description: 'A base file, relative to this one. Maps merge, lists are replaced; one level: the base extends nothing itself.',
      type: 'string',
      pattern: '^(?!.*(^|/)\\.{1,2}(/|$))[A-Za-z0-9_][A-Za-z0-9_./ -]*\\.ya?ml$',
      maxLength: 512,
      examples: ['base/linux.yaml'],
    },
    metadata,
    inputs,
    scope,
    window,
    patches,
    test,
    baseline,
    checks: {
      title: 'a map of names to checks',
      description: 'Health measurements, by the names under which gates use them.',
      type: 'object',
      maxProperties: 50,
      propertyNames: { ...PARTS['name'] },
      additionalProperties: { $ref: '#/$defs/check' },
      default: {},
      examples: [{ 'agents-online': { type: 'agent-ping' } }],
    },
    disruption: {
      $ref: '#/$defs/disruption',
      description: 'How many nodes of a group may be out of service at once: in every wave, in the trial, in rollback and across all runs.',
    },
    waves: {
      title: 'a list of waves',
      description: 'The stages of the rollout, in order.',
      type: 'array',
      items: wave,
      minItems: 1,
      maxItems: 100,
      examples: [
        [
          { name: 'canary', take: '1%' },
          { name: 'broad', take: 'rest' },
        ],
      ],
    },
    apply,
    hooks,
    drain,
    power,
    backup,
    rollback,
    feedback,
    limit,
    budget: object({
      description: 'How much may fail over the whole run, beside what each gate allows.',
      required: ['failures'],
      properties: {
        failures: {
          $ref: '#/$defs/amount',
          description: 'Nodes failed or unknown; a share is of the planned nodes and rounds down.',
          examples: ['1%'],
        },
      },
      examples: [{ failures: '1%' }],
    }),
    before: { $ref: '#/$defs/checkSet', description: 'Checks that must hold before anything is touched.' },
    after: { $ref: '#/$defs/checkSet', description: 'Checks that must hold before the run may call itself succeeded.' },
    approval: { $ref: '#/$defs/approval', description: 'Who must approve the plan; nobody when left out.' },
    retry: object({
      description: 'Further attempts on a node that failed before anything on it was changed. None when left out.',
      properties: {
        attempts: {
          description: 'Attempts in all, the first one included.',
          type: 'integer',
          minimum: 2,
          maximum: 5,
          default: 2,
          examples: [2],
        },
        on: { description: 'After which reasons.', ...RETRY_REASONS, default: ['lock-held', 'repository-unreachable'] },
      },
      examples: [{ attempts: 2, on: ['lock-held', 'repository-unreachable'] }],
    }),
    drift: {
      $ref: '#/$defs/share',
      description: 'A plan is refused when more than this share of its nodes are gone, new or stopped since it was made.',
      default: '5%',
      examples: ['5%'],
    },
  },
  $defs: PARTS,
})
