import { cellKey } from '../../kit/ids.ts'
import { known } from '../../kit/assert.ts'
import { persOf } from './groups.ts'
import type { Plan, PlanContent, PlannedWave } from './plan.ts'

/** SSM takes at most 50 nodes in one SendCommand, and pages invocations by 50. */
const COMMAND_NODES_MAX = 50

const touchedOf = (content: PlanContent, wave: PlannedWave): number[] =>
  wave.nodes.filter((position) => content.nodes[position]?.skip === null)

/**
 * What each wave can cost when everything goes wrong: failed and unknown nodes, and nodes out of service at once. When a budget is spent, the
 * nodes in flight may still fail (n + concurrency). `hard` leaves no more in flight than one too many for the wave's own budget (n + 1), not for the run's.
 */
export function worstCases(content: PlanContent): Plan['worstCase'] {
  return content.waves.map((wave) => {
    const touched = touchedOf(content, wave)
    const { failuresMax, hard } = wave.gate
    const byWave = failuresMax + (hard ? 1 : wave.concurrency)
    const byRun = content.budgetMax === null ? byWave : content.budgetMax + wave.concurrency
    const worstFailures = Math.min(touched.length, byWave, byRun)
    // Failed nodes stay out of service, so what may fail is what may be out.
    const worstOutOfService = Math.min(worstFailures, outBound(content, wave, touched))
    return { wave: wave.name, failuresMax, worstFailures, worstOutOfService }
  })
}

/** The most that the disruption limits let be out of service: the tightest of all kinds of group. */
function outBound(content: PlanContent, wave: PlannedWave, touched: readonly number[]): number {
  const tighter = new Map(wave.tighter.map(({ group, atMost }) => [group, atMost]))
  const bounds = persOf(content.runbook).map((per) => {
    const members = new Map<number, number>()
    let free = 0
    for (const position of touched) {
      const groups = known(content.nodes[position], 'a node').groups.filter((group) =>
        known(content.groups[group], 'a group').key.startsWith(`${per}=`),
      )
      if (groups.length === 0) free += 1
      for (const group of groups) members.set(group, (members.get(group) ?? 0) + 1)
    }
    return free + boundOf(content, members, tighter)
  })
  return Math.min(touched.length, ...bounds)
}

function boundOf(content: PlanContent, members: ReadonlyMap<number, number>, tighter: ReadonlyMap<number, number>): number {
  let sum = 0
  const turns = new Map<string, number>()
  for (const [position, count] of members) {
    const group = known(content.groups[position], 'a group')
    const most = Math.min(count, group.atMost, tighter.get(position) ?? count)
    if (group.set === null) sum += most
    else turns.set(group.set, Math.max(turns.get(group.set) ?? 0, most))
  }
  return [...turns.values()].reduce((total, most) => total + most, sum)
}

/** About how many AWS calls the run makes when nothing is repeated, by `service.Operation`. */
export function callsOf(content: PlanContent): Record<string, number> {
  const changes = content.waves.reduce((sum, wave) => sum + commandsOf(content, touchedOf(content, wave)), 0)
  const scans =
    content.trial === null
      ? 0
      : commandsOf(
          content,
          content.trial.lineages.flatMap((lineage) => lineage.nodes),
        )
  const checks = content.waves.reduce((sum, wave) => sum + scriptCommands(content, wave), 0)
  const cells = new Set(content.nodes.map(cellKey)).size
  const stored = (content.trial?.lineages ?? []).reduce((sum, lineage) => sum + lineage.accounts.length, 0)
  const counts = {
    'ec2.DescribeInstances': changes + cells,
    'ssm.DescribeDocument': cells * Object.keys(content.documents).length,
    'ssm.DescribeInstanceInformation': changes + cells,
    'ssm.LabelParameterVersion': stored,
    'ssm.ListCommandInvocations': 2 * (changes + scans + checks),
    // A small baseline is one part and its manifest.
    'ssm.PutParameter': 2 * stored,
    'ssm.SendCommand': changes + scans + checks,
  }
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

/** Commands for these nodes: at most 50 of one cell and one list. */
function commandsOf(content: PlanContent, positions: readonly number[]): number {
  const lanes = Map.groupBy(positions, (position) => {
    const node = known(content.nodes[position], 'a node')
    return `${cellKey(node)}|${String(node.list)}`
  })
  return [...lanes.values()].reduce((sum, lane) => sum + Math.ceil(lane.length / COMMAND_NODES_MAX), 0)
}

function scriptCommands(content: PlanContent, wave: PlannedWave): number {
  const scripts = wave.gate.checks.filter((check) => content.checks[check]?.type === 'script').length
  return scripts * commandsOf(content, touchedOf(content, wave))
}
