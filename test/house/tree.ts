import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import ts from 'typescript'

/** One text file of the repository; `path` is relative to its root. */
export type File = Readonly<{ path: string; text: string }>

/** Something that a house rule forbids, at its place (1-based), with what to do instead. */
export type Breach = Readonly<{ path: string; line: number; what: string; instead: string }>

const ROOT = new URL('../../', import.meta.url).pathname
const TEXT = /(\.(ts|mjs|js|cjs|json|md|ya?ml|sh|py|html|css|svg)|\/[^./]+|^[^./]+|^\.[a-z]+|\.ci\/run)$/

/** What git has or would add, without what is deleted, binary or the lock file. In a copy without git: nothing, and the tests say so. */
export function repositoryFiles(): readonly File[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
  const paths = listed.split('\0').filter((path) => path !== '' && path !== 'package-lock.json' && TEXT.test(path))
  return paths.filter((path) => existsSync(ROOT + path)).map((path) => ({ path, text: readFileSync(ROOT + path, 'utf8') }))
}

/** The TypeScript files below a folder, such as `src/core/`. */
export const sourcesIn = (folder: string, files: readonly File[]): readonly File[] =>
  files.filter(({ path }) => path.startsWith(folder) && path.endsWith('.ts'))

/** `src/a.ts:3: what; instead`, one a line: what a failing house test prints. */
export const spoken = (breaches: readonly Breach[]): string =>
  breaches.map(({ path, line, what, instead }) => `${path}:${String(line)}: ${what}; ${instead}`).join('\n')

/** The syntax tree of a file, with parents. */
export const parsed = ({ path, text }: File): ts.SourceFile => ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)

/** The line on which a node begins, 1-based. */
export const lineOf = (source: ts.SourceFile, node: ts.Node): number => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1

/** Every node of a tree, parents first. */
export function* nodesOf(node: ts.Node): Generator<ts.Node, void, undefined> {
  yield node
  for (const child of node.getChildren()) yield* nodesOf(child)
}
