import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { DAY, MINUTE, plus } from '../../../src/kit/instant.ts'
import { OPENS, Telling } from './telling.ts'
import { flying, ROLLBACK, WIDE } from './rounds.ts'

describe('checks', () => {
  const fact = (round: number, check: string, more: Partial<Extract<RunEvent, { type: 'CheckMeasured' }>> = {}): RunEvent => ({
    type: 'CheckMeasured',
    purpose: 'gate',
    wave: 0,
    round,
    check,
    verdict: 'pass',
    evidence: '',
    subjects: 1,
    failing: [],
    ...more,
  })

  it('a round ends with its last check; what they name is kept, and their failures are counted', () => {
    const told = flying({ waves: [{ nodes: 2, gate: { ...WIDE, checks: ['smoke', 'probe'] } }] })
    told.ends(1, 'patched')
    const measure = () => told.state.waves[0]?.measure
    expect(measure()).toMatchObject({ round: 1, n: 2, last: true, endedAt: null, askedAt: OPENS })
    expect(told.state.tokenCount).toBe(4)
    told.tell(fact(1, 'smoke', { verdict: 'fail', failing: [1], unclear: [0] }))
    expect(measure()).toMatchObject({ endedAt: null })
    expect([measure()?.failing.get('smoke'), measure()?.unclear.get('smoke'), measure()?.failures.get('smoke')]).toEqual([[1], [0], 1])
    told.tell(fact(1, 'probe'))
    expect(measure()?.unclear.get('probe')).toEqual([])
    told.tell(fact(1, 'presence'))
    expect(measure()?.endedAt).toBe(OPENS)
    told.wait(MINUTE)
    expect(measure()).toMatchObject({ round: 2, endedAt: null })
    told.tell(fact(1, 'smoke', { verdict: 'fail' }))
    expect(measure()?.checks.get('smoke')).toBeNull()
    told.tell(fact(2, 'smoke'))
    expect(measure()?.failures.get('smoke')).toBe(0)
  })

  it('of a gate that is decided are not waited for any more', () => {
    const told = flying({ waves: [{ nodes: 2, gate: { failuresMax: 0, checks: ['smoke'] } }], rollback: { ...ROLLBACK, on: 'never' } })
    told.ends(1, 'patched')
    expect([...told.state.activities.keys()]).toEqual(['measure:gate:0:1:presence', 'measure:gate:0:1:smoke'])
    told.tell({ type: 'NodesGone', nodes: [0] })
    expect(told.state.waves[0]).toMatchObject({ phase: 'failed', why: ['failures: 1 of at most 0'], decidedAt: OPENS })
    expect(told.state.activities.size).toBe(0)
  })

  it('of a gate that a person lets pass are not waited for either, while the run goes on', () => {
    const told = flying({ waves: [{ nodes: 1, gate: { ...WIDE, checks: ['smoke'] } }, { nodes: 1 }] })
    told.ends(1, 'patched')
    told.tell(fact(1, 'smoke', { verdict: 'inconclusive' }), fact(1, 'presence'))
    told.wait(MINUTE)
    expect([...told.state.activities.keys()]).toEqual(['measure:gate:0:2:presence', 'measure:gate:0:2:smoke'])
    const subject = { kind: 'gate', wave: 'wave-1' } as const
    told.tell(
      { type: 'ApprovalAsked', subject, group: '', count: 1, expires: plus(OPENS, DAY) },
      { type: 'ApprovalGiven', subject, by: 'ann', reason: '' },
    )
    expect(told.state.waves.map(({ phase }) => phase)).toEqual(['passed', 'running'])
    expect([...told.state.activities.keys()]).toEqual(['read:2'])
  })

  it('before and after a run are not taken for one another', () => {
    const told = new Telling({ before: ['probe'], after: ['probe'], waves: [{ nodes: 1 }] })
    told.open()
    told.play('patched')
    const asked = told.facts.flatMap(({ event }) => (event.type === 'MeasureAsked' ? [`${event.purpose} ${String(event.round)}`] : []))
    expect(asked).toEqual(['before 1', 'gate 1', 'after 1'])
  })

  it('of a run that was not asked are not heard', () => {
    const told = flying()
    told.tell(fact(1, 'presence', { purpose: 'after', wave: -1 }))
    expect(told.state.measure).toBeNull()
  })
})
