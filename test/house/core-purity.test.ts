import { describe, expect, it } from 'vitest'
import { impurities } from './core-purity.ts'
import { repositoryFiles, sourcesIn, spoken } from './tree.ts'

const core = sourcesIn('src/core/', repositoryFiles())

describe('the core', () => {
  it('has no clock, chance, waiting or surroundings', () => {
    expect(core.length).toBeGreaterThan(30)
    expect(spoken(core.flatMap(impurities))).toBe('')
  })

  it.each([
    ['const at = Date.now()', 'Date'],
    ['const at = new Date(0)', 'Date'],
    ['export type At = Date', 'Date'],
    ['const at = Temporal.Now.instant()', 'Temporal.Now'],
    ['setTimeout(() => {}, 0)', 'setTimeout'],
    ['const pick = Math.random()', 'Math.random'],
    ['const id = crypto.randomUUID()', 'crypto'],
    ['export async function next() {}', 'async'],
    ['const next = async () => 1', 'async'],
    ['const x = await next()', 'await'],
    ['for await (const x of y) z(x)', 'await'],
    ['export type Later = Promise<void>', 'Promise'],
    ['const home = process.env', 'process'],
    ['const x = globalThis', 'globalThis'],
    ["console.log('x')", 'console'],
    ['const { Date: When } = x, y = Date', 'Date'],
    ['const text = amount.toLocaleString()', 'toLocaleString'],
    ['names.sort((a, b) => a.localeCompare(b))', 'localeCompare'],
    ['const make = { Date }', 'Date'],
  ])('may not say: %s', (line, word) => {
    const breaches = impurities({ path: 'src/core/run/x.ts', text: `\n${line}\n` })
    expect(breaches).toMatchObject([{ line: 2, what: `\`${word}\` in the core` }])
  })

  it.each([
    'const x = event.process',
    '/** A Date is never asked for; await nothing. */ const x = 1',
    "const word = 'Promise'",
    'const x = { process: 1, Date: 2 }',
    'export type Step = { process: string }',
    'const least = Math.min(1, 2)',
    'const at = Temporal.Instant.fromEpochMilliseconds(0)',
  ])('may say: %s', (text) => {
    expect(impurities({ path: 'src/core/run/x.ts', text })).toEqual([])
  })
})
