import { describe, expect, it } from 'vitest'
import type { Plan } from '../../src/core/plan/plan.ts'
import type { Fact, RunEvent } from '../../src/core/run/event.ts'
import { viewOf, type RunView } from '../../src/core/run/view.ts'
import { Redraw } from '../../src/cli/follow/redraw.ts'
import { mayLeave } from '../../src/cli/leave.ts'
import { notable } from '../../src/cli/render/notable.ts'
import { painter } from '../../src/cli/render/paint.ts'
import { ageRemark, planPage } from '../../src/cli/render/plan-page.ts'
import { rehearsalSummary } from '../../src/cli/render/rehearsal-summary.ts'
import { runLines } from '../../src/cli/render/run-lines.ts'
import { finishedShape, planShape, statusShape } from '../../src/cli/shapes.ts'
import { DAY, HOUR, instant, MINUTE, plus } from '../../src/kit/instant.ts'
import { plan as contentOf } from '../core/run/plan.ts'
import { around, DRAIN, ends, opened } from '../core/run/stepping.ts'
import { CLOSES, measured, OPENS, report, Telling } from '../core/run/telling.ts'

const bare = painter(false)
const screen = (now = plus(OPENS, 10 * MINUTE), columns = 100) => ({ now, virtual: false, columns, paint: bare })

/** A wave of four: two patched, one failed, one in flight; a second wave waits. */
function midWave(): Telling {
  const told = new Telling(
    contentOf({
      waves: [
        { name: 'canary', nodes: 4, gate: { failuresMax: 1, bakeMs: HOUR } },
        { name: 'rest', nodes: 2 },
      ],
    }),
  )
  told.open()
  told.read()
  told.sent(1)
  told.tell(report(1, { 0: 'patched', 1: 'patched', 2: 'failed: dependency' }, told.now))
  return told
}

