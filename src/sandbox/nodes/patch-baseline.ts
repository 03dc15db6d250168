import { DAY, type Instant } from '../../kit/instant.ts'
import { hexOf } from './chance.ts'
import type { SimulatedNode } from './node.ts'
import type { Update } from './repository.ts'

/** A patch baseline: which published updates should be on a node. */
export type PatchBaseline = Readonly<{ id: string; approves: (update: Update, at: Instant) => boolean }>

/** Nodes of this patch group have what AWS predefines; all others are judged by a baseline that approves every update at once. */
export const PREDEFINED_GROUP = 'aws-default'

/** A node is in one patch group: the value of its tag. */
export const patchGroupOf = ({ tags }: SimulatedNode): string => tags['PatchGroup'] ?? tags['Patch Group'] ?? ''

/** The baseline of a node's patch group. */
export function baselineOf(node: SimulatedNode): PatchBaseline {
  if (patchGroupOf(node) === PREDEFINED_GROUP) return { id: idOf('predefined', node), approves: predefined }
  return { id: idOf('patch-baseline', node), approves: () => true }
}

/** The baseline of somebody else's association (host management, a Quick Setup), whose scan overwrites what ours found. */
export const foreignBaseline = (node: SimulatedNode): PatchBaseline => ({ id: idOf('quick-setup', node), approves: predefined })

const idOf = (kind: string, { platform }: SimulatedNode): string => `pb-${hexOf(17, 0, kind, platform)}`

/** Amazon Linux: Critical and Important security updates, and bug fixes, seven days old. Debian and Ubuntu: security updates, at once. */
function predefined({ arch, classification, severity, releasedAt }: Update, at: Instant): boolean {
  if (/^(amd64|arm64|all)$/.test(arch)) return classification === 'Security'
  const wanted = classification === 'Bugfix' || (classification === 'Security' && /^(Critical|Important)$/.test(severity))
  return wanted && releasedAt + 7 * DAY <= at
}

/** The baselines of a BaselineOverride, as far as classifications, severities and delays go; undefined: it is not readable. */
export function overriddenBaseline(text: string): PatchBaseline | undefined {
  const baselines = parsed(text)
  if (!Array.isArray(baselines) || baselines.length === 0) return undefined
  const rules = baselines.flatMap((one) => list(at(at(one, 'ApprovalRules'), 'PatchRules')))
  return { id: 'override', approves: (update, moment) => rules.some((rule) => approves(rule, update, moment)) }
}

function approves(rule: unknown, update: Update, moment: Instant): boolean {
  const days = at(rule, 'ApproveAfterDays')
  if (typeof days === 'number' && update.releasedAt + days * DAY > moment) return false
  return list(at(at(rule, 'PatchFilterGroup'), 'PatchFilters')).every((filter) => {
    const values = list(at(filter, 'Values'))
    const value = VALUES[String(at(filter, 'Key'))]?.(update)
    return value === undefined || values.includes('*') || values.includes(value)
  })
}

/** Other keys (PRODUCT, PRIORITY, …) fit every update: a repository is of one product. */
const VALUES: Readonly<Record<string, (update: Update) => string>> = {
  CLASSIFICATION: ({ classification }) => classification,
  SEVERITY: ({ severity }) => severity,
}

const at = (value: unknown, key: string): unknown => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined)

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
