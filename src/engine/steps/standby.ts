import { known } from '../../kit/assert.ts'
import type { PatchwaveError } from '../../kit/error.ts'
import { cellOf, type NodeId } from '../../kit/ids.ts'
import { thingKey } from '../../core/run/evolve-steps.ts'
import type { Step } from '../../core/run/parts.ts'
import { planned } from '../../core/run/state.ts'
import type { MemberSeen } from '../../ports/scaling.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { stepEnded, type StepResult } from './step.ts'
import {
  eachWilling,
  goneResult,
  idsOf,
  isSettled,
  lookAt,
  lookFirst,
  mayPass,
  polled,
  prevented,
  skipped,
  tried,
  type Refused,
} from './trying.ts'

/**
 * Puts members of Auto Scaling groups into standby, so that nobody replaces them. A node of no group goes on; one that its group cannot spare
 * (it would fall below its minimum) or is about to end is skipped (`standby-refused`).
 */
export async function* standby(performing: Performing, step: Step): Found {
  const { state } = performing
  const fresh = step.nodes.filter((position) => !step.found.has(position))
  if (fresh.length > 0) {
    const seen = await lookFirst(performing, step, () => membersBy(performing, step, fresh))
    if (!seen.ok) {
      yield [stepEnded(step, step.nodes.map((position) => prevented(step, position, 'standby-refused', seen.error)))] // prettier-ignore
      return
    }
    const thingOf = (position: number): string =>
      groupOf(seen.value.get(planned(state, position).node), state.things.get(thingKey(position, 'standby')))
    yield [{ type: 'StepFound', id: step.id, nodes: fresh, things: fresh.map(thingOf) }]
  }
  yield* polled(performing, step, step.nodes, (left) => stoodBy(performing, step, left), refusedStandby)
}

const refusedStandby = (position: number): StepResult => skipped(position, 'standby-refused')

/** The group that a member is taken out of; who stands by already for another reason is left there. */
function groupOf(member: MemberSeen | undefined, before: string | undefined): string {
  if (member === undefined) return ''
  return serves(member) || before === member.group ? member.group : ''
}

const serves = ({ lifecycle }: MemberSeen): boolean => lifecycle === 'InService' || lifecycle.startsWith('Pending')

const stands = ({ lifecycle }: MemberSeen): boolean => lifecycle === 'Standby' || lifecycle === 'EnteringStandby'

async function stoodBy(performing: Performing, step: Step, left: readonly number[]): Promise<readonly StepResult[]> {
  const { world, state, signal } = performing
  const trying = { world, signal, until: step.until, patient: false }
  const seen = await tried(trying, () => membersBy(performing, step, left))
  if (!seen.ok) return left.map((position) => prevented(step, position, 'standby-refused', seen.error))
  const memberOf = (position: number): MemberSeen | undefined => seen.value.get(planned(state, position).node)
  const out = left.filter((position) => known(step.found.get(position), 'what was found') !== '')
  const serving = out.flatMap((position) => memberOf(position) ?? []).filter(({ lifecycle }) => lifecycle === 'InService')
  const refused = await entered(performing, step, serving)
  return left.flatMap((position): StepResult[] => {
    const member = memberOf(position)
    if (member === undefined || member.lifecycle === 'Standby') return [{ position, done: true, reason: 'standby' }]
    if (refused.has(member.node)) return [prevented(step, position, 'standby-refused', refused.get(member.node))]
    return stands(member) || serves(member) ? [] : [refusedStandby(position)]
  })
}

