import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CONFIG_FILE, loadConfig } from '../../src/config/load.ts'
import { CONFIG_SCHEMA } from '../../src/config/schema.ts'
import { InvalidDocument } from '../../src/kit/error.ts'
import { DAY } from '../../src/kit/instant.ts'
import { readPeriod } from '../../src/kit/period.ts'

const SMALL = `apiVersion: patchwave/v1
kind: Config
control: { account: "999999999999", region: us-east-1 }
accounts: { one: { id: "000000000001" } }
regions: [us-east-1]
`

const load = (text: string, more: Omit<Parameters<typeof loadConfig>[0], 'file'> = {}) =>
  loadConfig({ file: { path: 'c.yaml', bytes: text }, ...more })

function mistakes(parse: () => unknown): readonly string[] {
  try {
    parse()
    return []
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error
    return error.diagnostics.map(({ file, line, column, code }) => `${file}:${String(line)}:${String(column)} ${code}`)
  }
}

describe('the shipped config', () => {
  const config = loadConfig({ file: { path: CONFIG_FILE, bytes: readFileSync(CONFIG_FILE) } })

  it('validates, with every key', () => {
    expect(config.control).toEqual({ account: '999999999999', region: 'us-east-1' })
    expect(Object.entries(config.accounts).map(([name, { id }]) => [name, id])).toEqual([
      ['staging', '111111111111'],
      ['prod-us', '222222222222'],
      ['prod-eu', '333333333333'],
    ])
    expect(config.groups['sre-leads']?.members).toEqual(['alice', 'bob', 'carol'].map((name) => `arn:aws:iam::999999999999:user/${name}`))
    expect(config.events).toEqual({ queue: 'patchwave-events', refused: null })
  })

  it('names every key that the language has', () => {
    const text = readFileSync(CONFIG_FILE, 'utf8')
    const keys = Object.keys(CONFIG_SCHEMA.properties ?? {})
    expect(keys.filter((key) => !new RegExp(`^(# )?${key}:`, 'm').test(text))).toEqual([])
    expect(Object.keys(config).sort()).toEqual(keys.filter((key) => !['apiVersion', 'kind'].includes(key)).sort())
  })

  it('has examples that are right once their marks are taken away', () => {
    const text = readFileSync(CONFIG_FILE, 'utf8').replace(/^# ((?:freezes|triggers|debt|runbooks):.*| {2}.*)$/gm, '$1')
    const { freezes, triggers, debt, runbooks } = load(text)
    expect(debt).toEqual({ rebootWithinMs: 30 * DAY })
    expect(freezes.map(readPeriod).map(({ kind }) => kind)).toEqual(['days', 'period', 'file', 'ssm'])
    expect(triggers).toEqual({ queue: 'patchwave-triggers.fifo', refused: 'patchwave-refused' })
    expect(runbooks).toEqual(['runbooks'])
  })
})

it('has defaults for what is left out', () => {
  expect(load(SMALL)).toEqual({
    control: { account: '999999999999', region: 'us-east-1' },
    accounts: { one: { id: '000000000001', role: null, externalId: null } },
    groups: {},
    imageLineageTag: null,
    patchManager: null,
    events: null,
    freezes: [],
    triggers: null,
    debt: { rebootWithinMs: 30 * DAY },
    runbooks: ['runbooks'],
    store: '.patchwave/patchwave.db',
    regions: ['us-east-1'],
  })
})

it('gives what is written for the calendar', () => {
  const text = `${SMALL}freezes: [{ from: 2026-12-20, to: 2027-01-03 }, "ssm:ChangeFreeze"]\ntriggers: { queue: go }\nrunbooks: [a, b/c.yaml]\n`
  expect(load(text)).toMatchObject({
    freezes: [{ from: '2026-12-20', to: '2027-01-03' }, 'ssm:ChangeFreeze'],
    triggers: { queue: 'go', refused: null },
    runbooks: ['a', 'b/c.yaml'],
  })
})

// prettier-ignore
it.each<[what: string, file: string, environment: Record<string, string>, flags: { store?: string }, store: string]>([
  ['the default',              '',            {},                       {},             '.patchwave/patchwave.db'],
  ['the file',                 'store: f.db', {},                       {},             'f.db'],
  ['the environment wins',     'store: f.db', { PATCHWAVE_STORE: 'e' }, {},             'e'],
  ['an empty one is none',     'store: f.db', { PATCHWAVE_STORE: '' },  {},             'f.db'],
  ['the flag wins over both',  'store: f.db', { PATCHWAVE_STORE: 'e' }, { store: 'g' }, 'g'],
])('store: %s', (_, file, environment, flags, store) => {
  expect(load(SMALL + file, { environment, flags }).store).toBe(store)
})

describe('a config that is wrong is refused, each mistake in its place', () => {
  // prettier-ignore
  it.each<[what: string, text: string, ...expected: string[]]>([
    ['nothing',                   '',                                                  'c.yaml:1:1 config.wrong-type'],
    ['a mistyped key',            `${SMALL}acounts: {}`,                               'c.yaml:6:1 config.unknown-key'],
    ['an account without quotes', SMALL.replace('"999999999999"', '999999999999'),     'c.yaml:3:21 config.wrong-type'],
    ['an account too short',      SMALL.replace('999999999999', '99'),                 'c.yaml:3:21 config.malformed'],
    ['no account',                SMALL.replace('{ one: { id: "000000000001" } }', '{}'), 'c.yaml:4:11 config.out-of-range'],
    ['a role by name',            SMALL.replace('000001" }', '000001", role: admin }'), 'c.yaml:4:46 config.malformed'],
    ['a role of another account', SMALL.replace('000001" }', '000001", role: "arn:aws:iam::000000000002:role/a" }'), 'c.yaml:4:46 config.contradiction'],
    ['an external id for no role', SMALL.replace('000001" }', '000001", externalId: abc }'), 'c.yaml:4:52 config.contradiction'],
    ['an account of two names',   SMALL.replace('} }', '}, two: { id: "000000000001" } }'), 'c.yaml:4:53 config.duplicate-name'],
    ['a group of nobody',         `${SMALL}groups: { a: { members: [] } }`,            'c.yaml:6:25 config.out-of-range'],
    ['a region of no form',       SMALL.replace('[us-east-1]', '[virginia]'),          'c.yaml:5:11 config.malformed'],
    ['a FIFO event queue',        `${SMALL}events: { queue: a.fifo }`,                 'c.yaml:6:18 config.malformed'],
    ['a freeze backwards',        `${SMALL}freezes: [{ from: 2027-01-03, to: 2026-12-20 }]`, 'c.yaml:6:35 config.contradiction'],
    ['a freeze on no day',        `${SMALL}freezes: [a.ics, { from: 2026-02-30, to: 2026-12-20 }]`, 'c.yaml:6:26 config.malformed'],
    ['a freeze by a word',        `${SMALL}freezes: [christmas]`,                      'c.yaml:6:11 config.malformed'],
    ['triggers from nowhere',     `${SMALL}triggers: { refused: a }`,                  'c.yaml:6:1 config.missing-key'],
    ['a queue by its address',    `${SMALL}triggers: { queue: "https://sqs.us-east-1.amazonaws.com/1/a" }`, 'c.yaml:6:20 config.malformed'],
    ['a FIFO name too long',      `${SMALL}triggers: { queue: ${'a'.repeat(76)}.fifo }`, 'c.yaml:6:20 config.malformed'],
    ['refused to where it came from', `${SMALL}triggers: { queue: a, refused: a }`,    'c.yaml:6:32 config.contradiction'],
    ['a queue for two',           `${SMALL}events: { queue: a }\ntriggers: { queue: a }`, 'c.yaml:7:20 config.contradiction'],
    ['unread into the events',    `${SMALL}events: { queue: a, refused: a }`,          'c.yaml:6:30 config.contradiction'],
    ['unread into the triggers',  `${SMALL}events: { queue: a, refused: b }\ntriggers: { queue: b }`, 'c.yaml:6:30 config.contradiction'],
    ['refused into the events',   `${SMALL}events: { queue: a }\ntriggers: { queue: b, refused: a }`, 'c.yaml:7:32 config.contradiction'],
    ['no runbooks',               `${SMALL}runbooks: []`,                              'c.yaml:6:11 config.out-of-range'],
    ['a folder of two lines',     `${SMALL}runbooks: ["a\\nb"]`,                      'c.yaml:6:12 config.malformed'],
    ['broken YAML',               'a: [',                                              'c.yaml:1:5 document.syntax'],
  ])('%s', (_, text, ...expected) => {
    expect(mistakes(() => load(text))).toEqual(expected)
  })

  it('names the variable or the flag that it came from', () => {
    expect(mistakes(() => load(SMALL, { flags: { store: '' } }))).toEqual(['--store:1:1 config.out-of-range'])
    expect(mistakes(() => load(SMALL, { environment: { PATCHWAVE_STORE: 'x'.repeat(3_000) } }))).toEqual([
      'PATCHWAVE_STORE:1:1 config.out-of-range',
    ])
  })
})
