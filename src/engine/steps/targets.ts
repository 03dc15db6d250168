import type { NodeId } from '../../kit/ids.ts'
import { planned, type RunState } from '../../core/run/state.ts'
import type { Target } from '../../ports/balancers.ts'

/** Targets of one node as `StepFound` keeps them: `arn|port`, separated by commas; `''`: none. An ARN has neither sign. */
export const targetsText = (targets: readonly Pick<Target, 'group' | 'port'>[]): string =>
  [...new Set(targets.map(({ group, port }) => `${group}|${String(port)}`))].sort().join(',')

/** Reads what `targetsText` wrote. */
export function targetsIn(text: string, node: NodeId): Target[] {
  return text.split(',').flatMap((one) => {
    const bar = one.lastIndexOf('|')
    return bar < 0 ? [] : [{ group: one.slice(0, bar), node, port: Number(one.slice(bar + 1)) }]
  })
}

/** One target, as a key. */
export const targetKey = ({ group, node, port }: Target): string => `${group}|${node}|${String(port)}`

/** The targets of nodes by position, from the text of each. */
export const targetsBy = (state: RunState, nodes: readonly number[], textOf: (position: number) => string): Map<number, Target[]> =>
  new Map(nodes.map((position) => [position, targetsIn(textOf(position), planned(state, position).node)]))
