import { describe, expect, it } from 'vitest'
import type { Fact, RunEvent } from '../../src/core/run/event.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { HOUR, iso, MINUTE, plus } from '../../src/kit/instant.ts'
import { ACCOUNT, REGION } from '../core/run/plan.ts'
import { BY_PATCH_MANAGER, DRAIN, hooks, plays, STOPPED } from '../core/run/stepping.ts'
import { CUTOFF, OPENS, RUN, Telling } from '../core/run/telling.ts'
import { CHECKERS } from './all.ts'
import type { ClaimChange, Evidence, Service } from './evidence.ts'
import { changing, withFacts } from './plant.ts'

const [FIRST, SECOND] = ['i-00000000000000000', 'i-00000000000000001']
const OTHER_RUN = '01900000-0000-7000-8000-000000000002'

/** Two nodes of one cluster, one after the other, with all that a runbook can put around a change. */
function night(): Telling {
  const member = { groups: [0] }
  const told = new Telling({
    groups: [{ key: `tag:Cluster=blue@${ACCOUNT}/${REGION}`, atMost: 1 }],
    waves: [{ nodes: [member, member] }],
    around: {
      ...hooks('before', 'after', 'exit'),
      apply: BY_PATCH_MANAGER,
      drain: { ...DRAIN, autoScaling: 'standby' },
      power: STOPPED,
      backup: { keepMs: HOUR },
    },
  })
  told.open()
  plays(told)
  return told
}

const SERVING: Service = { up: true, targets: ['web:80'], lifecycle: 'InService' }

function honest(told: Telling = night()): Evidence {
  const { plan, facts, state } = told
  const services = () => new Map(plan.nodes.map(({ node }) => [node, SERVING]))
  return {
    runs: [{ run: RUN, plan, facts, lived: state }],
    serviceBefore: services(),
    serviceAfter: services(),
    claimChanges: claimChanges(told),
    claims: [],
    calm: true,
  }
}

/** Claimed at the first step, let go at the last one. */
function claimChanges({ facts, plan }: Telling): ClaimChange[] {
  const node = (position: number): string => plan.nodes[position]?.node ?? ''
  const names = new Map(facts.flatMap(({ event }) => (event.type === 'StepIntended' ? [[event.id, event.step]] : [])))
  return facts.flatMap(({ at, event }): ClaimChange[] => {
    if (event.type === 'StepIntended' && event.step === 'start')
      return event.nodes.map((one) => ({ at, run: RUN, node: node(one), change: 'taken' }))
    if (event.type === 'StepEnded' && names.get(event.id) === 'stop')
      return event.nodes.map((one) => ({ at, run: RUN, node: node(one), change: 'released' }))
    return []
  })
}

type Change = (evidence: Evidence) => Evidence

const facts =
  (edit: (all: readonly Fact[]) => readonly Fact[]): Change =>
  (evidence) =>
    withFacts(evidence, edit)

const isStep = (event: RunEvent, name: string): boolean => event.type === 'StepIntended' && event.step === name
/** The first step of this name and its end, left out. */
const without = (name: string): Change =>
  facts((all) => {
    const ids = new Set(all.flatMap(({ event }) => (event.type === 'StepIntended' && isStep(event, name) ? [event.id] : [])))
    return all.filter(({ event }) => !('id' in event) || !ids.has(event.id))
  })
const steps = (name: string, edit: (event: Extract<RunEvent, { type: 'StepIntended' }>, at: Fact['at']) => RunEvent): Change =>
  facts(changing('StepIntended', (event, at) => (event.step === name ? edit(event, at) : event)))
const after =
  (node: string, change: Partial<Service>): Change =>
  (evidence) => ({
    ...evidence,
    serviceAfter: new Map(
      [...(evidence.serviceAfter ?? [])].map(([key, service]) => [key, key === node ? { ...service, ...change } : service]),
    ),
  })
/** The end of a step of this name, changed for its nodes. */
const ended = (name: string, change: Partial<Extract<RunEvent, { type: 'StepEnded' }>>): Change =>
  facts((all) => {
    const ids = new Set(all.flatMap(({ event }) => (event.type === 'StepIntended' && isStep(event, name) ? [event.id] : [])))
    return changing('StepEnded', (event) => (ids.has(event.id) ? { ...event, ...change } : event))(all)
  })
/** Every event of a type, changed. */
const events = <T extends RunEvent['type']>(type: T, change: Partial<Extract<RunEvent, { type: T }>>): Change =>
  facts(changing(type, (event) => ({ ...event, ...change })))
