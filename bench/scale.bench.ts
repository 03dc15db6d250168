import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { known } from '../src/kit/assert.ts'
import type { Case } from './measure/cases.ts'
import { estate } from './measure/estates.ts'
import { rehearsed, type Rehearsed } from './measure/rehearsal.ts'
import { atMost, plain, table, type Figure } from './measure/table.ts'

// Rehearsals of whole estates, with AWS's quotas enforced, each in a process of its own. `npm run bench -- scale` plays the sizes below;
// `node bench/scale.bench.ts 100000` plays one of any size, and takes node's own --cpu-prof before the file's name.

const SIZES = [1_000, 10_000, 50_000, 100_000]

const WALL_SECONDS_MAX = 60
const MEBIBYTES_MAX = 1_024
const WINDOW_MINUTES = 240
/** CPU per node at 100,000 nodes against that at 1,000. */
const GROWTH_MAX = 1.3
const LARGE = 100_000
const MEBIBYTE = 1024 * 1024

const perNodeMs = ({ cpuMs, nodes }: Rehearsed): number => cpuMs / nodes

function figures(result: Rehearsed, smallest: Rehearsed): Figure[] {
  const { nodes, patched, cells, wallMs, cpuMs, peakBytes, calls, throttled, makespanMs, boundMs, entries } = result
  const large = nodes >= LARGE
  const all = Object.values(calls).reduce((sum, count) => sum + count, 0)
  const growth = perNodeMs(result) / perNodeMs(smallest)
  const [wall, peak] = [wallMs / 1000, peakBytes / MEBIBYTE]
  return [
    plain('cells', cells, ''),
    plain('patched', patched, ''),
    large ? atMost('wall time', wall, 's', WALL_SECONDS_MAX) : plain('wall time', wall, 's'),
    plain('CPU time, sandbox included', cpuMs / 1000, 's'),
    plain('CPU per node', perNodeMs(result), 'ms'),
    large ? atMost('against the smallest', growth, '', GROWTH_MAX) : plain('against the smallest', growth, ''),
    large ? atMost('peak memory', peak, 'MiB', MEBIBYTES_MAX) : plain('peak memory', peak, 'MiB'),
    atMost('makespan (virtual)', makespanMs / 60_000, 'min', WINDOW_MINUTES),
    plain('bound', boundMs / 60_000, 'min'),
    plain('AWS calls per node', all / nodes, ''),
    plain('throttled', throttled, ''),
    plain('journal entries', entries, ''),
  ]
}

/** The calls that are made most, most first. */
const commonest = ({ calls }: Rehearsed): string =>
  Object.entries(calls)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 8)
    .map(([call, count]) => `${call} ${count.toLocaleString('en')}`)
    .join(', ')

function child({ name }: Case): Rehearsed {
  const size = name.slice(name.lastIndexOf('-') + 1)
  const output = execFileSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), size, 'json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(output) as Rehearsed
}

const [size, form] = process.argv.slice(2)
if (size !== undefined) {
  const result = await rehearsed(estate(Number(size)))
  console.log(form === 'json' ? JSON.stringify(result) : table(estate(Number(size)).about, figures(result, result)))
} else {
  const results: Rehearsed[] = []
  for (const one of SIZES.map(estate)) {
    const result = child(one)
    results.push(result)
    console.log(table(one.about, figures(result, known(results[0], 'the smallest'))))
    console.log(`  calls: ${commonest(result)}`)
  }
}
