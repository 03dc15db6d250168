import { parse } from 'yaml'
import type { Update } from './repository.ts'

/** One entry of an InstallOverrideList. Both may have `*` anywhere; no title: any version. */
export type OverrideEntry = Readonly<{ id: string; title: string | null }>

/** Reads an InstallOverrideList (YAML, `patches: [{ id, title? }]`, other fields ignored); undefined: it is none. */
export function readOverrideList(text: string): readonly OverrideEntry[] | undefined {
  const value = parsed(text)
  const patches: unknown = typeof value === 'object' && value !== null && 'patches' in value ? value.patches : undefined
  if (!Array.isArray(patches)) return undefined
  const entries = patches.map(entryOf)
  return entries.every((entry) => entry !== undefined) ? entries : undefined
}

function parsed(text: string): unknown {
  try {
    return parse(text) as unknown
  } catch {
    return undefined
  }
}

function entryOf(value: unknown): OverrideEntry | undefined {
  if (typeof value !== 'object' || value === null || !('id' in value) || typeof value.id !== 'string' || value.id === '') return undefined
  const title = 'title' in value ? value.title : null
  return { id: value.id, title: typeof title === 'string' && title !== '' ? title : null }
}

/** Whether an entry names this version: ids are `name.arch` or a name; titles the version, with or without `name.arch:` before it. */
export function names({ id, title }: OverrideEntry, { key, name, version }: Pick<Update, 'key' | 'name' | 'version'>): boolean {
  if (!fits(id, key) && id !== name) return false
  return title === null || fits(title, version) || fits(title, `${key}:${version}`)
}

const MATCHERS = new Map<string, RegExp>()

/** `*` stands for any run of characters, everything else for itself. */
function fits(pattern: string, text: string): boolean {
  let matcher = MATCHERS.get(pattern)
  if (!matcher) {
    if (MATCHERS.size > 10_000) MATCHERS.clear()
    const source = pattern.replace(/\*+/g, '*').replace(/[\\^$.|?+()[\]{}]/g, '\\$&')
    MATCHERS.set(pattern, (matcher = new RegExp(`^${source.replaceAll('*', '.*')}$`)))
  }
  return matcher.test(text)
}
