import type { Digest } from '../../kit/digest.ts'
import type { RunId, Token } from '../../kit/ids.ts'
import { Few } from './few.ts'
import type { PackageSet } from './package-set.ts'

/** How a script ends: its exit code, the first line that it printed and the rest, which nodes with the same packages share. */
export type Outcome = Readonly<{ exit: number; verdict: string; line: string; rest: string }>

/** What is left to do after the boot. */
export type AfterBoot = Readonly<{ bootId: string; changed: number; kind: 'apply' | 'rollback' }>

/** What is on record of a token; no marker: nobody has begun. */
export type Marker =
  Readonly<{ state: 'started' }> | Readonly<{ state: 'rebooting'; after: AfterBoot }> | Readonly<{ state: 'done'; outcome: Outcome }>

/** What was installed before a run first changed the node, whose change was the last then, and which packages the run's lists named. */
export type BeforeRecord = Readonly<{
  set: PackageSet
  kernel: string
  transaction: number
  changedBy: RunId | null
  touched: ReadonlySet<string>
  /** Another tool works for the run. */
  tool?: boolean
}>

/** Who works. `released` resolves when the lock is free, also when the power goes. */
export type Lock = Readonly<{ token: Token; released: Promise<void> }>

/** `/var/lib/patchwave` of one node: what outlives a boot, and the lock, which does not. */
export class Disk {
  readonly markers = new Few<Token, Marker>()
  readonly before = new Few<RunId, BeforeRecord>()
  readonly lists = new Few<Digest, string>()
  lock: Lock | null = null
  /** The run whose transaction changed the node last. */
  changedBy: RunId | null = null
  /** Number of the package manager's last transaction. */
  transactions = 0

  /** The same again, to be changed apart, with the lock free: what a snapshot of the volume holds. */
  copy(): Disk {
    const made = new Disk()
    for (const [name, value] of Object.entries(this)) Reflect.set(made, name, value instanceof Few ? value.copy() : value)
    made.lock = null
    return made
  }

  /** Kept only if the run has none yet; what its further lists name is touched too. */
  recordBefore(run: RunId, record: BeforeRecord): void {
    const known = this.before.get(run)
    this.before.set(
      run,
      known ? { ...known, touched: union(known.touched, record.touched), tool: known.tool ?? record.tool ?? false } : record,
    )
  }

  /** Takes the free lock; what is given back frees it. */
  take(token: Token): () => void {
    let free: () => void = () => undefined
    const released = new Promise<void>((resolve) => {
      free = resolve
    })
    const lock: Lock = { token, released }
    this.lock = lock
    return () => {
      if (this.lock === lock) this.lock = null
      free()
    }
  }
}

/** Most lists of a run name what an earlier one named. */
const union = (known: ReadonlySet<string>, more: ReadonlySet<string>): ReadonlySet<string> =>
  more === known || [...more].every((key) => known.has(key)) ? known : new Set([...known, ...more])
