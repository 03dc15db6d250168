import { describe, expect, it } from 'vitest'
import { canonicalDigest } from '../../../src/core/plan/canonical.ts'
import { readMissing, readPatch } from '../../../src/core/plan/classify.ts'
import { makePlan } from '../../../src/core/plan/make.ts'
import { readHeader, readRecord } from '../../../src/core/plan/packing-read.ts'
import { planText, readPlan } from '../../../src/core/plan/plan-file.ts'
import { upcastPlan } from '../../../src/core/plan/plan-upcast.ts'
import { NOTHING_AROUND, PLAIN_WINDOW } from '../../../src/core/runbook/runbook.ts'
import { instant, SECOND } from '../../../src/kit/instant.ts'
import { input, NOW, patch } from './fixture.ts'

type Fields = Readonly<Record<string, unknown>>

/** The value with another one at a place in it; `undefined` takes the place away. */
function changed(value: unknown, path: readonly (string | number)[], to: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return to
  if (Array.isArray(value)) return value.map((item: unknown, index) => (index === key ? changed(item, rest, to) : item))
  return { ...(value as Fields), [key]: changed((value as Fields)[key], rest, to) }
}

/** One wrong value of each kind that is not `like`. */
const notLike = (like: 'text' | 'number' | 'list' | 'object'): unknown[] => {
  const all = { text: 'x', number: 7, list: [], object: {} }
  return [undefined, null, true, ...Object.entries(all).flatMap(([kind, value]) => (kind === like ? [] : [value]))]
}

const DIGEST = '0123456789abcdef'.repeat(2)

describe('a manifest', () => {
  const header = { v: 2, account: '222222222222', image: 'ami-a', digest: 'd', run: 'r', testedAt: 5, quarantined: 3, parts: [[1, DIGEST]] }
  const read = (value: unknown) => readHeader(JSON.stringify(value))
  const { v: _, ...kept } = header

  it('is read as it is, of either version', () => {
    expect(read(header)).toEqual(kept)
    expect(read({ ...header, v: 1 })).toEqual(kept)
    expect(read({ ...header, quarantined: undefined })).toEqual({ ...kept, quarantined: 0 })
    expect(read({ ...header, quarantined: 'x' })).toEqual({ ...kept, quarantined: 0 })
    expect(read({ ...header, parts: [] })).toEqual({ ...kept, parts: [] })
  })

  it.each(['', '{', '[]', 'null', '7', '"x"'])('is no object: %s', (text) => {
    expect(readHeader(text)).toBe('the manifest is no JSON object')
  })

  it.each([0, 3, '1', null])('is of no known version: %s', (version) => {
    expect(read({ ...header, v: version })).toBe('the manifest was written by a newer version')
  })

  it.each(['account', 'image', 'digest', 'run'])('lacks its %s', (key) => {
    for (const wrong of notLike('text')) expect(read(changed(header, [key], wrong))).toBe('the manifest lacks a name')
  })

  // prettier-ignore
  it.each<[it: string, path: (string | number)[], wrong: unknown[]]>([
    ['its time',                 ['testedAt'],    notLike('number')],
    ['its parts',                ['parts'],       notLike('list')],
    ['a row',                    ['parts', 0],    [...notLike('text'), 'x', [], [1], [1, DIGEST, 1]]],
    ['a version',                ['parts', 0, 0], [...notLike('number'), 1.5]],
    ['a digest',                 ['parts', 0, 1], [...notLike('text'), 'x', `${DIGEST}0`, `x${DIGEST}`, `${DIGEST}\n`, DIGEST.toUpperCase()]],
  ])('is damaged in %s', (_it, path, wrong) => {
    for (const one of wrong) expect(read(changed(header, path, one))).toBe('the manifest is damaged')
  })
})

