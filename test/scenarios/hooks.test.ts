import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../src/core/run/event.ts'
import { planRollout } from '../../src/engine/planning.ts'
import { HOUR, MINUTE } from '../../src/kit/instant.ts'
import { faults, fleet, group, runbook } from './documents.ts'
import { given } from './given.ts'
import { done, killedOnce, withDocuments, withSends } from './sends.ts'
import { Stage } from './stage.ts'
import type { Then } from './then.ts'

const FOUR = fleet([group('prod-us', 4)])
const WAVES = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]'
const LENIENT = '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 100%, bake: 0s } }]'
const script = (name: string, more = ''): string => `{ script: /opt/app/bin/${name}, timeout: 2m${more} }`
const ALL = `{ beforeNode: ${script('quiesce')}, afterNode: ${script('warm')}, onExit: ${script('open')} }`
const bad = (name: string, how: 'fails' | 'hangs' = 'fails'): string => `documents: [{ match: '*${name}', ${how}: 100% }]`

/** What ran on one node, in order, without what only reads. */
const ranOn = (then: Then, node: string): string[] =>
  then.stage.sandbox
    .ledger()
    .filter((row) => row.node === node && row.document !== 'Patchwave-Check')
    .map(({ document, verdict }) => `${document.replace('Patchwave-', '')} ${String(verdict)}`)

/** How often a document ran on each node. */
const timesRun = (stage: Stage, document: string): number[] =>
  stage.sandbox.nodes().map(({ node }) => stage.sandbox.ledger().filter((row) => row.node === node && row.document === document).length)

const FOUR_TIMES = (count: number): number[] => [count, count, count, count]

const reasons = (then: Then): string[] => [...new Set(then.all().map(({ outcome, reason }) => `${outcome}: ${reason}`))]

describe('hooks', () => {
  it('run around each change, in order', async () => {
    const then = await given(FOUR).runbook({ hooks: ALL }).when().runs()
    then.ends('succeeded', 'all gates passed').nodes({ patched: 4 })
    for (const { node } of then.all()) expect(ranOn(then, node)).toEqual(['Hook passed', 'Apply patched', 'Hook passed', 'Hook passed'])
    expect(Object.keys(then.state().plan.documents)).toContain('Patchwave-Hook')
  })

  it('need no document of ours where they are documents of the owner', async () => {
    const stage = new Stage({ fleet: FOUR })
    await withDocuments(stage, ['Acme-Quiesce'])
    const then = await done(
      stage,
      await stage.start(),
      runbook('owner', { waves: WAVES, hooks: '{ beforeNode: { document: Acme-Quiesce } }' }),
    )
    then.ends('succeeded').nodes({ patched: 4 })
    expect(timesRun(stage, 'Acme-Quiesce')).toEqual([1, 1, 1, 1])
    expect(Object.keys(then.state().plan.documents)).not.toContain('Patchwave-Hook')
  })

  it('of ours are found by their comment when every answer is lost: the node’s marker makes copies harmless', async () => {
    const stage = new Stage({ fleet: FOUR })
    const process = withSends(await stage.start(), ({ document }) => (document.name === 'Patchwave-Hook' ? 'lost' : 'answered'))
    const then = await done(stage, process, runbook('lost', { waves: WAVES, hooks: ALL }))
    then.ends('succeeded').nodes({ patched: 4 })
    const passed = stage.sandbox.ledger().filter(({ document, token }) => document === 'Patchwave-Hook' && token.endsWith('.1'))
    expect(passed.length).toBeGreaterThan(4) // Copies came to each node, and repeated the first one's word.
    expect(new Set(passed.map(({ verdict }) => verdict))).toEqual(new Set(['passed']))
  })

  // prettier-ignore
  it.each<[hook: string, name: string, how: 'fails' | 'hangs', onFailure: string, ends: string, ran: string[]]>([
    ['beforeNode', 'quiesce', 'fails', 'skip-node', 'skipped: hook-failed',  ['Hook failed', 'Hook passed']],
    ['beforeNode', 'quiesce', 'hangs', 'skip-node', 'skipped: hook-timeout', ['Hook failed', 'Hook passed']],
    ['beforeNode', 'quiesce', 'fails', 'fail-node', 'failed: hook-failed',   ['Hook failed', 'Hook passed']],
    ['afterNode',  'warm',    'fails', 'fail-node', 'failed: hook-failed',   ['Hook passed', 'Apply patched', 'Hook failed', 'Hook passed']],
    ['afterNode',  'warm',    'hangs', 'fail-node', 'failed: hook-timeout',  ['Hook passed', 'Apply patched', 'Hook failed', 'Hook passed']],
    ['onExit',     'open',    'fails', 'fail-node', 'failed: hook-failed',   ['Hook passed', 'Apply patched', 'Hook passed', 'Hook failed']],
  ])('%s that %s %s with %s: %s', async (hook, name, how, onFailure, ends, ran) => {
    const rules = { beforeNode: script('quiesce'), afterNode: script('warm'), onExit: script('open') }
    const hooks = Object.entries({ ...rules, [hook]: script(name, `, onFailure: ${onFailure}`) }).map(([key, rule]) => `${key}: ${rule}`)
    const then = await given(FOUR)
      .faults(bad(name, how))
      .runbook({ waves: LENIENT, hooks: `{ ${hooks.join(', ')} }` })
      .when()
      .runs()
    expect(reasons(then)).toEqual([ends])
    for (const { node } of then.all()) expect(ranOn(then, node)).toEqual(ran)
    expect(then.state().notBack.size).toBe(hook === 'onExit' ? 4 : 0)
  })

  it('that stop the wave let nothing more begin, and its gate fails', async () => {
    const waves = '[{ name: all, take: rest, concurrency: 1, gate: { failures: 100%, bake: 0s } }]'
    const then = await given(FOUR)
      .faults(bad('quiesce'))
      .runbook({ waves, hooks: `{ beforeNode: ${script('quiesce', ', onFailure: stop-wave')} }` })
      .when()
      .runs()
    then.ends('rolled-back').nodes({ failed: 1, skipped: 3 })
    expect(then.facts('GateDecided')).toMatchObject([{ verdict: 'fail', why: ['hook-failed'] }])
    then.versionsAreAsBefore()
  })

  it('after a node that fail send the wave back, and run in the rollback too', async () => {
    const then = await given(FOUR)
      .faults(bad('warm'))
      .runbook({ waves: WAVES, hooks: `{ afterNode: ${script('warm')} }` })
      .when()
      .runs()
    then.nodes({ 'rollback-failed': 4 }).versionsAreAsBefore()
    expect(reasons(then)).toEqual(['rollback-failed: hook-failed'])
    for (const { node } of then.all())
      expect(ranOn(then, node)).toEqual(['Apply patched', 'Hook failed', 'Rollback rolled-back', 'Hook failed'])
  })

  it('on exit run also when a person aborts', async () => {
    const then = await given(FOUR)
      .runbook({ waves: WAVES, hooks: `{ onExit: ${script('open')} }` })
      .when()
      .at('CommandSent', {}, ({ say }) => {
        say('abort')
      })
      .runs()
    then.ends('aborted')
    const ended = then.stage.sandbox.ledger().filter(({ document }) => document === 'Patchwave-Hook')
    expect(new Set(ended.map(({ node }) => node))).toEqual(new Set(then.stage.sandbox.nodes().map(({ node }) => node)))
    expect(then.state().notBack.size).toBe(0)
  })
})

