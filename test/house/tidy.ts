import ts from 'typescript'
import { lineOf, nodesOf, parsed, type Breach, type File } from './tree.ts'

/** Lines that a file may have before it needs a reason. */
export const LINES_MAX = 400

/** The files that may be longer, and why. A file that no longer needs its row is a breach as well. */
export const LONG: Readonly<Record<string, string>> = {
  'test/checkers/follow.ts': 'a run is told again, fact by fact; cut apart, its halves would share all that they know',
  'test/cli/run.test.ts': 'one month at one desk: each test goes on where the one before it ended',
  'test/node/apt.test.ts': 'one root, made anew for each test, and the words to ask it; its tests are read as one table',
}

/** Text that does not belong anywhere in the tree. The patterns are written so that this file does not match itself. */
const STRAY: readonly Readonly<{ pattern: RegExp; what: string; instead: string }>[] = [
  { pattern: /\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/, what: 'a left-over marker', instead: 'do it, or leave it out' },
  { pattern: /not implemente[d]/i, what: 'a stub', instead: 'write it, or leave it out' },
  {
    pattern: /(^|[\s'"`(=:])\/(wor[k]|hom[e]|Use[r]s|roo[t])\//,
    what: "a path of someone's machine",
    instead: 'name it relative to the repository',
  },
  {
    pattern: /registry\.(npmj[s]|yarnpk[g])|"resolve[d]":/,
    what: 'a registry host',
    instead: 'leave the registry to the user’s own npm settings',
  },
  { pattern: /\b(LL[M]s?|A[I]|GP[T]|Claud[e]|Copilo[t])\b/, what: 'a word that is not about this project', instead: 'leave it out' },
  { pattern: /\b(closing not[e]|this sessio[n])\b/i, what: 'a word that is not about this project', instead: 'leave it out' },
  // AWS's own example, and the sandbox's keys, which begin with an account, are nobody's.
  {
    pattern: /(A[K]IA|A[S]IA)(?![0-9]{12}|[A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}/,
    what: 'what looks like an access key',
    instead: 'use a made-up one that does not have this shape',
  },
  { pattern: /-----BEGIN [A-Z ]*PRIVATE KE[Y]/, what: 'a private key', instead: 'make it in the test' },
  { pattern: /^(<{7} |>{7} |={7}$)/, what: 'a mark of a merge', instead: 'finish the merge' },
]

/** Left-over markers, machine paths, hosts, keys and merge marks in any text file. */
export function strayText({ path, text }: File): readonly Breach[] {
  return text.split('\n').flatMap((content, at) => {
    const found = STRAY.filter(({ pattern }) => pattern.test(content))
    return found.map(({ what, instead }) => ({ path, line: at + 1, what, instead }))
  })
}

/** A file that is too long without a reason, or has a reason without being long. */
export function lengthBreaches({ path, text }: File, long: Readonly<Record<string, string>> = LONG): readonly Breach[] {
  const lines = text.split('\n').length - 1
  const excused = Object.hasOwn(long, path)
  if (lines > LINES_MAX && !excused) {
    return [
      {
        path,
        line: LINES_MAX + 1,
        what: `${String(lines)} lines`,
        instead: `cut it by noun, or give its reason in ${import.meta.url.replace(/.*\/test\//, 'test/')}`,
      },
    ]
  }
  if (lines <= LINES_MAX && excused) return [{ path, line: 1, what: 'is listed as long but is not', instead: 'take it off the list' }]
  return []
}

/** Ways around the compiler: `any`, non-null `!`, suppressing comments. */
export function looseTypes(file: File): readonly Breach[] {
  const source = parsed(file)
  const loose = [...nodesOf(source)].flatMap((node) => {
    const breach = looseType(node)
    return breach === undefined ? [] : [{ path: file.path, line: lineOf(source, node), ...breach }]
  })
  const hushed = file.text.split('\n').flatMap((content, at) => {
    if (!/@ts-(ignore|expect-error|nocheck)|eslint-disable/.test(content)) return []
    if (/eslint-disable-(next-)?line [\w@/-]+ -- ./.test(content)) return []
    return [{ path: file.path, line: at + 1, what: 'a check is switched off', instead: 'mend it, or write the rule and ` -- ` its reason' }]
  })
  return [...loose, ...hushed]
}

function looseType(node: ts.Node): Pick<Breach, 'what' | 'instead'> | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return { what: '`any`', instead: 'use `unknown` and check it' }
  if (ts.isNonNullExpression(node)) return { what: 'a non-null `!`', instead: 'use `known()` of kit/assert.ts or handle its absence' }
  return undefined
}

/** How many exports of a file still say nothing: to be lowered, never raised. A file that says everything leaves the list. */
export const SILENT: Readonly<Record<string, number>> = {
  'src/adapters/aws/lanes.ts': 5,
  'src/adapters/aws/sessions.ts': 1,
  'src/adapters/sqlite/claims.ts': 1,
  'src/adapters/sqlite/database.ts': 1,
  'src/cli/app.ts': 2,
  'src/config/config.ts': 2,
  'src/core/plan/plan.ts': 4,
  'src/core/run/dispatch.ts': 1,
  'src/core/run/event.ts': 4,
  'src/core/run/evolve-waves.ts': 13,
  'src/core/run/limits.ts': 1,
  'src/core/run/state.ts': 7,
  'src/core/run/view.ts': 1,
  'src/core/runbook/runbook.ts': 12,
  'src/engine/acts.ts': 2,
  'src/engine/driver.ts': 2,
  'src/engine/request.ts': 1,
  'src/kit/error.ts': 1,
  'src/kit/ids.ts': 1,
  'src/kit/instant.ts': 4,
  'src/ports/commands.ts': 1,
  'src/ports/parameters.ts': 1,
  'src/ports/store.ts': 3,
  'src/sandbox/dispatch.ts': 1,
  'src/sandbox/http.ts': 1,
  'src/sandbox/model.ts': 1,
  'src/sandbox/nodes/world.ts': 1,
  'src/sandbox/observer.ts': 1,
  'src/sandbox/sandbox.ts': 1,
  'src/sandbox/services/documents.ts': 1,
  'src/sandbox/services/ec2-input.ts': 2,
  'src/sandbox/services/parameters-filters.ts': 1,
  'src/sandbox/services/parameters-rules.ts': 1,
  'src/sandbox/services/parameters-shelf.ts': 1,
  'src/sandbox/services/sqs-errors.ts': 4,
  'src/sandbox/services/sqs-message.ts': 3,
  'src/sandbox/services/sqs-receive.ts': 3,
  'src/sandbox/services/sqs.ts': 1,
  'src/sandbox/services/sts.ts': 1,
  'src/sandbox/wire/xml.ts': 1,
}

/** What is too much, or no longer true, in a list of silent exports. */
export function ratchetBreaches(path: string, silent: readonly Breach[], allowed = SILENT[path]): readonly Breach[] {
  if (silent.length > (allowed ?? 0)) return silent
  if (allowed === undefined || silent.length > 0) return []
  return [{ path, line: 1, what: 'is listed as silent but is not', instead: 'take it off the list' }]
}

/** Exports without a doc comment that says what they promise. `seen` is how many exports were looked at. */
export function undocumented(file: File): Readonly<{ seen: number; breaches: readonly Breach[] }> {
  const source = parsed(file)
  const exported = source.statements.filter((statement) => isExported(statement))
  const silent = exported.filter((statement) => !isDocumented(source, statement))
  const breaches = silent.map((statement) => ({
    path: file.path,
    line: lineOf(source, statement),
    what: `\`${nameOf(statement)}\` is exported without a doc comment`,
    instead: 'say above it in a sentence what it promises',
  }))
  return { seen: exported.length, breaches }
}

function isExported(statement: ts.Statement): boolean {
  return ts.canHaveModifiers(statement) && (ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false)
}

/** An export has a comment of its own, or stands on the line right below one that has: a comment may speak for a block of constants. */
function isDocumented(source: ts.SourceFile, statement: ts.Statement): boolean {
  if (docOf(source, statement) !== '') return true
  const above = source.statements[source.statements.indexOf(statement) - 1]
  if (above === undefined || !isExported(above) || statement.kind !== above.kind) return false
  const touching = source.getLineAndCharacterOfPosition(above.getEnd()).line + 2 === lineOf(source, statement)
  return touching && isDocumented(source, above)
}

/** What the doc comment right above a statement says, without its stars. */
function docOf(source: ts.SourceFile, statement: ts.Statement): string {
  const comments = ts.getLeadingCommentRanges(source.text, statement.getFullStart()) ?? []
  const docs = comments.map(({ pos, end }) => source.text.slice(pos, end)).filter((comment) => comment.startsWith('/**'))
  return (docs.at(-1) ?? '').replace(/[/*\s]/g, '')
}

function nameOf(statement: ts.Statement): string {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText()).join(', ')
  const named = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
  return (named || ts.isInterfaceDeclaration(statement)) && statement.name ? statement.name.text : 'default'
}

/** Tests that are skipped, focused or left for later, and tests that wait for real time to pass. */
export function idleTests(file: File): readonly Breach[] {
  const source = parsed(file)
  return [...nodesOf(source)].filter(ts.isCallExpression).flatMap((call) => {
    const { expression } = call
    const mark =
      ts.isPropertyAccessExpression(expression) && /^(it|test|describe)\b/.test(expression.expression.getText()) ? expression.name.text : ''
    if (!['skip', 'only', 'todo'].includes(mark)) return []
    return [{ path: file.path, line: lineOf(source, call), what: `a test marked .${mark}`, instead: 'let it run, or take it out' }]
  })
}
