import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { outOf } from '../../../src/core/run/limits.ts'
import { initial, STAGE, type RunState } from '../../../src/core/run/state.ts'
import { chooseRounds, clearWaiting, enqueue, unpark, unparkAll, type Places } from '../../../src/core/run/waiting.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { ACCOUNT, plan, type NodeSpec, type PlanSpec } from './plan.ts'
import { briefly, OPENS, report, RUN, Telling } from './telling.ts'

const WIDE = { failuresMax: 99 }
const here = (...groups: readonly number[]): NodeSpec => ({ groups })
const there = (...groups: readonly number[]): NodeSpec => ({ groups, region: 'eu-west-1' })
const THERE = `${ACCOUNT}/eu-west-1`

function opened(spec: PlanSpec, more: Parameters<Telling['open']>[0] = {}, late: readonly string[] = []): Telling {
  const told = new Telling(spec)
  told.open(more, late)
  return told
}

/** Reads and sends what is chosen, ends it, and lets a little time pass. */
function turn(told: Telling, outcome = 'patched'): void {
  told.read()
  for (const n of [...told.state.openCommands]) {
    told.sent(n)
    told.ends(n, outcome)
  }
  told.wait(5 * SECOND)
}

/** The order in which nodes are chosen, round by round, each of which is patched. */
function rounds(told: Telling, turns = 20): string[] {
  for (let count = 0; count < turns; count++) turn(told)
  return briefly(told.facts.map(({ event }) => event)).flatMap((line) => (line.startsWith('BatchChosen') ? [line.slice(12)] : []))
}

const wave = (nodes: readonly NodeSpec[], concurrency: number): PlanSpec['waves'] => [{ nodes, concurrency, gate: WIDE }]

describe('who goes first', () => {
  // prettier-ignore
  it.each<[it: string, spec: PlanSpec, rounds: string[]]>([
    ['as they come',
      { waves: wave([here(), here(), here()], 1) }, ['0', '1', '2']],
    ['who has the longest chain behind it',
      { groups: [{ atMost: 1 }], waves: wave([here(), here(0), here(0), here(0)], 1) }, ['1', '2', '0', '3']],
    ['also of another cell',
      { groups: [{ atMost: 1 }], waves: wave([here(), there(0), there(0)], 1) }, ['1', '0', '2']],
    ['the set that takes turns and has the most nodes left, so that all sets end together',
      { groups: [{ atMost: 9, set: 'x' }, { atMost: 9, set: 'y' }], waves: wave([here(0), here(0), there(1), there(1), there(1)], 1) }, ['2', '0', '3', '1', '4']],
    ['a set before a chain',
      { groups: [{ atMost: 1 }, { atMost: 9, set: 'y' }], waves: wave([here(0), here(0), there(1)], 1) }, ['2', '0', '1']],
    ['each list and each cell by itself',
      { waves: wave([here(), { ...here(), list: 1 }, there(), here()], 4) }, ['0,3', '1', '2']],
  ])('%s', (_, spec, order) => {
    expect(rounds(opened(spec))).toEqual(order)
  })

  it('rounds have fifty nodes at most', () => {
    const told = opened({
      waves: wave(
        Array.from({ length: 120 }, () => here()),
        1_000,
      ),
    })
    expect([...told.state.batches.values()].map(({ nodes }) => nodes.length)).toEqual([50, 50, 20])
  })

  it('what failed and is tried again keeps its place, though others have longer chains', () => {
    const told = opened(
      { groups: [{ atMost: 1 }], waves: wave([here(), here(0), here(0)], 1), retry: { attempts: 2, on: ['lock-held'] } },
      { outside: [0] },
    )
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'failed: lock-held' }, told.now))
    told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
    told.tell({ type: 'CommandClosed', n: 1 })
    expect(rounds(told)).toEqual(['0', '0', '1', '2'])
  })

  it('full rounds are not waited for', () => {
    const told = opened({
      waves: wave(
        Array.from({ length: 110 }, () => here()),
        60,
      ),
    })
    told.read()
    expect([...told.state.openCommands]).toEqual([1, 2])
    told.sent(1)
    told.sent(2)
    const last = [...told.state.commands.values()].flatMap(({ nodes }) => nodes).slice(0, 50)
    expect(briefly(told.tell(report(1, Object.fromEntries(last.slice(0, 49).map((node) => [node, 'patched'])), told.now)))).toEqual([])
    expect(briefly(told.tell(report(1, { 49: 'patched' }, told.now))).map((line) => line.split(' ')[0])).toEqual(['BatchChosen'])
  })
})

