import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { outOf } from '../../../src/core/run/limits.ts'
import { codeOf, STAGE } from '../../../src/core/run/state.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import {
  around,
  BY_PATCH_MANAGER,
  DRAIN,
  ends,
  hooks,
  opened,
  plays,
  ROOT_VOLUME,
  steps,
  STANDBY,
  stepEnded,
  stepOf,
  STOPPED,
  type World,
} from './stepping.ts'
import { briefly, CLOSES, CUTOFF, Telling } from './telling.ts'

const EVERYTHING = {
  ...hooks('before', 'after', 'exit'),
  drain: { ...DRAIN, autoScaling: 'standby' },
  power: STOPPED,
  backup: { keepMs: HOUR },
} as const

// prettier-ignore
const ORDERS: readonly (readonly [what: string, spec: PlanSpec, world: World, order: string])[] = [
  ['nothing around a change',                        around({}),                                                              {},                                          '*'],
  ['everything',                                     around(EVERYTHING),                                                      {},                                          'start drain standby snapshot hook-before * hook-after hook-exit in-service rejoin stop'],
  ['a hook for what went well: not after a failure, but after its rollback',    around(hooks('before', 'after', 'exit')),                                { apply: () => 'failed: timeout' },          'hook-before * hook-exit hook-before * hook-after hook-exit'],
  ['what needed nothing gets it',                    around(hooks('after')),                                                  { apply: () => 'not-needed: nothing' },      '* hook-after'],
  ['what was skipped by its node is brought back',   around({ ...hooks('after'), drain: DRAIN }),                             { apply: () => 'skipped: untested' },        'drain * rejoin'],
  ['only what was taken out is brought back',        around({ drain: STANDBY }),                                              {},                                          'standby * in-service'],
  ['a node that cannot be drained is not changed',   around({ drain: DRAIN, backup: { keepMs: HOUR } }),                      { drain: () => 'skipped: draining' },        'drain rejoin'],
  ['a hook that fails: the node steps back',         around({ ...hooks('before', 'exit'), drain: DRAIN }),                    { 'hook-before': () => 'skipped: hook' },    'drain hook-before hook-exit rejoin'],
  ['patch manager: recorded, then verified',         around({ ...hooks('after'), apply: BY_PATCH_MANAGER }),                  {},                                          'record * verify hook-after'],
  ['what verify finds missing is not warmed up',     around({ ...hooks('after', 'exit'), apply: BY_PATCH_MANAGER }, { rollback: { ...ROOT_VOLUME.rollback, method: 'none' } }), { verify: () => 'failed: not-installed' },   'record * verify hook-exit'],
  ['a rollback drains as well, but takes no copy',   around({ drain: DRAIN, backup: { keepMs: HOUR } }),                      { apply: () => 'failed: timeout' },          'drain snapshot * rejoin drain * rejoin'],
  ['the root volume comes back by a step alone',     around({ ...hooks('after'), drain: DRAIN }, ROOT_VOLUME),                { apply: () => 'failed: timeout' },          'drain snapshot * rejoin drain replace-root hook-after rejoin'],
  ['a root volume that is never wanted, no copy',    around({}, { rollback: { ...ROOT_VOLUME.rollback, on: 'never' } }),      {},                                          '*'],
  ['a scan takes nothing out of service',            around(EVERYTHING, { work: 'scan' }),                                    { apply: () => 'not-needed: scanned' },      '*'],
  ['a run that undoes another one',                  around({ ...hooks('after'), drain: DRAIN }, { work: 'rollback', undoes: 'x' }), {},                                   'drain * hook-after rejoin'],
]

describe('the order of the steps around a change', () => {
  it.each(ORDERS)('%s', (_, spec, world, order) => {
    expect(steps(plays(opened(spec), world))).toBe(order)
  })

  it('live patching is enabled where live patches are: on Amazon Linux', () => {
    const patches = { approve: [], reject: [], reboot: 'never', kernel: 'live-patch' } as const
    const on = (platform: 'amazon-linux-2' | 'debian'): string => {
      const { plan } = new Telling(around({}))
      const nodes = plan.nodes.map((node) => ({ ...node, platform }))
      const told = new Telling({ ...plan, nodes, runbook: { ...plan.runbook, patches } })
      told.open()
      return steps(plays(told))
    }
    expect(on('amazon-linux-2')).toBe('live-patch *')
    expect(on('debian')).toBe('*')
  })
})

