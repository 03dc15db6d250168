import { describe, expect, it } from 'vitest'
import { initial } from '../../src/core/run/state.ts'
import { chooseWindow } from '../../src/engine/effects/window.ts'
import type { Performing } from '../../src/engine/effects/perform.ts'
import { NOW_WINDOW } from '../../src/core/runbook/runbook.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { plus } from '../../src/kit/instant.ts'
import { plan } from '../core/run/plan.ts'
import { OPENS, RUN } from '../core/run/telling.ts'

const GONE = new PatchwaveError('aws.missing', 'the window is gone', { hint: 'x' })

/** The first letter of a run by hand whose SSM maintenance window was deleted. */
async function chosen(work: 'rollback' | 'apply') {
  const content = plan({ work, waves: [{ nodes: 1 }] })
  const { runbook } = content
  const window = runbook.window && { ...runbook.window, times: { native: 'mw-0123456789abcdef0' } }
  const state = initial(RUN, { ...content, runbook: { ...runbook, window } })
  state.atOnce = true
  const world = {
    clock: { now: () => OPENS, hold: (work: () => unknown) => work() },
    store: { runs: () => Promise.resolve([]) },
    calendars: { window: () => Promise.reject(GONE) },
  }
  const performing = { world, state, signal: new AbortController().signal } as unknown as Performing
  for await (const letter of chooseWindow(performing, { kind: 'window', key: 'window', after: OPENS })) return letter
  return []
}

describe('the SSM maintenance window of a runbook that was deleted', () => {
  it('does not keep anyone from undoing a run; what goes forward waits for it', async () => {
    expect(await chosen('rollback')).toMatchObject([{ type: 'WindowChosen', opens: OPENS, closes: plus(OPENS, NOW_WINDOW.durationMs) }])
    await expect(chosen('apply')).rejects.toThrow(GONE)
  })
})
