import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { closed, intended, isHeard, refused } from '../../../src/core/run/evolve-commands.ts'
import { byPatchManager, neverSeen } from '../../../src/core/run/patch-manager.ts'
import { codeOf, commandOf, STAGE, want, type RunState } from '../../../src/core/run/state.ts'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from './plan.ts'
import { BY_PATCH_MANAGER, ends, opened } from './stepping.ts'
import { OPENS, report, type Telling } from './telling.ts'

const UNCLEAR: RunEvent = { type: 'CommandUnclear', n: 1, message: 'aws.unclear: reset' }
const RETRY: Partial<PlanSpec> = { retry: { attempts: 2, on: ['lock-held'] } }

/** Two nodes whose command is intended. */
function intendedOf(spec: Partial<PlanSpec> = {}): Telling {
  const told = opened({ waves: [{ nodes: 2, gate: { failuresMax: 9 } }], ...spec })
  told.read()
  if (told.plan.runbook.apply.with === 'patch-manager') ends(told, 'record')
  return told
}

const activities = ({ activities: some }: RunState): string[] => [...some.keys()]

describe('a command', () => {
  it('has the next token', () => {
    const told = opened({ waves: [{ nodes: 2 }] })
    const event = { type: 'CommandIntended', n: 7, batch: 1, work: 'apply', nodes: [0, 1], startBefore: OPENS, notBefore: OPENS } as const
    expect(() => intended(told.state, event, OPENS)).toThrow('tokens are numbered without holes')
  })

  it('that is sent again after a look-up is as it was intended', () => {
    const told = intendedOf()
    told.tell(UNCLEAR)
    expect(commandOf(told.state, 1).phase).toBe('unclear')
    told.tell({ type: 'CommandMissed', n: 1 })
    expect(commandOf(told.state, 1).phase).toBe('intended')
    expect(activities(told.state)).toEqual(['send:1'])
  })

  it('that was never sent is looked up no more, also when a successor had begun to', () => {
    const { state } = intendedOf()
    commandOf(state, 1).doubtful = true
    state.unsent.add(1)
    want(state, { kind: 'find', key: 'find:1', n: 1 })
    refused(state, { type: 'CommandRefused', n: 1, code: 'never-sent', message: '', invalid: [] }, OPENS)
    expect(activities(state)).toEqual([])
  })

  it('that is closed is neither sent nor looked up nor watched any more', () => {
    const { state } = intendedOf()
    commandOf(state, 1).open = 0
    for (const kind of ['find', 'watch', 'cancel'] as const) want(state, { kind, key: `${kind}:1`, n: 1 })
    closed(state, 1, OPENS)
    expect(activities(state)).toEqual([])
  })

  it('lets go whom it kept waiting for another attempt, and nobody that waits for a later one', () => {
    const { state } = intendedOf(RETRY)
    commandOf(state, 1).open = 0
    state.nodes.stage.fill(STAGE.retrying)
    state.nodes.command[1] = 2
    state.waiting.freedAt = null
    closed(state, 1, plus(OPENS, MINUTE))
    expect([...state.nodes.stage]).toEqual([STAGE.waiting, STAGE.retrying])
    expect(state.waiting.freedAt).toBe(plus(OPENS, MINUTE))
  })

  it('that fails in an abort is not tried again', () => {
    const told = intendedOf(RETRY)
    told.sent(1)
    told.tell({ type: 'AbortAsked', reason: 'enough', rollback: false })
    expect(told.tell(report(1, { 0: 'failed: lock-held' }, told.now))).toEqual([])
    expect(told.node(0)).toBe('failed: lock-held')
  })
})

describe('a late word', () => {
  // prettier-ignore
  it.each<[it: string, stage: number, outcome: 'unknown' | 'patched', heard: boolean]>([
    ['of a node that has ended unknown',        STAGE.ended,     'patched', true],
    ['of one that comes back',                  STAGE.returning, 'patched', true],
    ['of one that waits to be restored',        STAGE.waiting,   'patched', false],
    ['that says nothing more',                  STAGE.ended,     'unknown', false],
  ])('%s', (_, stage, outcome, heard) => {
    const { state } = intendedOf()
    state.nodes.stage[0] = stage
    state.nodes.outcome[0] = codeOf('unknown')
    expect(isHeard(state, 0, 1, outcome)).toBe(heard)
  })
})

describe('a command of Patch Manager', () => {
  it('is one that applies; what undoes it is our own', () => {
    const content = plan({ waves: [{ nodes: 1 }], around: { apply: BY_PATCH_MANAGER } })
    expect([byPatchManager(content, 'apply'), byPatchManager(content, 'rollback')]).toEqual([true, false])
  })

  it('whose nodes have ended says nothing of them before they are verified', () => {
    const told = intendedOf({ around: { apply: BY_PATCH_MANAGER } })
    told.sent(2)
    told.tell(report(2, { 0: 'open: ended' }, told.now))
    expect([told.node(0), told.state.nodes.stage[0]]).toEqual(['open', STAGE.returning])
  })

  it('that was never seen leaves those unknown that fly for it, with nothing that they said', () => {
    const told = intendedOf({ around: { apply: BY_PATCH_MANAGER } })
    expect(neverSeen(told.state, 2)).toEqual({
      ...report(2, { 0: 'unknown: send-unclear', 1: 'unknown: send-unclear' }, OPENS),
      changed: [0, 0],
      ended: [0, 0],
    })
    told.state.nodes.command[1] = 3
    expect(neverSeen(told.state, 2)).toMatchObject({ nodes: [0] })
    told.state.nodes.command[0] = 3
    expect(neverSeen(told.state, 2)).toEqual({ type: 'CommandClosed', n: 2 })
  })

  it('is no other: of our own it is certain that it never ran', () => {
    expect(neverSeen(intendedOf().state, 1)).toEqual({
      type: 'CommandRefused',
      n: 1,
      code: 'never-sent',
      message: 'looked up until nothing of it could start any more',
      invalid: [],
    })
  })
})
