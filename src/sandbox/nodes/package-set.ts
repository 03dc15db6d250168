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

const DIFFERENCES = new WeakMap<PackageSet, WeakMap<PackageSet, ReadonlyMap<string, string>>>()

/** What a change from one set to another brought: packages that were not there in this version. Worked out once for all nodes. */
export function changed(before: PackageSet, after: PackageSet): ReadonlyMap<string, string> {
  const known = DIFFERENCES.get(before) ?? new WeakMap<PackageSet, ReadonlyMap<string, string>>()
  DIFFERENCES.set(before, known)
  const found = known.get(after) ?? new Map([...after.packages].filter(([key, version]) => before.packages.get(key) !== version))
  known.set(after, found)
  return found
}

/** What every process has loaded: replacing it takes effect at the next boot. */
const CORE = /^(kernel|linux-image-[a-z0-9-]+|glibc|libc6|systemd|dbus|openssl-libs|libssl3)\.[a-z0-9_]+$/

const IN_CORE = new WeakMap<ReadonlyMap<string, string>, boolean>()

/** Whether a change from one set to another brought something that only a boot puts in use. */
export function changesCore(before: PackageSet, after: PackageSet): boolean {
  const versions = changed(before, after)
  const known = IN_CORE.get(versions) ?? [...versions.keys()].some((key) => CORE.test(key))
  IN_CORE.set(versions, known)
  return known
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
