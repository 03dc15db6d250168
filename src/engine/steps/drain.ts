import { known } from '../../kit/assert.ts'
import type { PatchwaveError } from '../../kit/error.ts'
import { cellOf } from '../../kit/ids.ts'
import { HOUR, MINUTE, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import { thingKey } from '../../core/run/evolve-steps.ts'
import type { Step } from '../../core/run/parts.ts'
import { planned } from '../../core/run/state.ts'
import type { Target, TargetSeen } from '../../ports/balancers.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { stepEnded, type StepResult } from './step.ts'
import { targetKey, targetsBy, targetsIn, targetsText } from './targets.ts'
import { eachWilling, goneResult, idsOf, isSettled, lookAt, lookFirst, polled, prevented, skipped, tried } from './trying.ts'

/** ELBv2 shows the end of a drain a little after it; beyond this the connections that are left have been cut. */
const GRACE_MS: Ms = 30 * SECOND

/** A target that does not drain so long after it was taken out has been put back by somebody else. */
const NOTICED_MS: Ms = 2 * MINUTE

/** Takes nodes out of their target groups and waits for their connections. Those that cannot be taken out are skipped (`not-drained`). */
export async function* drain(performing: Performing, step: Step): Found {
  const { world, state, signal } = performing
  const cell = cellOf(step.cell)
  const fresh = step.nodes.filter((position) => !step.found.has(position))
  if (fresh.length > 0) {
    const seen = await lookFirst(performing, step, () => world.balancers.targetsOf(cell, idsOf(state, fresh), signal))
    if (!seen.ok) {
      yield [stepEnded(step, step.nodes.map((position) => prevented(step, position, 'not-drained', seen.error)))] // prettier-ignore
      return
    }
    yield [{ type: 'StepFound', id: step.id, nodes: fresh, things: fresh.map((position) => thingOf(performing, position, seen.value)) }]
  }
  const nodes = step.nodes
  const targets = targetsBy(state, nodes, (position) => known(step.found.get(position), 'what was found'))
  const refused = await deregistered(performing, step, [...targets.values()].flat())
  const began = world.clock.now()
  const waits = await waitsOf(performing, step, [...targets.values()].flat())
  yield* polled(performing, step, nodes, (left) => drained(performing, step, { left, targets, refused, began, waits }), notDrained)
}

const notDrained = (position: number): StepResult => skipped(position, 'not-drained')

/** Where a node stands now, and where it stood before an earlier step that was never undone. What drains already, somebody else takes out. */
function thingOf({ state }: Performing, position: number, seen: readonly TargetSeen[]): string {
  const { node } = planned(state, position)
  const now = seen.filter((one) => one.node === node && !isLeaving(one) && one.state !== 'absent')
  return targetsText([...targetsIn(state.things.get(thingKey(position, 'drain')) ?? '', node), ...now])
}

const isLeaving = ({ state }: TargetSeen): boolean => state === 'draining' || state === 'unhealthy.draining'

/** The targets that could not be taken out, by their keys. */
async function deregistered({ world, signal }: Performing, step: Step, targets: readonly Target[]): Promise<Refusals> {
  const refused = new Map<string, PatchwaveError>()
  for (const some of Map.groupBy(targets, ({ group }) => group).values()) {
    const trying = { world, signal, until: step.until, patient: false }
    const done = await tried(trying, () => world.balancers.deregister(cellOf(step.cell), some, signal))
    if (!done.ok) for (const target of some) refused.set(targetKey(target), done.error)
  }
  return refused
}

/** For how long each group's connections are waited for. A group that does not tell is waited for as long as any may last. */
async function waitsOf({ world, state, signal }: Performing, step: Step, targets: readonly Target[]): Promise<ReadonlyMap<string, Ms>> {
  const groups = [...new Set(targets.map(({ group }) => group))]
  const fixedMs = state.plan.runbook.drain?.waitMs ?? null
  if (groups.length === 0 || fixedMs !== null) return new Map(groups.map((group) => [group, fixedMs ?? 0]))
  const trying = { world, signal, until: step.until, patient: false }
  const seconds = await tried(trying, () => world.balancers.drainSeconds(cellOf(step.cell), groups, signal))
  return new Map(
    groups.map((group) => {
      const told = seconds.ok ? seconds.value.get(group) : undefined
      return [group, told === undefined ? HOUR : told * SECOND + GRACE_MS]
    }),
  )
}

type Refusals = ReadonlyMap<string, PatchwaveError>

type Draining = Readonly<{
  left: readonly number[]
  targets: ReadonlyMap<number, readonly Target[]>
  refused: Refusals
  began: Instant
  waits: ReadonlyMap<string, Ms>
}>

async function drained({ world, signal }: Performing, step: Step, draining: Draining): Promise<readonly StepResult[]> {
  const { left, targets, refused } = draining
  const mine = (position: number): readonly Target[] => targets.get(position) ?? []
  const asked = left.flatMap(mine)
  const trying = { world, signal, until: step.until, patient: false }
  const seen =
    asked.length === 0
      ? { ok: true as const, value: [] }
      : await tried(trying, () => world.balancers.health(cellOf(step.cell), asked, signal))
  if (!seen.ok) return left.map((position) => prevented(step, position, 'not-drained', seen.error))
  const byKey = new Map(seen.value.map((one) => [targetKey(one), one]))
  const now = world.clock.now()
  return left.flatMap((position): StepResult[] => {
    const states = mine(position).map((target) => standing(byKey.get(targetKey(target)), draining, target, now))
    const [refusal] = mine(position).flatMap((target) => refused.get(targetKey(target)) ?? [])
    if (refusal !== undefined || states.includes('held')) return [prevented(step, position, 'not-drained', refusal)]
    return states.includes('waits') ? [] : [{ position, done: true, reason: 'drained' }]
  })
}

/** `held`: somebody keeps it in. */
function standing(seen: TargetSeen | undefined, { began, waits }: Draining, { group }: Target, now: Instant): 'out' | 'waits' | 'held' {
  if (seen === undefined || seen.state === 'absent' || seen.state === 'unused') return 'out'
  if (isLeaving(seen)) return now >= plus(began, waits.get(group) ?? 0) ? 'out' : 'waits'
  return now >= plus(began, NOTICED_MS) ? 'held' : 'waits'
}

/** Puts nodes back into the target groups that they were taken out of, and waits until they are healthy there. */
export async function* rejoin(performing: Performing, step: Step): Found {
  const { state } = performing
  const nodes = step.nodes
  const targets = targetsBy(state, nodes, (position) => state.things.get(thingKey(position, 'drain')) ?? '')
  const [lost, wasOut] = [new Set<string>(), new Set<string>()]
  const look = (left: readonly number[]): Promise<readonly StepResult[]> => rejoined(performing, step, { left, targets, lost, wasOut })
  yield* polled(performing, step, nodes, look, (position) => ({ position, done: false, reason: 'not-rejoined' }))
}

/** `lost`: groups that are gone. `wasOut`: targets that this step has seen out; one that never was may still be about to leave. */
type Rejoining = Readonly<{
  left: readonly number[]
  targets: ReadonlyMap<number, readonly Target[]>
  lost: Set<string>
  wasOut: Set<string>
}>

async function rejoined(performing: Performing, step: Step, rejoining: Rejoining): Promise<readonly StepResult[]> {
  const { left, targets, lost, wasOut } = rejoining
  const { world, signal } = performing
  const wanted = (position: number): readonly Target[] => (targets.get(position) ?? []).filter((target) => !lost.has(target.group))
  const trying = { world, signal, until: step.until, patient: true }
  const asked = left.flatMap(wanted)
  const seen =
    asked.length === 0
      ? { ok: true as const, value: [] }
      : await tried(trying, () => world.balancers.health(cellOf(step.cell), asked, signal))
  if (!seen.ok) return []
  const byKey = new Map(seen.value.map((one) => [targetKey(one), one]))
  const out = asked.filter((target) => isOut(byKey.get(targetKey(target))))
  for (const target of out) wasOut.add(targetKey(target))
  const settled = isSettled(performing, step)
  const troubled = await registered(performing, step, { out, lost })
  const gone = troubled ? await goneOf(performing, step, left) : []
  const ended = new Set(gone.map(({ position }) => position))
  const serves = (target: Target): boolean => isBack(byKey.get(targetKey(target))) && (settled || wasOut.has(targetKey(target)))
  const back = left.filter((position) => !ended.has(position) && wanted(position).every(serves))
  return [...gone, ...back.map((position) => ({ position, done: true, reason: 'rejoined' }))]
}

const isOut = (seen: TargetSeen | undefined): boolean => seen === undefined || seen.state === 'absent' || isLeaving(seen)

/** In a group that no load balancer uses nobody is ever healthy: there it is enough to be in. */
const isBack = (seen: TargetSeen | undefined): boolean =>
  seen?.state === 'healthy' || (seen?.state === 'unused' && seen.reason === 'Target.NotInUse')

/** Registers what is out; groups that are gone are lost. Resolves to whether some node was refused. */
async function registered(
  performing: Performing,
  step: Step,
  { out, lost }: Readonly<{ out: readonly Target[]; lost: Set<string> }>,
): Promise<boolean> {
  const { world, signal } = performing
  let troubled = false
  for (const [group, some] of Map.groupBy(out, (target) => target.group)) {
    const act = (nodes: readonly string[]): Promise<void> => {
      const named = new Set(nodes)
      return world.balancers.register(
        cellOf(step.cell),
        some.filter(({ node }) => named.has(node)),
        signal,
      )
    }
    const refused = await eachWilling(performing, [...new Set(some.map(({ node }) => node))], act)
    if (refused.some(({ error }) => error.code === 'aws.missing')) lost.add(group)
    if (refused.length > 0) troubled = true
  }
  return troubled
}

async function goneOf(performing: Performing, step: Step, left: readonly number[]): Promise<readonly StepResult[]> {
  const { world, signal } = performing
  const seen = await tried({ world, signal, until: step.until, patient: true }, () => lookAt(performing, step, left))
  if (!seen.ok) return []
  return left.filter((position) => !seen.value.has(position)).map((position) => goneResult(performing.state, step, position))
}
