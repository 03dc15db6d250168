import { registerHooks } from 'node:module'
import { basename, relative, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { commonTokens, declareFactoryPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin'
import { determineHitLimitReached, toMutantRunResult } from '@stryker-mutator/api/test-runner'
import { beforeEachTest, trackCaches } from './caches.mjs'
import { collected, collectInto } from './vitest-shim.mjs'

const SHIM = new URL('./vitest-shim.mjs', import.meta.url).href
/** What keeps state of its own is loaded before the caches of our own modules are watched. */
const LIBRARIES = ['fast-check', 'temporal-polyfill', 'ical.js', 'canonicalize', 'yaml', 'ajv/dist/2020.js']

/**
 * Runs the tests of an area in this very process, loaded once: a mutant costs the tests that reach it, not a start of vitest (0.45 s and more).
 * What a test could leave behind for the next one are caches, which are emptied before each test, and data that a mutant has damaged: a test that kills is
 * run again without the mutant, and when it fails then too, the process gives up, so that Stryker asks a new one.
 */
class InProcess {
  #global
  #options
  #tests = []
  #costs = new Map()
  #kills = new Map()
  #damaged = false

  constructor(options, namespace) {
    this.#options = options
    this.#global = globalThis[namespace] ??= {}
  }

  capabilities() {
    return { reloadEnvironment: false }
  }

  async init() {
    registerHooks({ resolve: (name, context, next) => (name === 'vitest' ? { url: SHIM, shortCircuit: true } : next(name, context)) })
    const [fc] = await Promise.all(LIBRARIES.map((name) => import(name)))
    // The same examples each time, or a mutant would die on one day and live on another; and no search for the smallest one.
    fc.configureGlobal({ seed: 1, endOnFailure: true })
    const done = trackCaches()
    for (const file of this.#options.inProcess.tests) {
      collectInto(file)
      await import(pathToFileURL(resolve(file)).href)
    }
    done()
    const leaves = (this.#options.inProcess.leaves ?? []).map((source) => new RegExp(source))
    this.#tests = collected().filter(({ id }) => !leaves.some((one) => one.test(id)))
  }

  async dryRun({ testFiles }) {
    const wanted = testFiles === undefined ? null : new Set(testFiles.map((file) => relative(process.cwd(), resolve(file))))
    const tests = []
    for (const test of this.#tests) {
      if (wanted !== null && !wanted.has(test.file)) continue
      this.#global.currentTestId = test.id
      const result = await this.#run(test)
      this.#global.currentTestId = undefined
      tests.push(result)
    }
    return { status: 'complete', tests, mutantCoverage: this.#global.mutantCoverage }
  }

  async mutantRun({ testFilter, activeMutant, hitLimit }) {
    if (this.#damaged) throw new Error('an earlier mutant has damaged what the tests share')
    const wanted = testFilter === undefined ? null : new Set(testFilter)
    const tests = this.#tests.filter(({ id }) => wanted === null || wanted.has(id)).sort((a, b) => this.#rank(a) - this.#rank(b))
    this.#global.hitCount = 0
    this.#global.hitLimit = hitLimit
    const results = []
    for (const test of tests) {
      this.#global.activeMutant = activeMutant.id
      const result = await this.#run(test)
      this.#global.activeMutant = undefined
      results.push(result)
      if (result.status !== FAILED) continue
      await this.#kept(test)
      break
    }
    const endless = determineHitLimitReached(this.#global.hitCount, hitLimit)
    return toMutantRunResult(endless ?? { status: 'complete', tests: results })
  }

  /** A test that has killed holds without the mutant, or it was not the mutant that it saw. */
  async #kept(test) {
    this.#kills.set(test.id, (this.#kills.get(test.id) ?? 0) + 1)
    this.#global.hitLimit = undefined
    const again = await this.#run(test)
    if (again.status !== FAILED) return
    this.#damaged = true
    throw new Error(`${test.id} fails without the mutant too: ${again.failureMessage}`)
  }

  /** Cheap ones first, and those that have killed before. */
  #rank({ id }) {
    return (this.#costs.get(id) ?? 1) / (1 + (this.#kills.get(id) ?? 0))
  }

  async #run({ id, name, file, body }) {
    const started = performance.now()
    const told = () => ({ id, name, fileName: resolve(file), timeSpentMs: performance.now() - started })
    try {
      beforeEachTest()
      await body()
      const result = { ...told(), status: PASSED }
      this.#costs.set(id, result.timeSpentMs)
      return result
    } catch (error) {
      return { ...told(), status: FAILED, failureMessage: error instanceof Error ? error.message : String(error) }
    }
  }
}

const PASSED = 0
const FAILED = 1

const make = (options) => new InProcess(options, '__stryker__')
make.inject = tokens(commonTokens.options)

export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, basename(import.meta.filename, '.mjs'), make)]
