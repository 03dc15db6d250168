import { describe, expect, it } from 'vitest'
import { HOUR, MINUTE, SECOND } from '../../src/kit/instant.ts'
import { config, faults, fleet, group, runbook, type Sections } from './documents.ts'
import { Roles } from './roles.ts'
import { Stage } from './stage.ts'
import type { Then } from './then.ts'
import { When, type Moment } from './when.ts'

const EU = config().accounts['prod-eu']?.id ?? ''
const BOTH: Sections = {
  scope: '{ accounts: [prod-us, prod-eu], regions: [us-east-1, eu-west-1], match: { tags: { PatchGroup: monthly } } }',
  waves: '[{ name: all, take: rest, concurrency: 18, gate: { bake: 1m, failures: 20 } }]',
}

function scene(us: number, eu: number, sections: Sections = {}, commandMs = 15 * MINUTE) {
  const stage = new Stage({
    fleet: fleet([group('prod-us', us), group('prod-eu', eu)], { commandTime: { medianMs: commandMs, p95Ms: 1.2 * commandMs } }),
  })
  const roles = new Roles(stage)
  const when = new When(stage, [runbook('both', { ...BOTH, ...sections })], {})
  return { stage, roles, when }
}

const inEu = (then: Then) => then.all().filter((_, position) => then.state().plan.nodes[position]?.account === EU)
const inUs = (then: Then) => then.all().filter((_, position) => then.state().plan.nodes[position]?.account !== EU)
const endsOf = (nodes: ReturnType<Then['all']>) =>
  Object.fromEntries([...Map.groupBy(nodes, ({ outcome, reason }) => `${outcome} ${reason}`)].map(([end, all]) => [end, all.length]))

describe('sessions in a run of more than six hours', () => {
  it.each([
    ['an hour, as role chaining has them', 3_600, 8],
    ['a quarter of an hour', 900, 20],
  ])('of %s are renewed in time', async (_, seconds, least) => {
    const { stage, roles, when } = scene(0, 48, { scope: EU_ONLY, window: NIGHT, waves: SLOW }, 30 * MINUTE)
    roles.seconds = seconds
    const then = await when.runs()
    then.ends('succeeded').nodes({ patched: 48 })
    expect(stage.clock.now() - stage.fleet.start).toBeGreaterThan(6 * HOUR)
    const times = roles.assumed.filter(({ account }) => account === EU).map(({ at }) => at)
    expect(times.length).toBeGreaterThanOrEqual(least)
    // Renewed while the old one lives, and not before it has to be.
    const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0))
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(seconds * SECOND - 5 * MINUTE)
    expect(stage.warnings).toEqual([])
  })

  it('that AWS ends before their time are made anew', async () => {
    const { stage, roles, when } = scene(0, 48, { scope: EU_ONLY, window: NIGHT, waves: SLOW }, 30 * MINUTE)
    when.each('NodesReported', () => (roles.endedBefore = stage.clock.now()))
    const then = await when.runs()
    then.ends('succeeded').nodes({ patched: 48 })
    expect(roles.assumed.length).toBeGreaterThan(12)
    expect(then.facts('CellRefused')).toEqual([])
  })

  it('that were revoked, while new ones are not, are made anew', async () => {
    const { stage, roles, when } = scene(6, 6)
    when.at('NodesReported', {}, () => roles.denials.set(EU, { calls: /./, before: stage.clock.now() }))
    const then = await when.runs()
    then.ends('succeeded').nodes({ patched: 12 })
    expect([then.facts('CellRefused'), then.facts('CommandRefused')]).toEqual([[], []])
  })

  const SLOW = '[{ name: all, take: rest, concurrency: 4, gate: { bake: 1m } }]'
  const NIGHT = '{ schedule: "cron(0 1 ? * * *)", duration: 14h, cutoff: 2h }'
  const EU_ONLY = '{ accounts: [prod-eu], regions: [eu-west-1], match: { tags: { PatchGroup: monthly } } }'
})

