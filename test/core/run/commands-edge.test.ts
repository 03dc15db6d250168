import { describe, expect, it } from 'vitest'
import { outOf } from '../../../src/core/run/limits.ts'
import { commandOf, STAGE } from '../../../src/core/run/state.ts'
import { MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { briefly, CUTOFF, OPENS, report, sent, Telling } from './telling.ts'
import { BY_PATCH_MANAGER, ends } from './stepping.ts'
import { chosen, flying, intended, ROLLBACK, WIDE } from './rounds.ts'

const RETRY = { attempts: 2, on: ['lock-held'] }

/** Rolls back what has failed: the first command of the way back is chosen. */
function rollingBack(words: readonly string[], spec: Partial<PlanSpec> = {}): Telling {
  const told = flying({ waves: [{ nodes: words.length }], rollback: ROLLBACK, ...spec })
  told.tell(report(1, Object.fromEntries(words.map((word, node) => [node, word])), told.now), { type: 'CommandClosed', n: 1 })
  return told
}

describe('a round that is read', () => {
  it('loses who must not be touched; the places are filled again after a while', () => {
    const told = chosen({ waves: [{ nodes: 3, concurrency: 2, gate: WIDE }] })
    expect(briefly(told.tell({ type: 'BatchRead', batch: 1, skipped: [1], reasons: ['excluded'], down: [] }))).toEqual([
      'CommandIntended 0',
    ])
    expect(told.node(1)).toBe('skipped: excluded')
    expect(told.wakeAt).toBe(plus(OPENS, 5 * SECOND))
    expect(briefly(told.wake())).toEqual(['BatchChosen 2'])
  })

  it('that loses all of them is gone', () => {
    const told = chosen({ waves: [{ nodes: 2, concurrency: 1, gate: WIDE }] })
    told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['gone'], down: [0] })
    expect([...told.state.batches.keys()]).toEqual([2])
    expect(told.state.nodes.down[0]).toBe(1)
    expect(told.state.nodes.out[0]).toBe(1)
  })

  it('of a rollback: who cannot be reached is not restored', () => {
    const told = rollingBack(['failed: x', 'patched'])
    told.tell({ type: 'BatchRead', batch: told.state.batchCount, skipped: [0], reasons: ['gone'], down: [0] })
    expect(told.node(0)).toBe('rollback-failed: gone')
  })

  it('who is up again counts as serving, unless it was chosen', () => {
    const told = new Telling({ groups: [{ atMost: 2 }], waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], concurrency: 1 }] })
    told.open({ down: [0] })
    expect(told.state.nodes.down[0]).toBe(1)
    told.tell({ type: 'BatchRead', batch: 1, skipped: [], reasons: [], down: [] })
    expect(told.state.nodes.down[0]).toBe(0)
    expect(outOf(told.state, 0)).toBe(1)
  })

  it('whose nodes another run has: they wait until then, the others go', () => {
    const told = chosen({ waves: [{ nodes: 3, gate: WIDE }] })
    const until = plus(OPENS, MINUTE)
    told.tell({ type: 'BatchRead', batch: 1, skipped: [], reasons: [], down: [] })
    const busy = new Telling({ waves: [{ nodes: 3, gate: WIDE }] })
    busy.instead = (event) => (event.type === 'CommandIntended' && event.n === 1 && event.nodes.length === 3 ? { type: 'NodesBusy', batch: 1, nodes: [1], until } : event) // prettier-ignore
    busy.open()
    expect(briefly(busy.tell({ type: 'BatchRead', batch: 1, skipped: [], reasons: [], down: [] }))).toEqual([
      'NodesBusy',
      'CommandIntended 0,2',
    ])
    expect(busy.state.waiting.busy).toEqual([{ node: 1, until }])
    busy.sent(1)
    expect(briefly(busy.until(plus(until, -1)))).toEqual([])
    expect(briefly(busy.until(until))).toEqual(['BatchChosen 1'])
    expect(busy.state.waiting.busy).toEqual([])
  })

  it('that is given up waits again, and its places are filled after a while', () => {
    const told = intended({ waves: [{ nodes: 2, concurrency: 2, gate: WIDE }] })
    told.sent(1)
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(told.state.waiting.freedAt).toBe(told.now)
  })
})

