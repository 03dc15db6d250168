import { VirtualClock } from '../../../src/adapters/system/virtual-clock.ts'
import type { NodeSeen } from '../../../src/core/plan/fleet.ts'
import type { Outcome, StepName } from '../../../src/core/run/event.ts'
import { thingKey } from '../../../src/core/run/evolve-steps.ts'
import type { Step } from '../../../src/core/run/parts.ts'
import { initial, planned, type RunState } from '../../../src/core/run/state.ts'
import type { StepWork } from '../../../src/engine/steps/step.ts'
import type { World } from '../../../src/engine/world.ts'
import { known } from '../../../src/kit/assert.ts'
import { PatchwaveError, type ErrorCode } from '../../../src/kit/error.ts'
import { instant, plus, type Instant, type Ms } from '../../../src/kit/instant.ts'
import type { Balancers } from '../../../src/ports/balancers.ts'
import type { Commands } from '../../../src/ports/commands.ts'
import type { Machines } from '../../../src/ports/machines.ts'
import type { Scaling } from '../../../src/ports/scaling.ts'
import { plan, type PlanSpec } from '../../core/run/plan.ts'

export const START = instant(Date.UTC(2026, 2, 1, 3))

/** What became of a node, and when. */
export type Ended = Readonly<{ position: number; done: boolean; outcome: Outcome; reason: string; afterMs: Ms }>

/** The ports that a test brings; the others are never asked. `look` shows running nodes unless it says otherwise. */
export type Ports = Readonly<{
  balancers?: Partial<Balancers>
  scaling?: Partial<Scaling>
  machines?: Partial<Machines>
  commands?: Partial<Commands>
  store?: Readonly<{ runs: () => unknown; read?: unknown }>
  look?: (node: string, now: Instant) => Partial<NodeSeen> | undefined
}>

export type StepSpec = Readonly<{
  name: StepName
  nodes: number
  /** The round that it prepares; 0: nodes that come back. */
  batch: number
  /** The number of its token, if it sends a command. */
  n?: number
  untilMs: Ms
  spec?: Partial<PlanSpec>
  /** What an earlier step took out, by position. */
  things?: Readonly<Record<number, string>>
  /** The name of that step. */
  of?: StepName
  before?: (state: RunState) => void
}>

/** Does one step by itself in virtual time; resolves to what it found and how its nodes ended, in the order of their ends; `stopped`: those that stop their wave. */
export async function perform(work: StepWork, ports: Ports, spec: StepSpec) {
  const clock = new VirtualClock(START)
  const state = initial('01900000-0000-7000-8000-000000000001', plan({ waves: [{ nodes: spec.nodes }], ...spec.spec }))
  for (const [position, thing] of Object.entries(spec.things ?? {}))
    state.things.set(thingKey(Number(position), spec.of ?? spec.name), thing)
  spec.before?.(state)
  const step: Step = {
    id: 1,
    name: spec.name,
    cell: known(state.cells[0], 'a cell'),
    batch: spec.batch,
    nodes: Array.from({ length: spec.nodes }, (_, position) => position),
    n: spec.n ?? 0,
    intendedAt: START,
    until: plus(START, spec.untilMs),
    found: new Map(),
  }
  const warnings: string[] = []
  const look = (node: string): NodeSeen[] => {
    const seen = ports.look ? ports.look(node, clock.now()) : {}
    return seen ? [{ ...UP, node, lastPing: clock.now(), ...seen }] : []
  }
  const world = {
    ...ports,
    clock,
    fleet: { look: (_: unknown, nodes: readonly string[]) => Promise.resolve(nodes.flatMap(look)) },
    log: { info: () => undefined, warn: (line: string) => warnings.push(line) },
  } as unknown as World // Whatever else a step asked would fail the test.
  const ended: Ended[] = []
  const stopped: number[] = []
  await clock.run(async () => {
    for await (const events of work({ world, state, hints: {} as never, signal: new AbortController().signal }, step))
      for (const event of events) {
        if (event.type === 'StepFound')
          event.nodes.forEach((position, index) => step.found.set(position, known(event.things[index], 'a thing')))
        if (event.type !== 'StepEnded') continue
        if (event.stop) stopped.push(...event.nodes)
        step.nodes = step.nodes.filter((position) => !event.nodes.includes(position))
        event.nodes.forEach((position, index) => {
          const [done, outcome, reason] = [
            event.done[index] === true,
            known(event.outcomes[index], 'an outcome'),
            event.reasons[index] ?? '',
          ]
          ended.push({ position, done, outcome, reason, afterMs: clock.now() - START })
        })
      }
  })
  return { ended, stopped, left: step.nodes, found: step.found, warnings }
}

/** The id of a node by its position. */
export const idOf = (position: number): string => planned(initial('', plan({ waves: [{ nodes: position + 1 }] })), position).node

const UP: Omit<NodeSeen, 'node' | 'lastPing'> = {
  account: '111122223333',
  region: 'us-east-1',
  ami: 'ami-1',
  zone: 'use1-az1',
  state: 'running',
  platform: 'amazon-linux-2023',
  agent: 'online',
  hybrid: false,
  tags: {},
}

/** A call that AWS refuses. */
export const refusing = (code: ErrorCode) => (): Promise<never> =>
  Promise.reject(new PatchwaveError(code, `AWS says ${code}`, { hint: 'none' }))
