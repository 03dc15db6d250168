import { known } from '../../kit/assert.ts'
import { MINUTE, type Ms } from '../../kit/instant.ts'
import { listParameter } from '../../core/plan/list.ts'
import type { Outcome } from '../../core/run/event.ts'
import type { Step } from '../../core/run/parts.ts'
import { isFresh } from '../../core/run/standing.ts'
import { at, planned } from '../../core/run/state.ts'
import type { Answer, Part } from '../ask.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { kernelOf } from '../kernel.ts'
import { listsOf } from '../lists.ts'
import { sendOwn, type Told } from './sending.ts'

/** Reading all packages takes seconds; a verify waits for a transaction's end too. */
const [RECORD_MS, VERIFY_MS]: readonly [Ms, Ms] = [0, 15 * MINUTE]

/** Has the nodes write down what is there before another tool changes it: without that nothing could be undone. */
export const record = (performing: Performing, step: Step): Found =>
  sendOwn(performing, step, {
    document: 'Patchwave-Verify',
    worksMs: RECORD_MS,
    parts: (positions) => partsOf(performing, positions, (position) => (isFresh(performing.state, position) ? 'anew' : 'yes')),
    judge: recorded,
  })

function recorded(position: number, { line, status }: Answer): Told {
  if (line?.verdict === 'scanned') return { position, done: true, reason: line.reason }
  return { position, done: false, outcome: 'skipped', reason: `record-${line?.reason ?? wordOf(status)}`.slice(0, 40) }
}

/** Reads the lists back: what the other tool says of itself is not believed. A node that says nothing is unknown. */
export const verify = (performing: Performing, step: Step): Found =>
  sendOwn(performing, step, {
    document: 'Patchwave-Verify',
    worksMs: VERIFY_MS,
    parts: (positions) => partsOf(performing, positions, () => 'no'),
    judge: verified,
  })

function verified(position: number, { line, status }: Answer): Told {
  const outcome = line && OUTCOMES.get(`${line.verdict}: ${line.reason}`)
  if (line === undefined || outcome === undefined)
    return { position, done: true, outcome: 'unknown', reason: `verify-${line?.reason ?? wordOf(status)}`.slice(0, 40) }
  return { position, done: true, outcome, reason: line.reason, changed: line.changed, missing: line.missing, ended: line.endedAt, line }
}

/** What says something of the packages. All else (`lock-held`, `too-late`, …) only says that they were not read. */
const OUTCOMES: ReadonlyMap<string, Outcome> = new Map<string, Outcome>([
  ['patched: installed', 'patched'],
  ['not-needed: nothing-missing', 'not-needed'],
  ['skipped: held', 'skipped'],
  ['failed: not-installed', 'failed'],
  ['failed: package-database', 'failed'],
  ['failed: livepatch-not-loaded', 'failed'],
])

const wordOf = (status: string): string => (status === 'refused' || status === 'unsent' ? status : 'unknown')

type Write = 'no' | 'yes' | 'anew'

/** Nodes by the list that is theirs: those that come back together may have different ones. */
async function partsOf(
  { world, state }: Performing,
  positions: readonly number[],
  write: (position: number) => Write,
): Promise<readonly Part[]> {
  const lists = await listsOf(world, state)
  const alike = Map.groupBy(positions, (position) => `${String(at(state.nodes.list, position))} ${write(position)}`)
  return [...alike.values()].map((members) => {
    const first = known(members[0], 'a node')
    const index = at(state.nodes.list, first)
    const { patches, digest } = known(lists[index], `list ${String(index)}`)
    return {
      nodes: members.map((position) => planned(state, position).node),
      parameters: { List: listParameter(patches), ListDigest: digest, Kernel: kernelOf(state.plan), Record: write(first) },
    }
  })
}
