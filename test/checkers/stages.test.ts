import { describe, expect, it } from 'vitest'
import { fleet, group, TESTED } from '../scenarios/documents.ts'
import { given, type Given } from '../scenarios/given.ts'
import { checkAll } from './all.ts'
import { gather } from './gather.ts'

const SIX = fleet([group('prod-us', 6)])
const BREAKS = "packages: [{ match: 'openssl*', breaks: health, share: 100% }]"

/** Real runs against the sandbox: what they leave behind is honest, and not empty. */
const NIGHTS: readonly (readonly [name: string, given: () => Given])[] = [
  ['a calm rollout', () => given(SIX).runbook()],
  ['a trial and its rollout', () => given(fleet([group('staging', 3), group('prod-us', 4)])).runbook(TESTED)],
  ['a gate that fails, and the way back', () => given(SIX).runbook({ rollback: '{ scope: run }' }).faults(BREAKS)],
  ['two runbooks over the same nodes', () => given(SIX).runbook().runbook()],
]

describe('evidence of a stage', () => {
  it.each(NIGHTS)('after %s leaves nothing to say', async (_, night) => {
    const { stage } = await night().when().everybodyApproves().runs()
    const evidence = await gather(stage, { calm: true })
    expect(evidence.runs.length).toBeGreaterThan(0)
    expect(evidence.ledger?.some(({ transaction }) => transaction !== null)).toBe(true)
    expect(checkAll(evidence)).toEqual([])
  })

  it('shows a node that was changed behind the run’s back', async () => {
    const { stage } = await given(SIX).runbook().when().runs()
    const evidence = await gather(stage, { calm: true })
    const [node = '', packages = {}] = [...(evidence.nodesAfter ?? [])][0] ?? []
    const changed = { ...evidence, nodesAfter: new Map(evidence.nodesAfter).set(node, { ...packages, 'intruder.x86_64': '1' }) }
    expect(checkAll(changed)).toEqual([expect.stringMatching(/^I7 tested only: .*intruder/)])
  })
})
