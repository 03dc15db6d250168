import { readFileSync } from 'node:fs'
import { loadConfig } from '../../src/config/load.ts'
import { lowerBoundMs } from '../../src/core/run/bound.ts'
import type { Fact } from '../../src/core/run/event.ts'
import type { RunState } from '../../src/core/run/state.ts'
import { parseRunbook } from '../../src/core/runbook/parse.ts'
import { runActs } from '../../src/engine/acts.ts'
import { assert, known } from '../../src/kit/assert.ts'
import { parseYamlDocument } from '../../src/kit/document.ts'
import type { Instant, Ms } from '../../src/kit/instant.ts'
import { rehearse } from '../../src/rehearsal.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import type { Case } from './cases.ts'

/** What one rehearsal of both acts took. Waves' calls are counted from their start to their gate's verdict. */
export type Rehearsed = Readonly<{
  nodes: number
  patched: number
  cells: number
  wallMs: number
  cpuMs: number
  peakBytes: number
  ssmCalls: number
  waves: readonly Readonly<{ name: string; nodes: number; ssmCalls: number }>[]
  calls: Readonly<Record<string, number>>
  /** Calls that the far side refused for speed. */
  throttled: number
  /** Of the rollout, in virtual time: from the opening of its window to its end. */
  makespanMs: Ms
  boundMs: Ms
  entries: number
}>

const CONFIG = 'config/patchwave.yaml'
const HOME = new URL('../../', import.meta.url)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The shipped config. */
export const benchConfig = () => loadConfig({ file: { path: CONFIG, bytes: readFileSync(new URL(CONFIG, HOME)) } })

/** Rehearses the case in this process, which should have done nothing before: its peak of memory is the rehearsal's. */
export async function rehearsed(one: Case): Promise<Rehearsed> {
  const began = performance.now()
  const config = one.config === undefined ? benchConfig() : loadConfig({ file: { path: 'config', bytes: one.config } })
  const { runbook } = parseRunbook(parseYamlDocument(bytes(one.runbook), 'runbook'), null, {
    accounts: Object.keys(config.accounts),
    groups: Object.keys(config.groups),
  })
  const fleet = parseFleet(bytes(one.fleet), 'fleet')
  const rehearsal = await rehearse(config, { fleet, faults: null, start: fleet.start })
  const { world, requester } = rehearsal
  const watch = new Watch(() => ssmOf(world.counter.calls()))
  const acts = await rehearsal.run(() =>
    runActs(
      world,
      { runbook, inputs: {}, now: true, reason: 'bench', actor: requester, plan: null },
      { begins: () => undefined, listen: (state, fact) => watch.heard(state, fact), signal: new AbortController().signal },
    ),
  )
  const wallMs = performance.now() - began
  const { state, outcome } = known(acts.ended.at(-1), 'the rollout')
  assert(outcome === 'succeeded' && acts.ended.length === 2, `both acts succeed, not: ${acts.ended.map((end) => end.outcome).join(', ')}`)
  const calls = world.counter.calls()
  const throttled = world.counter.throttles().reduce((sum, { count }) => sum + count, 0)
  const { user, system } = process.cpuUsage()
  await rehearsal.close()
  return {
    nodes: rehearsal.nodes,
    patched: state.waves.reduce((sum, wave) => sum + (wave.counts[1] ?? 0), 0),
    cells: state.cells.length,
    wallMs,
    cpuMs: (user + system) / 1000,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    ssmCalls: ssmOf(calls),
    waves: watch.waves,
    calls,
    throttled,
    makespanMs: watch.makespanMs,
    boundMs: lowerBoundMs(state),
    entries: watch.entries,
  }
}

const ssmOf = (calls: Readonly<Record<string, number>>): number =>
  Object.entries(calls).reduce((sum, [call, count]) => sum + (call.startsWith('ssm.') ? count : 0), 0)

/** Notes times and calls at the turns of the rollout. */
class Watch {
  readonly waves: { name: string; nodes: number; ssmCalls: number }[] = []
  entries = 0
  readonly #ssmCalls: () => number
  #opened: Instant | undefined
  #ended: Instant | undefined
  #before = 0

  constructor(ssmCalls: () => number) {
    this.#ssmCalls = ssmCalls
  }

  get makespanMs(): Ms {
    return known(this.#ended, 'the end') - known(this.#opened, 'the opening')
  }

  heard(state: RunState, { event, at }: Fact): void {
    this.entries += 1
    if (state.plan.act !== 'rollout') return
    if (event.type === 'WindowOpened') this.#opened ??= at
    else if (event.type === 'RunFinished') this.#ended = at
    else if (event.type === 'WaveStarted') this.#before = this.#ssmCalls()
    else if (event.type === 'GateDecided') {
      const wave = known(state.plan.waves[event.wave], 'the wave')
      this.waves.push({ name: wave.name, nodes: wave.nodes.length, ssmCalls: this.#ssmCalls() - this.#before })
    }
  }
}
