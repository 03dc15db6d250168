import { object, PARTS } from './schema-parts.ts'

const gate = object({
  description: 'What must hold before the next wave starts.',
  properties: {
    failures: {
      $ref: '#/$defs/amount',
      description: 'The wave still passes with this many nodes failed or unknown; a share is of the wave as planned and rounds down.',
      default: 0,
      examples: ['2%'],
    },
    hard: {
      description: 'Narrows concurrency so that at most `failures` + 1 nodes can ever fail. Slower.',
      type: 'boolean',
      default: false,
      examples: [true],
    },
    bake: {
      $ref: '#/$defs/duration',
      description: 'How long the patched wave runs before its checks are measured.',
      default: '10m',
      examples: ['30m'],
    },
    checks: { $ref: '#/$defs/checkNames', description: 'Checks that must hold, by their names.' },
    evidence: {
      $ref: '#/$defs/positiveShare',
      description: 'At least this share of the wave must have been patched or have needed nothing; else the gate is inconclusive.',
      examples: ['80%'],
    },
    approval: { $ref: '#/$defs/approval', description: 'Who must agree before the next wave starts.' },
    holdFor: {
      $ref: '#/$defs/duration',
      description: 'How long an inconclusive gate waits for a decision; until the window closes when left out.',
      examples: ['2h'],
    },
  },
  default: {},
  examples: [{ failures: '2%', bake: '30m', checks: ['agents-online'] }],
})

/** One stage of the rollout. */
export const wave = object({
  title: 'a wave',
  required: ['name', 'take'],
  properties: {
    name: { $ref: '#/$defs/name', description: 'What it is called everywhere.', examples: ['canary'] },
    take: {
      title: 'a count, a share, `rest` or `match: {…}`',
      description:
        'Which nodes: a count, or a share of what is left when the plan is made, rounded up; `rest`: all that is left, in the last wave only; or those that `match` selects.',
      type: ['integer', 'string', 'object'],
      minimum: 1,
      maximum: 1_000_000,
      pattern: `^rest$|${PARTS['positiveShare']?.pattern ?? ''}`,
      additionalProperties: false,
      required: ['match'],
      properties: { match: { $ref: '#/$defs/match' } },
      examples: ['1%', 5, 'rest', { match: { tags: { Role: 'canary' } } }],
    },
    spread: {
      title: 'a list of groupings',
      description: 'Take nodes from as many values of these as the number allows; the plan says what is not represented.',
      type: 'array',
      items: { $ref: '#/$defs/grouping' },
      maxItems: 10,
      uniqueItems: true,
      default: [],
      examples: [['image', 'availability-zone']],
    },
    concurrency: {
      $ref: '#/$defs/positiveAmount',
      description: 'How many nodes may be in work at once; a share is of the wave as planned and rounds up.',
      default: '10%',
      examples: ['25%'],
    },
    disruption: { $ref: '#/$defs/disruption', description: 'Limits for this wave beside the runbook’s; they may only be tighter.' },
    gate,
  },
  examples: [{ name: 'canary', take: '1%', gate: { bake: '30m' } }],
})

/** What happens when a gate fails. */
export const rollback = object({
  description: 'What happens when a gate fails.',
  properties: {
    on: {
      description: '`gate-failed` rolls back by itself, `manual` waits for someone to say so, `never` refuses it.',
      enum: ['gate-failed', 'never', 'manual'],
      default: 'gate-failed',
      examples: ['manual'],
    },
    scope: {
      description: 'The failed wave only, or the whole run, newest wave first.',
      enum: ['wave', 'run'],
      default: 'wave',
      examples: ['run'],
    },
    method: {
      description:
        '`packages` restores the versions that each node had before, `root-volume` replaces its root volume by a snapshot taken before (the node reboots), `none` has nothing to undo with.',
      enum: ['packages', 'root-volume', 'none'],
      default: 'packages',
      examples: ['packages'],
    },
    outside: {
      description: 'Whether it may run when the window has closed, or must ask.',
      enum: ['allow', 'ask'],
      default: 'allow',
      examples: ['ask'],
    },
    failures: {
      $ref: '#/$defs/amount',
      description: 'Beyond this many failed rollbacks it stops and calls a person.',
      default: '10%',
      examples: ['10%'],
    },
  },
  default: {},
  examples: [{ on: 'gate-failed', scope: 'run' }],
})
