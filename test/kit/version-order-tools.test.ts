import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Random, seeded } from '../../src/kit/random.ts'
import { debCompare, rpmCompare } from '../../src/kit/version-order.ts'

/** `SEED=7 vitest run test/kit/version-order-tools` compares other versions. */
const SEED = Number(process.env['SEED'] ?? 20260101)
/** dpkg is started once or twice for each pair, rpm once for all. */
const PAIRS = { deb: 2_500, rpm: 10_000 }

/** Versions as distributions write them; the rest is made from these. */
const REAL = {
  rpm: [
    '0:3.0.8-1.amzn2023.0.18', '1:3.0.8-1.amzn2023.0.3', '32:9.18.33-1.amzn2023.0.2', '6.1.134-150.224.amzn2023', '2:9.1.1202-1.amzn2023.0.1',
    '0:1.9.15-1.p5.amzn2023.0.3', '0:2.0~rc1-1', '0:1.0^git20260101-1', '0:8.7p1-8.amzn2023.0.15', '0:2024b-1', '0:6.2-4.20200222.amzn2023.0.6',
    '12:4.1.1-53.P1.28.amzn1', '0:007-1', '1.0-0', '0:1.0~rc1^post1-1', '0:4.14.355-276.618.amzn2',
  ],
  deb: [
    '1:9.18.28-0ubuntu0.22.04.1', '3.0.2-0ubuntu1.20', '2.36-9+deb12u10', '5.15.0-1052.57~20.04.1', '2.9.13+dfsg-1ubuntu0.7', '1.0~rc1-1',
    '2:8.2.3995-1ubuntu2.24', '20230311ubuntu0.22.04.1', '1:1.2.11.dfsg-2ubuntu9.2', '3.10.12-1~22.04.11', '9.1-1', '1.2-3-4', '5.2.15-2+b7', '007', '1.0~~', '1.0',
  ],
} as const // prettier-ignore

const PIECES = {
  rpm: [
    '0',
    '00',
    '1',
    '9',
    '10',
    '010',
    'a',
    'A',
    'z',
    'rc',
    'b',
    '.',
    '..',
    '_',
    '+',
    '~',
    '~~',
    '^',
    '^^',
    'amzn',
    '99999999999999999999',
  ],
  deb: [
    '0',
    '00',
    '1',
    '9',
    '10',
    '010',
    'a',
    'A',
    'z',
    'rc',
    'b',
    '.',
    '..',
    '+',
    '~',
    '~~',
    '-',
    'ubuntu',
    'deb',
    '99999999999999999999',
  ],
} as const

type Family = keyof typeof REAL

const pick = <T>(random: Random, from: readonly T[]): T => {
  const one = from[Math.floor(random() * from.length)]
  if (one === undefined) throw new Error('nothing to pick from')
  return one
}

/** A real version with a few of its places changed. */
function mutated(random: Random, family: Family): string {
  const [, epoch = '', rest = ''] = /^(\d+:)?(.*)$/.exec(pick(random, REAL[family])) ?? []
  let text = rest
  for (let turn = Math.floor(random() * 4); turn > 0; turn -= 1) {
    const at = Math.floor(random() * (text.length + 1))
    const cut = Math.floor(random() * 3)
    text = text.slice(0, at) + (random() < 0.7 ? pick(random, PIECES[family]) : '') + text.slice(at + cut)
  }
  return fitting(family, random() < 0.8 ? epoch : `${String(Math.floor(random() * 3))}:`, text)
}

/** A version out of nothing. */
function invented(random: Random, family: Family): string {
  const word = (most: number): string =>
    Array.from({ length: 1 + Math.floor(random() * most) }, () => pick(random, PIECES[family])).join('')
  const epoch = random() < 0.3 ? `${String(Math.floor(random() * 3))}:` : ''
  return fitting(family, epoch, random() < 0.7 ? `${word(6)}-${word(3)}` : word(6))
}

/** What the family's tool takes for a version: dpkg wants a digit first; rpm has one dash, before the release. */
function fitting(family: Family, epoch: string, text: string): string {
  if (family === 'deb') {
    const trimmed = text.replace(/^-+|-+$/g, '')
    return `${epoch}${/^\d/.test(trimmed) ? trimmed : `0${trimmed}`}`
  }
  const parts = text.split('-').filter((part) => part !== '')
  return `${epoch}${parts.length > 1 ? `${parts.slice(0, -1).join('.')}-${parts.at(-1) ?? ''}` : (parts[0] ?? '0')}`
}

function pairsOf(family: Family): (readonly [string, string])[] {
  const random = seeded(SEED)
  const version = (): string => (random() < 0.5 ? mutated(random, family) : invented(random, family))
  return Array.from({ length: PAIRS[family] }, () => {
    const first = version()
    return random() < 0.4
      ? [first, fitting(family, /^\d+:/.exec(first)?.[0] ?? '', first.replace(/^\d+:/, '') + pick(random, PIECES[family]))]
      : [first, version()]
  })
}

const there = (tool: string, ...args: string[]): boolean => {
  try {
    execFileSync(tool, args, { stdio: 'ignore' })
    return true
  } catch {
    process.stderr.write(`\nSKIPPED, the order of versions is not compared with ${tool}: it does not run here\n`)
    return false
  }
}

/** Both tools are started once: what they say of each pair comes back as a line. */
function asked(script: (folder: string) => readonly [string, ...string[]], pairs: readonly (readonly [string, string])[]): number[] {
  const folder = mkdtempSync(join(tmpdir(), 'version-order-'))
  try {
    writeFileSync(join(folder, 'pairs'), pairs.map(([a, b]) => `${a} ${b}\n`).join(''))
    const [tool, ...args] = script(folder)
    return execFileSync(tool, args, { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n')
      .map(Number)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const DPKG = `while read -r a b; do
  if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi
done < "$1/pairs"`

/** rpm.vercmp takes whole labels, epoch and release included, since rpm 4.15. */
const rpmLua = (folder: string): string =>
  `%{lua: for line in io.lines("${folder}/pairs") do local a, b = line:match("(%S+) (%S+)"); print(rpm.vercmp(a, b) .. "\\n") end}`

const differing = (
  family: Family,
  compare: (a: string, b: string) => number,
  script: (folder: string) => readonly [string, ...string[]],
) => {
  const pairs = pairsOf(family)
  const theirs = asked(script, pairs)
  expect(theirs).toHaveLength(pairs.length)
  expect(new Set(theirs), 'all three orders occur').toEqual(new Set([-1, 0, 1]))
  return pairs.flatMap(([a, b], at) =>
    compare(a, b) === theirs[at] ? [] : [`${a} ${b}: ${String(compare(a, b))}, not ${String(theirs[at])}`],
  )
}

describe('the order of versions is that of the tools', () => {
  it.skipIf(!there('dpkg', '--version'))(`dpkg, ${String(PAIRS.deb)} pairs of seed ${String(SEED)}`, { timeout: 300_000 }, () => {
    expect(differing('deb', debCompare, (folder) => ['sh', '-c', DPKG, 'sh', folder])).toEqual([])
  })

  it.skipIf(!there('rpm', '--eval', '%{lua: print(rpm.vercmp("1", "2"))}'))(
    `rpm, ${String(PAIRS.rpm)} pairs of seed ${String(SEED)}`,
    () => {
      expect(differing('rpm', rpmCompare, (folder) => ['rpm', '--eval', rpmLua(folder)])).toEqual([])
    },
  )
})
