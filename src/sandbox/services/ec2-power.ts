import { type Service, type SimNode, ServiceError } from '../model.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { SimulatedNode } from '../nodes/node.ts'
import { checkDryRun, texts } from './ec2-input.ts'
import { instancesOf, stateOf } from './ec2-instances.ts'

type Options = Readonly<{
  fleet: SimulatedFleet
  /** Told of a node whose power has gone: its Auto Scaling group will notice. */
  stopped: (node: SimulatedNode) => void
  /** Told of a node that has booted. */
  started: (node: SimulatedNode) => void
}>

/** StartInstances and StopInstances. All instances of a call change, or none. */
export function power({ fleet, stopped, started }: Options): Service {
  const change = (
    input: Record<string, unknown>,
    caller: Parameters<Service[string]>[1],
    { from, word, act }: Readonly<{ from: readonly SimNode['state'][]; word: string; act: (node: SimulatedNode) => void }>,
  ): Record<string, unknown> => {
    checkDryRun(input)
    const ids = texts(input, 'InstanceId')
    if (ids.length === 0) throw new ServiceError('MissingParameter', 'The request must contain the parameter InstanceId')
    const nodes = instancesOf(fleet, caller, ids).flatMap(({ node }) => fleet.node(node) ?? [])
    const wrong = nodes.find(({ state }) => !from.includes(state))
    if (wrong)
      throw new ServiceError('IncorrectInstanceState', `The instance '${wrong.node}' is not in a state from which it can be ${word}.`)
    const before = nodes.map(stateOf)
    for (const node of nodes) act(node)
    return {
      instancesSet: nodes.map((node, index) => ({ instanceId: node.node, currentState: stateOf(node), previousState: before[index] })),
    }
  }
  return {
    StartInstances: (input, caller) =>
      change(input, caller, { from: ['stopped', 'pending', 'running'], word: 'started', act: (node) => void bootedBy(node, started) }),
    StopInstances: (input, caller) =>
      change(input, caller, {
        from: ['running', 'stopping', 'stopped'],
        word: 'stopped',
        act: (node) => {
          if (node.state !== 'running') return
          void node.stop()
          stopped(node)
        },
      }),
  }
}

async function bootedBy(node: SimulatedNode, started: Options['started']): Promise<void> {
  if (await node.start()) started(node)
}
