import { describe, expect, it } from 'vitest'
import { STAGE } from '../../../src/core/run/state.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { around, BY_PATCH_MANAGER, DRAIN, ends, hooks, opened, plays, ROOT_VOLUME, steps } from './stepping.ts'
import { briefly, CLOSES, measured, report, sent, type Telling } from './telling.ts'

// prettier-ignore
describe('hooks', () => {
  it('one that says `stop-wave`: nothing more starts, and the gate fails', () => {
    const told = opened(around(hooks('before'), { waves: [{ nodes: 3, concurrency: 1, gate: { failuresMax: 9 } }] }))
    told.read()
    const followed = ends(told, 'hook-before', { 0: 'failed: hook-failed' }, { stop: true })
    expect(briefly(followed)).toEqual([
      'NodesSkipped 1,2 wave-stopped',
      'WaveDrained',
      'GateDecided fail',
      'RollbackStarted 0',
      'RollbackAdvanced',
      'RollbackFinished 0/0',
      'RunFinished rolled-back: rolled back 0 nodes',
    ])
  })

  it('one after the change that fails: the node has failed, and is rolled back', () => {
    const told = opened(around(hooks('after')))
    const lines = plays(told, { 'hook-after': () => (told.state.phase.name === 'rolling-back' ? 'done' : 'failed: hook-failed') })
    expect(lines).toEqual([
      'CommandIntended 0',
      'hook-after 0',
      'WaveDrained',
      'GateDecided fail',
      'CommandIntended 0',
      'hook-after 0',
      'RunFinished rolled-back: rolled back 1 nodes',
    ])
  })

  it('in a rollback, a node that cannot be prepared has not been restored, whatever the step calls it', () => {
    for (const word of ['skipped: hook-failed', 'failed: hook-failed']) {
      const told = opened(around(hooks('before')))
      plays(told, { apply: () => 'failed: timeout', 'hook-before': () => (told.state.phase.name === 'rolling-back' ? word : 'done') })
      expect(told.node(0)).toBe('rollback-failed: hook-failed')
    }
  })
})

describe('a second attempt', () => {
  it('begins when the node is back and its command closed, with all steps anew', () => {
    const retry = { attempts: 2, on: ['lock-held'] } as const
    const told = opened(around({ drain: DRAIN }, { retry }))
    let attempt = 0
    const lines = plays(told, { apply: () => ((attempt += 1) === 1 ? 'failed: lock-held' : 'patched: installed') })
    expect(steps(lines)).toBe('drain * rejoin drain * rejoin')
    expect(told.node(0)).toBe('patched: installed')
  })

  it('waits for the command of the first one, though the node is back', () => {
    const told = opened(around({ drain: DRAIN }, { retry: { attempts: 2, on: ['lock-held'] } }))
    told.read()
    ends(told, 'drain')
    told.sent(1)
    told.tell(report(1, { 0: 'failed: lock-held' }, told.now))
    told.wake()
    expect(briefly(ends(told, 'rejoin'))).toEqual([])
    expect(told.state.nodes.stage[0]).toBe(STAGE.retrying)
    expect(briefly(told.tell({ type: 'CommandClosed', n: 1 }))).toEqual(['BatchChosen 0'])
  })

  it('is none when it could not be put back', () => {
    const told = opened(around({ drain: DRAIN }, { retry: { attempts: 2, on: ['lock-held'] } }))
    plays(told, { apply: () => 'failed: lock-held', rejoin: () => 'undone: unhealthy' })
    expect(told.node(0)).toMatch(/^rollback-failed|^failed|^rolled-back/)
    expect([...told.state.commands.values()].filter(({ work }) => work === 'apply')).toHaveLength(1)
  })
})

