import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { needsRollback } from '../../../src/core/run/evolve-waves.ts'
import { next } from '../../../src/core/run/next.ts'
import { outOf } from '../../../src/core/run/limits.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import { approvalOf, at, codeOf, initial, type sameSubject, STAGE } from '../../../src/core/run/state.ts'
import { setsOf } from '../../../src/core/run/sets.ts'
import { DAY, HOUR, instant, MINUTE, plus } from '../../../src/kit/instant.ts'
import { ACCOUNT, plan, type PlanSpec } from './plan.ts'
import { briefly, CLOSES, CUTOFF, measured, NO_FREEZE, OPENS, report, RUN, Telling } from './telling.ts'
import { searching, stands } from './searching.ts'
import { flying, ROLLBACK, WIDE } from './rounds.ts'

describe('a run before its first event', () => {
  it('knows its nodes, their cells, waves and lists, and nothing else', () => {
    const nodes = [{}, { region: 'eu-west-1', list: null, groups: [1] }, { list: 3 }]
    const groups = [{ atMost: 1 }, { atMost: 1, set: 'zone' }, { atMost: 2, set: 'zone' }, { atMost: 2, set: 'rack' }]
    const made = plan({ groups, waves: [{ nodes: nodes.slice(0, 2) }, { nodes: nodes.slice(2) }] })
    const left = { ...made.nodes[0], node: 'i-left' } as (typeof made.nodes)[number]
    const state = initial(RUN, { ...made, nodes: [...made.nodes, left] })
    expect(state.cells).toEqual([`${ACCOUNT}/us-east-1`, `${ACCOUNT}/eu-west-1`])
    expect([...state.nodes.cell]).toEqual([0, 1, 0, 0])
    expect([...state.nodes.wave]).toEqual([0, 0, 1, -1])
    expect([...state.nodes.list]).toEqual([0, -1, 3, 0])
    expect(state.nodes.reason).toEqual(['', '', '', ''])
    expect([...state.groupSet]).toEqual([-1, 0, 0, 1])
    expect(state.setMembers).toEqual([[1, 2], [3]])
    expect(state).toMatchObject({
      phase: { name: 'requested' },
      planDigest: '',
      requestedBy: null,
      atOnce: false,
      undoes: null,
      driver: null,
      epoch: 0,
      window: null,
      opening: null,
      requestedAt: instant(0),
      reason: '',
      breakFreeze: false,
      frost: null,
      paused: false,
      approvals: [],
      unproven: [],
      dirty: [],
      at: instant(0),
    })
    expect(state.waves.map(({ name, phase, why, expired }) => ({ name, phase, why, expired }))).toEqual([
      { name: 'wave-1', phase: 'queued', why: [], expired: false },
      { name: 'wave-2', phase: 'queued', why: [], expired: false },
    ])
    expect(state.waves.map(({ counts }) => at(counts, 0))).toEqual([2, 1])
  })

  it('a list is read within its bounds only', () => {
    expect(at([7], 0)).toBe(7)
    expect(() => at([7], 1)).toThrow(/position 1 of 1/)
  })

  it('groups without a set are in none', () => {
    expect([...setsOf(plan({ groups: [{}, {}], waves: [] })).groupSet]).toEqual([-1, -1])
  })
})

describe('what people are asked', () => {
  it('the newest asking about a subject counts; gates are told apart by their wave', () => {
    const { state } = new Telling({ waves: [{ nodes: 1 }] })
    const asked = (subject: Parameters<typeof sameSubject>[0], group: string) => ({
      subject,
      group,
      count: 1,
      expires: OPENS,
      by: [],
      state: 'asked' as const,
    })
    state.approvals.push(
      asked({ kind: 'gate', wave: 'a' }, 'old'),
      asked({ kind: 'gate', wave: 'a' }, 'new'),
      asked({ kind: 'gate', wave: 'b' }, 'other'),
      asked({ kind: 'plan' }, 'plan'),
    )
    expect(approvalOf(state, { kind: 'gate', wave: 'a' })?.group).toBe('new')
    expect(approvalOf(state, { kind: 'gate', wave: 'b' })?.group).toBe('other')
    expect(approvalOf(state, { kind: 'plan' })?.group).toBe('plan')
    expect(approvalOf(state, { kind: 'freeze' })).toBeUndefined()
    expect(approvalOf(state, { kind: 'gate', wave: 'c' })).toBeUndefined()
  })
})

