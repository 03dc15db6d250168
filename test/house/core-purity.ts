import ts from 'typescript'
import { lineOf, nodesOf, parsed, type Breach, type File } from './tree.ts'

const NOW = 'take `now` as an argument, or read `at` of the event'
const WAIT = 'return wakeAt and let the engine wait'
const OUTSIDE = 'let main.ts read it and hand it in'
const CHANCE = 'let the engine draw it and hand it in, or use a seeded stream of kit/random.ts'

/** Names that reach out of a pure function, and what a decision does instead. */
export const IMPURE: Readonly<Record<string, string>> = {
  Date: NOW,
  performance: NOW,
  'Temporal.Now': NOW,
  setTimeout: WAIT,
  setInterval: WAIT,
  setImmediate: WAIT,
  queueMicrotask: WAIT,
  clearTimeout: WAIT,
  clearInterval: WAIT,
  'Math.random': CHANCE,
  crypto: CHANCE,
  Promise: 'ask for an effect and take its fact as an event',
  process: OUTSIDE,
  globalThis: OUTSIDE,
  global: OUTSIDE,
  console: 'record it as an event',
  fetch: 'ask for an effect',
  Intl: 'formatting follows the machine: use kit/instant.ts or temporal-polyfill',
  WeakRef: 'what is collected when is not replayable',
  eval: 'write it out',
}

/** What one file may say after all, and why. */
const EXCUSED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'src/core/runbook/consistency.ts': { Intl: 'only whether a time zone has that name; the plan pins the zone data itself' },
}

const WORDS = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.AsyncKeyword, 'async'],
  [ts.SyntaxKind.AwaitExpression, 'await'],
  [ts.SyntaxKind.AwaitKeyword, 'await'],
])

/** Methods whose answer depends on the machine's language or zone. */
const LOCALE = new Set([
  'toLocaleString',
  'toLocaleDateString',
  'toLocaleTimeString',
  'localeCompare',
  'toLocaleLowerCase',
  'toLocaleUpperCase',
])

/** Everything in a file of src/core that makes a decision depend on more than its arguments. */
export function impurities(file: File): readonly Breach[] {
  const source = parsed(file)
  const found = [...nodesOf(source)].flatMap((node) => {
    const breach = impurity(node)
    return breach === undefined ? [] : [{ path: file.path, line: lineOf(source, node), ...breach }]
  })
  const wrong = found.filter(({ what }) => !Object.keys(EXCUSED[file.path] ?? {}).some((name) => what === inCore(name)))
  return wrong.filter((breach, at) => wrong.findIndex(({ line, what }) => line === breach.line && what === breach.what) === at)
}

const inCore = (name: string): string => `\`${name}\` in the core`

function impurity(node: ts.Node): Pick<Breach, 'what' | 'instead'> | undefined {
  const word = WORDS.get(node.kind)
  if (word !== undefined) return { what: inCore(word), instead: 'ask for an effect and take its fact as an event' }
  if (ts.isPropertyAccessExpression(node)) return member(node)
  if (!ts.isIdentifier(node) || !isReference(node)) return undefined
  const instead = Object.hasOwn(IMPURE, node.text) ? IMPURE[node.text] : undefined
  return instead === undefined ? undefined : { what: inCore(node.text), instead }
}

function member({ expression, name }: ts.PropertyAccessExpression): Pick<Breach, 'what' | 'instead'> | undefined {
  if (LOCALE.has(name.text)) return { what: inCore(name.text), instead: 'compare and write text bytewise, as kit/ does' }
  const path = ts.isIdentifier(expression) ? `${expression.text}.${name.text}` : ''
  const instead = Object.hasOwn(IMPURE, path) ? IMPURE[path] : undefined
  return instead === undefined ? undefined : { what: inCore(path), instead }
}

/** Whether an identifier stands for a value or type of that name, not for a key or member that happens to be called so. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isQualifiedName(parent)) return parent.left === node
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node
  const names =
    ts.isPropertySignature(parent) || ts.isMethodSignature(parent) || ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent)
  if (names) return parent.name !== node
  return !ts.isBindingElement(parent) || parent.propertyName !== node
}
