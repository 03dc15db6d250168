import { compileSchema, inOrder, mergeDocuments, validateDocument, type ParsedDocument } from '../../kit/document.ts'
import { InvalidDocument, type Diagnostic, type Position } from '../../kit/error.ts'
import { fillDefaults } from '../../kit/schema.ts'
import { consistencyFindings } from './consistency.ts'
import { runbookOf } from './convert.ts'
import type { Finding } from './finding.ts'
import type { RunbookDocument } from './generated.ts'
import { inputError, inputFindings, inputRules, inputValues, typedValue, type Inputs } from './inputs.ts'
import { recordOf, referenceFindings, type Known } from './references.ts'
import type { InputRule, Runbook } from './runbook.ts'
import { RUNBOOK_SCHEMA } from './schema.ts'
import { fillTemplate, templateFindings, withExamples, type Filled } from './template.ts'

export type { Inputs } from './inputs.ts'
export type { Known } from './references.ts'

/**
 * A runbook, the document that it came from after `extends` (without that key, with the values of its inputs, before the defaults): what the plan
 * shows and digests; and these values. `unanswered` are inputs without a value, in a template only: what refers to them stands in `runbook` as
 * an example from the schema, so that such a runbook can be looked at, but never planned or scheduled.
 */
export type ParsedRunbook = Readonly<{
  runbook: Runbook
  merged: Readonly<Record<string, unknown>>
  inputs: Inputs
  unanswered: readonly string[]
}>

/**
 * Reads a runbook from its document and, where it extends one, from its base, which the caller has read (see `extendsOf`). `values` are those
 * of its inputs, by name; defaults complete them. `null` reads it as a template: inputs have their defaults, and texts that refer to one
 * without are not judged.
 *
 * @throws InvalidDocument `runbook.invalid` with every mistake of shape, reference and consistency, each with its place
 * @throws PatchwaveError `input.invalid` with every value that is missing or does not fit, when there is no such mistake
 */
export function parseRunbook(own: ParsedDocument, base: ParsedDocument | null, known: Known, values: Inputs | null = {}): ParsedRunbook {
  const template = base ? mergeDocuments(base, own) : own
  const rules = inputRules(template.value)
  const given = inputValues(rules, values ?? {})
  const used = values !== null && given.mistakes.length === 0 ? given.values : defaultsOf(rules)
  const filled = fillTemplate(template.value, (name) => valueOf(rules, used, name))
  const diagnostics = inOrder([...(base ? baseFindings(base) : []), ...mistakesIn(template, filled, [...rules.keys()], known)])
  if (diagnostics.length > 0) throw new InvalidDocument('runbook.invalid', diagnostics)
  if (values !== null && given.mistakes.length > 0) throw inputError(given.mistakes, template.placeOf)
  const { extends: _, ...merged } = recordOf(filled.value)
  const complete = fillDefaults(RUNBOOK_SCHEMA, withExamples(filled.value, filled.open))
  const unanswered = [...rules.keys()].filter((name) => !Object.hasOwn(used, name))
  // The schema, from which the type is made, has just passed it; the examples are the schema's own.
  return { runbook: { ...runbookOf(complete as RunbookDocument), inputs: Object.fromEntries(rules) }, merged, inputs: used, unanswered }
}

const defaultsOf = (rules: ReadonlyMap<string, InputRule>): Inputs =>
  Object.fromEntries([...rules].flatMap(([name, rule]) => (rule.default === null ? [] : [[name, rule.default]])))

function valueOf(rules: ReadonlyMap<string, InputRule>, values: Inputs, name: string): string | number | boolean | undefined {
  const rule = rules.get(name)
  const text = Object.hasOwn(values, name) ? values[name] : undefined
  return rule === undefined || text === undefined ? undefined : typedValue(rule, text)
}

function mistakesIn(template: ParsedDocument, filled: Filled, names: readonly string[], known: Known): readonly Diagnostic[] {
  const { open, value, references } = filled
  const misplaced = references.filter(({ read }) => !read)
  const unjudged = new Set([
    ...[...open].map((pointer) => spot(template.placeOf(pointer))),
    ...misplaced.map(({ pointer, part }) => spot(template.placeOf(pointer, part))),
  ])
  const shape = validateDocument({ ...template, value }, SCHEMA, { code: 'runbook.invalid' })
  const diagnostics = shape.diagnostics.filter((diagnostic) => !unjudged.has(spot(diagnostic)))
  const complete = fillDefaults(RUNBOOK_SCHEMA, value)
  const judged = [...referenceFindings(complete, known), ...consistencyFindings(complete, value, known)].filter(
    ({ pointer }) => !open.has(pointer),
  )
  const findings = placed(template, [...judged, ...inputFindings(template.value), ...templateFindings(filled, names)])
  const taken = new Set(diagnostics.map(spot))
  return [...diagnostics, ...findings.filter((finding) => !taken.has(spot(finding)))]
}

/** The base file that a runbook names, relative to its own folder, and where it says so; `null` when it extends nothing. */
export function extendsOf(document: ParsedDocument): Readonly<{ path: string; at: Position }> | null {
  const path = recordOf(document.value)['extends']
  const form = RUNBOOK_SCHEMA.properties?.['extends']?.pattern ?? '$^'
  if (typeof path !== 'string' || !new RegExp(form).test(path)) return null // What is no such path the schema tells.
  return { path, at: document.placeOf('/extends') }
}

const SCHEMA = compileSchema(RUNBOOK_SCHEMA)

/** A value that is wrong in itself is not told again for what it refers to. */
const spot = ({ file, line, column }: Position): string => `${file}:${String(line)}:${String(column)}`

const placed = (document: ParsedDocument, findings: readonly Finding[]): readonly Diagnostic[] =>
  findings.map(({ pointer, part, kind, message, hint }) => ({ ...document.placeOf(pointer, part), code: `runbook.${kind}`, message, hint }))

function baseFindings(base: ParsedDocument): readonly Diagnostic[] {
  const isMap = typeof base.value === 'object' && base.value !== null && !Array.isArray(base.value)
  if (!isMap)
    return placed(base, [{ pointer: '', kind: 'malformed', message: 'a base file must be a map', hint: 'write it like a runbook' }])
  if (!base.has('/extends')) return []
  const message = 'a base file extends nothing itself'
  return placed(base, [{ pointer: '/extends', part: 'key', kind: 'nested-base', message, hint: 'copy what is wanted into this file' }])
}
