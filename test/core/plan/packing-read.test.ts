import { describe, expect, it } from 'vitest'
import { readHeader, readRecord } from '../../../src/core/plan/packing-read.ts'
import { sha256 } from '../../../src/kit/digest.ts'
import { NOW, patch } from './fixture.ts'

const DIGEST = sha256('part').slice(0, 32)
const header = { v: 1, account: '222222222222', image: 'ami-a', digest: sha256('whole'), run: 'run-1', testedAt: NOW, parts: [[3, DIGEST]] }

describe('a manifest', () => {
  it('is read, with or without a quarantine', () => {
    const { v: _, ...fields } = header
    expect(readHeader(JSON.stringify(header))).toEqual({ ...fields, quarantined: 0 })
    expect(readHeader(JSON.stringify({ ...header, v: 2, quarantined: 4 }))).toEqual({ ...fields, quarantined: 4 })
    expect(readHeader(JSON.stringify({ ...header, quarantined: 'many' }))).toEqual({ ...fields, quarantined: 0 })
  })

  // prettier-ignore
  it.each<[more: object, why: string]>([
    [{ v: 3 },                              'the manifest was written by a newer version'],
    [{ account: 7 },                        'the manifest lacks a name'],
    [{ image: null },                       'the manifest lacks a name'],
    [{ digest: ['a'] },                     'the manifest lacks a name'],
    [{ run: undefined },                    'the manifest lacks a name'],
    [{ testedAt: 'yesterday' },             'the manifest is damaged'],
    [{ parts: 'all' },                      'the manifest is damaged'],
    [{ parts: [[3, DIGEST], 'next'] },      'the manifest is damaged'],
    [{ parts: [[3, DIGEST, 'more']] },      'the manifest is damaged'],
    [{ parts: [[3]] },                      'the manifest is damaged'],
    [{ parts: [[3.5, DIGEST]] },            'the manifest is damaged'],
    [{ parts: [['3', DIGEST]] },            'the manifest is damaged'],
    [{ parts: [[3, [DIGEST]]] },            'the manifest is damaged'],
    [{ parts: [[3, `0${DIGEST}`]] },        'the manifest is damaged'],
    [{ parts: [[3, `${DIGEST} `]] },        'the manifest is damaged'],
    [{ parts: [[3, `x${DIGEST}`]] },        'the manifest is damaged'],
    [{ parts: [[3, DIGEST.toUpperCase()]] }, 'the manifest is damaged'],
  ])('with %j is refused: %s', (more, why) => {
    expect(readHeader(JSON.stringify({ ...header, ...more }))).toBe(why)
  })

  it.each([['null'], ['[]'], ['7'], ['{'], ['']])('is not %j', (text) => {
    expect(readHeader(text)).toBe('the manifest is no JSON object')
  })
})

describe('a line of a part', () => {
  const tested = { run: 'run-1', plan: sha256('plan'), nodes: ['i-1'], checks: ['ping'], testedAt: NOW }
  const quarantined = { family: 'deb', name: 'pam', arch: 'amd64', version: '1-1', as: 'needs', why: 'smoke', run: 'run-1', at: NOW }

  // prettier-ignore
  it.each<[record: object]>([
    [{ patch: patch('openssl') }],
    [{ tested }],
    [{ tested: { ...tested, nodes: [], checks: [] } }],
    [{ quarantined }],
    [{ quarantined: { ...quarantined, family: 'rpm', version: '0:1-1', as: 'breaks' } }],
  ])('is read: %j', (record) => {
    expect(readRecord(JSON.stringify(record))).toEqual(record)
  })

  // prettier-ignore
  it.each<[record: unknown]>([
    [7], [null], [[]], [{}], [{ tested: 7 }], [{ quarantined: 7 }], [{ patch: 7 }],
    [{ patch: { ...patch('openssl'), family: 'exe' } }],
    ...['run', 'plan', 'testedAt', 'nodes', 'checks'].map((key): [unknown] => [{ tested: { ...tested, [key]: [7] } }]),
    [{ tested: { ...tested, nodes: 'i-1' } }], [{ tested: { ...tested, checks: 'ping' } }],
    ...['family', 'name', 'arch', 'version', 'as', 'why', 'run', 'at'].map((key): [unknown] => [{ quarantined: { ...quarantined, [key]: ['x'] } }]),
    ...['name', 'arch', 'version'].map((key): [unknown] => [{ quarantined: { ...quarantined, [key]: null } }]),
    [{ quarantined: { ...quarantined, name: 'a b' } }], [{ quarantined: { ...quarantined, family: 'exe' } }], [{ quarantined: { ...quarantined, as: 'bores' } }],
  ])('is refused: %j', (record) => {
    expect(readRecord(JSON.stringify(record))).toBeUndefined()
  })
})
