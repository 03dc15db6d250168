import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { extendsOf } from './core/runbook/parse.ts'
import type { Runbook } from './core/runbook/runbook.ts'
import { sha256 } from './kit/digest.ts'
import { parseYamlDocument } from './kit/document.ts'
import { InvalidDocument, PatchwaveError } from './kit/error.ts'
import type { RunbookFile, Runbooks } from './ports/runbooks.ts'

type Loaded = Readonly<{ runbook: Runbook; inputs: Readonly<Record<string, string>> }>

/** Reads one file with these inputs; `null`: as a template. */
export type Load = (file: string, inputs: Readonly<Record<string, string>> | null) => Promise<Loaded>

/** The runbooks of folders and files, each read again only when it, or what it extends, has changed. */
export function runbookShelf(places: readonly string[], load: Load): Runbooks {
  const known = new Map<string, Readonly<{ stamp: string; file: RunbookFile }>>()
  return {
    list: async () => {
      const files = (await Promise.all(places.map(filesIn))).flat().sort()
      return Promise.all([...new Set(files)].map((file) => readOne(known, file, load)))
    },
    load: (file, inputs) => load(file, inputs),
  }
}

/**
 * A folder's own YAML files (bases stand in folders below), or the file itself; what is not there stands for itself, so that it is told.
 * @throws `file.unreadable` for a folder that is there and cannot be read: its files have not gone
 */
async function filesIn(place: string): Promise<string[]> {
  try {
    const names = await readdir(place)
    return names.filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).map((name) => join(place, name))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOTDIR' || code === 'ENOENT') return [place]
    const hint = 'check the folder and its permissions'
    throw new PatchwaveError('file.unreadable', `${place} cannot be read (${code ?? 'unknown reason'})`, { hint, cause: error })
  }
}

async function readOne(known: Map<string, Readonly<{ stamp: string; file: RunbookFile }>>, path: string, load: Load): Promise<RunbookFile> {
  const before = known.get(path)
  const stamp = await stampOf(path, before?.file.base ?? null)
  if (before !== undefined && before.stamp === stamp && before.file.problem === null) return before.file
  const read = await fresh(path, load)
  const same = before !== undefined && before.file.digest === read.digest && before.file.problem === read.problem
  const file = same ? before.file : read
  // The stamp of before the reading: what is written meanwhile is read again. It knows nothing of a base that was only found now.
  known.set(path, { stamp: read.base === (before?.file.base ?? null) ? stamp : '', file })
  return file
}

/** Size and change times of the file and of its base: another stamp means that it is read anew. */
async function stampOf(path: string, base: string | null): Promise<string> {
  const parts = await Promise.all([path, ...(base === null ? [] : [base])].map((one) => stat(one).catch(() => null)))
  return parts.map((one) => (one === null ? 'gone' : `${String(one.size)}/${String(one.mtimeMs)}/${String(one.ino)}`)).join(' ')
}

async function fresh(path: string, load: Load): Promise<RunbookFile> {
  const empty = { file: path, digest: '', name: null, runbook: null, problem: null, asks: [], base: null }
  try {
    const text = await readFile(path, 'utf8')
    const own = parseYamlDocument(text, path)
    const named = extendsOf(own)?.path
    const base = named === undefined ? null : join(path, '..', named)
    const baseText = base === null ? '' : await readFile(base, 'utf8')
    const known = { ...empty, digest: sha256(`${text}\n---\n${baseText}`), name: nameOf(own.value), base }
    try {
      return { ...known, ...(await loaded(path, load)) }
    } catch (error) {
      return { ...known, problem: problemOf(error) }
    }
  } catch (error) {
    return { ...empty, problem: problemOf(error) }
  }
}

/** With its defaults where it asks for nothing else; as a template where somebody has to say something. */
async function loaded(path: string, load: Load): Promise<Pick<RunbookFile, 'runbook' | 'asks' | 'name'>> {
  const template = await load(path, null)
  const asks = Object.entries(template.runbook.inputs).flatMap(([name, rule]) => (rule.required && rule.default === null ? [name] : []))
  const { runbook } = asks.length > 0 ? template : await load(path, {})
  return { runbook, asks, name: runbook.name }
}

function nameOf(value: unknown): string | null {
  const metadata = typeof value === 'object' && value !== null && 'metadata' in value ? value.metadata : null
  const name = typeof metadata === 'object' && metadata !== null && 'name' in metadata ? metadata.name : null
  return typeof name === 'string' ? name : null
}

function problemOf(error: unknown): string {
  if (error instanceof InvalidDocument)
    return error.diagnostics.map(({ line, column, message }) => `${String(line)}:${String(column)}: ${message}`).join('; ')
  if (error instanceof PatchwaveError) return error.message
  const code = codeOf(error)
  if (code !== undefined) return `it cannot be read (${code})`
  throw error
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