describe('a run on the screen', () => {
  it('shows its waves, its window and what is in flight', () => {
    expect(runLines(viewOf(midWave().state), screen())).toEqual([
      'night rollout running  01900000-0000-7000-8000-000000000001  03:10:00Z',
      'window closes in 5h 50m, cutoff in 4h 50m',
      '  canary  ████████████' + '██████' + '▓▓▓▓▓▓' + '  3/4  running  2 patched, 1 in flight, 1 failed',
      '  rest    ' + '░'.repeat(24) + '  0/2  queued',
      'failed: 1 dependency',
    ])
  })

  it('says that time is virtual, and is cut to the terminal', () => {
    const view = viewOf(midWave().state)
    expect(runLines(view, { ...screen(), virtual: true })[0]).toContain('(virtual time)')
    for (const line of runLines(view, screen(OPENS, 40))) expect(line.length).toBeLessThanOrEqual(39)
  })

  // prettier-ignore
  it.each<[it: string, now: number, line: string]>([
    ['before it opens',   OPENS - HOUR,          'window opens 2026-03-01T03:00:00Z, in 1h'],
    ['after the cutoff',  CLOSES - HOUR,         'window closes in 1h, cutoff has passed'],
    ['when it is closed', CLOSES + MINUTE,       'window closed 2026-03-01T09:00:00Z'],
  ])('the window %s', (_, now, line) => {
    expect(runLines(viewOf(midWave().state), screen(instant(now)))[1]).toBe(line)
  })

  it('shows what a held gate holds for, and what a person must do', () => {
    const view: RunView = { ...viewOf(midWave().state), state: 'held', waitsFor: 'a decision on gate canary: probe: inconclusive' }
    const waves = view.waves.map((wave, index) =>
      index === 0 ? { ...wave, state: 'held', checks: { probe: 'inconclusive' }, why: ['probe: inconclusive'] } : wave,
    )
    const lines = runLines({ ...view, waves }, screen())
    expect(lines).toContain('          gate: probe inconclusive, probe: inconclusive')
    expect(lines.at(-1)).toBe('waits for a decision on gate canary: probe: inconclusive')
  })

  it('does not count as in flight who has its outcome and comes back, nor hides who waits behind it', () => {
    const told = opened(around({ drain: DRAIN }, { waves: [{ name: 'web', nodes: 4, concurrency: 2 }] }))
    told.read()
    ends(told, 'drain')
    told.sent(1)
    told.tell(report(1, { 0: 'patched', 1: 'patched' }, told.now))
    const lines = runLines(viewOf(told.state), screen())
    expect(lines).toContain(`  web  ${'█'.repeat(12)}${'░'.repeat(12)}  2/4  running  2 patched, 2 waiting`)
    expect(lines).toContain('2 nodes coming back into service')
  })

  it('bars never grow beyond their room, and nothing that is there is invisible', () => {
    const view = viewOf(midWave().state)
    for (const [patched, failed, skipped] of [
      [998, 1, 1],
      [1, 998, 1],
      [0, 0, 1],
      [333, 333, 334],
    ] as const) {
      const nodes = { open: 0, patched, 'not-needed': 0, failed, unknown: 0, skipped, 'rolled-back': 0, 'rollback-failed': 0 }
      const [, , line = ''] = runLines(
        {
          ...view,
          wave: null,
          waves: [{ name: 'w', state: 'passed', nodes, inFlight: 0, total: patched + failed + skipped, checks: {}, why: [] }],
        },
        screen(),
      )
      const bar = line.replaceAll(/[^█▒▓░]/g, '')
      expect(bar).toHaveLength(24)
      if (skipped > 0) expect(bar).toContain('▒')
      if (patched + failed > 0) expect(bar).toContain('█')
    }
  })

  it('is coloured by meaning: done green, running blue, failed red', () => {
    const lines = runLines(viewOf(midWave().state), { ...screen(), paint: painter(true) })
    expect(lines[2]).toContain(`\u001b[32m${'█'.repeat(12)}\u001b[39m\u001b[31m${'█'.repeat(6)}\u001b[39m`)
    expect(lines[2]).toContain(`\u001b[34m${'▓'.repeat(6)}`)
  })
})

describe('redrawing', () => {
  it('goes up exactly as many lines as it drew, and keeps what is printed', () => {
    const drawn: string[] = []
    const view = new Redraw({ draw: (text) => drawn.push(text) })
    view.show(['a', 'b'])
    view.print('news')
    view.show(['c'])
    view.keep()
    view.show(['d'])
    expect(drawn).toEqual(['a\nb\n', '\u001b[2A\u001b[0Jnews\na\nb\n', '\u001b[2A\u001b[0Jc\n', 'd\n'])
  })
})

