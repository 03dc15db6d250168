import { plainOpening } from '../../src/core/run/opening.ts'
import { describe, expect, it } from 'vitest'
import { sealAll } from '../../src/core/audit/seal.ts'
import { cloudEventType } from '../../src/core/audit/record.ts'
import { toData } from '../../src/core/run/codec.ts'
import type { Fact, RunEvent } from '../../src/core/run/event.ts'
import { HOUR, iso, MINUTE, plus, SECOND, type Instant } from '../../src/kit/instant.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { ACCOUNT, REGION } from '../core/run/plan.ts'
import { CUTOFF, NO_FREEZE, OPENS, report, RUN, Telling } from '../core/run/telling.ts'
import { CHECKERS } from './all.ts'
import type { Evidence, RunEvidence } from './evidence.ts'

const OPENSSL = {
  family: 'rpm',
  name: 'openssl',
  arch: 'x86_64',
  version: '1:3.0.8-2',
  advisories: [],
  cves: [],
  classification: 'Security',
  severity: 'Important',
  releasedAt: null,
} as const
const OTHER_RUN = '01900000-0000-7000-8000-000000000002'

/** Two waves of two nodes each, all of one cluster of which one may be out at a time; all are patched. */
function night(): Telling {
  const one = { groups: [0] }
  const told = new Telling({
    groups: [{ key: `tag:Cluster=blue@${ACCOUNT}/${REGION}`, atMost: 1 }],
    lists: [{ account: ACCOUNT, image: 'ami-1', baseline: null, patches: [OPENSSL], digest: '0'.repeat(64) }],
    waves: [{ nodes: [one, one] }, { nodes: [one, one], gate: { failuresMax: 0 } }],
    approval: { group: 'leads', count: 1, expiresMs: HOUR },
    feedback: { queue: 'feedback.fifo', detail: 'wave' },
  })
  told.now = plus(OPENS, -MINUTE)
  told.tell(
    requested(told),
    { type: 'PlanPinned', plan: '0'.repeat(64), nodes: 4, waves: ['wave-1', 'wave-2'] },
    { type: 'DriverTook', driver: 'driver-1', epoch: 1 },
  )
  told.tell(plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: plus(CUTOFF, HOUR) }, ''), NO_FREEZE)
  told.tell({ type: 'ApprovalGiven', subject: { kind: 'plan' }, by: 'ann', reason: 'yes' })
  told.until(OPENS)
  told.tell(
    { type: 'CellPrepared', cell: `${ACCOUNT}/${REGION}`, documents: {} },
    { type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null },
  )
  work(told, 'patched')
  work(told, 'patched')
  told.play('patched')
  return told
}

const requested = (told: Telling): RunEvent => ({
  type: 'RunRequested',
  runbook: told.plan.runbook.name,
  act: 'rollout',
  reason: 'monthly',
  inputs: {},
  flags: [1],
  now: false,
  trial: null,
  undoes: null,
  opening: null,
  breakFreeze: false,
})

/** The next command runs for ten minutes and ends so. */
function work(told: Telling, outcome: string): void {
  told.read()
  told.sent(told.n)
  told.wait(10 * MINUTE)
  told.tell(report(told.n, Object.fromEntries((told.state.commands.get(told.n)?.nodes ?? []).map((node) => [node, outcome])), told.now), {
    type: 'CommandClosed',
    n: told.n,
  })
}

/** A night with all its witnesses: chain, ledger, versions, messages and claims. */
function honest(told: Telling = night()): Evidence {
  const { plan, facts, state } = told
  const entries = sealAll(
    null,
    facts.map(({ at, actor, event }) => ({ run: RUN, at, actor, ...toData(event) })),
  )
  const intents = facts.flatMap(({ at, event }) => (event.type === 'CommandIntended' ? [{ at, event }] : []))
  const ledger = intents.flatMap(({ at, event }) =>
    event.nodes.map((node) => rowOf(plan.nodes[node]?.node ?? '', `${RUN}.${String(event.n)}`, plus(at, SECOND))),
  )
  const names = plan.nodes.map(({ node }) => node)
  const versions = (version: string) => new Map(names.map((name) => [name, { 'openssl.x86_64': version, 'bash.x86_64': '0:5.2' }]))
  const selected = facts.flatMap(({ event }, index) =>
    /^(Run|Plan|Approval|Window|Wave|Gate|Check|Cell|Fleet)/.test(event.type) ? [{ event, seq: index + 1 }] : [],
  )
  const feedback = selected.map(({ event, seq }, index) => ({
    type: cloudEventType(event.type),
    run: RUN,
    n: index + 1,
    seq,
    head: entries[seq - 1]?.hash ?? '',
  }))
  const claimChanges = intents.flatMap(({ at, event }) =>
    event.nodes.map((node) => ({ at, run: RUN, node: plan.nodes[node]?.node ?? '', change: 'taken' as const })),
  )
  return {
    runs: [{ run: RUN, plan, facts, entries, lived: state }],
    ledger,
    nodesBefore: versions('1:3.0.8-1'),
    nodesAfter: versions('1:3.0.8-2'),
    feedback,
    claimChanges,
    claims: [],
    calm: true,
  }
}

