import type { JsonSchema } from '../../kit/schema.ts'
import { object } from './schema-parts.ts'

/** documents/PROTOCOL.md: an absolute path without `..`. */
const SCRIPT = '^(?!.*(^|/)\\.\\.(/|$))/[A-Za-z0-9._/-]{1,255}$'

/** What SSM takes as a document's name. */
const DOCUMENT = '^[a-zA-Z0-9_.-]{3,128}$'

/** With what patches are installed. */
export const apply = object({
  description: 'With what patches are installed.',
  properties: {
    with: {
      description:
        '`baseline-document`: Patchwave’s own document installs exactly the list. `patch-manager`: AWS-RunPatchBaseline does, with an override list and NoReboot; it cannot tell a repeat, so an unclear send counts as unknown and is never sent again.',
      enum: ['baseline-document', 'patch-manager'],
      default: 'baseline-document',
      examples: ['patch-manager'],
    },
  },
  default: {},
  examples: [{ with: 'patch-manager' }],
})

const hook = (description: string, failures: readonly string[], standard: string, example: Readonly<Record<string, string>>): JsonSchema =>
  object({
    title: 'a hook: `document` or `script`',
    description,
    properties: {
      document: {
        title: 'the name of an SSM document',
        description: 'A Command document that exists in each account and region of the scope. It gets no parameters. Instead of `script`.',
        type: 'string',
        pattern: DOCUMENT,
        examples: ['Acme-Quiesce'],
      },
      script: {
        title: 'an absolute path of letters, digits, `.`, `_`, `-` and `/`, without `..`',
        description: 'A script that is on the nodes. It gets no arguments. Instead of `document`.',
        type: 'string',
        pattern: SCRIPT,
        examples: ['/opt/app/bin/warm'],
      },
      timeout: {
        $ref: '#/$defs/duration',
        description: 'After this it has failed. 1s to 1h, whole seconds.',
        default: '5m',
        examples: ['5m'],
      },
      onFailure: {
        description: `What its failure does to the node; \`${standard}\` when left out. \`stop-wave\` also starts nothing more in the wave, whose gate then fails.`,
        enum: failures,
        examples: [standard],
      },
    },
    examples: [example],
  })

/** What runs on each node around its change. */
export const hooks = object({
  description: 'What runs on each node around its change, in the trial, in waves and in rollback.',
  properties: {
    beforeNode: hook('Before the node is changed.', ['skip-node', 'fail-node', 'stop-wave'], 'skip-node', {
      document: 'Acme-Quiesce',
      timeout: '5m',
    }),
    afterNode: hook('After the node has been changed well.', ['fail-node', 'stop-wave'], 'fail-node', {
      script: '/opt/app/bin/warm',
      timeout: '5m',
    }),
    onExit: hook('Always, once a node was begun: also after a failure, an abort or a crash.', ['fail-node', 'stop-wave'], 'fail-node', {
      document: 'Acme-Unquiesce',
    }),
  },
  default: {},
  examples: [{ beforeNode: { document: 'Acme-Quiesce', timeout: '5m', onFailure: 'skip-node' } }],
})

/** How nodes leave and rejoin service. */
export const drain = object({
  description: 'Each node is taken out of service before it is changed, and put back afterwards. Not at all when left out.',
  properties: {
    targetGroups: {
      description: '`auto`: out of every load balancer target group that it is in, and back into the same.',
      enum: ['auto', 'none'],
      default: 'auto',
      examples: ['auto'],
    },
    wait: {
      title: '`from-target` or a duration',
      description: 'How long connections may drain: as long as each target group says, or so long at most.',
      type: 'string',
      pattern: '^(from-target|[0-9]+(ms|s|m|h|d))$',
      default: 'from-target',
      examples: ['from-target', '90s'],
    },
    autoScaling: {
      description: '`standby`: a member of an Auto Scaling group is in standby meanwhile, so that the group does not replace it.',
      enum: ['standby', 'leave'],
      default: 'standby',
      examples: ['standby'],
    },
  },
  examples: [{ targetGroups: 'auto', wait: 'from-target', autoScaling: 'standby' }],
})

/** Nodes that are stopped. */
export const power = object({
  description: 'What becomes of nodes that are stopped.',
  properties: {
    stopped: {
      description: '`skip` them, or `start-and-restore`: start them for the change and stop them again.',
      enum: ['skip', 'start-and-restore'],
      default: 'skip',
      examples: ['start-and-restore'],
    },
  },
  default: {},
  examples: [{ stopped: 'start-and-restore' }],
})

/** Copies of a node's volumes from before its change. */
export const backup = object({
  description: 'A copy of each node from before its first change. None when left out.',
  required: ['method'],
  properties: {
    method: { description: 'EBS snapshots of all volumes, crash-consistent.', enum: ['snapshot'], examples: ['snapshot'] },
    keep: {
      $ref: '#/$defs/duration',
      description: 'How long they are kept; later runs of this engine delete them.',
      default: '7d',
      examples: ['7d'],
    },
  },
  examples: [{ method: 'snapshot', keep: '7d' }],
})
