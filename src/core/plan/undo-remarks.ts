import { isKernel } from './kernel.ts'
import type { PlanContent } from './plan.ts'
import { startsNodes } from './select.ts'

/** What a rollback by the plan's method costs, or cannot reach, each as a sentence for the person who approves. */
export function undoRemarks(content: PlanContent): string[] {
  const { runbook, rollback, lists } = content
  if (rollback.on === 'never' || rollback.method === 'none') return []
  if (rollback.method === 'root-volume')
    return ['a rollback reboots the node and replaces its root volume: what was written there since its snapshot is lost']
  const patches = lists.flatMap((list) => list.patches)
  const managed = runbook.apply.with === 'patch-manager'
  return [
    ...(runbook.patches?.kernel === 'live-patch' ? ['live patches that the kernel has loaded stay until the node boots'] : []),
    ...(managed && patches.some(({ family }) => family === 'deb')
      ? ['AWS-RunPatchBaseline puts no old packages aside, and archives of debs keep only the newest: most cannot be put back']
      : []),
    ...(startsNodes(runbook) && patches.some(({ name }) => isKernel(name))
      ? ['nodes that are stopped boot with the kernel that was installed: it cannot go while it runs']
      : []),
  ]
}
