import { describe, expect, it } from 'vitest'
import type { Effect } from '../../../src/core/run/effect.ts'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { evolve, fold } from '../../../src/core/run/evolve.ts'
import { next } from '../../../src/core/run/next.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import { initial, type RunState } from '../../../src/core/run/state.ts'
import { DAY, HOUR, MINUTE, plus } from '../../../src/kit/instant.ts'
import { ACCOUNT, plan, type PlanSpec } from './plan.ts'
import { CLOSES, CUTOFF, ENGINE, NO_FREEZE, OPENS, pinned, report, REQUESTED, RUN, sent } from './telling.ts'

const CELL = `${ACCOUNT}/us-east-1`
const TOOK: RunEvent = { type: 'DriverTook', driver: 'driver-1', epoch: 1 }
const CHOSEN = plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: CLOSES }, '')
const PREPARED: RunEvent = { type: 'CellPrepared', cell: CELL, documents: {} }
const READ: RunEvent = { type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null }
const GROUPED: RunEvent = { type: 'BatchRead', batch: 1, skipped: [], reasons: [], down: [] }

/** A driver as the engine has it: what it is told is folded with all that follows; what it should begin and stop is collected. */
class Driver {
  readonly state: RunState
  begun: Effect[] = []
  stopped: string[] = []
  now = OPENS

  constructor(spec: PlanSpec) {
    this.state = initial(RUN, plan(spec))
  }

  tell(...told: readonly RunEvent[]): this {
    this.begun = []
    this.stopped = []
    for (const event of told) evolve(this.state, { at: this.now, actor: ENGINE, event })
    for (;;) {
      const turn = next(this.state, this.now)
      this.begun.push(...turn.effects)
      this.stopped.push(...turn.dropped)
      if (turn.events.length === 0) return this
      expect([turn.effects, turn.dropped, turn.wakeAt]).toEqual([[], [], null])
      for (const event of turn.events) evolve(this.state, { at: this.now, actor: ENGINE, event })
    }
  }

  /** From the request to the open window. */
  open(): this {
    return this.tell(REQUESTED, pinned(this.state.plan), TOOK).tell(CHOSEN).tell(NO_FREEZE).tell(PREPARED).tell(READ)
  }
}

