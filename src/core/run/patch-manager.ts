import type { PlanContent } from '../plan/plan.ts'
import { HOUR, instant, type Ms } from '../../kit/instant.ts'
import type { RunEvent, Work } from './event.ts'
import { at, commandOf, STAGE, type RunState } from './state.ts'

/** Whether AWS-RunPatchBaseline does this work instead of our own document: it knows no token, so it must never be sent twice. */
export const byPatchManager = ({ runbook }: PlanContent, work: Work): boolean => work === 'apply' && runbook.apply.with === 'patch-manager'

/** How long its document may work on a node: the `timeoutSeconds` of its content. */
export const PATCH_MANAGER_MS: Ms = 2 * HOUR

/** The code of a refusal, and the reason of its nodes, when what the command was to name could not be stored: SSM was not asked. */
export const LIST_REFUSED = 'list-refused'

/**
 * What follows when a doubtful command was looked up until nothing of it could start any more. Our own was never sent: its nodes wait again.
 * Of another's nobody would ever know whether it ran: its nodes are unknown.
 */
export function neverSeen(state: RunState, n: number): RunEvent {
  const command = commandOf(state, n)
  if (!byPatchManager(state.plan, command.work)) return { type: 'CommandRefused', n, code: 'never-sent', message: NEVER_SENT, invalid: [] }
  const nodes = command.nodes.filter((one) => at(state.nodes.command, one) === n && at(state.nodes.stage, one) === STAGE.flying)
  return nodes.length > 0 ? unknown(n, nodes) : { type: 'CommandClosed', n }
}

const NEVER_SENT = 'looked up until nothing of it could start any more'

const unknown = (n: number, nodes: readonly number[]): RunEvent => ({
  type: 'NodesReported',
  n,
  nodes,
  outcomes: nodes.map(() => 'unknown'),
  reasons: nodes.map(() => 'send-unclear'),
  changed: nodes.map(() => 0),
  missing: nodes.map(() => 0),
  before: nodes.map(() => ''),
  after: nodes.map(() => ''),
  reboot: nodes.map(() => false),
  ended: nodes.map(() => instant(0)),
})
