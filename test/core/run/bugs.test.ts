import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { evolve } from '../../../src/core/run/evolve.ts'
import { plus } from '../../../src/kit/instant.ts'
import { DRAIN, hooks } from './stepping.ts'
import { ENGINE, OPENS } from './telling.ts'
import { chosen, flying } from './rounds.ts'

describe('facts that do not fit are bugs', () => {
  const fact = (event: RunEvent): (() => void) => {
    const told = flying()
    return () => told.tell(event)
  }
  const batch = { batch: 9, cell: 'x', list: 0, work: 'apply', nodes: [] } as const
  // prettier-ignore
  it.each<[it: string, event: RunEvent, message: RegExp]>([
    ['a batch out of order',                 { type: 'BatchChosen', ...batch },                                       /batches are numbered/],
    ['a batch of who does not wait',         { type: 'BatchChosen', ...batch, batch: 2, nodes: [0] },                 /node 0 does not wait/],
    ['an unknown batch',                     { type: 'BatchDropped', batch: 9, reason: '' },                          /batch 9 is unknown/],
    ['an unknown command',                   { type: 'CommandClosed', n: 9 },                                         /command 9 is unknown/],
    ['a command closed with open nodes',     { type: 'CommandClosed', n: 1 },                                         /command 1 is closed with open nodes/],
    ['who does not wait is given up',        { type: 'NodesSkipped', nodes: [0], reason: '' },                        /node 0 does not wait/],
    ['a wave drained while nodes fly',       { type: 'WaveDrained', wave: 0 },                                        /a wave drains when/],
    ['a token out of order',                 { type: 'ScanAsked', n: 7, tokens: 1 },                                  /tokens are numbered/],
    ['checks with tokens out of order',      { type: 'MeasureAsked', purpose: 'gate', wave: 0, round: 1, checks: [], n: 7, tokens: 1, last: true }, /tokens are numbered/],
    ['a step out of order',                  { type: 'StepIntended', id: 9, step: 'drain', cell: '', batch: 0, nodes: [], n: 0, until: OPENS }, /steps are numbered/],
    ['a rollback that goes on and never began', { type: 'RollbackAdvanced', wave: 0 },                                /only a rollback advances/],
    ['an answer that nobody asked for',      { type: 'ApprovalGiven', subject: { kind: 'plan' }, by: '', reason: '' }, /the approval is unknown/],
  ])('%s', (_, event, message) => {
    expect(fact(event)).toThrow(message)
  })

  it('time that goes back', () => {
    const { state } = flying()
    expect(() => evolve(state, { at: plus(state.at, -1), actor: ENGINE, event: { type: 'Paused', reason: '' } })).toThrow(
      /time goes back at Paused/,
    )
    expect(() => evolve(state, { at: state.at, actor: ENGINE, event: { type: 'Paused', reason: '' } })).not.toThrow()
  })

  it('a round that is given up in the middle of a step', () => {
    const told = chosen({ around: { ...hooks('before'), drain: DRAIN } })
    told.read()
    expect(() => told.tell({ type: 'BatchDropped', batch: 1, reason: '' })).toThrow(/in the middle of a step/)
  })
})
