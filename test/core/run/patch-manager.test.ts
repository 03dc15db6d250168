import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { commandOf } from '../../../src/core/run/state.ts'
import { judgePatchManager } from '../../../src/core/run/verdict.ts'
import { HOUR, instant, MINUTE } from '../../../src/kit/instant.ts'
import { briefly, report, RUN, sent, Telling } from './telling.ts'

const SEEN = instant(Date.UTC(2026, 2, 1, 4))

/** One wave of two nodes that Patch Manager changes, recorded, its first command intended. */
function intended(): Telling {
  const told = new Telling({ waves: [{ nodes: 2, gate: { failuresMax: 9 } }], around: { apply: { with: 'patch-manager' } } })
  told.open()
  told.read()
  told.tell(ended(1, 'open', 'recorded'))
  return told
}

const ended = (id: number, outcome: 'open' | 'patched', reason: string): RunEvent => ({
  type: 'StepEnded',
  id,
  nodes: [0, 1],
  done: [true, true],
  outcomes: [outcome, outcome],
  reasons: [reason, reason],
  changed: [1, 1],
  missing: [0, 0],
  ended: [SEEN, SEEN],
  stop: false,
})

const wanted = (told: Telling): string[] => [...told.state.activities.keys()].sort()
const UNCLEAR: RunEvent = { type: 'CommandUnclear', n: 2, message: 'aws.unclear: reset' }
const MISSED: RunEvent = { type: 'CommandMissed', n: 2 }

describe('a command that Patch Manager does', () => {
  it('follows a record, and a verify gives its nodes their outcome', () => {
    const told = intended()
    expect(wanted(told)).toEqual(['send:2'])
    told.sent(2)
    told.tell(report(2, { 0: 'open: ended', 1: 'open: ended' }, told.now), { type: 'CommandClosed', n: 2 })
    told.wake()
    expect(wanted(told)).toEqual(['step:2'])
    told.tell(ended(2, 'patched', 'installed'))
    expect([told.node(0), told.node(1)]).toEqual(['patched: installed', 'patched: installed'])
  })

  it('is looked up when its send is unclear, and never sent again', () => {
    const told = intended()
    told.tell(UNCLEAR)
    for (let minutes = 0; minutes < 10; minutes += 2) {
      expect(wanted(told)).toEqual(['find:2'])
      told.wait(2 * MINUTE)
      told.tell(MISSED)
    }
  })

  it('leaves its nodes unknown when nothing of it can start any more, and is closed', () => {
    const told = intended()
    told.tell(UNCLEAR)
    // What its sender had signed before it stood still may still be taken, and no script of ours is there to refuse it.
    told.wait(17 * MINUTE - 1)
    expect(briefly(told.tell(MISSED))).toEqual([])
    told.wait(1)
    expect(briefly(told.tell(MISSED)).slice(0, 2)).toEqual(['NodesReported', 'CommandClosed'])
    expect([told.node(0), told.node(1)]).toEqual(['unknown: send-unclear', 'unknown: send-unclear'])
    expect(told.state.openCommands.size).toBe(0)
    expect(told.state.unsent.size).toBe(0)
    expect(told.refolded()).toEqual(told.lived)
  })

  it('may be under way for as long as its document works, also where nobody can ask', () => {
    const { startBefore, notBefore, expiresAfter } = commandOf(intended().state, 2)
    expect([notBefore - startBefore, expiresAfter - startBefore]).toEqual([2 * HOUR, 2 * HOUR])
  })

  it('is adopted when SSM shows it late', () => {
    const told = intended()
    told.tell(UNCLEAR)
    told.wait(8 * MINUTE)
    told.tell(MISSED, sent(2, told.now, 1, true))
    expect(wanted(told)).toEqual(['watch:2'])
  })

  it('may be sent anew when SSM refused it for certain', () => {
    const told = intended()
    const followed = told.tell({ type: 'CommandRefused', n: 2, code: 'aws.throttled', message: 'no', invalid: [] })
    expect(briefly(followed)).toEqual(['BatchChosen 0,1'])
  })

  it('is not cancelled by an abort: its package manager would be killed with it', () => {
    const told = intended()
    told.sent(2)
    told.tell({ type: 'AbortAsked', reason: 'enough', rollback: false })
    expect(wanted(told)).toEqual(['watch:2'])
    expect(RUN).toBe(told.state.run)
  })
})

describe('an ended invocation of Patch Manager’s document', () => {
  // prettier-ignore
  it.each([
    ['Success',           'open: ended',                0],
    ['Failed',            'open: ended',                0],
    ['ExecutionTimedOut', 'open: execution-timed-out',  1], // It may have installed everything, or half of it.
    ['DeliveryTimedOut',  'open: delivery-timed-out',   1],
    ['Cancelled',         'open: cancelled',            1],
    ['Expired',           'open: expired',              1],
    ['NotStarted',        'skipped: cancelled',         1],
    ['Undeliverable',     'failed: undeliverable',      1],
    ['InvalidPlatform',   'failed: invalid-platform',   1],
    ['AccessDenied',      'failed: access-denied',      1],
    ['Terminated',        'failed: terminated',         1],
  ])('%s → %s', (status, verdict, silent) => {
    const { outcome, reason, ended: end, changed } = judgePatchManager(status, SEEN)
    expect(`${outcome}: ${reason}`).toBe(verdict)
    expect([end, changed]).toEqual([silent === 1 ? 0 : SEEN, 0])
  })
})
