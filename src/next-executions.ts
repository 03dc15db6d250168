import { nextOpenings } from './core/plan/calendar.ts'
import type { SandboxOptions } from './sandbox/sandbox.ts'

/** When the sandbox's maintenance windows open next, as AWS does it: a local time that does not exist is left out, a doubled one counts once. */
export const nextExecutions: NonNullable<SandboxOptions['nextExecutions']> = (rule, after, count) =>
  nextOpenings({ ...rule, durationMs: 0, cutoffMs: 0, onGap: 'skip', onOverlap: 'first' }, after, count).map(({ opens }) => opens)