describe('hooks that are documents of the owner', () => {
  const OWNER = {
    waves: LENIENT,
    hooks: '{ beforeNode: { document: Acme-Quiesce, timeout: 2m }, onExit: { document: Acme-Open, timeout: 2m } }',
  }
  const BOOK = runbook('owner', OWNER)
  const registered = async (stage: Stage): Promise<Stage> => {
    await withDocuments(stage, ['Acme-Quiesce', 'Acme-Open'])
    return stage
  }

  // prettier-ignore
  it.each<[what: string, lines: string, ends: string]>([
    ['fail',  "documents: [{ match: Acme-Quiesce, fails: 100% }]", 'skipped: hook-failed'],
    ['hang',  "documents: [{ match: Acme-Quiesce, hangs: 100% }]", 'skipped: hook-timeout'],
  ])('are judged by SSM’s word when they %s', async (_, lines, ends) => {
    const stage = await registered(new Stage({ fleet: FOUR, faults: faults(lines) }))
    const then = await done(stage, await stage.start(), BOOK)
    expect(reasons(then)).toEqual([ends])
    expect(timesRun(stage, 'Acme-Open')).toEqual([1, 1, 1, 1])
  })

  it('leave the nodes alone when there is no such document', async () => {
    const stage = new Stage({ fleet: FOUR })
    const then = await done(stage, await stage.start(), BOOK)
    expect(reasons(then)).toEqual(['failed: hook-refused']) // Skipped at first; but what opens the nodes again could not run either.
    then.versionsAreAsBefore()
  })

  it('that do not exist are named by the plan, with the cells that lack them', async () => {
    const stage = new Stage({ fleet: FOUR })
    const { world } = await stage.start()
    const warnings = () =>
      stage.run(async () => (await planRollout(world, { runbook: BOOK, inputs: {} }, new AbortController().signal)).warnings)
    expect(await warnings()).toContain(
      'document Acme-Open, which a hook names, does not exist in 222222222222/us-east-1: the hook would be refused there',
    )
    await withDocuments(stage, ['Acme-Quiesce', 'Acme-Open'])
    expect((await warnings()).filter((one) => one.includes('Acme-'))).toEqual([])
  })

  it('whose send is unclear are found by their comment and not sent again', async () => {
    const stage = await registered(new Stage({ fleet: FOUR, faults: faults('listCommands: { lag: 1m }') }))
    const process = withSends(await stage.start(), ({ document }) => (document.hash === null ? 'lost' : 'answered'))
    const then = await done(stage, process, BOOK)
    then.ends('succeeded').nodes({ patched: 4 })
    expect(timesRun(stage, 'Acme-Quiesce')).toEqual([1, 1, 1, 1])
    expect(timesRun(stage, 'Acme-Open')).toEqual([1, 1, 1, 1])
  })

  it('that SSM never shows count as failed before a change, and are sent again on exit', async () => {
    const stage = await registered(new Stage({ fleet: FOUR }))
    const process = withSends(await stage.start(), ({ document }, before) =>
      document.hash === null && before === 0 ? 'unsent' : 'answered',
    )
    const then = await done(stage, process, BOOK)
    expect(reasons(then)).toEqual(['skipped: hook-unknown'])
    expect(timesRun(stage, 'Acme-Quiesce')).toEqual([0, 0, 0, 0])
    expect(timesRun(stage, 'Acme-Open')).toEqual([1, 1, 1, 1])
    then.versionsAreAsBefore()
  })
})

