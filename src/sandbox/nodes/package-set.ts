import { type Digest, sha256 } from '../../kit/digest.ts'

/** Installed packages, never changed: nodes that have the same share one. `name.arch` → version. */
export class PackageSet {
  readonly packages: Map<string, string>
  #text: string | undefined
  #digest: Digest | undefined

  constructor(packages: Map<string, string>) {
    this.packages = packages
  }

  /** The list text of documents/PROTOCOL.md. */
  get text(): string {
    return (this.#text ??= listText(this.packages))
  }

  get digest(): Digest {
    return (this.#digest ??= sha256(this.text))
  }
}

/** Splits `name.arch`: the architecture is what follows the last dot. */
export function splitKey(key: string): Readonly<{ name: string; arch: string }> {
  const dot = key.lastIndexOf('.')
  return { name: key.slice(0, dot), arch: key.slice(dot + 1) }
}

/** One package a line, `name arch version`, sorted bytewise, each line ended by LF. */
export function listText(packages: ReadonlyMap<string, string>): string {
  const lines = [...packages].map(([key, version]) => {
    const { name, arch } = splitKey(key)
    return `${name} ${arch} ${version}\n`
  })
  return lines.sort(bytewise).join('')
}

/** The order of ASCII text by its bytes. */
const bytewise = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
