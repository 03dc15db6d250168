import type { JsonSchema } from '../../kit/schema.ts'
import { CLASSIFICATIONS, object, SEVERITIES } from './schema-parts.ts'

/** Below `/patchwave/…`, by runbook, account and image lineage. Parameter Store forbids names that start with `aws` or `ssm`. */
export const DEFAULT_BASELINE_PATH = '/patchwave/{runbook}/{account}/{image}'

const approveRule = object({
  title: 'a rule that approves patches',
  minProperties: 1,
  properties: {
    classification: { description: 'Kinds of patches.', ...CLASSIFICATIONS },
    severity: { description: 'How bad what they mend is.', ...SEVERITIES },
    releasedFor: {
      $ref: '#/$defs/duration',
      description: 'Only patches that have been out at least this long.',
      examples: ['3d'],
    },
    cves: {
      title: 'a list of CVE ids',
      description: 'Patches that mend one of these.',
      type: 'array',
      items: { title: 'a CVE id', type: 'string', pattern: '^CVE-[0-9]{4}-[0-9]{4,19}$', examples: ['CVE-2026-1234'] },
      minItems: 1,
      uniqueItems: true,
      examples: [['CVE-2026-1234']],
    },
    advisories: {
      title: 'a list of advisory ids',
      description: 'Patches that one of these advisories brought.',
      type: 'array',
      items: {
        title: 'an advisory id',
        type: 'string',
        pattern: '^[A-Z][A-Za-z0-9._:-]{2,63}$',
        examples: ['ALAS2023-2026-083'],
      },
      minItems: 1,
      uniqueItems: true,
      examples: [['ALAS2023-2026-083', 'USN-7000-1']],
    },
    names: {
      title: 'a list of package names',
      description: 'Packages of these names.',
      type: 'array',
      items: { $ref: '#/$defs/glob' },
      minItems: 1,
      uniqueItems: true,
      examples: [['openssl*']],
    },
  },
  examples: [{ classification: ['Security'], severity: ['Critical', 'Important'], releasedFor: '3d' }],
})

/** Which patches. */
export const patches = object({
  description: 'Which missing patches are candidates. Without it nothing is installed: the run is a scan.',
  required: ['approve'],
  properties: {
    approve: {
      title: 'a list of rules',
      description: 'A patch is a candidate when one rule fits it: every key of that rule.',
      type: 'array',
      items: approveRule,
      minItems: 1,
      maxItems: 100,
      examples: [[{ classification: ['Security'] }, { cves: ['CVE-2026-1234'] }]],
    },
    reject: {
      title: 'a list of package names',
      description: 'Packages that are never installed, whatever approves them.',
      type: 'array',
      items: { $ref: '#/$defs/glob' },
      maxItems: 1000,
      uniqueItems: true,
      default: [],
      examples: [['kernel-debug*']],
    },
    reboot: {
      description: 'Whether a node is rebooted after its patches: `if-needed` when the system says so.',
      enum: ['never', 'if-needed', 'always'],
      default: 'never',
      examples: ['never'],
    },
    kernel: {
      description:
        'What becomes of kernel packages: `install` them like others (they run after a reboot), `hold` them all back, or `live-patch` the running kernel instead (Amazon Linux).',
      enum: ['install', 'hold', 'live-patch'],
      default: 'install',
      examples: ['live-patch'],
    },
  },
  examples: [{ approve: [{ classification: ['Security'] }], reboot: 'never' }],
})

/** The trial. */
export const test = object({
  description: 'The trial, in the lower environment. Without it the newest approved baseline is used.',
  required: ['match'],
  properties: {
    match: { $ref: '#/$defs/match', description: 'The nodes that it may use; they are in no wave unless a wave names them.' },
    lead: {
      $ref: '#/$defs/duration',
      description: 'How long before the window opens it is started.',
      default: '3d',
      examples: ['3d'],
    },
    perAmi: {
      description: 'How many nodes are tested for each image.',
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 2,
      examples: [2],
    },
    soak: {
      $ref: '#/$defs/duration',
      description: 'How long the patched nodes run before the checks are measured.',
      default: '30m',
      examples: ['30m'],
    },
    checks: { $ref: '#/$defs/checkNames', description: 'Checks that must hold on the tested nodes.' },
    onFailure: {
      description: 'After a failed trial: `stop`, or `isolate` the patches that break it, quarantine them and go on with the rest.',
      enum: ['stop', 'isolate'],
      default: 'stop',
      examples: ['isolate'],
    },
  },
  examples: [{ match: { tags: { Env: 'staging' } }, checks: ['agents-online'] }],
})

/** Where the tested list stands. */
export const baseline: JsonSchema = {
  title: '`none` or a map',
  description:
    'Where the tested list is stored, or `none`: what `patches` approves is resolved when the plan is made, and is UNTESTED everywhere.',
  type: ['string', 'object'],
  pattern: '^none$',
  additionalProperties: false,
  properties: {
    path: {
      title: 'a Parameter Store path with {account} and {image}',
      description:
        'Parameter Store path in the control account. {runbook}, {account} and {image} are filled in; the last two must be there.',
      type: 'string',
      pattern: '^(/([A-Za-z0-9_.-]|\\{(runbook|account|image)\\})+){1,15}$',
      maxLength: 512,
      default: DEFAULT_BASELINE_PATH,
      examples: [DEFAULT_BASELINE_PATH],
    },
    maxAge: {
      $ref: '#/$defs/duration',
      description: 'An older baseline is not used. Checked when the plan is pinned and again at each opening.',
      default: '14d',
      examples: ['14d'],
    },
    approval: { $ref: '#/$defs/approval', description: 'Who must approve what the trial stored; nobody when left out.' },
  },
  default: {},
  examples: ['none', { path: DEFAULT_BASELINE_PATH, maxAge: '14d' }],
}
