import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { isAwaited } from '../../../src/core/run/view.ts'
import { DAY, HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { briefly, CLOSES, report, Telling } from './telling.ts'

type Rule = NonNullable<PlanSpec['rollback']>
const rule = (more: Partial<Rule>): Rule => ({
  on: 'gate-failed',
  scope: 'wave',
  method: 'packages',
  outside: 'allow',
  failures: { kind: 'count', count: 1 },
  failuresMax: 1,
  ...more,
})

const intents = (events: readonly RunEvent[]): (readonly number[])[] =>
  events.flatMap((event) => (event.type === 'CommandIntended' && event.work === 'rollback' ? [event.nodes] : []))

/** Two waves: the first has passed, the second has ended like these words, and its gate has failed. */
function failed(words: readonly string[], more: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: [{ nodes: 2 }, { nodes: words.length }], ...more })
  told.open()
  told.read()
  told.sent(told.n)
  told.ends(told.n, 'patched')
  for (const effect of [...told.state.activities.values()]) if (effect.kind === 'measure') told.tell(pass(effect.round, effect.wave))
  told.read()
  told.sent(told.n)
  told.tell(report(told.n, Object.fromEntries(words.map((word, node) => [node + 2, word])), told.now))
  told.tell({ type: 'CommandClosed', n: told.n })
  return told
}

const pass = (round: number, wave: number): RunEvent => ({
  type: 'CheckMeasured',
  purpose: 'gate',
  wave,
  round,
  check: 'presence',
  verdict: 'pass',
  evidence: '',
  subjects: 2,
  failing: [],
})