describe('what is news', () => {
  const told = midWave()
  const fact = (event: RunEvent): Fact => ({ at: told.now, actor: { kind: 'cli', id: 'arn:aws:iam::1:user/alice' }, event })

  // prettier-ignore
  it.each<[event: RunEvent, line: string | undefined]>([
    [{ type: 'WaveStarted', wave: 0, name: 'canary' },                                              'wave canary started: 4 nodes'],
    [{ type: 'GateDecided', wave: 0, verdict: 'fail', why: ['failures: 2 of at most 1'] },           'gate canary failed: failures: 2 of at most 1'],
    [report(1, { 0: 'patched', 2: 'failed: dependency' }, OPENS),                                    'i-00000000000000002 failed (dependency)'],
    [report(1, { 0: 'patched' }, OPENS),                                                             undefined],
    [{ type: 'CommandIntended', n: 2, batch: 2, work: 'apply', nodes: [3], startBefore: OPENS, notBefore: OPENS }, undefined],
    [{ type: 'Paused', reason: 'errors\u001b[2J in checkout' },                                      'paused by arn:aws:iam::1:user/alice: errors [2J in checkout'],
    [{ type: 'RollbackStarted', waves: [1, 0], nodes: 6, outside: true, why: 'gate' },               'rollback started: 6 nodes of rest, canary, outside the window; gate'],
    [{ type: 'CommandRefused', n: 1, code: 'aws.denied', message: 'aws.denied: ssm.SendCommand', invalid: [] }, 'SSM refused a command: aws.denied: ssm.SendCommand'],
    [{ type: 'CommandRefused', n: 1, code: 'too-late', message: 'its time is over', invalid: [] },    'a command was not sent: too-late: its time is over'],
    [{ type: 'CommandRefused', n: 1, code: 'list-refused', message: 'aws.missing: s3.PutObject', invalid: [] }, 'a command was not sent: aws.missing: s3.PutObject'],
    [{ type: 'SteeringRefused', what: 'approve', reason: 'nothing waits for a decision' },           'approve refused: nothing waits for a decision'],
    [{ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null },               undefined],
    [{ type: 'FleetRead', down: [1], gone: [2, 3], outside: [], appeared: 1, drift: null },          'fleet: 2 gone, 1 appeared since the plan, 1 down'],
  ])('%o', (event, line) => {
    expect(notable(told.state, fact(event))).toBe(line)
  })

  it('a gate’s rounds that only repeat a pass are not told', () => {
    const rounds = [1, 2, 3].map((round) =>
      notable(told.state, fact(measured({ purpose: 'gate', wave: 0, round, check: 'probe' }, 'pass'))),
    )
    expect(rounds).toEqual(['gate canary: probe pass (1 of 1)', undefined, undefined])
    expect(notable(told.state, fact(measured({ purpose: 'gate', wave: 0, round: 2, check: 'probe' }, 'fail')))).toBe(
      'gate canary: probe fail (1 of 1)',
    )
  })
})

const PATCH = {
  family: 'rpm',
  name: 'openssl',
  arch: 'x86_64',
  version: '1:3.0.8-1',
  advisories: [],
  cves: ['CVE-2026-1', 'CVE-2026-2', 'CVE-2026-3'],
  classification: 'Security',
  severity: 'Critical',
  releasedAt: null,
} as const
const plan: Plan = {
  digest: 'd'.repeat(64),
  content: contentOf({
    waves: [
      {
        name: 'canary',
        nodes: [{}, { list: null, skip: 'untested' }],
        concurrency: 1,
        unrepresented: ['image=ami-2'],
        gate: { failuresMax: 0, bakeMs: 30 * MINUTE, checks: ['smoke'] },
      },
      { name: 'broad', nodes: [{ list: 1 }], gate: { failuresMax: 2, hard: true, approval: { group: 'sre', count: 2, expiresMs: HOUR } } },
    ],
    groups: [{ atMost: 1, size: 3 }],
    lists: [
      {
        account: '111122223333',
        image: 'ami-1',
        baseline: { path: '/patchwave/night/ami-1', version: 4, digest: 'b'.repeat(64), storedAt: OPENS },
        patches: [PATCH],
        digest: '1'.repeat(64),
      },
      { account: '111122223333', image: 'ami-9', baseline: null, patches: [PATCH], digest: '2'.repeat(64) },
    ],
  }),
  madeAt: OPENS,
  headline: { total: 3, waves: 2, planned: 2, skipped: { untested: 1 } },
  worstCase: [{ wave: 'canary', failuresMax: 0, worstFailures: 1, worstOutOfService: 1 }],
  windows: [{ opens: OPENS, cutoff: plus(OPENS, 5 * HOUR), closes: CLOSES }],
  forecast: { lowMs: HOUR, medianMs: HOUR, highMs: 2 * HOUR, nodeHighMs: 2 * HOUR, waves: [], basis: 'no history' },
  calls: { 'ssm.SendCommand': 2 },
  irreversible: ['nodes reboot'],
  warnings: ['1 node without tag:Cluster'],
}

