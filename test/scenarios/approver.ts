import { openRun } from '../../src/engine/open.ts'
import { MINUTE, plus } from '../../src/kit/instant.ts'
import type { Stage } from './stage.ts'

/**
 * People who look every few minutes and approve whatever is asked for, whichever process asks. `late`: only when the question has expired. Ends with
 * the signal.
 */
export async function approveAll(stage: Stage, signal: AbortSignal, late = false): Promise<void> {
  /** Runs that asked for nothing, and how long their journals were. */
  const quiet = new Map<string, number>()
  while (!signal.aborted) {
    for (const { run, entries } of await stage.store.runs({ unfinished: true })) {
      if (quiet.get(run) === entries) continue
      const { state } = await openRun(stage.store, run)
      if (!state.approvals.some((one) => one.state === 'asked')) quiet.set(run, entries)
      for (const { state: asked, group, count, by, subject, expires } of state.approvals) {
        if (asked !== 'asked' || (late && stage.clock.now() < expires)) continue
        const gate = subject.kind === 'gate' ? subject.wave : null
        for (let person = 1; person <= count; person++) {
          const id = `rehearsal:${group}/${String(person)}`
          if (!by.includes(id)) await stage.steer(run, { what: 'approve', by: id, gate })
        }
      }
    }
    await stage.clock.sleep(plus(stage.clock.now(), 3 * MINUTE), signal)
  }
}
