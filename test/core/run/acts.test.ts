import { describe, expect, it } from 'vitest'
import type { RunEvent, Verdict } from '../../../src/core/run/event.ts'
import { DAY, HOUR, MINUTE, plus } from '../../../src/kit/instant.ts'
import { ACCOUNT, type PlanSpec } from './plan.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import { briefly, CLOSES, CUTOFF, measured, NO_FREEZE, OPENS, pinned, REQUESTED, Telling } from './telling.ts'

const CHOSEN: RunEvent = plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: CLOSES }, '2026a')
const TOOK: RunEvent = { type: 'DriverTook', driver: 'driver-1', epoch: 1 }
const PLAN = { kind: 'plan' } as const

/** A run that was requested six hours before its window. */
function requested(more: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: [{ nodes: 1 }], ...more })
  told.now = plus(OPENS, -6 * HOUR)
  told.tell(REQUESTED, pinned(told.plan), TOOK)
  return told
}

const answer = (told: Telling, verdict: Verdict): RunEvent[] =>
  [...told.state.activities.values()].flatMap((effect) => (effect.kind === 'measure' ? told.tell(measured(effect, verdict)) : []))

describe('the opening', () => {
  it('nothing happens without a driver', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    expect(told.tell(REQUESTED, pinned(told.plan), CHOSEN)).toEqual([])
  })

  it('waits for its window, then looks at the fleet', () => {
    const told = requested()
    expect([...told.state.activities.keys()]).toEqual(['window'])
    expect(briefly(told.tell(CHOSEN))).toEqual([])
    expect(told.wakeAt).toBe(OPENS)
    expect(briefly(told.until(OPENS))).toEqual([])
    expect(briefly(told.tell(NO_FREEZE))).toEqual(['WindowOpened'])
    expect([...told.state.activities.keys()]).toEqual(['survey', `prepare:${ACCOUNT}/us-east-1`])
  })

  it('that was missed stops the run', () => {
    const told = requested()
    told.now = CUTOFF
    expect(briefly(told.tell(CHOSEN))).toEqual(['WindowMissed', 'RunFinished stopped: window-missed'])
  })

  it('in which the fleet has drifted from the plan stops the run', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    expect(briefly(told.open({ drift: 'i-1: another image' }))).toEqual(['RunFinished stopped: drift: i-1: another image'])
  })
})

describe('the plan’s approval', () => {
  const asked = (expiresMs = DAY): Telling => {
    const told = requested({ approval: { group: 'leads', count: 1, expiresMs } })
    told.tell(CHOSEN)
    return told
  }

  it('is asked for at once', () => {
    expect(asked().facts.at(-2)?.event).toMatchObject({ type: 'ApprovalAsked', subject: PLAN, group: 'leads' })
  })

  it('given: the window opens', () => {
    const told = asked()
    told.tell({ type: 'ApprovalGiven', subject: PLAN, by: 'ann', reason: '' })
    told.until(OPENS)
    expect(briefly(told.tell(NO_FREEZE))).toEqual(['WindowOpened'])
  })

  it('not given at the opening: stopped', () => {
    expect(briefly(asked().until(OPENS))).toEqual(['RunFinished stopped: not-approved'])
  })

  it('expired: stopped', () => {
    expect(briefly(asked(HOUR).wait(HOUR))).toEqual(['ApprovalExpired plan', 'RunFinished stopped: not-approved'])
  })

  it('refused: stopped', () => {
    expect(briefly(asked().tell({ type: 'ApprovalRefused', subject: PLAN, by: 'ann', reason: 'no' }))).toEqual([
      'RunFinished stopped: rejected',
    ])
  })
})

