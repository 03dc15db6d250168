import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import { HOUR, plus, type Instant } from '../../../src/kit/instant.ts'
import { CLOSES, CUTOFF, measured, OPENS, pinned, report, REQUESTED, sent, Telling } from './telling.ts'
import { isolated, LINES } from './walk-trial.ts'

const LIST = 'a'.repeat(64)

/** What the calendars say: nothing, or that nothing may start until then. They are read again within the hour. */
const read = (now: Instant, until?: Instant): RunEvent =>
  until === undefined
    ? { type: 'FreezesRead', from: [], to: [], why: [], source: [], again: plus(now, HOUR) }
    : { type: 'FreezesRead', from: [now], to: [until], why: ['x'], source: ['y'], again: plus(now, HOUR) }

/** A trial with a calendar of freezes; all that its list holds breaks it, and parts of the list are about to be tried. */
function trying(): Telling {
  const told = new Telling(
    isolated({ waves: [{ nodes: [{ list: null }, { list: null }], gate: { failuresMax: 0, checks: ['smoke'] } }] }, false),
  )
  told.tell(REQUESTED, pinned(told.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 })
  told.tell(plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: CLOSES }, '2026a'), read(told.now))
  told.tell(...told.state.cells.map((cell): RunEvent => ({ type: 'CellPrepared', cell, documents: {} })))
  told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
  told.tell({ type: 'NodesScanned', nodes: [0, 1], lists: [LIST, LIST], missing: [6, 6] })
  told.tell({ type: 'ListsPinned', lists: LIST, count: 1, patches: [6], nodes: [0, 1], of: [0, 0] })
  const word = (node: number): string =>
    told.state.isolation?.tries.get(node)?.units.length === 0 ? 'not-needed: x' : 'failed: scriptlet-failed'
  for (let turn = 0; turn < 200; turn++) {
    const tried = [...(told.state.isolation?.tries.values() ?? [])].some(({ units }) => units.length > 0)
    if (told.state.isolation?.stage === 'trying' && tried) return told
    const before = told.facts.length
    told.read()
    for (const n of [...told.state.openCommands]) {
      const { work, nodes } = told.state.commands.get(n) ?? { work: 'apply', nodes: [] }
      told.tell(sent(n, told.now))
      const words = nodes.map((node) => [node, work === 'rollback' ? 'rolled-back: restored' : word(node)])
      told.tell(report(n, Object.fromEntries(words), told.now), { type: 'CommandClosed', n })
    }
    for (const effect of [...told.state.activities.values()]) {
      if (effect.kind === 'group') told.tell({ type: 'PatchesGrouped', lines: [LINES], units: [LINES.map((_, unit) => unit)] })
      if (effect.kind === 'measure') told.tell(measured(effect, 'pass'))
    }
    if (told.facts.length === before) told.wake()
  }
  throw new Error(`nothing is tried in ${told.state.phase.name}`)
}

const intents = (events: readonly RunEvent[]): number => events.filter(({ type }) => type === 'CommandIntended').length

describe('the search for what broke a trial', () => {
  it('goes on under another driver, which reads the freezes first, and is held by one that was declared meanwhile', () => {
    const told = trying()
    told.tell({ type: 'DriverTook', driver: 'driver-2', epoch: 2 })
    expect(intents(told.read())).toBe(0)
    expect(told.state.activities.get('almanac')).toBeDefined()
    const until = plus(told.now, HOUR)
    expect(intents([...told.tell(read(told.now, until)), ...told.read()])).toBe(0)
    expect(intents([...told.until(until), ...told.read()])).toBeGreaterThan(0)
    expect(told.refolded()).toEqual(told.lived)
  })
})