describe('a look at the fleet', () => {
  const groups = {
    groups: [
      { atMost: 1, set: 'zone' },
      { atMost: 1, set: 'zone' },
    ],
  }
  const nodes = [{ groups: [0] }, { groups: [1] }]

  it('says who is down and who is down beside the plan; the next one says it anew', () => {
    const told = new Telling({ ...groups, waves: [{ nodes, gate: WIDE }] })
    told.open({ down: [1], outside: [0], appeared: 3 })
    expect([[...told.state.nodes.down], [...told.state.nodes.out], told.state.appeared]).toEqual([[0, 1], [0, 1], 3]) // prettier-ignore
    expect([outOf(told.state, 0), outOf(told.state, 1), at(told.state.setActive, 0)]).toEqual([1, 1, 2])
    told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
    expect([outOf(told.state, 0) + outOf(told.state, 1), at(told.state.setActive, 0)]).toEqual([0, 0])
  })

  it('while the waves go on changes no phase', () => {
    const told = flying({ waves: [{ nodes: 1 }, { nodes: 1 }] })
    told.ends(1, 'patched')
    told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
    expect(told.state.phase).toEqual({ name: 'waves', wave: 0 })
  })

  it('in a later window: the run goes on at its first wave that has not passed, and asks no checks again', () => {
    const told = new Telling({ unfinished: 'next-window', before: ['probe'], waves: [{ nodes: 1 }, { nodes: 2, concurrency: 1 }] })
    told.open()
    const answer = (): void => {
      for (const effect of [...told.state.activities.values()]) if (effect.kind === 'measure') told.tell(measured(effect, 'pass'))
    }
    answer()
    told.read()
    told.sent(1 + 1)
    told.ends(2, 'patched')
    answer()
    told.read()
    const { n } = told
    told.sent(n)
    told.until(CUTOFF)
    told.ends(n, 'patched')
    expect(told.state.phase.name).toBe('awaiting-window')
    const opens = plus(OPENS, 7 * DAY)
    told.now = opens
    told.tell(plainOpening({ opens, cutoff: plus(opens, HOUR), closes: plus(opens, HOUR) }, ''), NO_FREEZE)
    expect(told.state.phase.name).toBe('surveying')
    told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
    expect(told.state.phase).toEqual({ name: 'waves', wave: 1 })
  })
})

describe('a window', () => {
  it('that ends sooner is narrowed in all three', () => {
    const told = flying()
    const [cutoff, closes, lastStart] = [plus(CUTOFF, -HOUR), plus(CLOSES, -HOUR), plus(CUTOFF, -2 * HOUR)]
    told.tell({ type: 'WindowNarrowed', cutoff, closes, lastStart, why: 'x' })
    expect(told.state.window).toMatchObject({ opens: OPENS, cutoff, closes, lastStart, opened: true })
  })

  it('is not open when it is chosen; its freezes are read, again and again where they may change', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    told.tell({ type: 'DriverTook', driver: 'd', epoch: 4 }, plainOpening({ opens: plus(OPENS, HOUR), cutoff: CUTOFF, closes: CLOSES }, ''))
    expect(told.state.window?.opened).toBe(false)
    expect(told.state.activities.get('almanac')).toEqual({ kind: 'almanac', key: 'almanac' })
    const again = plus(OPENS, MINUTE)
    told.tell({ type: 'FreezesRead', from: [OPENS], to: [CUTOFF], why: ['x'], source: ['y'], again })
    expect(told.state.frost).toEqual({ freezes: [{ from: OPENS, to: CUTOFF, why: 'x', source: 'y' }], again, epoch: 4 })
    expect(told.state.activities.has('almanac')).toBe(true)
    told.tell({ type: 'FreezesRead', from: [OPENS], to: [CUTOFF], why: [], source: [], again: null })
    expect(told.state.frost?.freezes).toEqual([{ from: OPENS, to: CUTOFF, why: '', source: '' }])
    expect(told.state.activities.has('almanac')).toBe(false)
  })
})

