/**
 * A regular expression that is matched in time proportional to the text, whatever either of them is: all ways through it are followed side by
 * side, none is taken back. For patterns that people write and texts that strangers send.
 */
export type Pattern = Readonly<{
  /** Whether it matches the text as a whole. */
  fits: (text: string) => boolean
  /** A short text that fits, for hints; most likely, for `^` and `$` inside a pattern are not thought through. */
  example: string
}>

/** Steps of a pattern once its counted repetitions are written out: as many are taken for each character at most. */
export const PATTERN_STEPS_MAX = 2_000

/** Reads a JavaScript regular expression (flag `u`) without references, look-around and `\b`, or says what is wrong with it. */
export function readPattern(source: string): Pattern | Readonly<{ mistake: string }> {
  try {
    new RegExp(source, 'u')
    const tree = new Reader(source).whole()
    const steps: Step[] = []
    compile(tree, steps)
    steps.push({ op: 'end' })
    return { fits: (text) => matches(steps, Array.from(text)), example: sample(tree) }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Unreadable) return { mistake: wordsOf(error) }
    throw error
  }
}

class Unreadable extends Error {}

const wordsOf = (error: Error): string =>
  (/^Invalid regular expression: .*: ([^:]+)$/s.exec(error.message)?.[1] ?? error.message).toLowerCase()

type Test = (character: string) => boolean
type Tree = Readonly<
  | { kind: 'one'; test: Test; sample: string }
  | { kind: 'edge'; at: 'start' | 'end' }
  | { kind: 'all'; parts: readonly Tree[] }
  | { kind: 'any'; choices: readonly Tree[] }
  | { kind: 'repeat'; tree: Tree; least: number; most: number }
>

/** Takes apart what `RegExp` has accepted already, so that it need not be strict itself. */
class Reader {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  whole(): Tree {
    const tree = this.#choices()
    if (this.#at < this.#source.length) throw new Unreadable(`"${this.#source.slice(this.#at)}" is left over`)
    return tree
  }

