import type { Outcome, RunOutcome, StepName, Work } from '../../src/core/run/event.ts'
import { codeOf } from '../../src/core/run/state.ts'
import { needsToken } from '../../src/core/run/steps.ts'
import { known } from '../../src/kit/assert.ts'
import { isAsleep, nodeOf } from './hands.ts'
import type { Setup, Sim } from './sim.ts'
import { must } from './violation.ts'

/** Who is changed has been made ready for it as the runbook says, and runs. */
export function readyFor({ plan }: Setup, { world }: Sim, nodes: readonly number[], work: Work): void {
  if (work === 'scan') return
  const { drain, hooks } = plan.runbook
  for (const position of nodes) {
    const node = nodeOf(world, position)
    if (!node.exists) continue
    must(!isAsleep(world, position), 'I12', () => `node ${position} sleeps, and is to be changed`)
    must(node.drained || drain?.targetGroups !== 'auto', 'I12', () => `node ${position} is to be changed, and was not drained`)
    must(node.standby || drain?.autoScaling !== 'standby', 'I12', () => `node ${position} is to be changed, and is not in standby`)
    must(node.quiet || hooks.before === null, 'I12', () => `node ${position} is to be changed before its hook`)
  }
}

/** A step that sends a command does so while its nodes run. Only what follows a late word may find them stopped again, and fails. */
export function isServed({ world }: Sim, { step, nodes }: Readonly<{ step: StepName; nodes: readonly number[] }>): void {
  if (!needsToken(step) || step === 'verify' || step === 'hook-after') return
  for (const position of nodes)
    must(!nodeOf(world, position).exists || !isAsleep(world, position), 'I12', () => `node ${position} sleeps, and ${step} asks it`)
}

/** Who is given up for a limit is held by one. */
export function heldRightly({ live }: Sim, nodes: readonly number[]): void {
  for (const position of nodes) {
    const isHeld = (group: number): boolean => {
      const { atMost, set } = known(live.plan.groups[group], 'the group')
      const others = live.plan.groups.some(
        (one, index) => index !== group && set !== null && one.set === set && (live.groupOut[index] ?? 0) > 0,
      )
      return others || (live.groupOut[group] ?? 0) >= atMost
    }
    must(
      known(live.plan.nodes[position], 'the node').groups.some(isHeld),
      'I5',
      () => `node ${position} is given up for a limit that holds nothing`,
    )
  }
}

/** How a run says that it ended is how its nodes are. */
export function saysTrue({ plan, culprits }: Setup, { live, world }: Sim, outcome: RunOutcome): void {
  const counted = (...outcomes: readonly Outcome[]): number =>
    live.nodes.outcome.filter((code) => outcomes.some((one) => codeOf(one) === code)).length
  if (outcome === 'succeeded') {
    must(
      live.waves.every(({ phase }) => phase === 'passed'),
      'I4',
      () => 'the run succeeds, and a gate did not pass',
    )
    must(culprits !== null || counted('rolled-back', 'rollback-failed') === 0, 'I5', () => 'the run succeeds, and nodes were rolled back')
  }
  if (outcome !== 'rolled-back') return
  must(counted('rollback-failed') === 0, 'I6', () => 'the run is rolled back, and nodes are not')
  const all = plan.work === 'rollback' || plan.rollback.scope === 'run'
  if (!all || culprits !== null) return
  world.nodes.forEach(({ exists, version, before, changedBy }, position) => {
    const isOurs = exists && changedBy === 'us' && version !== (before ?? 'v0')
    must(!isOurs, 'I6', () => `the run is rolled back, and node ${position} is ${version}`)
  })
}
