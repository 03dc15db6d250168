import { plus, type Ms } from '../../kit/instant.ts'
import type { Outcome } from './disk.ts'
import { packageFaults } from './fate.ts'
import { loadLivePatches } from './kernel.ts'
import { type SimulatedNode, stepUp } from './node.ts'
import { objectOf } from './objects.ts'
import { names, type OverrideEntry, readOverrideList } from './override-entries.ts'
import { baselineOf, overriddenBaseline, type PatchBaseline } from './patch-baseline.ts'
import { patchRows, type PatchReport, reportText } from './patch-report.ts'
import { killed, type ScriptRun } from './script.ts'
import type { Surroundings } from './surroundings.ts'
import type { Update } from './repository.ts'

/** SSM boots the node and runs the script again; this one has no marker and begins anew. */
const REBOOT_EXIT = 194

/** Shares of an installation's time: looking for what is missing, the transaction. */
const [PREPARE, TRANSACT] = [0.2, 0.8]

/** What an installation did: versions installed, and what was tried in vain (`name.arch version`). */
type Installed = Readonly<{ made: ReadonlyMap<string, string>; failed: ReadonlySet<string> }>
type Sources = Readonly<{ baseline: PatchBaseline; entries: readonly OverrideEntry[] | null }>

/**
 * AWS-RunPatchBaseline on one node, without a marker: a second command, or the agent's own second start, does it all again. Its transaction is
 * in the script's process group, so a kill cuts it. Null: it was killed, or the power went.
 */
export async function runPatchBaseline(node: SimulatedNode, around: Surroundings, run: ScriptRun): Promise<Outcome | null> {
  return await new PatchBaselineScript(node, around, run).run()
}

class PatchBaselineScript {
  readonly #node: SimulatedNode
  readonly #around: Surroundings
  readonly #run: ScriptRun

  constructor(node: SimulatedNode, around: Surroundings, run: ScriptRun) {
    this.#node = node
    this.#around = around
    this.#run = run
  }

