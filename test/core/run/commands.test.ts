import { PROOF_MS } from '../../../src/core/run/evolve-commands.ts'
import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { commandOf, STAGE } from '../../../src/core/run/state.ts'
import { HOUR, MINUTE, plus } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { briefly, report, sent, Telling } from './telling.ts'

/** One wave of `nodes`, its first command intended. */
function intended(nodes = 2, more: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: [{ nodes, gate: { failuresMax: 9 } }], ...more })
  told.open()
  told.read()
  return told
}

const wanted = (told: Telling): string[] => [...told.state.activities.keys()].sort()
const UNCLEAR: RunEvent = { type: 'CommandUnclear', n: 1, message: 'aws.unclear: reset' }
const MISSED: RunEvent = { type: 'CommandMissed', n: 1 }
const refused = (...invalid: number[]): RunEvent => ({ type: 'CommandRefused', n: 1, code: 'aws.invalid', message: 'no', invalid })

describe('an intent', () => {
  it('is sent, then watched, and frees its nodes only by their reports', () => {
    const told = intended()
    expect(wanted(told)).toEqual(['send:1'])
    told.sent(1)
    expect(wanted(told)).toEqual(['watch:1'])
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect([...told.state.nodes.stage]).toEqual([STAGE.ended, STAGE.flying])
  })

  it('that was refused leaves no trace on its nodes: they wait again', () => {
    const told = intended()
    expect(briefly(told.tell(refused()))).toEqual(['BatchChosen 0,1'])
    expect([...told.state.nodes.touched]).toEqual([0, 0])
    expect([...told.state.nodes.attempts]).toEqual([0, 0])
  })

  it('that was refused because of some nodes loses those', () => {
    const told = intended()
    expect(briefly(told.tell(refused(1)))).toEqual(['BatchChosen 0'])
    expect(told.node(1)).toBe('skipped: refused-by-ssm')
  })

  it('whose sending is unclear is looked up, and sent again under the same token when SSM does not know it', () => {
    const told = intended()
    told.tell(UNCLEAR)
    expect(wanted(told)).toEqual(['find:1'])
    told.tell(MISSED)
    expect(wanted(told)).toEqual(['send:1'])
    expect(told.state.tokenCount).toBe(1)
  })

  it('that is found is adopted', () => {
    const told = intended()
    told.tell(UNCLEAR, sent(1, told.now, 1, true))
    expect(wanted(told)).toEqual(['watch:1'])
  })

  it('may have several commands: all are known, the first report counts', () => {
    const told = intended()
    told.sent(1)
    told.tell(sent(1, plus(told.now, MINUTE), 2, true))
    expect(commandOf(told.state, 1).ids).toHaveLength(2)
    told.tell(report(1, { 0: 'patched' }, told.now))
    told.tell(report(1, { 0: 'failed: timeout' }, told.now))
    expect(told.node(0)).toBe('patched: reason')
  })

  it('a successor looks up what its predecessor may have sent', () => {
    const told = intended()
    told.tell({ type: 'DriverTook', driver: 'driver-2', epoch: 2 })
    expect(wanted(told)).toEqual(['find:1'])
  })

  it('a refusal of a later copy proves nothing: an earlier one may be under way', () => {
    const told = intended()
    told.tell(UNCLEAR, MISSED)
    expect(briefly(told.tell(refused(0, 1)))).toEqual([])
    expect(wanted(told)).toEqual(['find:1'])
    expect([...told.state.nodes.touched]).toEqual([1, 1])
    expect([...told.state.nodes.stage]).toEqual([STAGE.flying, STAGE.flying])
  })

  it('is given back when its time has passed and SSM still does not know it', () => {
    const told = intended()
    told.tell(UNCLEAR)
    const { startBefore } = commandOf(told.state, 1)
    told.now = plus(startBefore, 1)
    expect(briefly(told.tell(MISSED))).toEqual([])
    expect(wanted(told)).toEqual(['find:1'])
    told.now = plus(startBefore, PROOF_MS - 1)
    expect(briefly(told.tell(MISSED))).toEqual([])
    expect(wanted(told)).toEqual(['find:1'])
    told.now = plus(startBefore, PROOF_MS)
    expect(briefly(told.tell(MISSED))).toEqual(['CommandRefused never-sent', 'BatchChosen 0,1'])
    expect([...told.state.nodes.touched]).toEqual([0, 0])
  })

  it.each<[string, RunEvent]>([
    ['pause', { type: 'Paused', reason: 'x' }],
    ['abort', { type: 'AbortAsked', reason: 'x', rollback: false }],
  ])('is not sent again after %s', (_, steering) => {
    const told = intended()
    told.tell(UNCLEAR, steering, MISSED)
    expect(wanted(told)).toEqual(['find:1'])
  })

  it('a cancelled copy of a doubtful command says nothing of the others', () => {
    const told = intended(1)
    told.tell(UNCLEAR, MISSED)
    told.sent(1)
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: false })
    told.tell(report(1, { 0: 'silent skipped: cancelled' }, told.now))
    expect(told.node(0)).toBe('unknown: cancelled')
  })

  it('that SSM has forgotten is unknown, never "not sent"; nothing of it is wanted any more', () => {
    const told = intended()
    told.tell(UNCLEAR)
    told.tell(report(1, { 0: 'silent unknown: forgotten-by-ssm', 1: 'silent unknown: forgotten-by-ssm' }, told.now), {
      type: 'CommandClosed',
      n: 1,
    })
    expect(wanted(told).filter((key) => key.endsWith(':1') && !key.startsWith('measure'))).toEqual([])
    expect(told.node(0)).toBe('unknown: forgotten-by-ssm')
  })

  it('a late sighting of a closed command changes nothing', () => {
    const told = intended()
    told.sent(1)
    told.ends(1, 'patched')
    told.tell(sent(1, told.now, 3, true))
    expect(wanted(told).some((key) => key.startsWith('watch'))).toBe(false)
  })
})