function rowOf(node: string, token: string, at: Instant): LedgerRow {
  const [startedAt, endedAt] = [iso(at), iso(plus(at, MINUTE))]
  return {
    node,
    account: ACCOUNT,
    region: REGION,
    commandId: token,
    token,
    document: 'Patchwave-Apply',
    startedAt,
    endedAt,
    exitCode: 0,
    verdict: 'patched',
    inFlightInGroup: { 'tag:Cluster=blue': 1 },
    transaction: { startedAt, endedAt, changed: 1, cut: null },
  }
}

type Change = (evidence: Evidence) => Evidence

const runs =
  (change: (run: RunEvidence) => RunEvidence): Change =>
  (evidence) => ({ ...evidence, runs: evidence.runs.map(change) })
const facts = (change: (facts: readonly Fact[]) => readonly Fact[]): Change => runs((run) => ({ ...run, facts: change(run.facts) }))
const rows =
  (change: (rows: readonly LedgerRow[]) => readonly LedgerRow[]): Change =>
  (evidence) => ({ ...evidence, ledger: change(evidence.ledger ?? []) })

/** Changes events of one type. */
const events = <T extends RunEvent['type']>(type: T, change: (event: Extract<RunEvent, { type: T }>) => RunEvent): Change =>
  facts((all) =>
    all.map((fact) => (fact.event.type === type ? { ...fact, event: change(fact.event as Extract<RunEvent, { type: T }>) } : fact)),
  )
const without = (type: RunEvent['type']): Change => facts((all) => all.filter(({ event }) => event.type !== type))

/** Puts facts before the first one of a type. */
const before = (type: RunEvent['type'], ...more: readonly RunEvent[]): Change =>
  facts((all) => {
    const index = all.findIndex(({ event }) => event.type === type)
    const at = all[index]?.at ?? OPENS
    return [...all.slice(0, index), ...more.map((event): Fact => ({ at, actor: { kind: 'engine', id: 'x' }, event })), ...all.slice(index)]
  })

/** Another run of the same store that does the same at the same time. */
const twin: Change = (evidence) => ({
  ...evidence,
  runs: [...evidence.runs, ...evidence.runs.map(({ plan, facts: same }) => ({ run: OTHER_RUN, plan, facts: same }))],
})
const versionsNow =
  (versions: Readonly<Record<string, string>>): Change =>
  (evidence) => ({
    ...evidence,
    nodesAfter: new Map(
      [...(evidence.nodesAfter ?? [])].map(([node, packages], index) => [node, index === 0 ? { ...packages, ...versions } : packages]),
    ),
  })
const intent = (n: number, nodes: number[], work: 'apply' | 'rollback' = 'apply'): RunEvent => ({
  type: 'CommandIntended',
  n,
  batch: 9,
  work,
  nodes,
  startBefore: plus(OPENS, 10 * MINUTE),
  notBefore: plus(OPENS, HOUR),
})

describe('an honest night', () => {
  it.each(Object.keys(CHECKERS))('%s: says nothing', (name) => {
    expect([...(CHECKERS[name]?.(honest()) ?? [])]).toEqual([])
  })
})