describe('a failed gate', () => {
  it('rolls its wave back: those out of service first, only what was touched', () => {
    const told = failed(['patched', 'failed: timeout', 'not-needed', 'skipped: too-late', 'patched'])
    expect(told.state.phase.name).toBe('rolling-back')
    expect(intents(told.read())).toEqual([[3, 6, 2]])
    told.sent(told.n)
    told.ends(told.n, 'rolled-back')
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
    expect([2, 3, 4, 5, 6].map((node) => told.node(node).split(':')[0])).toEqual([
      'rolled-back',
      'rolled-back',
      'not-needed',
      'skipped',
      'rolled-back',
    ])
    expect(told.node(0)).toBe('patched: reason')
  })

  it('with scope run rolls all waves back, newest first', () => {
    const told = failed(['failed: timeout'], { rollback: rule({ scope: 'run' }) })
    expect(intents(told.play('rolled-back'))).toEqual([[2], [1, 0]])
    expect(told.state.phase).toMatchObject({ outcome: 'rolled-back' })
  })

  it.each<[string, Partial<Rule>]>([
    ['never', { on: 'never' }],
    ['manual', { on: 'manual' }],
    ['no method', { method: 'none' }],
  ])('with %s just ends', (_, more) => {
    const told = failed(['failed: timeout'], { rollback: rule(more) })
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'failed' })
    expect(told.node(2)).toBe('failed: timeout')
  })

  it('leaves nodes alone that are gone', () => {
    const told = failed(['patched', 'patched'])
    told.tell({ type: 'NodesGone', nodes: [2] })
    expect(intents(told.read())).toEqual([[3]])
  })

  it('waits for the open command of a node before it gets a new token', () => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.open()
    told.read()
    told.sent(told.n)
    told.tell(report(told.n, { 0: 'silent unknown: expired', 1: 'patched' }, told.now))
    expect(told.state.phase.name).toBe('rolling-back')
    told.wait(HOUR)
    expect(intents(told.read())).toEqual([])
    told.tell({ type: 'CommandClosed', n: told.n })
    expect(intents(told.read())).toEqual([[0, 1]])
  })

  it('stops and calls a person when too many cannot be restored', () => {
    const told = failed(['failed: x', 'failed: x', 'failed: x', 'failed: x'], {
      rollback: rule({ failuresMax: 1 }),
      waves: [{ nodes: 2 }, { nodes: 4, concurrency: 4 }],
    })
    expect(intents(told.read())).toEqual([[2, 3, 4, 5]])
    told.sent(told.n)
    expect(briefly(told.ends(told.n, 'rollback-failed: version-unavailable'))).toEqual([
      'RollbackFinished 0/4 stopped',
      'RunFinished failed: rollback: 0 restored, 4 failed',
    ])
  })

  it('gives up what waits when it stops', () => {
    const told = failed(['failed: x', 'failed: x'], { rollback: rule({ failuresMax: 0 }), waves: [{ nodes: 2 }, { nodes: 2 }], groups: [] })
    told.read()
    told.sent(told.n)
    told.tell(report(told.n, { 2: 'rollback-failed: x' }, told.now))
    told.tell(report(told.n, { 3: 'rolled-back' }, told.now), { type: 'CommandClosed', n: told.n })
    expect(told.state.phase).toMatchObject({ outcome: 'failed' })
  })

  it('obeys disruption: one after the other', () => {
    const nodes = [{ groups: [0] }, { groups: [0] }]
    const told = new Telling({ groups: [{ atMost: 1 }], waves: [{ nodes, gate: { checks: ['smoke'] } }] })
    told.open()
    for (let node = 0; node < 2; node++) {
      told.read()
      told.sent(told.n)
      told.ends(told.n, 'patched')
    }
    const asked: RunEvent = {
      type: 'ApprovalAsked',
      subject: { kind: 'gate', wave: 'wave-1' },
      group: '',
      count: 1,
      expires: plus(told.now, HOUR),
    }
    told.tell(asked, { type: 'ApprovalRefused', subject: { kind: 'gate', wave: 'wave-1' }, by: 'ann', reason: 'sick' })
    expect(intents(told.read())).toEqual([[1]])
    told.sent(told.n)
    expect(intents([...told.ends(told.n, 'rolled-back'), ...told.read()])).toEqual([[0]])
  })

  it('obeys a pause, and an abort ends it', () => {
    const told = failed(['failed: x', 'failed: x'])
    told.tell({ type: 'Paused', reason: 'x' })
    expect(intents(told.read())).toEqual([])
    told.tell({ type: 'AbortAsked', reason: 'enough', rollback: false })
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'aborted' })
    expect(told.node(2)).toBe('rollback-failed: aborted')
  })

  it('gives up at last on nodes that another run holds', () => {
    const told = failed(['failed: x'])
    told.instead = (event) =>
      event.type === 'CommandIntended' ? { type: 'NodesBusy', batch: event.batch, nodes: [2], until: plus(told.now, 30 * SECOND) } : event
    for (let tries = 0; tries < 1_000 && told.state.phase.name !== 'finished'; tries++) {
      told.read()
      told.wait(30 * SECOND)
    }
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'failed' })
    expect(told.node(2)).toBe('rollback-failed: held')
  })

  it('gives nobody up at the first refusal, however long it goes on already', () => {
    const told = failed(['failed: x'])
    told.tell({ type: 'Paused', reason: 'x' })
    told.wait(4 * HOUR)
    told.tell({ type: 'Resumed', reason: 'x' })
    told.instead = held(told)
    expect(briefly(told.read())).toEqual(['NodesBusy'])
    told.instead = (event) => event
    told.wait(30 * SECOND)
    told.read()
    told.ends(told.n, 'rolled-back')
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
  })

  it('tries once more, after a pause, whom another run held before it', () => {
    const told = failed(['failed: x'])
    told.instead = held(told)
    told.read()
    told.tell({ type: 'Paused', reason: 'x' })
    told.wait(4 * HOUR)
    told.instead = (event) => event
    told.tell({ type: 'Resumed', reason: 'x' })
    told.read()
    told.ends(told.n, 'rolled-back')
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
  })
})

/** Another run has the nodes of whatever is promised. */
const held =
  (told: Telling) =>
  (event: RunEvent): RunEvent =>
    event.type === 'CommandIntended'
      ? { type: 'NodesBusy', batch: event.batch, nodes: event.nodes, until: plus(told.now, 30 * SECOND) }
      : event