describe('what should be begun and stopped', () => {
  it('from the request to the end of a plain run, each once', () => {
    const driver = new Driver({ waves: [{ nodes: 2, gate: { checks: ['smoke'] } }] })
    const story: [told: RunEvent[], begun: Effect[], stopped: string[]][] = [
      [[REQUESTED, pinned(driver.state.plan), TOOK], [{ kind: 'window', key: 'window', after: OPENS }], []],
      [[CHOSEN], [{ kind: 'almanac', key: 'almanac' }], ['window']],
      [
        [NO_FREEZE],
        [
          { kind: 'survey', key: 'survey' },
          { kind: 'prepare', key: `prepare:${CELL}`, cell: CELL },
        ],
        ['almanac'],
      ],
      [[PREPARED], [], [`prepare:${CELL}`]],
      [[READ], [{ kind: 'read', key: 'read:1', batch: 1, cell: CELL, work: 'apply', nodes: [0, 1], stopped: false }], ['survey']],
      [[GROUPED], [{ kind: 'send', key: 'send:1', n: 1 }], ['read:1']],
      [[sent(1, OPENS)], [{ kind: 'watch', key: 'watch:1', n: 1 }], ['send:1']],
      [[report(1, { 0: 'patched', 1: 'patched' }, OPENS)], [measure('presence', 1), measure('smoke', 2)], []],
      [[{ type: 'CommandClosed', n: 1 }], [], ['watch:1']],
    ]
    for (const [told, begun, stopped] of story) {
      driver.tell(...told)
      expect([driver.begun, driver.stopped]).toEqual([begun, stopped])
    }
    driver.tell(passed('presence'))
    expect([driver.begun, driver.stopped]).toEqual([[], ['measure:gate:0:1:presence']])
    driver.tell(passed('smoke'))
    expect(driver.state.phase).toMatchObject({ name: 'finished', outcome: 'succeeded' })
    expect(driver.stopped).toEqual(['measure:gate:0:1:smoke'])
  })

  const measure = (check: string, ahead: number): Effect => ({
    kind: 'measure',
    key: `measure:gate:0:1:${check}`,
    purpose: 'gate',
    wave: 0,
    round: 1,
    check,
    n: 1 + ahead,
  })
  const passed = (check: string): RunEvent => ({
    type: 'CheckMeasured',
    purpose: 'gate',
    wave: 0,
    round: 1,
    check,
    verdict: 'pass',
    evidence: '',
    subjects: 2,
    failing: [],
  })

  it('nothing of it twice: a driver that is told nothing new begins nothing', () => {
    const driver = new Driver({ waves: [{ nodes: 2 }] }).open()
    driver.tell()
    expect([driver.begun, driver.stopped]).toEqual([[], []])
  })

  it('all of it again by a successor, but what was never asked', () => {
    const driver = new Driver({ waves: [{ nodes: [{}, { region: 'eu-west-1' }] }] })
    driver.tell(REQUESTED, pinned(driver.state.plan), TOOK).tell(CHOSEN).tell(NO_FREEZE)
    driver.tell({ type: 'DriverTook', driver: 'driver-2', epoch: 2 })
    expect(driver.begun.map(({ key }) => key)).toEqual(['survey', `prepare:${CELL}`, `prepare:${ACCOUNT}/eu-west-1`])
    expect(driver.stopped).toEqual([])
  })

  it('the node groups of a round that may start stopped nodes say so', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }], around: { power: { stopped: 'start-and-restore' } } }).open()
    expect(driver.begun).toEqual([{ kind: 'read', key: 'read:1', batch: 1, cell: CELL, work: 'apply', nodes: [0], stopped: true }])
    driver.tell(GROUPED)
    expect(driver.begun).toEqual([{ kind: 'step', key: 'step:1', id: 1 }])
  })

  it('of an unclear send: looked up, sent again, adopted', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }] }).open().tell(GROUPED)
    driver.tell({ type: 'CommandUnclear', n: 1, message: '' })
    expect([driver.begun, driver.stopped]).toEqual([[{ kind: 'find', key: 'find:1', n: 1 }], ['send:1']])
    driver.tell({ type: 'CommandMissed', n: 1 })
    expect([driver.begun, driver.stopped]).toEqual([[{ kind: 'send', key: 'send:1', n: 1 }], ['find:1']])
    driver.tell({ type: 'CommandUnclear', n: 1, message: '' }, sent(1, OPENS, 1, true))
    expect([driver.begun, driver.stopped]).toEqual([[{ kind: 'watch', key: 'watch:1', n: 1 }], ['send:1', 'find:1']])
    expect(driver.state.commands.get(1)).toMatchObject({ phase: 'sent', doubtful: true })
  })

  it('of a command that may not be sent any more: looked up on and on', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }] }).open().tell(GROUPED)
    driver.tell({ type: 'CommandUnclear', n: 1, message: '' }, { type: 'Paused', reason: '' })
    driver.tell({ type: 'CommandMissed', n: 1 })
    expect([driver.begun, driver.stopped]).toEqual([[{ kind: 'find', key: 'find:1', n: 1 }], []])
  })

  it('of an abort: what was sent is cancelled, once; what was not is cancelled when it is found', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }] }).open().tell(GROUPED)
    driver.tell(sent(1, OPENS)).tell({ type: 'AbortAsked', reason: '', rollback: false })
    expect(driver.begun).toEqual([{ kind: 'cancel', key: 'cancel:1', n: 1 }])
    driver.tell({ type: 'AbortAsked', reason: '', rollback: false })
    expect(driver.begun).toEqual([])
    driver.tell({ type: 'CancelDone', n: 1, nodes: [] })
    expect(driver.stopped).toEqual(['cancel:1'])

    const late = new Driver({ waves: [{ nodes: 1 }] }).open().tell(GROUPED)
    late.tell({ type: 'CommandUnclear', n: 1, message: '' }, { type: 'AbortAsked', reason: '', rollback: false })
    expect(late.begun.map(({ key }) => key)).toEqual(['find:1'])
    late.tell(sent(1, OPENS, 1, true))
    expect(late.begun.map(({ key }) => key)).toEqual(['watch:1', 'cancel:1'])
  })

  it('of a person who cancels: what is sent, and only that', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }] }).open().tell(GROUPED)
    driver.tell({ type: 'CancelAsked', n: 1 })
    expect(driver.begun).toEqual([])
    driver.tell(sent(1, OPENS)).tell({ type: 'CancelAsked', n: 1 })
    expect(driver.begun).toEqual([{ kind: 'cancel', key: 'cancel:1', n: 1 }])
  })

  it('of a command that is closed: nothing', () => {
    const driver = new Driver({ waves: [{ nodes: 2, gate: { failuresMax: 2 } }] }).open().tell(GROUPED)
    driver.tell(sent(1, OPENS)).tell({ type: 'CancelAsked', n: 1 })
    driver.tell(report(1, { 0: 'patched', 1: 'patched' }, OPENS)).tell({ type: 'CommandClosed', n: 1 })
    expect(driver.stopped).toEqual(['watch:1', 'cancel:1'])
  })

  it('of a trial: scan, classify, store, approve', () => {
    const driver = new Driver({
      act: 'trial',
      waves: [{ nodes: [{ list: null }] }],
      trial: { lineages: [{ image: 'ami-1', nodes: [0], accounts: [ACCOUNT] }], path: '/p', approval: null },
    }).open()
    expect(driver.begun).toEqual([{ kind: 'scan', key: 'scan', n: 1 }])
    driver.tell({ type: 'NodesScanned', nodes: [0], lists: ['x'], missing: [3] })
    expect([driver.begun, driver.stopped]).toEqual([[{ kind: 'classify', key: 'classify' }], ['scan']])
    expect(driver.state.nodes.scanned.get(0)).toBe('x')
    driver.tell({ type: 'ListsPinned', lists: 'y', count: 4, patches: [1], nodes: [0], of: [2] })
    expect(driver.state.lists).toEqual({ digest: 'y', count: 4 })
    expect(driver.begun.map(({ key }) => key)).toEqual(['read:1'])
    expect(driver.stopped).toEqual(['classify'])
    expect(driver.state.batches.get(1)).toMatchObject({ list: 2 })
    driver
      .tell(GROUPED)
      .tell(sent(2, OPENS))
      .tell(report(2, { 0: 'patched' }, OPENS))
      .tell({ type: 'CommandClosed', n: 2 })
    driver.tell(passed('presence'))
    expect(driver.begun).toEqual([{ kind: 'store', key: `store:ami-1@${ACCOUNT}`, lineage: 0, account: ACCOUNT }])
    driver.tell({ type: 'BaselineStored', account: ACCOUNT, image: 'ami-1', path: '/p/x', version: 7, digest: 'z', written: 1 })
    expect(driver.begun).toEqual([{ kind: 'approve-baselines', key: 'approve-baselines' }])
    expect(driver.stopped).toEqual([`store:ami-1@${ACCOUNT}`])
    expect([...driver.state.stored]).toEqual([[`ami-1@${ACCOUNT}`, { path: '/p/x', version: 7, digest: 'z' }]])
    driver.tell({ type: 'BaselinesApproved', count: 1 })
    expect(driver.stopped).toEqual(['approve-baselines'])
  })

  it('of a cell that is lost: asked again, until it answers', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }] }).open()
    driver.tell({ type: 'CellRefused', cell: CELL, code: 'aws.denied', message: '' })
    expect(driver.begun).toEqual([{ kind: 'prepare', key: `prepare:${CELL}`, cell: CELL }])
    driver.tell(PREPARED)
    expect(driver.stopped).toContain(`prepare:${CELL}`)
  })

  it('of a run that has ended: nothing', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }] })
    driver.tell(REQUESTED, pinned(driver.state.plan), TOOK)
    driver.tell({ type: 'AbortAsked', reason: 'x', rollback: false })
    expect(driver.stopped).toEqual(['window'])
    expect(driver.state.activities.size).toBe(0)
  })
})

