import { posix } from 'node:path'
import ts from 'typescript'
import { lineOf, nodesOf, parsed, type Breach, type File } from './tree.ts'

/**
 * What a zone may import. `from`: zones, `types`: zones of which types alone, `packages`: npm packages and Node's modules; an entry that ends
 * in `*` stands for everything that begins so.
 */
type Rule = Readonly<{ from: readonly string[]; types?: readonly string[]; packages?: readonly string[]; instead: string }>

const ROOT_FILES = [
  'main.ts',
  'app.ts',
  'rehearsal.ts',
  'served-sandbox.ts',
  'kept-sandbox.ts',
  'served-runbooks.ts',
  'serving.ts',
  'next-executions.ts',
]
const CORE_PACKAGES = ['temporal-polyfill', 'canonicalize', 'ical.js']
const CORE_INSTEAD = 'let the value come in as an argument or an event; a later stage is never seen by an earlier one'
/** The composition root, in a few files: it alone sees every zone, and nothing imports it. */
const ROOT = {
  from: ['kit', 'core', 'config', 'ports', 'engine', 'adapters', 'cli', 'web', 'sandbox', ...ROOT_FILES],
  packages: ['node:*', 'picocolors'],
  instead: 'leave the SDK to its adapter, and the deciding to the core',
}
const ADAPTER = { from: ['kit', 'core', 'ports'], instead: 'put what two adapters share behind a port or into kit' }

/**
 * The import law. A file belongs to the zone with the longest name that its path begins with; it may always import its own zone. `core` in a
 * `from` stands for every `core/…`.
 */
export const LAW: Readonly<Record<string, Rule>> = {
  kit: { from: [], instead: 'kit is the leaf: move what needs more to the folder whose noun it is' },
  'kit/digest.ts': { from: ['kit'], packages: ['node:crypto'], instead: 'digests need createHash alone' },
  'kit/document.ts': { from: ['kit'], packages: ['yaml', 'ajv', 'ajv/*'], instead: 'documents need yaml and ajv alone' },
  'kit/schema.ts': { from: ['kit'], packages: ['ajv', 'ajv/*'], instead: 'schemas need ajv alone' },
  'core/runbook': { from: ['kit'], packages: CORE_PACKAGES, instead: CORE_INSTEAD },
  'core/plan': { from: ['kit', 'core/runbook'], packages: CORE_PACKAGES, instead: CORE_INSTEAD },
  'core/run': { from: ['kit', 'core/runbook', 'core/plan'], packages: CORE_PACKAGES, instead: CORE_INSTEAD },
  'core/audit': { from: ['kit', 'core/runbook', 'core/plan', 'core/run'], packages: CORE_PACKAGES, instead: CORE_INSTEAD },
  config: { from: ['kit'], instead: 'hand the text of files in from main.ts' },
  ports: { from: [], types: ['kit', 'core'], instead: 'a port is an interface: write `import type`, or move the code to the engine' },
  engine: { from: ['kit', 'core', 'ports'], instead: 'ask for it through a port' },
  'adapters/aws': { ...ADAPTER, packages: ['@aws-sdk/*', '@smithy/*', 'node:*'] },
  'adapters/sqlite': { ...ADAPTER, packages: ['node:*'] },
  'adapters/memory': ADAPTER,
  'adapters/system': { ...ADAPTER, packages: ['node:*', 'node-cron'] },
  cli: {
    from: ['kit', 'core', 'engine'],
    types: ['ports'],
    packages: ['commander', 'picocolors'],
    instead: 'take it from the App that main.ts builds and hands in',
  },
  web: {
    from: ['kit', 'core', 'engine'],
    types: ['ports'],
    packages: ['fastify', 'node:http', 'node:net'],
    instead: 'let the composition root hand it in',
  },
  sandbox: {
    from: ['kit'],
    types: ['ports'],
    packages: ['yaml', 'ajv', 'ajv/*', 'ical.js', 'node:http', 'node:crypto', 'node:zlib'],
    instead: 'the sandbox stands on the other side of the wire: it knows the engine by its requests alone',
  },
  'sandbox/real': {
    from: ['kit', 'sandbox'],
    types: ['ports'],
    packages: ['yaml', 'node:child_process', 'node:crypto', 'node:fs', 'node:fs/promises', 'node:os', 'node:path', 'node:zlib'],
    instead: 'real nodes know the machine and the sandbox, never the engine',
  },
  ...Object.fromEntries(ROOT_FILES.map((file) => [file, ROOT])),
}

