import { PatchwaveError, type Position } from '../../kit/error.ts'
import { readPattern } from '../../kit/pattern.ts'
import { suggestion } from '../../kit/suggest.ts'
import type { Finding } from './finding.ts'
import { recordOf } from './references.ts'
import type { InputRule } from './runbook.ts'
import { INPUT_CHARACTERS_MAX } from './schema-inputs.ts'

/** Values by the names of inputs, as text: as they were given, and as they go on record. */
export type Inputs = Readonly<Record<string, string>>

/** What a document declares under `inputs`. What does not fit the schema is read as far as it goes: the schema tells of it. */
export function inputRules(root: unknown): ReadonlyMap<string, InputRule> {
  return new Map(Object.entries(recordOf(recordOf(root)['inputs'])).map(([name, value]) => [name, ruleOf(recordOf(value))]))
}

function ruleOf({
  type,
  description,
  pattern,
  values,
  minimum,
  maximum,
  required,
  default: initial,
}: Readonly<Record<string, unknown>>): InputRule {
  const fallback = textOf(initial)
  return {
    type: type === 'integer' || type === 'boolean' ? type : 'string',
    description: typeof description === 'string' ? description : null,
    pattern: typeof pattern === 'string' ? pattern : null,
    values: Array.isArray(values) ? values.map(textOf).filter((value) => value !== null) : null,
    least: typeof minimum === 'number' ? minimum : null,
    most: typeof maximum === 'number' ? maximum : null,
    required: typeof required === 'boolean' ? required : fallback === null,
    default: fallback,
  }
}

const textOf = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null

/** The declarations do not contradict themselves, promise no secrecy, and their own values fit them. */
export function inputFindings(root: unknown): readonly Finding[] {
  const written = recordOf(recordOf(root)['inputs'])
  return [...inputRules(root)].flatMap(([name, rule]) => {
    const at = `/inputs/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return [
      ...secretFindings(name, at),
      ...misplacedKeys(recordOf(written[name]), rule, at),
      ...requiredFindings(recordOf(written[name]), rule, at),
      ...boundFindings(rule, at),
      ...ownValueFindings(rule, at),
    ]
  })
}

/** Words of which none may stand in a name, once dashes and underscores are taken away. */
const SECRET = ['password', 'passwd', 'passphrase', 'secret', 'token', 'credential', 'apikey', 'accesskey', 'privatekey']

function secretFindings(name: string, pointer: string): readonly Finding[] {
  const word = SECRET.find((each) => name.toLowerCase().replace(/[-_]/g, '').includes(each))
  if (word === undefined) return []
  const message = `the input "${name}" sounds secret, but inputs are on record: in plans, journals and reports`
  return [
    { pointer, part: 'key', kind: 'secret-input', message, hint: 'let the nodes fetch what is secret themselves, or choose another name' },
  ]
}

/** Which keys say something about which types. */
const FITTING: readonly Readonly<{ key: string; types: readonly InputRule['type'][] }>[] = [
  { key: 'pattern', types: ['string'] },
  { key: 'values', types: ['string', 'integer'] },
  { key: 'minimum', types: ['integer'] },
  { key: 'maximum', types: ['integer'] },
]

function misplacedKeys(written: Readonly<Record<string, unknown>>, { type }: InputRule, at: string): readonly Finding[] {
  return FITTING.filter(({ key, types }) => Object.hasOwn(written, key) && !types.includes(type)).map(({ key, types }) => {
    const message = `\`${key}\` says nothing about an input of type ${type}`
    const hint = `remove it, or choose type ${types.join(' or ')}`
    return { pointer: `${at}/${key}`, part: 'key', kind: 'contradiction', message, hint }
  })
}

/** Either somebody must say the value, or there is one for when nobody does. */
function requiredFindings({ required }: Readonly<Record<string, unknown>>, rule: InputRule, at: string): readonly Finding[] {
  if (typeof required !== 'boolean' || required === (rule.default === null)) return []
  const found = { pointer: `${at}/required`, kind: 'contradiction' } as const
  if (required)
    return [{ ...found, message: 'the input must be given, so its default is never used', hint: 'remove `default`, or `required`' }]
  const message = 'the input may be left out, but there is no default to stand in its place'
  return [{ ...found, message, hint: 'add `default`, or remove `required: false`' }]
}

function boundFindings({ pattern, least, most }: InputRule, at: string): readonly Finding[] {
  const findings: Finding[] = []
  const read = pattern === null ? null : readPattern(pattern)
  if (read && 'mistake' in read) {
    const message = `the pattern cannot be used: ${read.mistake}`
    findings.push({ pointer: `${at}/pattern`, kind: 'malformed', message, hint: 'write it like ^CVE-\\d{4}-\\d{4,}$' })
  }
  if (least !== null && most !== null && least > most) {
    const message = `no number is at least ${String(least)} and at most ${String(most)}`
    findings.push({ pointer: `${at}/maximum`, kind: 'contradiction', message, hint: 'swap `minimum` and `maximum`' })
  }
  return findings
}

function ownValueFindings(rule: InputRule, at: string): readonly Finding[] {
  const hint = 'change it, or the rule beside it'
  const values = (rule.values ?? []).flatMap((value, index): readonly Finding[] => {
    const mistake = valueMistake({ ...rule, values: null }, value)
    return mistake === undefined
      ? []
      : [{ pointer: `${at}/values/${String(index)}`, kind: 'contradiction', message: `this value ${mistake}`, hint }]
  })
  const initial = rule.default === null ? undefined : valueMistake(rule, rule.default)
  return initial === undefined
    ? values
    : [...values, { pointer: `${at}/default`, kind: 'contradiction', message: `the default ${initial}`, hint }]
}

