import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { OUTCOMES, type Work } from '../../../src/core/run/event.ts'
import { judge, readResult } from '../../../src/core/run/verdict.ts'
import { iso } from '../../../src/kit/instant.ts'

const TOKEN = '01900000-0000-7000-8000-000000000001.7'
const line = (more: Record<string, unknown>): string =>
  JSON.stringify({
    pw: 1,
    token: TOKEN,
    verdict: 'patched',
    reason: 'installed',
    changed: 3,
    missing: 0,
    before: '',
    after: '',
    kernel: '6.1.134',
    boot: '9f1c',
    reboot: 'no',
    endedAt: 1_767_225_600,
    ...more,
  })
const STATUSES = [
  'Success',
  'DeliveryTimedOut',
  'ExecutionTimedOut',
  'Failed',
  'Cancelled',
  'Undeliverable',
  'Terminated',
  'InvalidPlatform',
  'AccessDenied',
  'Expired',
  'NotStarted',
]

const spoken = (work: Work, status: string, output: string): string => {
  const { outcome, reason } = judge(work, TOKEN, status, output)
  return `${outcome}: ${reason}`
}

describe('what a node says of itself', () => {
  // prettier-ignore
  it.each<[work: Work, verdict: string, reason: string, outcome: string]>([
    ['apply',    'patched',         'installed',         'patched: installed'],
    ['apply',    'not-needed',      'nothing-missing',   'not-needed: nothing-missing'],
    ['apply',    'skipped',         'too-late',          'skipped: too-late'],
    ['apply',    'failed',          'interrupted',       'failed: interrupted'],
    ['apply',    'scanned',         'scanned',           'unknown: scanned'],      // not what it was asked for
    ['apply',    'rolled-back',     'restored',          'unknown: restored'],
    ['apply',    'constructor',     'installed',         'unknown: installed'],    // a key that every object has
    ['scan',     'scanned',         'scanned',           'not-needed: scanned'],
    ['scan',     'patched',         'installed',         'unknown: installed'],
    ['rollback', 'rolled-back',     'nothing-changed',   'rolled-back: nothing-changed'],
    ['rollback', 'rollback-failed', 'no-before-record',  'rollback-failed: no-before-record'],
    ['rollback', 'patched',         'installed',         'rollback-failed: installed'],
    ['rollback', 'failed',          'lock-held',         'rollback-failed: lock-held'],
  ])('%s: %s, %s → %s, whatever SSM says', (work, verdict, reason, outcome) => {
    for (const status of STATUSES) expect(spoken(work, status, line({ verdict, reason }))).toBe(outcome)
  })
})

describe('a line that says all there is to say', () => {
  const [before, after, list] = ['a', 'b', 'c'].map((digit) => digit.repeat(64))
  const whole = line({ token: `${TOKEN}12`, changed: 3, missing: 4, before, after, list, boot: '9f1c-Ab_0', reboot: 'wanted', live: 2, covered: 1_767_225_700, kernelnew: '6.1.135', since: 1_767_225_500 }) // prettier-ignore
  const host = { kernel: '6.1.134', live: 2, covered: 1_767_225_700_000, newer: '6.1.135', booted: 1_767_225_500_000 }
  const both = { reason: 'installed', changed: 3, missing: 4, before, after, reboot: true }

  it('is read as it is', () => {
    const read = { token: `${TOKEN}12`, verdict: 'patched', list, boot: '9f1c-Ab_0', endedAt: 1_767_225_600_000, ...both, ...host }
    expect(readResult(whole)).toEqual(read)
  })

  it('is what the report is made of', () => {
    expect(judge('apply', `${TOKEN}12`, 'Success', whole)).toEqual({ outcome: 'patched', ended: 1_767_225_600_000, ...both, host })
  })
})

describe('what SSM says of a silent node', () => {
  // prettier-ignore
  it.each<[status: string, apply: string]>([
    ['Success',           'unknown: unreadable'],     // an exit code is no proof
    ['Failed',            'unknown: unreadable'],
    ['DeliveryTimedOut',  'unknown: delivery-timed-out'],
    ['ExecutionTimedOut', 'unknown: execution-timed-out'],
    ['Cancelled',         'unknown: cancelled'],
    ['NotStarted',        'skipped: cancelled'],
    ['Undeliverable',     'failed: undeliverable'],
    ['Terminated',        'failed: terminated'],
    ['InvalidPlatform',   'failed: invalid-platform'],
    ['AccessDenied',      'failed: access-denied'],
    ['Expired',           'unknown: expired'],
    ['SomethingNew',      'unknown: something-new'],
    [`Very${'Long'.repeat(9)}`, `unknown: very${'-long'.repeat(7)}-`], // cut to what a reason may have
  ])('%s: %s', (status, apply) => {
    expect(spoken('apply', status, '')).toBe(apply)
    expect(spoken('rollback', status, '')).toBe(`rollback-failed: ${apply.split(': ')[1] ?? ''}`)
  })

  it('another token’s line is none', () => {
    expect(spoken('apply', 'Success', line({ token: TOKEN.replace('.7', '.8') }))).toBe('unknown: unreadable')
  })

  it('only the first line counts', () => {
    expect(spoken('apply', 'Success', `Hello\n${line({})}`)).toBe('unknown: unreadable')
    expect(spoken('apply', 'Success', `${line({})}\nbye`)).toBe('patched: installed')
  })
})

