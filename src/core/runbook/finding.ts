/** One contradiction that the shape alone does not show. */
export type Finding = Readonly<{
  pointer: string
  part?: 'key' | 'value'
  kind: keyof typeof RUNBOOK_MISTAKES | 'missing-key'
  message: string
  hint: string
}>

/** The second word of a cross-check's code (`runbook.unknown-name`) and what it says. */
export const RUNBOOK_MISTAKES = {
  'unknown-name': 'an account, region, group, check, time zone or input of this name does not exist',
  'out-of-scope': 'a match names an account or region that the runbook’s scope leaves out',
  'duplicate-name': 'two waves, or two limits of the same kind, have the same name',
  'misplaced-wave': 'no node is left for a wave, because one before it takes all',
  'window-too-short': 'what must happen inside the window does not fit into it',
  'loosened-limit': 'a wave asks for a looser disruption limit than the runbook',
  contradiction: 'two keys that exclude or need each other',
  'unanswerable-approval': 'more people must agree than the group has',
  'never-opens': 'the window has no opening at all between its start and its end',
  'overlaps-itself': 'the window always opens again before it has closed',
  'unreadable-calendar': 'a freeze’s iCalendar file is not there or cannot be read',
  'unused-input': 'an input that nothing refers to',
  'secret-input': 'an input whose name says that it is secret, but inputs are on record',
  'misplaced-reference': 'a reference to an input at a place where none is read, or that is none',
  'out-of-range': 'a duration is too short or too long',
  malformed: 'a text does not have the form that the key asks for',
  'nested-base': 'a base file extends another one',
} as const satisfies Record<string, string>

/** A value and where it stands. */
export type Found = Readonly<{ pointer: string; value: unknown }>

/**
 * Every value at `path`, a pointer in which `*` stands for each item of a list or each key of a map. What is absent or of another shape is
 * passed over: the schema tells of that.
 */
export function each(root: unknown, path: string): readonly Found[] {
  let found: readonly Found[] = [{ pointer: '', value: root }]
  for (const part of path.split('/').slice(1)) found = found.flatMap((at) => step(at, part))
  return found
}

/** As `each`, texts only. */
export const texts = (root: unknown, path: string): readonly (Found & Readonly<{ value: string }>)[] =>
  each(root, path).filter((found): found is Found & { readonly value: string } => typeof found.value === 'string')

/** The one value at `path`. */
export const one = (root: unknown, path: string): unknown => each(root, path)[0]?.value

function step({ pointer, value }: Found, part: string): readonly Found[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value)
    .filter(([key]) => part === '*' || key === part)
    .map(([key, inner]: [string, unknown]) => ({ pointer: `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, value: inner }))
}
