import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Sealed } from '../../../src/core/audit/entry.ts'
import { seal, sealAll } from '../../../src/core/audit/seal.ts'
import { verifyChain, verifyReport } from '../../../src/core/audit/verify.ts'
import { sha256 } from '../../../src/kit/digest.ts'
import { known } from '../../../src/kit/assert.ts'
import { plus } from '../../../src/kit/instant.ts'
import { CHAIN, ENGINE, NIGHT, RUN, START } from './chain.ts'

const OTHER = `${RUN.slice(0, -1)}2`
const [one, two, three, four, five, ...rest] = CHAIN as unknown as readonly [Sealed, Sealed, Sealed, Sealed, Sealed, ...Sealed[]]
const last = known(CHAIN.at(-1), 'the last entry')
const found = (entries: readonly Sealed[], ...anchors: readonly Sealed[]): string[] =>
  verifyChain(RUN, entries, anchors).breaks.map(({ seq, reason }) => `${String(seq)} ${reason}`)

/** Another text under a hash of its own. */
function rewritten(sealed: Sealed, from: string, to: string): Sealed {
  const text = sealed.text.replace(from, to)
  return { ...sealed, text, hash: sha256(text) }
}

describe('a chain that holds', () => {
  it('is counted, with its head and its end', () => {
    expect(verifyChain(RUN, CHAIN)).toEqual({ run: RUN, entries: 9, head: { seq: 9, hash: last.hash }, finished: true, breaks: [] })
    expect(verifyChain(RUN, CHAIN.slice(0, 8))).toMatchObject({ entries: 8, finished: false, breaks: [] })
    expect(verifyChain(RUN, [])).toEqual({ run: RUN, entries: 0, head: null, finished: false, breaks: [] })
  })

  it('still holds with late reports behind its end', () => {
    const late = seal(last, { run: RUN, at: plus(last.at, 1), actor: ENGINE, type: 'NodesReported', data: {} })
    expect(verifyChain(RUN, [...CHAIN, late])).toMatchObject({ finished: true, breaks: [] })
  })

  it('agrees with anchors along its way; those of other runs do not matter', () => {
    expect(found(CHAIN, three, last, { ...one, run: OTHER, hash: 'f' })).toEqual([])
  })
})

describe('a chain that was tampered with', () => {
  it.each<[what: string, entries: readonly Sealed[], breaks: string[]]>([
    ['a text was changed', [one, two, { ...three, text: three.text.replace('wave-1', 'wave-2') }, four, five, ...rest], ['3 changed']],
    ['a hash was changed', [one, two, { ...three, hash: four.hash }, four, five, ...rest], ['3 changed', '3 changed']],
    ['text and hash were changed', [one, two, rewritten(three, 'wave-1', 'wave-2'), four, five, ...rest], ['3 changed']],
    ['the first was rewritten', [rewritten(one, 'Tuesday', 'Thursday'), two, three, four, five, ...rest], ['1 changed']],
    ['a column beside the text was changed', [one, two, { ...three, type: 'WavePassed' }, four, five, ...rest], ['3 changed']],
    ['one was removed', [one, two, four, five, ...rest], ['3 removed']],
    ['several were removed', [one, ...rest], ['2 removed']],
    ['the first was removed', [two, three, four, five, ...rest], ['1 removed']],
    ['two changed places', [one, two, four, three, five, ...rest], ['3 reordered']],
    ['the first went to the end', [two, three, four, one], ['1 reordered']],
    ['a moved one leaves others missing', [one, five, three], ['2 removed', '3 reordered', '4 removed']],
    ['one stands twice', [one, two, two, three, four, five, ...rest], ['2 duplicated']],
    ['all stand twice', [one, two, one, two], ['1 duplicated', '2 duplicated']],
    ['one is another run’s', [one, { ...two, run: OTHER }, two, three, four, five, ...rest], ['2 foreign']],
    ['a second beginning', [rewritten(one, '"prev":null', `"prev":"${last.hash}"`)], ['1 changed']],
  ])('%s', (_, entries, breaks) => {
    expect(found(entries)).toEqual(breaks)
  })

  it('whose tail was cut holds by itself, but not against an anchor', () => {
    expect(found([one, two, three])).toEqual([])
    expect(found([one, two, three], four)).toEqual(['4 cut'])
    expect(found([], one)).toEqual(['1 cut'])
  })

  it('that was sealed anew from some entry on holds by itself, but not against an anchor', () => {
    const anew = sealAll(
      two,
      NIGHT.slice(2).map((said) => ({ ...said, actor: { kind: 'api', id: 'somebody else' } })),
    )
    expect(found([one, two, ...anew])).toEqual([])
    expect(found([one, two, ...anew], two, four)).toEqual(['4 forked'])
  })

  it('where time runs back is told', () => {
    const back = seal(three, { run: RUN, at: START, actor: ENGINE, type: 'WaveDrained', data: {} })
    expect(found([one, two, three, back])).toEqual(['4 backwards'])
  })

  it('is found out whichever character of whichever entry is changed', () => {
    fc.assert(
      fc.property(fc.nat(CHAIN.length - 1), fc.nat(), fc.integer({ min: 1, max: 0x7e }), (which, where, by) => {
        const entry = known(CHAIN[which], 'an entry')
        const place = where % entry.text.length
        const letter = String.fromCharCode((entry.text.charCodeAt(place) + by) % 0x80)
        if (letter === entry.text[place]) return
        const text = entry.text.slice(0, place) + letter + entry.text.slice(place + 1)
        expect(found(CHAIN.map((sealed) => (sealed === entry ? { ...sealed, text } : sealed)))).toEqual([`${String(which + 1)} changed`])
      }),
    )
  })

  it('is found out whichever entries are left out, doubled or moved', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(CHAIN.length - 1), { maxLength: 12 }), (order) => {
        const entries = order.map((index) => known(CHAIN[index], 'an entry'))
        const whole = order.every((index, place) => index === place)
        expect(found(entries, last).length === 0).toBe(whole && order.length === CHAIN.length)
        expect(found(entries).length === 0).toBe(whole)
      }),
    )
  })

  it('of a newer version is not judged', () => {
    expect(() => verifyChain(RUN, [rewritten(one, '"v":1', '"v":2')])).toThrow(expect.objectContaining({ code: 'journal.newer' }) as Error)
  })
})

describe('the report', () => {
  it('sums up runs that hold, complete when all have ended', () => {
    const [whole, begun] = [verifyChain(RUN, CHAIN), verifyChain(RUN, [one])]
    expect(verifyReport([whole, whole])).toEqual({ ok: true, complete: true, runs: 2, entries: 18 })
    expect(verifyReport([whole, begun])).toEqual({ ok: true, complete: false, runs: 2, entries: 10 })
    expect(verifyReport([])).toEqual({ ok: true, complete: false, runs: 0, entries: 0 })
  })

  it('lists every break of every run', () => {
    const report = verifyReport([verifyChain(RUN, [one, three]), verifyChain(RUN, CHAIN)])
    expect(report).toEqual({ ok: false, breaks: [{ run: RUN, seq: 2, reason: 'removed', detail: 'entry 2 is missing' }] })
  })
})
