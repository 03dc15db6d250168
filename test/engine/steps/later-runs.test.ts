import { describe, expect, it } from 'vitest'
import { changesOf } from '../../../src/engine/steps/later-runs.ts'
import { MINUTE } from '../../../src/kit/instant.ts'
import { ends } from '../../core/run/stepping.ts'
import { Telling } from '../../core/run/telling.ts'

/** A run of one node that turns live patching on first. */
function patching(): Telling {
  const { plan } = new Telling({ waves: [{ nodes: 1 }] })
  const patches = { approve: [], reject: [], reboot: 'never', kernel: 'live-patch' } as const
  const told = new Telling({ ...plan, runbook: { ...plan.runbook, patches } })
  told.open()
  told.read()
  told.wait(MINUTE)
  return told
}

describe('what a run may have changed on a node', () => {
  it.each(['unknown: livepatch-unknown', 'failed: livepatch-interrupted'])('is its live patches where they ended like this: %s', (end) => {
    const told = patching()
    ends(told, 'live-patch', { 0: end })
    expect([...changesOf(told.state)]).toEqual([{ node: told.plan.nodes[0]?.node, startedAt: told.state.at }])
  })

  it('is nothing where live patching could not be turned on', () => {
    const told = patching()
    ends(told, 'live-patch', { 0: 'skipped: livepatch-unsupported' })
    expect([...changesOf(told.state)]).toEqual([])
  })

  it('is the command that followed them: they are older', () => {
    const told = patching()
    ends(told, 'live-patch', { 0: 'done: installed' })
    const intendedAt = told.now
    told.sent(told.n)
    told.wait(MINUTE)
    told.ends(told.n, 'patched: installed')
    expect([...changesOf(told.state)]).toEqual([{ node: told.plan.nodes[0]?.node, startedAt: intendedAt }])
  })
})
