import { describe, expect, it } from 'vitest'
import type { RunEvent, StepName } from '../../../src/core/run/event.ts'
import { stepUntil, TAKEN } from '../../../src/core/run/steps.ts'
import { STAGE } from '../../../src/core/run/state.ts'
import { HOUR, instant, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { plan, type NodeSpec, type PlanSpec } from './plan.ts'
import {
  around,
  BY_PATCH_MANAGER,
  DRAIN,
  ends,
  hooks,
  NO_HOOKS,
  opened,
  ROOT_VOLUME,
  STANDBY,
  stepEnded,
  stepOf,
  STOPPED,
} from './stepping.ts'
import { briefly, OPENS, report, type Telling } from './telling.ts'

const WIDE = { failuresMax: 99 }
const things = (id: number, ...rows: readonly (readonly [number, string])[]): RunEvent => ({
  type: 'StepFound',
  id,
  nodes: rows.map(([node]) => node),
  things: rows.map(([, thing]) => thing),
})

/** One node is changed and has said this; what brings it back comes next. */
function changed(more: Parameters<typeof around>[0], word: string, spec: Partial<PlanSpec> = {}): Telling {
  const told = opened(around(more, { waves: [{ nodes: 1, gate: WIDE }], ...spec }))
  told.read()
  for (const { name } of [...told.state.steps.values()]) ends(told, name)
  for (const n of [...told.state.openCommands]) {
    told.sent(n)
    told.tell(report(n, { 0: word }, told.now), { type: 'CommandClosed', n })
  }
  return told
}

describe('how long a step may take', () => {
  const drain = (waitMs: number | null) => plan(around({ drain: { ...DRAIN, waitMs } }))
  const slow = { run: { kind: 'script', script: '/x' }, timeoutMs: 7 * MINUTE, onFailure: 'skip-node' } as const
  const hooked = (name: keyof typeof NO_HOOKS) => plan(around({ hooks: { ...NO_HOOKS, [name]: slow } }))

  // prettier-ignore
  it.each<[name: StepName, given: ReturnType<typeof plan>, minutes: number]>([
    ['drain',        drain(null),          65],
    ['drain',        drain(10 * MINUTE),   15],
    ['hook-before',  hooked('before'),     22],
    ['hook-after',   hooked('after'),      22],
    ['hook-exit',    hooked('exit'),       22],
    ['start',        drain(null),          15],
    ['standby',      drain(null),          15],
    ['snapshot',     drain(null),          15],
    ['live-patch',   drain(null),          30],
    ['record',       drain(null),          15],
    ['replace-root', drain(null),          90],
    ['verify',       drain(null),          30],
    ['in-service',   drain(null),          30],
    ['rejoin',       drain(null),          30],
    ['stop',         drain(null),          15],
  ])('%s', (name, given, minutes) => {
    expect(stepUntil(given, name, OPENS)).toBe(plus(OPENS, minutes * MINUTE))
  })

  it('a drain that no runbook names takes an hour and five minutes at most', () => {
    expect(stepUntil(plan(around({})), 'drain', OPENS)).toBe(plus(OPENS, HOUR + 5 * MINUTE))
  })
})

describe('a step before a change', () => {
  it('is on record with its nodes, its token and its end', () => {
    const told = opened(around({ ...hooks('before', 'exit'), drain: DRAIN }, { waves: [{ nodes: 2 }] }))
    told.read()
    expect(stepOf(told, 'drain')).toMatchObject({
      id: 1,
      batch: 1,
      nodes: [0, 1],
      n: 0,
      intendedAt: OPENS,
      until: plus(OPENS, 65 * MINUTE),
    })
    expect([...told.state.nodes.taken]).toEqual([TAKEN.drain | TAKEN.exit, TAKEN.drain | TAKEN.exit])
    expect(told.state.nodes.changed[0]).toBe(0)
    told.tell(things(1, [0, 'tg-1'], [1, 'tg-2']))
    expect([...stepOf(told, 'drain').found]).toEqual([[0, 'tg-1'], [1, 'tg-2']]) // prettier-ignore
    expect([...told.state.things]).toEqual([['0:drain', 'tg-1'], ['1:drain', 'tg-2']]) // prettier-ignore
    ends(told, 'drain')
    expect(stepOf(told, 'hook-before')).toMatchObject({ n: 1 })
    expect(told.state.tokenCount).toBe(1)
  })

  it('that fails leaves the round with its own outcome', () => {
    const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 3, gate: WIDE }] }))
    told.read()
    ends(told, 'drain', { 0: 'skipped: in-use', 1: 'failed: denied' })
    expect([told.node(0), told.node(1), told.node(2)]).toEqual(['skipped: in-use', 'failed: denied', 'open'])
  })

  it('that fails on a second attempt leaves what the first one did', () => {
    const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 1, gate: WIDE }], retry: { attempts: 2, on: ['lock-held'] } }))
    told.read()
    ends(told, 'drain')
    told.sent(1)
    told.tell(report(1, { 0: 'failed: lock-held' }, told.now), { type: 'CommandClosed', n: 1 })
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    told.wait(5 * SECOND)
    told.read()
    ends(told, 'drain', { 0: 'skipped: in-use' })
    expect(told.node(0)).toBe('failed: lock-held')
  })

  it('gives up the places of those that leave: they are filled after a while', () => {
    const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 3, concurrency: 2, gate: WIDE }] }))
    told.read()
    expect(briefly(told.tell(stepEnded(1, { 0: 'skipped: x' })))).toEqual([])
    expect(told.state.waiting.freedAt).toBe(OPENS)
    expect(briefly(told.wait(5 * SECOND))).toEqual(['rejoin 0'])
    expect(briefly(ends(told, 'rejoin'))).toEqual(['BatchChosen 2'])
  })

  it('a root volume that is replaced counts as a change', () => {
    const told = changed({}, 'failed: x', { ...ROOT_VOLUME, waves: [{ nodes: 1 }] })
    expect(told.state.phase.name).toBe('rolling-back')
    told.read()
    expect([stepOf(told, 'replace-root').nodes, told.state.nodes.changed[0]]).toEqual([[0], 2])
    ends(told, 'replace-root', { 0: 'rollback-failed: volume' })
    expect([told.node(0), told.state.nodes.out[0]]).toEqual(['rollback-failed: volume', 1])
  })

  it('is looked at anew when it was long ago: the round is read again, as it is', () => {
    const told = opened(around({ drain: DRAIN, power: STOPPED }, { waves: [{ nodes: 2 }] }))
    told.read()
    ends(told, 'start')
    told.wait(2 * MINUTE)
    ends(told, 'drain')
    expect(briefly(told.facts.map(({ event }) => event)).at(-1)).toBe('BatchAged')
    expect(told.state.activities.get('read:1')).toEqual({
      kind: 'read',
      key: 'read:1',
      batch: 1,
      cell: told.state.cells[0],
      work: 'apply',
      nodes: [0, 1],
      stopped: false,
    })
    expect(briefly(told.read())).toEqual(['CommandIntended 0,1'])
  })
})

