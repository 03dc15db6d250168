import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { HOUR } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { ends } from './stepping.ts'
import { briefly, Telling } from './telling.ts'

const VOLUMES = {
  on: 'manual',
  scope: 'wave',
  method: 'root-volume',
  outside: 'allow',
  failures: { kind: 'count', count: 0 },
  failuresMax: 0,
} as const

/** A run that undoes another one by root volume; its nodes are of one cluster, of which one may be out, and all were silent when it opened. */
function opened(nodes: number, more: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({
    work: 'rollback',
    undoes: 'x',
    rollback: VOLUMES,
    groups: [{}],
    waves: [{ nodes: Array.from({ length: nodes }, () => ({ groups: [0] })) }],
    ...more,
  })
  told.open({ down: Array.from({ length: nodes }, (_, node) => node) })
  return told
}

const read = (told: Telling, down: readonly number[]): RunEvent[] =>
  told.tell({ type: 'BatchRead', batch: told.state.batchCount, skipped: [], reasons: [], down })

describe('the undoing by root volume of a run that has silenced more of a cluster than may be out', () => {
  it('reaches them: who is out already is not taken out', () => {
    const told = opened(2)
    expect(briefly(read(told, [0, 1]))).toEqual(['replace-root 0,1'])
    ends(told, 'replace-root', { 0: 'rolled-back: root-replaced', 1: 'rolled-back: root-replaced' })
    told.play('rolled-back')
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
    expect(told.refolded()).toEqual(told.lived)
  })

  it('lets those wait that answer again, until the others are back', () => {
    const told = opened(3)
    expect(briefly(read(told, [0, 1]))).toEqual(['BatchDropped disruption-held', 'BatchChosen 0,1'])
    expect(briefly(read(told, [0, 1]))).toEqual(['replace-root 0,1'])
    ends(told, 'replace-root', { 0: 'rolled-back: root-replaced', 1: 'rolled-back: root-replaced' })
    expect(briefly(read(told, []))).toEqual(['replace-root 2'])
    ends(told, 'replace-root', { 2: 'rolled-back: root-replaced' })
    told.play('rolled-back')
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(Array.from({ length: 3 }, () => 'rolled-back: root-replaced'))
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'rolled-back' })
  })

  it('takes no more than one of them where all answer again', () => {
    const told = opened(3)
    read(told, [])
    expect([...told.state.batches.values()].map(({ nodes }) => nodes)).toEqual([[0]])
  })

  it('does not reach them where the nodes themselves must act', () => {
    const told = opened(2, { rollback: { ...VOLUMES, method: 'packages' } })
    expect(told.node(0)).toBe('rollback-failed: disruption-held')
  })
})

describe('a rollback by root volume inside a run', () => {
  it('brings a silent node back, and the others of its cluster may go', () => {
    const told = new Telling({
      rollback: VOLUMES,
      groups: [{}],
      waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], gate: { bakeMs: HOUR } }],
    })
    told.open()
    for (let node = 0; node < 2; node++) {
      read(told, [])
      ends(told, 'snapshot')
      told.sent(told.n)
      told.ends(told.n, 'patched')
    }
    told.tell({ type: 'AbortAsked', reason: 'they fall silent', rollback: true })
    expect(briefly(read(told, [1]))).toEqual(['replace-root 1'])
    ends(told, 'replace-root', { 1: 'rolled-back: root-replaced' })
    expect(briefly(read(told, [0]))).toEqual(['replace-root 0'])
    ends(told, 'replace-root', { 0: 'rolled-back: root-replaced' })
    expect([0, 1].map((node) => told.node(node))).toEqual(['rolled-back: root-replaced', 'rolled-back: root-replaced'])
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'aborted' })
    expect(told.refolded()).toEqual(told.lived)
  })
})
