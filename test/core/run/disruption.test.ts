import { describe, expect, it } from 'vitest'
import { ROUND_MS } from '../../../src/core/run/waiting.ts'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { outOf } from '../../../src/core/run/limits.ts'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { briefly, report, Telling } from './telling.ts'

const chosen = (events: readonly RunEvent[]): number[] => events.flatMap((event) => (event.type === 'BatchChosen' ? event.nodes : []))
const inGroup = (...groups: number[]) => ({ groups })

const ALLOW = { failuresMax: 9 }
const cluster = (size: number, atMost = 1): PlanSpec => ({
  groups: [{ atMost }],
  waves: [{ nodes: Array.from({ length: size }, () => inGroup(0)), gate: ALLOW }],
})
const zones: PlanSpec = {
  groups: [
    { key: 'availability-zone=use1-az1', atMost: 9, set: 'zone' },
    { key: 'availability-zone=use1-az2', atMost: 9, set: 'zone' },
  ],
  waves: [{ nodes: [inGroup(0), inGroup(1), inGroup(0), inGroup(1)], gate: ALLOW }],
}

describe('a disruption limit', () => {
  it('lets at most so many of a group out at once', () => {
    expect(chosen(new Telling(cluster(3, 2)).open())).toEqual([0, 1])
  })

  it('counts every group of a node', () => {
    const told = new Telling({
      groups: [{ atMost: 1 }, { atMost: 1 }],
      waves: [{ nodes: [inGroup(0, 1), inGroup(0), inGroup(1), inGroup()] }],
    })
    expect(chosen(told.open())).toEqual([0, 3])
  })

  it('lets the next one go when the one before is back', () => {
    const told = new Telling(cluster(2))
    told.open()
    told.read()
    told.sent(1)
    expect(chosen(told.tell(report(1, { 0: 'patched' }, told.now)))).toEqual([1])
  })

  it('of one zone at a time: the second waits until the first is whole again', () => {
    const told = new Telling(zones)
    expect(chosen(told.open())).toEqual([0, 2])
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(chosen(told.wait(ROUND_MS))).toEqual([])
    expect(chosen(told.tell(report(1, { 2: 'patched' }, told.now)))).toEqual([1, 3])
  })

  it('is tightened by a wave, for this wave only', () => {
    const nodes = [inGroup(0), inGroup(0), inGroup(0)]
    const told = new Telling({ groups: [{ atMost: 3 }], waves: [{ nodes, tighter: [{ group: 0, atMost: 1 }] }, { nodes }] })
    expect(chosen(told.open())).toEqual([0])
    const followed = told.play('patched')
    expect(followed.filter((event) => event.type === 'CommandIntended').map((event) => event.nodes)).toEqual([[0], [1], [2], [3, 4, 5]])
  })

  it('a failed node stays out: what waits for its place is held for good', () => {
    const told = new Telling(cluster(2))
    told.open()
    told.read()
    told.sent(1)
    expect(briefly(told.tell(report(1, { 0: 'failed: timeout' }, told.now)))).toEqual([
      'NodesSkipped 1 disruption-held',
      'WaveDrained',
      'GateHeld',
    ])
    expect(told.node(1)).toBe('skipped: disruption-held')
  })

  it('an unknown node stays out until its late report', () => {
    const told = new Telling(cluster(3, 2))
    told.open()
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'silent unknown: expired' }, told.now))
    expect(outOf(told.state, 0)).toBe(2)
    expect(chosen([...told.tell(report(1, { 0: 'patched' }, told.now)), ...told.wait(ROUND_MS)])).toEqual([2])
    expect(outOf(told.state, 0)).toBe(2)
  })

  it('counts nodes that were down before, inside and outside the plan', () => {
    expect(chosen(new Telling(cluster(3, 2)).open({ outside: [0] }))).toEqual([0])
    const told = new Telling(cluster(3, 2))
    expect(chosen(told.open({ down: [2] }))).toEqual([0, 2])
    expect(outOf(told.state, 0)).toBe(2)
  })

  it('a node that was down may be up by now: it goes where its group allows all that were down', () => {
    expect(chosen(new Telling(cluster(2, 1)).open({ down: [0] }))).toEqual([0])
    expect(chosen(new Telling(cluster(3, 2)).open({ down: [0, 1, 2] }))).toEqual([])
  })

  it('a down node whose round is dropped is still down', () => {
    const told = new Telling(cluster(2, 1))
    told.open({ down: [0] })
    told.tell({ type: 'Paused', reason: 'x' })
    expect(outOf(told.state, 0)).toBe(1)
    expect(chosen(told.tell({ type: 'Resumed', reason: 'x' }))).toEqual([0])
  })

  it('a node that is skipped because it is down still counts', () => {
    const told = new Telling(cluster(2, 1))
    told.open()
    const followed = told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['offline'], down: [0] })
    expect(briefly(followed)).toEqual(['NodesSkipped 1 disruption-held', 'WaveDrained', 'GateHeld'])
  })

  it('a node that is skipped for another reason does not', () => {
    const told = new Telling(cluster(2, 1))
    told.open()
    expect(chosen(told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['excluded'], down: [] }))).toEqual([1])
  })

  it('two zones with a node down: nothing may go', () => {
    const told = new Telling(zones)
    expect(chosen(told.open({ down: [0, 1] }))).toEqual([])
    expect(told.node(3)).toBe('skipped: disruption-held')
  })

  it('a zone with a node down goes first; the other one waits for it', () => {
    const told = new Telling(zones)
    expect(chosen(told.open({ down: [1] }))).toEqual([1, 3])
  })

  it('does not apply to reading', () => {
    const told = new Telling({ ...cluster(3), work: 'scan' })
    expect(chosen(told.open())).toEqual([0, 1, 2])
    expect(outOf(told.state, 0)).toBe(0)
  })

  it('a window of the next week counts anew who is down', () => {
    const told = new Telling({ ...cluster(3), unfinished: 'next-window' })
    told.open({ outside: [0] })
    expect(told.node(0)).toBe('skipped: disruption-held')
  })
})

describe('another run’s hand', () => {
  const busy = (nodes: number[], minutes: number): Telling => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.open()
    told.instead = (event) => {
      told.instead = (other) => other
      return event.type === 'CommandIntended'
        ? { type: 'NodesBusy', batch: event.batch, nodes, until: plus(told.now, minutes * MINUTE) }
        : event
    }
    return told
  }

  it('sends its nodes back to wait, and the rest on their way', () => {
    const told = busy([0], 1)
    expect(briefly(told.read())).toEqual(['NodesBusy', 'CommandIntended 1'])
    expect(chosen(told.wait(MINUTE))).toEqual([0])
  })

  it('on all of them: tried again later', () => {
    const told = busy([0, 1], 1)
    expect(briefly(told.read())).toEqual(['NodesBusy'])
    expect(told.wakeAt).toBe(plus(told.now, MINUTE))
    expect(chosen(told.wake())).toEqual([0, 1])
  })

  it('that does not let go until the cutoff: skipped, held', () => {
    const told = busy([0, 1], 6 * 60)
    told.read()
    told.wake()
    expect([told.node(0), told.node(1)]).toEqual(['skipped: held', 'skipped: held'])
  })
})
