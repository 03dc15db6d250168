import { describe, expect, it } from 'vitest'
import { SECOND } from '../../../src/kit/instant.ts'
import { STAGE } from '../../../src/core/run/state.ts'
import { briefly, report, type Telling } from './telling.ts'
import type { PlanSpec } from './plan.ts'
import { around, DRAIN, ends, hooks, opened } from './stepping.ts'

const ROLLBACK = { on: 'gate-failed', scope: 'run', method: 'packages', outside: 'allow', failures: { kind: 'count', count: 9 }, failuresMax: 9 } as const // prettier-ignore

/** Two nodes that were drained, changed, failed and came back; they are drained for their rollback. */
function rollingBack(): Telling {
  const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 2 }], rollback: ROLLBACK }))
  told.read()
  ends(told, 'drain')
  told.sent(1)
  told.tell(report(1, { 0: 'failed: x', 1: 'patched' }, told.now), { type: 'CommandClosed', n: 1 })
  told.wait(5 * SECOND)
  ends(told, 'rejoin')
  told.read()
  return told
}

describe('a node that said nothing and could not be put back', () => {
  it.each([
    ['patched', 'failed: not-back', 1],
    ['not-needed', 'failed: not-back', 0],
    ['skipped: too-late', 'failed: not-back', 0],
    ['failed: checksum', 'failed: checksum', 1],
  ])('and says %s at last is %s: it still serves nobody', (word, outcome, touched) => {
    const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 2, gate: { failuresMax: 2 } }] }))
    told.read()
    ends(told, 'drain')
    told.sent(1)
    told.tell(report(1, { 0: 'silent unknown: x', 1: 'patched' }, told.now))
    told.wait(5 * SECOND)
    ends(told, 'rejoin', { 0: 'undone: not-rejoined' })
    expect(told.node(0)).toBe('unknown: x')
    told.tell(report(1, { 0: word }, told.now))
    expect([told.node(0), told.state.nodes.out[0], told.state.nodes.touched[0]]).toEqual([outcome, 1, touched])
    expect(told.node(1)).toBe('patched: reason')
    expect(told.refolded()).toEqual(told.lived)
  })
})

describe('a node whose word comes while it is on its way back', () => {
  const silent = (more: Partial<PlanSpec> = {}): Telling => {
    const told = opened(around({ ...hooks('before', 'after', 'exit'), drain: DRAIN }, more))
    told.read()
    ends(told, 'drain')
    ends(told, 'hook-before')
    const { n } = told
    told.sent(n)
    told.tell(report(n, { 0: 'silent unknown: expired' }, told.now))
    return told
  }
  const late = (told: Telling, word: string): unknown => told.tell(report(told.state.nodes.command[0] ?? 0, { 0: word }, told.now))
  const close = (told: Telling): unknown => told.tell({ type: 'CommandClosed', n: told.state.nodes.command[0] ?? 0 })
  const AFTER_EXIT = { before: [], 'hook-exit': ['hook-exit'], rejoin: ['hook-exit', 'rejoin'] } as const

  it.each(['before', 'hook-exit', 'rejoin'] as const)('is looked at by its hook once, though the word came at %s', (moment) => {
    const told = silent()
    for (const step of AFTER_EXIT[moment]) {
      told.wait(5 * SECOND)
      if (step !== moment) ends(told, step)
    }
    late(told, 'patched')
    close(told)
    const from = told.facts.length
    const world: string[] = []
    for (let step = told.state.steps.values().next().value; ; step = told.state.steps.values().next().value) {
      if (step !== undefined) {
        world.push(step.name)
        ends(told, step.name)
      } else if (told.state.returns.size > 0) told.wait(5 * SECOND)
      else break
    }
    const rest = {
      before: ['hook-exit', 'hook-after', 'rejoin'],
      'hook-exit': ['hook-exit', 'hook-after', 'rejoin'],
      rejoin: ['rejoin', 'hook-after'],
    }
    expect(world).toEqual(rest[moment])
    expect(told.facts.length).toBeGreaterThan(from)
    expect(told.node(0)).toBe('patched: reason')
    expect(told.refolded()).toEqual(told.lived)
  })

  it('has failed when that hook says so', () => {
    const told = silent({ waves: [{ nodes: 1, gate: { failuresMax: 1 } }] })
    late(told, 'patched')
    told.wait(5 * SECOND)
    ends(told, 'hook-exit')
    told.wait(5 * SECOND)
    ends(told, 'hook-after', { 0: 'failed: unwell' })
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    expect(told.node(0)).toBe('failed: unwell')
  })

  it('is not looked at when it had failed', () => {
    const told = silent({ waves: [{ nodes: 1, gate: { failuresMax: 1 } }] })
    late(told, 'failed: checksum')
    told.wait(5 * SECOND)
    ends(told, 'hook-exit')
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    expect([told.node(0), told.state.returns.size]).toEqual(['failed: checksum', 0])
  })
})

describe('a node that comes back in the rollback of its wave', () => {
  it('from what was prepared for it: it is not restored yet, and is tried again', () => {
    const told = rollingBack()
    ends(told, 'drain', { 1: 'done' })
    told.tell({ type: 'Paused', reason: '' })
    const { n } = told
    told.sent(n)
    told.tell({ type: 'Resumed', reason: '' })
    told.tell(report(n, { 0: 'rolled-back', 1: 'rolled-back' }, told.now), { type: 'CommandClosed', n })
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    expect([told.node(0), told.node(1)]).toEqual(['rolled-back: reason', 'rolled-back: reason'])
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
  })

  it('because its round was given up in a pause: it waits, and goes on afterwards', () => {
    const told = rollingBack()
    told.tell({ type: 'Paused', reason: '' })
    ends(told, 'drain')
    told.wait(6 * SECOND)
    ends(told, 'rejoin')
    expect([...told.state.nodes.stage]).toEqual([STAGE.waiting, STAGE.waiting])
    expect([told.node(0), told.node(1)]).toEqual(['failed: x', 'patched: reason'])
    const followed = told.tell({ type: 'Resumed', reason: '' })
    expect(briefly(followed)).toEqual(['BatchChosen 1,0'])
  })

  it('and cannot be prepared has not been restored', () => {
    const told = rollingBack()
    ends(told, 'drain', { 0: 'failed: denied', 1: 'failed: denied' })
    told.wait(6 * SECOND)
    ends(told, 'rejoin')
    expect([told.node(0), told.node(1)]).toEqual(['rollback-failed: denied', 'rollback-failed: denied'])
    expect([...told.state.nodes.stage]).toEqual([STAGE.ended, STAGE.ended])
  })
})
