import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Anchor } from '../../../src/core/audit/entry.ts'
import { exportRun, verifyExport } from '../../../src/core/audit/export.ts'
import { sealAll } from '../../../src/core/audit/seal.ts'
import { canonicalDigest } from '../../../src/core/plan/canonical.ts'
import { planText } from '../../../src/core/plan/plan-file.ts'
import { sha256 } from '../../../src/kit/digest.ts'
import { known } from '../../../src/kit/assert.ts'
import { CHAIN, NIGHT, PLAN, PLAN_PART, RUN, START } from './chain.ts'

const text = exportRun({ run: RUN, exportedAt: START, plan: PLAN_PART }, CHAIN)
const lines: readonly string[] = text.trimEnd().split('\n')
const breaksOf = (of: readonly string[], anchors: readonly Anchor[] = []): string[] =>
  verifyExport(of, anchors).flatMap(({ breaks }) =>
    breaks.map(({ seq, reason }) => (seq === undefined ? reason : `${String(seq)} ${reason}`)),
  )
const edited = (index: number, from: string, to: string): string[] =>
  lines.map((line, at) => (at === index ? line.replace(from, to) : line))

describe('an export', () => {
  it('has a header, a line an entry, and a trailer', () => {
    expect(lines).toHaveLength(11)
    expect(JSON.parse(known(lines[0], 'the header'))).toEqual({
      type: 'export.started',
      v: 1,
      run: RUN,
      exportedAt: '2026-03-08T22:00:00.000Z',
      plan: PLAN_PART,
    })
    expect(JSON.parse(known(lines[4], 'an entry'))).toMatchObject({
      seq: 4,
      type: 'command.intended',
      where: { account: '111122223333' },
      hash: CHAIN[3]?.hash,
      sealed: CHAIN[3]?.text,
    })
    expect(JSON.parse(known(lines[10], 'the trailer'))).toMatchObject({ type: 'export.ended', run: RUN, entries: 9, head: CHAIN[8]?.hash })
  })

  it('verifies by itself, line by line or as a file that ends in a line end', () => {
    expect(verifyExport(lines)).toEqual([{ run: RUN, entries: 9, head: { seq: 9, hash: CHAIN[8]?.hash }, finished: true, breaks: [] }])
    expect(breaksOf(text.split('\n'))).toEqual([])
  })

  it('keeps its form: what version 1 wrote once verifies for ever', () => {
    // Recorded bytes: when this changes, exports that auditors hold no longer verify, so the form needs a new version.
    expect(sha256(lines.slice(1, 10).join('\n'))).toBe('a765e439df9b9d48bc03db0e14b15886a1de7039209ae2489d35b7137812e53e')
  })

  it('may stand in one file with others', () => {
    const other = `${RUN.slice(0, -1)}2`
    const second = exportRun(
      { run: other, exportedAt: START, plan: PLAN_PART },
      sealAll(
        null,
        NIGHT.map((said) => ({ ...said, run: other })),
      ),
    )
    expect(verifyExport(`${text}${second}`.split('\n')).map(({ run, breaks }) => [run, breaks.length])).toEqual([
      [RUN, 0],
      [other, 0],
    ])
  })

  it('of a run without a plan yet verifies', () => {
    expect(breaksOf(exportRun({ run: RUN, exportedAt: START, plan: null }, CHAIN.slice(0, 1)).split('\n'))).toEqual([])
  })

  it('is checked against anchors', () => {
    expect(breaksOf(lines, [{ run: RUN, seq: 12, hash: 'f' }])).toEqual(['12 cut'])
    expect(breaksOf(lines, [{ run: RUN, seq: 5, hash: 'f' }])).toEqual(['5 forked'])
    expect(
      breaksOf(exportRun({ run: RUN, exportedAt: START, plan: PLAN_PART }, CHAIN.slice(0, 7)).split('\n'), [known(CHAIN[8], 'the head')]),
    ).toEqual(['9 cut'])
  })
})