describe('the way back of a node', () => {
  it('is gathered in lines by cell and step, for a few seconds or until fifty are there', () => {
    const nodes = Array.from({ length: 60 }, (): NodeSpec => ({}))
    const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: [...nodes, { region: 'eu-west-1' }], gate: WIDE }] }))
    told.read()
    for (const { name } of [...told.state.steps.values()].filter((one) => one.name === 'drain')) void name
    for (const step of [...told.state.steps.values()])
      told.tell(stepEnded(step.id, Object.fromEntries(step.nodes.map((node) => [node, 'done']))))
    for (const n of [...told.state.openCommands]) told.sent(n)
    const [first] = [...told.state.commands.values()].filter((one) => one.nodes.length === 50)
    expect(first?.nodes).toHaveLength(50)
    const back = told.tell(report(first?.n ?? 0, Object.fromEntries((first?.nodes ?? []).map((node) => [node, 'patched'])), told.now))
    expect(back.map((event) => (event.type === 'StepIntended' ? event.nodes.length : event.type))).toEqual([50])
    const rest = [...told.state.commands.values()].filter((one) => one.nodes.length < 50)
    for (const { n, nodes: named } of rest) {
      expect(briefly(told.tell(report(n, Object.fromEntries(named.map((node) => [node, 'patched'])), told.now)))).toEqual([])
      told.wait(SECOND)
    }
    expect(told.wakeAt).toBe(plus(OPENS, 5 * SECOND))
    expect(told.state.returns.size).toBe(2)
    told.wake()
    expect(told.state.returns.size).toBe(1)
    told.wake()
    expect(told.state.returns.size).toBe(0)
  })

  it('more than fifty at once go in two, the second a few seconds later', () => {
    const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 60, gate: WIDE }] }))
    told.read()
    for (const step of [...told.state.steps.values()])
      told.tell(stepEnded(step.id, Object.fromEntries(step.nodes.map((node) => [node, 'done']))))
    for (const n of [...told.state.openCommands]) told.sent(n)
    const rows = [...told.state.commands.values()].map(({ n, nodes }) =>
      report(n, Object.fromEntries(nodes.map((node) => [node, 'patched'])), told.now),
    )
    const sizes = told.tell(...rows).map((event) => (event.type === 'StepIntended' ? event.nodes.length : event.type))
    expect(sizes).toEqual([50])
    expect([...told.state.returns.values()].map(({ nodes, since }) => [nodes.length, since])).toEqual([[10, told.now]])
    expect(told.wait(5 * SECOND).map((event) => (event.type === 'StepIntended' ? event.nodes.length : event.type))).toEqual([10])
  })

  it('forgets what was taken out when it is back', () => {
    const told = opened(around({ drain: { ...DRAIN, autoScaling: 'standby' } }))
    told.read()
    told.tell(things(1, [0, 'tg']))
    ends(told, 'drain')
    told.tell(things(2, [0, 'asg']))
    ends(told, 'standby')
    told.sent(1)
    told.tell(report(1, { 0: 'patched' }, told.now))
    told.wait(5 * SECOND)
    ends(told, 'in-service')
    expect([[...told.state.things.keys()], told.state.nodes.taken[0]]).toEqual([['0:drain'], TAKEN.drain])
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    expect([[...told.state.things.keys()], told.state.nodes.taken[0], told.state.nodes.stage[0]]).toEqual([[], 0, STAGE.ended])
  })

  it('names each step that did not succeed, once, and forgets those that do in the end', () => {
    const told = changed({ drain: { ...DRAIN, autoScaling: 'standby' } }, 'failed: x', { waves: [{ nodes: 1 }] })
    const again = (): void => {
      told.wait(5 * SECOND)
      ends(told, 'in-service', { 0: 'undone: not-in-service' })
      told.wait(5 * SECOND)
      ends(told, 'rejoin', { 0: 'undone: not-rejoined' })
    }
    ends(told, 'standby')
    told.sent(1)
    told.ends(1, 'failed: x')
    again()
    expect([...told.state.notBack]).toEqual([[0, ['in-service', 'rejoin']]])
    expect(told.node(0)).toBe('failed: not-rejoined')
    told.read()
    ends(told, 'drain')
    ends(told, 'standby')
    const { n } = told
    told.sent(n)
    told.ends(n, 'rolled-back')
    told.wait(5 * SECOND)
    ends(told, 'in-service')
    expect([...told.state.notBack]).toEqual([[0, ['rejoin']]])
    told.wait(5 * SECOND)
    ends(told, 'rejoin')
    expect(told.state.notBack.size).toBe(0)
  })

  // prettier-ignore
  it.each<[word: string, spec: Partial<PlanSpec>, after: string]>([
    ['patched',            {},                                'failed: late'],
    ['not-needed',         {},                                'failed: late'],
    ['failed: x',          {},                                'failed: late'],
    ['unknown: odd',       {},                                'unknown: odd'],
    ['rolled-back',        { work: 'rollback', undoes: 'x' }, 'rollback-failed: late'],
    ['rollback-failed: x', { work: 'rollback', undoes: 'x' }, 'rollback-failed: x'],
  ])('%s, and not wholly back: not well', (word, spec, after) => {
    const told = changed({ drain: DRAIN }, word, { rollback: { ...ROOT_VOLUME.rollback, method: 'packages', on: 'never' }, ...spec })
    told.wait(5 * SECOND)
    ends(told, 'rejoin', { 0: 'undone: late' })
    expect(told.node(0)).toBe(after)
  })

  it('of a node that has no outcome yet, in a run that undoes another one: not restored', () => {
    const told = opened(around({ drain: DRAIN }, { work: 'rollback', undoes: 'x', waves: [{ nodes: 1, gate: WIDE }] }))
    told.read()
    told.tell({ type: 'Paused', reason: 'x' })
    ends(told, 'drain')
    told.tell()
    told.wait(6 * SECOND)
    if ([...told.state.steps.values()].some(({ name }) => name === 'rejoin')) ends(told, 'rejoin', { 0: 'undone: late' })
    expect(told.node(0)).toBe('rollback-failed: late')
  })

  it('a node that was stopped is down again; one that ran is not', () => {
    for (const [thing, down] of [
      ['stopped', 1],
      ['', 0],
    ] as const) {
      // prettier-ignore
      const told = opened(around({ power: STOPPED }))
      told.read()
      told.tell(things(1, [0, thing]))
      ends(told, 'start')
      told.sent(1)
      told.tell(report(1, { 0: 'patched' }, told.now))
      told.wait(5 * SECOND)
      ends(told, 'stop')
      expect([told.state.nodes.down[0], told.state.things.size]).toEqual([down, 0])
    }
  })

  it('the end that a node tells counts, unless its own word on an open command is still out', () => {
    const told = opened(around({ ...hooks('after'), apply: BY_PATCH_MANAGER }, { waves: [{ nodes: 2, gate: WIDE }] }))
    told.read()
    ends(told, 'record', {}, { ended: plus(OPENS, 3_700) })
    expect(told.state.nodes.endedSeconds[0]).toBe(OPENS / 1000 + 3)
    told.sent(told.n)
    const { n } = told
    told.tell(report(n, { 0: 'open: ended', 1: 'silent open: ended' }, plus(OPENS, 9_000)))
    told.wait(5 * SECOND)
    const step = stepOf(told, 'verify')
    const ended = stepEnded(step.id, { 0: 'patched: installed', 1: 'patched: installed' }, { ended: plus(OPENS, 20_000) })
    told.tell({ ...ended, missing: [4, 5] } as RunEvent)
    expect([...told.state.nodes.endedSeconds]).toEqual([OPENS / 1000 + 20, 0])
    expect([...told.state.nodes.missing]).toEqual([4, 5])
    told.wait(5 * SECOND)
    told.tell({ ...stepEnded(stepOf(told, 'hook-after').id, { 0: 'done', 1: 'done' }), missing: [8, 9] } as RunEvent)
    expect([...told.state.nodes.missing]).toEqual([4, 5])
    expect(instant(0)).toBe(0)
  })

  it('a wave that a hook stops says why', () => {
    const told = opened(
      around(
        { drain: STANDBY, ...hooks('before') },
        { waves: [{ nodes: 2, concurrency: 1, gate: WIDE }], rollback: { ...ROOT_VOLUME.rollback, on: 'never' } },
      ),
    )
    told.read()
    ends(told, 'standby')
    ends(told, 'hook-before', { 0: 'skipped: hook-failed' }, { stop: true })
    expect(told.state.waves[0]?.stopped).toBe('hook-failed')
    expect(told.node(1)).toBe('skipped: wave-stopped')
  })
})