describe('a node that is lost between its live patch and its change', () => {
  const patches = { approve: [], reject: [], reboot: 'never', kernel: 'live-patch' } as const
  const lostAfter = (word: string, reason: string): Telling => {
    const { plan } = new Telling(around({}))
    const told = new Telling({ ...plan, runbook: { ...plan.runbook, patches } })
    told.open()
    told.read()
    told.wait(2 * MINUTE)
    ends(told, 'live-patch', { 0: word })
    told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: [reason], down: [0] })
    return told
  }

  it.each([
    ['done: installed', 'gone', 'failed: gone', 1],
    ['done: installed', 'offline', 'failed: offline', 1],
    ['done: installed', 'excluded', 'skipped: excluded', 0],
    ['done: nothing-missing', 'gone', 'skipped: gone', 0],
  ])('%s, then %s: %s', (word, reason, outcome, spent) => {
    const told = lostAfter(word, reason)
    expect(told.node(0)).toBe(outcome)
    expect(told.state.waves.map(({ counts }) => counts[codeOf('failed')])).toEqual([spent])
    expect(told.refolded()).toEqual(told.lived)
  })

  it('as SSM says, that knows it no more', () => {
    const { plan } = new Telling(around({}))
    const told = new Telling({ ...plan, runbook: { ...plan.runbook, patches } })
    told.open()
    told.read()
    ends(told, 'live-patch', { 0: 'done: installed' })
    told.tell({ type: 'CommandRefused', n: told.n, code: 'aws.invalid', message: '', invalid: [0] })
    expect(told.node(0)).toBe('failed: refused-by-ssm')
  })
})

describe('a round that is prepared', () => {
  it('goes on when the last of its nodes is ready, without those that could not be', () => {
    const told = opened(around({ drain: DRAIN, ...hooks('before') }, { waves: [{ nodes: 3, gate: { failuresMax: 9 } }] }))
    expect(briefly(told.read())).toEqual(['drain 0,1,2'])
    expect(briefly(told.tell(stepEnded(1, { 0: 'done' })))).toEqual([])
    expect(briefly(told.tell(stepEnded(1, { 1: 'skipped: in-use', 2: 'done' })))).toEqual(['hook-before 0,2'])
    expect(told.node(1)).toBe('skipped: in-use')
    expect(briefly(ends(told, 'hook-before'))).toEqual(['CommandIntended 0,2'])
  })

  it('that nobody is left in is gone, and its nodes come back', () => {
    const told = opened(around({ drain: DRAIN }))
    told.read()
    expect(briefly(ends(told, 'drain', { 0: 'failed: denied' }))).toEqual([])
    expect(told.state.batches.size).toBe(0)
    expect(briefly(told.wake())).toEqual(['rejoin 0'])
    expect(briefly(ends(told, 'rejoin'))).toContain('WaveDrained')
    expect(told.node(0)).toBe('failed: denied')
  })

  it('is read again before its next step when that took long, and nobody who must not be touched goes on', () => {
    const told = opened(around({ drain: DRAIN, ...hooks('before') }, { waves: [{ nodes: 2 }] }))
    told.read()
    told.wait(10 * MINUTE)
    expect(briefly(ends(told, 'drain'))).toEqual(['BatchAged'])
    const followed = told.tell({ type: 'BatchRead', batch: 1, skipped: [1], reasons: ['excluded'], down: [] })
    expect(briefly(followed)).toEqual(['hook-before 0'])
    expect(briefly(told.wake())).toEqual(['rejoin 1'])
  })

  it('that was read too long ago before its first step is chosen anew', () => {
    const told = opened(around({ drain: DRAIN }))
    const [batch = 0] = [...told.state.batches.keys()]
    told.state.driver = null
    told.tell({ type: 'BatchRead', batch, skipped: [], reasons: [], down: [] })
    told.now = plus(told.now, HOUR)
    expect(briefly(told.tell({ type: 'DriverTook', driver: 'driver-2', epoch: 2 }))).toEqual(['BatchDropped stale', 'BatchChosen 0'])
  })

  it('another run’s hand on its nodes: they wait; what was prepared is undone first', () => {
    const told = opened(around({ drain: DRAIN, ...hooks('before') }, { waves: [{ nodes: 2 }] }))
    const until = plus(told.now, MINUTE)
    const busyAt =
      (type: RunEvent['type'], nodes: readonly number[]) =>
      (event: RunEvent): RunEvent => {
        if (event.type !== type || !('batch' in event) || event.batch === 0) return event
        told.instead = (other) => other
        return { type: 'NodesBusy', batch: event.batch, nodes, until }
      }
    told.instead = busyAt('StepIntended', [1])
    expect(briefly(told.read())).toEqual(['NodesBusy', 'drain 0'])
    expect(told.state.nodes.taken[1]).toBe(0)
    ends(told, 'drain')
    told.instead = busyAt('CommandIntended', [0])
    expect(briefly(ends(told, 'hook-before'))).toEqual(['NodesBusy'])
    expect(told.state.nodes.stage[0]).toBe(STAGE.returning)
    expect(briefly(told.wait(6 * SECOND))).toContain('rejoin 0')
  })
})