describe('turns of a set', () => {
  const zones = (...nodes: NodeSpec[]): PlanSpec => ({
    groups: [{ atMost: 2, set: 'zone' }, { atMost: 2, set: 'zone' }, { atMost: 1 }],
    waves: wave(nodes, 99),
  })

  it('one zone after the other, wholly', () => {
    expect(rounds(opened(zones(here(0), here(1), here(0), here(1), here(0))))).toEqual(['0,2', '4', '1,3'])
  })

  it('a zone with a node that is down outside the plan has its turn; the others wait until it is up', () => {
    const told = opened(zones(here(0), here(1)), { outside: [1] })
    expect(briefly(told.facts.map(({ event }) => event)).at(-1)).toBe('BatchChosen 1')
    turn(told)
    expect(told.node(0)).toBe('skipped: disruption-held')
  })

  it('who waits behind a full group of the zone that has its turn does not keep the others of that zone', () => {
    expect(rounds(opened(zones(here(0, 2), here(0, 2), here(0), here(1))))).toEqual(['0,2', '1', '3'])
  })

  it('two sets do not wait for one another', () => {
    const told = opened({
      groups: [
        { atMost: 9, set: 'a' },
        { atMost: 9, set: 'b' },
        { atMost: 9, set: 'a' },
      ],
      waves: wave([here(0), here(1), here(2)], 99),
    })
    expect(rounds(told)).toEqual(['0,1', '2'])
  })

  it('a node may be in a group of each set: it waits for both turns', () => {
    const told = opened({
      groups: [
        { atMost: 9, set: 'a' },
        { atMost: 9, set: 'b' },
        { atMost: 9, set: 'a' },
        { atMost: 9, set: 'b' },
      ],
      waves: wave([here(0, 1), here(2, 1), here(0, 3)], 1),
    })
    expect(rounds(told)).toHaveLength(3)
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(['patched: reason', 'patched: reason', 'patched: reason'])
  })
})