describe('hostile output', () => {
  // prettier-ignore
  it.each<[it: string, output: string]>([
    ['no JSON',                   'patched'],
    ['an array',                  '[1]'],
    ['null',                      'null'],
    ['another protocol',          line({ pw: 2 })],
    ['a verdict that is a list',  line({ verdict: ['patched'] })],
    ['a shouting verdict',        line({ verdict: 'PATCHED' })],
    ['a reason with a line end',  line({ reason: 'installed\n' })],
    ['no reason',                 line({ reason: undefined })],
    ['a token that is a number',  line({ token: 7 })],
    ['cut off',                   line({}).slice(0, -2)],
    ['more than fits',            line({ pad: 'x'.repeat(3_000) })],
    ['something before a token',  line({ token: `x${TOKEN}` })],
    ['something after a token',   line({ token: `${TOKEN}.` })],
    ['a token without a number',  line({ token: TOKEN.slice(0, -1) })],
    ['a token of a long number',  line({ token: `${TOKEN}123456789` })],
    ['no object',                 '7'],
  ])('%s is unreadable', (_, output) => {
    expect(readResult(output)).toBeUndefined()
  })

  it('numbers and texts that do not fit are left out, the verdict stands', () => {
    const read = readResult(
      line({ changed: -1, missing: 1e300, before: 'xyz', kernel: '\u0000', boot: {}, reboot: 'yes', endedAt: Number.MAX_SAFE_INTEGER }),
    )
    expect(read).toMatchObject({ verdict: 'patched', changed: 0, missing: 0, before: '', kernel: '', boot: '', reboot: false, endedAt: 0 })
  })

  // prettier-ignore
  it.each<[key: string, value: unknown, as: string, read: unknown]>([
    ['changed',   0,                    'changed',  0],
    ['changed',   '3',                  'changed',  0],
    ['missing',   1.5,                  'missing',  0],
    ['before',    `${'0'.repeat(64)}0`, 'before',   ''],
    ['after',     'x',                  'after',    ''],
    ['list',      'x',                  'list',     ''],
    ['kernel',    undefined,            'kernel',   ''],
    ['kernelnew', 'a b',                'newer',    ''],
    ['boot',      '9f1c ',              'boot',     ''],
    ['boot',      ' 9f1c',              'boot',     ''],
    ['boot',      'a'.repeat(65),       'boot',     ''],
    ['reboot',    true,                 'reboot',   false],
    ['live',      10_001,               'live',     10_000],
    ['endedAt',   253_402_300_799,      'endedAt',  253_402_300_799_000],
    ['endedAt',   253_402_300_800,      'endedAt',  0],
    ['since',     -1,                   'booted',   0],
  ])('%s: %j is read as %s: %j', (key, value, as, read) => {
    expect(readResult(line({ [key]: value }))).toMatchObject({ verdict: 'patched', [as]: read })
  })

  it('whatever a node prints, the report is one that the journal can hold', () => {
    const wild = fc.dictionary(
      fc.constantFrom('verdict', 'reason', 'changed', 'missing', 'before', 'after', 'endedAt', 'reboot', 'token', 'pw'),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(
        fc.constantFrom<Work>('apply', 'scan', 'rollback'),
        fc.constantFrom(...STATUSES),
        fc.oneof(fc.string(), wild.map(line)),
        (work, status, output) => {
          const report = judge(work, TOKEN, status, output)
          expect(OUTCOMES).toContain(report.outcome)
          expect(report.outcome).not.toBe('open')
          expect(report.reason).toMatch(/^[a-z][a-z-]{0,39}$/)
          expect(() => iso(report.ended)).not.toThrow()
          expect(Number.isSafeInteger(report.changed) && Number.isSafeInteger(report.missing)).toBe(true)
        },
      ),
    )
  })

  it('without a readable line of the token, nothing is ever a success', () => {
    fc.assert(
      fc.property(fc.constantFrom<Work>('apply', 'scan', 'rollback'), fc.constantFrom(...STATUSES), fc.string(), (work, status, output) => {
        expect(['unknown', 'failed', 'skipped', 'rollback-failed']).toContain(judge(work, TOKEN, status, output).outcome)
      }),
    )
  })
})
