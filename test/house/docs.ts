import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { commandTree, type Parsed } from '../../scripts/command-tree.ts'
import type { Breach, File } from './tree.ts'

/** A fenced block of a page; `line` is that of its first line of content, 1-based. */
export type Block = Readonly<{ path: string; language: string; line: number; text: string }>

/** The fenced blocks of a Markdown file. */
export function blocksOf({ path, text }: File): readonly Block[] {
  const blocks: Block[] = []
  let open: { language: string; line: number; lines: string[] } | undefined
  text.split('\n').forEach((content, at) => {
    const fence = /^\s*```(\w*)/.exec(content)
    if (fence && open === undefined) open = { language: fence[1] ?? '', line: at + 2, lines: [] }
    else if (fence && open) {
      blocks.push({ path, language: open.language, line: open.line, text: open.lines.join('\n') })
      open = undefined
    } else open?.lines.push(content)
  })
  return blocks
}

/** The lines of a page that are prose: fenced blocks are emptied, so that line numbers stay. */
export function proseOf({ text }: File): readonly string[] {
  let fenced = false
  return text.split('\n').map((content) => {
    const fence = /^\s*```/.test(content)
    if (fence) fenced = !fenced
    return fence || fenced ? '' : content
  })
}

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g

/** Targets of the links of a page that lead into the repository, with their lines. */
export function linksOf(file: File): readonly Readonly<{ line: number; target: string }>[] {
  const links = proseOf(file).flatMap((content, at) =>
    [...content.replaceAll(/`[^`]*`/g, '').matchAll(LINK)].map((match) => ({ line: at + 1, target: match[1] ?? '' })),
  )
  return links.filter(({ target }) => !/^[a-z]+:/.test(target))
}

/** Links that lead to no file, or to no heading of it. `pages` are those whose headings are known. */
export function brokenLinks(file: File, pages: readonly File[]): readonly Breach[] {
  return linksOf(file).flatMap(({ line, target }) => {
    const [name = '', anchor] = target.split('#')
    const path = name === '' ? file.path : normalize(join(dirname(file.path), name))
    const breach = { path: file.path, line, instead: 'name a file relative to this page' }
    if (name !== '' && !existsSync(path)) return [{ ...breach, what: `a link to ${target}, which is not there` }]
    const page = pages.find((one) => one.path === path)
    if (anchor === undefined || page === undefined || anchorsOf(page).has(anchor)) return []
    return [{ ...breach, what: `a link to ${target}, a heading that is not there` }]
  })
}

/** Anchors as forges make them of headings. */
export function anchorsOf(file: File): ReadonlySet<string> {
  const headings = proseOf(file).filter((content) => /^#{1,6} /.test(content))
  return new Set(headings.map((heading) => anchorOf(heading.replace(/^#+ /, ''))))
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

/** A command line of ours as it stands in a page. */
export type Line = Readonly<{ path: string; line: number; text: string }>

/** Command lines that begin with `./bin/patchwave`, in shell blocks and in running text; and those in the comments of YAML files. */
export function commandLines(file: File): readonly Line[] {
  if (/\.ya?ml$/.test(file.path)) return linesWith(file.path, file.text.split('\n'), /^#\s+(?:\.\/bin\/)?patchwave\s(.*)$/)
  const inline = proseOf(file).flatMap((content, at) =>
    [...content.matchAll(/`\.\/bin\/patchwave ([^`]*)`/g)].map((match) => ({ path: file.path, line: at + 1, text: match[1] ?? '' })),
  )
  const fenced = blocksOf(file)
    .filter(({ language }) => language === 'sh')
    .flatMap((block) => linesWith(block.path, joined(block.text), /(?:^\s*|\.\/bin\/)patchwave\b(.*)$/, block.line))
  return [...inline, ...fenced]
}

/** A line that ends with a backslash goes on; its continuation is taken off its own place, so that line numbers stay. */
function joined(text: string): readonly string[] {
  const lines = text.split('\n')
  for (let at = lines.length - 2; at >= 0; at--) {
    const content = lines[at] ?? ''
    if (!content.endsWith('\\')) continue
    lines[at] = `${content.slice(0, -1)} ${(lines[at + 1] ?? '').trim()}`
    lines[at + 1] = ''
  }
  return lines
}

function linesWith(path: string, lines: readonly string[], pattern: RegExp, first = 1): readonly Line[] {
  return lines.flatMap((content, at) => {
    const text = pattern.exec(content)?.[1]
    return text === undefined ? [] : [{ path, line: first + at, text }]
  })
}

/** Words of a simple shell command, up to where another one, a redirection or a comment begins. Quotes hold words together. */
export function wordsOf(text: string): readonly string[] {
  const words: string[] = []
  for (const match of text.matchAll(/\s*((?!\d?[<>])(?:'[^']*'|"[^"]*"|[^\s'"|&;<>()]+)+|\d?[<>]+|[|&;()])/g)) {
    const word = match[1] ?? ''
    if (/^([|&;()]|#.*|\d?[<>]+)$/.test(word)) break
    words.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'))
  }
  return words
}

/** What is wrong with a command line: the program would not take it, or it names a file of the repository that is not there. */
export async function refusal({ text }: Pick<Line, 'text'>): Promise<string | undefined> {
  const words = wordsOf(text)
  const seen: Parsed[] = []
  const program = commandTree((parsed) => seen.push(parsed))
  try {
    await program.parseAsync([...words], { from: 'user' })
  } catch (error) {
    if (words.includes('--help') || words[0] === 'help' || words.includes('--version')) return undefined
    return error instanceof Error ? error.message : String(error)
  }
  const absent = words.find((word) => /^(runbooks|config)\/[\w./-]+$/.test(word) && !existsSync(word))
  return absent === undefined ? undefined : `${absent} is not there`
}

/** Pages that no chain of links leads to from the first one. */
export function unreachable(first: string, pages: readonly File[]): readonly string[] {
  const byPath = new Map(pages.map((page) => [page.path, page]))
  const reached = new Set<string>([first])
  for (const path of reached) {
    const page = byPath.get(path)
    for (const { target } of page ? linksOf(page) : []) {
      const to = normalize(join(dirname(path), target.split('#')[0] ?? ''))
      if (byPath.has(to)) reached.add(to)
    }
  }
  return pages.map(({ path }) => path).filter((path) => !reached.has(path))
}
