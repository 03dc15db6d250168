import { execFileSync } from 'node:child_process'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nap } from '../../src/adapters/system/system-clock.ts'
import { runbookText } from '../scenarios/documents.ts'
import { eventually, page, Yard, type Line, type Process, type Site } from './processes.ts'

/** At 600 times the speed an hour passes in six seconds: windows are wide, and what a busy machine did not reach goes on in the next one. */
const HOURLY = 'schedule: "cron(0 * * * ? *)", duration: 55m, late: 50m, unfinished: next-window'
const text = (name: string, account: string, sections = {}): string =>
  runbookText(name, {
    scope: `{ accounts: [${account}], regions: [us-east-1, eu-west-1], match: { tags: { PatchGroup: monthly } } }`,
    window: `{ ${HOURLY} }`,
    limit: '{ share: 100% }',
    checks: '{ agents: { type: agent-ping } }',
    waves: '[{ name: canary, take: 1, gate: { bake: 1m } }, { name: rest, take: rest, concurrency: 2, gate: { bake: 1m } }]',
    ...sections,
  })

let yard: Yard

beforeAll(async () => {
  yard = await Yard.open()
})

afterAll(async () => {
  await yard.close()
})

const is =
  (type: string, more: Line = {}) =>
  (line: Line): boolean =>
    line['type'] === type && Object.entries(more).every(([key, value]) => line[key] === value)

/** No transaction of these runs was begun twice on a node. */
async function onceEach(site: Site): Promise<void> {
  const runs = new Set((await site.runs()).map(({ run }) => run))
  const begun = (await yard.ledger()).filter(({ token, transaction }) => transaction !== null && runs.has(token.split('.')[0] ?? ''))
  const attempts = begun.map(({ node, token }) => `${node} ${token}`)
  expect(attempts.length).toBeGreaterThan(0)
  expect(attempts.toSorted()).toEqual([...new Set(attempts)].toSorted())
}

const stateOf = async (site: Site, run: unknown): Promise<unknown> => (await site.runs()).find((row) => row['run'] === run)?.['state']

describe('a served store', { timeout: 180_000 }, () => {
  it('starts by the schedule, goes on after kill -9, and leaves at SIGTERM what another process goes on with at once', async () => {
    const site = await yard.site('first', { 'hourly.yaml': text('hourly', 'prod-us') })
    const first = await site.serve()
    const { run } = await first.process.line(is('wave.started'))
    await first.process.end('SIGKILL')

    const second = await site.serve()
    await second.process.line((line) => line['run'] === run && line['type'] !== 'service.started')
    expect(await second.process.end('SIGTERM')).toBe(0)
    expect(second.process.lines.at(-1)).toMatchObject({ type: 'service.stopped' })
    expect(second.process.errors).not.toMatch(/bug|unhandled|Warning/i)

    const third = await site.serve()
    expect(await third.process.line(is('run.finished', { run }))).toMatchObject({ act: 'rollout', data: { outcome: 'succeeded' } })
    const { body } = await page(`${third.url}/api/schedule`)
    expect(body['next']).toMatchObject([{ runbook: 'hourly', act: 'rollout' }])
    expect(await third.process.end('SIGTERM')).toBe(0)
    await onceEach(site)
    expect((await site.say(['audit', 'verify'])).lines.at(-1)).toMatchObject({ ok: true })
  })

  it('by two services: each opening has one run, and what a stopped one drove the other one ends', async () => {
    const site = await yard.site('pair', { 'hourly.yaml': text('hourly', 'prod-eu') })
    const pair = [await site.serve(), await site.serve()]
    const started = await Promise.race(pair.map(async (one) => ({ one, line: await one.process.line(is('wave.started')) })))
    const other = pair.find((one) => one !== started.one)
    const ended = other?.process.line((line) => line['run'] === started.line['run'] && line['type'] === 'run.finished')
    for (let stopped = true; stopped;) {
      started.one.process.child.kill('SIGSTOP')
      stopped = (await Promise.race([ended?.then(() => false), nap(4_000).then(() => true)])) ?? false
      started.one.process.child.kill('SIGCONT')
      // It may have been stopped while it held the lock of the store's file: then nobody can go on.
      if (stopped) await nap(200)
    }
    await eventually(() => site.runs(), (runs) => runs.filter((row) => row['state'] === 'succeeded').length > 1) // prettier-ignore
    for (const { process } of pair) expect(await process.end('SIGTERM')).toBe(0)
    const trail = (await site.say(['audit', 'list'])).lines
    const openings = trail.flatMap((entry) => (entry['type'] === 'run.requested' ? [(entry['data'] as Line)['opening']] : []))
    expect(openings.length).toBeGreaterThan(1)
    expect(openings).toEqual([...new Set(openings)])
    await onceEach(site)
  })
})