type Import = Readonly<{ target: string; line: number; typeOnly: boolean }>

/** Every breach of the law in one file of src/. A file that belongs to no zone is a breach of its own. */
export function importBreaches(file: File): readonly Breach[] {
  const zone = zoneOf(file.path)
  if (zone === undefined)
    return [{ path: file.path, line: 1, what: 'belongs to no zone of the import law', instead: 'move it, or write its rule' }]
  return importsOf(file).flatMap((found) => {
    const what = forbidden(file.path, zone, found)
    return what === undefined ? [] : [{ path: file.path, line: found.line, what, instead: LAW[zone]?.instead ?? '' }]
  })
}

/** The zone of a path below src/, or of a bare `core/plan/plan.ts`. */
function zoneOf(path: string): string | undefined {
  const inner = path.replace(/^src\//, '')
  const within = Object.keys(LAW).filter((zone) => inner === zone || inner.startsWith(`${zone}/`))
  return within.sort((a, b) => b.length - a.length)[0]
}

function forbidden(path: string, zone: string, { target, typeOnly }: Import): string | undefined {
  const rule = LAW[zone]
  if (!target.startsWith('.')) {
    return rule?.packages?.some((allowed) => covers(allowed, target)) ? undefined : `${zone} may not import the package ${target}`
  }
  const reached = posix.join(posix.dirname(path), target)
  if (!reached.startsWith('src/')) return `${zone} may not import ${reached}, which is outside src/`
  const other = zoneOf(reached)
  if (other === undefined) return `${reached} belongs to no zone`
  const among = (zones: readonly string[] = []): boolean => zones.some((allowed) => other === allowed || other.startsWith(`${allowed}/`))
  if (family(other) === family(zone) || among(rule?.from)) return undefined
  if (!among(rule?.types)) return `${zone} may not import ${other}`
  return typeOnly ? undefined : `${zone} may import only types of ${other}`
}

/** Files with a rule of their own (`kit/digest.ts`) are of their folder's zone; adapters and stages of the core stand for themselves. */
const family = (zone: string): string => (zone.startsWith('kit/') ? 'kit' : zone)

const covers = (allowed: string, target: string): boolean =>
  allowed.endsWith('*') ? target.startsWith(allowed.slice(0, -1)) : target === allowed

/** Every module that a file names: imports, re-exports, `import(…)`, `import('…')` types, `require(…)`. A computed name is `(computed)`. */
export function importsOf(file: File): readonly Import[] {
  const source = parsed(file)
  return [...nodesOf(source)].flatMap((node) => {
    const named = moduleNamed(node)
    return named === undefined ? [] : [{ ...named, line: lineOf(source, node) }]
  })
}

function moduleNamed(node: ts.Node): Omit<Import, 'line'> | undefined {
  if (ts.isImportDeclaration(node)) return { target: textOf(node.moduleSpecifier), typeOnly: onlyTypes(node.importClause) }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier) return { target: textOf(node.moduleSpecifier), typeOnly: node.isTypeOnly }
  if (ts.isImportTypeNode(node)) {
    return { target: ts.isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : '(computed)', typeOnly: true }
  }
  if (ts.isExternalModuleReference(node)) return { target: textOf(node.expression), typeOnly: false }
  if (!ts.isCallExpression(node)) return undefined
  const { expression } = node
  const loads = expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === 'require')
  return loads ? { target: textOf(node.arguments[0]), typeOnly: false } : undefined
}

function onlyTypes(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const { namedBindings } = clause
  const named = namedBindings && ts.isNamedImports(namedBindings) ? namedBindings.elements : undefined
  return clause.name === undefined && named !== undefined && named.length > 0 && named.every((each) => each.isTypeOnly)
}

const textOf = (node: ts.Node | undefined): string => (node && ts.isStringLiteralLike(node) ? node.text : '(computed)')
