import { HOUR, instant, type Instant, MINUTE, type Ms, SECOND } from '../../kit/instant.ts'
import type { FaultsFile, PackageFault } from '../faults.ts'
import { chance, hits, logNormal } from './chance.ts'
import type { SimulatedNode } from './node.ts'
import { splitKey } from './package-set.ts'
import type { Surroundings } from './surroundings.ts'

/** What befalls a node in the middle of a command, and when. */
export type Fate = Readonly<{ kind: 'dies' | 'restarts' | 'upgraded' | 'power-cut'; at: Instant; bootMs: Ms }>

type Draw = Readonly<{ document: string; number: number; startedAt: Instant; takesMs: Ms }>

/** The fate of one command on one node: null for most. Drawn by (seed, node, document, number of the command). */
export function fateOf(node: SimulatedNode, around: Surroundings, draw: Draw): Fate | null {
  const { agents, seed } = around.faults()
  const hit = (share: number, kind: string): boolean => hits(share, seed, kind, node.node, draw.document, draw.number)
  const when = 0.05 + 0.9 * chance(seed, 'when', node.node, draw.document, draw.number)
  const at = instant(Math.ceil((draw.startedAt + when * draw.takesMs) / SECOND) * SECOND)
  if (hit(agents.lateBoot, 'late-boot')) return { kind: 'power-cut', at, bootMs: 12 * HOUR }
  if (hit(agents.crash, 'crash')) return { kind: 'power-cut', at, bootMs: 2 * MINUTE }
  if (hit(agents.dieInCommand, 'die')) return { kind: 'dies', at, bootMs: 0 }
  if (hit(agents.rerun, 'rerun')) return { kind: 'restarts', at, bootMs: 30 * SECOND }
  if (hit(agents.upgradeInCommand, 'upgrade')) return { kind: 'upgraded', at, bootMs: 20 * SECOND }
  return null
}

/** How long the command's script works on this node, in whole seconds. Reading takes a fraction of changing. */
export function takesMs(node: SimulatedNode, around: Surroundings, document: string, number: number): Ms {
  const { seed, agents } = around.faults()
  const slow = hits(agents.slow, seed, 'slow', node.node) ? 5 : 1
  const { medianMs, p95Ms } = around.commandTime
  const whole = logNormal(medianMs, p95Ms, chance(around.seed, 'takes', node.node, document, number))
  return Math.max(SECOND, Math.round((whole * (SHARES[document] ?? 0.01) * slow) / SECOND) * SECOND)
}

/** Of the time that the patch script takes. */
const SHARES: Readonly<Record<string, number>> = {
  'Patchwave-Apply': 1,
  'Patchwave-Rollback': 0.8,
  'Patchwave-Scan': 0.1,
  'AWS-RunPatchBaseline/Install': 1,
  'AWS-RunPatchBaseline/Scan': 0.15,
  'Patchwave-LivePatch': 0.3,
  'Patchwave-Hook': 0.05,
}

/** How long the agent needs to pick a command up. */
export function pickUpMs(node: SimulatedNode, around: Surroundings): Ms {
  const { seed, agents } = around.faults()
  const late = hits(agents.lag.share, seed, 'lag', node.node) ? agents.lag.byMs : 0
  return SECOND * (1 + Math.floor(chance(around.seed, 'pick-up', node.node) * 2)) + late
}

/** How a run of a document that is not ours, or of a hook's script, ends. Drawn by (seed, node, name, number of the run). */
export function documentFate(node: SimulatedNode, around: Surroundings, name: string, number: number): 'passes' | 'fails' | 'hangs' {
  const { documents, seed } = around.faults()
  const fault = documents.find(({ match, in: accounts }) => isIn(accounts, node) && matcher(match).test(name))
  if (!fault) return 'passes'
  if (hits(fault.hangs, seed, 'hangs', node.node, name, number)) return 'hangs'
  return hits(fault.fails, seed, 'document', node.node, name, number) ? 'fails' : 'passes'
}

/** The faults of the packages that a transaction is about to change on this node. */
export function packageFaults(
  node: SimulatedNode,
  around: Surroundings,
  keys: Iterable<string>,
): readonly Readonly<{ key: string; fault: PackageFault }>[] {
  const faults = around.faults()
  if (faults.packages.length === 0) return []
  const found: { key: string; fault: PackageFault }[] = []
  const all = [...keys]
  const isBeside = (glob: string | null): boolean => glob === null || all.some((key) => matcher(glob).test(splitKey(key).name))
  for (const key of all) {
    const { name } = splitKey(key)
    for (const [index, fault] of faults.packages.entries())
      if (concerns(fault, node, name) && isBeside(fault.beside) && drawn(faults, node, fault, index)) found.push({ key, fault })
  }
  return found
}

const concerns = (fault: PackageFault, node: SimulatedNode, name: string): boolean =>
  isIn(fault.in, node) && matcher(fault.match).test(name)

const isIn = (accounts: readonly string[] | null, { accountName }: SimulatedNode): boolean => accounts?.includes(accountName) ?? true

const drawn = (faults: FaultsFile, node: SimulatedNode, fault: PackageFault, index: number): boolean =>
  hits(fault.share, faults.seed, 'package', index, node.node)

const MATCHERS = new Map<string, RegExp>()

function matcher(glob: string): RegExp {
  const known = MATCHERS.get(glob)
  if (known) return known
  const pattern = glob
    .replace(/[\\^$.+()|[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  const made = new RegExp(`^${pattern}$`)
  MATCHERS.set(glob, made)
  return made
}
