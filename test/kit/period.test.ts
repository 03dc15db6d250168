import { describe, expect, it } from 'vitest'
import { compileSchema, plainDocument, validateDocument } from '../../src/kit/document.ts'
import { parseInstant } from '../../src/kit/instant.ts'
import { PERIOD_SCHEMA, periodMistakes, readPeriod, type Period, type PeriodDocument } from '../../src/kit/period.ts'

const SCHEMA = compileSchema(PERIOD_SCHEMA)
const shape = (value: unknown) =>
  validateDocument(plainDocument('p', value), SCHEMA, { code: 'runbook.invalid' }).diagnostics.map(({ code }) => code)
const at = (text: string) => {
  const found = parseInstant(text)
  if (found === undefined) throw new Error(text)
  return found
}

describe('a period is read as it is written', () => {
  // prettier-ignore
  it.each<[what: string, document: PeriodDocument, period: Period]>([
    ['days',             { from: '2026-12-20', to: '2027-01-03' }, { kind: 'days', from: '2026-12-20', to: '2027-01-03' }],
    ['one day',          { from: '2028-02-29', to: '2028-02-29' }, { kind: 'days', from: '2028-02-29', to: '2028-02-29' }],
    ['instants',         { from: '2026-11-26T18:00:00-05:00', to: '2026-11-30T08:00Z' }, { kind: 'period', from: at('2026-11-26T23:00:00Z'), to: at('2026-11-30T08:00:00Z') }],
    ['a file',           'config/calendars/company freeze.ics',    { kind: 'file', path: 'config/calendars/company freeze.ics' }],
    ['an absolute file', '/etc/patchwave/freeze.ics',              { kind: 'file', path: '/etc/patchwave/freeze.ics' }],
    ['a Change Calendar', 'ssm:ChangeFreeze',                      { kind: 'ssm', name: 'ChangeFreeze' }],
    ['a shared one',     'ssm:arn:aws:ssm:us-east-1:111122223333:document/Freeze', { kind: 'ssm', name: 'arn:aws:ssm:us-east-1:111122223333:document/Freeze' }],
    ['one named like a file', 'ssm:Company.ics',                   { kind: 'ssm', name: 'Company.ics' }],
  ])('%s', (_, document, period) => {
    expect([shape(document), periodMistakes(document)]).toEqual([[], []])
    expect(readPeriod(document)).toEqual(period)
  })
})

describe('what is no period is refused by its shape', () => {
  // prettier-ignore
  it.each<[what: string, value: unknown, code: string]>([
    ['a word',                'christmas',                                'runbook.malformed'],
    ['another file',          'freeze.yaml',                              'runbook.malformed'],
    ['an address',            'https://example.com/freeze.ics',           'runbook.malformed'],
    ['a file of two lines',   'a\nb.ics',                                 'runbook.malformed'],
    ['a nameless calendar',   'ssm:',                                     'runbook.malformed'],
    ['a short name',          'ssm:ab',                                   'runbook.malformed'],
    ['an ARN of no document', 'ssm:arn:aws:ssm:us-east-1:1:parameter/ab', 'runbook.malformed'],
    ['no end',                { from: '2026-12-20' },                     'runbook.missing-key'],
    ['a time without offset', { from: '2026-12-20T10:00:00', to: '2026-12-21T10:00:00Z' }, 'runbook.malformed'],
    ['a reason',              { from: '2026-12-20', to: '2026-12-21', why: 'x' }, 'runbook.unknown-key'],
    ['a number',              20261220,                                   'runbook.wrong-type'],
  ])('%s', (_, value, code) => {
    expect(shape(value)).toEqual([code])
  })
})

describe('what no shape can say', () => {
  // prettier-ignore
  it.each<[what: string, value: unknown, expected: string[]]>([
    ['days backwards',          { from: '2026-12-20', to: '2026-12-19' },                     ['to contradiction']],
    ['instants backwards',      { from: '2026-12-20T10:00Z', to: '2026-12-20T11:30+02:00' },  ['to contradiction']],
    ['an instant long',         { from: '2026-12-20T10:00Z', to: '2026-12-20T10:00Z' },       ['to contradiction']],
    ['a day and an instant',    { from: '2026-12-20', to: '2026-12-21T00:00Z' },              ['to contradiction']],
    ['days that are none',      { from: '2026-02-29', to: '2026-13-01' },                     ['from malformed', 'to malformed']],
    ['an hour that is none',    { from: '2026-02-20T25:00Z', to: '2026-02-21T00:00Z' },       ['from malformed']],
    ['the end of a short month', { from: '2026-04-31T00:00Z', to: '2026-05-02T00:00Z' },      ['from malformed']],
    ['nothing that is readable', { from: 1, to: 'x' },                                        []],
    ['a text',                  'a.ics',                                                      []],
  ])('%s', (_, value, expected) => {
    expect(periodMistakes(value).map(({ key, kind }) => `${key} ${kind}`)).toEqual(expected)
  })
})
