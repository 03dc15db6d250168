import type { Command, Option } from 'commander'
import type { CommandSpec } from '../src/cli/call.ts'
import { COMMANDS } from '../src/cli/commands/commands.ts'
import { commandTree } from './command-tree.ts'
import { writeGenerated } from './generated-file.ts'

// Writes docs/reference/cli.md from the command tree. With --check it writes nothing and ends with 1 when the page is stale.

/** What each kind of `--json` output is. */
const OUTPUT: Readonly<Record<CommandSpec['output'], string>> = {
  document: 'one JSON document; a failure is one too, `{"error":{"code","message","hint"}}`',
  stream: 'one JSON object a line; a failure is told on stderr only',
}

const program = commandTree()

function page(): string {
  const leaves = COMMANDS.map((spec) => ({ spec, leaf: leafOf(spec) }))
  return [
    '# The command line',
    '<!-- Made by scripts/gen-cli-reference.ts from src/cli. Do not edit: change the command and run `npm run gen`. -->',
    'From a checkout it is `./bin/patchwave`. Results go to stdout, progress and logs to stderr; with `--json` nothing but JSON is on stdout. `NO_COLOR` takes the colours, `CI` and a pipe take the live view. What the exit codes mean stands in [errors](errors.md#exit-codes).',
    'Access to AWS follows the SDK: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL` and its relatives. A run may be named by the beginning or the end of its id, four characters or more, where only one run has it.',
    `## Options of every command`,
    optionTable(commonOf(leaves)),
    ...leaves.flatMap(({ spec, leaf }) => section(spec, leaf)),
    '',
  ].join('\n\n')
}

function leafOf({ path }: CommandSpec): Command {
  return path.split(' ').reduce((command, word) => {
    const found = command.commands.find((one) => one.name() === word)
    if (found === undefined) throw new Error(`the command tree has no "${path}"`)
    return found
  }, program)
}

function section(spec: CommandSpec, leaf: Command): string[] {
  const own = leaf.options.filter((option) => declares(spec, option))
  const line = `patchwave ${[spec.path, spec.arguments ?? ''].join(' ').trim()}${own.length > 0 ? ' [options]' : ''}`
  const first = spec.path.split(' ')[0] ?? ''
  const short = spec.isDefault === true ? [`\`patchwave ${first}\` alone is this command.`] : []
  return [
    `## ${spec.path}`,
    `\`${line}\``,
    sentence(spec.summary),
    ...short,
    ...(own.length > 0 ? [optionTable(own)] : []),
    `With \`--json\`: ${OUTPUT[spec.output]}.`,
    `\`\`\`sh\n./bin/patchwave ${spec.example}\n\`\`\``,
  ]
}

const declares = (spec: CommandSpec, option: Option): boolean => spec.options?.some(({ flags }) => flags === option.flags) === true

/** Options that every leaf has beside its own. */
function commonOf(leaves: readonly Readonly<{ spec: CommandSpec; leaf: Command }>[]): readonly Option[] {
  const [first, ...others] = leaves.map(({ spec, leaf }) => leaf.options.filter((option) => !declares(spec, option)))
  return (first ?? []).filter(({ flags }) => others.every((options) => options.some((one) => one.flags === flags)))
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map(
    (option) => `| ${[`\`${option.flags.replaceAll('|', '\\|')}\``, meaning(option), option.mandatory ? 'yes' : ''].join(' | ')} |`,
  )
  return `| option | means | required |\n|---|---|---|\n${rows.join('\n')}`
}

function meaning({ long, description, argChoices }: Option): string {
  if (long === '--json') return 'print JSON instead of text'
  const choices = argChoices === undefined ? '' : `: ${argChoices.map((choice) => `\`${choice}\``).join(' or ')}`
  return `${description}${choices}`.replaceAll('|', '\\|')
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`

writeGenerated('docs/reference/cli.md', page())