describe('a role that is revoked in the middle of a wave', () => {
  const revoked = ({ roles, when }: ReturnType<typeof scene>, then: (moment: Moment) => void = () => undefined): When =>
    atFirstSent(when, (moment) => {
      roles.revoke(EU)
      then(moment)
    })

  /** All nodes of the other cell and a few of this one are under way, and the rest of it waits. */
  const atFirstSent = (when: When, act: (moment: Moment) => void): When => {
    let done = false
    return when.each('CommandSent', (moment) => {
      const { event } = moment.fact
      if (done || event.type !== 'CommandSent' || moment.state.commands.get(event.n)?.cell !== `${EU}/eu-west-1`) return
      done = true
      act(moment)
    })
  }

  it('stops its cell, not the run: what waits is skipped, what runs is unknown in its time, the others go on', async () => {
    const then = await revoked(scene(14, 14)).runs()
    then.ends('succeeded')
    expect(endsOf(inUs(then))).toEqual({ 'patched installed': 14 })
    const eu = endsOf(inEu(then))
    const { 'skipped cell-refused': skipped = 0, 'unknown expired': unknown = 0, 'patched installed': patched = 0, ...others } = eu
    expect([others, skipped > 0, unknown > 0, skipped + unknown + patched]).toEqual([{}, true, true, 14])
    expect(then.facts('CellRefused')).toMatchObject([{ cell: `${EU}/eu-west-1`, code: 'aws.denied' }])
  })

  it('goes on when the role is back before the end: nobody is lost', async () => {
    const set = scene(14, 14)
    const then = await revoked(set, ({ later }) => later(35 * MINUTE, () => set.roles.restore(EU))).runs()
    then.ends('succeeded').nodes({ patched: 28 })
    expect(then.facts('CellRefused')).toHaveLength(1)
    expect(then.facts('CellPrepared').filter(({ cell }) => cell.startsWith(EU))).toHaveLength(2)
  })

  it('goes on when it is back although nothing else was left to do, for a quarter of an hour', async () => {
    const set = scene(1, 14)
    const then = await revoked(set, ({ later }) => later(10 * MINUTE, () => set.roles.restore(EU))).runs()
    then.ends('succeeded').nodes({ patched: 15 })
  })

  it('is known to the next driver too', async () => {
    const set = scene(14, 14)
    const stop = new AbortController()
    const first = revoked(set, ({ later }) => later(25 * MINUTE, () => stop.abort()))
    await first.runs({ signal: stop.signal })
    set.roles.restore(EU)
    const then = await first.runs()
    then.ends('succeeded').nodes({ patched: 28 })
    expect(then.facts('CellRefused')).toHaveLength(1)
  })

  it('is what is named, and not the cutoff, where the window ends first', async () => {
    const set = scene(14, 14, { window: '{ schedule: "cron(0 1 ? * * *)", duration: 2h, cutoff: 1h }', limit: '{ share: 100% }' })
    const then = await revoked(set).runs()
    expect(Object.keys(endsOf(inEu(then))).sort()).toEqual(['skipped cell-refused', 'unknown expired'])
    expect(then.facts('NodesSkipped').map(({ at }) => at)).toEqual([then.state().window?.lastStart].map((at) => (at ?? 0) - 45 * SECOND))
  })

  it('that may not send any more refuses its cell, not its nodes', async () => {
    const set = scene(14, 14)
    const then = await atFirstSent(set.when, () => set.roles.denials.set(EU, { calls: /^SendCommand$/ })).runs()
    then.ends('succeeded')
    expect(endsOf(inUs(then))).toEqual({ 'patched installed': 14 })
    const { 'skipped cell-refused': skipped = 0, 'patched installed': patched = 0, ...others } = endsOf(inEu(then))
    expect([others, skipped > 0, patched > 0]).toEqual([{}, true, true])
    // Each time the cell seems well again one command is tried, with longer and longer pauses.
    expect(then.facts('CellRefused').length).toBeLessThan(20)
  })

  it('leaves a rollback undone there, named, and done everywhere else', async () => {
    const set = scene(4, 4, { rollback: '{ on: gate-failed, scope: run, method: packages }', waves: SMOKED })
    set.stage.sandbox.setFaults(faults("packages: [{ match: 'openssl*', breaks: health }]"))
    const then = await set.when.at('RollbackStarted', {}, () => set.roles.revoke(EU)).runs()
    expect([...new Set(inUs(then).map(({ outcome }) => outcome))]).toEqual(['rolled-back'])
    expect(endsOf(inEu(then))).toEqual({ 'rollback-failed cell-refused': 4 })
    then.ends('failed', /4 restored, 4 failed/)
    expect(set.stage.clock.now() - set.stage.fleet.start).toBeLessThan(4 * HOUR)
  })

  const SMOKED = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 10m, checks: [smoke] } }]'
})

it('a refused account is asked now and then, not all the time', async () => {
  const { stage, roles, when } = scene(14, 14)
  let denied = 0
  when.at('NodesReported', {}, () => roles.revoke(EU))
  const inner = stage.sandbox.dispatch
  Object.assign(stage.sandbox, {
    dispatch: async (...args: Parameters<typeof inner>) => {
      const answer = await inner(...args)
      if (new TextDecoder().decode(answer.body).includes('not authorized to perform')) denied += 1
      return answer
    },
  })
  const then = await when.runs()
  const [refused] = then.facts('CellRefused')
  const minutes = (stage.clock.now() - (refused?.at ?? stage.clock.now())) / MINUTE
  expect(minutes).toBeGreaterThan(50)
  expect(denied).toBeGreaterThan(5)
  expect(denied, 'two commands that are open, and the cell itself').toBeLessThan(3 * minutes)
})