describe('limits', () => {
  // prettier-ignore
  it.each<[it: string, atMost: number, down: number[], outside: number[], first: string]>([
    ['a node that is down counts',                       1, [2],    [],     'BatchChosen 2'],
    ['one outside the plan too',                         2, [],     [0],    'BatchChosen 0'],
    ['both together',                                    2, [2],    [0],    'BatchChosen 2'],
    ['who is down itself goes where that is allowed',    3, [2],    [],     'BatchChosen 0,1,2'],
  ])('%s', (_, atMost, down, outside, first) => {
    const told = opened({ groups: [{ atMost }], waves: wave([here(0), here(0), here(0)], 99) }, { down, outside })
    expect(briefly(told.facts.map(({ event }) => event)).at(-1)).toBe(first)
  })

  it('more nodes down than are allowed: nobody goes', () => {
    const told = opened({ groups: [{ atMost: 1 }], waves: wave([here(0), here(0), here(0)], 99) }, { down: [1, 2] })
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(Array.from({ length: 3 }, () => 'skipped: disruption-held'))
  })

  it('a zone that has its turn takes all that may go at once, also where one of it is down', () => {
    const nodes = [here(0), here(0), here(0), here(0), here(1)]
    const told = opened(
      {
        groups: [
          { atMost: 9, set: 'zone' },
          { atMost: 9, set: 'zone' },
        ],
        waves: wave(nodes, 99),
      },
      { down: [0] },
    )
    expect(briefly(told.facts.map(({ event }) => event)).at(-1)).toBe('BatchChosen 0,1,2,3')
  })

  it('keep nobody from being restored who is out already', () => {
    const told = opened({ groups: [{ atMost: 1 }], waves: [{ nodes: [here(0)] }] })
    told.read()
    told.sent(1)
    told.tell({ type: 'FleetRead', down: [], gone: [], outside: [0], appeared: 0, drift: null })
    told.tell(report(1, { 0: 'failed: x' }, told.now))
    expect([told.state.phase.name, outOf(told.state, 0)]).toEqual(['rolling-back', 2])
    expect(briefly(told.tell({ type: 'CommandClosed', n: 1 }))).toEqual(['BatchChosen 0'])
  })

  it('of a wave that is tighter', () => {
    const spec: PlanSpec = {
      groups: [{ atMost: 3 }],
      waves: [{ nodes: [here(0), here(0), here(0)], gate: WIDE, tighter: [{ group: 0, atMost: 2, why: 'x' } as never] }],
    }
    expect(rounds(opened(spec))).toEqual(['0,1', '2'])
  })

  it('do not hold for what only reads', () => {
    const told = opened({ work: 'scan', groups: [{ atMost: 1 }], waves: wave([here(0), here(0)], 99) })
    expect(briefly(told.facts.map(({ event }) => event)).at(-1)).toBe('BatchChosen 0,1')
    expect(outOf(told.state, 0)).toBe(0)
  })

  it('a failed node stays out, and keeps the others of its group waiting; nobody waits for what cannot come', () => {
    const told = opened({ groups: [{ atMost: 1 }], waves: wave([here(0), here(0), here()], 1) })
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'failed: x' }, told.now), { type: 'CommandClosed', n: 1 })
    told.wait(5 * SECOND)
    turn(told)
    expect([told.node(1), told.node(2)]).toEqual(['skipped: disruption-held', 'patched: reason'])
  })

  it('what is held waits as long as a cell is being prepared whose nodes can go', () => {
    const told = opened({ groups: [{ atMost: 1 }], waves: wave([here(0), there()], 99) }, { outside: [0] }, [THERE])
    expect(told.node(0)).toBe('open')
    told.tell({ type: 'CellPrepared', cell: THERE, documents: {} })
    expect(told.node(0)).toBe('open')
    turn(told)
    expect([told.node(0), told.node(1)]).toEqual(['skipped: disruption-held', 'patched: reason'])
  })

  it('what is held waits as long as another attempt is under way', () => {
    const told = opened({ groups: [{ atMost: 1 }], waves: wave([here(0), here(0)], 99), retry: { attempts: 2, on: ['lock-held'] } })
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'failed: lock-held' }, told.now))
    expect(briefly(told.wait(HOUR))).toEqual([])
    told.tell({ type: 'CommandClosed', n: 1 })
    expect(rounds(told)).toEqual(['0', '0', '1'])
  })

  it('who waits behind another run’s hand is asked for again then, and what is held waits for that', () => {
    const told = new Telling({ groups: [{ atMost: 1 }], waves: wave([here(0), here(0)], 99) })
    const until = plus(OPENS, MINUTE)
    told.instead = (event: RunEvent): RunEvent =>
      event.type === 'CommandIntended' && told.now < until ? { type: 'NodesBusy', batch: event.batch, nodes: event.nodes, until } : event
    told.open()
    told.read()
    expect(told.node(1)).toBe('open')
    told.until(until)
    expect(rounds(told).length).toBeGreaterThan(2)
    expect([told.node(0), told.node(1)]).toEqual(['patched: reason', 'patched: reason'])
  })
})

/** A state in which nothing is told: only what the functions of the waiting room look at. */
function room(nodes: readonly NodeSpec[], groups: PlanSpec['groups'] = []): RunState {
  const state = initial(RUN, plan({ waves: [{ nodes }], groups }))
  nodes.forEach((_, position) => {
    state.nodes.stage[position] = STAGE.waiting
    state.waiting.chain[position] = 1
  })
  return state
}

const parked = (state: RunState): number[] => [...state.waiting.parked.keys()].sort((a, b) => a - b)
const lanes = (state: RunState): number[][] => [...state.waiting.lanes.values()]

