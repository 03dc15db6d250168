import { describe, expect, it } from 'vitest'
import type { HookRule } from '../../../src/core/runbook/runbook.ts'
import { hook } from '../../../src/engine/steps/hook.ts'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import type { Commands } from '../../../src/ports/commands.ts'
import { idOf, perform, START } from './stand.ts'

const SCRIPT = { kind: 'script', script: '/opt/acme/quiesce' } as const
const DOCUMENT = { kind: 'document', document: 'Acme-Quiesce' } as const

/** What is told of a node that disappears before a change, after this status of what its hook sent there; `!` where it stops its wave. */
async function gone(
  run: HookRule['run'],
  onFailure: HookRule['onFailure'],
  status: string,
  name: 'hook-before' | 'hook-after' = 'hook-before',
) {
  const rule: HookRule = { run, timeoutMs: 5 * MINUTE, onFailure }
  const commands: Partial<Commands> = {
    send: () => Promise.resolve({ commandId: 'sent', requestedAt: START, expiresAfter: plus(START, 70 * MINUTE) }),
    async *sweep() {
      yield* await Promise.resolve([])
    },
    async *invocations() {
      yield await Promise.resolve({ node: idOf(0), status, ended: status !== 'Delayed', exitCode: null, output: '' })
    },
  }
  const before = name === 'hook-before'
  const hooks = { before: before ? rule : null, after: before ? null : rule, exit: null }
  const spec = { waves: [{ nodes: 1 }], documents: { 'Patchwave-Hook': 'ab'.repeat(32) }, around: { hooks } }
  const { ended, stopped } = await perform(
    hook,
    { commands, look: () => undefined },
    {
      name,
      nodes: 1,
      batch: before ? 1 : 0,
      n: 1,
      untilMs: 20 * MINUTE,
      spec,
      before: ({ nodes }) => void (nodes.touched[0] = before ? 0 : 1),
    },
  )
  return ended.map(({ outcome, reason, position }) => `${outcome}: ${reason}${stopped.includes(position) ? ' !' : ''}`).join()
}

describe('a node that disappears while its hook may be at work', () => {
  it.each([SCRIPT, DOCUMENT])(
    'has failed, for that may be why, and does what the runbook says of a hook that fails: $kind',
    async (run) => {
      for (const status of ['Delayed', 'DeliveryTimedOut']) {
        expect(await gone(run, 'stop-wave', status)).toBe('failed: gone !')
        expect(await gone(run, 'fail-node', status)).toBe('failed: gone')
        expect(await gone(run, 'skip-node', status)).toBe('skipped: gone')
        expect(await gone(run, 'stop-wave', status, 'hook-after')).toBe('failed: gone !')
      }
    },
  )

  it.each([SCRIPT, DOCUMENT])('is only gone where its hook never came to it: $kind', async (run) => {
    expect(await gone(run, 'stop-wave', 'Undeliverable')).toBe('skipped: gone')
  })
})