describe('an export that was tampered with', () => {
  it.each<[what: string, lines: readonly string[], breaks: string[]]>([
    ['shows another type than was sealed', edited(3, '"type":"wave.started"', '"type":"wave.passed"'), ['3 changed']],
    ['shows another actor', edited(1, '/Ops/ana"', '/Ops/bob"'), ['1 changed']],
    ['says elsewhere', edited(4, '111122223333', '999922223333'), ['4 changed']],
    ['has other sealed text', edited(3, 'wave-1\\"', 'wave-9\\"'), ['3 changed']],
    ['has a key too many', edited(3, '"run":', '"note":"fine","run":'), ['3 changed']],
    ['lost an entry', lines.filter((_, i) => i !== 5), ['5 removed', 'changed']],
    ['has two changed places', [...lines.slice(0, 4), known(lines[5], ''), known(lines[4], ''), ...lines.slice(6)], ['4 reordered']],
    ['has an entry twice', [...lines.slice(0, 4), ...lines.slice(3)], ['3 duplicated', 'changed']],
    ['lost its header', lines.slice(1), ['removed', 'changed', 'plan-missing']],
    ['lost its trailer', lines.slice(0, -1), ['cut']],
    ['lost its tail', lines.slice(0, 6), ['cut']],
    ['has another date', edited(0, '22:00:00', '23:00:00'), ['changed']],
    ['counts one less', edited(10, '"entries":9', '"entries":8'), ['changed']],
    ['has something behind its end', [...lines, known(lines[3], '')], ['foreign']],
    ['has a broken line', edited(4, '{', ''), ['unreadable', '4 removed', 'changed'].sort()],
    ['has an empty line inside', [...lines.slice(0, 3), '', ...lines.slice(3)], ['unreadable']],
    ['has another plan text', edited(0, 'use1-az1', 'use1-az2'), ['plan-changed', 'changed', 'plan-missing'].sort()],
  ])('and %s', (_, of, breaks) => {
    expect(breaksOf(of).toSorted()).toEqual([...breaks].sort())
  })

  it('and has another plan, well made, with its own digest', () => {
    const content = { ...PLAN.content, reboot: 'always' as const }
    const forged = { ...PLAN, content, digest: canonicalDigest(content) }
    expect(forged.digest).not.toBe(PLAN.digest)
    const swapped = exportRun({ run: RUN, exportedAt: START, plan: { digest: forged.digest, text: planText(forged) } }, CHAIN)
    expect(breaksOf(swapped.split('\n'))).toEqual(['plan-changed'])
  })

  it('is found out whichever character is changed', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 2), fc.integer({ min: 1, max: 0x5d }), (place, by) => {
        const letter = String.fromCharCode(0x20 + ((text.charCodeAt(place) - 0x20 + by) % 0x5f))
        if (text[place] === '\n' || letter === text[place]) return
        const changed = (text.slice(0, place) + letter + text.slice(place + 1)).split('\n')
        expect(verdictOf(changed)).toBe('refused')
      }),
      { numRuns: 500 },
    )
  })

  it('by a newer version is not judged; what is no export is said to be none', () => {
    expect(() => verifyExport(edited(0, '"v":1', '"v":2'))).toThrow(expect.objectContaining({ code: 'journal.newer' }) as Error)
    for (const none of [[], [''], ['hello'], ['{"a":1}'], ['{"type":"export.started"}']]) {
      expect(() => verifyExport(none)).toThrow(expect.objectContaining({ code: 'file.unreadable' }) as Error)
    }
  })
})

/** Either breaks or a refusal to judge is right for a change; only "it holds" would be wrong. */
function verdictOf(of: readonly string[]): 'holds' | 'refused' {
  try {
    return breaksOf(of).length > 0 ? 'refused' : 'holds'
  } catch {
    return 'refused'
  }
}