describe('a plan that waits for people', () => {
  const approval = { group: 'leads', count: 1, expiresMs: DAY }
  const given: RunEvent = { type: 'ApprovalGiven', subject: { kind: 'plan' }, by: 'ann', reason: '' }
  const atOnce: RunEvent = { ...REQUESTED, now: true } as RunEvent

  it('of the schedule: its window is looked for meanwhile', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }], approval })
    driver.tell(REQUESTED, pinned(driver.state.plan), TOOK)
    expect(driver.begun.map(({ key }) => key)).toEqual(['window'])
    driver.tell(given)
    expect(driver.begun).toEqual([])
  })

  it('by hand, at once: its window opens when they have decided', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }], approval: { ...approval, count: 2 } })
    driver.tell(atOnce, pinned(driver.state.plan), TOOK)
    expect(driver.begun).toEqual([])
    driver.tell(given)
    expect(driver.begun).toEqual([])
    driver.now = plus(OPENS, MINUTE)
    driver.tell({ ...given, by: 'bob' })
    expect(driver.begun).toEqual([{ kind: 'window', key: 'window', after: driver.now }])
    driver.tell({ ...given, by: 'eve' })
    expect(driver.begun).toEqual([])
    driver.tell(CHOSEN)
    driver.tell({ ...given, by: 'dan' })
    expect(driver.begun).toEqual([])
  })

  it('by hand, at once, without an approval: at once', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }] })
    driver.tell(atOnce, pinned(driver.state.plan), TOOK)
    expect(driver.begun.map(({ key }) => key)).toEqual(['window'])
  })

  it('a runbook without a window opens one by hand', () => {
    const made = plan({ waves: [{ nodes: 1 }], approval })
    const state = initial(RUN, { ...made, runbook: { ...made.runbook, window: null } })
    fold(state, [REQUESTED, pinned(made), TOOK].map((event) => ({ at: OPENS, actor: ENGINE, event }))) // prettier-ignore
    expect(state.activities.has('window')).toBe(false)
  })

  it('another question that is answered opens nothing', () => {
    const driver = new Driver({ waves: [{ nodes: 1 }], approval })
    driver.tell(atOnce, pinned(driver.state.plan), TOOK)
    const subject = { kind: 'freeze' } as const
    driver.tell({ type: 'ApprovalAsked', subject, group: '', count: 1, expires: plus(OPENS, HOUR) }, { ...given, subject })
    expect(driver.begun).toEqual([])
  })
})
