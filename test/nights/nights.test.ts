import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { playNight } from './night.ts'

/** `SEED=42` plays one night, `NIGHTS=500` that many; with neither, what fits into a minute. */
const { SEED, NIGHTS, FIRST } = process.env
const KEPT = JSON.parse(readFileSync(new URL('seeds.json', import.meta.url), 'utf8')) as readonly number[]
const usual = Array.from({ length: Number(NIGHTS ?? 30) }, (_, index) => Number(FIRST ?? 1) + index)
const seeds = SEED === undefined ? [...new Set([...(NIGHTS === undefined ? KEPT : []), ...usual])] : [Number(SEED)]

/** Every so many nights one is played twice. */
const TWICE_EVERY = 6

describe('a night', () => {
  it.each(seeds)('npm run night -- --seed=%i', async (seed) => {
    const night = await playNight(seed)
    expect(night.found, `${night.outcomes.join(', ')}; ${String(night.crashes)} crashes; ${night.warnings.slice(-5).join('; ')}`).toEqual(
      [],
    )
    if (SEED === undefined && seed % TWICE_EVERY !== 0) return
    const again = await playNight(seed)
    expect(again.journals, 'the same night twice').toEqual(night.journals)
  })
})

/** In a fresh process the first play meets modules that are still to be loaded, the second one does not. */
it('a night is the same in a process of its own', async () => {
  const run = promisify(execFile)
  const script = fileURLToPath(new URL('../../scripts/night.ts', import.meta.url))
  const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', script, '--seed=24'], { maxBuffer: 1 << 26 })
  expect(stdout).toContain('seed 24:')
})
