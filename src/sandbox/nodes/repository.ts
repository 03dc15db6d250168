import { type Digest, sha256 } from '../../kit/digest.ts'
import { DAY, type Instant, plus } from '../../kit/instant.ts'
import { debCompare, type Order, rpmCompare } from '../../kit/version-order.ts'
import type { SimNode } from '../model.ts'
import { type AdvisoryRow, type Catalogue, CATALOGUES } from './catalogue/catalogue.ts'
import { chance } from './chance.ts'
import { PackageSet, splitKey } from './package-set.ts'

/** One published package version. */
export type Update = Readonly<{
  key: string
  name: string
  arch: string
  version: string
  classification: string
  severity: string
  advisories: readonly string[]
  cves: readonly string[]
  releasedAt: Instant
}>

/** A scan's lines, each ended by LF; `printed` has the last line too. */
export type ScanText = Readonly<{ text: string; digest: Digest; count: number; printed: string }>
type Shown = { epoch: number; missing: readonly Update[]; scan: ScanText | undefined }
type Need = Readonly<{ key: string; version: string }>

/** Newer images have some of the updates that are older than this. */
const IN_IMAGE_AFTER_DAYS = 25

/** The package repository of one platform: what is published when, what needs what, and the sets of packages that nodes share. */
export class Repository {
  readonly family: 'rpm' | 'deb'
  readonly kernelKey: string
  readonly compare: (a: string, b: string) => Order
  readonly #catalogue: Catalogue
  /** In the order of their release. */
  readonly #updates: readonly Update[]
  readonly #releasedAt = new Map<string, Instant>()
  readonly #needs = new Map<string, Need[]>()
  readonly #images = new Map<number, PackageSet>()
  readonly #sets = new Map<Digest, PackageSet>()
  readonly #steps = new Map<PackageSet, Map<string, PackageSet>>()
  readonly #shown = new WeakMap<PackageSet, Shown>()

  constructor(platform: SimNode['platform'], start: Instant) {
    this.#catalogue = CATALOGUES[platform]
    this.family = this.#catalogue.family
    this.kernelKey = this.#catalogue.kernelKey
    this.compare = remembered(this.family === 'rpm' ? rpmCompare : debCompare)
    this.#updates = this.#catalogue.advisories
      .flatMap((row) => row.keys.map((key) => updateOf(row, key, plus(start, -row.daysBefore * DAY))))
      .sort((a, b) => a.releasedAt - b.releasedAt)
    for (const { key, version, releasedAt } of this.#updates) this.#releasedAt.set(`${key} ${version}`, releasedAt)
    for (const [key, version] of this.#catalogue.installed) this.#releasedAt.set(`${key} ${version}`, plus(start, -365 * DAY))
    this.#readNeeds()
  }

  /** What image number `index` has: the first one is the oldest, later ones have some of the older advisories. */
  imagePackages(index: number): PackageSet {
    const known = this.#images.get(index)
    if (known) return known
    const packages = new Map(this.#catalogue.installed)
    for (const row of this.#catalogue.advisories) {
      const included = index > 0 && row.daysBefore > IN_IMAGE_AFTER_DAYS && chance(0, row.id, index) < 0.5
      if (included) for (const key of row.keys) packages.set(key, row.version)
    }
    const set = this.#shared(new PackageSet(packages))
    this.#images.set(index, set)
    return set
  }

  /** The set after `changes`. Equal sets are one object. */
  after(set: PackageSet, changes: ReadonlyMap<string, string>): PackageSet {
    const step = [...changes].map(([key, version]) => `${key}=${version}`).join(' ')
    const steps = this.#steps.get(set) ?? new Map<string, PackageSet>()
    this.#steps.set(set, steps)
    const known = steps.get(step)
    if (known) return known
    const next = this.#shared(new PackageSet(new Map([...set.packages, ...changes])))
    steps.set(step, next)
    return next
  }

  /** Whether this exact version can be fetched at `now`. */
  has(key: string, version: string, now: Instant): boolean {
    const releasedAt = this.#releasedAt.get(`${key} ${version}`)
    return releasedAt !== undefined && releasedAt <= now
  }

  /** What this version needs beside it, at least. */
  needs(key: string, version: string): readonly Need[] {
    return this.#needs.get(`${key} ${version}`) ?? []
  }

  /** Every published version newer than the installed one, sorted by package and version. */
  missing(set: PackageSet, now: Instant): readonly Update[] {
    return this.#show(set, now).missing
  }

  /** What a scan prints after its result line (documents/PROTOCOL.md). */
  scanText(set: PackageSet, now: Instant): ScanText {
    const shown = this.#show(set, now)
    return (shown.scan ??= scanTextOf(shown.missing, set))
  }

  #show(set: PackageSet, now: Instant): Shown {
    const epoch = this.#updates.filter((update) => update.releasedAt <= now).length
    const cached = this.#shown.get(set)
    if (cached?.epoch === epoch) return cached
    const missing = this.#updates
      .slice(0, epoch)
      .filter((update) => {
        const installed = set.packages.get(update.key)
        return installed !== undefined && this.compare(installed, update.version) < 0
      })
      .sort((a, b) => (a.key === b.key ? this.compare(a.version, b.version) : a.key < b.key ? -1 : 1))
    const shown: Shown = { epoch, missing, scan: undefined }
    this.#shown.set(set, shown)
    return shown
  }

  #shared(set: PackageSet): PackageSet {
    const known = this.#sets.get(set.digest)
    if (known) return known
    this.#sets.set(set.digest, set)
    return set
  }

  /** Packages of one advisory and version move in lockstep, as those built from one source do; the table names the rest. */
  #readNeeds(): void {
    for (const { keys, version } of this.#catalogue.advisories) {
      for (const key of keys)
        this.#need(
          key,
          version,
          keys.filter((other) => other !== key).map((other) => ({ key: other, version })),
        )
    }
    for (const { key, version, other, otherVersion } of this.#catalogue.needs)
      this.#need(key, version, [{ key: other, version: otherVersion }])
  }

  #need(key: string, version: string, needs: readonly Need[]): void {
    const at = `${key} ${version}`
    this.#needs.set(at, [...(this.#needs.get(at) ?? []), ...needs])
  }
}

/** A repository has a few hundred versions, and every node of a fleet compares the same ones. */
function remembered(compare: (a: string, b: string) => Order): (a: string, b: string) => Order {
  const orders = new Map<string, Map<string, Order>>()
  return (a, b) => {
    let row = orders.get(a)
    if (!row) orders.set(a, (row = new Map<string, Order>()))
    let order = row.get(b)
    if (order === undefined) row.set(b, (order = compare(a, b)))
    return order
  }
}

const updateOf = (row: AdvisoryRow, key: string, releasedAt: Instant): Update => ({
  key,
  ...splitKey(key),
  version: row.version,
  classification: row.classification,
  severity: row.severity,
  advisories: [row.id],
  cves: row.cves,
  releasedAt,
})

function scanTextOf(missing: readonly Update[], set: PackageSet): ScanText {
  const text = missing.map((update) => scanLine(update, set)).join('')
  const [digest, count] = [sha256(text), missing.length]
  return { text, digest, count, printed: `${text}${JSON.stringify({ end: true, count, digest })}\n` }
}

function scanLine(update: Update, set: PackageSet): string {
  const { name, arch, version, classification, severity, advisories, cves, releasedAt } = update
  const installed = set.packages.get(update.key) ?? ''
  const line = { name, arch, version, installed, classification, severity, advisories, cves, releasedAt: Math.floor(releasedAt / 1_000) }
  return `${JSON.stringify(line)}\n`
}
