import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { App, Rehearsal } from '../../src/cli/app.ts'
import { jsonFollower } from '../../src/cli/follow/json-follower.ts'
import { verifyRun } from '../../src/cli/trail.ts'
import { tellEnds } from '../../src/cli/outcome.ts'
import { runCli } from '../../src/cli/program.ts'
import type { Config } from '../../src/config/config.ts'
import type { Actor } from '../../src/core/run/event.ts'
import { planText, readPlan } from '../../src/core/plan/make.ts'
import { parseRunbook } from '../../src/core/runbook/parse.ts'
import { planRollout } from '../../src/engine/planning.ts'
import type { Store } from '../../src/ports/store.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { parseYamlDocument } from '../../src/kit/document.ts'
import { DAY, plus } from '../../src/kit/instant.ts'
import { rehearse } from '../../src/rehearsal.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import { cli, remembering, type Printed } from './stand-in.ts'

const FLEET = `
apiVersion: patchwave/v1
kind: Fleet
seed: 3
start: 2026-01-01T00:00:00Z
groups:
  - { account: staging, region: us-east-1, count: 2, platform: amazon-linux-2023, amis: 1, zones: 1, tags: { Env: staging } }
  - { account: prod-us, region: us-east-1, count: 5, platform: amazon-linux-2023, amis: 1, zones: 1, tags: { Env: prod } }
commandTime: { median: 8m, p95: 15m }
`

const RUNBOOK = `
apiVersion: patchwave/v1
kind: Runbook
metadata: { name: night }
scope: { accounts: [staging, prod-us], regions: [us-east-1] }
window: { schedule: "cron(0 3 ? * SUN *)", timezone: UTC, duration: 6h, cutoff: 1h }
patches: { approve: [ { names: ["*"] } ] }
test: { match: { tags: { Env: [staging] } }, lead: 1d, perAmi: 1, soak: 10m, checks: [] }
baseline: { path: "/patchwave/{runbook}/{account}/{image}", maxAge: 14d, approval: { group: sre, count: 1, expires: 24h } }
limit: { share: 100% }
waves:
  - { name: canary, take: 1 }
  - { name: rest, take: rest, concurrency: 2 }
rollback: { on: gate-failed, scope: wave, method: packages }
`

const config: Config = {
  control: { account: '999999999999', region: 'us-east-1' },
  accounts: {
    staging: { id: '111111111111', role: 'arn:aws:iam::111111111111:role/P', externalId: null },
    'prod-us': { id: '222222222222', role: 'arn:aws:iam::222222222222:role/P', externalId: null },
  },
  groups: { sre: { members: ['alice', 'bob'] } },
  imageLineageTag: null,
  events: { queue: 'patchwave-events', refused: null },
  freezes: [],
  triggers: null,
  patchManager: null,
  debt: { rebootWithinMs: 30 * DAY },
  runbooks: ['runbooks'],
  store: ':memory:',
  regions: ['us-east-1'],
}

/** One fleet and one store, on which command lines follow one another as a person would type them. */
class Desk {
  readonly rehearsal: Rehearsal
  readonly parts: Partial<App>
  readonly files = new Map<string, string>([['night.yaml', RUNBOOK]])
  actor: Actor = { kind: 'cli', id: 'operator' }

  constructor(rehearsal: Rehearsal) {
    this.rehearsal = rehearsal
    const { world } = rehearsal
    const session = {
      world: { ...world, groups: new Map([['sre', ['alice', 'bob']]]) },
      actor: () => Promise.resolve(this.actor),
      close: () => Promise.resolve(),
    }
    this.parts = {
      readFile: (path) => Promise.resolve(new TextEncoder().encode(this.files.get(path) ?? '')),
      writeFile: (path, text) => {
        this.files.set(path, text)
        return Promise.resolve()
      },
      openStore: () =>
        Promise.resolve({ store: world.store, now: () => world.clock.now(), rebootWithinMs: 30 * DAY, close: () => Promise.resolve() }),
      openSession: () => Promise.resolve(session),
      pause: (ms) => world.clock.sleep(plus(world.clock.now(), ms)),
    }
  }

