import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { debCompare, rpmCompare, type Order } from '../../src/kit/version-order.ts'

const both = (compare: (a: string, b: string) => Order, a: string, b: string) => [compare(a, b), compare(b, a)]
const mirrored = (order: Order) => [order, order === 0 ? 0 : -order]

describe('rpm', () => {
  // prettier-ignore
  it.each<[a: string, b: string, order: Order, why?: string]>([
    ['0:3.0.8-1.amzn2023.0.3', '0:3.0.8-1.amzn2023.0.12', -1],
    ['0:3.0.8-1.amzn2023.0.3', '0:3.0.8-1.amzn2023.0.3', 0],
    ['3.0.8-1',                '0:3.0.8-1',               0, 'an absent epoch is 0'],
    ['1:1.0-1',                '0:9.9-9',                 1, 'the epoch beats all'],
    ['0:6.1.134-150.224.amzn2023', '0:6.1.9-150.224.amzn2023', 1, 'numbers, not text'],
    ['1.0',                    '1.0',                     0],
    ['1.0',                    '2.0',                     -1],
    ['2.0.1',                  '2.0',                     1],
    ['2.0.1a',                 '2.0.1',                   1],
    ['5.5p1',                  '5.5p2',                   -1],
    ['5.5p10',                 '5.5p1',                   1],
    ['10xyz',                  '10.1xyz',                 -1, 'a number is newer than letters'],
    ['xyz10',                  'xyz10.1',                 -1],
    ['xyz.4',                  '8',                       -1],
    ['5.5p2',                  '5.6p1',                   -1],
    ['5.6p1',                  '6.5p1',                   -1],
    ['6.0.rc1',                '6.0',                     1, 'why ~ was invented'],
    ['10b2',                   '10a1',                    1],
    ['7.0.1',                  '7.0.1a',                  -1],
    ['20101121',               '20101122',                -1],
    ['2_0',                    '2.0',                     0, 'separators are equal'],
    ['a+',                     'a_',                      0],
    ['1.010',                  '1.10',                    0, 'leading zeros do not count'],
    ['1.0~rc1',                '1.0',                     -1],
    ['1.0~rc1',                '1.0~rc2',                 -1],
    ['1.0~rc1~git123',         '1.0~rc1',                 -1],
    ['1.0^',                   '1.0',                     1],
    ['1.0^git1',               '1.0',                     1],
    ['1.0^git1',               '1.0^git2',                -1],
    ['1.0^git1',               '1.01',                    -1],
    ['1.0^20160101',           '1.0.1',                   -1],
    ['1.0~rc1^git1',           '1.0~rc1',                 1],
    ['1.0^git1~pre',           '1.0^git1',                -1],
    ['0:1.0-1',                '0:1.0-1.1',               -1, 'the release decides last'],
    ['0:1.0',                  '0:1.0-_',                 -1, 'no release is older than any'],
    ['1.0',                    '1.0-~1',                  -1],
    ['0:123456789012345678901-1', '0:123456789012345678902-1', -1, 'beyond 64 bits'],
  ])('%s and %s', (a, b, order) => {
    expect(both(rpmCompare, a, b)).toEqual(mirrored(order))
  })
})

// Each row was compared with `dpkg --compare-versions` when it was written.
describe('deb', () => {
  // prettier-ignore
  it.each<[a: string, b: string, order: Order, why?: string]>([
    ['3.0.2-0ubuntu1.10',   '3.0.2-0ubuntu1.9',    1],
    ['3.0.2-0ubuntu1.10',   '3.0.2-0ubuntu1.10',   0],
    ['1:1.0-1',             '2.0-1',               1,  'the epoch beats all'],
    ['0:1.0-1',             '1.0-1',               0],
    ['1.0',                 '1.0-0',               0,  'no revision is revision 0'],
    ['1.0-1',               '1.0',                 1],
    ['1.0~rc1-1',           '1.0-1',               -1],
    ['1.0~~',               '1.0~',                -1],
    ['1.0~',                '1.0',                 -1],
    ['1.0a',                '1.0+',                -1, 'letters before the rest'],
    ['1.0a',                '1.0',                 1],
    ['1.0.',                '1.0a',                1],
    ['2.36-9+deb12u4',      '2.36-9+deb12u10',     -1],
    ['2.36-9+deb12u4',      '2.36-9',              1],
    ['1.1.1n-0+deb11u5',    '1.1.1w-0+deb11u1',    -1],
    ['1.2-3-4',             '1.2-3-5',             -1, 'the last dash begins the revision'],
    ['007',                 '7',                   0],
    ['5.15.0-1052.57~20.04.1', '5.15.0-1052.57',   -1],
    ['1.0-1build1',         '1.0-1ubuntu1',        -1],
    ['1.0-1',               '1.0-1build1',         -1],
  ])('%s and %s', (a, b, order) => {
    expect(both(debCompare, a, b)).toEqual(mirrored(order))
  })
})

describe.each([
  ['rpm', rpmCompare],
  ['deb', debCompare],
] as const)('the order of %s', (_, compare) => {
  const version = fc.stringMatching(/^([0-2]:)?[0-9a-b.~^+]{1,8}(-[0-9a~.]{1,4})?$/)

  it('is the same seen from both sides, and equal to itself', () => {
    fc.assert(fc.property(version, version, (a, b) => compare(a, b) === 0 - compare(b, a) && compare(a, a) === 0))
  })

  it('is transitive', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        const [low, middle, high] = [a, b, c].sort(compare)
        expect(compare(low ?? '', high ?? '')).not.toBe(1)
        expect(compare(low ?? '', middle ?? '')).not.toBe(1)
      }),
    )
  })
})