describe('a line of a part', () => {
  const tested = { run: 'r', plan: 'p', testedAt: 5, nodes: ['i-1', 'i-2'], checks: ['smoke'] }
  const quarantined = { family: 'deb', name: 'curl', arch: 'amd64', version: '7.1-2', as: 'breaks', why: 'w', run: 'r', at: 9 }
  const read = (value: unknown) => readRecord(JSON.stringify(value))

  it('is a patch, what was tested, or what is quarantined', () => {
    const one = patch('openssl', '1:3.0.8-1')
    expect(read({ patch: one })).toEqual({ patch: one })
    expect(read({ tested })).toEqual({ tested })
    for (const family of ['rpm', 'deb'])
      for (const as of ['breaks', 'needs'])
        expect(read({ quarantined: { ...quarantined, family, as } })).toEqual({ quarantined: { ...quarantined, family, as } })
  })

  it.each(['', '[]', 'null', '{}', '{"patch":null}', '{"quarantined":null}', '{"tested":[]}'])('is nothing that is known: %s', (text) => {
    expect(readRecord(text)).toBeUndefined()
  })

  // prettier-ignore
  it.each<[path: (string | number)[], wrong: unknown[]]>([
    [['run'],      notLike('text')],
    [['plan'],     notLike('text')],
    [['testedAt'], notLike('number')],
    [['nodes'],    [...notLike('list'), [7], ['i-1', null]]],
    [['checks'],   [...notLike('list'), [7], ['smoke', {}]]],
  ])('of what was tested, wrong in %j', (path, wrong) => {
    for (const one of wrong) expect(read({ tested: changed(tested, path, one) })).toBeUndefined()
  })

  // prettier-ignore
  it.each<[key: string, wrong: unknown[]]>([
    ['family',  ['', 'apk', null]],
    ['name',    [...notLike('text'), 'a b', '']],
    ['arch',    [...notLike('text'), 'a b', '']],
    ['version', [...notLike('text'), '1*', '']],
    ['as',      ['', 'x', null]],
    ['why',     notLike('text')],
    ['run',     notLike('text')],
    ['at',      notLike('number')],
  ])('of what is quarantined, wrong in its %s', (key, wrong) => {
    for (const one of wrong) expect(read({ quarantined: { ...quarantined, [key]: one } })).toBeUndefined()
  })
})

describe('a row of a scan', () => {
  const row = {
    name: 'openssl',
    arch: 'x86_64',
    version: '1:3.0.8-1',
    installed: '1:3.0.7-1',
    classification: 'Security',
    severity: 'Important',
    advisories: ['A-2', 'A-1'],
    cves: ['CVE-1'],
    releasedAt: 5.5,
  }

  it('is read strictly, its attributes in order', () => {
    expect(readMissing(row, 'rpm')).toEqual({ ...row, family: 'rpm', advisories: ['A-1', 'A-2'], releasedAt: instant(5_500) })
    expect(readMissing({ ...row, version: '3.0.8-1' }, 'rpm')?.version).toBe('0:3.0.8-1')
    expect(readMissing({ ...row, version: '12:3.0.8-1' }, 'rpm')?.version).toBe('12:3.0.8-1')
    expect(readMissing({ ...row, version: '3.0.8-1' }, 'deb')?.version).toBe('3.0.8-1')
    expect(readMissing({ ...row, version: 'a1:3-1' }, 'rpm')?.version).not.toBe('a1:3-1')
    const bare = { name: 'a', arch: 'noarch', version: '0:1-1', classification: '', severity: '' }
    expect(readMissing(bare, 'rpm')).toEqual({ ...bare, family: 'rpm', advisories: [], cves: [], releasedAt: null, installed: '' })
    expect(readMissing({ ...row, releasedAt: 0 }, 'rpm')?.releasedAt).toBe(instant(0))
  })

  // prettier-ignore
  it.each<[key: string, wrong: unknown[]]>([
    ['name',           [...notLike('text'), '', 'a b']],
    ['arch',           [...notLike('text'), '', 'a b']],
    ['version',        [...notLike('text'), '', '1:', ':', '1 2']],
    ['installed',      [null, 7, {}]],
    ['classification', [...notLike('text'), 'x'.repeat(65), '<b>']],
    ['severity',       [...notLike('text'), 'x'.repeat(65), '<b>']],
    ['advisories',     [null, 'x', [7], ['-x'], [' x'], ['x'.repeat(101)], Array.from({ length: 2_001 }, (_, n) => `A-${String(n)}`)]],
    ['cves',           [null, 'x', [7], ['x y'], ['x', '']]],
    ['releasedAt',     ['5', true, -1, 1e11, Number.NaN, Number.POSITIVE_INFINITY]],
  ])('wrong in its %s is none', (key, wrong) => {
    for (const one of wrong) expect(readMissing({ ...row, [key]: one }, 'rpm')).toBeUndefined()
  })

  it.each([undefined, null, 7, 'x'])('%s is none', (value) => {
    expect([readMissing(value, 'rpm'), readPatch(value)]).toEqual([undefined, undefined])
  })

  it('has 2,000 advisories at most, each of 100 characters', () => {
    const advisories = Array.from({ length: 2_000 }, (_, n) => `${'x'.repeat(90)}${String(n).padStart(10, '0')}`)
    expect(readMissing({ ...row, advisories }, 'rpm')?.advisories).toHaveLength(2_000)
    expect(readMissing({ ...row, classification: 'x'.repeat(64) }, 'rpm')?.classification).toHaveLength(64)
  })
})

