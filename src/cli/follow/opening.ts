import type { Plan } from '../../core/plan/plan.ts'
import { counted } from '../render/text.ts'
import type { Scene } from './scene.ts'

/** What is said when an act begins. */
export function opening(run: string, plan: Plan | null, continued: boolean, scene: Scene): string[] {
  const time = scene.virtual ? ' (virtual time)' : ''
  if (continued || plan === null) return [`continuing run ${run}, which had not ended${time}`]
  const { act, runbook } = plan.content
  return [
    `run ${run}: ${act} of ${runbook.name}, ${counted(plan.headline.planned, 'node')} in ${counted(plan.headline.waves, 'wave')}, plan ${plan.digest.slice(0, 12)}${time}`,
  ]
}
