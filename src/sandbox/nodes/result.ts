import { type Instant, SECOND } from '../../kit/instant.ts'
import type { Outcome } from './disk.ts'
import { coveredUntil } from './kernel.ts'
import type { SimulatedNode } from './node.ts'
import type { Repository } from './repository.ts'

/** What a script found out; the rest of the result line is read off the node. */
export type Finding = Readonly<{
  verdict: string
  reason: string
  changed?: number
  missing?: number
  /** Digest before the run first touched the node; absent: nothing was touched, so it is what is there now. */
  before?: string | undefined
  /** Further keys of the line. */
  more?: Readonly<Record<string, string | number>>
  /** What follows the result line. */
  rest?: string
}>

const EXITS: Readonly<Record<string, number>> = { interrupted: 74, 'lock-held': 75, 'bad-parameter': 64, 'list-digest': 64 }

/** The outcome in the words of documents/PROTOCOL.md: the result line, the exit code, and the lists kept under their digests. */
export function outcomeOf(node: SimulatedNode, token: string, at: Instant, finding: Finding): Outcome {
  const { verdict, reason } = finding
  const after = node.installed.digest
  node.disk.lists.set(after, node.installed.text)
  const line = {
    pw: 1,
    token,
    verdict,
    reason,
    changed: finding.changed ?? 0,
    missing: finding.missing ?? 0,
    before: finding.before ?? after,
    after,
    kernel: node.kernel,
    boot: node.bootId,
    reboot: node.rebootWanted ? 'wanted' : 'no',
    endedAt: Math.floor(at / SECOND),
    since: Math.floor(node.bootedAt / SECOND),
    ...(node.newerKernel !== null && { kernelnew: node.newerKernel }),
    ...finding.more,
  }
  const failed = verdict === 'failed' || verdict === 'rollback-failed'
  return { exit: EXITS[reason] ?? (failed ? 70 : 0), verdict, line: JSON.stringify(line), rest: finding.rest ?? '' }
}

/** What changes, verifies, scans and live patches add to the line. `ask`: the repositories are asked until when live patches come. */
export function kernelKeys(node: SimulatedNode, repository: Repository, ask: boolean): Readonly<Record<string, number>> {
  const { patching } = node
  if (ask) patching.covered = coveredUntil(node, repository)
  return { live: patching.live.size, covered: patching.covered }
}

/** All of stdout. */
export const stdoutOf = (outcome: Outcome): string => `${outcome.line}\n${outcome.rest}`
