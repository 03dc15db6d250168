import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin'
import { EQUIVALENT } from './equivalent.mjs'

/** Writes down each mutant that nothing kills as soon as it is known, but those that `equivalent.mjs` explains; and says which explanations are stale. */
class Survivors {
  #lines = new Map()
  #met = new Set()
  #left = 0
  #list

  static inject = tokens(commonTokens.options)

  constructor({ survivors: { folder } }) {
    mkdirSync(folder, { recursive: true })
    this.#list = `${folder}/survivors.txt`
    writeFileSync(this.#list, '')
  }

  onMutantTested({ fileName, location, replacement, mutatorName, status }) {
    if (status !== 'Survived' && status !== 'NoCoverage') return
    const file = relative(process.cwd(), fileName)
    const line = this.#lineOf(file, location.start.line)
    const was = line.slice(location.start.column - 1, location.end.line === location.start.line ? location.end.column - 1 : undefined)
    const known = EQUIVALENT.find((one) => one.file === file && one.line === line.trim() && one.was === was && one.to.includes(replacement))
    if (known !== undefined) return this.#met.add(keyOf(known, replacement))
    this.#left += 1
    const uncovered = status === 'NoCoverage' ? ' (no test gets there)' : ''
    appendFileSync(this.#list, `${file}:${location.start.line} ${mutatorName}: ${was} -> ${replacement}${uncovered}\n`)
  }

  onMutationTestReportReady({ files }) {
    const stale = EQUIVALENT.flatMap((one) =>
      one.file in files ? one.to.map((to) => keyOf(one, to)).filter((key) => !this.#met.has(key)) : [],
    )
    process.stdout.write(`${this.#met.size} survivors are explained, ${this.#left} are not: ${this.#list}\n`)
    for (const one of stale) process.stdout.write(`explained, but no survivor any more: ${one}\n`)
    if (stale.length > 0) process.exitCode = 1
  }

  #lineOf(file, line) {
    const lines = this.#lines.get(file) ?? readFileSync(file, 'utf8').split('\n')
    this.#lines.set(file, lines)
    return lines[line - 1] ?? ''
  }
}

const keyOf = ({ file, line, was }, to) => `${file}: ${line}: ${was} -> ${to}`

export const strykerPlugins = [declareClassPlugin(PluginKind.Reporter, 'survivors', Survivors)]
