import type { CommandId, NodeId } from '../../kit/ids.ts'

/** What a message of the events queue says. Anything that parses is either about a node's part of a command, or nothing to us. */
export type StatusEvent = Readonly<
  | { kind: 'ended'; command: CommandId; node: NodeId; status: string }
  | { kind: 'other' }
  /** Not an event in any form that is known: it belongs with the dead letters, and `why` says so to whoever finds it there. */
  | { kind: 'unreadable'; why: string }
>

/** Statuses after which a node's part of a command changes no more. Events carry the status, never its details (SSM user guide, monitoring). */
const ENDED: ReadonlySet<string> = new Set(['Success', 'Failed', 'TimedOut', 'Cancelled'])

/** SQS's own limit on a body is 1 MiB; SSM's events are under 2 kB. */
const BODY_CHARACTERS_MAX = 300_000

/**
 * Reads one message: EventBridge's event as it is (kebab-case detail), SSM's own notification (camelCase), or either wrapped in an SNS envelope.
 * Every word is checked: the queue may hold what strangers sent.
 */
export function readStatusEvent(body: string): StatusEvent {
  if (body.length > BODY_CHARACTERS_MAX) return { kind: 'unreadable', why: 'it is too long for an event' }
  const value = parsed(body)
  if (value === undefined) return { kind: 'unreadable', why: 'it is not JSON' }
  if (!isFields(value)) return { kind: 'unreadable', why: 'it is no JSON object' }
  if (value['Type'] !== 'Notification') return readBare(value)
  const inner = typeof value['Message'] === 'string' ? parsed(value['Message']) : undefined
  return isFields(inner) ? readBare(inner) : { kind: 'unreadable', why: 'the SNS envelope holds no JSON object' }
}

type Fields = Readonly<Record<string, unknown>>

function readBare(value: Fields): StatusEvent {
  if ('detail-type' in value || 'detail' in value) {
    const { detail } = value
    if (!isFields(detail)) return { kind: 'unreadable', why: 'the event has no detail' }
    return detail['command-id'] === undefined ? { kind: 'other' } : said(detail['command-id'], detail['instance-id'], detail['status'])
  }
  if ('commandId' in value) return said(value['commandId'], value['instanceId'], value['status'])
  return { kind: 'unreadable', why: 'it is neither an EventBridge event nor a notification of SSM' }
}

function said(command: unknown, node: unknown, status: unknown): StatusEvent {
  if (typeof command !== 'string' || !/^[0-9a-f-]{36}$/i.test(command)) return { kind: 'unreadable', why: 'its command id is none' }
  if (typeof status !== 'string') return { kind: 'unreadable', why: 'it has no status' }
  if (node === undefined || !ENDED.has(status)) return { kind: 'other' }
  if (typeof node !== 'string' || !/^m?i-[0-9a-f]{8,17}$/.test(node)) return { kind: 'unreadable', why: 'its node id is none' }
  return { kind: 'ended', command, node, status }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
