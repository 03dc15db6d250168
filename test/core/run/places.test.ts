import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { briefly, report, Telling } from './telling.ts'
import type { NodeSpec, PlanSpec } from './plan.ts'

const WIDE = { failuresMax: 99 }
const there: NodeSpec = { region: 'eu-west-1' }

/** One node flies here; another one there is chosen, and the rest wait for a place. */
function flying(spec: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: [{ nodes: [{}, there, there, there], concurrency: 2, gate: WIDE }], ...spec })
  told.open()
  told.tell({ type: 'BatchRead', batch: 1, skipped: [], reasons: [], down: [] })
  told.sent(1)
  return told
}

const chosen = (events: readonly RunEvent[]): string[] => briefly(events).filter((line) => line.startsWith('BatchChosen'))

describe('a free place is filled a few seconds after it became free, with others that are free by then', () => {
  // prettier-ignore
  it.each<[it: string, spec: Partial<PlanSpec>, freed: (told: Telling) => RunEvent[], next: string]>([
    ['a node ended',                 {}, (told) => told.tell(report(1, { 0: 'patched' }, told.now)),                                                     'BatchChosen 2'],
    ['a round was given up',         {}, (told) => told.tell({ type: 'BatchDropped', batch: 2, reason: 'stale' }),                                       'BatchChosen 2'],
    ['another run has the node',     {}, (told) => told.tell({ type: 'NodesBusy', batch: 2, nodes: [1], until: plus(told.now, HOUR) }),                  'BatchChosen 2'],
    ['who must not be touched left', {}, (told) => told.tell({ type: 'BatchRead', batch: 2, skipped: [1], reasons: ['excluded'], down: [] }),            'BatchChosen 2'],
    ['a command was refused',        {}, (told) => { told.read(); return told.tell({ type: 'CommandRefused', n: 2, code: 'x', message: '', invalid: [1] }) }, 'BatchChosen 2'],
  ])('%s', (_, spec, freed, next) => {
    const told = flying(spec)
    told.wait(10 * SECOND)
    expect(chosen(freed(told))).toEqual([])
    expect(chosen(told.wait(5 * SECOND - 1))).toEqual([])
    expect(chosen(told.wait(1))).toEqual([next])
  })

  it('a report that nobody waits for frees none', () => {
    const told = flying()
    told.read()
    told.sent(2)
    told.tell(report(1, { 0: 'silent unknown: expired' }, told.now))
    told.wait(5 * SECOND)
    told.read()
    told.sent(3)
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(told.state.waiting.freedAt).toBeNull()
    told.wait(MINUTE)
    told.tell(report(2, { 1: 'patched' }, told.now))
    expect(told.state.waiting.freedAt).toBe(told.now)
  })
})
