import { planText } from '../../core/plan/make.ts'
import { planRollout } from '../../engine/planning.ts'
import { argOf, INPUT, inputsOf, textOf, using, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { painter } from '../render/paint.ts'
import { planPage } from '../render/plan-page.ts'
import { planShape } from '../shapes.ts'

/** Reads AWS and says exactly what a rollout would do. Changes nothing. */
export const plan: CommandSpec = {
  path: 'plan',
  arguments: '<runbook>',
  summary: 'show what a rollout would do: waves, nodes, patches, windows, forecast; changes nothing',
  options: [INPUT, { flags: '--out <file>', means: 'write the plan to a file that `run` takes' }],
  example: 'plan runbooks/monthly-linux-security.yaml --out march.plan.json',
  output: 'document',
  async run(call) {
    const { app, common } = call
    const { runbook, inputs } = await app.loadRunbook(argOf(call, 0, 'the runbook'), common, inputsOf(call))
    return using(app.openSession(common), async ({ world }) => {
      const made = await planRollout(world, { runbook, inputs }, app.io.signal)
      const file = textOf(call, 'out')
      if (file !== undefined) await app.writeFile(file, planText(made))
      if (common.json) app.io.out(JSON.stringify(planShape(made)))
      else for (const line of planPage(made, painter(app.io.outColour ?? false))) app.io.out(line)
      if (file !== undefined) app.io.err(`written to ${file}; run it with \`patchwave run ${file}\``)
      return EXIT.done
    })
  },
}