describe('a patch of ours', () => {
  const one = patch('openssl', '1:3.0.8-1', { releasedAt: instant(7 * SECOND) })

  it('comes back as it was', () => {
    expect(readPatch(one)).toEqual(one)
    expect(readPatch({ ...one, releasedAt: null })).toEqual({ ...one, releasedAt: null })
    expect(readPatch({ ...one, releasedAt: 'soon' })).toEqual({ ...one, releasedAt: null })
    const { releasedAt: _, ...timeless } = one
    expect(readPatch(timeless)).toEqual({ ...one, releasedAt: null })
    expect(readPatch({ ...one, family: 'deb' })).toEqual({ ...one, family: 'deb' })
  })

  it.each([undefined, null, 'apk', 7])('of family %s is none', (family) => {
    expect(readPatch({ ...one, family })).toBeUndefined()
  })
})

describe('a plan file', () => {
  const plan = makePlan(input({}))
  /** The file with another value in it, its digest made anew: only what is missing or does not fit can show. */
  const file = (path: readonly (string | number)[], to: unknown): string => {
    const value = changed(plan, path, to) as Fields
    return JSON.stringify({ ...value, digest: canonicalDigest(JSON.parse(JSON.stringify(value['content'] ?? null))) })
  }

  it('comes back as it was', () => {
    expect(readPlan(planText(plan))).toEqual(plan)
    expect(readPlan(file([], plan))).toEqual(plan)
  })

  it.each<[text: string, message: RegExp]>([
    ['{', /it is not JSON/],
    ['[]', /it is no plan/],
    ['null', /it is no plan/],
    ['{"content":[]}', /it is no plan/],
    ['{"content":null}', /it is no plan/],
  ])('%s is none', (text, message) => {
    expect(() => readPlan(text)).toThrow(message)
  })

  it('of a newer version, or damaged, is refused', () => {
    expect(() => readPlan(file(['content', 'v'], 2))).toThrow(/newer version/)
    expect(() => readPlan(planText({ ...plan, digest: plan.digest.replace(/^./, (first) => (first === '0' ? '1' : '0')) }))).toThrow(
      /does not have its digest/,
    )
  })

  const record = (key: string): [(string | number)[], unknown[]] => [
    ['content', key],
    [undefined, null, [], 7],
  ]
  const list = (...path: string[]): [(string | number)[], unknown[]] => [path, [undefined, null, {}, 7]]
  const last = plan.content.nodes.length
  // prettier-ignore
  it.each<[path: (string | number)[], wrong: unknown[]]>([
    record('runbook'), record('checks'), record('rollback'), record('documents'),
    [['headline'], [undefined, null, [], 7]], [['forecast'], [undefined, null, [], 7]], [['calls'], [undefined, null, [], 7]],
    list('content', 'nodes'), list('content', 'groups'), list('content', 'waves'), list('content', 'lists'), list('content', 'before'), list('content', 'after'),
    list('worstCase'), list('windows'), list('irreversible'), list('warnings'),
    [['madeAt'],                         [undefined, null, 'x']],
    [['content', 'waves', 0, 'nodes'],   [undefined, {}, [-1], [0.5], ['0'], [last], [null]]],
    [['content', 'waves', 0, 'gate'],    [undefined, null, []]],
    [['content', 'nodes', 0, 'groups'],  [undefined, {}, [-1], [99_999], ['0']]],
    [['content', 'nodes', 0, 'list'],    [undefined, -1, 99_999, '0', plan.content.lists.length]],
  ])('wrong in %j is refused', (path, wrong) => {
    for (const one of wrong) expect(() => readPlan(file(path, one))).toThrow(/something is missing in it/)
  })

  it('a node may have no list', () => {
    expect(readPlan(file(['content', 'nodes', 0, 'list'], null)).content.nodes[0]?.list).toBeNull()
    expect(readPlan(file(['content', 'waves', 0, 'nodes'], [last - 1])).content.waves[0]?.nodes).toEqual([last - 1])
  })
})

