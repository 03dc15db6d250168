import { Command, CommanderError, Option } from 'commander'
import type { PatchwaveError } from '../kit/error.ts'
import { suggestion } from '../kit/suggest.ts'
import type { App, Common } from './app.ts'
import type { CommandSpec, OptionSpec } from './call.ts'
import { COMMANDS } from './commands/commands.ts'
import { completionScript } from './completion.ts'
import { EXIT, report, usage } from './exit.ts'

/** The version that `--version` prints; the package's. */
export const VERSION = '0.1.0'

/**
 * Runs one command line (without the program's own name) and resolves to the exit code. Never rejects, never ends the process: what a person
 * can mend is told with a hint, what is our mistake with its stack.
 */
export async function runCli(app: App, argv: string[]): Promise<number> {
  let exit: number = EXIT.done
  let running: CommandSpec | undefined
  const program = programOf(app, async (spec, call) => {
    running = spec
    exit = await spec.run({ app, ...call, completion: (shell) => completionScript(program, shell) })
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exit
  } catch (error) {
    const told = error instanceof CommanderError ? usageOf(error, program, argv) : error
    if (told === undefined) return EXIT.done
    const spec = running ?? specOf(argv)
    return report(told, app.io, spec?.output === 'document' && argv.includes('--json'))
  }
}

type Act = (
  spec: CommandSpec,
  call: Readonly<{ common: Common; args: readonly string[]; options: Readonly<Record<string, unknown>> }>,
) => Promise<void>

/** The whole command tree: for parsing, help and completion. */
export function programOf(app: App, act: Act): Command {
  const program = new Command('patchwave')
    .description('Patches fleets of EC2 managed nodes in gated waves, with every fact on record.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        app.io.out(text.replace(/\n$/, ''))
      },
      writeErr: () => undefined, // `report` tells it, with its code.
      getOutHelpWidth: () => Math.min(120, app.io.columns),
      getErrHelpWidth: () => Math.min(120, app.io.columns),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      'after',
      `\nExit codes: 0 done and healthy, 1 ended otherwise, 2 the input is wrong, 3 AWS refused, 4 someone else holds it,\n5 not ended, 70 a bug.\n\nExample:\n  patchwave validate runbooks/monthly-linux-security.yaml`,
    )
  for (const spec of COMMANDS) attach(program, spec, act)
  return program
}

const GROUPS: Readonly<Record<string, string>> = {
  windows: 'when maintenance windows open',
  baseline: 'tested patch lists: what is approved, per account and image',
  audit: 'the trail of all runs',
  claims: 'which run’s hand is on which node',
}

function attach(program: Command, spec: CommandSpec, act: Act): void {
  const words = spec.path.split(' ')
  const name = words.at(-1) ?? ''
  const group = words.length > 1 ? groupOf(program, words[0] ?? '') : program
  const command = group.command(spec.arguments === undefined ? name : `${name} ${spec.arguments}`, { isDefault: spec.isDefault === true })
  command.description(spec.summary).allowExcessArguments(false)
  for (const option of spec.options ?? []) command.addOption(optionOf(option))
  command
    .option('--json', spec.output === 'document' ? 'print one JSON document' : 'print one JSON object a line')
    .option('--store <path>', 'where journals live: a SQLite file (PATCHWAVE_STORE)')
    .option('--config <file>', 'config file (config/patchwave.yaml)')
    .addHelpText('after', `\nExample:\n  patchwave ${spec.example}`)
    .action(async function (this: Command) {
      const options: Record<string, unknown> = this.opts()
      const text = (key: string): string | undefined => (typeof options[key] === 'string' ? options[key] : undefined)
      await act(spec, {
        args: this.args,
        options,
        common: { json: options['json'] === true, store: text('store'), config: text('config') },
      })
    })
}

function groupOf(program: Command, name: string): Command {
  const known = program.commands.find((one) => one.name() === name)
  if (known) return known
  return program
    .command(name)
    .description(GROUPS[name] ?? '')
    .allowExcessArguments(false)
}

function optionOf({ flags, means, required, choices, repeats }: OptionSpec): Option {
  const option = new Option(flags, means)
  if (choices) option.choices(choices)
  if (repeats) option.argParser((text, before: unknown) => [...(Array.isArray(before) ? before.map(String) : []), text])
  return required ? option.makeOptionMandatory() : option
}

/** Commander's refusal in our form; `undefined` when it only printed help or the version. */
function usageOf(error: CommanderError, program: Command, argv: readonly string[]): PatchwaveError | undefined {
  if (error.exitCode === 0) return undefined
  const path = deepest(program, argv)
  const help = `see \`${[program.name(), ...path.words, '--help'].join(' ')}\``
  if (error.code === 'commander.help') {
    const names = path.command.commands.map((one) => one.name()).filter((name) => name !== 'help')
    return usage(`${['patchwave', ...path.words].join(' ')} needs a command`, suggestion(argv[path.words.length] ?? '', names) || help)
  }
  const [message = '', more = ''] = error.message.replace(/^error: /, '').split('\n', 2)
  const near = /^\((.*)\)$/.exec(more)?.[1]
  return usage(message, near === undefined ? help : `${near.slice(0, 1).toLowerCase()}${near.slice(1)} (${help})`)
}

function deepest(program: Command, argv: readonly string[]): { command: Command; words: string[] } {
  let command = program
  const words: string[] = []
  for (const word of argv) {
    const next = command.commands.find((one) => one.name() === word)
    if (next === undefined) break
    command = next
    words.push(word)
  }
  return { command, words }
}

function specOf([first = '', second = '']: readonly string[]): CommandSpec | undefined {
  const named = COMMANDS.find((spec) => spec.path === first || spec.path === `${first} ${second}`)
  return named ?? COMMANDS.find((spec) => spec.isDefault === true && spec.path.startsWith(`${first} `))
}