/** Another run of the store with the same facts, which takes the same nodes. */
const twin: Change = (evidence) => ({
  ...evidence,
  runs: [...evidence.runs, ...evidence.runs.map(({ plan, facts: same }) => ({ run: OTHER_RUN, plan, facts: same }))],
})
/** A hook's script on the first node, so much later than it was intended. */
const hookRow =
  (laterMs: number): Change =>
  (evidence) => {
    const hook = evidence.runs[0]?.facts.find(({ event }) => isStep(event, 'hook-before'))
    if (hook?.event.type !== 'StepIntended') return evidence
    const startedAt = iso(plus(hook.at, laterMs))
    return {
      ...evidence,
      ledger: [
        {
          node: FIRST, account: ACCOUNT, region: REGION, commandId: 'c', token: `${RUN}.${String(hook.event.n)}`, document: 'Patchwave-Hook',
          startedAt, endedAt: startedAt, exitCode: 0, verdict: 'passed', inFlightInGroup: {}, transaction: null,
        },
      ], // prettier-ignore
    }
  }

/** A script on a node, for two minutes, under a token of a run. */
const scriptRow = (node: string, token: string, at: Fact['at']): LedgerRow => ({
  node, account: ACCOUNT, region: REGION, commandId: 'c', token, document: 'Patchwave-Hook', startedAt: iso(at),
  endedAt: iso(plus(at, 2 * MINUTE)), exitCode: 0, verdict: 'passed', inFlightInGroup: { 'tag:Cluster=blue': 1 }, transaction: null,
}) // prettier-ignore

/** When the run began a step on its first node. */
const began = ({ runs }: Evidence, name: string): Fact['at'] => runs[0]?.facts.find(({ event }) => isStep(event, name))?.at ?? OPENS

/** A run with a wider limit, or none, works on the second node, from so long after a step of the first on; then the first one's exit hook begins. */
const stranger =
  (step: string, laterMs: number, atMost: number | null): Change =>
  (evidence) => {
    const [first] = evidence.runs
    if (first === undefined) return evidence
    const at = plus(began(evidence, step), laterMs)
    const groups = atMost === null ? [] : first.plan.groups.map((one) => ({ ...one, atMost }))
    const plan = { ...first.plan, groups, nodes: first.plan.nodes.map((node) => ({ ...node, groups: atMost === null ? [] : node.groups })) }
    const ledger = [scriptRow(SECOND, `${OTHER_RUN}.1`, at), scriptRow(FIRST, `${RUN}.9`, plus(began(evidence, 'hook-exit'), 2))]
    return { ...evidence, runs: [first, { run: OTHER_RUN, plan, facts: first.facts.slice(0, 1) }], ledger }
  }

