import type { ApproveRule, PatchRule } from '../runbook/runbook.ts'
import { isCandidate, type MissingPatch } from './classify.ts'
import { familyOf, type NodeSeen } from './fleet.ts'
import { plural } from './remarks.ts'
import type { Patch } from './plan.ts'
import type { Instant } from '../../kit/instant.ts'

/** Keys of a rule that no deb can fit: archives say neither how bad a hole is, nor which it is, nor when its mending came out. */
const KEYS = ['severity', 'cves', 'advisories', 'releasedForMs'] as const satisfies readonly (keyof ApproveRule)[]

/** The same keys as people write them. */
const WRITTEN: Readonly<Record<(typeof KEYS)[number], string>> = {
  severity: 'severity',
  cves: 'cves',
  advisories: 'advisories',
  releasedForMs: 'releasedFor',
}

const asked = (rule: ApproveRule): string[] => KEYS.filter((key) => rule[key] !== null).map((key) => WRITTEN[key])

/** Says how many Debian and Ubuntu nodes get nothing because every rule asks for what debs do not carry. */
export function debNodeRemarks(rules: PatchRule | null, nodes: readonly Pick<NodeSeen, 'platform'>[]): string[] {
  const count = nodes.filter(({ platform }) => familyOf(platform) === 'deb').length
  if (rules === null || count === 0 || rules.approve.some((rule) => asked(rule).length === 0)) return []
  const keys = [...new Set(rules.approve.flatMap(asked))].join(', ')
  return [
    `${plural(count, 'node')} with debs: no rule of patches.approve fits a deb, for debs carry no ${keys}; approve them by classification or names`,
  ]
}

/** Says how many missing debs some rule would approve if it did not ask for what debs do not carry. */
export function debPatchRemarks(rules: PatchRule, missing: Iterable<readonly (Patch | MissingPatch)[]>, at: Instant): string[] {
  if (rules.approve.every((rule) => asked(rule).length > 0)) return [] // The nodes' remark says more.
  const bare: PatchRule = {
    ...rules,
    approve: rules.approve.map((rule) => ({ ...rule, severity: null, cves: null, advisories: null, releasedForMs: null })),
  }
  const lost = new Set<string>()
  let nodes = 0
  for (const patches of missing) {
    const here = patches.filter((patch) => patch.family === 'deb' && !isCandidate(patch, rules, at) && isCandidate(patch, bare, at))
    for (const { name, arch, version } of here) lost.add(`${name} ${arch} ${version}`)
    if (here.length > 0) nodes += 1
  }
  return lost.size === 0
    ? []
    : [
        `${plural(lost.size, 'missing deb')} on ${plural(nodes, 'node')} left out: the rules that would fit ask for ${[...new Set(rules.approve.flatMap(asked))].join(', ')}, which debs do not carry`,
      ]
}