describe('a command', () => {
  it('ends when the last of its copies does', () => {
    const told = intended()
    told.tell(sent(1, told.now, 1))
    const before = commandOf(told.state, 1).expiresAfter
    expect(before).toBe(plus(OPENS, 70 * MINUTE))
    told.tell(sent(1, plus(told.now, -MINUTE), 2, true))
    expect(commandOf(told.state, 1).expiresAfter).toBe(before)
    told.tell(sent(1, plus(told.now, MINUTE), 3, true))
    expect(commandOf(told.state, 1).expiresAfter).toBe(plus(before, MINUTE))
    told.tell(sent(1, plus(told.now, 5 * MINUTE), 3, true))
    expect(commandOf(told.state, 1).ids).toHaveLength(3)
    expect(commandOf(told.state, 1).expiresAfter).toBe(plus(before, MINUTE))
  })

  it('a late sighting of a refused one is known, and nothing more', () => {
    const told = intended({ waves: [{ nodes: 1, gate: WIDE }] })
    told.tell({ type: 'CommandRefused', n: 1, code: 'aws.invalid', message: '', invalid: [0] })
    told.tell(sent(1, told.now))
    expect(commandOf(told.state, 1)).toMatchObject({ phase: 'refused', ids: [expect.stringContaining('0000')] })
    expect(told.state.activities.has('watch:1')).toBe(false)
  })

  it('that is sent shows that its cell, which can be used again, answers; one that is found does not', () => {
    for (const [adopted, left] of [
      [false, 0],
      [true, 1],
    ] as const) {
      // prettier-ignore
      const told = intended()
      const { cell } = commandOf(told.state, 1)
      told.tell({ type: 'CellRefused', cell, code: 'aws.denied', message: '' }, { type: 'CellPrepared', cell, documents: {} })
      told.tell(sent(1, told.now, 1, adopted))
      expect(told.state.refusals.size).toBe(left)
    }
  })

  it('whose answer comes after a later one was refused says nothing of its cell: who waits there goes on waiting', () => {
    const told = chosen({ waves: [{ nodes: 60, gate: WIDE }] })
    told.read()
    const { cell } = commandOf(told.state, 2)
    told.tell(
      { type: 'CommandRefused', n: 2, code: 'aws.denied', message: '', invalid: [] },
      { type: 'CellRefused', cell, code: 'aws.denied', message: '' },
    )
    told.sent(1)
    const ended = briefly(
      told.tell(report(1, Object.fromEntries(commandOf(told.state, 1).nodes.map((node) => [node, 'patched'])), told.now)),
    )
    expect(ended.filter((line) => line.includes('cell-refused'))).toEqual([])
    expect(told.state.activities.has(`prepare:${cell}`)).toBe(true)
    told.tell({ type: 'CellRefused', cell, code: 'aws.denied', message: '' })
    expect(told.state.activities.has(`prepare:${cell}`)).toBe(true)
    told.tell({ type: 'CellPrepared', cell, documents: {} }, { type: 'CommandClosed', n: 1 })
    told.read()
    expect(commandOf(told.state, 3).nodes).toHaveLength(10)
  })

  // prettier-ignore
  it.each<[it: string, forbids: (told: Telling) => void]>([
    ['a freeze holds by now',            (told) => told.tell({ type: 'FreezesRead', from: [told.now], to: [CUTOFF], why: ['x'], source: ['y'], again: null })],
    ['its window ends sooner by now',    (told) => told.tell({ type: 'WindowNarrowed', cutoff: told.now, closes: told.now, lastStart: told.now, why: 'x' })],
    ['nobody has read the freezes yet',  (told) => told.tell({ type: 'FreezesRead', from: [], to: [], why: [], source: [], again: CUTOFF }, { type: 'DriverTook', driver: 'driver-2', epoch: 2 })],
  ])('that SSM does not know is not sent again when %s; its nodes wait once nothing of it can start', (_, forbids) => {
    const told = intended()
    told.tell({ type: 'CommandUnclear', n: 1, message: 'aws.unclear' })
    told.wait(MINUTE)
    forbids(told)
    told.wait(2 * MINUTE)
    told.tell({ type: 'CommandMissed', n: 1 })
    expect([told.state.activities.has('send:1'), told.state.activities.has('find:1')]).toEqual([false, true])
    told.until(plus(commandOf(told.state, 1).startBefore, 2 * MINUTE))
    expect(briefly(told.tell({ type: 'CommandMissed', n: 1 }))[0]).toBe('CommandRefused never-sent')
    expect(commandOf(told.state, 1).phase).toBe('refused')
  })

  it.each<[code: string, reason: string]>([
    ['aws.invalid', 'refused-by-ssm'],
    ['plan.drift', 'document-changed'],
  ])('refused with %s leaves nodes alone: %s', (code, reason) => {
    const told = intended()
    told.tell({ type: 'CommandRefused', n: 1, code, message: '', invalid: [0, 1] })
    expect([told.node(0), told.node(1)]).toEqual([`skipped: ${reason}`, `skipped: ${reason}`])
    expect(told.state.openCommands.size).toBe(0)
    expect([...told.state.activities.keys()].filter((key) => key.endsWith(':1') && !key.startsWith('measure'))).toEqual([])
    expect(commandOf(told.state, 1).phase).toBe('refused')
    expect([...told.state.nodes.out]).toEqual([0, 0])
  })

  it('of a rollback that is refused for a node leaves it as it is', () => {
    const told = rollingBack(['failed: x', 'patched'])
    told.read()
    told.tell({ type: 'CommandRefused', n: told.n, code: 'aws.invalid', message: '', invalid: [1] })
    expect(told.node(1)).toBe('rollback-failed: refused-by-ssm')
    expect(told.state.nodes.out[1]).toBe(0)
    expect(told.state.nodes.touched[1]).toBe(1)
  })

  it('that is refused on a second attempt leaves what the first one did', () => {
    const told = flying({ waves: [{ nodes: 1, gate: WIDE }], retry: RETRY })
    told.tell(report(1, { 0: 'failed: lock-held' }, told.now), { type: 'CommandClosed', n: 1 })
    told.wait(MINUTE)
    told.read()
    expect([told.n, told.state.nodes.attempts[0]]).toEqual([2, 2])
    told.tell({ type: 'CommandRefused', n: 2, code: 'aws.invalid', message: '', invalid: [0] })
    expect([told.node(0), told.state.nodes.touched[0], told.state.nodes.out[0]]).toEqual(['failed: lock-held', 1, 1])
  })

  it('whose places are free again waits a little before they are filled', () => {
    const told = intended({ waves: [{ nodes: 4, concurrency: 2, gate: WIDE }] })
    told.sent(1)
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(briefly(told.wait(4 * SECOND))).toEqual([])
    told.tell(report(1, { 1: 'patched' }, told.now))
    expect(briefly(told.wait(SECOND))).toEqual([])
    expect([...told.state.batches.values()].map(({ nodes }) => nodes)).toEqual([[2, 3]])
  })

  it('exactly at its latest start is not sent again', () => {
    for (const [early, kind] of [
      [SECOND, 'send'],
      [0, 'find'],
    ] as const) {
      // prettier-ignore
      const told = intended()
      told.tell({ type: 'CommandUnclear', n: 1, message: '' })
      told.now = plus(commandOf(told.state, 1).startBefore, -early)
      told.tell({ type: 'CommandMissed', n: 1 })
      expect(told.state.activities.has(`${kind}:1`)).toBe(true)
    }
  })

  it('of a rollback goes on to be sent when the run is aborted', () => {
    const told = rollingBack(['failed: x'])
    told.read()
    told.tell({ type: 'CommandUnclear', n: told.n, message: '' }, { type: 'AbortAsked', reason: 'x', rollback: true })
    told.tell({ type: 'CommandMissed', n: told.n })
    expect([...told.state.activities.keys()]).toContain(`send:${String(told.n)}`)
    told.sent(told.n)
    expect([...told.state.activities.keys()]).not.toContain(`cancel:${String(told.n)}`)
  })

  it('of a rollback is not cancelled by an abort', () => {
    const told = rollingBack(['failed: x'])
    told.read()
    told.sent(told.n)
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: true })
    expect([...told.state.activities.keys()]).toEqual([`watch:${String(told.n)}`])
  })

  it('of Patch Manager is never cancelled: its transaction would be cut', () => {
    const told = new Telling({ waves: [{ nodes: 1 }], around: { apply: BY_PATCH_MANAGER } })
    told.open()
    told.read()
    ends(told, 'record')
    told.sent(told.n)
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: false })
    expect([...told.state.activities.keys()]).toEqual([`watch:${String(told.n)}`])
  })
})

