import { type Ms, SECOND } from '../../kit/instant.ts'
import type { Outcome } from './disk.ts'
import type { KernelPolicy } from './kernel.ts'
import type { SimulatedNode } from './node.ts'
import type { ReadParameters } from './parameters.ts'
import { type Finding, kernelKeys, outcomeOf } from './result.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * Bytes of a text that one fetch prints: 22,000 characters in base64, which together with the result line stay under the 24,000 that
 * GetCommandInvocation shows. A multiple of three, so that no padding stands inside.
 */
export const FETCH_BYTES = 16_500

/** A health script takes a moment. */
export const CHECK_MS: Ms = 2 * SECOND

/** What a reading script reports of the node as it is now. Changes nothing but the lists that it keeps. */
export function readOutcome(node: SimulatedNode, around: Surroundings, parameters: ReadParameters): Outcome {
  const before = node.disk.before.get(parameters.run)?.set.digest
  return outcomeOf(node, parameters.token, around.clock.now(), { before, ...findingOf(node, around, parameters) })
}

function findingOf(node: SimulatedNode, around: Surroundings, parameters: ReadParameters): Finding {
  switch (parameters.document) {
    case 'Patchwave-Scan':
      return scan(node, around, parameters.kernel)
    case 'Patchwave-Check':
      return node.health === 'healthy' ? { verdict: 'passed', reason: 'passed' } : { verdict: 'failed', reason: 'check-failed' }
    case 'Patchwave-Fetch':
      return fetched(node, parameters.digest, parameters.offset)
    case 'Patchwave-LivePatch':
      return { verdict: 'passed', reason: 'passed', more: kernelKeys(node, around.repository(node.platform), true) }
  }
}

/** `list` in the result line names the scan's text: the last line, which names it too, may be cut off. */
function scan(node: SimulatedNode, around: Surroundings, policy: KernelPolicy): Finding {
  const repository = around.repository(node.platform)
  const { kernel, installed } = node
  const { text, digest, count, held, printed } = repository.scanText(installed, around.clock.now(), { policy, kernel })
  node.disk.lists.set(digest, text)
  const more = { list: digest, ...(held > 0 && { held }), ...kernelKeys(node, repository, policy === 'live-patch') }
  return { verdict: 'scanned', reason: 'scanned', missing: count + held, more, rest: printed }
}

function fetched(node: SimulatedNode, digest: string, offset: number): Finding {
  const text = node.disk.lists.get(digest)
  if (text === undefined) return { verdict: 'failed', reason: 'bad-parameter' }
  const bytes = Buffer.from(text, 'utf8')
  const part = bytes.subarray(offset, offset + FETCH_BYTES)
  const missing = Math.max(0, bytes.length - offset - part.length)
  return { verdict: 'scanned', reason: 'scanned', missing, rest: `${part.toString('base64')}\n` }
}
