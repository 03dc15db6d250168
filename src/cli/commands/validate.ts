import { InvalidDocument, PatchwaveError, type Diagnostic } from '../../kit/error.ts'
import { INPUT, inputsOf, type Call, type CommandSpec } from '../call.ts'
import { diagnosticText, EXIT } from '../exit.ts'

/** Checks runbooks and tells every mistake, not the first. Asks nothing of AWS. */
export const validate: CommandSpec = {
  path: 'validate',
  arguments: '<file...>',
  summary: 'check runbooks: every mistake with its place and what to do about it',
  options: [INPUT],
  example: 'validate runbooks/*.yaml',
  output: 'document',
  async run(call) {
    const { app, args, common } = call
    const diagnostics: Diagnostic[] = []
    for (const file of args) {
      const found = await mistakesIn(call, file)
      diagnostics.push(...found)
      if (!common.json && found.length === 0) app.io.out(`${file}: ok`)
    }
    if (common.json) app.io.out(JSON.stringify({ ok: diagnostics.length === 0, diagnostics }))
    else for (const one of diagnostics) app.io.err(diagnosticText(one))
    return diagnostics.length === 0 ? EXIT.done : EXIT.input
  },
}

/** Without values the runbook is checked as it stands; with some, as it would be run with them. */
async function mistakesIn(call: Call, file: string): Promise<readonly Diagnostic[]> {
  const given = inputsOf(call)
  try {
    await call.app.loadRunbook(file, call.common, Object.keys(given).length === 0 ? null : given)
    return []
  } catch (error) {
    if (error instanceof InvalidDocument) return error.diagnostics
    if (!(error instanceof PatchwaveError) || error.exit !== EXIT.input) throw error
    const at = error.more.at ?? { file, line: 1, column: 1 }
    return [{ ...at, code: error.code, message: error.message, hint: error.more.hint }]
  }
}