describe('a plan on paper', () => {
  const page = planPage(plan, bare)

  it('begins with what is planned and what is not', () => {
    expect(page.slice(0, 2)).toEqual([
      'rollout of night: 3 nodes, 2 waves, 2 planned, 1 skipped: 1 untested',
      '! 1 node without tag:Cluster',
    ])
  })

  // prettier-ignore
  it.each<[line: string]>([
    ['  canary: 1 node, 1 at once, gate: failures 0; bake 30m; checks smoke'],
    ['    1  111122223333  us-east-1  ami-1'],
    ['    not represented: image=ami-2'],
    ['  broad: 1 node, 1000 at once, gate: failures 2 (hard); bake 0s; approval of 2 from sre'],
    ['  canary  passes with 0 failures  worst case 1 failed  1 out of service at once'],
    ['  tag:Cluster  at most 1 at once  1 value'],
    ['  ami-1: 1 patch'],
    ['    111122223333  baseline /patchwave/night/ami-1:4 of 2026-03-01 03:00:00Z'],
    ['    111122223333  UNTESTED: no baseline stands behind it'],
    ['      openssl 1:3.0.8-1 (Critical, CVE-2026-1, CVE-2026-2, 1 more)'],
    ['  opens 2026-03-01 03:00:00Z, nothing starts after 2026-03-01 08:00:00Z, closes 2026-03-01 09:00:00Z'],
    ['  nodes reboot'],
    ['  takes 1h to 2h (90 %), half within 1h'],
    ['  95 of 100 nodes are changed within 2h'],
    ['  (no history)'],
    ['  API calls: ssm.SendCommand 2'],
    [`  ${'d'.repeat(64)}`],
  ])('has %s', (line) => {
    expect(page).toContain(line)
  })

  it('says how old it is from a day on', () => {
    expect([ageRemark(plan, OPENS + HOUR), ageRemark(plan, OPENS + 2 * DAY)]).toEqual([
      undefined,
      'this plan was made at 2026-03-01T03:00:00.000Z, 2d ago',
    ])
  })
})

describe('shapes for machines', () => {
  it('a plan lists what each wave touches, and apart from it what is skipped', () => {
    const shape = planShape(plan)
    const node = { account: '111122223333', region: 'us-east-1', ami: 'ami-1', zone: 'use1-az1' }
    expect(shape).toMatchObject({
      digest: 'd'.repeat(64),
      runbook: 'night',
      waves: [
        {
          name: 'canary',
          concurrency: 1,
          nodes: [{ node: 'i-00000000000000000', ...node, baseline: { path: '/patchwave/night/ami-1', version: 4 } }],
          gate: { failuresMax: 0 },
        },
        { name: 'broad', nodes: [{ node: 'i-00000000000000002', untested: true }] },
      ],
      skipped: [{ node: 'i-00000000000000001', reason: 'untested', wave: 'canary' }],
      windows: [{ opens: '2026-03-01T03:00:00Z' }],
      forecast: { lowSeconds: 3600, highSeconds: 7200 },
      calls: { 'ssm.SendCommand': 2 },
      irreversible: ['nodes reboot'],
    })
  })

  it('a status has its window to the second, and its waves only when it is asked for one run', () => {
    const view = viewOf(midWave().state)
    const shape = statusShape(view, false)
    expect(shape).toMatchObject({
      run: view.run,
      runbook: 'night',
      state: 'running',
      wave: 'canary',
      nodes: { total: 6, patched: 2, failed: 1, open: 3 },
      window: { closes: '2026-03-01T09:00:00Z' },
    })
    expect(shape).not.toHaveProperty('waves')
    expect(statusShape(view, true)).toMatchObject({
      waves: [
        { name: 'canary', state: 'running', nodes: { total: 4, patched: 2, failed: 1, open: 1 } },
        { name: 'rest', state: 'queued' },
      ],
    })
  })

  it('the last line of an act has all that was promised', () => {
    const told = midWave()
    told.tell(report(1, { 3: 'failed: dependency' }, plus(OPENS, MINUTE)), { type: 'CommandClosed', n: 1 })
    told.play('rolled-back')
    const shape = finishedShape(told.state, { startedAt: OPENS, finishedAt: plus(OPENS, HOUR), calls: { 'ssm.SendCommand': 2 } })
    expect(shape).toMatchObject({
      type: 'run.finished',
      run: told.state.run,
      act: 'rollout',
      outcome: 'rolled-back',
      digest: '0'.repeat(64),
      nodes: { total: 6, patched: 0, 'not-needed': 0, failed: 0, unknown: 0, skipped: 2, 'rolled-back': 4, 'rollback-failed': 0 },
      waves: [
        { name: 'canary', outcome: 'failed', nodes: { total: 4, 'rolled-back': 4 } },
        { name: 'rest', outcome: 'not-started', nodes: { total: 2, skipped: 2 } },
      ],
      calls: { 'ssm.SendCommand': 2 },
      startedAt: '2026-03-01T03:00:00.000Z',
      finishedAt: '2026-03-01T04:00:00.000Z',
    })
    expect(typeof shape['lowerBoundSeconds']).toBe('number')
  })
})

