import { readFileSync } from 'node:fs'
import { EFFECT_CASES, nightOf } from '../test/crash/effects.ts'
import { writeGenerated } from './generated-file.ts'
import { readPorts, type PortEffect } from './port-effects.ts'

// Writes the table of effects into docs/guarantees.md, from the doc comments of src/ports and the cases of test/crash/effects.ts. A method of a port
// that does not say what it is, an effect without a case, and a case without an effect are errors. With --check it writes nothing and ends with 1
// when the page is stale.

const PATH = 'docs/guarantees.md'
const BEGIN = '<!-- Made by scripts/gen-effects.ts from src/ports. Do not edit: change the doc comments and run `npm run gen`. -->'
const END = '<!-- Here ends what scripts/gen-effects.ts makes. -->'

/** The page with the table between its marks. */
function pageWith(table: string): string {
  const page = readFileSync(new URL(`../${PATH}`, import.meta.url), 'utf8')
  const [head, rest] = parted(page, BEGIN)
  const [, tail] = parted(rest, END)
  return `${head}${BEGIN}\n\n${table}\n\n${END}${tail}`
}

function parted(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark)
  if (at < 0) throw new Error(`${PATH} has lost the mark ${mark}`)
  return [text.slice(0, at), text.slice(at + mark.length)]
}

function tableOf(effects: readonly PortEffect[]): string {
  const rows = effects.map(({ name, call, operations, repeat }) => {
    const nights = EFFECT_CASES.filter(({ effect }) => effect === name).map(nightOf)
    const through = operations.length > 0 ? `: ${operations.map((operation) => `\`${operation}\``).join(', ')}` : ''
    return `| ${name} | \`${call}\`${through} | ${repeat} | ${nights.join('; ')} |`
  })
  return ['| effect | call | a repeat | the crash test’s night |', '|---|---|---|---|', ...rows].join('\n')
}

const { effects, untold } = readPorts()
const names = new Set(effects.map(({ name }) => name))
const tried = new Set(EFFECT_CASES.map(({ effect }) => effect))
const wrong = [
  ...untold.map(({ path, line, what }) => `${path}:${String(line)}: ${what}`),
  ...[...names].filter((name) => !tried.has(name)).map((name) => `test/crash/effects.ts has no case of “${name}”`),
  ...[...tried].filter((name) => !names.has(name)).map((name) => `test/crash/effects.ts has a case of “${name}”, which no port names`),
]
if (wrong.length > 0) {
  console.error(wrong.join('\n'))
  process.exitCode = 1
} else writeGenerated(PATH, pageWith(tableOf(effects)))