describe('other processes beside it', { timeout: 180_000 }, () => {
  let site: Site
  let service: Readonly<{ process: Process; url: string }>

  beforeAll(async () => {
    const gated = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 1m, approval: { group: sre-leads, expires: 7d } } }]'
    site = await yard.site('steered', { 'by-hand.yaml': text('by-hand', 'staging', { window: '', waves: gated }) })
    service = await site.serve()
  })

  it('put runs on record that it drives, and steer them: resting or driven, each wish is answered', async () => {
    const { lines, code } = await site.say(['run', site.path('by-hand.yaml'), '--detach', '--reason', 'CHG-1'])
    const { run } = lines[0] ?? {}
    expect([code, lines[0]?.['type']]).toEqual([0, 'run.requested'])
    expect(await site.say(['pause', String(run), '--reason', 'wait'])).toMatchObject({ code: 0, lines: [{ recorded: true }] })
    expect(await site.say(['resume', String(run), '--reason', 'go on'])).toMatchObject({ code: 0, lines: [{ recorded: true }] })
    const { data } = await service.process.line(is('approval.asked', { run }))
    expect(data).toMatchObject({ group: 'sre-leads' })
    expect(await stateOf(site, run)).not.toBe('succeeded')
    // Nothing of it runs now: whoever is there first takes the answer, and the run ends.
    const approved = await site.say(['approve', String(run), '--reason', 'graphs are flat'], yard.person('alice'))
    expect(approved).toMatchObject({ code: 0, lines: [{ recorded: true }] })
    await eventually(() => stateOf(site, run), (state) => state === 'succeeded') // prettier-ignore
  })

  it('abort what it drives', async () => {
    const { lines } = await site.say(['run', site.path('by-hand.yaml'), '--detach', '--reason', 'CHG-2'])
    const { run } = lines[0] ?? {}
    await service.process.line(is('wave.started', { run }))
    expect((await site.say(['abort', '--all', '--reason', 'INC-1'])).code).toBe(0)
    await eventually(() => stateOf(site, run), (state) => state === 'aborted') // prettier-ignore
  })

  it('change runbook files: a better one is taken, a wrong one told, one that is gone let go', async () => {
    const schedule = async (): Promise<{ next: Line[]; runbooks: Line[] }> => {
      const { next, runbooks } = (await page(`${service.url}/api/schedule`)).body as { next: Line[]; runbooks: Line[] }
      return {
        next: next.filter(({ runbook }) => runbook === 'daily'),
        runbooks: runbooks.filter(({ file }) => String(file).includes('daily')),
      }
    }
    const daily = (hour: number): string =>
      text('daily', 'staging', { window: `{ schedule: "cron(0 ${String(hour)} * * ? 2030)", duration: 2h }` })
    await site.write('daily.yaml', daily(3))
    await eventually(schedule, ({ next }) => String(next[0]?.['opens']).includes('T03:00'))
    await site.write('daily.yaml', daily(5))
    await eventually(schedule, ({ next }) => String(next[0]?.['opens']).includes('T05:00'))
    await site.write('daily.yaml', daily(7).replace('schedule:', 'shedule:'))
    const wrong = await eventually(schedule, ({ runbooks }) => String(runbooks[0]?.['problem']).includes('shedule'))
    expect(String(wrong.next[0]?.['opens'])).toContain('T05:00')
    await site.write('daily.yaml', daily(9))
    await eventually(schedule, ({ next }) => String(next[0]?.['opens']).includes('T09:00'))
    await rename(site.path('daily.yaml'), site.path('new-daily.yaml'))
    await eventually(schedule, ({ runbooks, next }) => String(runbooks[0]?.['file']).endsWith('new-daily.yaml') && next.length === 1)
    await writeFile(site.path('zz-daily.yaml'), daily(11))
    const twins = await eventually(schedule, ({ runbooks }) => runbooks.length === 2)
    expect(twins.runbooks.map(({ problem }) => problem)).toEqual([null, expect.stringContaining('has the name daily already')])
    await rm(site.path('zz-daily.yaml'))
    await rm(site.path('new-daily.yaml'))
    await eventually(schedule, ({ next, runbooks }) => next.length === 0 && runbooks.length === 0)
  })

  it('hear of it when its folder hangs, and when it does no more', async () => {
    // A pipe that nobody writes to: reading it never ends, as with a file server that is away.
    execFileSync('mkfifo', [site.path('hangs.yaml')])
    const statuses: number[] = []
    const health = async (): Promise<number> => {
      const { status } = await page(`${service.url}/health`)
      statuses.push(status)
      return status
    }
    await eventually(health, () => statuses.length >= 20 && statuses.slice(-20).every((status) => status === 503))
    await writeFile(site.path('hangs.yaml'), 'spec: [') // Read once: what is no YAML is not looked at again.
    await rm(site.path('hangs.yaml'))
    await eventually(health, (status) => status === 200)
  })

  it('stand in each other’s way with a port', async () => {
    const port = new URL(service.url).port
    const second = await site.say(['serve', '--port', port])
    expect(second.code).toBe(2)
    expect(second.errors).toContain('port.busy')
    expect((await page(`${service.url}/api/version`)).status).toBe(200)
  })
})

