import { randomBytes } from 'node:crypto'
import type { Instant } from '../../kit/instant.ts'
import { seeded } from '../../kit/random.ts'
import type { Random } from '../../ports/world.ts'

/** Randomness of the operating system: for everything but rehearsals. */
export const systemRandom: Random = {
  uuid: (at) => uuidV7(at, randomBytes(10)),
  share: () => randomBytes(4).readUInt32LE() / 2 ** 32,
}

/** The same numbers from the same seed: for rehearsals. Not for secrets. */
export function seededRandom(seed: number | string): Random {
  const next = seeded(seed)
  return {
    uuid: (at) =>
      uuidV7(
        at,
        Uint8Array.from({ length: 10 }, () => Math.floor(next() * 256)),
      ),
    share: next,
  }
}

/** RFC 9562, version 7: 48 bits of milliseconds, then 74 random bits. */
function uuidV7(at: Instant, random: Uint8Array): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(at, 0, 6)
  bytes.set(random, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