describe('a report', () => {
  it('of a failure that may pass is tried once more; of another one it is not', () => {
    const told = flying({ waves: [{ nodes: 2, gate: WIDE }], retry: RETRY })
    told.tell(report(1, { 0: 'failed: lock-held', 1: 'failed: disk-full' }, told.now))
    expect([...told.state.nodes.stage]).toEqual([STAGE.retrying, STAGE.ended])
    expect([told.state.retrying, told.state.suspects, told.state.waitingCount, told.state.inFlight]).toEqual([1, 1, 1, 0])
    expect(briefly(told.tell({ type: 'CommandClosed', n: 1 }))).toEqual(['BatchChosen 0'])
    expect([told.state.retrying, told.state.suspects, told.state.inFlight]).toEqual([0, 0, 1])
    told.read()
    told.sent(2)
    told.tell(report(2, { 0: 'failed: lock-held' }, told.now))
    expect(told.node(0)).toBe('failed: lock-held')
  })

  it('of a failure is not tried again once the run is to end', () => {
    const told = flying({ retry: RETRY })
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: false }, report(1, { 0: 'failed: lock-held' }, told.now))
    expect(told.node(0)).toBe('failed: lock-held')
  })

  it('of what may pass, but not a failure, is no attempt', () => {
    const told = flying({ retry: RETRY })
    told.tell(report(1, { 0: 'unknown: lock-held' }, told.now))
    expect(told.node(0)).toBe('unknown: lock-held')
  })

  it('that is unknown again changes nothing, not even its reason', () => {
    const told = flying()
    told.tell(report(1, { 0: 'silent unknown: expired' }, told.now))
    told.tell(report(1, { 0: 'unknown: odd' }, told.now))
    expect(told.node(0)).toBe('unknown: expired')
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(told.node(0)).toBe('patched: reason')
  })

  it('a node has spoken for itself: what comes later is not heard', () => {
    const told = flying()
    told.tell(report(1, { 0: 'unknown: odd' }, told.now))
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(told.node(0)).toBe('unknown: odd')
    told.tell(report(1, { 1: 'silent failed: expired' }, told.now))
    told.tell(report(1, { 1: 'patched' }, told.now))
    expect(told.node(1)).toBe('failed: expired')
  })

  it('keeps what is missing, and when the node ended, in whole seconds', () => {
    const told = flying()
    const ended = plus(told.now, 1_999)
    const event = report(1, { 0: 'patched' }, ended)
    told.tell({ ...event, missing: [7] })
    expect([told.state.nodes.missing[0], told.state.nodes.endedSeconds[0]]).toEqual([7, Math.floor(ended / 1000)])
    expect(commandOf(told.state, 1).open).toBe(1)
  })

  it.each<[word: string, touched: number]>([
    ['patched', 1],
    ['failed: timeout', 1],
    ['unknown: odd', 1],
    ['not-needed', 0],
    ['skipped: too-late', 0],
  ])('%s of a first attempt: touched %i', (word, touched) => {
    const told = flying()
    told.tell(report(1, { 0: word }, told.now))
    expect(told.state.nodes.touched[0]).toBe(touched)
  })

  it.each<[word: string, node: string]>([
    ['not-needed', 'not-needed: reason'],
    ['skipped: too-late', 'failed: lock-held'],
  ])('%s of a second attempt: the node stays touched', (word, node) => {
    const told = flying({ waves: [{ nodes: 1, gate: WIDE }], retry: RETRY })
    told.tell(report(1, { 0: 'failed: lock-held' }, told.now), { type: 'CommandClosed', n: 1 })
    told.read()
    told.sent(2)
    told.tell(report(2, { 0: word }, told.now))
    expect([told.node(0), told.state.nodes.touched[0]]).toEqual([node, 1])
  })

  it.each<[word: string, doubtful: boolean, node: string]>([
    ['skipped: cancelled', true, 'unknown: cancelled'],
    ['skipped: cancelled', false, 'skipped: cancelled'],
    ['skipped: too-late', true, 'skipped: too-late'],
    ['failed: cancelled', true, 'failed: cancelled'],
  ])('%s of a doubtful command (%s): %s', (word, doubtful, node) => {
    const told = intended()
    if (doubtful) told.tell({ type: 'CommandUnclear', n: 1, message: '' }, { type: 'CommandMissed', n: 1 })
    told.sent(1)
    told.tell(report(1, { 0: word }, told.now))
    expect(told.node(0)).toBe(node)
  })

  it('of a lost cell gives it more time; a silent one does not', () => {
    for (const [word, since] of [
      ['patched', MINUTE],
      ['silent unknown: expired', 0],
    ] as const) {
      // prettier-ignore
      const told = flying()
      const { cell } = commandOf(told.state, 1)
      told.tell({ type: 'CellRefused', cell, code: 'aws.denied', message: '' })
      told.wait(MINUTE)
      told.tell(report(1, { 0: word, 1: 'silent unknown: expired' }, told.now))
      expect(told.state.refusals.get(cell)).toBe(plus(OPENS, since))
    }
  })
})

