import { type Digest, sha256 } from '../../kit/digest.ts'
import { DAY, type Instant, plus } from '../../kit/instant.ts'
import { debCompare, type Order, rpmCompare } from '../../kit/version-order.ts'
import type { SimNode } from '../model.ts'
import { type AdvisoryRow, type Catalogue, CATALOGUES } from './catalogue/catalogue.ts'
import { chance } from './chance.ts'
import { isKernel, type KernelPolicy, livePatchedKernel, livePatchKey } from './kernel.ts'
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

/** A scan's lines, each ended by LF; `printed` has the last line too. `held` are missing and no rows, for they are the kernel's. */
export type ScanText = Readonly<{ text: string; digest: Digest; count: number; held: number; printed: string }>
type Shown = { epoch: number; missing: readonly Update[]; scans: Map<string, ScanText> }
type Need = Readonly<{ key: string; version: string }>

/** How old what the oldest image has is when the fleet begins. */
const IMAGE_DAYS = 365
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
  readonly #byVersion = new Map<string, Update>()
  readonly #needs = new Map<string, Need[]>()
  readonly #images = new Map<number, PackageSet>()
  readonly #sets = new Map<Digest, PackageSet>()
  readonly #steps = new Map<PackageSet, Map<string, PackageSet>>()
  readonly #stepsMade = new WeakMap<PackageSet, WeakMap<ReadonlyMap<string, string>, PackageSet>>()
  readonly #kernels = new WeakMap<PackageSet, string>()
  readonly #agents = new WeakMap<PackageSet, string>()
  readonly #shown = new WeakMap<PackageSet, Shown>()

  constructor(platform: SimNode['platform'], start: Instant, catalogue: Catalogue = CATALOGUES[platform]) {
    this.#catalogue = catalogue
    this.family = this.#catalogue.family
    this.kernelKey = this.#catalogue.kernelKey
    this.compare = remembered(this.family === 'rpm' ? rpmCompare : debCompare)
    this.#updates = this.#catalogue.advisories
      .flatMap((row) => row.keys.map((key) => updateOf(row, key, plus(start, -row.daysBefore * DAY), this.family)))
      .sort((a, b) => a.releasedAt - b.releasedAt)
    for (const update of this.#updates) {
      this.#releasedAt.set(`${update.key} ${update.version}`, update.releasedAt)
      this.#byVersion.set(`${update.key} ${update.version}`, update)
    }
    for (const [key, version] of this.#catalogue.installed) {
      const days = key === this.kernelKey ? (this.#catalogue.kernelDaysBefore ?? IMAGE_DAYS) : IMAGE_DAYS
      this.#releasedAt.set(`${key} ${version}`, plus(start, -days * DAY))
    }
    this.#readNeeds()
  }

  /** What image number `index` has: the first one is the oldest, later ones have some of the older advisories. */
  imagePackages(index: number): PackageSet {
    const known = this.#images.get(index)
    if (known) return known
    const packages = new Map(this.#catalogue.installed)
    for (const row of this.#catalogue.advisories) {
      const included = index > 0 && row.daysBefore > IN_IMAGE_AFTER_DAYS && chance(0, row.id, index) < 0.5
      if (included) for (const key of row.keys) if (packages.has(key)) packages.set(key, row.version)
    }
    const set = this.#shared(new PackageSet(packages))
    this.#images.set(index, set)
    return set
  }

  /** The set after `changes`; a version of '' removes the package. Equal sets are one object. */
  after(set: PackageSet, changes: ReadonlyMap<string, string>): PackageSet {
    const made = this.#stepsMade.get(set) ?? new WeakMap<ReadonlyMap<string, string>, PackageSet>()
    this.#stepsMade.set(set, made)
    const next = made.get(changes) ?? this.#after(set, changes)
    made.set(changes, next)
    return next
  }

  /** What `uname -r` shows when the newest kernel of this set runs. */
  kernelOf(set: PackageSet): string {
    const known = this.#kernels.get(set)
    if (known !== undefined) return known
    const version = set.packages.get(this.kernelKey) ?? ''
    const kernel = this.family === 'rpm' ? `${version.replace(/^\d+:/, '')}.x86_64` : `${version}-cloud-amd64`
    this.#kernels.set(set, kernel)
    return kernel
  }

  /** The version of the agent that comes with this set. */
  agentOf(set: PackageSet): string {
    const known = this.#agents.get(set)
    if (known !== undefined) return known
    const version = (set.packages.get('amazon-ssm-agent.x86_64') ?? '0:3.3.1345.0').replace(/^\d+:|-.*$/g, '')
    this.#agents.set(set, version)
    return version
  }

  #after(set: PackageSet, changes: ReadonlyMap<string, string>): PackageSet {
    const step = [...changes].map(([key, version]) => `${key}=${version}`).join(' ')
    const steps = this.#steps.get(set) ?? new Map<string, PackageSet>()
    this.#steps.set(set, steps)
    const known = steps.get(step)
    if (known) return known
    const packages = new Map([...set.packages, ...changes])
    for (const [key, version] of changes) if (version === '') packages.delete(key)
    const next = this.#shared(new PackageSet(packages))
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

  /** What a scan of a node with this kernel prints after its result line (documents/PROTOCOL.md). */
  scanText(set: PackageSet, now: Instant, { policy, kernel }: Readonly<{ policy: KernelPolicy; kernel: string }>): ScanText {
    const shown = this.#show(set, now)
    const key = `${policy} ${kernel}`
    const known = shown.scans.get(key)
    if (known) return known
    const made = this.#scanned(set, now, policy, kernel)
    shown.scans.set(key, made)
    return made
  }

  #scanned(set: PackageSet, now: Instant, policy: KernelPolicy, kernel: string): ScanText {
    const { missing } = this.#show(set, now)
    const own = livePatchKey(kernel)
    const isLivePatch = ({ name }: Update): boolean => livePatchedKernel(name) !== undefined
    const isHeld = (update: Update): boolean =>
      policy !== 'install' && (isLivePatch(update) ? policy === 'hold' : isKernel(this.family, update.name))
    const isOthers = (update: Update): boolean => policy === 'live-patch' && isLivePatch(update) && update.key !== own
    const rows = missing.filter((update) => !isHeld(update) && !isOthers(update))
    // The first live patch of a kernel comes along although none was installed.
    const first = policy === 'live-patch' && own !== undefined && !set.packages.has(own) ? this.newest(own, now) : undefined
    const all = first ? [...rows, first].sort((a, b) => byKey(a.key, b.key)) : rows
    return scanTextOf(all, set, this.family, missing.filter(isHeld).length)
  }

  /** The newest published version of a package; undefined: there is none. */
  newest(key: string, now: Instant): Update | undefined {
    return this.#updates
      .filter((update) => update.key === key && update.releasedAt <= now)
      .sort((a, b) => this.compare(b.version, a.version))[0]
  }

  /** The update that brought this version; undefined: it came with the image. */
  updateAt(key: string, version: string): Update | undefined {
    return this.#byVersion.get(`${key} ${version}`)
  }

  /** When the kernel that `uname -r` names so came out. */
  kernelReleasedAt(kernel: string): Instant | undefined {
    const suffix = `.${splitKey(this.kernelKey).arch}`
    return this.#releasedAt.get(`${this.kernelKey} 0:${kernel.endsWith(suffix) ? kernel.slice(0, -suffix.length) : kernel}`)
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
      .sort((a, b) => byKey(a.key, b.key) || this.compare(a.version, b.version))
    const shown: Shown = { epoch, missing, scans: new Map() }
    this.#shown.set(set, shown)
    return shown
  }

  #shared(set: PackageSet): PackageSet {
    const known = this.#sets.get(set.digest)
    if (known) return known
    this.#sets.set(set.digest, set)
    return set
  }

  /** Packages of one advisory and version move in lockstep, as those built from one source do, but for the kernel; the table names the rest. */
  #readNeeds(): void {
    for (const { keys: all, version } of this.#catalogue.advisories) {
      const keys = all.filter((key) => !isKernel(this.family, splitKey(key).name))
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

const byKey = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)

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

