import { ServiceError } from '../model.ts'

/** A form body as a tree: `Filter.1.Value.2=x` is `Filter` → list → `Value` → list. Leaves are text. */
export type FormTree = { [name: string]: FormTree | FormTree[] | string | string[] }

/** Deeper than any request of EC2 or STS. */
const DEPTH_MAX = 8
/** EC2 takes 1,000 ids and 200 filters with 200 values each; beyond this a form is an attack on memory. */
const FIELDS_MAX = 50_000

type Branch = Map<string, Branch | string>

/** Reads `application/x-www-form-urlencoded` with the numbered names of the query protocols; lists are in the order of their numbers. */
export function readForm(body: string): FormTree {
  const root: Branch = new Map()
  let fields = 0
  for (const [name, value] of new URLSearchParams(body)) {
    if (++fields > FIELDS_MAX) throw new ServiceError('MalformedQueryString', 'The query string has too many fields.')
    plant(root, name, value)
  }
  return treeOf(root)
}

function plant(root: Branch, name: string, value: string): void {
  const path = name.split('.')
  if (path.length > DEPTH_MAX) throw new ServiceError('MalformedQueryString', 'The query string is nested too deeply.')
  let branch = root
  for (const part of path.slice(0, -1)) {
    const found = branch.get(part)
    const next: Branch = typeof found === 'object' ? found : new Map<string, Branch | string>()
    branch.set(part, next)
    branch = next
  }
  branch.set(path.at(-1) ?? '', value)
}

function treeOf(branch: Branch): FormTree {
  const entries = [...branch].map(([name, value]) => [name, typeof value === 'string' ? value : valueOf(value)] as const)
  return Object.fromEntries(entries)
}

function valueOf(branch: Branch): FormTree[string] {
  if (![...branch.keys()].every((key) => /^[1-9]\d*$/.test(key))) return treeOf(branch)
  const items = [...branch].sort(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value)
  const texts = items.filter((item) => typeof item === 'string')
  if (texts.length === items.length) return texts
  return items.map((item) => (typeof item === 'string' ? {} : treeOf(item)))
}
