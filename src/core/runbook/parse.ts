import { compileSchema, inOrder, mergeDocuments, validateDocument, type ParsedDocument } from '../../kit/document.ts'
import { InvalidDocument, type Diagnostic, type Position } from '../../kit/error.ts'
import { fillDefaults } from '../../kit/schema.ts'
import { consistencyFindings } from './consistency.ts'
import { runbookOf } from './convert.ts'
import type { Finding } from './finding.ts'
import type { RunbookDocument } from './generated.ts'
import { recordOf, referenceFindings, type Known } from './references.ts'
import type { Runbook } from './runbook.ts'
import { RUNBOOK_SCHEMA } from './schema.ts'

export type { Known } from './references.ts'

/** A runbook, and the document that it came from after `extends` (without that key, before the defaults): what the plan shows and digests. */
export type ParsedRunbook = Readonly<{ runbook: Runbook; merged: Readonly<Record<string, unknown>> }>

/**
 * Reads a runbook from its document and, where it extends one, from its base, which the caller has read (see `extendsOf`).
 *
 * @throws InvalidDocument `runbook.invalid` with every mistake of shape, reference and consistency, each with its place
 */
export function parseRunbook(own: ParsedDocument, base: ParsedDocument | null, known: Known): ParsedRunbook {
  const document = base ? mergeDocuments(base, own) : own
  const { value, diagnostics } = validateDocument(document, SCHEMA, { code: 'runbook.invalid' })
  const filled = fillDefaults(RUNBOOK_SCHEMA, value)
  const findings = [
    ...(base ? baseFindings(base) : []),
    ...placed(document, [...referenceFindings(filled, known), ...consistencyFindings(filled, known)]),
  ]
  const taken = new Set(diagnostics.map(spot))
  const all = inOrder([...diagnostics, ...findings.filter((finding) => !taken.has(spot(finding)))])
  if (all.length > 0) throw new InvalidDocument('runbook.invalid', all)
  const { extends: _, ...merged } = recordOf(value)
  return { runbook: runbookOf(filled as RunbookDocument), merged } // The schema, from which the type is made, has just passed it.
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