describe('checks before anything is touched', () => {
  const checking = (): Telling => {
    const told = new Telling({ before: ['probe'], waves: [{ nodes: 1 }] })
    told.open()
    return told
  }

  it('that hold let it begin', () => {
    expect(briefly(answer(checking(), 'pass'))).toEqual(['WaveStarted', 'BatchChosen 0'])
  })

  it('that fail twice stop it', () => {
    const told = checking()
    answer(told, 'fail')
    told.wait(MINUTE)
    expect(briefly(answer(told, 'fail'))).toEqual(['RunFinished stopped: before: probe: fail'])
  })

  it('that stay unclear stop it at the cutoff', () => {
    const told = checking()
    for (let round = 0; round < 1_000 && told.state.phase.name !== 'finished'; round++) {
      answer(told, 'inconclusive')
      told.wake()
    }
    expect(told.state.phase).toMatchObject({ outcome: 'stopped' })
    expect(told.now).toBe(CUTOFF)
  })

  it('that hold while the run is paused let it begin afterwards', () => {
    const told = checking()
    told.tell({ type: 'Paused', reason: 'x' })
    expect(briefly(answer(told, 'pass'))).toEqual([])
    expect(briefly(told.tell({ type: 'Resumed', reason: 'x' }))).toEqual(['WaveStarted', 'BatchChosen 0'])
  })
})

describe('checks before it may call itself succeeded', () => {
  const done = (): Telling => {
    const told = new Telling({ after: ['probe'], waves: [{ nodes: 1 }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    answer(told, 'pass')
    return told
  }

  it.each<[Verdict, string]>([
    ['pass', 'succeeded'],
    ['fail', 'failed'],
  ])('that %s end it %s', (verdict, outcome) => {
    const told = done()
    answer(told, verdict)
    told.wait(MINUTE)
    answer(told, verdict)
    expect(told.state.phase).toMatchObject({ outcome })
  })

  it('that stay unclear stop it, also when the window has closed: after three rounds', () => {
    const told = done()
    told.until(plus(CLOSES, HOUR))
    for (let round = 0; round < 100 && told.state.phase.name !== 'finished'; round++) {
      answer(told, 'inconclusive')
      told.wake()
    }
    expect(told.state.phase).toMatchObject({ outcome: 'stopped', reason: 'after: probe: inconclusive' })
  })
})

describe('a window that ends before the work', () => {
  const late = (unfinished: 'stop' | 'next-window'): Telling => {
    const told = new Telling({ unfinished, waves: [{ nodes: 2, concurrency: 1 }] })
    told.open()
    told.read()
    told.sent(1)
    told.until(plus(CUTOFF, -30_000))
    return told
  }

  it('leaves the rest', () => {
    const told = late('stop')
    told.ends(1, 'patched')
    told.play('patched')
    expect(told.state.phase).toMatchObject({ outcome: 'stopped', reason: 'window-ended' })
    expect(told.node(1)).toBe('skipped: cutoff')
  })

  it('or goes on in the next one, where it was', () => {
    const told = late('next-window')
    expect(briefly(told.ends(1, 'patched'))).toEqual(['WindowEnded'])
    expect([...told.state.activities.keys()]).toContain('window')
    told.now = plus(OPENS, 7 * DAY)
    told.tell(plainOpening({ opens: told.now, cutoff: plus(told.now, 5 * HOUR), closes: plus(told.now, 6 * HOUR) }, ''), NO_FREEZE)
    expect(briefly(told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null }))).toEqual(['BatchChosen 1'])
    told.play('patched')
    expect(told.state.phase).toMatchObject({ outcome: 'succeeded' })
  })

  it('is given up after three in a row that brought nothing; one that was paused to its end says nothing', () => {
    const told = new Telling({ unfinished: 'next-window', waves: [{ nodes: 2, concurrency: 1 }] })
    const barren = (day: number, paused = false): string[] => {
      told.now = plus(OPENS, day * DAY)
      const [opens, cutoff, closes] = [told.now, plus(told.now, 5 * HOUR), plus(told.now, 6 * HOUR)]
      if (day > 0) told.tell(plainOpening({ opens, cutoff, closes }, ''), NO_FREEZE)
      told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
      if (paused) told.tell({ type: 'Paused', reason: 'a person says so' })
      const last = briefly(told.until(plus(cutoff, MINUTE)))
      if (paused) told.tell({ type: 'Resumed', reason: 'a person says so' })
      return last
    }
    told.open()
    expect(barren(0).at(-1)).toBe('WindowEnded')
    expect(barren(1, true).at(-1)).toBe('WindowEnded')
    expect(barren(2).at(-1)).toBe('WindowEnded')
    expect(barren(3)).toEqual(['BatchDropped cutoff', 'NodesSkipped 0,1 cutoff', 'WaveDrained', 'GateHeld'])
    expect(told.node(1)).toBe('skipped: cutoff')
  })

  it('asks a refused cell again', () => {
    const told = new Telling({ unfinished: 'next-window', waves: [{ nodes: 1 }, { nodes: 1 }] })
    told.open({}, [`${ACCOUNT}/us-east-1`])
    told.tell({ type: 'CellRefused', cell: `${ACCOUNT}/us-east-1`, code: 'aws.denied', message: '' })
    expect(told.state.prepared.size).toBe(1)
    told.state.window = { ...plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: CLOSES }, ''), opened: true }
    told.tell({ type: 'WindowOpened', opens: OPENS, cutoff: CUTOFF, closes: CLOSES })
    expect(told.state.prepared.size).toBe(0)
    expect([...told.state.activities.keys()]).toContain(`prepare:${ACCOUNT}/us-east-1`)
  })
})

