import { execFile } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { effectsIn, readPorts } from '../../scripts/port-effects.ts'
import { EFFECT_CASES, titleOf } from '../crash/effects.ts'
import { repositoryFiles, sourcesIn } from './tree.ts'

const { effects, untold } = readPorts()

describe('every method of every port', () => {
  it('says what it changes outside, and how a repeat is known, or that it changes nothing', () => {
    expect(untold.map(({ path, line, what }) => `${path}:${String(line)}: ${what}`)).toEqual([])
    expect(effects.length).toBeGreaterThan(30)
  })

  const EFFECT = '@effect put a thing: PutThing\n   * @repeat Changes nothing.'

  it.each([
    ['without a word', '', ['Things.put does not say whether it has an effect']],
    ['with a word that is no tag', '/** Safe to repeat: it looks. */', ['Things.put does not say whether it has an effect']],
    ['with an effect and no repeat', '/** @effect put a thing: PutThing */', ['Things.put has an effect without its repeat']],
    ['with an empty repeat', '/**\n   * @effect put a thing\n   * @repeat\n   */', ['Things.put has an effect without its repeat']],
    ['with a repeat and no effect', '/** @repeat Changes nothing. */', ['Things.put does not say whether it has an effect']],
    [
      'without a name for its effect',
      '/**\n   * @effect\n   * @repeat Changes nothing.\n   */',
      ['Things.put has an effect without a name'],
    ],
    [
      'that looks and changes',
      `/**\n   * ${EFFECT}\n   * @looks\n   */`,
      ['Things.put says that it is several things at once: effect, looks'],
    ],
    [
      'that looks, with a repeat',
      '/**\n   * @looks\n   * @repeat Changes nothing.\n   */',
      ['Things.put only looks, and says what a repeat does'],
    ],
    ['apart without a reason', '/** @apart */', ['Things.put does not say why it stands apart']],
    [
      'with two effects of one name',
      `/**\n   * ${EFFECT}\n   * ${EFFECT}\n   */`,
      ['Things.put: another effect is called put a thing too'],
    ],
    ['that has an effect', `/**\n   * Puts it.\n   * ${EFFECT}\n   * @throws never\n   */`, []],
    ['that looks, told in one line', '/** What is there. @looks */', []],
    ['apart for a reason', '/** @apart It is a thing of this process. */', []],
  ])('is told of when it is one %s', (_, doc, told) => {
    const text = `/** A port. */\nexport interface Things {\n  ${doc}\n  put(name: string): Promise<void>\n}\n`
    expect(effectsIn([{ path: 'a.ts', text }]).untold.map(({ what }) => what)).toEqual(told)
  })

  it('need not, in a port that stands apart as a whole', () => {
    const text = '/** A port.\n * @apart It only counts. */\nexport interface Counts {\n  count(): number\n}\n'
    expect(effectsIn([{ path: 'a.ts', text }])).toEqual({ effects: [], untold: [] })
  })
})

it('the effects name every call of AWS that the adapters make and that changes something, and no other', () => {
  const made = sourcesIn('src/adapters/aws/', repositoryFiles())
    .flatMap(({ text }) => [...text.matchAll(/\bsdk\.(\w+)Command\(/g)].map((match) => match[1] ?? ''))
    .filter((operation) => !/^(Get|List|Describe|AssumeRole)/.test(operation))
  const named = effects.flatMap(({ operations }) => operations)
  expect([...new Set(named)].sort()).toEqual([...new Set(made)].sort())
})

describe('every effect', () => {
  it('has a crash test, and every crash test an effect', () => {
    expect([...new Set(EFFECT_CASES.map(({ effect }) => effect))].sort()).toEqual(effects.map(({ name }) => name).sort())
  })

  it('has a crash test around each operation that its call may be in the middle of', () => {
    const inner = effects.filter(({ operations }) => operations.length > 1)
    const wanted = inner.flatMap(({ name, operations }) => operations.map((operation) => `${name}: ${operation}`))
    const tried = EFFECT_CASES.map(({ effect, operation }) => `${effect}: ${operation ?? ''}`)
    expect(inner.length).toBeGreaterThan(0)
    expect(wanted.filter((one) => !tried.includes(one))).toEqual([])
  })

  it('has crash tests of its own name, on both sides of the call', async () => {
    const listed = await said([
      'node_modules/vitest/vitest.mjs',
      'list',
      '--project=tests',
      '--no-static-parse',
      'test/crash/effects.test.ts',
    ])
    expect(new Set(EFFECT_CASES.map(titleOf)).size, 'titles').toBe(EFFECT_CASES.length)
    const missing = EFFECT_CASES.map(titleOf).flatMap((title) =>
      ['before', 'after']
        .filter((side) => !listed.includes(`> ${title} > killed immediately ${side} it`))
        .map((side) => `${side} ${title}`),
    )
    expect(missing).toEqual([])
  })

  it('stands in the guarantees', async () => {
    expect(await said(['scripts/gen-effects.ts', '--check']), 'run `npm run gen`').toBe('')
  })
})

/** What a script of the project prints, its errors too. */
const said = (args: readonly string[]): Promise<string> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { maxBuffer: 1 << 24 }, (_, stdout, stderr) => {
      resolve(`${stdout}${stderr}`)
    })
  })
