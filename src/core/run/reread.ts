import type { NodeSeen } from '../plan/fleet.ts'
import { isGone } from '../plan/fleet.ts'
import type { PlannedNode } from '../plan/plan.ts'
import { matches, type Names } from '../plan/select.ts'
import type { Scope } from '../runbook/runbook.ts'
import type { Work } from './event.ts'

/** Whether a node is down: it serves nobody and counts as out of service. */
export const isDown = (seen: NodeSeen | undefined): boolean => seen === undefined || seen.state !== 'running' || seen.agent !== 'online'

/** What is about to be done to the nodes of a round. `stopped`: they are started first. `volumes`: their root volumes are replaced, for which nobody on the node is asked. */
export type Undertaking = Readonly<{ work: Work; stopped: boolean; volumes: boolean }>

/**
 * Why a node must not be touched after all, as it is just before the intent; null when it may be. A tag can always take a node out, never in.
 * A rollback asks less: who was touched is restored wherever it can be reached.
 */
export function hindered(
  planned: PlannedNode,
  groupKeys: readonly string[],
  seen: NodeSeen | undefined,
  keysNow: (seen: NodeSeen) => readonly string[],
  scope: Scope,
  names: Names,
  { work, stopped, volumes }: Undertaking,
): string | null {
  if (seen === undefined || isGone(seen)) return 'gone'
  const isOff = seen.state === 'stopped' || seen.state === 'stopping'
  if (isOff && !stopped) return 'stopped'
  if (!isOff && isDown(seen) && !(volumes && seen.state === 'running')) return 'offline'
  if (scope.exclude !== null && matches(scope.exclude, seen, names)) return 'excluded'
  if (work === 'rollback') return null
  if (seen.ami !== planned.ami) return 'another-image'
  if (seen.zone !== planned.zone) return 'another-zone'
  const now = new Set(keysNow(seen))
  return groupKeys.some((key) => !now.has(key)) || now.size > groupKeys.length ? 'another-group' : null
}