describe('outside the window', () => {
  const late = (outside: 'allow' | 'ask'): Telling => {
    const told = new Telling({ rollback: rule({ outside }), waves: [{ nodes: 1 }] })
    told.open()
    told.read()
    told.sent(told.n)
    told.until(plus(CLOSES, MINUTE))
    told.ends(told.n, 'failed: timeout')
    return told
  }

  it('it runs, on record', () => {
    expect(late('allow').facts.some((fact) => fact.event.type === 'RollbackStarted' && fact.event.outside)).toBe(true)
  })

  it('it asks first, where the runbook says so', () => {
    const told = late('ask')
    expect(told.facts.at(-1)?.event).toMatchObject({ type: 'CommandClosed' })
    expect(told.facts.some((fact) => fact.event.type === 'ApprovalAsked' && fact.event.subject.kind === 'rollback')).toBe(true)
    expect(briefly(told.tell({ type: 'ApprovalGiven', subject: { kind: 'rollback' }, by: 'ann', reason: '' }))).toEqual([
      'RollbackStarted 0 outside',
      'BatchChosen 0',
    ])
  })

  it('without an answer the run ends as it is', () => {
    const told = late('ask')
    expect(briefly(told.wait(DAY))).toEqual(['ApprovalExpired rollback', expect.stringMatching(/^RunFinished failed: .*not allowed$/)])
  })
})