describe('a trial', () => {
  const LIST = 'a'.repeat(64)
  const trial = (more: Partial<PlanSpec> = {}): Telling => {
    const told = new Telling({
      act: 'trial',
      waves: [{ nodes: [{ list: null }, { list: null }] }],
      trial: {
        lineages: [{ image: 'ami-1', nodes: [0, 1], accounts: [ACCOUNT, '444455556666'] }],
        path: '/patchwave',
        approval: { group: 'leads', count: 2, expiresMs: DAY },
      },
      ...more,
    })
    told.open()
    return told
  }
  const wanted = (told: Telling): string[] => [...told.state.activities.keys()].map((key) => key.split(':')[0] ?? '')
  const stored = (account: string): RunEvent => ({
    type: 'BaselineStored',
    account,
    image: 'ami-1',
    path: '/x',
    version: 1,
    digest: LIST,
    written: 1,
  })

  const tested = (more: Partial<PlanSpec> = {}): Telling => {
    const told = trial(more)
    told.tell({ type: 'NodesScanned', nodes: [0, 1], lists: [LIST, LIST], missing: [3, 4] })
    told.tell({ type: 'ListsPinned', lists: LIST, count: 1, patches: [5], nodes: [0, 1], of: [0, 0] })
    told.play('patched')
    return told
  }

  it('scans, classifies, installs, stores, asks, approves', () => {
    const told = trial()
    expect(wanted(told)).toEqual(['scan'])
    expect(briefly(told.tell({ type: 'NodesScanned', nodes: [0], lists: [LIST], missing: [3] }))).toEqual([])
    expect(briefly(told.tell({ type: 'NodesUnscanned', nodes: [1], reason: 'unscanned' }))).toEqual(['ScanFinished'])
    expect(wanted(told)).toEqual(['classify'])
    expect(briefly(told.tell({ type: 'ListsPinned', lists: LIST, count: 1, patches: [5], nodes: [0], of: [0] }))).toEqual([
      'WaveStarted',
      'BatchChosen 0',
    ])
    told.play('patched')
    expect(told.state.phase.name).toBe('storing')
    expect(wanted(told)).toEqual(['store', 'store'])
    told.tell(stored(ACCOUNT))
    expect(briefly(told.tell(stored('444455556666')))).toEqual(['ApprovalAsked baselines'])
    const subject = { kind: 'baselines' } as const
    told.tell({ type: 'ApprovalGiven', subject, by: 'ann', reason: '' })
    expect(wanted(told)).toEqual([])
    told.tell({ type: 'ApprovalGiven', subject, by: 'bob', reason: '' })
    expect(wanted(told)).toEqual(['approve-baselines'])
    expect(briefly(told.tell({ type: 'BaselinesApproved', count: 2 }))).toEqual(['RunFinished succeeded: baselines approved'])
    expect(told.node(1)).toBe('skipped: unscanned')
  })

  it('stores nothing for an image that no node proved, and says so', () => {
    const lineages = [
      { image: 'ami-1', nodes: [0], accounts: [ACCOUNT] },
      { image: 'ami-2', nodes: [1], accounts: [ACCOUNT] },
    ]
    const told = trial({ trial: { lineages, path: '/patchwave', approval: null } })
    told.tell({ type: 'NodesScanned', nodes: [0], lists: [LIST], missing: [3] })
    told.tell({ type: 'NodesUnscanned', nodes: [1], reason: 'unscanned' })
    told.tell({ type: 'ListsPinned', lists: LIST, count: 2, patches: [5, 0], nodes: [0, 1], of: [0, 1] })
    told.play('patched')
    expect(wanted(told)).toEqual(['store'])
    told.tell(stored(ACCOUNT))
    expect(briefly(told.tell({ type: 'BaselinesApproved', count: 1 }))).toEqual([
      'RunFinished succeeded: baselines approved; no node proves ami-2',
    ])
  })

  it('without an approval rule approves what it stored', () => {
    const told = tested({
      trial: { lineages: [{ image: 'ami-1', nodes: [0, 1], accounts: [ACCOUNT] }], path: '/patchwave', approval: null },
    })
    told.tell(stored(ACCOUNT))
    expect(wanted(told)).toEqual(['approve-baselines'])
  })

  it('that has no baseline to store ends', () => {
    expect(tested({ trial: { lineages: [], path: '/patchwave', approval: null } }).state.phase).toMatchObject({ outcome: 'succeeded' })
  })

  it('whose baselines nobody approves is stopped', () => {
    const told = tested()
    told.tell(stored(ACCOUNT), stored('444455556666'))
    expect(briefly(told.wait(DAY))).toEqual(['ApprovalExpired baselines', 'RunFinished stopped: not-approved'])
  })

  it('whose baseline is refused has failed', () => {
    const told = tested()
    told.tell(stored(ACCOUNT))
    const refused = told.tell({ type: 'BaselineRefused', account: '444455556666', image: 'ami-1', code: 'aws.denied', message: '' })
    expect(briefly(refused)).toEqual(['RunFinished failed: baselines refused: ami-1@444455556666'])
  })

  it('gives up nodes that do not answer until the cutoff', () => {
    const told = trial()
    expect(told.wakeAt).toBe(CUTOFF)
    expect(briefly(told.until(CUTOFF))).toEqual(['NodesUnscanned', 'ScanFinished', 'RunFinished stopped: window-ended'])
  })

  it('that is paused over its cutoff is stopped', () => {
    const told = new Telling({ ...trial().plan, before: ['probe'] })
    told.open()
    told.tell({ type: 'Paused', reason: 'x' })
    answer(told, 'pass')
    expect(told.wakeAt).toBe(CUTOFF)
    expect(briefly(told.until(CUTOFF))).toEqual(['RunFinished stopped: window-ended'])
  })
})

describe('abort', () => {
  it.each<[string, () => Telling]>([
    ['before its window', requested],
    ['while it looks at the fleet', () => ((told) => (told.tell(CHOSEN), told.until(OPENS), told))(requested())],
  ])('%s ends it at once', (_, given) => {
    expect(briefly(given().tell({ type: 'AbortAsked', reason: 'x', rollback: true }))).toEqual(['RunFinished aborted: x'])
  })
})