/** A value that is missing, unknown or unfit: `what` says so, `hint` is what to type instead. */
export type InputMistake = Readonly<{ name: string; what: string; hint: string }>

/** The values to use: what was given, completed with the defaults, in the order in which they are declared; and what is wrong with them. */
export function inputValues(
  rules: ReadonlyMap<string, InputRule>,
  given: Inputs,
): Readonly<{ values: Inputs; mistakes: readonly InputMistake[] }> {
  const values: [string, string][] = []
  const mistakes: InputMistake[] = []
  for (const [name, rule] of rules) {
    const text = Object.hasOwn(given, name) ? given[name] : undefined
    const value = text ?? (rule.required ? undefined : (rule.default ?? undefined))
    const what = value === undefined ? 'is missing' : valueMistake(rule, value)
    if (value !== undefined && what === undefined) values.push([name, value])
    else mistakes.push({ name, what: `the input ${name} ${what ?? ''}${aboutOf(rule)}`, hint: `--input ${name}=${exampleOf(rule)}` })
  }
  const names = [...rules.keys()]
  for (const name of Object.keys(given)
    .filter((each) => !rules.has(each))
    .slice(0, UNKNOWN_SHOWN)) {
    const hint = names.length === 0 ? 'this runbook has no inputs' : suggestion(name, names)
    mistakes.push({ name, what: `there is no input ${JSON.stringify(name.slice(0, NAME_SHOWN))}`, hint })
  }
  return { values: Object.fromEntries(values), mistakes }
}

/** Names that the runbook does not have may come from a stranger's message, in any number. */
const UNKNOWN_SHOWN = 5

const aboutOf = ({ description }: InputRule): string => (description === null ? '' : ` (${description})`)

/** All that is wrong with the values, in one error, at the declaration of the first. @returns `input.invalid` */
export function inputError(mistakes: readonly InputMistake[], placeOf: (pointer: string, part: 'key') => Position): PatchwaveError {
  const typed = mistakes.filter(({ hint }) => hint.startsWith('--')).map(({ hint }) => hint)
  const others = mistakes.filter(({ hint }) => !hint.startsWith('--')).map(({ hint }) => hint)
  const hints = [...(typed.length > 0 ? [`write it like ${typed.join(' ')}`] : []), ...new Set(others)]
  return new PatchwaveError('input.invalid', mistakes.map(({ what }) => what).join('; '), {
    hint: hints.join('; '),
    at: placeOf(`/inputs/${mistakes[0]?.name ?? ''}`, 'key'),
    detail: { inputs: mistakes.map(({ name }) => name.slice(0, NAME_SHOWN)).join(', ') },
  })
}

/** A stranger's name for an input may be of any length. */
const NAME_SHOWN = 64

/** What a value is where it stands alone: text, a number, or true or false. The value has passed its rule. */
export function typedValue({ type }: InputRule, text: string): string | number | boolean {
  if (type === 'string') return text
  return type === 'integer' ? Number(text) : text === 'true'
}

/** Control characters, line ends of every kind, and marks that would turn the direction of what a person reads. */
const UNREADABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

/** What is wrong with a value, as the end of a sentence; `undefined` when it fits. */
function valueMistake(rule: InputRule, text: string): string | undefined {
  if (text.length > INPUT_CHARACTERS_MAX) return `has ${String(text.length)} characters, more than ${String(INPUT_CHARACTERS_MAX)}`
  if (UNREADABLE.test(text) || !text.isWellFormed()) return 'is not one line of plain text'
  if (text === '' && rule.default !== '') return 'is empty'
  if (rule.type === 'integer') return numberMistake(rule, text) ?? choiceMistake(rule, text)
  if (rule.type === 'boolean')
    return text === 'true' || text === 'false' ? undefined : `cannot be ${JSON.stringify(text)}: it is true or false`
  return choiceMistake(rule, text) ?? patternMistake(rule, text)
}

function numberMistake({ least, most }: InputRule, text: string): string | undefined {
  const value = /^(0|-?[1-9]\d{0,15})$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(value)) return `cannot be ${JSON.stringify(text)}: it is a whole number`
  if (least !== null && value < least) return `must be at least ${String(least)}`
  return most !== null && value > most ? `must be at most ${String(most)}` : undefined
}

const choiceMistake = ({ values }: InputRule, text: string): string | undefined =>
  values === null || values.includes(text) ? undefined : `cannot be ${JSON.stringify(text)}: ${suggestion(text, values)}`

function patternMistake({ pattern }: InputRule, text: string): string | undefined {
  const read = pattern === null ? null : readPattern(pattern)
  if (read === null || 'mistake' in read) return undefined // The runbook itself is told of such a pattern, and not used.
  return read.fits(text) ? undefined : `cannot be ${JSON.stringify(text)}: it must match ${pattern ?? ''}`
}

function exampleOf(rule: InputRule): string {
  const { type, values, least, most, pattern } = rule
  const [first] = values ?? []
  if (first !== undefined) return first
  if (rule.default !== null && rule.default !== '') return rule.default
  if (type === 'integer') return String(least ?? Math.min(1, most ?? 1))
  if (type === 'boolean') return 'true'
  const read = pattern === null ? null : readPattern(pattern)
  return read && 'example' in read && read.fits(read.example) ? read.example : 'TEXT'
}
