import { describe, expect, it } from 'vitest'
import { EVENTS_NOTE, eventsData, eventsIn } from '../../src/engine/inbox-events.ts'
import { Hints } from '../../src/engine/hints.ts'
import { Strays, type Said } from '../../src/engine/strays.ts'
import { MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { fleet, group, START } from '../scenarios/documents.ts'
import { given } from '../scenarios/given.ts'
import { commandId, node, NODE } from './intake-stage.ts'

const said = (n: number): Said => ({ command: commandId(n), node: NODE, status: 'Success' })

describe('a note of events', () => {
  it('is read as it was written', () => {
    expect(eventsIn({ kind: EVENTS_NOTE, data: eventsData([said(1), said(2)]) })).toEqual([said(1), said(2)])
  })

  it.each([
    ['another kind', 'pause', '[]'],
    ['no JSON', EVENTS_NOTE, '['],
    ['no list', EVENTS_NOTE, '{}'],
    ['a row of something else', EVENTS_NOTE, '[["a","b",1]]'],
    ['a short row', EVENTS_NOTE, '[["a"]]'],
  ])('is none when it is %s', (_, kind, data) => {
    expect(eventsIn({ kind, data })).toBeUndefined()
  })
})

describe('the inbox of a run', () => {
  const scene = () =>
    given(fleet([group('prod-us', 4)]))
      .runbook({ waves: '[{ name: all, take: rest, concurrency: 1, gate: { bake: 1m } }]' })
      .when()

  it('is emptied of a flood of events before a word that lies behind it is answered, at once', async () => {
    const then = await scene()
      .at('CommandSent', { n: 1 }, ({ stage, state, say, later }) => {
        const note = { run: state.run, at: stage.clock.now(), kind: EVENTS_NOTE, data: eventsData([said(1)]) }
        void stage.store.noteAll(Array.from({ length: 950 }, () => note))
        later(SECOND, () => say('abort'))
      })
      .runs()
    const [sent] = then.facts('CommandSent')
    const [asked] = then.facts('AbortAsked')
    expect((asked?.at ?? 0) - (sent?.at ?? 0)).toBeLessThan(10 * SECOND)
    expect(await then.stage.store.notes(then.state().run, 9)).toEqual([])
    then.ends('aborted')
  })

  it('has no use for events that lay there too long, nor for what cannot be read; that is on record', async () => {
    const hints: string[] = []
    const ended = Hints.prototype.ended
    Hints.prototype.ended = function (this: Hints, ...event) {
      hints.push(event[0])
      return ended.apply(this, event)
    }
    try {
      const then = await scene()
        .at('CommandSent', { n: 1 }, ({ stage, state: { run } }) => {
          const { clock, store } = stage
          void store.noteAll([
            { run, at: plus(clock.now(), -10 * MINUTE - 1), kind: EVENTS_NOTE, data: eventsData([said(1)]) },
            { run, at: plus(clock.now(), -9 * MINUTE), kind: EVENTS_NOTE, data: eventsData([said(2)]) },
            { run, at: clock.now(), kind: EVENTS_NOTE, data: 'spoiled' },
          ])
        })
        .runs()
      then.ends('succeeded').nodes({ patched: 4 })
      expect([hints.includes(commandId(1)), hints.includes(commandId(2))]).toEqual([false, true])
      expect(then.facts('MessageUnread')).toMatchObject([{ bytes: 7, reason: 'a note of kind events' }])
    } finally {
      Hints.prototype.ended = ended
    }
  })
})

describe('hints', () => {
  it('forget a command wholly, and let those wait who wait for one', async () => {
    const hints = new Hints()
    hints.watch(commandId(1), new Set([NODE]), () => undefined)
    expect(hints.ended(commandId(1), NODE, 'Success')).toBe(true)
    hints.forget(commandId(1))
    expect([hints.ended(commandId(1), NODE, 'Success'), hints.count(commandId(1))]).toEqual([false, 0])
    let awake = false
    const waiting = hints.wanted(new AbortController().signal).then(() => (awake = true))
    await Promise.resolve()
    expect(awake).toBe(false)
    hints.watch(commandId(2), new Set([node(2)]), () => undefined)
    await waiting
    expect(awake).toBe(true)
  })
})

it('strays are looked for twice more, and never more than a thousand are kept', () => {
  const strays = new Strays()
  const at = (ms: number) => plus(START, ms)
  expect(strays.keep([{ said: said(1), asked: 0 }], at(0))).toBe(0)
  expect([strays.due(at(19 * SECOND)).length, strays.due(at(20 * SECOND)).length, strays.due(at(MINUTE)).length]).toEqual([0, 1, 0])
  expect(strays.keep([{ said: said(1), asked: 1 }], at(0))).toBe(0)
  const [again] = strays.due(at(MINUTE))
  expect(again).toEqual({ said: said(1), asked: 2 })
  expect(strays.keep(again ? [again] : [], at(MINUTE))).toBe(1)
  const many = Array.from({ length: 1_200 }, (_, n) => ({ said: said(n), asked: 0 }))
  expect([strays.keep(many, at(0)), strays.due(at(MINUTE)).length]).toEqual([200, 1_000])
})
