import type { Outcome, RunEvent, StepName } from '../../../src/core/run/event.ts'
import type { Step } from '../../../src/core/run/parts.ts'
import type { HookRule } from '../../../src/core/runbook/runbook.ts'
import { instant, MINUTE, type Instant } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { brief, measured, report, sent, Telling } from './telling.ts'

type Around = NonNullable<PlanSpec['around']>

export const HOOK: HookRule = { run: { kind: 'script', script: '/opt/hook' }, timeoutMs: 5 * MINUTE, onFailure: 'skip-node' }
export const NO_HOOKS = { before: null, after: null, exit: null }
export const DRAIN = { targetGroups: 'auto', waitMs: null, autoScaling: 'leave' } as const
export const STANDBY = { targetGroups: 'none', waitMs: null, autoScaling: 'standby' } as const
export const STOPPED = { stopped: 'start-and-restore' } as const
export const BY_PATCH_MANAGER = { with: 'patch-manager' } as const

/** Hooks that a runbook names. */
export const hooks = (...names: readonly (keyof typeof NO_HOOKS)[]): Around => ({
  hooks: { ...NO_HOOKS, ...Object.fromEntries(names.map((name) => [name, HOOK])) },
})

/** The step of this name that is under way. */
export function stepOf(told: Telling, name: StepName): Step {
  const step = [...told.state.steps.values()].find((one) => one.name === name)
  if (step === undefined) throw new Error(`no ${name} is under way, but ${[...told.state.steps.values()].map((one) => one.name).join()}`)
  return step
}

/** How nodes leave a step: `done`, `undone: reason`, or an outcome (`skipped: reason`), with which the step did not do its work unless it is a good one. */
export type Endings = Readonly<Record<number, string>>

const GOOD: ReadonlySet<string> = new Set(['done', 'patched', 'not-needed', 'rolled-back'])

/** The fact that a step is over for these nodes. */
export function stepEnded(id: number, rows: Endings, more: Readonly<{ stop?: boolean; ended?: Instant }> = {}): RunEvent {
  const nodes = Object.keys(rows).map(Number)
  const words = nodes.map((node) => (rows[node] ?? '').split(': '))
  return {
    type: 'StepEnded',
    id,
    nodes,
    done: words.map(([word = '']) => GOOD.has(word)),
    outcomes: words.map(([word = '']) => (word === 'done' || word === 'undone' ? 'open' : (word as Outcome))),
    reasons: words.map(([, reason]) => reason ?? 'step'),
    changed: nodes.map(() => 0),
    missing: nodes.map(() => 0),
    ended: nodes.map(() => more.ended ?? instant(0)),
    stop: more.stop ?? false,
  }
}

/** Ends the step of this name for its nodes, all `done` unless said otherwise; returns what followed. */
export function ends(
  told: Telling,
  name: StepName,
  rows: Endings = {},
  more: Readonly<{ stop?: boolean; ended?: Instant }> = {},
): RunEvent[] {
  const step = stepOf(told, name)
  return told.tell(stepEnded(step.id, { ...Object.fromEntries(step.nodes.map((node) => [node, 'done'])), ...rows }, more))
}

/** What the world does with nodes in a step or a command, by the name of the step, `apply` or `rollback`; `done` and `patched` or `rolled-back` where nothing is said. */
export type World = Readonly<Partial<Record<StepName | 'apply' | 'rollback', (position: number) => string>>>

/** Answers whatever is asked until the run ends or rests; every node ran before, and checks pass. Returns the steps and commands in order, and what became of waves and run. */
export function plays(told: Telling, world: World = {}): string[] {
  const from = told.facts.length
  for (let turn = 0; turn < 500; turn++) {
    const before = told.facts.length
    told.read()
    for (const step of [...told.state.steps.values()]) answerStep(told, step, world)
    for (const n of [...told.state.openCommands]) answerCommand(told, n, world)
    for (const effect of [...told.state.activities.values()]) if (effect.kind === 'measure') told.tell(measured(effect, 'pass'))
    if (told.facts.length === before && told.wakeAt !== null && told.state.phase.name !== 'finished') told.wake()
    if (told.facts.length === before) return told.facts.slice(from).flatMap(({ event }) => (TOLD.has(event.type) ? [brief(event)] : []))
  }
  throw new Error('the run never comes to rest')
}

const TOLD: ReadonlySet<string> = new Set(['StepIntended', 'CommandIntended', 'NodesSkipped', 'WaveDrained', 'GateDecided', 'RunFinished'])

function answerStep(told: Telling, { id, name, nodes, n }: Step, world: World): void {
  const usual = name === 'verify' ? 'patched: installed' : name === 'replace-root' ? 'rolled-back: restored' : 'done'
  const rows = Object.fromEntries(nodes.map((node) => [node, world[name]?.(node) ?? usual]))
  told.tell(
    { type: 'StepFound', id, nodes, things: nodes.map((node) => (name === 'start' ? '' : `${name} ${String(node)} ${String(n)}`)) },
    stepEnded(id, rows),
  )
}

function answerCommand(told: Telling, n: number, world: World): void {
  const command = told.state.commands.get(n)
  if (command === undefined) return
  told.tell(sent(n, told.now))
  const back = command.work === 'rollback'
  const usual = back ? 'rolled-back: restored' : told.plan.runbook.apply.with === 'patch-manager' ? 'open: ended' : 'patched: installed'
  const rows = command.nodes.map((node): [number, string] => [node, world[back ? 'rollback' : 'apply']?.(node) ?? usual])
  told.tell(report(n, Object.fromEntries(rows), told.now))
  told.tell({ type: 'CommandClosed', n })
}

/** A plan of one node, unless it says otherwise, with this around its change. */
export const around = (more: Around, spec: Partial<PlanSpec> = {}): PlanSpec => ({ waves: [{ nodes: 1 }], around: more, ...spec })

export const ROOT_VOLUME = {
  rollback: {
    on: 'gate-failed',
    scope: 'wave',
    method: 'root-volume',
    outside: 'allow',
    failures: { kind: 'count', count: 1 },
    failuresMax: 1,
  },
} as const

/** A run whose window is open. */
export function opened(spec: PlanSpec): Telling {
  const told = new Telling(spec)
  told.open()
  return told
}

/** The steps and commands (`*`) among what followed, in order. */
export const steps = (lines: readonly string[]): string =>
  lines
    .map((line) => line.replace(/^(CommandIntended|[a-z-]+) [0-9,]+$/, '$1').replace('CommandIntended', '*'))
    .filter((line) => line === '*' || /^[a-z-]+$/.test(line))
    .join(' ')
