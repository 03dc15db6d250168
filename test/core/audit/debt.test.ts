import { describe, expect, it } from 'vitest'
import { DebtLedger, type Debt } from '../../../src/core/audit/debt.ts'
import type { Fact, RunEvent } from '../../../src/core/run/event.ts'
import { DAY, HOUR, instant, plus, type Instant } from '../../../src/kit/instant.ts'
import { plan } from '../run/plan.ts'

const START = instant(Date.UTC(2026, 0, 4, 3))
const BOOTED = plus(START, -40 * DAY)
const { nodes } = plan({ waves: [{ nodes: 2 }] })
const OLD = '6.1.134-150.224.amzn2023.x86_64'
const NEW = '6.1.140-154.222.amzn2023.x86_64'

type Host = Partial<Readonly<{ kernel: string; live: number; covered: Instant; newer: string; booted: Instant; reboot: boolean }>>

/** What node 0 reports. */
function report({ kernel = OLD, live = 0, covered = instant(0), newer = '', booted = BOOTED, reboot = false }: Host): RunEvent {
  return {
    type: 'NodesReported',
    n: 1,
    nodes: [0],
    outcomes: ['patched'],
    reasons: ['installed'],
    changed: [1],
    missing: [0],
    before: [''],
    after: [''],
    reboot: [reboot],
    ended: [instant(0)],
    hosts: { kernel: [kernel], live: [live], covered: [covered], newer: [newer], booted: [booted] },
  }
}

const fact = (days: number, event: RunEvent): Fact => ({ at: plus(START, days * DAY), actor: { kind: 'engine', id: 'driver' }, event })

/** The one debt after these facts, as it stands some days later; `undefined` when there is none. */
function after(days: number, ...facts: readonly Fact[]): Debt | undefined {
  const ledger = new DebtLedger()
  for (const one of facts) ledger.hear('run', nodes, one)
  const debts = ledger.debts(plus(START, days * DAY), 30 * DAY)
  expect(debts.length).toBeLessThan(2)
  return debts[0]
}

describe('how a node stands', () => {
  // prettier-ignore
  it.each<[what: string, host: Host, days: number, state: Debt['state'] | null, dueInDays: number | null]>([
    ['nothing to do',                        {},                                                       1,  null,      null],
    ['a reboot is wanted',                   { reboot: true },                                         1,  'waiting', 30],
    ['… for too long',                       { reboot: true },                                         30, 'overdue', 30],
    ['another kernel is installed',          { newer: NEW },                                           1,  'waiting', 30],
    ['live patches, covered',                { live: 2, covered: plus(START, 50 * DAY) },              1,  'live',    50],
    ['… until they are not any more',        { live: 2, covered: plus(START, 50 * DAY) },              50, 'overdue', 50],
    ['… and nobody knows for how long',      { live: 2 },                                              1,  'unknown', null],
    ['both: what comes first counts',        { live: 1, covered: plus(START, 9 * DAY), newer: NEW },   1,  'waiting', 9],
    ['both, and the coverage is over first', { live: 1, covered: plus(START, 9 * DAY), newer: NEW },   10, 'overdue', 9],
    ['both, and the wait is over first',     { live: 1, covered: plus(START, 99 * DAY), newer: NEW },  31, 'overdue', 30],
    ['both, coverage unknown',               { live: 1, newer: NEW },                                  1,  'unknown', 30],
  ])('%s', (_, host, days, state, dueInDays) => {
    const debt = after(days, fact(0, report(host)))
    expect(debt?.state ?? null).toBe(state)
    expect(debt?.dueBy ?? null).toBe(dueInDays === null ? null : plus(START, dueInDays * DAY))
  })
})

describe('since when', () => {
  it('the first report that said so, as long as the node has not booted', () => {
    const debt = after(20, fact(0, report({ reboot: true })), fact(10, report({ newer: NEW })))
    expect(debt).toMatchObject({ since: START, newer: NEW, toldAt: plus(START, 10 * DAY) })
  })

  it('a node that lived on covered live patches before has waited for its reboot only since it was told to', () => {
    const live = { live: 2, covered: plus(START, 200 * DAY) }
    const debt = after(50, fact(0, report(live)), fact(40, report({ ...live, reboot: true })), fact(45, report({ ...live, reboot: true })))
    expect(debt).toMatchObject({ since: START, dueBy: plus(START, 70 * DAY), state: 'waiting' })
    expect(debt).not.toHaveProperty('waitsSince')
  })

  it('a boot that did not help begins a new debt', () => {
    const debt = after(20, fact(0, report({ reboot: true })), fact(10, report({ reboot: true, booted: plus(START, 9 * DAY) })))
    expect(debt?.since).toBe(plus(START, 10 * DAY))
  })

  it('a kernel that computes its boot a second later has not booted', () => {
    const booted = plus(START, -HOUR)
    const debt = after(20, fact(0, report({ reboot: true, booted })), fact(1, report({ reboot: true, booted: plus(booted, 1_000) })))
    expect(debt?.since).toBe(START)
  })

  it('the debt is paid by a report that asks for nothing', () => {
    expect(after(20, fact(0, report({ reboot: true })), fact(10, report({ kernel: NEW, booted: plus(START, 9 * DAY) })))).toBeUndefined()
  })
})

describe('what a node does not say changes nothing', () => {
  it('a silent report is no payment', () => {
    expect(after(2, fact(0, report({ reboot: true })), fact(1, report({ kernel: '' })))?.state).toBe('waiting')
  })

  it('nor is a report of an older journal, which has no such facts', () => {
    const old = report({ reboot: true })
    if (old.type !== 'NodesReported') throw new Error('a report')
    const { hosts: _, ...bare } = old
    expect(after(2, fact(0, report({ live: 1 })), fact(1, bare))?.live).toBe(1)
  })
})

it('the newest word counts, whatever the order in which runs are read', () => {
  const [late, early] = [fact(10, report({ kernel: NEW, booted: plus(START, 9 * DAY) })), fact(0, report({ reboot: true }))]
  expect(after(20, late, early)).toBeUndefined()
  expect(after(20, early, late)).toBeUndefined()
})

it('a node that is gone owes nothing', () => {
  expect(after(2, fact(0, report({ reboot: true })), fact(1, { type: 'NodesGone', nodes: [0] }))).toBeUndefined()
})