  type(line: string, more: Partial<App> = {}): Promise<Printed> {
    return this.rehearsal.run(() => cli(line.split(' '), { ...this.parts, loadRunbook: this.#load, ...more }))
  }

  /** The real reading of a runbook, with this config's names. */
  readonly #load: App['loadRunbook'] = (path, _common, given = {}) => {
    const known = {
      accounts: ['staging', 'prod-us'],
      groups: ['sre'],
      groupSizes: { sre: 2 },
      regions: ['us-east-1'],
      scheduleMistake: () => undefined,
    }
    const document = parseYamlDocument(this.files.get(path) ?? '', path)
    const { runbook, inputs, unanswered } = parseRunbook(document, null, known, given)
    return Promise.resolve({ file: path, runbook, inputs, unanswered })
  }
}

type Line = Readonly<Record<string, unknown>>
const linesOf = (printed: Printed): Line[] => printed.out.map((text) => JSON.parse(text) as Line)

let desk: Desk
let trial = ''
let rollout = ''

beforeAll(async () => {
  const fleet = parseFleet(new TextEncoder().encode(FLEET), 'fleet.yaml')
  desk = new Desk(
    await rehearse(config, { fleet, faults: null, start: fleet.start, store: openMemoryStore(), clock: new VirtualClock(fleet.start) }),
  )
})

afterAll(() => desk.rehearsal.close())

describe('a month at the command line', () => {
  it('a plan without baselines says that nothing was tested', async () => {
    const printed = await desk.type('plan night.yaml --json')
    expect(printed.code).toBe(0)
    const [plan] = linesOf(printed)
    expect(plan).toMatchObject({ runbook: 'night', headline: { planned: 0, skipped: { untested: 5 } } })
    expect(plan?.['skipped']).toHaveLength(5)
  })

  it('run tests first, and leaves when people must approve', async () => {
    const printed = await desk.type('run night.yaml --json --reason monthly')
    expect(printed.code).toBe(5)
    const lines = linesOf(printed)
    for (const line of lines)
      expect(line).toMatchObject({
        type: expect.stringMatching(/^[a-z.]+$/) as string,
        at: expect.stringMatching(/Z$/) as string,
        run: expect.any(String) as string,
      })
    expect(lines.map((line) => line['type'])).toContain('approval.asked')
    expect(lines.map((line) => line['type'])).not.toContain('run.finished')
    trial = String(lines[0]?.['run'])
    expect(printed.err.join('\n')).toMatch(/waits for approval of baselines: 0 of 1 from sre[^]*go on with `patchwave run night.yaml`/)
  })

  it('status says what it waits for', async () => {
    expect(linesOf(await desk.type('status --json'))).toMatchObject([
      { runs: [{ run: trial, runbook: 'night', state: 'waiting-for-approval', nodes: { total: 1, patched: 1 } }] },
    ])
    expect(linesOf(await desk.type(`status ${trial.slice(0, 8)} --json`))).toMatchObject([{ run: trial, waves: [{ state: 'passed' }] }])
  })

  it('only who may approve does', async () => {
    const printed = await desk.type(`approve ${trial} --reason fine --json`)
    expect(printed).toMatchObject({ code: 2 })
    expect(linesOf(printed)).toMatchObject([{ error: { code: 'approval.refused', message: 'operator is not in group sre' } }])
    expect(await desk.type(`approve ${trial} --gate canary --reason fine`)).toMatchObject({
      code: 2,
      err: [expect.stringContaining('gate canary does not wait')],
    })
  })

  it('an approval that counts is on record, and ends the trial', async () => {
    desk.actor = { kind: 'cli', id: 'alice' }
    expect(linesOf(await desk.type(`approve ${trial} --reason fine --json`))).toEqual([
      { run: trial, recorded: true, what: 'approve', outcome: 'succeeded' },
    ])
    desk.actor = { kind: 'cli', id: 'operator' }
    expect(await desk.type(`pause ${trial} --reason late`)).toMatchObject({ code: 2, err: [expect.stringContaining('run.finished')] })
  })

  it('a plan is written to a file', async () => {
    const printed = await desk.type('plan night.yaml --out night.plan.json')
    expect(printed.code).toBe(0)
    expect(printed.out[0]).toBe('rollout of night: 5 nodes, 2 waves, 5 planned')
    expect(JSON.parse(desk.files.get('night.plan.json') ?? '')).toMatchObject({ headline: { planned: 5 } })
  })

  it('a damaged plan is refused', async () => {
    desk.files.set('damaged.json', (desk.files.get('night.plan.json') ?? '').replace('"canary"', '"c4nary"'))
    expect(await desk.type('run damaged.json')).toMatchObject({ code: 2, err: [expect.stringContaining('plan.invalid')] })
  })

  it('a plan that no longer fits the fleet is refused, and says what drifted', async () => {
    const { world } = desk.rehearsal
    const moved = {
      ...world.fleet,
      census: async function* (...args: Parameters<typeof world.fleet.census>) {
        for await (const node of world.fleet.census(...args))
          yield { ...node, ami: node.account === '222222222222' ? 'ami-0000000000000dead' : node.ami }
      },
    }
    const session = { world: { ...world, fleet: moved }, actor: () => Promise.resolve(desk.actor), close: () => Promise.resolve() }
    const printed = await desk.type('run night.plan.json', { openSession: () => Promise.resolve(session) })
    expect(printed).toMatchObject({ code: 4 })
    expect(printed.err.join('\n')).toMatch(/plan\.drift: .*i-[0-9a-f]+/)
    expect(linesOf(await desk.type('status --json'))).toEqual([{ runs: [] }])
  })

  it('--detach records the rollout and no more', async () => {
    const printed = await desk.type('run night.plan.json --detach --json')
    expect(printed.code).toBe(0)
    rollout = String(linesOf(printed)[0]?.['run'])
    expect(linesOf(printed)).toMatchObject([{ type: 'run.requested', act: 'rollout' }])
    expect(linesOf(await desk.type('run night.yaml --detach --json'))).toMatchObject([{ type: 'run.continued', run: rollout }])
  })

  it('what a call asks of a run that was requested before is said not to count', async () => {
    const remark = `run ${rollout} was requested before: --now, --reason of this call changes nothing of it`
    expect((await desk.type('run night.yaml --now --reason hurry --detach')).err).toContain(remark)
    expect((await desk.type('run night.yaml --detach')).err.join()).not.toContain('was requested before')
  })

  it('a journal that cannot be read hides no other run', async () => {
    const { store } = desk.rehearsal.world
    const broken = 'ffffffff-0000-7000-8000-000000000001'
    const READING = { now: () => desk.rehearsal.world.clock.now(), rebootWithinMs: DAY, close: () => Promise.resolve() }
    const damaged = {
      run: (run: string) => store.run(run),
      runs: async (filter: Parameters<Store['runs']>[0]) => (await store.runs(filter)).flatMap((row) => [{ ...row, run: broken }, row]),
      plan: (digest: string) => store.plan(digest),
      read: (run: string) => store.read(run === broken ? rollout : run, run === broken ? 2 : 1),
    } as unknown as Store
    const printed = await desk.type('status --json', { openStore: () => Promise.resolve({ ...READING, store: damaged }) })
    expect(printed).toMatchObject({ code: 1, err: [expect.stringContaining('journal.broken')] as unknown })
    expect(linesOf(printed)).toMatchObject([{ runs: [{ run: rollout }] }])
  })

  it('a pause is recorded though nobody drives, and a resume', async () => {
    const paused = await desk.type(`pause ${rollout} --reason wait`)
    expect(paused).toMatchObject({ code: 0, out: [`${rollout}: pause recorded`] })
    expect(linesOf(await desk.type('status --json'))).toMatchObject([{ runs: [{ run: rollout, state: 'paused' }] }])
    expect(await desk.type(`resume ${rollout} --reason go`)).toMatchObject({ code: 0, out: [`${rollout}: resume recorded`] })
  })

  it('Ctrl-C leaves as after a crash, and says how to go on', async () => {
    const leaving = new AbortController()
    const { io, out, err } = remembering()
    const heard = {
      ...io,
      signal: leaving.signal,
      out: (line: string) => {
        out.push(line)
        if (line.includes('"command.sent"')) leaving.abort()
      },
    }
    const printed = await desk.type("run night.yaml --json --config it's.yaml --store other.db", { io: heard })
    expect(printed.code).toBe(5)
    expect(out.some((line) => line.includes('"wave.started"'))).toBe(true)
    expect(err.join('\n')).toMatch(new RegExp(`continuing run ${rollout}[^]*left: run ${rollout} goes on where it stands`))
    expect(err.join('\n'), 'in another store it would be a second run').toContain(
      "go on with `patchwave run night.yaml --store other.db --config 'it'\\''s.yaml'`",
    )
  })

  it('run goes on with it to the end', async () => {
    const printed = await desk.type('run night.yaml --json')
    expect(printed.code).toBe(0)
    const last = linesOf(printed).at(-1)
    expect(last).toMatchObject({
      type: 'run.finished',
      run: rollout,
      outcome: 'succeeded',
      act: 'rollout',
      nodes: { total: 5, patched: 5, failed: 0 },
      waves: [
        { name: 'canary', outcome: 'passed', nodes: { total: 1, patched: 1 } },
        { name: 'rest', outcome: 'passed', nodes: { total: 4, patched: 4 } },
      ],
    })
    const seconds = (key: string) => Date.parse(String(last?.[key])) / 1000
    expect(Number(last?.['lowerBoundSeconds'])).toBeGreaterThan(0)
    expect(seconds('finishedAt') - seconds('startedAt')).toBeGreaterThanOrEqual(Number(last?.['lowerBoundSeconds']))
    expect(linesOf(printed).filter((line) => line['type'] === 'run.finished')).toHaveLength(1)
  })

  it('the trail is whole, filtered, exported and verified offline', async () => {
    expect(linesOf(await desk.type('audit verify --json'))).toMatchObject([{ ok: true, complete: true, runs: 2 }])
    const approvals = linesOf(await desk.type('audit list --what approval.given --json'))
    expect(approvals).toMatchObject([{ run: trial, actor: { id: 'alice' }, type: 'approval.given', data: { reason: 'fine' } }])
    const [told] = linesOf(await desk.type(`audit list --run ${rollout} --what nodes.reported --json`))
    const { node } = told?.['where'] as { node: string }
    const [known] = linesOf(await desk.type(`node ${node} --json`))
    expect(known).toMatchObject({
      node,
      runs: [
        { run: rollout, outcome: 'patched', reports: [{ outcome: 'patched', before: expect.stringMatching(/^[0-9a-f]{64}$/) as string }] },
      ],
    })
    expect((await desk.type(`audit export ${rollout} --out trail.jsonl`)).code).toBe(0)
    expect(linesOf(await desk.type('audit verify trail.jsonl --json'))).toMatchObject([{ ok: true, complete: true, runs: 1 }])
    desk.files.set('bent.jsonl', (desk.files.get('trail.jsonl') ?? '').replace('"wave.drained"', '"wave.started"'))
    const bent = await desk.type('audit verify bent.jsonl --json')
    expect(bent.code).toBe(1)
    expect(linesOf(bent)).toMatchObject([{ ok: false, breaks: [{ run: rollout, reason: 'changed' }] }])
  })

  it('anchors from outside show a tail that was cut off', async () => {
    const [last] = linesOf(await desk.type(`audit list --run ${rollout} --what run.finished --json`))
    desk.files.set('anchors.jsonl', `${JSON.stringify({ run: rollout, seq: Number(last?.['seq']) + 3, head: 'f'.repeat(64) })}\n`)
    expect(linesOf(await desk.type('audit verify --anchors anchors.jsonl --json'))).toMatchObject([
      { ok: false, breaks: [{ run: rollout, reason: 'cut' }] },
    ])
  })

  it('an anchor that no entry can have is refused, and so is a run beside a file', async () => {
    for (const seq of [0, 1.5]) {
      desk.files.set('none.jsonl', JSON.stringify({ run: rollout, seq, head: 'f'.repeat(64) }))
      expect(await desk.type('audit verify --anchors none.jsonl')).toMatchObject({ code: 2 })
    }
    expect(await desk.type(`audit verify trail.jsonl --run ${rollout}`)).toMatchObject({ code: 2 })
  })

  it('a row of the store that says otherwise than its journal is a break', async () => {
    const { store } = desk.rehearsal.world
    const [row] = (await store.runs()).filter(({ run }) => run === rollout)
    const verdict = async (outcome: string | null) =>
      row && (await verifyRun(store, { ...row, outcome }, [])).breaks.map(({ reason }) => reason)
    expect(await verdict('failed')).toEqual(['changed'])
    expect(await verdict(null), 'it was read before the end').toEqual([])
  })

  it('baselines are listed, shown, compared and reverted', async () => {
    const [listed] = linesOf(await desk.type('baseline list --json'))
    const [one] = (listed as { baselines: { path: string; approved: { version: number } }[] }).baselines
    expect(one).toMatchObject({ account: '222222222222', approved: { version: 1 } })
    const path = one?.path ?? ''
    expect(linesOf(await desk.type(`baseline show ${path} --json`))).toMatchObject([
      { path, version: 1, baseline: { provenance: { run: trial } } },
    ])
    expect(linesOf(await desk.type(`baseline history ${path} --json`))).toMatchObject([
      { versions: [{ version: 1, approved: true, run: trial }] },
    ])
    expect(linesOf(await desk.type(`baseline diff ${path} --json`))).toEqual([
      { path, old: 1, new: 1, added: [], removed: [], changed: [], quarantined: [], released: [] },
    ])
    expect(linesOf(await desk.type(`baseline revert ${path} --to 1 --reason same --json`))).toEqual([{ path, approved: 1 }])
    expect(await desk.type(`baseline revert ${path} --to 7 --reason x`)).toMatchObject({ code: 3 })
  })

  it('a baseline that was reverted by hand is on record: who, why, from which version and to which', async () => {
    const [asked, done, ...more] = linesOf(await desk.type('audit list --what baseline.revert* --json'))
    const path = expect.stringMatching(/^\/patchwave\/night\//) as unknown
    const digest = expect.stringMatching(/^[0-9a-f]{64}$/) as unknown
    const run = 'by-hand'
    expect(asked).toMatchObject({
      run,
      actor: desk.actor,
      type: 'baseline.revert.asked',
      data: { path, from: 1, to: 1, digest, reason: 'same' },
    })
    expect(done).toMatchObject({ run, actor: desk.actor, type: 'baseline.reverted', data: { path, to: 1 } })
    expect(more).toEqual([])
  })

  it('the end of an act has its line, also where another process brought it about; and only one', async () => {
    const { world } = desk.rehearsal
    const { io, out } = remembering()
    const follower = jsonFollower(io, { now: () => world.clock.now(), calls: () => ({}), virtual: true })
    const ends = () => desk.rehearsal.run(() => tellEnds(world, { ended: [], left: rollout }, follower))
    await ends()
    await ends()
    await follower.close()
    const listed = linesOf(await desk.type(`audit list --run ${rollout} --what run.finished --json`))
    expect(out.map((text) => JSON.parse(text) as Line)).toMatchObject([
      { type: 'run.finished', run: rollout, act: 'rollout', outcome: 'succeeded', finishedAt: listed[0]?.['at'], nodes: { patched: 5 } },
    ])
  })

  it('a store that is not there is not verified, nor made', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'patchwave-'))
    const { io, out, err } = remembering()
    const file = join(folder, 'mistyped.db')
    for (const words of [['audit', 'verify'], ['audit', 'list'], ['claims']])
      expect(await runCli(createApp(io, {}), [...words, '--store', file])).toBe(2)
    expect(out).toEqual([])
    expect(err.join()).toContain('there is no store')
    expect(await readdir(folder)).toEqual([])
    await rm(folder, { recursive: true })
  })

  it('rollback of an ended run is a run of its own', async () => {
    const printed = await desk.type(`rollback ${rollout} --reason oops --json`)
    expect(printed.code).toBe(0)
    expect(linesOf(printed).at(-1)).toMatchObject({
      type: 'run.finished',
      outcome: 'rolled-back',
      undoes: rollout,
      nodes: { 'rolled-back': 5 },
    })
  })

  it('abort --all ends what was only requested, and a second one finds nothing', async () => {
    const { world } = desk.rehearsal
    const plan = await desk.rehearsal.run(() =>
      planRollout(
        world,
        { runbook: readPlan(desk.files.get('night.plan.json') ?? '').content.runbook, inputs: {} },
        new AbortController().signal,
      ),
    )
    desk.files.set('again.plan.json', planText(plan))
    expect((await desk.type('run again.plan.json --detach')).code).toBe(0)
    expect(await desk.type('abort --all --reason red')).toMatchObject({
      code: 0,
      out: [expect.stringContaining('abort recorded; the run has ended: aborted')],
    })
    expect(await desk.type('abort --all --reason red')).toMatchObject({ code: 0, err: ['no run is unfinished'] })
  })

  it('status --watch shows the end of a run that ends between two looks', async () => {
    const run = await detached()
    const { store } = desk.rehearsal.world
    let ended = false
    const ending = standIn(store, 'runs', async (...filter) => {
      if (!ended) {
        ended = true
        expect((await cli(['abort', run, '--reason', 'red'], desk.parts)).code).toBe(0)
      }
      return store.runs(...filter)
    })
    const printed = await desk.type(`status ${run} --watch --json`, { openStore: () => Promise.resolve({ ...READING, store: ending }) })
    expect(linesOf(printed).at(-1)).toMatchObject({ run, state: 'aborted' })
  })

  it('a wish that was left unanswered is not told as done', async () => {
    const run = await detached()
    const { io, out } = remembering()
    const gone = { ...io, out: (line: string) => void out.push(line), signal: AbortSignal.abort() }
    expect((await desk.type(`abort ${run} --reason red`, { io: gone })).code).toBe(5)
    expect(out).toEqual([`${run}: abort lies in its inbox, not answered yet: see \`patchwave status ${run}\``])
    expect((await desk.type('abort --all --reason red')).code).toBe(0)
  })

  it('abort --all names the run that it could not reach', async () => {
    const run = await detached()
    const { world } = desk.rehearsal
    const full = new PatchwaveError('store.full', 'the disk is full', { hint: 'make room' })
    const session = {
      world: { ...world, store: standIn(world.store, 'note', () => Promise.reject(full)) },
      actor: () => Promise.resolve(desk.actor),
      close: () => Promise.resolve(),
    }
    const printed = await desk.type('abort --all --reason red', { openSession: () => Promise.resolve(session) })
    expect(printed).toMatchObject({ code: full.exit, err: [expect.stringContaining(`${run}: abort failed: error store.full`)] })
    expect((await desk.type('abort --all --reason red')).code).toBe(0)
  })
})

