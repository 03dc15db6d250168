import { type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { Stop } from './alarms.ts'
import { changeOutcome, hold, readBackOf, type Work } from './change.ts'
import type { AfterBoot } from './disk.ts'
import { documentFate, packageFaults } from './fate.ts'
import { enablers, livePatchKey, loadLivePatches } from './kernel.ts'
import { type SimulatedNode, stepUp } from './node.ts'
import type { HeldParameters, HookParameters, VerifyParameters } from './parameters.ts'
import { claim, differing, keysOf, record } from './resolve.ts'
import type { Finding } from './result.ts'
import type { ScriptRun } from './script.ts'
import type { Surroundings } from './surroundings.ts'

/** What works under the node's lock without being an apply or a rollback: verify, hook, restart, and live patching turned on. */
export class HeldWork implements Work {
  readonly #node: SimulatedNode
  readonly #around: Surroundings
  readonly #parameters: HeldParameters
  readonly #run: ScriptRun
  readonly #power: Stop

  constructor(node: SimulatedNode, around: Surroundings, parameters: HeldParameters, run: ScriptRun) {
    this.#node = node
    this.#around = around
    this.#parameters = parameters
    this.#run = run
    this.#power = node.power
  }

  start(): void {
    hold(this.#node, this.#parameters.token, async () => {
      const takes = this.#takesMs()
      if (!(await this.#step(takes))) return null
      return changeOutcome(this.#node, this.#around, this.#parameters, this.#finding())
    })
  }

  /** What only reads or puts back is done again; of the rest nobody knows how far it came. */
  repair(): void {
    const again = this.#parameters.document === 'Patchwave-Verify' || ('moment' in this.#parameters && this.#parameters.moment === 'exit')
    if (again) {
      this.start()
      return
    }
    hold(this.#node, this.#parameters.token, async () => {
      if (!(await this.#step(SECOND))) return null
      return changeOutcome(this.#node, this.#around, this.#parameters, { verdict: 'failed', reason: 'interrupted' })
    })
  }

  /** None of these boots a node. */
  readBack(_after: AfterBoot): void {
    this.repair()
  }

  #takesMs(): Ms {
    if (this.#parameters.document !== 'Patchwave-Hook') return this.#run.takesMs
    const timeoutMs = this.#parameters.timeoutSeconds * SECOND
    return this.#hookFate(this.#parameters) === 'hangs' ? timeoutMs : Math.min(this.#run.takesMs, timeoutMs)
  }

  #finding(): Finding {
    switch (this.#parameters.document) {
      case 'Patchwave-Hook':
        return HOOK_FINDINGS[this.#hookFate(this.#parameters)]
      case 'Patchwave-Verify':
        return this.#verify(this.#parameters)
      case 'Patchwave-Restart':
        return this.#restart()
      case 'Patchwave-LivePatch':
        return this.#enable()
    }
  }

  #hookFate({ script }: HookParameters): 'passes' | 'fails' | 'hangs' {
    return documentFate(this.#node, this.#around, script, this.#run.number)
  }

  #verify(parameters: VerifyParameters): Finding {
    const { run, list } = parameters
    const node = this.#node
    if (parameters.record !== 'no') {
      if (parameters.record === 'anew') node.disk.before.delete(run)
      record(node, run, keysOf(list), true)
      return { verdict: 'scanned', reason: 'recorded' }
    }
    claim(node, run)
    const changed = differing(node, run)
    return readBackOf(node, this.#around.repository(node.platform), parameters, changed.length)
  }

  #restart(): Finding {
    const { patching } = this.#node
    const restarted = patching.stale > 0
    patching.stale = 0
    return { verdict: 'restarted', reason: restarted ? 'restarted' : 'nothing-stale' }
  }

  /** The guide's steps: the plugin, the runtime, and the newest live patch of the running kernel, tested or not. */
  #enable(): Finding {
    const node = this.#node
    const now = this.#around.clock.now()
    const repository = this.#around.repository(node.platform)
    const wanted = enablers(node)
    if (wanted.length === 0) return { verdict: 'skipped', reason: 'livepatch-unsupported' }
    const changes = new Map<string, string>()
    for (const key of wanted) if (!node.packages.has(key)) changes.set(key, repository.newest(key, now)?.version ?? '')
    if (changes.size === 0) return { verdict: 'not-needed', reason: 'nothing-missing' }
    const own = livePatchKey(node.kernel)
    const newest = own === undefined ? undefined : repository.newest(own, now)
    if (newest) changes.set(newest.key, newest.version)
    node.disk.transactions += 1
    node.disk.changedBy = this.#parameters.run
    this.#run.execution.transactionStarted(now)
    node.install(repository.after(node.installed, changes))
    if (!this.#breaks(changes)) loadLivePatches(node)
    this.#run.execution.transactionEnded(now, changes.size, null)
    return { verdict: 'patched', reason: 'installed', changed: changes.size }
  }

  /** What these packages do to the node, as the faults have it; whether the kernel refuses its live patch. */
  #breaks(changes: ReadonlyMap<string, string>): boolean {
    const node = this.#node
    const faults = packageFaults(node, this.#around, changes.keys())
    for (const { key, fault } of faults) {
      const version = changes.get(key) ?? ''
      if (fault.breaks === 'agent') node.agentDies()
      else if (fault.breaks !== null) node.ills.set(key, { version, breaks: fault.breaks })
    }
    return faults.some(({ fault }) => fault.fails === 'livepatch')
  }

  #step(ms: Ms): Promise<boolean> {
    const { clock, alarms } = this.#around
    return alarms.sleep(stepUp(plus(clock.now(), ms)), this.#power).then(() => !this.#power.aborted)
  }
}

const HOOK_FINDINGS: Readonly<Record<'passes' | 'fails' | 'hangs', Finding>> = {
  passes: { verdict: 'passed', reason: 'passed' },
  fails: { verdict: 'failed', reason: 'hook-failed' },
  hangs: { verdict: 'failed', reason: 'timeout' },
}
