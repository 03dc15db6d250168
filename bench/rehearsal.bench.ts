import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { known } from '../src/kit/assert.ts'
import { limited, wide, type Case } from './measure/cases.ts'
import { rehearsed, type Rehearsed } from './measure/rehearsal.ts'
import { atMost, plain, table, type Figure } from './measure/table.ts'

// Rehearsals of whole fleets: the real engine and the real SDK over the sandbox, one after the other, each in a process of its own.

const CASES: readonly Case[] = [wide(1_000), wide(10_000), limited(1_000), limited(10_000)]

const WALL_SECONDS_MAX = 20
const CALLS_PER_NODE_MAX = 0.2
const MAKESPAN_MAX = 1.1
const MEBIBYTE = 1024 * 1024

function figures(one: Case, result: Rehearsed): Figure[] {
  const { nodes, wallMs, cpuMs, peakBytes, waves, ssmCalls, makespanMs, boundMs, entries, patched, cells } = result
  const broad = known(waves.at(-1), 'the last wave')
  const perNode = broad.ssmCalls / broad.nodes
  const constrained = one.name.startsWith('limited')
  return [
    plain('nodes', nodes, ''),
    plain('cells', cells, ''),
    plain('patched', patched, ''),
    nodes === 10_000 ? atMost('wall time', wallMs / 1000, 's', WALL_SECONDS_MAX) : plain('wall time', wallMs / 1000, 's'),
    plain('CPU time, sandbox included', cpuMs / 1000, 's'),
    plain('peak memory', peakBytes / MEBIBYTE, 'MiB'),
    constrained
      ? plain(`SSM calls per node, wave ${broad.name}`, perNode, '')
      : atMost(`SSM calls per node, wave ${broad.name}`, perNode, '', CALLS_PER_NODE_MAX),
    plain('SSM calls per node, over all', ssmCalls / nodes, ''),
    plain('makespan (virtual)', makespanMs / 60_000, 'min'),
    plain('bound', boundMs / 60_000, 'min'),
    atMost('makespan against the bound', makespanMs / boundMs, '', MAKESPAN_MAX),
    plain('journal entries', entries, ''),
  ]
}

const [part = '', child] = process.argv.slice(2)
if (child !== undefined) {
  const one = known(
    CASES.find(({ name }) => name === child),
    `the case ${child}`,
  )
  console.log(JSON.stringify(await rehearsed(one)))
} else {
  for (const one of CASES.filter(({ name }) => name.includes(part))) {
    const output = execFileSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), part, one.name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const result = JSON.parse(output) as Rehearsed
    console.log(table(`${one.about} (${one.name})`, figures(one, result)))
    console.log(
      `  calls: ${Object.entries(result.calls)
        .map(([call, count]) => `${call} ${count.toLocaleString('en')}`)
        .join(', ')}`,
    )
  }
}