const READING = { now: () => desk.rehearsal.world.clock.now(), rebootWithinMs: 30 * DAY, close: () => Promise.resolve() }

/** A run that is only requested. */
async function detached(): Promise<string> {
  const printed = await desk.type('run again.plan.json --detach --json')
  return String(linesOf(printed)[0]?.['run'])
}

/** A store of which one method is another. */
function standIn<K extends keyof Store>(store: Store, name: K, method: Store[K]): Store {
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = key === name ? method : Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

describe('steering a run that another process drives', () => {
  it('leaves the wish in its inbox and waits for the answer', async () => {
    const { world } = desk.rehearsal
    const other = {
      world: { ...world, driver: 'elsewhere:1:2', mayLive: () => true },
      actor: () => Promise.resolve<Actor>({ kind: 'cli', id: 'carol' }),
      close: () => Promise.resolve(),
    }
    let steered: Promise<Printed> | undefined
    const { io, out } = remembering()
    const heard = {
      ...io,
      out: (line: string) => {
        out.push(line)
        const { type, run } = JSON.parse(line) as { type: string; run: string }
        if (type === 'wave.started')
          steered ??= cli(['abort', run, '--reason', 'seen enough'], { ...desk.parts, openSession: () => Promise.resolve(other) })
      },
    }
    const running = await desk.type('run night.yaml --now --json', { io: heard })
    expect(await steered).toMatchObject({ code: 0, out: [expect.stringContaining('abort recorded')] })
    expect(running.code).toBe(1)
    expect(out.some((line) => line.includes('"abort.asked"') && line.includes('carol'))).toBe(true)
    expect(JSON.parse(out.at(-1) ?? '')).toMatchObject({ type: 'run.finished', outcome: 'aborted', reason: 'seen enough' })
  })
})

describe('rehearse', () => {
  it('plays both acts of a shipped runbook and sums up on stderr, for stdout is a stream', async () => {
    const { io, out, err } = remembering()
    const real = createApp(io, {})
    const { code } = await cli(['rehearse', 'runbooks/small.yaml', '--fleet', 'config/fleets/demo.yaml', '--json'], { ...real, io })
    expect(code).toBe(0)
    expect(JSON.parse(out.at(-1) ?? '')).toMatchObject({ type: 'run.finished', outcome: 'succeeded', nodes: { total: 18 } })
    expect(err.join('\n')).toMatch(/virtual time .*2026-01-01[^]*audit verify {2,}ok: 1 run/)
  })
})