// prettier-ignore
const PLANTED: readonly (readonly [invariant: string, what: string, change: Change, said?: RegExp])[] = [
  ['I1 one hand',     'another run prepares the same node',                     twin],
  ['I1 claims held',  'a claim is let go between two steps',                    (evidence) => ({ ...evidence, claimChanges: (evidence.claimChanges ?? []).map((one, index) => (index === 1 ? { ...one, at: plus(one.at, -1) } : one)) })],
  ['I2 disruption',   'the second of a cluster is drained with the first',      steps('start', (event) => ({ ...event, nodes: [0, 1] }))],
  ['I2 disruption',   'the next one is drained before the first is back',       (evidence) => ended('stop', { done: [false] })(evidence)],
  ['I2 disruption',   'on the nodes, the second begins while the first works',  (evidence) => ({ ...evidence, ledger: [scriptRow(FIRST, `${RUN}.1`, began(evidence, 'hook-before')), scriptRow(SECOND, `${RUN}.9`, began(evidence, 'hook-before'))] })],
  ['I2 disruption',   'a run takes the first while another has the second',     stranger('start', -1, 2)],
  ['I3 window',       'a step is begun after the cutoff',                       facts((all) => all.map((fact) => (isStep(fact.event, 'drain') ? { ...fact, at: CUTOFF } : fact)))],
  ['I3 window',       'a step is begun in a freeze',                            facts(changing('FreezesRead', (event) => ({ ...event, from: [OPENS], to: [CUTOFF], why: ['x'], source: ['x'] })))],
  ['I3 window',       'a hook begins on its node when its time is over',        hookRow(6 * HOUR)],
  ['I3 window',       'a hook begins after the cutoff, though within its time', (evidence) => hookRow(MINUTE)(events('WindowChosen', { lastStart: plus(OPENS, 30_000) })(evidence))],
  ['I3 window',       'a hook begins in a freeze that was known',               (evidence) => hookRow(MINUTE)(events('FreezesRead', { from: [plus(OPENS, 30_000)], to: [plus(OPENS, 2 * HOUR)], why: ['x'], source: ['x'] })(evidence)), /to be started before 2026-03-01T03:00:30/],
  ['I4 order',        'a gate passes while a node is on its way back',          facts((all) => { const at = all.findLastIndex(({ event }) => isStep(event, 'stop')); return [...all.slice(0, at), ...all.filter(({ event }) => event.type === 'WaveDrained' || event.type === 'GateDecided'), ...all.slice(at)] }), /was not back/],
  ['I4 order',        'a step before its wave',                                 facts((all) => { const step = all.filter(({ event }) => isStep(event, 'start')).slice(0, 1); const wave = all.findIndex(({ event }) => event.type === 'WaveStarted'); return [...all.slice(0, wave), ...step, ...all.slice(wave)] })],
  ['I5 nobody lost',  'a step gives an outcome that no count has',              ended('verify', { outcomes: ['failed'] })],
  ['I5 nobody lost',  'a node that was never verified',                         without('verify')],
  ['I6 undo',         'a step of a rollback on a node that nothing touched',       facts(changing('BatchChosen', (event) => ({ ...event, work: 'rollback' })))],
  ['I8 once',         'a hook that runs a package transaction',                 (evidence) => { const changed = hookRow(MINUTE)(evidence); return { ...changed, ledger: (changed.ledger ?? []).map((row) => ({ ...row, transaction: { startedAt: row.startedAt, endedAt: row.endedAt, changed: 1, cut: null } })) } }],
  ['I11 budget kept', 'two are prepared where one has a place',                 (evidence) => ({ ...steps('start', (event) => ({ ...event, nodes: [0, 1] }))(evidence), runs: steps('start', (event) => ({ ...event, nodes: [0, 1] }))(evidence).runs.map((run) => ({ ...run, plan: { ...run.plan, waves: run.plan.waves.map((wave) => ({ ...wave, concurrency: 1 })) } })) })],
  ['I12 put back',    'a node is put back while its change works',              (evidence) => ({ ...evidence, ledger: [{ ...scriptRow(FIRST, `${RUN}.9`, OPENS), endedAt: null, transaction: { startedAt: iso(OPENS), endedAt: null, changed: 0, cut: null } }] }), /is put back \(in-service\).*while/],
  ['I14 no cut',      'a transaction is cut when its node is stopped',          (evidence) => { const at = iso(began(evidence, 'stop')); return { ...evidence, powerLosses: true, ledger: [{ ...scriptRow(FIRST, `${RUN}.9`, OPENS), endedAt: null, exitCode: null, transaction: { startedAt: iso(OPENS), endedAt: at, changed: 0, cut: 'power' } }] } }, /while its node was being stopped/],
  ['I12 put back',    'a node is never put back behind its balancer',           without('rejoin')],
  ['I12 put back',    'the exit hook is forgotten',                             without('hook-exit')],
  ['I12 put back',    'a target group that a node is not in any more',          after(FIRST, { targets: [] })],
  ['I12 put back',    'a node that was left in standby',                        after(SECOND, { lifecycle: 'Standby' })],
  ['I12 put back',    'a node that was left running',                           (evidence) => ({ ...evidence, serviceBefore: new Map([[FIRST, { ...SERVING, up: false }]]) })],
  ['I12 put back',    'a node that was left stopped',                           after(FIRST, { up: false })],
]

describe('an honest night with steps', () => {
  it.each(Object.keys(CHECKERS))('%s: says nothing', (name) => {
    expect([...(CHECKERS[name]?.(honest()) ?? [])]).toEqual([])
  })

  it('says nothing of a node that is named: it could not be put back', () => {
    const told = new Telling({ waves: [{ nodes: 1 }], around: { drain: DRAIN } })
    told.open()
    plays(told, { rejoin: () => 'undone: unhealthy' })
    expect([...(CHECKERS['I12 put back']?.(after(FIRST, { targets: [] })(honest(told))) ?? [])]).toEqual([])
  })

  it.each([
    ['a run with a wider limit took between two scripts of one with a narrow one', stranger('hook-exit', 1, 2)],
    ['a run without the limit has', stranger('start', -1, null)],
  ])('says nothing of a node that %s', (_, change) => {
    expect([...(CHECKERS['I2 disruption']?.(change(honest())) ?? [])]).toEqual([])
  })

  it('of a hook that began in time says nothing', () => {
    expect([...(CHECKERS['I3 window']?.(hookRow(MINUTE)(honest())) ?? [])]).toEqual([])
  })
})

describe('a planted violation around a change is found', () => {
  const cases = PLANTED.map(([name, what, change, said = /./]): [string, string, Change, RegExp] => [name, what, change, said])
  it.each(cases)('%s: %s', (name, _, change, said) => {
    expect([...(CHECKERS[name]?.(change(honest())) ?? [])].join('\n')).toMatch(said)
  })
})