  #choices(): Tree {
    const choices = [this.#sequence()]
    while (this.#takes('|')) choices.push(this.#sequence())
    const [only] = choices
    return choices.length === 1 && only !== undefined ? only : { kind: 'any', choices }
  }

  #sequence(): Tree {
    const parts: Tree[] = []
    while (this.#at < this.#source.length && !/^[|)]/.test(this.#rest())) parts.push(this.#repeated(this.#part()))
    return { kind: 'all', parts }
  }

  #part(): Tree {
    if (this.#takes('^')) return { kind: 'edge', at: 'start' }
    if (this.#takes('$')) return { kind: 'edge', at: 'end' }
    return this.#takes('(') ? this.#group() : one(this.#character())
  }

  #group(): Tree {
    if (/^\?(<?[=!]|[a-z-]*-?[a-z]+:)/.test(this.#rest())) throw new Unreadable('look-around and flags inside a pattern are not read')
    this.#at += /^\?(:|<[^>]*>)/.exec(this.#rest())?.[0].length ?? 0
    const inner = this.#choices()
    this.#at += 1 // The closing bracket: RegExp has seen it.
    return inner
  }

  /** The source of whatever stands for one character. */
  #character(): string {
    const rest = this.#rest()
    if (/^\\([1-9bBk])/.test(rest)) throw new Unreadable('references and \\b are not read')
    const found =
      /^(\[(\\[^]|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u.{4}|\\x..|\\c.|\\[^]|[^])/u.exec(rest)
    const text = found?.[0] ?? ''
    this.#at += text.length
    return text
  }

  #repeated(tree: Tree): Tree {
    const found = /^(?:([*+?])|\{(\d+)(,(\d*))?\})\??/.exec(this.#rest())
    if (!found) return tree
    const [text, sign, least, upTo, most] = found
    this.#at += text.length
    if (sign !== undefined) return { kind: 'repeat', tree, least: sign === '+' ? 1 : 0, most: sign === '?' ? 1 : Infinity }
    const from = Number(least)
    return { kind: 'repeat', tree, least: from, most: upTo === undefined ? from : most === '' ? Infinity : Number(most) }
  }

  #takes(character: string): boolean {
    if (this.#source[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #rest(): string {
    return this.#source.slice(this.#at)
  }
}

function one(source: string): Tree {
  const form = new RegExp(`^${source}$`, 'u')
  const test: Test = (character) => form.test(character)
  return { kind: 'one', test, sample: CANDIDATES.find(test) ?? '?' }
}

/** Printable ASCII, the plainest first. */
const CANDIDATES: readonly string[] = [
  ...Array.from('0aA123456789bcdefghijklmnopqrstuvwxyz-_.'),
  ...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)),
]

type Step = { op: 'one'; test: Test } | { op: 'edge'; at: 'start' | 'end' } | { op: 'go'; to: number[] } | { op: 'end' }

function compile(tree: Tree, steps: Step[]): void {
  if (steps.length > PATTERN_STEPS_MAX) throw new Unreadable('it is too large once its repetitions are written out')
  switch (tree.kind) {
    case 'one':
      steps.push({ op: 'one', test: tree.test })
      return
    case 'edge':
      steps.push({ op: 'edge', at: tree.at })
      return
    case 'all':
      for (const part of tree.parts) compile(part, steps)
      return
    case 'any':
      compileAny(tree.choices, steps)
      return
    case 'repeat':
      compileRepeat(tree, steps)
  }
}

function compileAny(choices: readonly Tree[], steps: Step[]): void {
  const fork: number[] = []
  const join: number[] = []
  steps.push({ op: 'go', to: fork })
  for (const choice of choices) {
    fork.push(steps.length)
    compile(choice, steps)
    steps.push({ op: 'go', to: join })
  }
  join.push(steps.length)
}

function compileRepeat({ tree, least, most }: Extract<Tree, { kind: 'repeat' }>, steps: Step[]): void {
  if (least > PATTERN_STEPS_MAX || (most !== Infinity && most > PATTERN_STEPS_MAX)) throw new Unreadable('it repeats something too often')
  for (let turn = 0; turn < least; turn += 1) {
    const before = steps.length
    compile(tree, steps)
    if (steps.length === before) return // Nothing, however often, is nothing.
  }
  if (most === Infinity) compileLoop(tree, steps)
  else compileOptional(tree, most - least, steps)
}

function compileLoop(tree: Tree, steps: Step[]): void {
  const fork = steps.length
  const to = [fork + 1]
  steps.push({ op: 'go', to })
  compile(tree, steps)
  steps.push({ op: 'go', to: [fork] })
  to.push(steps.length)
}

function compileOptional(tree: Tree, turns: number, steps: Step[]): void {
  const exits: number[][] = []
  for (let turn = 0; turn < turns; turn += 1) {
    const to = [steps.length + 1]
    exits.push(to)
    steps.push({ op: 'go', to })
    compile(tree, steps)
  }
  for (const to of exits) to.push(steps.length)
}

/** Follows every way through the steps at once. */
function matches(steps: readonly Step[], text: readonly string[]): boolean {
  let standing = new Set<number>()
  const reach = (into: Set<number>, from: number, position: number): void => {
    const open = [from]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const step = steps[at]
      if (step === undefined || into.has(at)) continue
      into.add(at)
      if (step.op === 'go') open.push(...step.to)
      else if (step.op === 'edge' && position === (step.at === 'start' ? 0 : text.length)) open.push(at + 1)
    }
  }
  reach(standing, 0, 0)
  for (const [position, character] of text.entries()) {
    const next = new Set<number>()
    for (const at of standing) {
      const step = steps[at]
      if (step?.op === 'one' && step.test(character)) reach(next, at + 1, position + 1)
    }
    standing = next
    if (standing.size === 0) return false
  }
  return standing.has(steps.length - 1)
}

function sample(tree: Tree): string {
  switch (tree.kind) {
    case 'one':
      return tree.sample
    case 'edge':
      return ''
    case 'all':
      return tree.parts.map(sample).join('')
    case 'any':
      return sample(tree.choices[0] ?? { kind: 'all', parts: [] })
    case 'repeat':
      return sample(tree.tree).repeat(tree.least).slice(0, SAMPLE_MAX)
  }
}

/** A hint is read, not copied for its length. */
const SAMPLE_MAX = 64
