import { PatchwaveError } from '../kit/error.ts'
import { readPlan } from '../core/plan/make.ts'
import type { Plan } from '../core/plan/plan.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import type { App, Common } from './app.ts'

/** What `run` was pointed at: a runbook, or a plan that was made and looked at before. */
export type Target = Readonly<{ runbook: Runbook; plan: Plan | null; file: string }>

/** Reads a runbook, or a plan file: JSON that begins with a brace. @throws InvalidDocument, `plan.invalid`, `file.unreadable` */
export async function readTarget(app: App, file: string, common: Common): Promise<Target> {
  const text = await textOf(app, file)
  if (!file.endsWith('.json') && !/^\s*\{/.test(text)) return { runbook: (await app.loadRunbook(file, common)).runbook, plan: null, file }
  const plan = readPlan(text)
  return { runbook: plan.content.runbook, plan, file }
}

async function textOf(app: App, file: string): Promise<string> {
  try {
    return new TextDecoder().decode(await app.readFile(file))
  } catch (cause) {
    if (cause instanceof PatchwaveError) throw cause
    throw new PatchwaveError('file.unreadable', `${file} cannot be read`, { hint: 'check the path and its permissions', cause })
  }
}
