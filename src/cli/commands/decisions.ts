import { REASON, textOf, type CommandSpec, type OptionSpec } from '../call.ts'
import { steerOne } from './steering.ts'

const GATE: OptionSpec = { flags: '--gate <wave>', means: 'the gate of this wave; without it, whatever waits for a decision' }

/** Gives one person's approval of a plan, baselines, a rollback or a gate. */
export const approve: CommandSpec = {
  path: 'approve',
  arguments: '<run>',
  summary: 'approve what a run waits for: its plan, its baselines, a gate',
  options: [GATE, REASON],
  example: "approve 0199b6f2-7c1e-7aaa-8bbb-3f2d1c0b9a88 --gate canary --reason 'graphs are flat'",
  output: 'document',
  run: (call) => steerOne(call, 'approve', textOf(call, 'gate') ?? null),
}

/** Says no. */
export const reject: CommandSpec = {
  path: 'reject',
  arguments: '<run>',
  summary: 'reject what a run waits for',
  options: [GATE, REASON],
  example: "reject 0199b6f2-7c1e-7aaa-8bbb-3f2d1c0b9a88 --reason 'openssl breaks our proxy'",
  output: 'document',
  run: (call) => steerOne(call, 'reject', textOf(call, 'gate') ?? null),
}