describe('a late word', () => {
  /** Node 0 said nothing until its command expired, and comes back; its command stays open. */
  const silent = (more: NonNullable<PlanSpec['around']>): Telling => {
    const told = opened(around(more, { waves: [{ nodes: 1, gate: { failuresMax: 9 } }, { nodes: 1 }] }))
    told.read()
    while (told.state.steps.size > 0) for (const { name } of [...told.state.steps.values()]) ends(told, name)
    told.tell(sent(told.n, told.now))
    told.tell(report(told.n, { 0: 'silent unknown: expired' }, told.now))
    return told
  }

  it('while the node comes back turns its outcome', () => {
    const told = silent({ drain: DRAIN })
    told.wake()
    told.tell(report(told.n, { 0: 'patched: installed' }, told.now))
    expect(told.node(0)).toBe('patched: installed')
    ends(told, 'rejoin')
    expect(told.state.nodes.stage[0]).toBe(STAGE.ended)
  })

  it('of patch manager is verified before the node counts as back', () => {
    const told = silent({ drain: DRAIN, apply: BY_PATCH_MANAGER })
    told.wake()
    told.tell(report(told.n, { 0: 'open: ended' }, told.now))
    expect(briefly(ends(told, 'rejoin'))).toEqual([])
    expect(briefly(told.wake())).toEqual(['verify 0'])
    ends(told, 'verify', { 0: 'patched: installed' })
    expect(told.node(0)).toBe('patched: installed')
    expect(told.state.nodes.stage[0]).toBe(STAGE.ended)
  })

  it('is none of a node that spoke: what a verify could not read stays unknown', () => {
    const told = opened(around({ apply: BY_PATCH_MANAGER }))
    told.read()
    ends(told, 'record')
    told.sent(told.n)
    told.tell(report(told.n, { 0: 'open: ended' }, told.now))
    told.wake()
    const [command] = told.state.openCommands
    ends(told, 'verify', { 0: 'unknown: silent' })
    told.tell(report(command ?? 0, { 0: 'open: ended' }, told.now))
    expect(told.state.nodes.stage[0]).not.toBe(STAGE.returning)
    expect(told.node(0)).toBe('unknown: silent')
  })

  it('behind a gate that failed: the way back begins when the node has had its hook', () => {
    const told = opened(around(hooks('after'), { rollback: { ...ROOT_VOLUME.rollback, method: 'packages', outside: 'ask' } }))
    told.read()
    told.tell(sent(1, told.now))
    told.until(plus(CLOSES, HOUR))
    const subject = { kind: 'rollback' } as const
    expect(briefly(told.tell(report(1, { 0: 'silent unknown: expired' }, told.now)))).toContain('ApprovalAsked rollback')
    told.tell(report(1, { 0: 'patched: installed' }, told.now))
    expect(briefly(told.tell({ type: 'ApprovalGiven', subject, by: 'ann', reason: '' }))).toEqual([])
    told.wake()
    expect(briefly(ends(told, 'hook-after'))).toContain('RollbackStarted 0 outside')
  })

  it('before a gate: it passes no sooner than the hook that follows, which may stop the wave', () => {
    const told = opened(around(hooks('after'), { waves: [{ nodes: 1, gate: { failuresMax: 1 } }, { nodes: 1 }] }))
    told.read()
    told.tell(sent(1, told.now))
    told.tell(report(1, { 0: 'silent unknown: expired' }, told.now))
    told.wait(MINUTE)
    told.tell(report(1, { 0: 'patched: installed' }, told.now), { type: 'CommandClosed', n: 1 })
    for (const effect of [...told.state.activities.values()]) if (effect.kind === 'measure') told.tell(measured(effect, 'pass'))
    expect(told.state.waves.map(({ phase }) => phase)).toEqual(['drained', 'queued'])
    told.wait(5 * SECOND)
    expect(briefly(ends(told, 'hook-after', { 0: 'undone: hook-failed' }, { stop: true }))).toContain('GateDecided fail')
  })

  it('in the rollback of a later wave sends no node into that rollback', () => {
    const told = opened(around(hooks('after'), { waves: [{ nodes: 1, gate: { failuresMax: 1, evidencePercent: null } }, { nodes: 1 }] }))
    told.read()
    told.tell(sent(1, told.now))
    told.tell(report(1, { 0: 'silent unknown: expired' }, told.now))
    told.tell({ type: 'ApprovalAsked', subject: { kind: 'gate', wave: 'wave-1' }, group: '', count: 1, expires: CLOSES })
    told.tell({ type: 'ApprovalGiven', subject: { kind: 'gate', wave: 'wave-1' }, by: 'ann', reason: '' })
    told.read()
    told.tell(sent(2, told.now), report(2, { 1: 'failed: timeout' }, told.now), { type: 'CommandClosed', n: 2 })
    expect(told.state.phase.name).toBe('rolling-back')
    told.tell(report(1, { 0: 'patched: installed' }, told.now), { type: 'CommandClosed', n: 1 })
    told.wait(10 * SECOND)
    ends(told, 'hook-after', {}, { ended: told.now })
    expect(told.state.nodes.stage[0]).toBe(STAGE.ended)
    expect(told.node(0)).toBe('patched: installed')
  })
})

describe('a new driver', () => {
  it('takes up every step that is under way', () => {
    const told = opened(around({ drain: DRAIN }))
    told.read()
    told.state.dirty = []
    told.tell({ type: 'DriverTook', driver: 'driver-2', epoch: 2 })
    expect([...told.state.activities.keys()]).toContain('step:1')
    expect(told.refolded()).toEqual(told.lived)
  })
})
