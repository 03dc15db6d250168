import { argOf, type CommandSpec } from '../call.ts'
import { SHELLS } from '../completion.ts'
import { EXIT, usage } from '../exit.ts'

/** Prints a script that teaches the shell our commands and options. */
export const completion: CommandSpec = {
  path: 'completion',
  arguments: '<shell>',
  summary: `print a completion script (${SHELLS.join(', ')})`,
  example: 'completion bash > /etc/bash_completion.d/patchwave',
  output: 'document',
  run(call) {
    const shell = argOf(call, 0, 'the shell')
    const script = call.completion(shell)
    if (script === undefined) throw usage(`no completion for "${shell}"`, `choose from ${SHELLS.join(', ')}`)
    call.app.io.out(call.common.json ? JSON.stringify({ shell, script }) : script)
    return Promise.resolve(EXIT.done)
  },
}