/** Three rounds of one node each: about to be prepared, prepared, on its way back. */
const DROPS: readonly (readonly [what: string, act: (told: Telling) => RunEvent[], reason: string])[] = [
  ['the cutoff', (told) => told.until(CUTOFF), 'cutoff'],
  ['an abort', (told) => told.tell({ type: 'AbortAsked', reason: 'x', rollback: false }), 'aborted'],
  [
    'a failure too many',
    (told) => told.tell({ type: 'NodesGone', nodes: [] }, stepEnded(stepOf(told, 'drain').id, { 1: 'failed: denied' })),
    'budget-spent',
  ],
]

describe('a wave that must not start more, with nodes half prepared', () => {
  it.each(DROPS)('at %s: who is in a step ends it, who is prepared comes back, and none is changed', (_, act, reason) => {
    const told = opened(around({ drain: DRAIN, ...hooks('before') }, { waves: [{ nodes: 2, concurrency: 2 }, { nodes: 1 }] }))
    told.read()
    const followed = [...act(told)]
    if (told.state.steps.size > 0 && [...told.state.steps.values()].some(({ batch }) => batch > 0)) followed.push(...ends(told, 'drain'))
    followed.push(...told.wake(2))
    expect(briefly(followed).filter((line) => line.startsWith('CommandIntended') || line.startsWith('hook-before'))).toEqual([])
    expect(briefly(followed)).toContainEqual(expect.stringMatching(/^BatchDropped/))
    expect(stepOf(told, 'rejoin').nodes).toContain(0)
    expect(told.state.phase.name).toBe('waves')
    while (told.state.steps.size > 0) {
      ends(told, 'rejoin')
      told.wake()
    }
    expect(told.node(0)).toBe(`skipped: ${reason}`)
    expect([...told.state.nodes.taken]).toEqual([0, 0, 0])
  })

  it('a pause brings them back; afterwards they are prepared again', () => {
    const told = opened(around({ drain: DRAIN, ...hooks('before') }))
    told.read()
    told.tell({ type: 'Paused', reason: 'x' })
    expect(briefly(ends(told, 'drain'))).toEqual(['BatchDropped paused'])
    expect(briefly(told.wait(6 * SECOND))).toEqual(['rejoin 0'])
    ends(told, 'rejoin')
    expect(told.state.nodes.stage[0]).toBe(STAGE.waiting)
    expect(briefly(told.tell({ type: 'Resumed', reason: 'x' }))).toEqual(['BatchChosen 0'])
    expect(steps(plays(told))).toBe('drain hook-before * rejoin')
  })

  it('a pause of a rollback does so too', () => {
    const told = opened(around({ drain: DRAIN, ...hooks('before') }))
    told.read()
    ends(told, 'drain')
    ends(told, 'hook-before')
    told.sent(2)
    told.ends(2, 'failed: timeout')
    told.wake()
    ends(told, 'rejoin')
    told.read()
    told.tell({ type: 'Paused', reason: 'x' })
    expect(briefly(ends(told, 'drain'))).toEqual(['BatchDropped paused'])
    expect(briefly(told.wait(6 * SECOND))).toEqual(['rejoin 0'])
  })
})