describe('the way back', () => {
  const failing = (words: readonly string[], spec: Partial<PlanSpec> = {}): Telling => {
    const told = flying({ waves: [{ nodes: words.length }], rollback: ROLLBACK, ...spec })
    told.tell(report(1, Object.fromEntries(words.map((word, node) => [node, word])), told.now))
    return told
  }

  // prettier-ignore
  it.each<[word: string, back: boolean]>([
    ['patched',      true],
    ['failed: x',    true],
    ['unknown: x',   true],
    ['not-needed',   false],
    ['skipped: x',   false],
    ['failed: gone', false],
  ])('is for a node that ended %s: %s', (word, back) => {
    expect(needsRollback(failing([word, 'failed: x']).state, 0)).toBe(back)
  })

  it('is for a node that kept what a search found to be good, once that search is given up: what undoes the run later takes it too', () => {
    const { state } = searching({ kept: new Set([2]) })
    stands(state, 2, 'patched')
    state.nodes.touched[2] = 1
    expect(needsRollback(state, 2)).toBe(false)
    state.aborting = { rollback: true, reason: 'x' }
    const [started] = next(state, state.at).events
    expect(started).toMatchObject({ type: 'RollbackStarted', nodes: 1 })
    state.aborting = null
    state.phase = { name: 'finished', outcome: 'aborted', reason: 'x' }
    expect(needsRollback(state, 2)).toBe(true)
  })

  it('takes those that are out first, and each when its last command has ended', () => {
    const told = failing(['patched', 'failed: x', 'patched', 'failed: x'])
    expect([...told.state.nodes.stage].every((stage) => stage === STAGE.retrying)).toBe(true)
    told.tell({ type: 'CommandClosed', n: 1 })
    expect([...told.state.batches.values()].map(({ nodes }) => nodes)).toEqual([[1, 3, 2, 0]])
  })

  it('that is asked for while it aborts ends rolled back; an abort ends aborted', () => {
    for (const [asked, after] of [
      [{ type: 'RollbackAsked', reason: 'x' }, 'rolled-back'],
      [{ type: 'AbortAsked', reason: 'x', rollback: true }, 'aborted'],
    ] as const) {
      // prettier-ignore
      const told = flying()
      told.tell(asked)
      told.ends(1, 'patched')
      expect(told.state.phase).toMatchObject({ name: 'rolling-back', after })
    }
  })

  it('whose node was never attempted stays as out as it was', () => {
    const told = failing(['patched', 'failed: x', 'unknown: odd', 'patched'])
    told.tell({ type: 'CommandClosed', n: 1 })
    told.tell({
      type: 'BatchRead',
      batch: told.state.batchCount,
      skipped: [0, 1, 2],
      reasons: ['excluded', 'excluded', 'excluded'],
      down: [],
    })
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(Array.from({ length: 3 }, () => 'rollback-failed: excluded'))
    expect([...told.state.nodes.out].slice(0, 3)).toEqual([0, 1, 1])
    told.sent(told.n)
    told.ends(told.n, 'rollback-failed: x')
    expect(told.state.nodes.out[3]).toBe(1)
    expect([...told.state.nodes.applied].map((code) => code)).toEqual([
      codeOf('patched'),
      codeOf('failed'),
      codeOf('unknown'),
      codeOf('patched'),
    ])
  })

  it('wants nothing of the way forward any more, but what was sent', () => {
    const told = flying({ waves: [{ nodes: 2, gate: { ...WIDE, checks: ['smoke'] } }], rollback: ROLLBACK })
    told.tell(report(1, { 0: 'patched', 1: 'patched' }, told.now))
    expect([...told.state.activities.keys()]).toEqual(['watch:1', 'measure:gate:0:1:presence', 'measure:gate:0:1:smoke'])
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: true })
    expect([...told.state.activities.keys()].filter((key) => key.startsWith('measure'))).toEqual([])
    expect(told.state.activities.has('watch:1')).toBe(true)
  })
})

describe('a successor', () => {
  it('looks up what may have been sent, and watches what was', () => {
    const told = new Telling({ waves: [{ nodes: [{}, { region: 'eu-west-1' }], gate: WIDE }] })
    told.open()
    told.read()
    told.sent(1)
    told.tell({ type: 'DriverTook', driver: 'driver-2', epoch: 2 })
    expect([...told.state.activities.keys()].sort()).toEqual(['find:2', 'watch:1'])
    expect([...told.state.commands.values()].map(({ phase, doubtful }) => [phase, doubtful])).toEqual([['sent', false], ['unclear', true]]) // prettier-ignore
    expect([told.state.driver, told.state.epoch]).toEqual(['driver-2', 2])
  })
})

