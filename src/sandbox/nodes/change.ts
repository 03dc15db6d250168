import { type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { PackageFault } from '../faults.ts'
import type { Execution } from '../ledger.ts'
import type { AfterBoot, BeforeRecord, Outcome } from './disk.ts'
import { packageFaults } from './fate.ts'
import { type SimulatedNode, stepUp } from './node.ts'
import type { ApplyParameters, RollbackParameters } from './parameters.ts'
import type { Repository } from './repository.ts'
import { type Finding, outcomeOf } from './result.ts'
import type { Surroundings } from './surroundings.ts'

type Parameters = ApplyParameters | RollbackParameters
type Changes = ReadonlyMap<string, string>

/** Shares of a change's time: resolve and record, the transaction, read back. */
const [PREPARE, TRANSACT, READ_BACK] = [0.15, 0.7, 0.15]

/** Repairing half-configured packages after a cut. */
const REPAIR_MS: Ms = 30 * SECOND

/**
 * The part of a change that works in a session of its own: takes the lock, and nothing but a loss of power stops it. It ends with the marker
 * `done` or `rebooting`; without power it ends as it is.
 */
export class Change {
  readonly #node: SimulatedNode
  readonly #around: Surroundings
  readonly #parameters: Parameters
  readonly #execution: Execution
  readonly #takesMs: Ms
  readonly #power: AbortSignal

  constructor(node: SimulatedNode, around: Surroundings, parameters: Parameters, execution: Execution, takesMs: Ms) {
    this.#node = node
    this.#around = around
    this.#parameters = parameters
    this.#execution = execution
    this.#takesMs = takesMs
    this.#power = node.power.signal
  }

  /** The first time. The caller has written the marker `started`. */
  start(): void {
    void this.#hold(() => this.#work())
  }

  /** `started`, but nobody works any more: installs nothing. */
  repair(): void {
    void this.#hold(async () => {
      if (!(await this.#step(REPAIR_MS))) return null
      return this.#outcome({ verdict: 'failed', reason: 'interrupted', changed: this.#changedSince() })
    })
  }

  /** After the boot. */
  readBack(after: AfterBoot): void {
    void this.#hold(() => this.#finish(after.changed))
  }

  async #hold(work: () => Promise<Outcome | null>): Promise<void> {
    const { disk } = this.#node
    const free = disk.take(this.#parameters.token)
    const outcome = await work()
    if (outcome && !this.#power.aborted) disk.markers.set(this.#parameters.token, { state: 'done', outcome })
    free()
  }

  async #work(): Promise<Outcome | null> {
    if (!(await this.#step(this.#takesMs * PREPARE))) return null
    const resolved =
      this.#parameters.document === 'Patchwave-Apply' ? this.#resolveApply(this.#parameters) : this.#resolveRollback(this.#parameters)
    if (!(resolved instanceof Map)) return this.#outcome(resolved)
    if (resolved.size > 0) {
      const failure = await this.#transact(resolved)
      if (failure !== undefined) return failure
    }
    return this.#wantsReboot() ? this.#leaveForBoot(resolved.size) : this.#finish(resolved.size)
  }

  /** Runs the transaction. Resolves to what ends the change early: null (the power went) or a failure. */
  async #transact(changes: Changes): Promise<Outcome | null | undefined> {
    const { clock } = this.#around
    const faults = packageFaults(this.#node, this.#around, changes.keys()).map(({ key, fault }) => ({ key, ...fault }))
    const unmade = faults.find(({ fails }) => fails !== null && BEFORE_TRANSACTION.has(fails))
    if (unmade?.fails && this.#parameters.document === 'Patchwave-Apply') return this.#failure(unmade.fails)
    this.#node.disk.transactions += 1
    this.#execution.transactionStarted(clock.now())
    const whole = await this.#step(this.#takesMs * TRANSACT)
    const refused = faults.some(({ fails }) => fails === 'install') && this.#parameters.document === 'Patchwave-Apply'
    const made: Changes = refused ? new Map() : whole ? changes : firstHalf(changes)
    this.#install(made, faults)
    this.#execution.transactionEnded(clock.now(), made.size, whole ? null : 'power')
    if (!whole) return null
    if (refused) return this.#failure('install')
    return faults.some(({ fails }) => fails === 'scriptlet') ? this.#failure('scriptlet', made.size) : undefined
  }

  #install(changes: Changes, faults: readonly Readonly<{ key: string } & PackageFault>[]): void {
    const node = this.#node
    // A package is bad at the version that an apply brought; a rollback replaces that version and so heals.
    if (this.#parameters.document === 'Patchwave-Apply') {
      for (const { key, breaks } of faults) {
        const version = changes.get(key)
        if (version !== undefined && (breaks === 'health' || breaks === 'reachability')) node.ills.set(key, { version, breaks })
        if (version !== undefined && breaks === 'agent') node.agentDies()
      }
    }
    if (changes.size === 0) return
    node.disk.changedBy = this.#parameters.run
    node.install(this.#repository.after(node.installed, changes))
  }

  /** What an apply would change, or why it ends here. */
  #resolveApply(parameters: ApplyParameters): Map<string, string> | Finding {
    this.#record(parameters.list.map(([key]) => key))
    const { packages } = this.#node
    const changes = new Map<string, string>()
    for (const [key, version] of parameters.list) {
      const installed = packages.get(key)
      const least = changes.get(key) ?? installed
      if (least === undefined || this.#repository.compare(least, version) >= 0) continue
      if (!this.#repository.has(key, version, this.#around.clock.now())) return { verdict: 'failed', reason: 'unknown-version' }
      changes.set(key, version)
    }
    return this.#closed(changes) ? changes : { verdict: 'skipped', reason: 'untested-dependency', missing: changes.size }
  }

  /** Whether nothing outside the changes would have to change with them. */
  #closed(changes: Changes): boolean {
    for (const [key, version] of changes) {
      for (const need of this.#repository.needs(key, version)) {
        const there = changes.get(need.key) ?? this.#node.packages.get(need.key)
        if (there === undefined || this.#repository.compare(there, need.version) < 0) return false
      }
    }
    return true
  }

  /** What a rollback would change, or why it cannot. */
  #resolveRollback(parameters: RollbackParameters): Map<string, string> | Finding {
    const record = this.#node.disk.before.get(parameters.undo)
    if (!record) return { verdict: 'rollback-failed', reason: 'no-before-record' }
    const { changedBy } = this.#node.disk
    if (changedBy !== null && changedBy !== parameters.undo && changedBy !== parameters.run)
      return { verdict: 'rollback-failed', reason: 'changed-since' }
    this.#record([...record.installed.keys()])
    const changes = new Map<string, string>()
    for (const [key, version] of record.installed) if (this.#node.packages.get(key) !== version) changes.set(key, version)
    const faults = packageFaults(this.#node, this.#around, changes.keys())
    const gone = [...changes].some(([key, version]) => !this.#repository.has(key, version, this.#around.clock.now()))
    if (gone || faults.some(({ fault }) => fault.fails === 'rollback')) return { verdict: 'rollback-failed', reason: 'version-unavailable' }
    return changes
  }

  #wantsReboot(): boolean {
    const { reboot } = this.#parameters
    return reboot === 'always' || (reboot === 'if-needed' && this.#node.rebootWanted)
  }

  #leaveForBoot(changed: number): null {
    const { disk, bootId } = this.#node
    const kind = this.#parameters.document === 'Patchwave-Apply' ? 'apply' : 'rollback'
    disk.markers.set(this.#parameters.token, { state: 'rebooting', after: { bootId, changed, kind } })
    return null
  }

  async #finish(changed: number): Promise<Outcome | null> {
    if (!(await this.#step(this.#takesMs * READ_BACK))) return null
    if (this.#parameters.document === 'Patchwave-Rollback') {
      return this.#outcome({ verdict: 'rolled-back', reason: changed > 0 ? 'restored' : 'nothing-changed', changed })
    }
    const missing = this.#missing(this.#parameters)
    if (missing > 0) return this.#outcome({ verdict: 'failed', reason: 'package-database', changed, missing })
    return this.#outcome(
      changed > 0 ? { verdict: 'patched', reason: 'installed', changed } : { verdict: 'not-needed', reason: 'nothing-missing' },
    )
  }

  #missing(parameters: ApplyParameters): number {
    return parameters.list.filter(([key, version]) => {
      const installed = this.#node.packages.get(key)
      return installed !== undefined && this.#repository.compare(installed, version) < 0
    }).length
  }

  #failure(fails: NonNullable<PackageFault['fails']>, changed = 0): Outcome {
    const missing = this.#parameters.document === 'Patchwave-Apply' ? this.#missing(this.#parameters) : 0
    const verdict = this.#parameters.document === 'Patchwave-Apply' ? 'failed' : 'rollback-failed'
    return this.#outcome({ verdict, reason: REASONS[fails], changed, missing })
  }

  #outcome(finding: Finding): Outcome {
    const before = this.#node.disk.before.get(this.#parameters.run)?.set.digest
    return outcomeOf(this.#node, this.#parameters.token, this.#around.clock.now(), { ...finding, before })
  }

  #changedSince(): number {
    const record = this.#node.disk.before.get(this.#parameters.run)
    return record ? [...record.installed].filter(([key, version]) => this.#node.packages.get(key) !== version).length : 0
  }

  #record(keys: readonly string[]): void {
    const { disk, installed, kernel } = this.#node
    const versions = new Map<string, string>()
    for (const key of keys) {
      const version = installed.packages.get(key)
      if (version !== undefined) versions.set(key, version)
    }
    const record: BeforeRecord = { installed: versions, set: installed, kernel, transaction: disk.transactions }
    disk.recordBefore(this.#parameters.run, record)
    disk.lists.set(installed.digest, installed.text)
  }

  get #repository(): Repository {
    return this.#around.repository(this.#node.platform)
  }

  /** Works for a while; false when the power went meanwhile. */
  async #step(ms: Ms): Promise<boolean> {
    const { clock } = this.#around
    await clock.sleep(stepUp(plus(clock.now(), ms)), this.#power)
    return !this.#power.aborted
  }
}

/** What a cut transaction got done. */
const firstHalf = (changes: Changes): Changes => new Map([...changes].slice(0, Math.ceil(changes.size / 2)))

/** These show before the first package is changed. */
const BEFORE_TRANSACTION: ReadonlySet<string> = new Set(['repository', 'disk', 'checksum', 'database'])

const REASONS: Readonly<Record<NonNullable<PackageFault['fails']>, string>> = {
  install: 'dependency',
  scriptlet: 'scriptlet-failed',
  repository: 'repository-unreachable',
  disk: 'disk-full',
  checksum: 'checksum',
  database: 'package-database',
  rollback: 'version-unavailable',
}