  async run(): Promise<Outcome | null> {
    const sources = this.#sources()
    if (typeof sources === 'string') return { exit: 1, verdict: 'failed', line: sources, rest: '' }
    const startedAt = this.#around.clock.now()
    if (this.#parameter('Operation') !== 'Install') {
      if (!(await this.#step(this.#run.takesMs))) return null
      return this.#report(sources, startedAt, null)
    }
    const { disk } = this.#node
    while (disk.lock && !this.#run.kill.aborted) await Promise.race([disk.lock.released, killed(this.#run.kill)]) // One package manager works at a time.
    if (this.#run.kill.aborted) return null
    const free = disk.take('')
    const installed = await this.#install(sources)
    free()
    return installed && this.#report(sources, startedAt, installed)
  }

  /** Where the list of patches comes from, or what is wrong with it. */
  #sources(): Sources | string {
    const [list, override] = [this.#parameter('InstallOverrideList'), this.#parameter('BaselineOverride')]
    if (list !== '' && override !== '')
      return 'An override of the installation list and one of the baseline do not go together: nothing was done.'
    // A scan does not look at the list of what to install.
    const listText = list === '' || this.#parameter('Operation') === 'Scan' ? null : this.#object(list)
    const baselineText = override === '' ? null : this.#object(override)
    if (listText === undefined || baselineText === undefined) return `Could not read ${list}${override}: nothing was done.`
    const entries = listText === null ? null : readOverrideList(listText)
    const baseline = baselineText === null ? baselineOf(this.#node) : overriddenBaseline(baselineText)
    if (entries === undefined || baseline === undefined) return `Could not make sense of ${list}${override}: nothing was done.`
    return { baseline, entries }
  }

  #object(url: string): string | undefined {
    const object = objectOf(url)
    return object && this.#around.objects.read(object.bucket, object.key)
  }

  async #install(sources: Sources): Promise<Installed | null> {
    const { execution, takesMs } = this.#run
    const { clock } = this.#around
    if (!(await this.#step(takesMs * PREPARE))) return null
    const wanted = this.#wanted(sources)
    const failed = this.#unresolved(wanted)
    for (const key of failed.keys()) wanted.delete(key)
    if (wanted.size === 0) return { made: new Map(), failed: namesOf(failed) }
    const faults = packageFaults(this.#node, this.#around, wanted.keys())
    this.#node.disk.transactions += 1
    execution.transactionStarted(clock.now())
    const whole = await this.#step(takesMs * TRANSACT)
    const refused = faults.some(({ fault: { fails } }) => fails !== null && UNMADE.has(fails))
    const made = refused ? new Map<string, string>() : whole ? wanted : new Map([...wanted].slice(0, Math.ceil(wanted.size / 2)))
    this.#make(made, faults)
    execution.transactionEnded(clock.now(), made.size, whole ? null : this.#node.power.aborted ? 'power' : 'kill')
    if (!whole) return null
    const broken = faults
      .filter(({ fault }) => refused || fault.fails === 'scriptlet')
      .map(({ key }) => [key, wanted.get(key) ?? ''] as const)
    return { made, failed: namesOf(new Map([...failed, ...broken, ...(refused ? wanted : [])])) }
  }

  /** The newest version of each package that the list names, or else the baseline approves. */
  #wanted({ baseline, entries }: Sources): Map<string, string> {
    const now = this.#around.clock.now()
    const repository = this.#around.repository(this.#node.platform)
    const chosen = (update: Update): boolean => (entries ? entries.some((entry) => names(entry, update)) : baseline.approves(update, now))
    const wanted = new Map<string, string>()
    for (const update of repository.missing(this.#node.installed, now)) {
      const before = wanted.get(update.key)
      if (chosen(update) && (before === undefined || repository.compare(before, update.version) < 0)) wanted.set(update.key, update.version)
    }
    return wanted
  }

  /** Adds what the package manager brings along, tested or not; what cannot be had so is told: a dependency that is pinned lower. */
  #unresolved(wanted: Map<string, string>): Map<string, string> {
    const repository = this.#around.repository(this.#node.platform)
    const failed = new Map<string, string>()
    const pinned = new Set(wanted.keys())
    for (const [key, version] of wanted) {
      for (const need of repository.needs(key, version)) {
        const there = wanted.get(need.key) ?? this.#node.packages.get(need.key)
        if (there !== undefined && repository.compare(there, need.version) >= 0) continue
        if (pinned.has(need.key) || !repository.has(need.key, need.version, this.#around.clock.now())) failed.set(key, version)
        else wanted.set(need.key, need.version) // A map's loop comes to what is added on the way.
      }
    }
    return failed
  }

  #make(made: ReadonlyMap<string, string>, faults: ReturnType<typeof packageFaults>): void {
    const node = this.#node
    if (made.size === 0) return
    for (const { key, fault } of faults) {
      const version = made.get(key)
      if (version === undefined) continue
      if (fault.breaks === 'health' || fault.breaks === 'reachability') node.ills.set(key, { version, breaks: fault.breaks })
      if (fault.breaks === 'agent') node.agentDies()
    }
    node.install(this.#around.repository(node.platform).after(node.installed, made))
    if (!faults.some(({ fault }) => fault.fails === 'livepatch')) loadLivePatches(node)
  }

  /** Prints and stores what it found, and asks for a boot where it may: after any installation, whether one is needed or not. */
  #report({ baseline }: Sources, startedAt: PatchReport['startedAt'], installed: Installed | null): Outcome {
    const node = this.#node
    const { patching } = node
    const { clock } = this.#around
    const noReboot = this.#parameter('RebootOption') === 'NoReboot'
    const boots = !noReboot && installed !== null && (installed.made.size > 0 || patching.pending.size > 0)
    if (boots) return { exit: REBOOT_EXIT, verdict: 'rebooting', line: '', rest: '' }
    if (noReboot && installed && installed.made.size > 0) patching.waits(installed.made, node.installed, clock.now())
    const report: PatchReport = {
      operation: installed ? 'Install' : 'Scan',
      startedAt,
      endedAt: clock.now(),
      baseline,
      snapshotId: this.#parameter('SnapshotId'),
      overrideList: this.#parameter('InstallOverrideList'),
      rebootOption: this.#parameter('RebootOption'),
      standing: { set: node.installed, pending: patching.pending },
      failed: installed?.failed ?? new Set(),
    }
    const overridden = this.#parameter('BaselineOverride') !== ''
    if (!overridden) patching.report = report
    const rows = patchRows(node, this.#around.repository(node.platform), report)
    const text = reportText(node, report, rows, overridden)
    const bad = report.failed.size > 0
    const verdict = bad ? 'failed' : !installed ? 'scanned' : installed.made.size > 0 ? 'patched' : 'not-needed'
    const [line = '', ...rest] = text.split('\n')
    return { exit: bad ? 1 : 0, verdict, line, rest: rest.join('\n') }
  }

  #parameter(name: string): string {
    return this.#run.parameters[name] ?? ''
  }

  async #step(ms: Ms): Promise<boolean> {
    const { clock, alarms } = this.#around
    await alarms.sleep(stepUp(plus(clock.now(), ms)), this.#run.kill)
    return !this.#run.kill.aborted
  }
}

/** With these a transaction installs nothing. */
const UNMADE: ReadonlySet<string> = new Set(['install', 'repository', 'disk', 'checksum', 'database'])

const namesOf = (versions: ReadonlyMap<string, string>): ReadonlySet<string> =>
  new Set([...versions].map(([key, version]) => `${key} ${version}`))
