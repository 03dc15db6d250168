import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { planned } from '../../src/core/run/state.ts'
import { eventsIn } from '../../src/engine/inbox-events.ts'
import type { Ms } from '../../src/kit/instant.ts'
import type { Store } from '../../src/ports/store.ts'
import { EVENTS_QUEUE, type Sandbox } from '../../src/sandbox/sandbox.ts'
import { fleet, group, runbook } from './documents.ts'
import { given } from './given.ts'
import { Stage } from './stage.ts'
import type { Then } from './then.ts'
import { When } from './when.ts'

const WAVES = '[{ name: all, take: rest, concurrency: 5, gate: { bake: 1m, failures: 5 } }]'

describe('two processes on one store', () => {
  /** Two runs, each driven by a process of its own; both receive from the one queue of the region. */
  async function pair(passes: boolean): Promise<Readonly<{ then: Then; tookMs: Ms; passed: number }>> {
    const groups = ['first', 'second'].map((name) => group('prod-us', 30, { tags: { PatchGroup: name } }))
    let passed = 0
    const inner = openMemoryStore()
    const noteAll: Store['noteAll'] = (notes) => {
      passed += notes.reduce((sum, note) => sum + (eventsIn(note)?.length ?? 0), 0)
      return passes ? inner.noteAll(notes) : Promise.resolve()
    }
    const stage = new Stage({ fleet: fleet(groups), store: withNotes(inner, noteAll) })
    const books = ['first', 'second'].map((name) =>
      runbook(name, {
        scope: `{ accounts: [prod-us], regions: [us-east-1], match: { tags: { PatchGroup: ${name} } } }`,
        waves: WAVES,
      }),
    )
    const then = await new When(stage, books, {}).runs()
    return { then, tookMs: stage.clock.now() - stage.fleet.start, passed }
  }

  const withNotes = (inner: Store, noteAll: Store['noteAll']): Store =>
    new Proxy(inner, {
      get: (target, key) => {
        if (key === 'noteAll') return noteAll
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })

  it('pass events on to each other’s runs, which so go on as fast as alone', async () => {
    const { then, tookMs, passed } = await pair(true)
    for (const book of [0, 1]) then.ends('succeeded', '', book).nodes({ patched: 30 }, book)
    expect(passed).toBeGreaterThan(10)
    const without = await pair(false)
    for (const book of [0, 1]) without.then.ends('succeeded', '', book).nodes({ patched: 30 }, book)
    expect(tookMs).toBeLessThan(0.9 * without.tookMs)
  })

  it('leave no note and no command behind, nor a word of them in a journal', async () => {
    const { then } = await pair(true)
    const ids = then.facts('CommandSent').map(({ commandId }) => commandId)
    expect(ids.length).toBeGreaterThan(10)
    expect([...(await then.stage.store.senders(ids))]).toEqual([])
    expect(then.facts('MessageUnread')).toEqual([])
  })
})

const reads = (sandbox: Sandbox): number =>
  sandbox.calls().reduce((sum, { call, count }) => sum + (call === 'ssm.ListCommandInvocations' ? count : 0), 0)

describe('false events', () => {
  it('that a whole command has failed make it be read a few times more, and decide nothing', async () => {
    const honest = await given(fleet([group('prod-us', 20)]))
      .runbook({ waves: ALL })
      .when()
      .runs()
    const then = await given(fleet([group('prod-us', 20)]))
      .runbook({ waves: ALL })
      .when()
      .at('CommandSent', { n: 1 }, ({ state, process: { world }, fact: { event } }) => {
        if (event.type !== 'CommandSent') return
        const cell = { account: world.home.account, region: 'us-east-1' }
        for (const position of state.commands.get(1)?.nodes ?? []) {
          const body = JSON.stringify({ commandId: event.commandId, instanceId: planned(state, position).node, status: 'Failed' })
          const message = { body, attributes: { of: 'nobody' }, group: 'g', deduplication: 'd' }
          void world.queue.send(cell, EVENTS_QUEUE, message, new AbortController().signal)
        }
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 20 })
    const more = reads(then.stage.sandbox) - reads(honest.stage.sandbox)
    expect(more).toBeGreaterThan(3)
    expect(more, 'twice a minute at most').toBeLessThan(80)
  })

  const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 1m } }]'
})
