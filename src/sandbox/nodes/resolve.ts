import type { Instant } from '../../kit/instant.ts'
import { isKernel, type KernelPolicy, livePatchedKernel, livePatchKey } from './kernel.ts'
import type { SimulatedNode } from './node.ts'
import { type PackageSet, splitKey } from './package-set.ts'
import type { PackageList, RollbackParameters } from './parameters.ts'
import type { Repository } from './repository.ts'
import type { Finding } from './result.ts'

/** Versions to bring packages to; '' removes one. */
export type Changes = ReadonlyMap<string, string>

/** What an apply has before it: packages to change, and what of its list stays as it is for the kernel's sake. */
export type Pending = Readonly<{ changes: Changes; held: readonly string[]; otherKernel: number }>

/** By repository and list: nodes that have the same packages and kernel lack the same of it. */
const PENDING = new WeakMap<Repository, WeakMap<PackageList, WeakMap<PackageSet, Map<string, Pending>>>>()

/** What of a list a node still lacks. Packages that are not installed are not added, but for live patches of the running kernel. */
export function pendingOf(node: SimulatedNode, repository: Repository, list: PackageList, policy: KernelPolicy): Pending {
  const lists = PENDING.get(repository) ?? new WeakMap<PackageList, WeakMap<PackageSet, Map<string, Pending>>>()
  PENDING.set(repository, lists)
  const sets = lists.get(list) ?? new WeakMap<PackageSet, Map<string, Pending>>()
  lists.set(list, sets)
  const known = sets.get(node.installed) ?? new Map<string, Pending>()
  sets.set(node.installed, known)
  const key = `${policy} ${node.kernel}`
  const pending = known.get(key) ?? resolved(node, repository, list, policy)
  known.set(key, pending)
  return pending
}

function resolved(node: SimulatedNode, repository: Repository, list: PackageList, policy: KernelPolicy): Pending {
  const own = livePatchKey(node.kernel)
  const changes = new Map<string, string>()
  const held: string[] = []
  let otherKernel = 0
  for (const [key, version] of list) {
    const { name } = splitKey(key)
    const isLivePatch = livePatchedKernel(name) !== undefined
    const installed = changes.get(key) ?? node.packages.get(key)
    if (isLivePatch && policy === 'live-patch' && key !== own) {
      otherKernel += 1
      continue
    }
    if (installed === undefined ? !(isLivePatch && policy === 'live-patch') : repository.compare(installed, version) >= 0) continue
    const isOurs = isLivePatch ? policy !== 'hold' : policy === 'install' || !isKernel(repository.family, name)
    if (isOurs) changes.set(key, version)
    else held.push(key)
  }
  return { changes, held, otherKernel }
}

/** What could be made once can be made ever after: no version is taken back. */
const MADE = new WeakMap<Pending, WeakSet<PackageSet>>()

/** Why these changes cannot be made; undefined: they can. */
export function refusal(node: SimulatedNode, repository: Repository, pending: Pending, now: Instant): Finding | undefined {
  const made = MADE.get(pending) ?? new WeakSet<PackageSet>()
  MADE.set(pending, made)
  if (made.has(node.installed)) return undefined
  const finding = refused(node, repository, pending, now)
  if (finding === undefined) made.add(node.installed)
  return finding
}

function refused(node: SimulatedNode, repository: Repository, { changes, held }: Pending, now: Instant): Finding | undefined {
  if ([...changes].some(([key, version]) => !repository.has(key, version, now))) return { verdict: 'failed', reason: 'unknown-version' }
  for (const [key, version] of changes) {
    for (const need of repository.needs(key, version)) {
      const there = changes.get(need.key) ?? node.packages.get(need.key)
      if (there !== undefined && repository.compare(there, need.version) >= 0) continue
      if (held.includes(need.key)) return { verdict: 'failed', reason: 'dependency', missing: changes.size + held.length }
      return { verdict: 'skipped', reason: 'untested-dependency', missing: changes.size + held.length }
    }
  }
  return undefined
}

/** What a rollback would change, or why it cannot. */
export function resolveRollback(
  node: SimulatedNode,
  repository: Repository,
  parameters: RollbackParameters,
  now: Instant,
): Changes | Finding {
  // The tool's work may never have been read back.
  claim(node, parameters.undo)
  const record = node.disk.before.get(parameters.undo)
  if (!record) return { verdict: 'rollback-failed', reason: 'no-before-record' }
  const { changedBy } = node.disk
  const changedSince: Finding = { verdict: 'rollback-failed', reason: 'changed-since' }
  const signed = changedBy === parameters.undo || changedBy === parameters.run
  if (!signed && changedBy !== record.changedBy) return changedSince
  const changes = new Map<string, string>()
  for (const key of record.touched) {
    const version = record.set.packages.get(key) ?? ''
    if ((node.packages.get(key) ?? '') !== version) changes.set(key, version)
  }
  // With the name of before the run has changed nothing.
  if (!signed && changes.size > 0) return changedSince
  // dnf and yum protect the kernel that runs; a deb of ours only names one.
  if (repository.family === 'rpm' && changes.has(repository.kernelKey) && node.runsNewestKernel)
    return { verdict: 'rollback-failed', reason: 'kernel-running' }
  const gone = [...changes].some(([key, version]) => version !== '' && !repository.has(key, version, now))
  return gone ? { verdict: 'rollback-failed', reason: 'version-unavailable' } : changes
}

/** Packages whose versions differ from those of a run's before-record. */
export function differing(node: Pick<SimulatedNode, 'disk' | 'packages'>, run: string): readonly string[] {
  const record = node.disk.before.get(run)
  if (!record) return []
  const keys = new Set([...record.set.packages.keys(), ...node.packages.keys()])
  return [...keys].filter((key) => record.set.packages.get(key) !== node.packages.get(key))
}

/** Where another tool worked for the run and nobody else has changed the node since the run's record, all that differs is the run's. */
export function claim({ disk, packages }: SimulatedNode, run: string): void {
  const record = disk.before.get(run)
  if (record?.tool !== true || (disk.changedBy !== run && disk.changedBy !== record.changedBy)) return
  const changed = differing({ disk, packages }, run)
  if (changed.length === 0) return
  disk.recordBefore(run, { ...record, touched: new Set(changed) })
  disk.changedBy = run
}

const KEYS = new WeakMap<PackageList, ReadonlySet<string>>()

/** The packages that a list names. */
export function keysOf(list: PackageList): ReadonlySet<string> {
  const known = KEYS.get(list) ?? new Set(list.map(([key]) => key))
  KEYS.set(list, known)
  return known
}

/** Writes the before-record of a run that is about to touch these packages; what is there already stays. */
export function record(node: SimulatedNode, run: string, touched: ReadonlySet<string>, tool = false): void {
  const { disk, installed, kernel } = node
  disk.recordBefore(run, {
    set: installed,
    kernel,
    transaction: disk.transactions,
    changedBy: disk.changedBy,
    touched,
    ...(tool && { tool }),
  })
  disk.lists.set(installed.digest, installed.text)
}
