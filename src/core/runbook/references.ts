import type { Instant } from '../../kit/instant.ts'
import { spoken } from '../../kit/schema.ts'
import { suggestion } from '../../kit/suggest.ts'
import { each, one, texts, type Finding } from './finding.ts'
import type { WindowTimesRule } from './runbook.ts'

/** What a runbook may name: from the config, given by the caller. */
export type Known = Readonly<{
  accounts: readonly string[]
  groups: readonly string[]
  /** Left out: any region may be named. */
  regions?: readonly string[]
  /** How many members each group has; left out: approvals are not counted against it. */
  groupSizes?: Readonly<Record<string, number>>
  /** What is wrong with a schedule expression, or `undefined`; left out: only its outer form is checked. */
  scheduleMistake?: (schedule: string) => string | undefined
  /** The openings of a window after an instant, at most `count`; `undefined` when its times cannot be read. Left out: they are not looked at. */
  openings?: (times: WindowTimesRule, after: Instant, count: number) => readonly Instant[] | undefined
  /** What is wrong with the iCalendar file of a freeze, or `undefined`; left out: files are not looked at. */
  calendarMistake?: (path: string) => string | undefined
}>

const APPROVALS = ['/approval', '/baseline/approval', '/waves/*/gate/approval', '/window/breakFreeze']
const CHECK_LISTS = ['/test/checks/*', '/waves/*/gate/checks/*', '/before/checks/*', '/after/checks/*']
const MATCHES = ['/scope/match', '/scope/exclude', '/test/match', '/waves/*/take/match']

/** Every name that a runbook uses stands for something. */
export function referenceFindings(root: unknown, known: Known): readonly Finding[] {
  const checks = Object.keys(recordOf(one(root, '/checks')))
  return [
    ...unknown(root, ['/scope/accounts/*'], 'account', known.accounts, 'in the config'),
    ...(known.regions ? unknown(root, ['/scope/regions/*'], 'region', known.regions, 'in the config') : []),
    ...unknown(
      root,
      APPROVALS.map((path) => `${path}/group`),
      'group',
      known.groups,
      'in the config',
    ),
    ...unknown(root, CHECK_LISTS, 'check', checks, 'under `checks`'),
    ...(checks.includes(OF_GATES) ? [taken] : []),
    ...outOfScope(root, 'accounts'),
    ...outOfScope(root, 'regions'),
    ...(known.groupSizes ? unanswerable(root, known.groupSizes) : []),
  ]
}

function unknown(root: unknown, paths: readonly string[], noun: string, names: readonly string[], where: string): readonly Finding[] {
  const used = paths.flatMap((path) => texts(root, path)).filter(({ value }) => !names.includes(value))
  return used.map(({ pointer, value }) => ({
    pointer,
    kind: 'unknown-name',
    message: `there is no ${noun} "${value}" ${where}`,
    hint: names.length === 0 ? `define it ${where}` : suggestion(value, names),
  }))
}

/** The check that every gate makes by itself (run/gate.ts). One of the same name would never be measured. */
const OF_GATES = 'presence'

const taken: Finding = {
  pointer: `/checks/${OF_GATES}`,
  part: 'key',
  kind: 'duplicate-name',
  message: `every gate has a check "${OF_GATES}" already, which looks whether its nodes still exist`,
  hint: 'give this check another name',
}

function outOfScope(root: unknown, key: 'accounts' | 'regions'): readonly Finding[] {
  const scope = texts(root, `/scope/${key}/*`).map(({ value }) => value)
  const named = MATCHES.flatMap((path) => texts(root, `${path}/${key}/*`)).filter(({ value }) => !scope.includes(value))
  return named.map(({ pointer, value }) => ({
    pointer,
    kind: 'out-of-scope',
    message: `"${value}" is not among scope.${key}, so nothing there can match`,
    hint: suggestion(value, scope),
  }))
}

function unanswerable(root: unknown, sizes: Readonly<Record<string, number>>): readonly Finding[] {
  return APPROVALS.flatMap((path) => each(root, path)).flatMap(({ pointer, value }) => {
    const { group, count } = recordOf(value)
    const size = typeof group === 'string' && Object.hasOwn(sizes, group) ? sizes[group] : undefined
    if (size === undefined || typeof count !== 'number' || count <= size) return []
    const message = `${spoken(pointer)} wants ${String(count)} people, but the group "${String(group)}" has ${String(size)}`
    return [
      { pointer: `${pointer}/count`, kind: 'unanswerable-approval', message, hint: 'ask for fewer, or add members to the group' } as const,
    ]
  })
}

/** The value as a map; an empty one when it is none. */
export const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
