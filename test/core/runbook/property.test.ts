import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { formatDuration, parseDuration } from '../../../src/kit/duration.ts'
import { amountOf, amountText } from '../../../src/core/runbook/amount.ts'
import { mistakes, read } from './read.ts'

const monthly = readFileSync('runbooks/monthly-linux-security.yaml', 'utf8')

it('arbitrary text is either a runbook or mistakes with places', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }), yamlish())
  fc.assert(
    fc.property(text, (any) => {
      for (const { line, column, message, hint } of mistakes(() => read(any))) {
        expect(line).toBeGreaterThanOrEqual(1)
        expect(column).toBeGreaterThanOrEqual(1)
        expect(message.length * hint.length).toBeGreaterThan(0)
      }
    }),
    { numRuns: 500 },
  )
})

it('a runbook with a piece cut out, doubled or replaced never crashes the parser', () => {
  const at = fc.nat({ max: monthly.length })
  const damage = fc.record({
    from: at,
    length: fc.nat({ max: 40 }),
    insert: fc.constantFrom('', '"', '{', '[', ': ', '- ', '&a ', '*a', '!!js ', '\t', '\0', '5', 'null', '<<: '),
  })
  fc.assert(
    fc.property(damage, ({ from, length, insert }) => {
      const lines = monthly.split('\n').length + 1
      const found = mistakes(() => read(monthly.slice(0, from) + insert + monthly.slice(from + length)))
      for (const { line } of found) expect(line).toBeLessThanOrEqual(lines)
    }),
    { numRuns: 500 },
  )
})

it('any value in any place of a runbook is refused or accepted, never a crash', () => {
  const value = fc.json({ maxDepth: 3 })
  const key = fc.constantFrom(
    'scope',
    'window',
    'patches',
    'test',
    'baseline',
    'checks',
    'disruption',
    'waves',
    'rollback',
    'limit',
    'before',
    'approval',
    'retry',
    'drift',
    'extends',
    'metadata',
    'inputs',
  )
  fc.assert(
    fc.property(key, value, (name, json) => {
      const text = `apiVersion: patchwave/v1\nkind: Runbook\n${JSON.stringify(name)}: ${json}\n`
      expect(mistakes(() => read(text)).length).toBeGreaterThan(0)
    }),
    { numRuns: 500 },
  )
})

it('durations and amounts read back what they write', () => {
  fc.assert(fc.property(fc.nat({ max: 9_999_999 }), (ms) => parseDuration(formatDuration(ms)) === ms))
  fc.assert(
    fc.property(
      fc.oneof(
        fc.nat({ max: 1000 }),
        fc.nat({ max: 100 }).map((percent) => `${String(percent)}%`),
      ),
      (value) => amountText(amountOf(value)) === String(value),
    ),
  )
})

function yamlish(): fc.Arbitrary<string> {
  const word = fc.constantFrom(
    'apiVersion',
    'kind',
    'waves',
    'scope',
    ':',
    ': ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '\n',
    '  ',
    '"',
    "'",
    '|',
    '>',
    '&a',
    '*a',
    '!!x',
    '#',
    '%YAML 1.1',
    '---',
    '...',
    '<<',
    '? ',
    '5',
    '~',
  )
  return fc.array(word, { maxLength: 60 }).map((words) => words.join(''))
}