/** Archives of debs say of an update whether it is a security one, and nothing else. */
function updateOf(row: AdvisoryRow, key: string, releasedAt: Instant, family: 'rpm' | 'deb'): Update {
  const update = { key, ...splitKey(key), version: row.version, releasedAt }
  if (family === 'deb')
    return { ...update, classification: row.classification === 'Security' ? 'Security' : 'Bugfix', severity: '', advisories: [], cves: [] }
  return { ...update, classification: row.classification, severity: row.severity, advisories: [row.id], cves: row.cves }
}

function scanTextOf(missing: readonly Update[], set: PackageSet, family: 'rpm' | 'deb', held: number): ScanText {
  const text = missing.map((update) => scanLine(update, set, family)).join('')
  const [digest, count] = [sha256(text), missing.length]
  return { text, digest, count, held, printed: `${text}${JSON.stringify({ end: true, count, digest })}\n` }
}

function scanLine(update: Update, set: PackageSet, family: 'rpm' | 'deb'): string {
  const { name, arch, version, classification, severity, advisories, cves } = update
  const installed = set.packages.get(update.key) ?? ''
  const releasedAt = family === 'deb' ? null : Math.floor(update.releasedAt / 1_000)
  return `${JSON.stringify({ name, arch, version, installed, classification, severity, advisories, cves, releasedAt })}\n`
}
