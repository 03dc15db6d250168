import { INSTANT_PATTERN } from '../../kit/instant.ts'
import { PERIOD_SCHEMA } from '../../kit/period.ts'
import type { JsonSchema } from '../../kit/schema.ts'
import { object } from './schema-parts.ts'

const moment = (description: string, example: string): JsonSchema => ({
  title: 'an instant with its offset',
  description,
  type: 'string',
  pattern: INSTANT_PATTERN,
  examples: [example],
})

/** When the window opens and how long it stays open. A `native` window brings all of it. */
const times: Readonly<Record<string, JsonSchema>> = {
  schedule: {
    title: 'a schedule: cron(), rate() or at()',
    description: 'When it opens, in the grammar of AWS maintenance windows. Must be there, unless `native` is.',
    type: 'string',
    pattern: '^(cron|rate|at)\\(.+\\)$',
    maxLength: 256,
    examples: ['cron(0 3 ? * SUN *)', 'rate(7 days)', 'at(2026-12-01T03:00:00)'],
  },
  timezone: {
    title: 'a time zone name',
    description: 'IANA name of the zone in which the schedule is meant.',
    type: 'string',
    pattern: '^[A-Za-z][A-Za-z0-9_+/-]{0,63}$',
    default: 'UTC',
    examples: ['America/New_York'],
  },
  duration: {
    $ref: '#/$defs/duration',
    description: 'How long it is open. 1m to 7d. Must be there, unless `native` is.',
    examples: ['6h'],
  },
  cutoff: {
    $ref: '#/$defs/duration',
    description: 'Nothing new starts this long before it closes; what runs is left to finish. Shorter than `duration`.',
    default: '0s',
    examples: ['1h'],
  },
  offset: {
    description: 'Days after each hit of the cron expression, 0 to 6: the day after the second Tuesday is TUE#2 and 1.',
    type: 'integer',
    minimum: 0,
    maximum: 6,
    default: 0,
    examples: [1],
  },
  start: moment(
    'It opens at this instant at the earliest, and rate() counts from it; without it rate() counts from when it is asked.',
    '2026-12-01T00:00:00Z',
  ),
  end: moment('It opens only before this instant.', '2027-12-01T00:00:00Z'),
}

/** The window. */
export const window: JsonSchema = object({
  description: 'When the rollout may change nodes; the trial runs before it. Without it the runbook runs by hand only.',
  properties: {
    ...times,
    native: {
      title: 'the id of an SSM maintenance window',
      description:
        'Take schedule, zone, duration, cutoff and offset from this SSM maintenance window of the control account, as it stands when it is asked. Instead of those keys.',
      type: 'string',
      pattern: '^mw-[0-9a-f]{17}$',
      examples: ['mw-0123456789abcdef0'],
    },
    unfinished: {
      description:
        'What becomes of nodes that were not reached: `stop` leaves them to the next run’s plan, `next-window` goes on with this one.',
      enum: ['stop', 'next-window'],
      default: 'stop',
      examples: ['stop'],
    },
    onGap: {
      description:
        'An opening at a local time that a clock change leaves out: `next-valid` opens at the next one that there is, `skip` not.',
      enum: ['next-valid', 'skip'],
      default: 'next-valid',
      examples: ['next-valid'],
    },
    onOverlap: {
      description: 'An opening at a local time that a clock change repeats opens at the first or the second of the two, never at both.',
      enum: ['first', 'second'],
      default: 'first',
      examples: ['first'],
    },
    late: {
      $ref: '#/$defs/duration',
      description:
        'An opening at which nobody was there is still begun this much later; after that it is told and skipped. A longer `jitter` makes the default as long.',
      default: '30m',
      examples: ['30m'],
    },
    overlap: {
      description:
        'What an opening does while the last run is unfinished: `queue` waits for its end, `skip` leaves the opening out, `cancel-running` aborts that run, without cutting anything off.',
      enum: ['queue', 'skip', 'cancel-running'],
      default: 'queue',
      examples: ['queue'],
    },
    jitter: {
      $ref: '#/$defs/duration',
      description: 'The start is put off by up to this much, differently for each runbook and opening, so that not all begin at once.',
      default: '0s',
      examples: ['5m'],
    },
    fit: {
      description:
        'What becomes of a plan that is predicted not to fit the window: `warn` tells, `refuse` does not begin it, `trim` leaves out nodes from its end.',
      enum: ['warn', 'refuse', 'trim'],
      default: 'warn',
      examples: ['refuse'],
    },
    freezes: {
      title: 'a list of freezes',
      description:
        'When nothing may start, beside the freezes of the config. Days count in the window’s zone, both included. Files are iCalendar, relative to the working folder; Change Calendars are those of the control account.',
      type: 'array',
      items: PERIOD_SCHEMA,
      maxItems: 50,
      uniqueItems: true,
      default: [],
      examples: [['config/calendars/company-freeze.ics', 'ssm:ChangeFreeze', { from: '2026-12-20', to: '2027-01-03' }]],
    },
    breakFreeze: {
      $ref: '#/$defs/approval',
      description: 'Who must agree before a run may break a freeze. Left out: whoever may run it may, with a reason.',
    },
  },
  examples: [{ schedule: 'cron(0 3 ? * SUN *)', timezone: 'America/New_York', duration: '6h', cutoff: '1h' }],
})
