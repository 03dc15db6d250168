import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { HOUR, MINUTE, SECOND } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { briefly, report, Telling } from './telling.ts'

const HERE = '111122223333/us-east-1'
const THERE = '111122223333/eu-west-1'
const there = { region: 'eu-west-1' }
const refuses = (cell = THERE): RunEvent => ({ type: 'CellRefused', cell, code: 'aws.denied', message: 'no' })
const answers = (cell = THERE): RunEvent => ({ type: 'CellPrepared', cell, documents: {} })

const ROLLBACK: NonNullable<PlanSpec['rollback']> = {
  on: 'gate-failed',
  scope: 'wave',
  method: 'packages',
  outside: 'allow',
  failures: { kind: 'count', count: 5 },
  failuresMax: 5,
}

/** Nodes 0 and 2 here, 1 and 3 there; two places. */
function flying(): Telling {
  const told = new Telling({ waves: [{ nodes: [{}, there, {}, there], concurrency: 2, gate: { failuresMax: 4 } }] })
  told.open()
  told.read()
  return told
}

describe('a cell that AWS begins to refuse in the middle of a wave', () => {
  it('is asked again, and its round steps back; what waits there waits on', () => {
    const told = new Telling({ waves: [{ nodes: [there, {}, {}] }] })
    told.open()
    expect([...told.state.batches.values()].map(({ cell }) => cell).sort()).toEqual([THERE, HERE].sort())
    expect(briefly(told.tell(refuses()))).toEqual(['BatchDropped cell-refused'])
    expect([...told.state.activities.keys()]).toContain(`prepare:${THERE}`)
    expect(told.state.waitingCount).toBe(1)
    told.read()
    expect(told.refolded()).toEqual(told.lived)
  })

  it('gets its nodes again as soon as it answers', () => {
    const told = new Telling({ waves: [{ nodes: [there, {}] }] })
    told.open()
    told.tell(refuses())
    told.wait(10 * MINUTE)
    expect(briefly(told.tell(answers()))).toEqual(['BatchChosen 0'])
    expect([...told.state.activities.keys()]).not.toContain(`prepare:${THERE}`)
  })

  // prettier-ignore
  it.each<[what: string, minutes: number, others: boolean, gone: boolean]>([
    ['a while after it was lost',                     14,  false, false],
    ['a quarter of an hour after it was lost',        15,  false, true],
    ['much later, while others are under way',        60,  true,  false],
  ])('%s: its nodes are given up? %i minutes', (_, minutes, others, gone) => {
    const told = new Telling({ waves: [{ nodes: [there, {}] }] })
    told.open()
    told.tell(refuses())
    told.read()
    told.sent(told.n)
    if (!others) told.ends(told.n, 'patched')
    const followed = briefly(told.wait(minutes * MINUTE))
    expect(followed.includes('NodesSkipped 0 cell-refused')).toBe(gone)
    if (others) expect(briefly(told.ends(told.n, 'patched'))).toContain('NodesSkipped 0 cell-refused')
  })

  it('asks to be woken when its nodes are to be given up', () => {
    const told = new Telling({ waves: [{ nodes: [there] }] })
    told.open()
    const at = told.now
    told.tell(refuses())
    expect((told.wakeAt ?? 0) - at).toBe(15 * MINUTE)
    expect(briefly(told.wake())).toContain('NodesSkipped 0 cell-refused')
  })

  it('keeps its nodes for another while once a command there could be read', () => {
    const told = new Telling({ waves: [{ nodes: [there, there], concurrency: 1 }] })
    told.open()
    told.read()
    told.sent(1)
    told.wait(5 * MINUTE)
    told.tell(refuses())
    told.wait(40 * MINUTE)
    const [flying_] = [...told.state.openCommands]
    expect(briefly(told.tell(report(flying_ ?? 0, { 0: 'patched' }, told.now)))).toEqual([])
    expect(briefly(told.wait(14 * MINUTE))).toEqual([])
    expect(briefly(told.wait(MINUTE))).toContain('NodesSkipped 1 cell-refused')
  })

  it('that answers and refuses again, without a command that was sent, is given up all the same', () => {
    const told = new Telling({ waves: [{ nodes: [there] }] })
    told.open()
    const seen: string[] = []
    for (let minute = 0; minute < 20; minute += 2) {
      seen.push(...briefly(told.tell(refuses())))
      seen.push(...briefly(told.wait(MINUTE)))
      if (told.state.phase.name === 'waves' && told.state.waitingCount > 0) seen.push(...briefly(told.tell(answers())))
      seen.push(...briefly(told.wait(MINUTE)))
    }
    expect(seen.filter((word) => word.startsWith('NodesSkipped'))).toEqual(['NodesSkipped 0 cell-refused'])
  })

  it('begins anew once a command was sent there again', () => {
    const told = new Telling({ waves: [{ nodes: [there, there], concurrency: 1 }] })
    told.open()
    told.tell(refuses())
    told.wait(10 * MINUTE)
    told.tell(answers())
    told.read()
    told.sent(told.n)
    expect(told.state.refusals.size).toBe(0)
    told.ends(told.n, 'patched')
    told.tell(refuses())
    expect(briefly(told.wait(14 * MINUTE)).filter((word) => word.startsWith('NodesSkipped'))).toEqual([])
  })

  it('is what is named at the cutoff, for its nodes only', () => {
    const told = flying()
    told.sent(1)
    told.tell(refuses())
    const followed = briefly(told.until(told.state.window?.lastStart ?? told.now))
    const skips = followed.filter((word) => word.startsWith('NodesSkipped'))
    expect(skips.some((word) => word.endsWith('cell-refused'))).toBe(true)
    expect(told.refolded()).toEqual(told.lived)
  })

  it('keeps a rollback waiting for an hour, and then its nodes are what could not be restored', () => {
    const told = new Telling({ rollback: ROLLBACK, waves: [{ nodes: [there, {}] }] })
    told.open()
    told.read()
    for (const n of [...told.state.openCommands]) told.sent(n)
    for (const n of [...told.state.openCommands]) told.ends(n, 'failed: exit')
    expect(told.state.phase.name).toBe('rolling-back')
    told.tell(refuses())
    told.play('rolled-back')
    expect(told.node(1)).toBe('rolled-back: reason')
    told.wait(HOUR - SECOND)
    told.wait(2 * SECOND)
    expect(told.node(0)).toBe('rollback-failed: cell-refused')
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'failed' })
    expect(told.refolded()).toEqual(told.lived)
  })
})

it('a cell that was refused from the start is not asked again before the next opening, and its nodes go at once', () => {
  const told = new Telling({ waves: [{ nodes: [{}, there] }] })
  told.open({}, [THERE])
  expect(briefly(told.tell(refuses()))).toEqual(['NodesSkipped 1 cell-refused'])
  expect([...told.state.activities.keys()]).not.toContain(`prepare:${THERE}`)
})
