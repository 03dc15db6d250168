import type { Token } from '../../kit/ids.ts'
import { type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { PackageFault } from '../faults.ts'
import type { Execution } from '../ledger.ts'
import type { Stop } from './alarms.ts'
import type { AfterBoot, Outcome } from './disk.ts'
import { packageFaults } from './fate.ts'
import { isLoaded, livePatchKey, loadLivePatches } from './kernel.ts'
import { type SimulatedNode, stepUp } from './node.ts'
import type { ApplyParameters, RollbackParameters, ScriptParameters, VerifyParameters } from './parameters.ts'
import type { Repository } from './repository.ts'
import { type Changes, differing, keysOf, pendingOf, record, refusal, resolveRollback } from './resolve.ts'
import { type Finding, kernelKeys, outcomeOf } from './result.ts'
import type { Surroundings } from './surroundings.ts'

type Parameters = ApplyParameters | RollbackParameters

/** What works on a node under its lock, in a session of its own. */
export interface Work {
  /** The first time. The caller has written the marker `started`. */
  start(): void
  /** `started`, but nobody works any more. */
  repair(): void
  /** After the boot. */
  readBack(after: AfterBoot): void
}

/** Shares of a change's time: resolve and record, the transaction, read back. */
const [PREPARE, TRANSACT, READ_BACK] = [0.15, 0.7, 0.15]

/** Repairing half-configured packages after a cut. */
const REPAIR_MS: Ms = 30 * SECOND

/**
 * The part of a change that works in a session of its own: takes the lock, and nothing but a loss of power stops it. It ends with the marker
 * `done` or `rebooting`; without power it ends as it is.
 */
export class Change implements Work {
  readonly #node: SimulatedNode
  readonly #around: Surroundings
  readonly #parameters: Parameters
  readonly #execution: Execution
  readonly #takesMs: Ms
  readonly #power: Stop

  constructor(node: SimulatedNode, around: Surroundings, parameters: Parameters, execution: Execution, takesMs: Ms) {
    this.#node = node
    this.#around = around
    this.#parameters = parameters
    this.#execution = execution
    this.#takesMs = takesMs
    this.#power = node.power
  }

  start(): void {
    hold(this.#node, this.#parameters.token, () => this.#work())
  }

  /** Installs nothing. */
  repair(): void {
    hold(this.#node, this.#parameters.token, async () => {
      if (!(await this.#step(REPAIR_MS))) return null
      return this.#outcome({ verdict: 'failed', reason: 'interrupted', changed: differing(this.#node, this.#parameters.run).length })
    })
  }

  readBack(after: AfterBoot): void {
    hold(this.#node, this.#parameters.token, () => this.#finish(after.changed))
  }

  async #work(): Promise<Outcome | null> {
    if (!(await this.#step(this.#takesMs * PREPARE))) return null
    const resolved =
      this.#parameters.document === 'Patchwave-Apply' ? this.#resolveApply(this.#parameters) : this.#resolveRollback(this.#parameters)
    if ('verdict' in resolved) return this.#outcome(resolved)
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
    // The script that fails is the new version's: going back runs the old one's.
    const failed = this.#parameters.document === 'Patchwave-Apply' && faults.some(({ fails }) => fails === 'scriptlet')
    return failed ? this.#failure('scriptlet', made.size) : undefined
  }

  #install(changes: Changes, faults: readonly Readonly<{ key: string } & PackageFault>[]): void {
    const node = this.#node
    // A package is bad at the version that an apply brought; whatever replaces that version heals.
    for (const key of changes.keys()) node.ills.delete(key)
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
    // What the kernel has loaded stays loaded when its package goes.
    if (this.#parameters.document === 'Patchwave-Apply' && !faults.some(({ fails }) => fails === 'livepatch')) loadLivePatches(node)
  }

  /** What an apply would change, or why it ends here. */
  #resolveApply({ list, kernel, run }: ApplyParameters): Changes | Finding {
    record(this.#node, run, keysOf(list))
    const pending = pendingOf(this.#node, this.#repository, list, kernel)
    return refusal(this.#node, this.#repository, pending, this.#around.clock.now()) ?? pending.changes
  }

  /** What a rollback would change, or why it cannot. */
  #resolveRollback(parameters: RollbackParameters): Changes | Finding {
    const resolved = resolveRollback(this.#node, this.#repository, parameters, this.#around.clock.now())
    if ('verdict' in resolved) return resolved
    record(this.#node, parameters.run, this.#node.disk.before.get(parameters.undo)?.touched ?? new Set())
    const faults = packageFaults(this.#node, this.#around, resolved.keys())
    return faults.some(({ fault }) => fault.fails === 'rollback') ? { verdict: 'rollback-failed', reason: 'version-unavailable' } : resolved
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
    return this.#outcome(readBackOf(this.#node, this.#repository, this.#parameters, changed))
  }

  #missing({ list, kernel }: ApplyParameters): number {
    const { changes, held } = pendingOf(this.#node, this.#repository, list, kernel)
    return changes.size + held.length
  }

  #failure(fails: NonNullable<PackageFault['fails']>, changed = 0): Outcome {
    const missing = this.#parameters.document === 'Patchwave-Apply' ? this.#missing(this.#parameters) : 0
    const verdict = this.#parameters.document === 'Patchwave-Apply' ? 'failed' : 'rollback-failed'
    return this.#outcome({ verdict, reason: REASONS[fails], changed, missing })
  }

  #outcome(finding: Finding): Outcome {
    return changeOutcome(this.#node, this.#around, this.#parameters, finding)
  }

  get #repository(): Repository {
    return this.#around.repository(this.#node.platform)
  }

  /** Works for a while; false when the power went meanwhile. */
  #step(ms: Ms): Promise<boolean> {
    const { clock, alarms } = this.#around
    return alarms.sleep(stepUp(plus(clock.now(), ms)), this.#power).then(() => !this.#power.aborted)
  }
}

/** Takes the node's lock and works; the outcome becomes the token's marker, unless the power went. */
export function hold(node: SimulatedNode, token: Token, work: () => Promise<Outcome | null>): void {
  const { disk, power } = node
  const free = disk.take(token)
  void work().then((outcome) => {
    if (outcome && !power.aborted) disk.markers.set(token, { state: 'done', outcome })
    free()
  })
}

/** What a change or a verify says: the finding beside what the run found before it and what the kernel shows. */
export function changeOutcome(node: SimulatedNode, around: Surroundings, parameters: ScriptParameters, finding: Finding): Outcome {
  const before = node.disk.before.get(parameters.run)?.set.digest
  const repository = around.repository(node.platform)
  const ask = parameters.document === 'Patchwave-LivePatch' || ('kernel' in parameters && parameters.kernel === 'live-patch')
  const more = { ...finding.more, stale: node.patching.stale, ...kernelKeys(node, repository, ask) }
  return outcomeOf(node, parameters.token, around.clock.now(), { before, ...finding, more })
}

/** What an apply reads back of its list, and a verify of another tool's. */
export function readBackOf(
  node: SimulatedNode,
  repository: Repository,
  parameters: ApplyParameters | VerifyParameters,
  changed: number,
): Finding {
  const { list, kernel, document } = parameters
  const { changes, held, otherKernel } = pendingOf(node, repository, list, kernel)
  const more = { ...(held.length > 0 && { held: held.length }), ...(otherKernel > 0 && { otherkernel: otherKernel }) }
  const found = { changed, missing: changes.size + held.length, more }
  if (changes.size > 0)
    return { verdict: 'failed', reason: document === 'Patchwave-Apply' ? 'package-database' : 'not-installed', ...found }
  const ours = list.some(([key]) => key === livePatchKey(node.kernel))
  if (kernel === 'live-patch' && ours && !isLoaded(node)) return { verdict: 'failed', reason: 'livepatch-not-loaded', ...found }
  if (changed > 0) return { verdict: 'patched', reason: 'installed', ...found }
  return held.length > 0 ? { verdict: 'skipped', reason: 'held', ...found } : { verdict: 'not-needed', reason: 'nothing-missing', ...found }
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
  livepatch: 'livepatch-not-loaded',
}