describe('nodes that are gone', () => {
  it('have failed if they were touched, whatever they said; others stay as they are', () => {
    const told = flying({ waves: [{ nodes: 4, gate: WIDE }] })
    told.tell(report(1, { 0: 'patched', 1: 'not-needed', 2: 'unknown: odd' }, told.now))
    told.tell({ type: 'NodesGone', nodes: [0, 1, 2, 3] })
    expect([0, 1, 2, 3].map((node) => told.node(node))).toEqual(['failed: gone', 'not-needed: reason', 'failed: gone', 'open'])
    expect([...told.state.nodes.out]).toEqual([1, 0, 1, 1])
  })

  it('in a rollback cannot be restored', () => {
    const told = rollingBack(['failed: x', 'patched'])
    told.read()
    told.sent(told.n)
    told.tell(report(told.n, { 1: 'rolled-back' }, told.now))
    told.tell({ type: 'NodesGone', nodes: [1] })
    expect(told.node(1)).toBe('rollback-failed: gone')
  })
})

describe('waiting nodes that are given up', () => {
  it('are skipped; one that failed before has failed', () => {
    const told = flying({ waves: [{ nodes: 3, concurrency: 2, gate: WIDE }], retry: RETRY })
    told.tell(report(1, { 0: 'failed: lock-held', 1: 'patched' }, told.now))
    expect(briefly(told.until(CUTOFF))).toContain('NodesSkipped 0 cutoff')
    expect([told.node(0), told.node(2)]).toEqual(['failed: lock-held', 'skipped: cutoff'])
    expect([...told.state.nodes.out]).toEqual([1, 0, 0])
  })

  it('in a rollback are not restored', () => {
    const told = rollingBack(['failed: x', 'patched'])
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: false })
    expect([told.node(0), told.node(1)]).toEqual(['rollback-failed: aborted', 'rollback-failed: aborted'])
    expect([...told.state.nodes.out]).toEqual([1, 0])
  })

  it('in a run that undoes another one are not restored', () => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: 2, concurrency: 1, gate: WIDE }] })
    told.open()
    told.read()
    told.sent(1)
    told.until(CUTOFF)
    expect(told.node(1)).toBe('rollback-failed: cutoff')
  })
})
