import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseYamlDocument } from '../../../src/kit/document.ts'
import { InvalidDocument, type Diagnostic } from '../../../src/kit/error.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { extendsOf, parseRunbook, type Inputs, type Known, type ParsedRunbook } from '../../../src/core/runbook/parse.ts'

const config = loadConfig({ file: { path: 'config/patchwave.yaml', bytes: readFileSync('config/patchwave.yaml') } })

/** The names that the shipped config defines. */
export const KNOWN: Known = {
  accounts: Object.keys(config.accounts),
  groups: Object.keys(config.groups),
  regions: config.regions,
  groupSizes: Object.fromEntries(Object.entries(config.groups).map(([name, { members }]) => [name, members.length])),
}

/** Parses a runbook's text; `base` is the text of the file that it extends. */
export function read(text: string, base?: string, known: Known = KNOWN, values?: Inputs | null): ParsedRunbook {
  return parseRunbook(parseYamlDocument(text, 'a.yaml'), base === undefined ? null : parseYamlDocument(base, 'base.yaml'), known, values)
}

/** Parses a runbook file, with its base; as a template, unless there are values for its inputs. */
export function readFile(path: string, values: Inputs | null = null): ParsedRunbook {
  const own = parseYamlDocument(readFileSync(path), path)
  const base = extendsOf(own)
  const basePath = base && join(dirname(path), base.path)
  return parseRunbook(own, basePath ? parseYamlDocument(readFileSync(basePath), basePath) : null, KNOWN, values)
}

/** What is wrong with it: nothing when it parses. Anything else that is thrown is thrown on. */
export function mistakes(parse: () => unknown): readonly Diagnostic[] {
  try {
    parse()
    return []
  } catch (error) {
    if (error instanceof InvalidDocument) return error.diagnostics
    throw error
  }
}

/** `7:3 runbook.unknown-key`, as the tables write it. */
export const brief = ({ line, column, code }: Diagnostic): string => `${String(line)}:${String(column)} ${code}`