/** Asks each group; resolves to the members that it keeps in service. */
async function entered(performing: Performing, step: Step, members: readonly MemberSeen[]): Promise<ReadonlyMap<NodeId, PatchwaveError>> {
  const { world, signal } = performing
  const cell = cellOf(step.cell)
  const refused: Refused[] = []
  for (const [group, some] of Map.groupBy(members, (member) => member.group)) {
    const nodes = some.map(({ node }) => node)
    refused.push(...(await eachWilling(performing, nodes, (willing) => world.scaling.enterStandby(cell, group, willing, signal))))
  }
  const kept = new Map(refused.flatMap(({ node, error }): [NodeId, PatchwaveError][] => (mayPass(error) ? [] : [[node, error]])))
  if (kept.size === 0) return kept
  // A call for many may have been done for the first of them before it was refused.
  const now = await tried({ world, signal, until: step.until, patient: false }, () =>
    world.scaling.membersOf(cell, [...kept.keys()], signal),
  )
  for (const { node } of now.ok ? now.value.filter(stands) : []) kept.delete(node)
  return kept
}

/** Puts members back into service and waits until they are. */
export async function* inService(performing: Performing, step: Step): Found {
  const wasOut = new Set<number>()
  yield* polled(
    performing,
    step,
    step.nodes,
    (left) => served(performing, step, left, wasOut),
    (position) => ({
      position,
      done: false,
      reason: 'not-in-service',
    }),
  )
}

/** `wasOut`: members that this step has seen out of service. Who was never seen so may still be about to leave. */
async function served(performing: Performing, step: Step, left: readonly number[], wasOut: Set<number>): Promise<readonly StepResult[]> {
  const { world, state, signal } = performing
  const taken = left.filter((position) => (state.things.get(thingKey(position, 'standby')) ?? '') !== '')
  const rest = left.filter((position) => !taken.includes(position)).map(isServing)
  if (taken.length === 0) return rest
  const seen = await tried({ world, signal, until: step.until, patient: true }, () => membersBy(performing, step, taken))
  if (!seen.ok) return rest
  const memberOf = (position: number): MemberSeen | undefined => seen.value.get(planned(state, position).node)
  const standing = taken.flatMap((position) => memberOf(position) ?? []).filter(({ lifecycle }) => lifecycle === 'Standby')
  for (const [group, some] of Map.groupBy(standing, (member) => member.group)) {
    const nodes = some.map(({ node }) => node)
    await eachWilling(performing, nodes, (willing) => world.scaling.exitStandby(cellOf(step.cell), group, willing, signal))
  }
  const isIn = (position: number): boolean => memberOf(position)?.lifecycle === 'InService'
  for (const position of taken) if (!isIn(position)) wasOut.add(position)
  const back = taken.filter((position) => isIn(position) && (wasOut.has(position) || isSettled(performing, step)))
  const unlisted = taken.filter((position) => isLeaving(memberOf(position)))
  return [...rest, ...back.map(isServing), ...(await gone(performing, step, { unlisted, memberOf }))]
}

const isServing = (position: number): StepResult => ({ position, done: true, reason: 'in-service' })

const isLeaving = (member: MemberSeen | undefined): boolean => member === undefined || member.lifecycle.startsWith('Terminating')

type Unlisted = Readonly<{ unlisted: readonly number[]; memberOf: (position: number) => MemberSeen | undefined }>

/** A member that its group has let go of has no group to return to; one that EC2 is done with is gone. */
async function gone(performing: Performing, step: Step, { unlisted, memberOf }: Unlisted): Promise<readonly StepResult[]> {
  if (unlisted.length === 0) return []
  const { world, state, signal } = performing
  const seen = await tried({ world, signal, until: step.until, patient: true }, () => lookAt(performing, step, unlisted))
  if (!seen.ok) return []
  return unlisted.flatMap((position): StepResult[] => {
    if (!seen.value.has(position)) return [goneResult(state, step, position)]
    return memberOf(position) === undefined ? [{ position, done: true, reason: 'detached' }] : []
  })
}

/** Members by node. */
async function membersBy({ world, state, signal }: Performing, step: Step, positions: readonly number[]): Promise<Map<NodeId, MemberSeen>> {
  const members = await world.scaling.membersOf(cellOf(step.cell), idsOf(state, positions), signal)
  return new Map(members.map((member) => [member.node, member]))
}
