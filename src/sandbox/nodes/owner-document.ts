import { plus } from '../../kit/instant.ts'
import type { Outcome } from './disk.ts'
import { documentName } from './document-kind.ts'
import { documentFate } from './fate.ts'
import { type SimulatedNode, stepUp } from './node.ts'
import { killed, type ScriptRun } from './script.ts'
import type { Surroundings } from './surroundings.ts'

/** Runs a document that is not ours: it succeeds after its time, unless faults say otherwise. Null: it was killed, as one that hangs is. */
export async function runOwnerDocument(node: SimulatedNode, around: Surroundings, run: ScriptRun): Promise<Outcome | null> {
  const { clock, alarms } = around
  const fate = documentFate(node, around, documentName(run.document), run.number)
  if (fate === 'hangs') await killed(run.kill)
  else await alarms.sleep(stepUp(plus(clock.now(), run.takesMs)), run.kill)
  if (run.kill.aborted) return null
  return fate === 'fails'
    ? { exit: 1, verdict: 'failed', line: 'something went wrong', rest: '' }
    : { exit: 0, verdict: 'passed', line: 'done', rest: '' }
}