describe('serve', { timeout: 180_000 }, () => {
  it('says what is wrong with a store that it cannot use', async () => {
    const site = await yard.site('no-store', {})
    const one = yard.start(['serve', '--port', '0', '--store', join(site.folder, 'config.yaml', 'store.db'), '--json'])
    expect(await one.ended).toBe(2)
    expect(one.errors).toContain('store.unusable')
  })

  it('tells a folder of runbooks that is not there', async () => {
    const site = await yard.site('no-folder', {})
    await rm(join(site.folder, 'runbooks'), { recursive: true })
    const { process, url } = await site.serve()
    const runbooks = async (): Promise<unknown> => (await page(`${url}/api/schedule`)).body['runbooks']
    const told = await eventually(runbooks, (all) => Array.isArray(all) && all.length > 0)
    expect(told).toMatchObject([{ file: join(site.folder, 'runbooks'), problem: expect.stringContaining('ENOENT') as string }])
    expect(await process.end('SIGTERM')).toBe(0)
  })

  it('waits for AWS that is away, tells it, and goes on when it is back', async () => {
    await yard.faults('api: { throttled: 100% }')
    const site = await yard.site('away', { 'hourly.yaml': text('hourly', 'prod-us') })
    const service = await site.serve()
    const health = async (): Promise<string> => JSON.stringify((await page(`${service.url}/health`)).body['problems'])
    await eventually(health, (problems) => problems.includes('aws.'))
    await yard.faults(null)
    await service.process.line(is('run.finished'))
    await eventually(health, (problems) => problems === '[]')
    expect(await service.process.end('SIGTERM')).toBe(0)
    expect(service.process.errors.split('\n').length).toBeLessThan(100)
  })
})