describe('a node that comes back', () => {
  const patched = (spec: PlanSpec): Telling => {
    const told = opened(spec)
    told.read()
    while (told.state.steps.size > 0) for (const { name } of [...told.state.steps.values()]) ends(told, name)
    const n = told.n
    told.sent(n)
    told.ends(n, 'patched')
    return told
  }

  it('is gathered with others for a few seconds, and is out of service meanwhile', () => {
    const told = patched(around({ drain: DRAIN }, { groups: [{ atMost: 1 }], waves: [{ nodes: [{ groups: [0] }, { groups: [0] }] }] }))
    expect(told.node(0)).toBe('patched: reason')
    expect(outOf(told.state, 0)).toBe(1)
    expect(told.wakeAt).toBe(plus(told.now, 5 * SECOND))
    expect(briefly(told.wake())).toEqual(['rejoin 0'])
    expect(briefly(ends(told, 'rejoin'))).toEqual(['BatchChosen 1'])
  })

  it('and cannot be put back has failed, stays out, and is named', () => {
    const told = patched(
      around(
        { drain: DRAIN },
        { groups: [{ atMost: 1 }], waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], gate: { failuresMax: 9 } }] },
      ),
    )
    told.wake()
    expect(briefly(ends(told, 'rejoin', { 0: 'undone: unhealthy' }))).toContain('NodesSkipped 1 disruption-held')
    expect(told.node(0)).toBe('failed: unhealthy')
    expect(told.state.notBack.get(0)).toEqual(['rejoin'])
    expect(outOf(told.state, 0)).toBe(1)
  })

  it('stays out also when nothing was done on it', () => {
    const spec = around(
      { drain: DRAIN },
      { groups: [{ atMost: 1 }], waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], gate: { failuresMax: 9 } }] },
    )
    const told = opened(spec)
    told.read()
    ends(told, 'drain', { 0: 'skipped: in-use' })
    told.wake()
    expect(briefly(ends(told, 'rejoin', { 0: 'undone: unhealthy' }))).toContain('NodesSkipped 1 disruption-held')
    expect(told.node(0)).toBe('failed: unhealthy')
  })

  it('could not be put back: its rollback tries again, and then it is not named any more', () => {
    const told = patched(around({ drain: DRAIN }))
    const things = (): (string | undefined)[] => [told.state.things.get('0:drain')]
    told.wake()
    ends(told, 'rejoin', { 0: 'undone: unhealthy' })
    told.read()
    told.tell({ type: 'StepFound', id: stepOf(told, 'drain').id, nodes: [0], things: ['blue,green'] })
    expect(things()).toEqual(['blue,green'])
    ends(told, 'drain')
    told.sent(told.n)
    told.ends(told.n, 'rolled-back')
    told.wake()
    ends(told, 'rejoin')
    expect(things()).toEqual([undefined])
    expect(told.state.notBack.size).toBe(0)
    expect(told.node(0)).toBe('rolled-back: reason')
  })

  it('keeps the run open: nothing ends before it is back', () => {
    const told = patched(around({ drain: DRAIN, ...hooks('exit') }))
    expect(told.state.phase.name).toBe('waves')
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: false })
    told.wake()
    ends(told, 'hook-exit')
    told.wake()
    expect(told.state.phase.name).toBe('waves')
    expect(briefly(ends(told, 'rejoin'))).toEqual(['RunFinished aborted: x'])
  })

  it('goes on through a pause, a freeze and the end of the window', () => {
    const told = patched(around({ drain: DRAIN }))
    told.tell({ type: 'Paused', reason: 'x' })
    expect(briefly(told.until(plus(CLOSES, HOUR)))).toEqual(['rejoin 0'])
  })

  it('that was started for its change is down again when it was stopped', () => {
    const told = opened(
      around({ power: STOPPED }, { groups: [{ atMost: 1 }], waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], concurrency: 1 }] }),
    )
    told.read()
    told.tell({ type: 'StepFound', id: 1, nodes: [0], things: ['stopped'] })
    ends(told, 'start')
    told.sent(1)
    told.ends(1, 'patched')
    told.wake()
    expect(briefly(ends(told, 'stop'))).toContain('NodesSkipped 1 disruption-held')
    expect(told.state.nodes.down[0]).toBe(1)
  })

  it('that ran all the time is not', () => {
    const told = opened(
      around({ power: STOPPED }, { groups: [{ atMost: 1 }], waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], concurrency: 1 }] }),
    )
    told.read()
    told.tell({ type: 'StepFound', id: 1, nodes: [0], things: [''] })
    ends(told, 'start')
    told.sent(1)
    told.ends(1, 'patched')
    told.wake()
    expect(briefly(ends(told, 'stop'))).toEqual(['BatchChosen 1'])
  })
})
