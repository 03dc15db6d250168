// What the tests of the core use of vitest, without its start: `describe`, `it`, their tables and hooks, and its own `expect`.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const home = dirname(createRequire(import.meta.url).resolve('vitest/package.json'))
const { expect } = await import(pathToFileURL(join(home, 'dist', 'index.js')).href)
export { expect }

const tests = []
const names = new Map()
/** What a test is given: a place for remarks, which nobody reads here. */
const CONTEXT = { annotate: () => {} }
let file = ''
/** The suites around what is being told. */
let around = []

/** The tests that follow are of this file. */
export function collectInto(name) {
  file = name
}

/** All tests so far, in the order in which they were told. An id is the file and the whole name, numbered when it is not the only one. */
export const collected = () => tests

export function describe(name, body) {
  around = [...around, { name, before: [], after: [] }]
  body()
  around = around.slice(0, -1)
}

export function it(name, body) {
  const suites = around
  const whole = [...suites.map((suite) => suite.name), name].join(' > ')
  const id = `${file}#${whole}`
  const count = (names.get(id) ?? 0) + 1
  names.set(id, count)
  tests.push({ id: count === 1 ? id : `${id} (${count})`, name: whole, file, body: () => surrounded(suites, () => body(CONTEXT)) })
}

async function surrounded(suites, body) {
  for (const { before } of suites) for (const one of before) await one()
  try {
    await body()
  } finally {
    for (const { after } of suites.toReversed()) for (const one of after) await one()
  }
}

describe.each = (rows) => each(rows, describe)
it.each = (rows) => each(rows, it)
export const beforeEach = (body) => around.at(-1).before.push(body)
export const afterEach = (body) => around.at(-1).after.push(body)
export const afterAll = () => {}

const each = (rows, tell) => (name, body) => {
  for (const row of rows) {
    const given = Array.isArray(row) ? row : [row]
    tell(titled(name, given), () => body(...given))
  }
}

/** `%s`, `%i` and `%j` are the values in turn. */
function titled(name, given) {
  const left = [...given]
  return name.replaceAll(/%[sijdo]/g, (place) => {
    const value = left.shift()
    return place === '%j' || (typeof value === 'object' && value !== null) ? JSON.stringify(value) : String(value)
  })
}
