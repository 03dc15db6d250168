import { describe, expect, it } from 'vitest'
import { stepEnded as evolveEnded, stepIntended } from '../../../src/core/run/evolve-steps.ts'
import type { StepName } from '../../../src/core/run/event.ts'
import { codeOf, initial, STAGE, type RunState } from '../../../src/core/run/state.ts'
import { AFTER, bitOf, CHANGED, stepAfter, stepBefore, stepOnward, stepsBefore } from '../../../src/core/run/steps.ts'
import { SECOND } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from './plan.ts'
import { around, BY_PATCH_MANAGER, DRAIN, ends, hooks, opened, stepEnded, stepOf } from './stepping.ts'
import { OPENS, report, RUN, type Telling } from './telling.ts'

/** A node on its way back: its change was told, its drain is undone next. */
function comingBack(spec: Partial<PlanSpec> = {}, outcome = 'patched'): Telling {
  const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 1, gate: { failuresMax: 9 } }], ...spec }))
  told.read()
  told.tell({ type: 'StepFound', id: 1, nodes: [0], things: ['arn'] })
  ends(told, 'drain')
  told.sent(1)
  told.tell(report(1, { 0: outcome }, told.now))
  told.wait(5 * SECOND)
  return told
}

describe('a step', () => {
  it('that sends a command has the next token', () => {
    const { state } = opened(around({ drain: DRAIN }))
    const event = { type: 'StepIntended', id: 1, step: 'hook-before', cell: '', batch: 1, nodes: [0], n: 9, until: OPENS } as const
    expect(() => stepIntended(state, event, OPENS)).toThrow('tokens are numbered without holes')
  })

  it('on the way back adds nothing to what was taken', () => {
    const told = comingBack()
    const step = stepOf(told, 'rejoin')
    told.tell({ type: 'StepFound', id: step.id, nodes: [0], things: ['another'] })
    expect([...told.state.things]).toEqual([['0:drain', 'arn']])
    expect(step.found.get(0)).toBe('another')
  })

  it('without an end of its own leaves the node’s', () => {
    const told = comingBack()
    ends(told, 'rejoin')
    expect(told.state.nodes.endedSeconds[0]).toBe(OPENS / 1000)
  })

  it('that ends is the one that was due', () => {
    const { state } = comingBack()
    state.nodes.after[0] = AFTER.indexOf('verify')
    const id = [...state.steps.keys()][0] ?? 0
    const event = stepEnded(id, { 0: 'done' })
    expect(() => evolveEnded(state, event as Parameters<typeof evolveEnded>[1], OPENS)).toThrow('the step that was due')
  })

  it('that is undone on the way back leaves open what it was to bring back; a hook brings back nothing', () => {
    const told = comingBack({ around: { drain: DRAIN, ...hooks('after') } })
    ends(told, 'hook-after', { 0: 'undone: hook-failed' })
    expect([told.node(0), [...told.state.notBack]]).toEqual(['failed: hook-failed', []])
    told.wait(5 * SECOND)
    ends(told, 'rejoin', { 0: 'undone: late' })
    expect([...told.state.notBack]).toEqual([[0, ['rejoin']]])
  })

  it.each<[work: 'apply' | 'rollback', ended: string]>([
    ['apply', 'failed: late'],
    ['rollback', 'rollback-failed: late'],
  ])('that is undone for a node without an outcome, in a run of work %s: %s', (work, ended) => {
    const told = comingBack(work === 'rollback' ? { work, undoes: RUN } : {}, 'open: ended')
    ends(told, 'rejoin', { 0: 'undone: late' })
    expect(told.node(0)).toBe(ended)
  })

  it('that brings a node back whose command is open makes it wait for that one’s end, in no line', () => {
    const { state } = comingBack({ retry: { attempts: 2, on: ['lock-held'] } }, 'failed: lock-held')
    const event = stepEnded([...state.steps.keys()][0] ?? 0, { 0: 'done' })
    evolveEnded(state, event as Parameters<typeof evolveEnded>[1], OPENS)
    expect(state.nodes.stage[0]).toBe(STAGE.retrying)
    expect([...state.waiting.lanes.values()]).toEqual([])
  })
})

describe('the steps', () => {
  const state = (spec: Partial<PlanSpec>): RunState => initial(RUN, plan({ waves: [{ nodes: 1 }], ...spec }))
  const by = { around: { apply: BY_PATCH_MANAGER } }

  it.each<[name: StepName, bit: number]>([
    ['verify', 0],
    ['snapshot', 0],
    ['start', 1],
    ['rejoin', 2],
    ['in-service', 4],
    ['hook-exit', 8],
  ])('%s has the bit %i', (name, bit) => {
    expect(bitOf(name)).toBe(bit)
  })

  it('before a change are those of the runbook, also where it says nothing of patches', () => {
    const { plan: content } = state({ around: { drain: DRAIN } })
    expect(stepsBefore({ ...content, runbook: { ...content.runbook, patches: null } }, 'apply')).toEqual(['drain'])
  })

  it('before a change are on every platform, but for live patches', () => {
    const ubuntu = state({ around: { drain: DRAIN } })
    const nodes = ubuntu.plan.nodes.map((node) => ({ ...node, platform: 'ubuntu-22.04' as const }))
    const round = { batch: 1, cell: '', list: 0, work: 'apply', readAt: null, step: 0, running: null, nodes: [0] } as const
    expect(stepBefore({ ...ubuntu, plan: { ...ubuntu.plan, nodes } }, round)).toBe('drain')
  })

  it('after a change prove it once, and only where Patch Manager made it', () => {
    const proved = state(by)
    proved.nodes.changed[0] = CHANGED.reported
    expect([stepAfter(proved, 0), stepOnward(proved, 0)]).toEqual([AFTER.indexOf('verify'), null])
    proved.nodes.after[0] = AFTER.indexOf('hook-exit')
    expect(stepOnward(proved, 0)).toBe(AFTER.indexOf('verify'))
    expect(stepAfter(proved, 0, 0, codeOf('unknown'))).toBeNull()
    const own = state({})
    own.nodes.changed[0] = CHANGED.reported
    expect(stepAfter(own, 0)).toBeNull()
  })
})