describe('what changes nothing', () => {
  it.each<[RunEvent]>([
    [{ type: 'SteeringRefused', what: 'pause', reason: 'x' }],
    [{ type: 'MessageUnread', digest: 'd', bytes: 7, reason: 'x' }],
    [{ type: 'Resumed', reason: 'x' }],
  ])('%j', (event) => {
    const told = flying()
    const before = JSON.stringify(told.lived)
    told.tell(event)
    expect(JSON.stringify(told.lived)).toBe(before)
  })

  it('an event of a kind that nobody knows is a bug', () => {
    expect(() => flying().tell({ type: 'Odd' } as unknown as RunEvent)).toThrow(/no such case/)
  })
})

describe('the end of a run', () => {
  it('skips who was never reached, and wants nothing any more', () => {
    const told = flying({ waves: [{ nodes: 1, gate: { bakeMs: HOUR } }, { nodes: 1 }] })
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: false })
    told.ends(1, 'patched')
    expect([told.node(0), told.node(1)]).toEqual(['patched: reason', 'skipped: not-reached'])
    expect([told.state.activities.size, told.state.phase]).toEqual([0, { name: 'finished', outcome: 'aborted', reason: 'x' }])
    expect(at(told.state.waves[1]?.counts ?? [], codeOf('skipped'))).toBe(1)
  })

  it('a late report turns what was unknown, and is told nowhere else', () => {
    const told = flying({ waves: [{ nodes: 1, gate: WIDE }] })
    told.tell(report(1, { 0: 'silent unknown: expired' }, told.now), { type: 'CommandClosed', n: 1 })
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: false })
    expect(told.state.phase.name).toBe('finished')
    expect(briefly(told.tell(report(1, { 0: 'patched' }, told.now)))).toEqual([])
    expect(told.node(0)).toBe('patched: reason')
  })
})

describe('a trial', () => {
  const trial = {
    lineages: [{ image: 'ami-1', nodes: [0], accounts: [ACCOUNT, '444455556666'] }],
    path: '/p',
    approval: { group: 'leads', count: 1, expiresMs: HOUR },
  }
  const subject = { kind: 'baselines' } as const
  const stored = (account: string): RunEvent => ({
    type: 'BaselineStored',
    account,
    image: 'ami-1',
    path: '/x',
    version: 1,
    digest: 'x',
    written: 1,
  })

  it('has its baselines approved when all are stored and people have said so, and not before', () => {
    const told = new Telling({ act: 'trial', waves: [{ nodes: [{ list: null }] }], trial })
    told.open()
    told.tell({ type: 'NodesScanned', nodes: [0], lists: ['x'], missing: [9] })
    expect(told.state.nodes.missing[0]).toBe(9)
    told.tell({ type: 'ListsPinned', lists: 'x', count: 1, patches: [1], nodes: [0], of: [0] })
    told.play('patched')
    expect([told.state.storing, told.state.unproven]).toEqual([2, []])
    const wanted = (): boolean => told.state.activities.has('approve-baselines')
    told.tell(
      { type: 'ApprovalAsked', subject, group: 'leads', count: 1, expires: plus(OPENS, DAY) },
      { type: 'ApprovalGiven', subject, by: 'ann', reason: '' },
    )
    expect(wanted()).toBe(false)
    told.tell(stored(ACCOUNT))
    expect(wanted()).toBe(false)
    told.tell(stored('444455556666'))
    expect(wanted()).toBe(true)
  })

  it('an approval of something else approves no baselines', () => {
    const told = flying({ approval: null })
    told.tell(
      { type: 'ApprovalAsked', subject, group: '', count: 1, expires: plus(OPENS, DAY) },
      { type: 'ApprovalGiven', subject, by: 'ann', reason: '' },
    )
    expect(told.state.activities.has('approve-baselines')).toBe(false)
  })

  it('a run without one that undoes another stores nothing', () => {
    const told = flying({ work: 'rollback', undoes: 'x', trial: { ...trial, approval: null } })
    told.ends(1, 'rolled-back')
    for (const effect of [...told.state.activities.values()]) if (effect.kind === 'measure') told.tell(measured(effect, 'pass'))
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
  })
})
