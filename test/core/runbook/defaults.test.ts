import { expect, it } from 'vitest'
import { DAY, HOUR, MINUTE } from '../../../src/kit/instant.ts'
import { NOW_WINDOW } from '../../../src/core/runbook/runbook.ts'
import { read } from './read.ts'

const { runbook } = read(`apiVersion: patchwave/v1
kind: Runbook
metadata: { name: a }
scope: { accounts: [staging], regions: [us-east-1] }
waves: [{ name: all, take: rest }]
`)

const full = read(`apiVersion: patchwave/v1
kind: Runbook
metadata: { name: a }
scope: { accounts: [staging], regions: [us-east-1] }
window: { schedule: rate(7 days), duration: 6h }
patches: { approve: [{ names: ["*"] }] }
test: { match: { tags: { Env: staging } } }
waves: [{ name: all, take: rest }]
checks: { s: { type: script, run: /a }, h: { type: http, url: "https://a" } }
feedback: { queue: a.fifo }
approval: { group: sre-leads }
retry: {}
`).runbook

const [wave] = runbook.waves

// prettier-ignore
it.each<[key: string, actual: unknown, expected: unknown]>([
  ['gate.failures',            wave?.gate.failures,        { kind: 'count', count: 0 }],
  ['gate.bake',                wave?.gate.bakeMs,          10 * MINUTE],
  ['gate.hard',                wave?.gate.hard,            false],
  ['gate.checks',              wave?.gate.checks,          []],
  ['gate.evidence',            wave?.gate.evidencePercent, null],
  ['gate.approval',            wave?.gate.approval,        null],
  ['gate.holdFor: the window', wave?.gate.holdForMs,       null],
  ['concurrency',              wave?.concurrency,          { kind: 'share', percent: 10 }],
  ['wave.disruption',          wave?.disruption,           []],
  ['window: by hand only',     runbook.window,             null],
  ['patches: a scan',          runbook.patches,            null],
  ['patches.reboot',           full.patches?.reboot,       'never'],
  ['test: none',               runbook.test,               null],
  ['test.perAmi',              full.test?.perAmi,          2],
  ['test.soak',                full.test?.soakMs,          30 * MINUTE],
  ['test.lead',                full.test?.leadMs,          3 * DAY],
  ['baseline',                 runbook.baseline,           { path: '/patchwave/{runbook}/{account}/{image}', maxAgeMs: 14 * DAY, approval: null }],
  ['window.timezone, cutoff',  full.window?.times,         { schedule: 'rate(7 days)', timezone: 'UTC', durationMs: 6 * HOUR, cutoffMs: 0, offsetDays: 0, start: null, end: null }],
  ['window.unfinished',        full.window?.unfinished,    'stop'],
  ['window.onGap',             full.window?.onGap,         'next-valid'],
  ['window.onOverlap',         full.window?.onOverlap,     'first'],
  ['window.late',              full.window?.lateMs,        30 * MINUTE],
  ['window.overlap',           full.window?.overlap,       'queue'],
  ['window.jitter',            full.window?.jitterMs,      0],
  ['window.fit: only told',    full.window?.fit,           'warn'],
  ['window.freezes',           full.window?.freezes,       []],
  ['window.breakFreeze',       full.window?.breakFreeze,   null],
  ['inputs',                   full.inputs,                {}],
  ['rollback',                 runbook.rollback,           { on: 'gate-failed', scope: 'wave', method: 'packages', outside: 'allow', failures: { kind: 'share', percent: 10 } }],
  ['limit',                    runbook.limit,              { nodes: null, sharePercent: 60 }],
  ['feedback.detail',          full.feedback?.detail,      'wave'],
  ['feedback: nobody is told', runbook.feedback,           null],
  ['checks.script.timeout',    full.checks['s'],           { type: 'script', run: '/a', timeoutMs: 2 * MINUTE }],
  ['checks.http',              full.checks['h'],           { type: 'http', url: 'https://a', withinMs: 5_000, status: 200 }],
  ['approval.count, expires',  full.approval,              { group: 'sre-leads', count: 1, expiresMs: 24 * HOUR }],
  ['retry: none',              runbook.retry,              null],
  ['retry.attempts, on',       full.retry,                 { attempts: 2, on: ['lock-held', 'repository-unreachable'] }],
  ['budget',                   runbook.budget,             null],
  ['drift',                    runbook.driftPercent,       5],
  ['before, after',            [runbook.before, runbook.after], [[], []]],
  ['scope.match: everything',  runbook.scope.match,        { platform: null, tags: {}, images: null, nodes: null, accounts: null, regions: null }],
  ['run --now',                NOW_WINDOW,                 { durationMs: 6 * HOUR, cutoffMs: HOUR }],
])('%s', (_, actual, expected) => {
  expect(actual).toEqual(expected)
})
