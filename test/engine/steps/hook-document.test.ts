import { describe, expect, it } from 'vitest'
import type { HookRule } from '../../../src/core/runbook/runbook.ts'
import { hook } from '../../../src/engine/steps/hook.ts'
import { PatchwaveError } from '../../../src/kit/error.ts'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import type { Commands } from '../../../src/ports/commands.ts'
import { idOf, perform, START } from './stand.ts'

const RULE: HookRule = { run: { kind: 'document', document: 'Acme-Quiesce' }, timeoutMs: 5 * MINUTE, onFailure: 'stop-wave' }

/** A document of the owner before a change; these failures come first, then SSM takes it. */
async function quiesced(...failures: readonly PatchwaveError[]): Promise<string[]> {
  let sends = 0
  const commands: Partial<Commands> = {
    send: () => {
      const failure = failures[sends++]
      if (failure !== undefined) return Promise.reject(failure)
      return Promise.resolve({ commandId: 'sent', requestedAt: START, expiresAfter: plus(START, 70 * MINUTE) })
    },
    async *sweep() {
      yield* await Promise.resolve([])
    },
    async *invocations() {
      yield await Promise.resolve({ node: idOf(0), status: 'Success', ended: true, exitCode: 0, output: '' })
    },
  }
  const around = { hooks: { before: RULE, after: null, exit: null } }
  const { ended } = await perform(
    hook,
    { commands },
    { name: 'hook-before', nodes: 1, batch: 1, n: 1, untilMs: 20 * MINUTE, spec: { waves: [{ nodes: 1 }], around } },
  )
  return ended.map(({ done, outcome, reason }) => `${String(done)} ${outcome}: ${reason}`)
}

describe('a document of the owner', () => {
  it('is sent again where AWS calls the time of a request wrong that stood still: that says nothing of the node', async () => {
    expect(await quiesced(new PatchwaveError('clock.skewed', 'no', { hint: 'none' }))).toEqual(['true open: passed'])
  })

  it('was not refused by SSM where it only was too late to send it', async () => {
    const late = new PatchwaveError('aws.invalid', 'too late', { hint: 'none', detail: { error: 'TooLate' } })
    expect(await quiesced(late)).toEqual(['false failed: hook-unsent'])
  })
})
