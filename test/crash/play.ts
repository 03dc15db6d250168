import { assert, known } from '../../src/kit/assert.ts'
import { HOUR, MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import { OUTCOMES, type RunOutcome } from '../../src/core/run/event.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { openRun } from '../../src/engine/open.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import type { FaultsFile } from '../../src/sandbox/faults.ts'
import { approveAll } from '../scenarios/approver.ts'
import { Stage, type EngineProcess, type ProcessOptions } from '../scenarios/stage.ts'

/** Calls that change something outside of the journal. */
const CHANGES: ReadonlySet<string> = new Set([
  'SendCommand',
  ...['DeregisterTargets', 'RegisterTargets', 'EnterStandby', 'ExitStandby', 'StartInstances', 'StopInstances', 'CreateSnapshots'],
])

/** A night that is played again and again, each time with a crash somewhere else. */
export type Scene = Readonly<{ name: string; fleet: FleetFile; faults: FaultsFile | null; runbook: Runbook }>

/** Where the first process is killed. `append` counts what is written to journals, `send` the calls that change something; both from 1. */
export type Crash = Readonly<{ of: 'append' | 'send'; number: number; side: 'before' | 'after' }>

/** What is the same however often the engine dies. */
export type Result = Readonly<{
  outcome: RunOutcome
  nodes: Readonly<Record<string, string>>
  packages: Readonly<Record<string, Readonly<Record<string, string>>>>
}>

export type Played = Readonly<{ stage: Stage; result: Result; crashed: boolean; appends: number; sends: number }>

/** How long it takes until somebody starts the engine again, in turn: at once, within its lease, after its commands, hours later. */
export const RESTARTS: readonly Ms[] = [0, 20 * SECOND, 5 * MINUTE, HOUR + 20 * MINUTE]

/** Plays the scene to its end, with a crash or without. */
export async function play(scene: Scene, crash: Crash | null = null): Promise<Played> {
  const stage = new Stage({ fleet: scene.fleet, faults: scene.faults })
  const counts = { before: { append: 0, send: 0 }, after: { append: 0, send: 0 } }
  const processes: EngineProcess[] = []
  const strike = (of: Crash['of'], side: Crash['side']): void => {
    counts[side][of] += 1
    if (crash?.of === of && crash.side === side && crash.number === counts[side][of]) processes[0]?.life.kill()
  }
  const options: ProcessOptions = {
    before: () => {
      strike('append', 'before')
    },
    after: () => {
      strike('append', 'after')
    },
    calls: {
      before: (operation) => {
        if (CHANGES.has(operation)) strike('send', 'before')
      },
      after: (operation) => {
        if (CHANGES.has(operation)) strike('send', 'after')
      },
    },
  }
  const first = await stage.start(options)
  processes.push(first)
  const people = new AbortController()
  const result = await stage.run(async () => {
    void approveAll(stage, people.signal)
    const went = await Promise.race([stage.acts(first, scene.runbook), first.life.stopped])
    if (went === undefined && !(await isOver(stage))) {
      await stage.clock.sleep(plus(stage.clock.now(), restartsAfter(crash)))
      await stage.acts(await stage.start(), scene.runbook)
    }
    return await resultOf(stage)
  })
  people.abort()
  return { stage, result, crashed: !first.life.alive, appends: counts.before.append, sends: counts.before.send }
}

/** How long nobody runs the engine after this crash. */
export const restartsAfter = (crash: Crash | null): Ms => known(RESTARTS[(crash?.number ?? 0) % RESTARTS.length], 'the pause')

/** The engine died right after the last fact: there is nothing left to do. */
async function isOver(stage: Stage): Promise<boolean> {
  const last = (await stage.store.runs()).at(-1)
  return last?.act === 'rollout' && last.outcome !== null
}

async function resultOf(stage: Stage): Promise<Result> {
  const run = known((await stage.runs()).at(-1), 'a run')
  const { state } = await openRun(stage.store, run)
  assert(state.phase.name === 'finished', `run ${run} has not ended`)
  const { outcome } = state.phase
  const nodes = state.plan.nodes.map(({ node }, position) => [
    node,
    `${OUTCOMES[state.nodes.outcome[position] ?? 0] ?? ''} ${state.nodes.reason[position] ?? ''}`,
  ])
  return {
    outcome,
    nodes: Object.fromEntries(nodes) as Record<string, string>,
    packages: Object.fromEntries(stage.sandbox.nodes().map((view) => [view.node, view.packages])),
  }
}
