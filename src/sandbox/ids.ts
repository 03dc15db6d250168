import { derive, seeded, type Random } from '../kit/random.ts'

/** Makes the ids that AWS would hand out: the same ones, in the same order, from the same seed. */
export type Ids = Readonly<{
  /** A lower-case UUID of version 4. */
  uuid: () => string
  /** That many lower-case hex digits. */
  hex: (digits: number) => string
  /** A number in [0, 1). */
  share: Random
}>

/** An id maker of its own for each `purpose` under one seed, so that one user of ids never shifts another's. */
export function idsFrom(seed: number | string, purpose: string): Ids {
  const share = seeded(derive(seed, 'ids', purpose))
  const word = (): string =>
    Math.floor(share() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0')
  const hex = (digits: number): string => {
    let text = ''
    while (text.length < digits) text += word()
    return text.slice(0, digits)
  }
  const uuid = (): string => {
    const text = word() + word() + word() + word()
    const variant = '89ab'.charAt(Number.parseInt(text.charAt(16), 16) & 3)
    return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(13, 16)}-${variant}${text.slice(17, 20)}-${text.slice(20)}`
  }
  return { uuid, hex, share }
}
