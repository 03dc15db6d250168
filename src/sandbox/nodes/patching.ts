import { HOUR, type Instant, type Ms } from '../../kit/instant.ts'
import { changed, type PackageSet } from './package-set.ts'
import type { PatchReport } from './patch-report.ts'

/** What was installed at a moment, and which of it Patch Manager keeps as waiting for a boot. */
export type Standing = Readonly<{ set: PackageSet; pending: ReadonlyMap<string, string> }>

/** Nobody asks for what was installed longer ago: an association scans every day. */
const KEPT_MS: Ms = 25 * HOUR

/** Most nodes never have any: they share one. */
const NONE: ReadonlyMap<string, string> = new Map()

/** What Patch Manager and the kernel know of a node beside its packages. */
export class Patching {
  /** What AWS-RunPatchBaseline reported last; null: nobody has run it. */
  report: PatchReport | null = null
  /** When it last installed something and left the boot to others. */
  lastNoRebootAt: Instant | null = null
  /** Versions that it installed since the last boot without one. */
  pending: ReadonlyMap<string, string> = NONE
  /** Live patches that the kernel has enabled: package → version. */
  live: ReadonlyMap<string, string> = NONE
  /** Processes that still run files which have been replaced. */
  stale = 0
  /** Until when live patches were said to come, as it was last asked. */
  covered = 0
  /** What came when; the latest last. The maps are shared by nodes that had the same and got the same. */
  #installs: readonly Readonly<{ versions: ReadonlyMap<string, string>; at: Instant }>[] = []
  #past: readonly Readonly<Standing & { until: Instant }>[] = []

  /** Told before the packages change. */
  changes(before: PackageSet, after: PackageSet, at: Instant): void {
    this.#keep(before, at)
    const versions = changed(before, after)
    if (versions.size === 0) return
    this.#installs = [...this.#installs, { versions, at }]
    this.stale += versions.size
  }

  /** These versions wait for a boot. */
  waits(versions: ReadonlyMap<string, string>, now: PackageSet, at: Instant): void {
    this.#keep(now, at)
    this.pending = new Map([...this.pending, ...versions])
    this.lastNoRebootAt = at
  }

  /** Nothing waits any more, and what ran before is gone. */
  booted(now: PackageSet, at: Instant): void {
    this.#keep(now, at)
    this.pending = NONE
    this.live = NONE
    this.stale = 0
  }

  /** When a package came to its version; undefined: with the image. */
  installedAt(key: string): Instant | undefined {
    return this.#installs.findLast(({ versions }) => versions.has(key))?.at
  }

  /** How it stood at a moment of the last day. */
  at(moment: Instant, now: PackageSet): Standing {
    return this.#past.find(({ until }) => moment < until) ?? { set: now, pending: this.pending }
  }

  #keep(set: PackageSet, until: Instant): void {
    this.#past = [...this.#past.filter((past) => until - past.until <= KEPT_MS), { set, pending: this.pending, until }]
  }
}