describe('who follows a run may leave', () => {
  const asked = (kind: 'baselines' | 'plan'): RunEvent => ({
    type: 'ApprovalAsked',
    subject: { kind },
    group: 'sre',
    count: 1,
    expires: plus(CLOSES, DAY),
  })
  const with_ = (...events: RunEvent[]) => {
    const told = midWave()
    for (const event of events) told.tell(event)
    return told.state
  }

  // prettier-ignore
  it.each<[it: string, events: RunEvent[], wakeAt: number | null, now: number, leaves: boolean]>([
    ['not while the next thing comes inside the window',    [],                   OPENS + HOUR,  OPENS,           false],
    ['not at the close itself',                             [],                   CLOSES,        OPENS,           false],
    ['when the next thing comes after it',                  [],                   CLOSES + 1,    OPENS,           true],
    ['when only a person can move it and it has closed',    [],                   null,          CLOSES,          true],
    ['not when only a person can move it before that',      [],                   null,          OPENS,           false],
    ['when baselines wait for people',                      [asked('baselines')], OPENS + HOUR,  OPENS,           true],
    ['not when a plan waits for them before its opening',   [asked('plan')],      OPENS + HOUR,  OPENS,           false],
  ])('%s', (_, events, wakeAt, now, leaves) => {
    expect(mayLeave(with_(...events), wakeAt === null ? null : instant(wakeAt), instant(now))).toBe(leaves)
  })
})

it('a rehearsal says what the other side saw, and that its time was virtual', () => {
  const lines = rehearsalSummary({
    began: OPENS,
    ended: plus(OPENS, DAY),
    nodes: 3,
    baselines: 2,
    feedback: { queue: 'feedback.fifo', messages: 41 },
    worst: { 'tag:Cluster=a': 1, 'tag:Cluster=b': 2, 'availability-zone=use1-az1': 5 },
    audit: { ok: true, complete: true, runs: 2, entries: 300 },
  })
  const text = lines.join('\n')
  for (const part of [
    'virtual time',
    '2026-03-02 03:00:00Z (1d)',
    '41 messages in feedback.fifo',
    '2 of tag:Cluster=b, 5 of availability-zone=use1-az1',
    'ok: 2 runs, 300 entries',
  ])
    expect(text).toContain(part)
  expect(
    rehearsalSummary({
      began: OPENS,
      ended: OPENS,
      nodes: 1,
      baselines: 0,
      feedback: null,
      worst: {},
      audit: { ok: false, breaks: [{ run: 'r', reason: 'cut', detail: 'x' }] },
    }).join('\n'),
  ).toContain('BROKEN: r cut: x')
})
