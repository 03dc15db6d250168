import { describe, expect, it } from 'vitest'
import { wall, type Wall } from '../../../src/core/plan/civil.ts'
import { zoneNamed } from '../../../src/core/plan/zone.ts'
import { instant, MINUTE } from '../../../src/kit/instant.ts'

const local = (year: number): Wall => wall(Date.UTC(year, 5, 1, 12))

describe('a zone', () => {
  it('keeps before all its changes the offset that it had then, whatever it was asked first', () => {
    // Colombo went from 5:30 to 6:30 in May and to 6:00 in October 1996, and had not changed since the war.
    const zone = zoneNamed('Asia/Colombo')
    const ahead = (year: number) => {
      const place = zone.place(local(year))
      return place.kind === 'once' ? (local(year) - place.at) / MINUTE : place.kind
    }
    expect([1998, 1990, 1971, 1998].map(ahead)).toEqual([360, 330, 330, 360])
  })

  it('is the same under the same name, and under a new one after more names than there are', () => {
    const first = zoneNamed('Europe/Berlin')
    expect(zoneNamed('Europe/Paris')).not.toBe(first)
    expect(zoneNamed('Europe/Berlin')).toBe(first)
    for (let bits = 0; bits < 4_096; bits += 1)
      zoneNamed(
        Array.from('europe/berlin')
          .map((letter, at) => ((bits >> at) & 1 ? letter.toUpperCase() : letter))
          .join(''),
      )
    expect(zoneNamed('Europe/Berlin')).not.toBe(first)
    expect(zoneNamed('Europe/Berlin').offsetMs(instant(0))).toBe(60 * MINUTE)
  })
})