describe('asked for by a person', () => {
  it('abort with rollback: what runs ends, then all touched waves go back, newest first', () => {
    const told = new Telling({ waves: [{ nodes: 1 }, { nodes: 2 }] })
    told.open()
    told.read()
    told.sent(told.n)
    told.ends(told.n, 'patched')
    for (const effect of [...told.state.activities.values()]) if (effect.kind === 'measure') told.tell(pass(effect.round, 0))
    told.read()
    told.sent(told.n)
    expect(briefly(told.tell({ type: 'AbortAsked', reason: 'sick', rollback: true }))).toEqual([])
    told.tell({ type: 'CancelDone', n: told.n, nodes: [] })
    told.ends(told.n, 'patched')
    expect(intents(told.play('rolled-back'))).toEqual([[2, 1], [0]])
    expect(told.state.phase).toMatchObject({ outcome: 'aborted' })
  })

  it('rollback of a running run ends rolled back', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    told.open()
    told.read()
    told.sent(told.n)
    told.tell({ type: 'RollbackAsked', reason: 'sick' })
    told.tell({ type: 'CancelDone', n: told.n, nodes: [] })
    told.ends(told.n, 'patched')
    told.play('rolled-back')
    expect(told.state.phase).toMatchObject({ outcome: 'rolled-back' })
  })

  it('also ends a pause', () => {
    const told = failed(['patched'])
    told.tell({ type: 'Paused', reason: 'x' }, { type: 'RollbackAsked', reason: 'sick' })
    expect(told.state.paused).toBe(false)
  })

  it('is that of the whole run, although a failed gate rolls back its own wave already', () => {
    const told = failed(['failed: x'])
    expect(intents(told.read())).toEqual([[2]])
    told.tell({ type: 'RollbackAsked', reason: 'sick' })
    told.sent(told.n)
    expect(briefly(told.ends(told.n, 'rolled-back'))).toEqual(['RollbackAdvanced', 'RollbackStarted 0', 'BatchChosen 1,0'])
    told.play('rolled-back')
    expect(told.state.phase).toMatchObject({ outcome: 'rolled-back', reason: 'rolled back 3 nodes' })
    expect(told.refolded()).toEqual(told.lived)
  })

  it('is that of the whole run also when its own wave is back, and only the command is still open', () => {
    const told = failed(['failed: x'])
    told.read()
    told.sent(told.n)
    told.tell(report(told.n, { 2: 'rolled-back' }, told.now))
    expect([told.state.phase.name, told.state.rollback]).toMatchObject(['rolling-back', { restored: 1, stopped: false }])
    expect(briefly(told.tell({ type: 'RollbackAsked', reason: 'sick' }))).toEqual(['RollbackStarted 0', 'BatchChosen 1,0'])
    told.play('rolled-back')
    expect(told.state.phase).toMatchObject({ outcome: 'rolled-back', reason: 'rolled back 3 nodes' })
    expect(told.refolded()).toEqual(told.lived)
  })

  it('of the whole run asks a person where the window has closed since, who may still say so', () => {
    const told = failed(['failed: x'], { rollback: rule({ outside: 'ask' }) })
    told.read()
    told.sent(told.n)
    told.until(CLOSES)
    told.tell({ type: 'RollbackAsked', reason: 'sick' })
    expect(briefly(told.ends(told.n, 'rolled-back'))).toEqual(['RollbackAdvanced', 'ApprovalAsked rollback'])
    expect(isAwaited(told.state, { kind: 'rollback' })).toBe(true)
    told.tell({ type: 'ApprovalGiven', subject: { kind: 'rollback' }, by: 'ann', reason: '' })
    told.play('rolled-back')
    expect(told.state.phase).toMatchObject({ outcome: 'rolled-back', reason: 'rolled back 3 nodes' })
  })

  it('between two windows needs none', () => {
    const told = new Telling({ unfinished: 'next-window', waves: [{ nodes: 1 }, { nodes: 1 }] })
    told.open()
    told.read()
    told.sent(told.n)
    told.until(plus(CLOSES, -MINUTE))
    told.ends(told.n, 'patched')
    for (const effect of [...told.state.activities.values()]) if (effect.kind === 'measure') told.tell(pass(effect.round, 0))
    expect(told.state.window).toBeNull()
    expect(briefly(told.tell({ type: 'RollbackAsked', reason: 'sick' }))).toEqual(['RollbackStarted 0 outside', 'BatchChosen 0'])
  })

  it('drops what the way forward was waiting for: checks, windows, a look at the fleet', () => {
    const told = new Telling({ unfinished: 'next-window', waves: [{ nodes: 1, gate: { checks: ['smoke'] } }, { nodes: 1 }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    expect([...told.state.activities.keys()]).toEqual(['measure:gate:0:1:presence', 'measure:gate:0:1:smoke'])
    told.tell({ type: 'RollbackAsked', reason: 'sick' })
    expect([...told.state.activities.keys()].filter((key) => !key.startsWith('read:'))).toEqual([])
  })

  it('a late look at the fleet does not turn it round', () => {
    const told = new Telling({ unfinished: 'next-window', waves: [{ nodes: 1 }, { nodes: 1 }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    told.tell({ type: 'RollbackAsked', reason: 'sick' })
    told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
    expect(told.state.phase.name).toBe('rolling-back')
  })

  it('a run that has no way back just ends', () => {
    const told = failed(['patched'], { rollback: rule({ method: 'none' }), waves: [{ nodes: 2 }, { nodes: 1 }] })
    told.tell({ type: 'RollbackAsked', reason: 'sick' })
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'aborted' })
  })
})

describe('a run that undoes another one', () => {
  const undo = (words: readonly string[], failuresMax: number): Telling => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: words.length, gate: { failuresMax } }] })
    told.open()
    told.read()
    told.sent(told.n)
    told.tell(report(told.n, Object.fromEntries(words.map((word, node) => [node, word])), told.now), { type: 'CommandClosed', n: told.n })
    told.play('rolled-back')
    return told
  }

  it('ends rolled back', () => {
    expect(undo(['rolled-back', 'rolled-back'], 0).state.phase).toMatchObject({ outcome: 'rolled-back' })
  })

  it('fails when too many could not be restored', () => {
    expect(undo(['rolled-back', 'rollback-failed: no-before-record'], 0).state.phase).toMatchObject({ outcome: 'failed' })
  })
})
