import { describe, expect, it } from 'vitest'
import { idleTests, lengthBreaches, LINES_MAX, looseTypes, ratchetBreaches, SILENT, strayText, undocumented } from './tidy.ts'
import { repositoryFiles, sourcesIn, spoken } from './tree.ts'

const files = repositoryFiles()
const written = files.filter(({ path }) => path.endsWith('.ts') && !path.endsWith('generated.ts'))
const sources = sourcesIn('src/', written)
const tests = sourcesIn('test/', written)

describe('the tree', () => {
  it('is all looked at', () => {
    expect(files.length).toBeGreaterThan(200)
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(['bin/patchwave', '.ci/run', 'package.json', 'LICENSE']))
  })

  it('has no left-overs and nothing that is not its own', () => {
    expect(spoken(files.flatMap(strayText))).toBe('')
  })

  it.each([
    ['// TO' + 'DO: later', 'a left-over marker'],
    ['throw new Error("Not implemente' + 'd")', 'a stub'],
    ["const file = '/wor" + "k/main/a.ts'", "a path of someone's machine"],
    ['see /hom' + 'e/someone/notes', "a path of someone's machine"],
    ['"https://registry.npmj' + 's.org/a"', 'a registry host'],
    ['written by an LL' + 'M', 'a word that is not about this project'],
    ['AK' + 'IAQX3456789ABCDEFG', 'what looks like an access key'],
    ['-----BEGIN RSA PRIVATE KE' + 'Y-----', 'a private key'],
    ['<<<<' + '<<< ours', 'a mark of a merge'],
  ])('would not keep: %s', (line, what) => {
    expect(strayText({ path: 'docs/x.md', text: `first\n${line}\n` })).toMatchObject([{ line: 2, what }])
  })

  it.each([
    '/var/lib/patchwave/markers',
    'the aim of the workload',
    '.patchwave/work/x',
    'a todo list',
    '===',
    'MAIN',
    'AKIA999999999999OPERATOR',
    'AKIAIOSFODNN7EXAMPLE',
  ])('may say: %s', (text) => {
    expect(strayText({ path: 'docs/x.md', text })).toEqual([])
  })
})

describe('source files', () => {
  it(`have at most ${String(LINES_MAX)} lines, or a reason`, () => {
    expect(spoken(written.flatMap((file) => lengthBreaches(file)))).toBe('')
  })

  it('are found when they grow, and when their reason is out of date', () => {
    const lines = (count: number): string => 'x\n'.repeat(count)
    expect(lengthBreaches({ path: 'a.ts', text: lines(LINES_MAX) }, {})).toEqual([])
    expect(lengthBreaches({ path: 'a.ts', text: lines(LINES_MAX + 1) }, {})).toMatchObject([{ what: '401 lines' }])
    expect(lengthBreaches({ path: 'a.ts', text: lines(LINES_MAX + 1) }, { 'a.ts': 'a table' })).toEqual([])
    expect(lengthBreaches({ path: 'a.ts', text: lines(3) }, { 'a.ts': 'a table' })).toMatchObject([
      { what: 'is listed as long but is not' },
    ])
  })

  it('keep the compiler’s promises', () => {
    expect(spoken(sources.flatMap(looseTypes))).toBe('')
  })

  it.each([
    ['const x: any = 1', '`any`'],
    ['const x = y as any', '`any`'],
    ['const x: Record<string, any> = {}', '`any`'],
    ['const x = list[0]!', 'a non-null `!`'],
    ['const x = list.at(0)!.name', 'a non-null `!`'],
    ['// @ts-expect' + '-error', 'a check is switched off'],
    ['// eslint-disa' + 'ble-next-line', 'a check is switched off'],
    ['/* eslint-disa' + 'ble no-console -- x */', 'a check is switched off'],
  ])('may not say: %s', (line, what) => {
    expect(looseTypes({ path: 'src/x.ts', text: `\n${line}\n` })).toMatchObject([{ line: 2, what }])
  })

  it('may negate, and speak of any', () => {
    expect(
      looseTypes({
        path: 'src/x.ts',
        text: '// any of them!\n// eslint-disa' + 'ble-next-line no-x -- why\nconst x = !list.some(y) && a !== b',
      }),
    ).toEqual([])
  })

  it('say above each export what it promises', () => {
    const found = sources.map(undocumented)
    expect(found.reduce((sum, { seen }) => sum + seen, 0)).toBeGreaterThan(400)
    expect(spoken(sources.flatMap((file) => ratchetBreaches(file.path, undocumented(file).breaches)))).toBe('')
    expect(Object.keys(SILENT).filter((path) => !sources.some((file) => file.path === path))).toEqual([])
  })

  it('never get more silent, and leave the list when they speak', () => {
    const silent = undocumented({ path: 'a.ts', text: 'export const x = 1\n\nexport const y = 2' }).breaches
    expect(ratchetBreaches('a.ts', silent, 1)).toHaveLength(2)
    expect(ratchetBreaches('a.ts', silent, undefined)).toHaveLength(2)
    expect(ratchetBreaches('a.ts', silent, 2)).toEqual([])
    expect(ratchetBreaches('a.ts', [], 2)).toMatchObject([{ what: 'is listed as silent but is not' }])
  })

  it.each([
    ['export const x = 1', 'x'],
    ['// only for us\nexport function x() {}', 'x'],
    ['/** */\nexport type X = 1', 'X'],
    ['export interface X {}', 'X'],
    ['/* not a doc comment */ export class X {}', 'X'],
  ])('are found when they say nothing: %s', (text, name) => {
    expect(undocumented({ path: 'src/x.ts', text }).breaches).toMatchObject([{ what: `\`${name}\` is exported without a doc comment` }])
  })

  it.each([
    '/** What it is. */\nexport const x = 1',
    '/** Two. */\nexport const x = 1\nexport const y = 2',
    'const x = 1',
    "export { x } from './x.ts'",
    '/** One. */\nexport interface X {}',
  ])('need no more than: %s', (text) => {
    expect(undocumented({ path: 'src/x.ts', text }).breaches).toEqual([])
  })
})

describe('tests', () => {
  it('all run', () => {
    expect(tests.length).toBeGreaterThan(20)
    expect(spoken(tests.flatMap(idleTests))).toBe('')
  })

  it.each(['it.skip("x", f)', 'it.only("x", f)', 'describe.skip("x", f)', 'it.todo("x")', 'test.only("x", f)'])(
    'are found when idle: %s',
    (line) => {
      expect(idleTests({ path: 'test/x.test.ts', text: `\n${line}\n` })).toMatchObject([{ line: 2 }])
    },
  )

  it.each(['it.each([1])("x", f)', 'rows.skip(3)', 'it("x", f)', 'it.skipIf(windows)("x", f)'])('are left alone: %s', (text) => {
    expect(idleTests({ path: 'test/x.test.ts', text })).toEqual([])
  })
})
