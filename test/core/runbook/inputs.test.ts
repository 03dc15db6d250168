import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Inputs } from '../../../src/core/runbook/parse.ts'
import { PatchwaveError } from '../../../src/kit/error.ts'
import { brief, mistakes, read, readFile } from './read.ts'

const HEAD = `apiVersion: patchwave/v1
kind: Runbook
metadata: { name: a }
scope: { accounts: [staging], regions: [us-east-1] }
waves: [{ name: all, take: rest }]
`
const CVE = `inputs: { cve: { pattern: '^CVE-\\d{4}-\\d{4,}$', description: Which CVE } }\n`
const FIX = 'patches: { approve: [{ cves: ["${inputs.cve}"] }] }\n'

const given = (text: string, values: Inputs | null) => read(text, undefined, undefined, values)
const template = (text: string) => mistakes(() => given(text, null)).map(brief)

function refusal(text: string, values: Inputs): PatchwaveError {
  try {
    given(text, values)
  } catch (error) {
    if (error instanceof PatchwaveError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('values', () => {
  const whole = `apiVersion: patchwave/v1
kind: Runbook
metadata: { name: a, title: "For \${inputs.cve}" }
scope: { accounts: [staging], regions: [us-east-1] }
inputs:
  cve: {}
  take: { type: integer, default: 5, minimum: 1, maximum: 10 }
  hard: { type: boolean, default: false }
  env: { values: [blue, green], default: blue }
waves:
  - { name: first, take: "\${inputs.take}", gate: { hard: "\${inputs.hard}", failures: "\${inputs.take}%" } }
  - { name: all, take: { match: { tags: { Env: "\${inputs.env}-\${inputs.env}", Raw: "$\${inputs.env} $$\${x} $ {" } } } }
`

  it('stand in the text, and alone with their type', () => {
    const { runbook, inputs, merged, unanswered } = given(whole, { cve: 'CVE-1', take: '7', hard: 'true', env: 'green' })
    expect(runbook.title).toBe('For CVE-1')
    expect(runbook.waves[0]).toMatchObject({
      take: { kind: 'amount', amount: { kind: 'count', count: 7 } },
      gate: { hard: true, failures: { kind: 'share', percent: 7 } },
    })
    expect(runbook.waves[1]?.take).toMatchObject({ match: { tags: { Env: ['green-green'], Raw: ['${inputs.env} $${x} $ {'] } } })
    expect(inputs).toEqual({ cve: 'CVE-1', take: '7', hard: 'true', env: 'green' })
    expect(merged['metadata']).toEqual({ name: 'a', title: 'For CVE-1' })
    expect(unanswered).toEqual([])
  })

  it('are the defaults where none is given, and go on record with them', () => {
    const { runbook, inputs } = given(whole, { cve: 'x' })
    expect(inputs).toEqual({ cve: 'x', take: '5', hard: 'false', env: 'blue' })
    expect(runbook.waves[0]).toMatchObject({ gate: { hard: false } })
    expect(runbook.inputs['take']).toEqual({
      type: 'integer',
      description: null,
      pattern: null,
      values: null,
      least: 1,
      most: 10,
      required: false,
      default: '5',
    })
    expect(runbook.inputs['cve']).toMatchObject({ type: 'string', required: true, default: null })
  })

  it('are not read again: a value that looks like a reference is a text', () => {
    expect(given(whole, { cve: '${inputs.env} $${' }).runbook.title).toBe('For ${inputs.env} $${')
  })

  // prettier-ignore
  it.each<[what: string, values: Inputs, says: string]>([
    ['none',                 {},                                  'the input cve is missing'],
    ['an empty one',         { cve: '' },                         'the input cve is empty'],
    ['two lines',            { cve: 'a\nb' },                     'the input cve is not one line of plain text'],
    ['a line separator',     { cve: 'a\u2028b' },                 'the input cve is not one line of plain text'],
    ['a colour',             { cve: '\u001b[31mred' },            'the input cve is not one line of plain text'],
    ['text turned around',   { cve: 'a\u202eb' },                 'the input cve is not one line of plain text'],
    ['half a character',     { cve: '\ud800' },                   'the input cve is not one line of plain text'],
    ['too long a one',       { cve: 'x'.repeat(257) },            'the input cve has 257 characters, more than 256'],
    ['a word for a number',  { cve: 'x', take: 'five' },          'the input take cannot be "five": it is a whole number'],
    ['a fraction',           { cve: 'x', take: '5.5' },           'the input take cannot be "5.5": it is a whole number'],
    ['hexadecimal',          { cve: 'x', take: '0x5' },           'the input take cannot be "0x5": it is a whole number'],
    ['a number too small',   { cve: 'x', take: '0' },             'the input take must be at least 1'],
    ['a number too large',   { cve: 'x', take: '11' },            'the input take must be at most 10'],
    ['a number past all',    { cve: 'x', take: '9007199254740993' }, 'the input take cannot be "9007199254740993": it is a whole number'],
    ['yes',                  { cve: 'x', hard: 'yes' },           'the input hard cannot be "yes": it is true or false'],
    ['another choice',       { cve: 'x', env: 'gren' },           'the input env cannot be "gren": did you mean "green"?'],
    ['an unknown name',      { cve: 'x', evn: 'blue' },           'there is no input "evn"'],
    ['a name of every object', { cve: 'x', constructor: 'a' },    'there is no input "constructor"'],
    ['two mistakes',         { take: '0' },                       'the input cve is missing; the input take must be at least 1'],
  ])('%s are refused', (_, values, says) => {
    expect(refusal(whole, values)).toMatchObject({ code: 'input.invalid', exit: 2, message: says })
  })

  it('that are refused say what to type instead', () => {
    expect(refusal(HEAD + CVE + FIX, {})).toMatchObject({
      message: 'the input cve is missing (Which CVE)',
      more: { hint: 'write it like --input cve=CVE-0000-0000', at: { file: 'a.yaml', line: 6, column: 11 } },
    })
    expect(refusal(HEAD + CVE + FIX, { cev: 'x' }).more.hint).toBe('write it like --input cve=CVE-0000-0000; did you mean "cve"?')
    expect(refusal(HEAD + CVE + FIX, { cve: 'CVE-2026' }).message).toBe(
      'the input cve cannot be "CVE-2026": it must match ^CVE-\\d{4}-\\d{4,}$ (Which CVE)',
    )
    expect(refusal(HEAD, { cve: 'x' }).more).toMatchObject({ hint: 'this runbook has no inputs', at: { line: 1, column: 1 } })
  })

  it('must make a runbook that is right: it is checked as a whole, in the places of the template', () => {
    const loose = HEAD + 'inputs: { cve: {} }\n' + FIX
    expect(mistakes(() => given(loose, { cve: 'openssl' })).map(brief)).toEqual(['7:31 runbook.malformed'])
    expect(mistakes(() => given(loose, { cve: 'CVE-2026-1234' }))).toEqual([])
  })

  it('come after the mistakes of the runbook itself', () => {
    expect(mistakes(() => given(`${HEAD}${CVE}${FIX}drift: little\n`, {})).map(brief)).toEqual(['8:8 runbook.malformed'])
  })
})

describe('a template', () => {
  it('is judged with the defaults, and not where there is none', () => {
    expect(template(HEAD + CVE + FIX)).toEqual([])
    expect(template(`${HEAD}${CVE}${FIX.replace(']', ', CVE-1]')}`)).toEqual(['7:48 runbook.malformed'])
    const approval = 'approval: { group: "${inputs.who}", count: "${inputs.n}" }\n'
    expect(template(`${HEAD}inputs: { who: {}, n: { type: integer } }\n${approval}`)).toEqual([])
    expect(template(`${HEAD}inputs: { who: { default: nobody }, n: { type: integer, default: 21 } }\n${approval}`)).toEqual([
      '7:20 runbook.unknown-name',
      '7:44 runbook.out-of-range',
    ])
  })

  it('can be looked at, and says which inputs have no value', () => {
    const { runbook, inputs, unanswered } = given(HEAD + CVE + FIX, null)
    expect(unanswered).toEqual(['cve'])
    expect(inputs).toEqual({})
    expect(runbook.patches?.approve[0]?.cves).toEqual(['CVE-2026-1234'])
  })

  it('with an open text in any place is looked at without a crash', () => {
    const monthly = readFileSync('runbooks/monthly-linux-security.yaml', 'utf8').replace(/ #.*/g, '')
    const values = [...monthly.matchAll(/(?<=[:[,-] +)("[^"]*"|[\w./%-]+(\([^)]*\))?)(?=[ ,\]\n}])/g)]
    expect(values.length).toBeGreaterThan(60)
    fc.assert(
      fc.property(fc.constantFrom(...values), ({ 0: text, index }) => {
        const opened = `${monthly.slice(0, index)}"\${inputs.x}"${monthly.slice(index + text.length)}inputs: { x: {} }\n`
        const found = mistakes(() => given(opened, null))
        if (found.length === 0) expect(given(opened, null).unanswered).toEqual(['x'])
        else expect(found.map(({ code }) => code)).not.toContain('runbook.unused-input')
      }),
      { numRuns: 300 },
    )
  })
})

describe('what is wrong with the declarations or the references is told in its place', () => {
  const inputs = (line: string, use = 'drift: "${inputs.x}"\n') => `${HEAD}inputs: { x: ${line} }\n${use}`

  // prettier-ignore
  it.each<[what: string, text: string, ...expected: string[]]>([
    ['an unknown input',             `${HEAD}${CVE}${FIX}drift: "\${inputs.cev}"\n`,      '8:8 runbook.unknown-name'],
    ['no input at all',              `${HEAD}drift: "\${inputs.x}"\n`,                    '6:8 runbook.unknown-name'],
    ['an unused one',                `${HEAD}${CVE}`,                                     '6:11 runbook.unused-input'],
    ['one that is only named in $${', `${HEAD}${CVE}drift: 5%\nfeedback: { queue: "$\${inputs.cve}.fifo" }\n`, '6:11 runbook.unused-input', '8:20 runbook.malformed'],
    ['a variable of a shell',        `${HEAD}checks: { a: { type: http, url: "https://\${HOST}/" } }\n`, '6:33 runbook.misplaced-reference'],
    ['a reference without end',      `${HEAD}${CVE}${FIX}drift: "\${inputs.cve"\n`,       '8:8 runbook.misplaced-reference'],
    ['one with spaces',              `${HEAD}${CVE}${FIX}drift: "\${ inputs.cve }"\n`,    '8:8 runbook.misplaced-reference'],
    ['a reference in a key',         `${HEAD}${CVE}${FIX}test: { match: { tags: { "\${inputs.cve}": a } } }\n`, '8:26 runbook.misplaced-reference'],
    ['a reference in the name',      `${HEAD.replace('name: a }', 'name: "${inputs.cve}" }')}${CVE}${FIX}`, '3:19 runbook.misplaced-reference'],
    ['a reference in an input',      `${HEAD}${FIX}inputs: { cve: { default: "\${inputs.cve}" } }\n`, '6:31 runbook.malformed', '7:27 runbook.misplaced-reference'],
    ['a secret',                     inputs('{ default: 5% }').replaceAll('x', 'dbPassword'), '6:11 runbook.secret-input'],
    ['a token by another name',      inputs('{ default: 5% }').replace('{ x:', '{ API_KEY:').replace('inputs.x', 'inputs.API_KEY'), '6:11 runbook.secret-input'],
    ['a pattern of a number',        inputs('{ type: integer, pattern: a }'),             '6:31 runbook.contradiction'],
    ['values of a boolean',          inputs('{ type: boolean, values: [a] }'),            '6:31 runbook.contradiction', '6:40 runbook.contradiction'],
    ['bounds of a text',             inputs('{ minimum: 1, maximum: 2 }'),                '6:16 runbook.contradiction', '6:28 runbook.contradiction'],
    ['bounds that cross',            inputs('{ type: integer, minimum: 2, maximum: 1 }'), '6:52 runbook.contradiction'],
    ['a broken pattern',             inputs("{ pattern: '(' }"),                          '6:25 runbook.malformed'],
    ['a pattern that looks ahead',   inputs("{ pattern: '(?=a)b' }"),                     '6:25 runbook.malformed'],
    ['a default that does not fit',  inputs("{ pattern: 'a+', default: 5% }"),            '6:40 runbook.contradiction'],
    ['a default of another type',    inputs('{ type: integer, default: many }'),          '6:40 runbook.contradiction', '7:8 runbook.wrong-type'],
    ['a value that does not fit',    inputs('{ type: integer, values: [1, two] }'),       '6:43 runbook.contradiction'],
    ['an optional one without default', inputs('{ required: false }'),                    '6:26 runbook.contradiction'],
    ['a required one with default',  inputs('{ default: 5%, required: true }'),            '6:39 runbook.contradiction'],
    ['a name with a dot',            `${HEAD}inputs: { a.b: {} }\n`,                      '6:11 runbook.malformed'],
    ['an unknown type',              inputs('{ type: number }'),                          '6:22 runbook.unknown-value'],
    ['an unknown key',               inputs('{ secret: true }'),                          '6:16 runbook.unknown-key'],
    ['a list',                       `${HEAD}inputs: [cve]\n`,                            '6:9 runbook.wrong-type'],
  ])('%s', (_, text, ...expected) => {
    expect(template(text)).toEqual(expected)
  })

  it.each([
    ['${inputs.cev}', 'did you mean "cve"?'],
    ['${cve}', 'did you mean "${inputs.cve}"? Write $${ if a plain ${ is meant'],
    ['${input.cev}', 'did you mean "${inputs.cve}"? Write $${ if a plain ${ is meant'],
  ])('%s: %s', (reference, hint) => {
    const found = mistakes(() => given(`${HEAD}${CVE}${FIX}drift: "${reference}"\n`, null))
    expect(found.map((each) => each.hint)).toEqual([hint])
  })
})

describe('inputs and a base', () => {
  const base = `${HEAD}inputs: { cve: { description: Which CVE } }\n${FIX}`

  it('merge, and keep the places of both files', () => {
    const own = 'extends: base.yaml\nmetadata: { name: own, title: "${inputs.cve}" }\ninputs: { cve: { default: CVE-2026-1 } }\n'
    const found = mistakes(() => read(own, base, undefined, {}))
    expect(found.map((each) => `${each.file}:${brief(each)}`)).toEqual(['base.yaml:7:31 runbook.malformed'])
    const { runbook, inputs } = read(own, base, undefined, { cve: 'CVE-2026-1234' })
    expect(runbook).toMatchObject({ name: 'own', title: 'CVE-2026-1234', inputs: { cve: { description: 'Which CVE', required: false } } })
    expect(inputs).toEqual({ cve: 'CVE-2026-1234' })
  })
})

it('the emergency runbook asks for its CVE', () => {
  const { runbook } = readFile('runbooks/emergency-cve.yaml', { cve: 'CVE-2026-98765' })
  expect(runbook.patches?.approve.map(({ cves }) => cves)).toEqual([['CVE-2026-98765']])
  expect(() => readFile('runbooks/emergency-cve.yaml', { cve: 'openssl' })).toThrow(/must match/)
})