// prettier-ignore
const PLANTED: Readonly<Record<string, readonly (readonly [it: string, change: Change, said?: RegExp])[]>> = {
  'I1 one hand': [
    ['two runs have a hand on a node',             twin],
    ['a node gets a new token while one is open',  before('CommandSent', intent(90, [0]))],
    ['two transactions overlap on a node',         rows(([first, ...rest]) => (first ? [first, { ...first, token: `${RUN}.2` }, ...rest] : []))],
  ],
  'I1 claims held': [
    ['a claim is let go before its node spoke',    (night) => ({ ...night, claimChanges: [...(night.claimChanges ?? []).slice(0, 1), ...(night.claimChanges ?? []).slice(0, 1).map((one) => ({ ...one, at: plus(one.at, SECOND), change: 'released' as const })), ...(night.claimChanges ?? []).slice(1)] })],
    ['a transaction begins without a claim',       (night) => ({ ...night, claimChanges: [] })],
  ],
  'I2 disruption': [
    ['two of a group are taken out',               events('CommandIntended', (event) => (event.n === 1 ? { ...event, nodes: [0, 1] } : event))],
    ['one is taken while another is down',         events('FleetRead', (event) => ({ ...event, down: [3] }))],
    ['one is taken while a stranger is down',      events('FleetRead', (event) => ({ ...event, outside: [0] }))],
    ['two runs take one each',                     (night) => ({ ...night, runs: [...night.runs, ...night.runs.map(({ plan, facts: same }) => ({ run: OTHER_RUN, plan: { ...plan, nodes: plan.nodes.map((node) => ({ ...node, node: `${node.node}-x` })) }, facts: same }))] })],
    ['two runs take what their waves let one of',  (night) => { const narrow = (run: RunEvidence): RunEvidence => ({ ...run, plan: { ...run.plan, groups: run.plan.groups.map((one) => ({ ...one, atMost: 4 })), waves: run.plan.waves.map((wave) => ({ ...wave, tighter: [{ group: 0, atMost: 1 }] })) } }); const other = runs((run) => ({ ...narrow(run), run: OTHER_RUN, plan: { ...narrow(run).plan, nodes: run.plan.nodes.map((node) => ({ ...node, node: `${node.node}-x` })) } }))(night); return { ...night, runs: [...night.runs.map(narrow), ...other.runs] } }, /over all runs, at most 1/],
    ['the nodes saw two at once',                  rows((all) => [...all, ...all.slice(0, 1).map((row) => ({ ...row, node: 'i-other' }))])],
  ],
  'I3 window': [
    ['a change in a freeze',                        events('FreezesRead', (event) => ({ ...event, from: [OPENS], to: [CUTOFF], why: ['x'], source: ['x'] }))],
    ['a change that may begin in a freeze',         events('FreezesRead', (event) => ({ ...event, from: [plus(OPENS, MINUTE)], to: [CUTOFF], why: ['x'], source: ['x'] }))],
    ['a change that is predicted to last too long', events('WindowChosen', (event) => ({ ...event, lastStart: event.opens }))],
    ['an opening that was begun too late',          events('WindowChosen', (event) => ({ ...event, openBy: plus(event.opens, -1) }))],
    ['an opening that was begun before its jitter', events('WindowChosen', (event) => ({ ...event, startAt: plus(event.opens, MINUTE) }))],
    ['a change without a window',                  without('WindowOpened')],
    ['a change after the cutoff',                  events('WindowOpened', (event) => ({ ...event, cutoff: event.opens }))],
    ['a change that may begin after the cutoff',   events('CommandIntended', (event) => ({ ...event, startBefore: plus(CUTOFF, 1) }))],
    ['a rollback that nobody started',             events('CommandIntended', (event) => ({ ...event, work: 'rollback' }))],
    ['a script that begins too late',              rows((all) => all.map((row) => ({ ...row, startedAt: iso(plus(OPENS, 5 * HOUR)) })))],
  ],
  'I3 freezes': [
    ['a script that begins long after a freeze was read', (night) => rows((all) => all.map((row) => ({ ...row, startedAt: iso(plus(OPENS, 4 * HOUR)) })))(events('FreezesRead', (event) => ({ ...event, from: [plus(OPENS, 3 * HOUR)], to: [CUTOFF], why: ['x'], source: ['x'] }))(night)), /in a freeze that was read/],
    ['a driver that does not heed its own config',     (night) => ({ ...night, frozen: [{ driver: 'driver-1', from: OPENS, to: CUTOFF }] }), /whose config has a freeze/],
  ],
  'I4 order': [
    ['a gate that passes while a node is in change',   facts((all) => { const at = all.findIndex(({ event }) => event.type === 'NodesReported'); const gate = all.filter(({ event }) => event.type === 'WaveDrained' || event.type === 'GateDecided').slice(0, 2); return [...all.slice(0, at), ...gate, ...all.slice(at)] }), /was not back/],
    ['an approval that was given too late',            (night) => ({ ...night, words: [{ at: CUTOFF, run: RUN, by: 'ann', what: 'approve' }] }), /before the plan was approved/],
    ['a wave before the gate of the last one',     facts((all) => all.filter(({ event }) => event.type !== 'GateDecided' || event.wave !== 0))],
    ['a window before the plan was approved',      without('ApprovalGiven')],
    ['an approval by the requester',               events('ApprovalGiven', (event) => ({ ...event, by: 'driver-1' }))],
    ['a node before its wave',                     events('CommandIntended', (event) => (event.n === 1 ? { ...event, nodes: [2] } : event))],
    ['a gate without the approval it asks for',    runs((run) => ({ ...run, plan: { ...run.plan, waves: run.plan.waves.map((wave) => ({ ...wave, gate: { ...wave.gate, approval: { group: 'leads', count: 1, expiresMs: 1 } } })) } }))],
  ],
  'I5 nobody lost': [
    ['a node that is counted twice',               events('RunFinished', (event) => ({ ...event, nodes: { ...event.nodes, patched: 5 } }))],
    ['a node that disappears and counts as skipped', before('RunFinished', { type: 'NodesGone', nodes: [0] })],
    ['an outcome without a reason',                events('NodesReported', (event) => ({ ...event, reasons: event.reasons.map(() => '') }))],
  ],
  'I5 told truly': [
    ['a node that was changed and is told as skipped', events('NodesReported', (event) => ({ ...event, outcomes: event.outcomes.map(() => 'skipped' as const), reasons: event.reasons.map(() => 'unsent') })), /told as skipped/],
    ['a node that was not changed and is told as patched', rows(() => []), /told as patched/],
    ['a success without a gate',                       without('GateDecided'), /never passed/],
    ['an undoing that left nodes as they were',        (night) => events('RunFinished', (event) => ({ ...event, outcome: 'rolled-back' }))(events('NodesReported', (event) => ({ ...event, outcomes: event.outcomes.map(() => 'rollback-failed' as const) }))(night)), /was not restored/],
  ],
  'I6 undo': [
    ['an undoing of what the other run never touched', (night) => ({ ...night, runs: [...runs((run) => ({ ...run, facts: run.facts.slice(0, 3) }))(night).runs, ...runs((run) => ({ ...run, run: OTHER_RUN, plan: { ...run.plan, work: 'rollback', undoes: RUN } }))(night).runs] }), /never touched by/],
    ['an undoing of the oldest wave first',            (night) => ({ ...night, runs: [...night.runs, ...runs((run) => ({ ...run, run: OTHER_RUN, plan: { ...run.plan, work: 'rollback', undoes: RUN } }))(night).runs] }), /wave 1 is rolled back after wave 0/],
    ['a rollback of a node that was not touched',  before('CommandIntended', { type: 'RollbackStarted', waves: [0], nodes: 1, outside: false, why: '' }, intent(90, [3], 'rollback'))],
    ['the oldest wave first',                      before('RunFinished', { type: 'RollbackStarted', waves: [0, 1], nodes: 4, outside: false, why: '' })],
    ['versions that were not restored',            events('NodesReported', (event) => ({ ...event, outcomes: event.outcomes.map(() => 'rolled-back' as const) }))],
  ],
  'I7 tested only': [
    ['a version that stands in no list',           versionsNow({ 'openssl.x86_64': '1:3.0.8-9' })],
    ['a package that was not there before',        versionsNow({ 'nmap.x86_64': '0:1' })],
    ['a change on a node that was never touched',  (night) => ({ ...night, runs: [] })],
  ],
  'I8 once': [
    ['a token whose transaction began twice',      rows((all) => [...all, ...all.slice(0, 1)])],
    ['a token that no journal intended',           rows((all) => all.map((row) => ({ ...row, token: `${RUN}.99` })))],
  ],
  'I9 journal': [
    ['a fact that does not fit',                   before('RunFinished', { type: 'CommandClosed', n: 77 })],
    ['a fact that was left out',                   facts((all) => all.filter(({ event }) => event.type !== 'Paused' && event.type !== 'CellPrepared'))],
    ['a state that nobody told',                   runs((run) => { const told = night(); told.state.appeared = 7; return { ...run, lived: told.state } })],
    ['an entry that was changed',                  runs((run) => ({ ...run, entries: (run.entries ?? []).map((one, index) => (index === 3 ? { ...one, text: one.text.replace('driver', 'Driver') } : one)) }))],
    ['entries in another order',                   runs((run) => ({ ...run, entries: (run.entries ?? []).toReversed() }))],
    ['a tail that was cut, against an anchor',     runs((run) => ({ ...run, anchors: (run.entries ?? []).slice(-1), entries: (run.entries ?? []).slice(0, -1), facts: run.facts.slice(0, -1) }))],
  ],
  'I10 told': [
    ['a message that never came',                  (night) => ({ ...night, feedback: (night.feedback ?? []).slice(0, -1) })],
    ['a hole',                                     (night) => ({ ...night, feedback: (night.feedback ?? []).filter(({ n }) => n !== 2) })],
    ['another head',                               (night) => ({ ...night, feedback: (night.feedback ?? []).map((one) => ({ ...one, head: 'x' })) })],
    ['another type',                               (night) => ({ ...night, feedback: (night.feedback ?? []).map((one) => ({ ...one, type: 'x' })) })],
  ],
  'I11 budget': [
    ['more failures than the worst case',          (night) => events('NodesReported', (event) => ({ ...event, outcomes: event.outcomes.map(() => 'failed' as const) }))(runs((run) => ({ ...run, plan: { ...run.plan, waves: run.plan.waves.map((wave) => ({ ...wave, concurrency: 1 })) } }))(night))],
  ],
  'I11 budget kept': [
    ['a gate that passes with one failure too many', events('NodesReported', (event) => ({ ...event, outcomes: event.outcomes.map(() => 'failed' as const) }))],
    ['a start after the budget was spent',         events('NodesReported', (event) => (event.n === 1 ? { ...event, outcomes: ['unknown'] } : event))],
    ['more in flight than places',                 runs((run) => ({ ...run, plan: { ...run.plan, waves: run.plan.waves.map((wave) => ({ ...wave, concurrency: 0 })) } }))],
    ['a gate that fails within its budget',        events('GateDecided', (event) => ({ ...event, verdict: 'fail', why: ['failures: 0 of at most 0'] }))],
  ],
  'I12 put back': [
    ['a hand on a node that did not fail',         (night) => ({ ...night, claims: [{ node: night.runs[0]?.plan.nodes[0]?.node ?? '', run: RUN, groups: [], hand: true, since: OPENS, notBefore: OPENS }] })],
    ['a hand that nobody will take off',           (night) => ({ ...events('NodesReported', (event) => ({ ...event, outcomes: event.outcomes.map(() => 'failed' as const) }))(night), claims: [{ node: night.runs[0]?.plan.nodes[0]?.node ?? '', run: RUN, groups: [], hand: true, since: OPENS, notBefore: OPENS }] }), /nothing is open any more/],
    ['a node that was in change at the end',       facts((all) => all.filter(({ event }) => event.type !== 'NodesReported' || event.n !== 1))],
  ],
  'I13 it ends': [
    ['a run without an end',                       without('RunFinished')],
    ['something after the end',                    facts((all) => [...all, ...all.slice(-3, -2).map((fact) => ({ ...fact, at: CUTOFF }))])],
  ],
  'I14 no cut': [
    ['a transaction that was cut',                 rows((all) => all.map((row) => ({ ...row, transaction: row.transaction && { ...row.transaction, cut: 'power' as const } })))],
  ],
}

describe('a planted violation is found', () => {
  it.each(Object.keys(CHECKERS))('%s has one', (name) => {
    expect(PLANTED[name]?.length).toBeGreaterThan(0)
  })

  const cases = Object.entries(PLANTED).flatMap(([name, planted]) =>
    planted.map(([what, change, said = /./]): [string, string, Change, RegExp] => [name, what, change, said]),
  )
  it.each(cases)('%s: %s', (name, _, change, said) => {
    const found = [...(CHECKERS[name]?.(change(honest())) ?? [])]
    expect(found.join('\n')).toMatch(said)
  })
})