describe('hooks and a driver that dies', () => {
  const HOOKS = {
    script: ALL,
    document: '{ beforeNode: { document: Acme-Quiesce }, afterNode: { document: Acme-Warm }, onExit: { document: Acme-Open } }',
  }

  // prettier-ignore
  it.each<[kind: 'script' | 'document', step: string, side: 'before' | 'after', laterMs: number]>([
    ['script',   'hook-before', 'after',  MINUTE],
    ['script',   'hook-after',  'after',  3 * HOUR],
    ['script',   'hook-exit',   'after',  MINUTE],
    ['script',   'hook-exit',   'after',  3 * HOUR],
    ['script',   'hook-exit',   'before', HOUR],
    ['document', 'hook-exit',   'after',  MINUTE],
    ['document', 'hook-exit',   'after',  3 * HOUR],
  ])('%s: killed around %s (%s), back after %s ms: each hook has run', async (kind, step, side, laterMs) => {
    const stage = new Stage({ fleet: FOUR })
    if (kind === 'document') await withDocuments(stage, ['Acme-Quiesce', 'Acme-Warm', 'Acme-Open'])
    const strikes = (event: { type: string; step?: string }): boolean => event.type === 'StepIntended' && event.step === step
    const then = await killedOnce(stage, runbook('dies', { waves: WAVES, hooks: HOOKS[kind] }), { strikes, side, laterMs })
    then.ends('succeeded').nodes({ patched: 4 })
    if (kind === 'script') for (const { node } of then.all()) expect(ranOn(then, node)).toEqual(['Hook passed', 'Apply patched', 'Hook passed', 'Hook passed'])
    else expect(timesRun(stage, 'Acme-Open')).toEqual([1, 1, 1, 1])
  })

  // prettier-ignore
  it.each<[step: 'hook-before' | 'hook-exit', side: 'before' | 'after', ends: string, quiesced: number, opened: number]>([
    ['hook-before', 'before', 'patched: installed',    1, 1],
    ['hook-before', 'after',  'skipped: hook-unknown', 0, 1], // It might have been sent in that moment; only what opens the node again may be repeated.
    ['hook-exit',   'before', 'patched: installed',    1, 1],
    ['hook-exit',   'after',  'patched: installed',    1, 1],
  ])('%s: killed %s it was said that the document is about to be sent: %s', async (step, side, ends, quiesced, opened) => {
    const stage = new Stage({ fleet: FOUR })
    await withDocuments(stage, ['Acme-Quiesce', 'Acme-Warm', 'Acme-Open'])
    const ids = new Set<number>()
    const strikes = (event: RunEvent): boolean => {
      if (event.type === 'StepIntended' && event.step === step) ids.add(event.id)
      return event.type === 'StepFound' && ids.has(event.id)
    }
    const then = await killedOnce(stage, runbook('dies', { waves: LENIENT, hooks: HOOKS.document }), { strikes, side, laterMs: MINUTE })
    expect(reasons(then)).toEqual([ends])
    expect(timesRun(stage, 'Acme-Quiesce')).toEqual(FOUR_TIMES(quiesced))
    expect(timesRun(stage, 'Acme-Open')).toEqual(FOUR_TIMES(opened))
  })
})
