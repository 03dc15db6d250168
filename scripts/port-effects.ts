import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

/**
 * Something that a port changes outside of the process. `name` is unique and tells it to people; `call` is the port's method, `Commands.send`;
 * `operations` are AWS's, none for the store.
 */
export type PortEffect = Readonly<{ name: string; call: string; operations: readonly string[]; repeat: string }>

/** A method, or a whole port, that does not say what it is, at its place (1-based). */
export type Untold = Readonly<{ path: string; line: number; what: string }>

export type PortsRead = Readonly<{ effects: readonly PortEffect[]; untold: readonly Untold[] }>

const FOLDER = new URL('../src/ports/', import.meta.url)

/** The effects of all ports, in the order of their files. */
export function readPorts(): PortsRead {
  const files = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.ts'))
    .sort()
  return effectsIn(files.map((name) => ({ path: `src/ports/${name}`, text: readFileSync(new URL(name, FOLDER), 'utf8') })))
}

/**
 * What the doc comments of ports say. Each method of an exported interface is one of three: it has effects (one or more pairs of
 * `@effect name: Operations` and `@repeat sentence`), it `@looks`, or it stands `@apart` with a reason, as a whole port may too. Anything else is untold.
 */
export function effectsIn(files: readonly Readonly<{ path: string; text: string }>[]): PortsRead {
  const effects: PortEffect[] = []
  const untold: Untold[] = []
  for (const { path, text } of files) {
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const tell = (node: ts.Node, what: string): void => {
      untold.push({ path, line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1, what })
    }
    for (const port of source.statements.filter(ts.isInterfaceDeclaration)) {
      if (isApart(tagsOf(port))) continue
      for (const member of port.members) {
        const call = `${port.name.text}.${member.name?.getText(source) ?? '?'}`
        const read = readMember(call, tagsOf(member))
        if (typeof read === 'string') tell(member, read)
        else effects.push(...read)
      }
    }
  }
  for (const { name, call } of repeated(effects))
    untold.push({ path: 'src/ports', line: 1, what: `${call}: another effect is called ${name} too` })
  return { effects, untold }
}

type Tag = Readonly<{ tag: string; text: string }>

/** The tags that this reads, wherever they stand in the doc comment; a text goes on to the next tag of any kind. */
function tagsOf(node: ts.Node): readonly Tag[] {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)
  const lines = (doc?.getText() ?? '').replace(/^\/\*\*|\*\/$/g, '').split('\n')
  const text = lines.map((line) => line.replace(/^\s*\*?\s?/, '')).join(' ')
  return [...text.matchAll(/(?<=^|\s)@(\w+)((?:(?!\s@\w).)*)/g)]
    .map(([, tag = '', said = '']) => ({ tag, text: said.replaceAll(/\s+/g, ' ').trim() }))
    .filter(({ tag }) => KINDS.has(tag) || tag === 'repeat')
}

const KINDS: ReadonlySet<string> = new Set(['effect', 'looks', 'apart'])

const isApart = (tags: readonly Tag[]): boolean => tags.some(({ tag, text }) => tag === 'apart' && text !== '')

/** The effects of a method, or what is wrong with its tags. */
function readMember(call: string, tags: readonly Tag[]): readonly PortEffect[] | string {
  const kinds = new Set(tags.map(({ tag }) => tag).filter((tag) => KINDS.has(tag)))
  if (kinds.size === 0) return `${call} does not say whether it has an effect`
  if (kinds.size > 1) return `${call} says that it is several things at once: ${[...kinds].join(', ')}`
  if (kinds.has('looks')) return tags.length === 1 ? [] : `${call} only looks, and says what a repeat does`
  if (kinds.has('apart')) return isApart(tags) ? [] : `${call} does not say why it stands apart`
  const effects: PortEffect[] = []
  for (let at = 0; at < tags.length; at += 2) {
    const [effect, repeat] = [tags[at], tags[at + 1]]
    if (effect?.tag !== 'effect' || repeat?.tag !== 'repeat' || repeat.text === '') return `${call} has an effect without its repeat`
    const [name = '', operations = ''] = effect.text.split(': ')
    if (!/^[a-z][\w' ]+$/.test(name)) return `${call} has an effect without a name`
    effects.push({ name, call, operations: operations.split(', ').filter(Boolean), repeat: repeat.text })
  }
  return effects
}

const repeated = (effects: readonly PortEffect[]): readonly PortEffect[] =>
  effects.filter(({ name }, index) => effects.findIndex((one) => one.name === name) < index)