describe('who is parked', () => {
  /** Groups 0, 1 and 2 take turns; group 3 is beside them. A node waits behind each. */
  function behind(out: readonly number[] = []): RunState {
    const set = 'zone'
    const state = room([here(0), here(1), here(2), here(3)], [{ set }, { set }, { set }, {}])
    for (const group of [0, 1, 2, 3]) state.waiting.parked.set(group, [group])
    for (const group of out) state.groupOut[group] = 1
    state.setActive[0] = out.length
    return state
  }

  // prettier-ignore
  it.each<[it: string, out: readonly number[], left: readonly number[]]>([
    ['of any group of the set may go when it has nobody out any more', [],    [3]],
    ['goes with the group whose count fell, as long as that has nodes out', [0], [1, 2, 3]],
    ['of another group that has nodes out waits until that one has none', [0, 1], [1, 2, 3]],
    ['of the group that has its turn now may go',                      [2],   [1, 3]],
  ])('%s', (_, out, left) => {
    const state = behind(out)
    unpark(state, [0])
    expect(parked(state)).toEqual(left)
  })

  it('goes before those in line when a place of its group becomes free, in the order in which it came; and behind them when its turn comes', () => {
    const nine = Array.from({ length: 9 }, () => here())
    const wide = room(nine, [{ set: 'zone' }, { set: 'zone' }])
    wide.waiting.parked.set(0, [4, 5]).set(1, [6, 7])
    wide.waiting.lanes.set(`${ACCOUNT}/us-east-1|0`, [8])
    unpark(wide, [0])
    expect(lanes(wide)).toEqual([[4, 5, 8, 6, 7]])
  })

  it('goes before those in line when all may go', () => {
    const state = room([here(0), here(0), here()], [{}])
    state.waiting.parked.set(0, [0, 1])
    state.waiting.lanes.set(`${ACCOUNT}/us-east-1|0`, [2])
    unparkAll(state)
    expect(lanes(state)).toEqual([[0, 1, 2]])
  })
})

describe('the waiting room', () => {
  it('is empty when a wave begins', () => {
    const state = room([here(0)], [{ set: 'zone' }])
    enqueue(state, 0)
    state.waiting.parked.set(0, [0])
    state.waiting.busy.push({ node: 0, until: OPENS })
    state.waiting.freedAt = OPENS
    clearWaiting(state)
    const { lanes: lines, chain, inSet, parked: behind, busy, freedAt } = state.waiting
    expect([lines.size, [...chain], [...inSet], behind.size, busy, freedAt]).toEqual([0, [0], [0], 0, [], null])
  })

  const choose = (state: RunState, places: Places): readonly (readonly number[])[] =>
    chooseRounds(state, places, null, () => true, OPENS).map(({ nodes }) => nodes)

  it('lets go whom nobody waits for any more, and takes nobody twice', () => {
    const state = room([here(0), here(0)], [{ set: 'zone' }])
    for (const position of [0, 1, 1]) enqueue(state, position)
    state.nodes.stage[0] = STAGE.ended
    expect(choose(state, { fresh: 9, again: 0 })).toEqual([[1]])
    expect([[...state.waiting.inSet], lanes(state)]).toEqual([[0], []])
  })

  it('has places of their own for those that are tried again; the others stay in line as they were', () => {
    const state = room([here(), here(), here(), here()])
    for (const position of [0, 1, 2, 3]) enqueue(state, position)
    state.nodes.touched.set([1, 0, 1, 0])
    expect(choose(state, { fresh: 0, again: 1 })).toEqual([[0]])
    expect(lanes(state)).toEqual([[1, 2, 3]])
    expect(choose(state, { fresh: 0, again: 2 })).toEqual([[2]])
    expect(lanes(state)).toEqual([[1, 3]])
  })

  it('does not take back from another run’s hand whom nobody waits for any more', () => {
    const state = room([here(), here(), here()])
    state.nodes.stage[0] = STAGE.ended
    state.waiting.busy.push({ node: 0, until: OPENS }, { node: 1, until: OPENS }, { node: 2, until: plus(OPENS, 1) })
    expect(choose(state, { fresh: 0, again: 0 })).toEqual([])
    expect([lanes(state), state.waiting.busy.map(({ node }) => node)]).toEqual([[[1]], [2]])
  })
})
