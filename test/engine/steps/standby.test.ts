import { describe, expect, it } from 'vitest'
import { inService, standby } from '../../../src/engine/steps/standby.ts'
import { MINUTE } from '../../../src/kit/instant.ts'
import type { MemberSeen, Scaling } from '../../../src/ports/scaling.ts'
import { idOf, perform, refusing } from './stand.ts'

const OUT = { name: 'standby', nodes: 4, batch: 1, untilMs: 15 * MINUTE } as const
const BACK = { name: 'in-service', nodes: 2, batch: 0, untilMs: 30 * MINUTE, of: 'standby' } as const

/** A group of these members that can spare so many; what it was asked to do. */
function group(lifecycles: readonly string[], spare: number, more: Partial<Scaling> = {}) {
  const members = new Map(lifecycles.map((lifecycle, position) => [idOf(position), lifecycle]))
  const calls: string[] = []
  const move = (name: string, from: string, to: string) => (_: unknown, __: string, nodes: readonly string[]) => {
    calls.push(`${name} ${nodes.map((node) => node.slice(-1)).join('')}`)
    const standing = [...members.values()].filter((one) => one === 'Standby').length
    if (nodes.some((node) => members.get(node) !== from) || (to === 'Standby' && standing + nodes.length > spare))
      return refusing('aws.invalid')()
    for (const node of nodes) members.set(node, to)
    return Promise.resolve()
  }
  const membersOf = (_: unknown, nodes: readonly string[]) =>
    Promise.resolve(
      nodes.flatMap((node): MemberSeen[] => {
        const lifecycle = members.get(node)
        return lifecycle === undefined || lifecycle === '' ? [] : [{ node, group: 'web', lifecycle }]
      }),
    )
  const scaling: Partial<Scaling> = {
    membersOf,
    enterStandby: move('enter', 'InService', 'Standby'),
    exitStandby: move('exit', 'Standby', 'InService'),
    ...more,
  }
  return { calls, members, scaling }
}

describe('standby', () => {
  it('takes as many members as the group can spare', async () => {
    const { scaling, members } = group(['InService', 'InService', 'InService', 'InService'], 3)
    const { ended } = await perform(standby, { scaling }, OUT)
    expect(ended.filter(({ done }) => done)).toHaveLength(3)
    expect(ended.filter(({ done }) => !done)).toMatchObject([{ position: 3, outcome: 'skipped', reason: 'standby-refused' }])
    expect([...members.values()]).toEqual(['Standby', 'Standby', 'Standby', 'InService'])
  })

  it('remembers only what it takes out itself', async () => {
    const { scaling, calls } = group(['InService', 'Standby', '', 'Terminating'], 9)
    const { ended, found } = await perform(standby, { scaling }, OUT)
    expect([...found.values()]).toEqual(['web', '', '', ''])
    expect(calls).toEqual(['enter 0'])
    expect(new Map(ended.map(({ position, reason }) => [position, reason]))).toEqual(
      new Map([
        [0, 'standby'],
        [1, 'standby'],
        [2, 'standby'],
        [3, 'standby-refused'],
      ]),
    )
  })

  it('waits for a group that is busy', async () => {
    let tries = 0
    const inner = group(['InService', 'InService', 'InService', 'InService'], 9)
    const enterStandby: Scaling['enterStandby'] = (cell, name, nodes, signal) =>
      (tries += 1) < 8 ? refusing('aws.conflict')() : (inner.scaling.enterStandby?.(cell, name, nodes, signal) ?? Promise.resolve())
    const { ended } = await perform(standby, { scaling: { ...inner.scaling, enterStandby } }, OUT)
    expect(ended.every(({ done }) => done)).toBe(true)
  })
})

describe('in-service', () => {
  it('puts back what was taken out, and nobody else', async () => {
    const { scaling, members, calls } = group(['Standby', 'Standby'], 9)
    const { ended } = await perform(inService, { scaling }, { ...BACK, things: { 0: 'web', 1: '' } })
    expect(ended.every(({ done }) => done)).toBe(true)
    expect([...members.values()]).toEqual(['InService', 'Standby'])
    expect(calls).toEqual(['exit 0'])
  })

  it('does not believe that a member never left which may only be about to', async () => {
    // EnterStandby was done, its answer was lost, and Auto Scaling shows it half a minute later.
    const { scaling, members } = group(['Standby', 'InService'], 9)
    let looks = 0
    const membersOf: Scaling['membersOf'] = async (cell, nodes, signal) => {
      const now = (await scaling.membersOf?.(cell, nodes, signal)) ?? []
      return (looks += 1) <= 3 ? now.map((one) => ({ ...one, lifecycle: 'InService' })) : now
    }
    const { ended } = await perform(inService, { scaling: { ...scaling, membersOf } }, { ...BACK, things: { 0: 'web', 1: 'web' } })
    expect(ended).toMatchObject([{ done: true }, { done: true }])
    expect([...members.values()]).toEqual(['InService', 'InService'])
  })

  it('names a member that stays out', async () => {
    const { scaling } = group(['Standby', 'Standby'], 9, { exitStandby: refusing('aws.invalid') })
    const { ended } = await perform(inService, { scaling }, { ...BACK, things: { 0: 'web', 1: 'web' } })
    expect(ended).toMatchObject([{ done: false, reason: 'not-in-service', afterMs: 30 * MINUTE }, { done: false }])
  })

  it('lets go of who left the group, and of who is gone', async () => {
    const { scaling } = group(['', 'Terminating'], 9)
    const look = (node: string) => (node === idOf(1) ? undefined : {})
    const { ended } = await perform(
      inService,
      { scaling, look },
      { ...BACK, things: { 0: 'web', 1: 'web' }, before: ({ nodes }) => nodes.touched.fill(1) },
    )
    expect(ended).toMatchObject([
      { position: 0, done: true, outcome: 'open', reason: 'detached' },
      { position: 1, done: true, outcome: 'failed', reason: 'gone' },
    ])
  })
})