describe('a plan of an earlier version', () => {
  const old = {
    digest: 'd',
    content: {
      runbook: {
        name: 'n',
        patches: { approve: [] },
        test: { perAmi: 1 },
        window: { schedule: 's', timezone: 't', durationMs: 1, cutoffMs: 2, unfinished: 'stop' },
      },
    },
    forecast: { lowMs: 3, highMs: 4 },
  }

  it('has what came since, as it was meant then', () => {
    expect(upcastPlan(old)).toEqual({
      digest: 'd',
      content: {
        runbook: {
          name: 'n',
          inputs: {},
          patches: { approve: [], kernel: 'install' },
          test: { perAmi: 1, onFailure: 'stop' },
          window: {
            times: { schedule: 's', timezone: 't', durationMs: 1, cutoffMs: 2, offsetDays: 0, start: null, end: null },
            ...PLAIN_WINDOW,
            unfinished: 'stop',
          },
          ...NOTHING_AROUND,
        },
      },
      forecast: { lowMs: 3, highMs: 4, medianMs: 3, nodeHighMs: 4, waves: [] },
    })
  })

  it('keeps what it has of that', () => {
    const { content } = upcastPlan({ ...old, forecast: { lowMs: 3, highMs: 4, medianMs: 5, waves: [1] } })
    expect(upcastPlan({ content, forecast: 9 })).toEqual({ content, forecast: 9 })
    const windowed = { content: { runbook: { inputs: { a: 'b' }, window: 'kept', patches: null, test: null } } }
    expect(upcastPlan(windowed)).toEqual({ content: { runbook: { ...windowed.content.runbook, ...NOTHING_AROUND } } })
    const hooked = { content: { runbook: { hooks: 'kept', window: null } }, forecast: null }
    expect(upcastPlan(hooked)).toEqual({ content: { runbook: { hooks: 'kept', window: null, inputs: {} } }, forecast: null })
  })

  it.each([{}, { content: 7 }, { content: {} }, { content: { runbook: [] } }])('that is none stays what it is: %j', (value) => {
    expect(upcastPlan(value)).toEqual(value)
  })
})

it('what is read back is of this instant', () => {
  expect(NOW).toBeGreaterThan(0)
})
