import { PatchwaveError } from '../kit/error.ts'
import { canonicalDigest } from '../core/plan/canonical.ts'
import { readPlan } from '../core/plan/make.ts'
import type { Plan } from '../core/plan/plan.ts'
import type { Inputs } from '../core/runbook/parse.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import type { App, Common } from './app.ts'
import { usage } from './exit.ts'

/** What `run` was pointed at: a runbook, or a plan that was made and looked at before. */
export type Target = Readonly<{ runbook: Runbook; inputs: Inputs; plan: Plan | null; file: string }>

/**
 * Reads a runbook with the values of its inputs, or a plan file: JSON that begins with a brace, in which they stand already.
 * @throws InvalidDocument, `input.invalid`, `plan.invalid`, `file.unreadable`, `usage.invalid` when a plan is given other inputs
 */
export async function readTarget(app: App, file: string, common: Common, given: Inputs): Promise<Target> {
  const text = await textOf(app, file)
  if (!file.endsWith('.json') && !/^\s*\{/.test(text)) {
    const { runbook, inputs } = await app.loadRunbook(file, common, given)
    return { runbook, inputs, plan: null, file }
  }
  const plan = readPlan(text)
  if (canonicalDigest(plan.content) !== plan.digest)
    throw new PatchwaveError('plan.invalid', `${file} was made by an earlier version`, { hint: 'make the plan anew' })
  const { runbook, inputs } = plan.content
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(inputs, name) && inputs[name] === value) continue
    const hint = `make a new plan: patchwave plan RUNBOOK --input ${name}=${value} --out ${file}`
    throw usage(
      `${file} was made with other inputs: ${name} is ${Object.hasOwn(inputs, name) ? (inputs[name] ?? '') : 'not one of them'}`,
      hint,
    )
  }
  return { runbook, inputs, plan, file }
}

async function textOf(app: App, file: string): Promise<string> {
  try {
    return new TextDecoder().decode(await app.readFile(file))
  } catch (cause) {
    if (cause instanceof PatchwaveError) throw cause
    throw new PatchwaveError('file.unreadable', `${file} cannot be read`, { hint: 'check the path and its permissions', cause })
  }
}
