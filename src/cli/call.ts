import { DURATION_PATTERN, parseDuration } from '../kit/duration.ts'
import { parseInstant, type Instant, type Ms } from '../kit/instant.ts'
import type { Inputs } from '../core/runbook/parse.ts'
import type { App, Common } from './app.ts'
import { usage } from './exit.ts'

/** A command as the user typed it. Values are read through the functions below, which refuse what does not fit. */
export type Call = Readonly<{
  app: App
  common: Common
  args: readonly string[]
  options: Readonly<Record<string, unknown>>
  completion: (shell: string) => string | undefined
}>

/** One command: all that its parsing, help and completion are made from. */
export type CommandSpec = Readonly<{
  /** Words that name it, `windows next`. */
  path: string
  /** Runs also when only the first word was typed. */
  isDefault?: true
  /** In commander's spelling: `<run>`, `[run]`, `<file...>`. */
  arguments?: string
  summary: string
  options?: readonly OptionSpec[]
  /** A line that works, shown by --help. */
  example: string
  /** What --json prints: one document, or an object a line. An error becomes JSON only where one document is promised. */
  output: 'document' | 'stream'
  /** Resolves to the exit code; throws PatchwaveError for what a person can mend. */
  run: (call: Call) => Promise<number>
}>

/** Flags in commander's spelling and what they mean. One that `repeats` may be given several times; its value is a list. */
export type OptionSpec = Readonly<{ flags: string; means: string; required?: true; choices?: readonly string[]; repeats?: true }>

/** The option that asks for a reason, for acts that go on record. */
export const REASON: OptionSpec = { flags: '--reason <text>', means: 'why, for the record', required: true }

/** The option that gives a runbook's inputs their values. */
export const INPUT: OptionSpec = {
  flags: '--input <name=value>',
  means: 'value of an input of the runbook; once for each of them',
  repeats: true,
}

/** What was given with `--input`, by name: nothing when it was not. */
export function inputsOf(call: Call): Inputs {
  const given = call.options['input']
  const pairs = (Array.isArray(given) ? given.map(String) : []).map((text): [string, string] => {
    const end = text.indexOf('=')
    if (end < 1) throw usage(`--input ${JSON.stringify(text)} is no name and value`, 'write it like --input cve=CVE-2026-1234')
    return [text.slice(0, end), text.slice(end + 1)]
  })
  const twice = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) < index)
  if (twice) throw usage(`the input ${twice[0]} is given twice`, 'keep one of the two')
  return Object.fromEntries(pairs)
}

/** An option's text; `undefined` when it was not given. */
export function textOf(call: Call, name: string): string | undefined {
  const value = call.options[name]
  return typeof value === 'string' ? value : undefined
}

/** Whether a flag was given. */
export const flagOf = (call: Call, name: string): boolean => call.options[name] === true

/** A positional argument that the command's spelling makes sure of. */
export function argOf(call: Call, position: number, what: string): string {
  const value = call.args[position]
  if (value === undefined) throw usage(`missing ${what}`, 'see --help')
  return value
}

/** A whole number from `least` to `most`. */
export function countOf(call: Call, name: string, least: number, most: number): number | undefined {
  const text = textOf(call, name)
  if (text === undefined) return undefined
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw usage(
    `--${name} ${JSON.stringify(text)} is no whole number from ${String(least)} to ${String(most)}`,
    `write it like --${name} ${String(Math.max(least, 1))}`,
  )
}

/** An instant with its offset, or a day (its beginning in UTC). */
export function instantOf(call: Call, name: string): Instant | undefined {
  const text = textOf(call, name)
  if (text === undefined) return undefined
  const at = parseInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text)
  if (at === undefined)
    throw usage(`--${name} ${JSON.stringify(text)} is no instant`, `write it with its offset, like --${name} 2026-03-08T07:00:00Z`)
  return at
}

/** A duration in milliseconds. */
export function durationOf(call: Call, name: string): Ms | undefined {
  const text = textOf(call, name)
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms === undefined)
    throw usage(`--${name} ${JSON.stringify(text)} is no duration (${DURATION_PATTERN})`, `write it like --${name} 90s, 30m, 6h or 7d`)
  return ms
}

/** Runs `work` with what was opened, and closes it however that ends. */
export async function using<S extends Readonly<{ close: () => Promise<void> }>, T>(
  opening: Promise<S>,
  work: (session: S) => Promise<T>,
): Promise<T> {
  const session = await opening
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}
