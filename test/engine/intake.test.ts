import { describe, expect, it } from 'vitest'
import { Hints } from '../../src/engine/hints.ts'
import { HOUR, MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import { Bug } from '../../src/kit/assert.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { commandId, event, IntakeStage, NODE, node, sns } from './intake-stage.ts'

const COMMAND = commandId(1)

describe('a status event', () => {
  it('of a command that is watched here is a hint, and its message is gone', async () => {
    const stage = await IntakeStage.open()
    const hints = stage.watching(COMMAND, [NODE])
    await stage.send(event(COMMAND, NODE, 'Success'))
    await stage.receive(MINUTE, hints)
    expect(hints.statusOf(COMMAND, NODE)).toBe('Success')
    expect(hints.counts).toEqual({ ours: 1, passedOn: 0, strangers: 0, unreadable: 0 })
    expect(await stage.left()).toEqual([0, 0])
  })

  it('that is doubled, out of order and in other envelopes says the same', async () => {
    const stage = await IntakeStage.open()
    const hints = stage.watching(COMMAND, [NODE, node(2)])
    const bodies = [
      event(COMMAND, node(2), 'Failed'),
      event(COMMAND, NODE, 'InProgress'),
      event(COMMAND, NODE, 'Success'),
      event(COMMAND, NODE, 'Success'),
    ]
    for (const body of [...bodies, sns(event(COMMAND, NODE, 'Success'))]) await stage.send(body)
    await stage.receive(MINUTE, hints)
    expect([hints.count(COMMAND), hints.statusOf(COMMAND, NODE), hints.statusOf(COMMAND, node(2))]).toEqual([2, 'Success', 'Failed'])
    expect([stage.news, await stage.left()]).toEqual([2, [0, 0]])
  })

  it('of a node that the command does not have is no hint: a flood of them takes no memory', async () => {
    const stage = await IntakeStage.open()
    const hints = stage.watching(COMMAND, [NODE])
    for (let n = 2; n < 300; n++) await stage.send(event(COMMAND, node(n), 'Success'))
    await stage.receive(10 * MINUTE, hints)
    expect([hints.count(COMMAND), stage.news, await stage.left()]).toEqual([0, 0, [0, 0]])
  })

  it('comes before its command is known: it is looked for again', async () => {
    const stage = await IntakeStage.open()
    const hints = stage.watching(commandId(9), [NODE])
    await stage.send(event(COMMAND, NODE, 'Success'))
    await stage.receive(2 * MINUTE, hints, async () => {
      await stage.sleep(30 * SECOND)
      hints.watch(COMMAND, new Set([NODE]), () => undefined)
    })
    expect(hints.statusOf(COMMAND, NODE)).toBe('Success')
    expect(hints.counts).toMatchObject({ ours: 1, strangers: 0 })
  })

  it('of a stranger is counted after a while, and gone', async () => {
    const stage = await IntakeStage.open()
    const hints = stage.watching(COMMAND, [NODE])
    for (let n = 0; n < 30; n++) await stage.send(event(commandId(100 + n), NODE, 'Success'))
    await stage.receive(5 * MINUTE, hints)
    expect([hints.counts, await stage.left()]).toEqual([{ ours: 0, passedOn: 0, strangers: 30, unreadable: 0 }, [0, 0]])
  })

  it('is left in the queue while no command is watched', async () => {
    const stage = await IntakeStage.open()
    await stage.send(event(COMMAND, NODE, 'Success'))
    await stage.receive(HOUR, new Hints())
    expect([await stage.left(), stage.receives()]).toEqual([[1, 0], 0])
  })
})

describe('receivers', () => {
  it('are several while messages come in full tens, and one when it is quiet', async () => {
    const stage = await IntakeStage.open({ latencyMs: 1_000 })
    const hints = stage.watching(COMMAND, [NODE])
    for (let n = 0; n < 600; n++) await stage.send(event(COMMAND, node(n + 2), 'Success'))
    await stage.receive(3 * MINUTE, hints)
    expect(await stage.left()).toEqual([0, 0])
    expect(stage.mostAtOnce).toBe(4)
    const calm = stage.receives()
    await stage.receive(5 * MINUTE, hints)
    // Long polls of 20 s each, one after the other.
    expect(stage.receives() - calm).toBeLessThanOrEqual(16)
    expect(stage.atOnceNow).toBe(0)
  })

  it('stop together at the signal, in the middle of a rush, and lose nothing', async () => {
    const stage = await IntakeStage.open({ latencyMs: 1_000 })
    const hints = stage.watching(COMMAND, [NODE])
    for (let n = 0; n < 200; n++) await stage.send(event(COMMAND, node(n + 2), 'Success'))
    await stage.receive(7 * SECOND, hints)
    const [visible, hidden] = await stage.left()
    expect(visible + hidden).toBeGreaterThan(0)
    await stage.sleepOutside(10 * MINUTE)
    await stage.receive(10 * MINUTE, hints)
    expect(await stage.left()).toEqual([0, 0])
    expect(hints.counts.ours).toBeGreaterThanOrEqual(200)
  })

  it('go on behind an AWS that throttles and breaks', async () => {
    const stage = await IntakeStage.open()
    const hints = stage.watching(
      COMMAND,
      Array.from({ length: 40 }, (_, n) => node(n)),
    )
    for (let n = 0; n < 40; n++) await stage.send(event(COMMAND, node(n), 'Success'))
    stage.disturb('api: { throttled: 30%, failedAfterEffect: 20% }')
    await stage.receive(4 * HOUR, hints)
    stage.disturb('')
    expect([hints.count(COMMAND), await stage.left()]).toEqual([40, [0, 0]])
  })

  it('end with a bug of ours, all of them', async () => {
    const stage = await IntakeStage.open()
    const hints = stage.watching(COMMAND, [NODE])
    let heard = 0
    hints.ended = () => {
      if (++heard > 25) throw new Bug('planted')
      return true
    }
    for (let n = 0; n < 60; n++) await stage.send(event(COMMAND, NODE, 'Success'))
    await expect(stage.receive(10 * MINUTE, hints)).rejects.toThrow('planted')
    const received = stage.receives()
    await stage.sleepOutside(10 * MINUTE)
    expect(stage.receives()).toBe(received)
  })
})

describe('what is no event', () => {
  const hostile: [what: string, body: string, why: RegExp][] = [
    ['text', 'hello', /not JSON/],
    ['an object of nobody', '{"hello":"world"}', /neither/],
    ['a shell in the node’s id', event(COMMAND, 'i-1;reboot', 'Success'), /node id/],
    ['brackets without end', '['.repeat(60_000), /not JSON/],
    ['a prototype', '{"__proto__":{"detail-type":"x"}}', /neither/],
    ['far too long', `{"x":"${'y'.repeat(310_000)}"}`, /too long/],
  ]

  it.each(hostile)('%s: lies in the refused queue with its reason; the rest is used', async (_, body, why) => {
    const stage = await IntakeStage.open({ refused: 'refused' })
    const hints = stage.watching(COMMAND, [NODE])
    await stage.send(body)
    await stage.send(event(COMMAND, NODE, 'Success'))
    await stage.receive(5 * MINUTE, hints)
    const refusals = await stage.refusals()
    expect(refusals).toHaveLength(1)
    expect(refusals[0]?.body).toBe(body.slice(0, 80_000))
    expect(refusals[0]?.attributes).toMatchObject({
      reason: expect.stringMatching(why),
      code: 'event.unreadable',
      region: stage.region,
      sender: 'AIDA999999999999SENDER',
    })
    expect([hints.count(COMMAND), hints.counts.unreadable, await stage.left()]).toEqual([1, 1, [0, 0]])
  })

  it('without such a queue it stays for the redrive, and is told once', async () => {
    const stage = await IntakeStage.open()
    const hints = stage.watching(COMMAND, [NODE])
    await stage.send('no event')
    await stage.receive(HOUR, hints)
    expect(stage.lines.filter((line) => line.includes('is left in the queue'))).toHaveLength(1)
    expect([hints.counts.unreadable, await stage.left(), await stage.left('patchwave-events-dlq')]).toEqual([1, [0, 0], [1, 0]])
  })

  it('stays as long as it cannot be refused, and holds up nothing', async () => {
    const stage = await IntakeStage.open({ refused: 'later' })
    const hints = stage.watching(COMMAND, [NODE])
    await stage.send('no event')
    await stage.send(event(COMMAND, NODE, 'Success'))
    await stage.receive(5 * MINUTE, hints)
    expect([hints.count(COMMAND), (await stage.left()).reduce((a, b) => a + b)]).toEqual([1, 1])
    await stage.create('later')
    await stage.sleepOutside(5 * MINUTE)
    await stage.receive(5 * MINUTE, hints)
    expect([await stage.left(), (await stage.refusals()).length]).toEqual([[0, 0], 1])
  })

  it('in a queue whose messages are never hidden does not make it spin', async () => {
    const stage = await IntakeStage.open()
    await stage.change({ VisibilityTimeout: '0', RedrivePolicy: '' })
    const hints = stage.watching(COMMAND, [NODE])
    for (let n = 0; n < 20; n++) await stage.send('no event')
    await stage.receive(10 * MINUTE, hints)
    expect(stage.receives()).toBeLessThan(150)
  })
})

describe('an event for a run that another process drives', () => {
  const RUN = '019b0000-0000-7000-8000-00000000000a'

  it('lies in its inbox, one note a batch, and is gone from the queue', async () => {
    const stage = await IntakeStage.open()
    await stage.drivenElsewhere(RUN, [COMMAND, commandId(2)])
    const hints = stage.watching(commandId(9), [NODE])
    for (let n = 0; n < 4; n++) await stage.send(event(n % 2 ? COMMAND : commandId(2), node(n), 'Success'))
    await stage.receive(MINUTE, hints)
    const notes = await stage.store.notes(RUN, 99)
    expect(notes.length).toBeLessThanOrEqual(2)
    expect(notes.flatMap(({ data }) => JSON.parse(data) as unknown[]).sort()).toEqual(
      [0, 1, 2, 3].map((n) => [n % 2 ? COMMAND : commandId(2), node(n), 'Success']).sort(),
    )
    expect([hints.counts.passedOn, await stage.left()]).toEqual([4, [0, 0]])
  })

  it('waits while that driver does not read its inbox: nothing is received, and what is held stays hidden', async () => {
    const stage = await IntakeStage.open()
    await stage.drivenElsewhere(RUN, [COMMAND])
    await stage.fillInbox(RUN, 200)
    const hints = stage.watching(commandId(9), [NODE])
    for (let n = 0; n < 30; n++) await stage.send(event(COMMAND, node(n), 'Success'))
    let before: readonly number[] = []
    await stage.receive(20 * MINUTE, hints, async () => {
      for (let minute = 0; minute < 10; minute++) {
        await stage.lease(RUN)
        await stage.sleep(MINUTE - SECOND)
      }
      before = await stage.left()
      expect((await stage.store.notes(RUN, 999)).length, 'no note more').toBe(200)
      await stage.emptyInbox(RUN)
      await stage.lease(RUN)
    })
    expect(before, 'the ten that it holds are hidden, the others wait').toEqual([20, 10])
    expect(stage.receivesOf(event(COMMAND, node(0), 'Success')), 'none came twice').toBe(1)
    const said = (await stage.store.notes(RUN, 999)).flatMap(({ data }) => JSON.parse(data) as unknown[])
    expect([said.length, await stage.left()]).toEqual([30, [0, 0]])
  })

  it('is dropped when nobody drives it and its inbox is full: who takes it reads pages first', async () => {
    const stage = await IntakeStage.open()
    await stage.drivenElsewhere(RUN, [COMMAND])
    await stage.fillInbox(RUN, 200)
    const hints = stage.watching(commandId(9), [NODE])
    await stage.sleepOutside(2 * MINUTE)
    for (let n = 0; n < 30; n++) await stage.send(event(COMMAND, node(n), 'Success'))
    await stage.receive(2 * MINUTE, hints)
    expect([(await stage.store.notes(RUN, 999)).length, await stage.left()]).toEqual([200, [0, 0]])
  })

  it('comes again when the store cannot take it now', async () => {
    const stage = await IntakeStage.open()
    await stage.drivenElsewhere(RUN, [COMMAND])
    const hints = stage.watching(commandId(9), [NODE])
    let failures = 3
    stage.noteAll = (notes) =>
      failures-- > 0 ? Promise.reject(new PatchwaveError('store.busy', 'locked', { hint: 'wait' })) : stage.store.noteAll(notes)
    await stage.send(event(COMMAND, NODE, 'Success'))
    const lasts: Ms = 15 * MINUTE
    await stage.receive(lasts, hints)
    expect((await stage.store.notes(RUN, 9)).map(({ data }) => data)).toEqual([JSON.stringify([[COMMAND, NODE, 'Success']])])
    expect(await stage.left()).toEqual([0, 0])
    expect(plus(stage.start, lasts)).toBe(stage.clock.now())
  })
})
