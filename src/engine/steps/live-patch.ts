import { MINUTE, type Ms } from '../../kit/instant.ts'
import type { Step } from '../../core/run/parts.ts'
import { planned } from '../../core/run/state.ts'
import { kebab, neverRan } from '../../core/run/verdict.ts'
import type { Answer } from '../ask.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { sendOwn, type Told } from './sending.ts'

/** A package or two from the repositories, and the newest live patch. */
const WORKS_MS: Ms = 15 * MINUTE

/**
 * Turns live patching on where it is not. A node that cannot have it is left as it is: `skipped`, `livepatch-…`. One that was left half-way has
 * `failed`. One that says nothing may still be at it, and change packages later: it is `unknown`.
 */
export const livePatch = (performing: Performing, step: Step): Found =>
  sendOwn(performing, step, {
    document: 'Patchwave-LivePatch',
    worksMs: WORKS_MS,
    parts: (positions) =>
      Promise.resolve([{ nodes: positions.map((position) => planned(performing.state, position).node), parameters: { Mode: 'enable' } }]),
    judge: switchedOn,
    changes: true,
  })

function switchedOn(position: number, { line, status }: Answer): Told {
  if (line !== undefined && ON.has(line.verdict)) return { position, done: true, reason: line.reason, changed: line.changed }
  if (line === undefined && !(UNSENT.has(status) || neverRan(status)))
    return { position, done: false, outcome: 'unknown', reason: 'livepatch-unknown' }
  const word = line?.reason ?? kebab(status)
  const halfWay = line?.verdict === 'failed' && (line.changed > 0 || HALF_WAY.has(line.reason))
  return {
    position,
    done: false,
    outcome: halfWay ? 'failed' : 'skipped',
    reason: word.startsWith('livepatch-') ? word : `livepatch-${word}`.slice(0, 40),
  }
}

/** What the node was not sent at all. */
const UNSENT: ReadonlySet<string> = new Set(['refused', 'unsent'])

/** Words for a transaction that began and did not end well. */
const HALF_WAY: ReadonlySet<string> = new Set(['interrupted', 'scriptlet-failed', 'package-database'])

const ON: ReadonlySet<string> = new Set(['patched', 'not-needed', 'passed'])