describe('reports', () => {
  it('counted once: a repeat changes nothing', () => {
    const told = intended()
    told.sent(1)
    told.tell(report(1, { 0: 'patched' }, told.now))
    const before = JSON.stringify(told.lived)
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(JSON.stringify(told.lived)).toBe(before)
  })

  it.each(['patched', 'failed: interrupted', 'not-needed'])('a late one turns unknown into %s, also after the gate', (word) => {
    const told = intended(1)
    told.sent(1)
    told.tell(report(1, { 0: 'silent unknown: expired' }, told.now))
    expect(told.node(0)).toBe('unknown: expired')
    told.tell(report(1, { 0: word }, told.now))
    expect(told.node(0).startsWith(word)).toBe(true)
  })

  it('a node that disappears after it was touched has failed, whatever it said before', () => {
    const told = intended(1)
    told.sent(1)
    told.ends(1, 'patched')
    told.tell({ type: 'NodesGone', nodes: [0] })
    expect(told.node(0)).toBe('failed: gone')
  })

  it('a node that disappears before it was touched is skipped', () => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.open()
    told.tell({ type: 'BatchRead', batch: 1, skipped: [1], reasons: ['gone'], down: [] })
    expect(told.node(1)).toBe('skipped: gone')
  })
})

describe('another attempt', () => {
  const retrying = (): Telling => {
    const told = intended(2, { retry: { attempts: 2, on: ['lock-held'] } })
    told.sent(1)
    told.tell(report(1, { 0: 'failed: lock-held', 1: 'patched' }, told.now))
    return told
  }

  it('waits until every command of the old token has closed', () => {
    const told = retrying()
    expect(told.state.nodes.stage[0]).toBe(STAGE.retrying)
    told.wait(HOUR)
    expect(told.state.batches.size).toBe(0)
    expect(briefly(told.tell({ type: 'CommandClosed', n: 1 }))).toEqual(['BatchChosen 0'])
  })

  it('is the last one when it fails again', () => {
    const told = retrying()
    told.tell({ type: 'CommandClosed', n: 1 })
    told.read()
    told.sent(2)
    told.tell(report(2, { 0: 'failed: lock-held' }, told.now))
    expect(told.node(0)).toBe('failed: lock-held')
  })

  it('is not made for other reasons', () => {
    const told = intended(1, { retry: { attempts: 2, on: ['lock-held'] } })
    told.sent(1)
    told.tell(report(1, { 0: 'failed: timeout' }, told.now))
    expect(told.node(0)).toBe('failed: timeout')
  })

  it.each<[string, (told: Telling) => void, string]>([
    ['is gone', (told) => void told.tell({ type: 'BatchRead', batch: 2, skipped: [0], reasons: ['gone'], down: [] }), 'failed: gone'],
    [
      'is excluded now',
      (told) => void told.tell({ type: 'BatchRead', batch: 2, skipped: [0], reasons: ['excluded'], down: [] }),
      'failed: lock-held',
    ],
    [
      'is too late',
      (told) => (told.read(), told.sent(2), void told.tell(report(2, { 0: 'skipped: too-late' }, told.now))),
      'failed: lock-held',
    ],
    [
      'is refused by SSM',
      (told) => (told.read(), void told.tell({ type: 'CommandRefused', n: 2, code: 'x', message: '', invalid: [0] })),
      'failed: lock-held',
    ],
    ['is given up', (told) => void told.tell({ type: 'AbortAsked', reason: 'x', rollback: false }), 'failed: lock-held'],
  ])('a node that %s by then has failed: it was touched before', (_, happens, outcome) => {
    const told = retrying()
    told.tell({ type: 'CommandClosed', n: 1 })
    happens(told)
    expect(told.node(0)).toBe(outcome)
    expect(told.state.nodes.touched[0]).toBe(1)
  })

  it('keeps its place: what failed once may fail for good', () => {
    const told = new Telling({ retry: { attempts: 2, on: ['lock-held'] }, waves: [{ nodes: 4, gate: { hard: true, failuresMax: 1 } }] })
    told.open()
    told.read()
    told.sent(1)
    expect(briefly(told.tell(report(1, { 0: 'failed: lock-held', 1: 'failed: lock-held' }, told.now)))).toEqual([])
    expect(briefly(told.tell({ type: 'CommandClosed', n: 1 }))).toEqual(['BatchChosen 0,1'])
  })

  it('a refusal is no attempt', () => {
    const told = retrying()
    told.tell({ type: 'CommandClosed', n: 1 })
    told.read()
    told.tell({ type: 'CommandRefused', n: 2, code: 'x', message: '', invalid: [] })
    told.read()
    told.sent(3)
    told.tell(report(3, { 0: 'patched' }, told.now))
    expect(told.node(0)).toBe('patched: reason')
  })
})
