import type { Runbook } from '../runbook/runbook.ts'
import type { NodeSeen } from './fleet.ts'
import { groupKey, persOf } from './groups.ts'
import { isKernel, isLivePatch } from './kernel.ts'
import { bytewise } from './list.ts'
import type { Plan, PlanContent } from './plan.ts'
import { undoRemarks } from './undo-remarks.ts'

/** Package names whose old version cannot be put back on a running system, or not without a boot. */
const STICKY = [/^glibc(-|$)/, /^libc6$/, /^selinux-policy/]
const isSticky = (name: string): boolean => isKernel(name) || isLivePatch(name) || STICKY.some((form) => form.test(name))

/** What a rollback cannot undo, each as a sentence for the person who approves. */
export function irreversibleOf(content: PlanContent): string[] {
  if (content.work !== 'apply') return []
  const names = new Set(content.lists.flatMap((list) => list.patches.map((patch) => patch.name)).filter(isSticky))
  return [
    ...(content.reboot === 'never' ? [] : [`nodes reboot (patches.reboot: ${content.reboot})`]),
    ...(names.size === 0 || content.rollback.method === 'root-volume'
      ? []
      : [`no downgrade on a running system: ${[...names].sort(bytewise).join(', ')}`]),
    ...undoRemarks(content),
    ...(content.rollback.method === 'none' ? ['nothing is rolled back (rollback.method: none)'] : []),
    ...(content.rollback.on === 'never' && content.rollback.method !== 'none'
      ? ['a failed gate rolls nothing back (rollback.on: never)']
      : []),
  ]
}

/** Counts for the top of a plan; `untested` stands first among the skipped. */
export function headlineOf(content: PlanContent): Plan['headline'] {
  const counts = new Map<string, number>()
  for (const { skip } of content.nodes) if (skip !== null) counts.set(skip, (counts.get(skip) ?? 0) + 1)
  const rank = (reason: string): number => (reason === 'untested' ? 0 : 1)
  const skipped = Object.fromEntries([...counts].sort(([a], [b]) => rank(a) - rank(b) || bytewise(a, b)))
  const planned = content.nodes.filter((node) => node.skip === null).length
  return { total: content.nodes.length, waves: content.waves.length, planned, skipped }
}

/** A node may lack the tag of a limit: it is in no group then, and nothing holds it back. */
export function untaggedRemarks(runbook: Runbook, nodes: readonly NodeSeen[]): string[] {
  return persOf(runbook).flatMap((per) => {
    const free = nodes.filter((node) => groupKey(per, node) === undefined).length
    return free === 0
      ? []
      : [`${plural(free, 'node')} without ${per}: the limit per ${per} does not hold for ${free === 1 ? 'it' : 'them'}`]
  })
}

/** `1 node`, `2 nodes`. */
export const plural = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`

/** What the rule for kernels means for this plan: what is kept back, or how many nodes will wait for a boot. */
export function kernelRemarks(content: PlanContent): string[] {
  const { patches } = content.runbook
  if (patches === null || content.work !== 'apply') return []
  if (patches.kernel === 'hold') return ['kernel packages and live patches are kept back (patches.kernel: hold)']
  if (patches.kernel === 'live-patch') return ['kernel packages are kept back, live patches stand in for them (patches.kernel: live-patch)']
  if (content.reboot !== 'never') return []
  const withKernel = new Set(content.lists.flatMap((list, index) => (list.patches.some(({ name }) => isKernel(name)) ? [index] : [])))
  const nodes = content.nodes.filter((node) => node.skip === null && node.list !== null && withKernel.has(node.list)).length
  return nodes === 0 ? [] : [`${plural(nodes, 'node')} will wait for a reboot: their lists have a kernel, and patches.reboot is never`]
}
