import { assert } from '../../kit/assert.ts'
import { toBase64 } from '../../kit/base64.ts'
import { sha256, type Digest } from '../../kit/digest.ts'
import type { Patch } from './plan.ts'

/** What names a package at one exact version. */
export type ExactPackage = Pick<Patch, 'name' | 'arch' | 'version'>

/** Characters of base64 that the `List` parameter takes (documents/PROTOCOL.md). */
export const LIST_CHARACTERS_MAX = 32_000

/** No package manager's names come near; it bounds what a hostile repository can make us carry. */
const WORD_CHARACTERS_MAX = 256

/** Whether a package from outside fits the grammar of the list text. What does not never reaches a command. An epoch alone is no version. */
export function isExactPackage({ name, arch, version }: ExactPackage): boolean {
  const bounded = [name, arch, version].every((word) => word.length <= WORD_CHARACTERS_MAX)
  return bounded && NAME.test(name) && ARCH.test(arch) && VERSION.test(version)
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9+._-]*$/
const ARCH = /^[a-z0-9_]+$/
const VERSION = /^[0-9A-Za-z.+~^:_-]*[0-9A-Za-z.+~^_-]$/

/** One line of the list text, without its end. */
export function listLine(one: ExactPackage): string {
  assert(isExactPackage(one), `${JSON.stringify(one)} is no package of a list`)
  return `${one.name} ${one.arch} ${one.version}`
}

/** The list text: a package a line, sorted bytewise, each line ended by LF. Equal packages stand once. */
export function listText(patches: readonly ExactPackage[]): string {
  const lines = [...new Set(patches.map(listLine))].sort(bytewise)
  return lines.map((line) => `${line}\n`).join('')
}

/** SHA-256 of the list text. */
export const listDigest = (patches: readonly ExactPackage[]): Digest => sha256(listText(patches))

/** The `List` parameter: base64 of the list text. */
export const listParameter = (patches: readonly ExactPackage[]): string => toBase64(listText(patches))

/** Whether a command can carry the list. */
export const listFits = (patches: readonly ExactPackage[]): boolean => Math.ceil(listText(patches).length / 3) * 4 <= LIST_CHARACTERS_MAX

/** The order of lines, and of patches by their lines. The grammar is ASCII, so code units are bytes. */
export const bytewise = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Patches in the order of their lines. */
export const byLine = (a: ExactPackage, b: ExactPackage): number => bytewise(listLine(a), listLine(b))
