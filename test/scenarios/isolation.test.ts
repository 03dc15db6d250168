import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { HOUR, plus } from '../../src/kit/instant.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { labelApproved, readBaseline, storeBaselineAt } from '../../src/engine/shelf.ts'
import { faults, fleet, group, runbook, TESTED, type Sections } from './documents.ts'
import { given } from './given.ts'
import { faultsFound } from './holds.ts'
import { Stage } from './stage.ts'
import type { Then } from './then.ts'

const FLEET = fleet([group('staging', 4), group('prod-us', 3)])

/** A trial on some nodes that looks for what breaks it. */
const isolating = (perAmi = 4, more: Sections = {}): Sections => ({
  ...TESTED,
  test: `{ match: { tags: { Env: staging } }, lead: 3d, perAmi: ${String(perAmi)}, soak: 20m, checks: [smoke], onFailure: isolate }`,
  ...more,
})

/** Names of packages in lines of a list. */
const namesOf = (lines: readonly string[]): string[] => [...new Set(lines.map((line) => line.split(' ')[0] ?? ''))].sort()

const culpritsOf = (then: Then): string[] => namesOf(then.facts('CulpritsFound').flatMap(({ culprits }) => culprits))

/** The newest baseline of the production account. */
async function baselineOf(stage: Stage, path: string) {
  const process = await stage.start()
  return known(await stage.run(() => readBaseline(process.world, path, null, new AbortController().signal)), 'the baseline').baseline
}

const pathOf = (then: Then): string =>
  known(
    then.facts('BaselineStored').find(({ account }) => account === '222222222222'),
    'a baseline',
  ).path

describe('a trial that fails', () => {
  it.each<[what: string, packages: string, more: Sections, culprits: string[]]>([
    ['one package that breaks health', "[{ match: 'openssl-libs', breaks: health }]", {}, ['openssl', 'openssl-libs']],
    ['two that each break health', '[{ match: pam, breaks: health }, { match: expat, breaks: health }]', {}, ['expat', 'pam']],
    ['two that only break together', '[{ match: pam, beside: expat, breaks: health }]', {}, ['expat', 'pam']],
    ['a failing script of a package', '[{ match: rsync, fails: scriptlet }]', {}, ['rsync']],
    ['a package that nobody can install', '[{ match: glib2, fails: install }]', {}, ['glib2']],
    ['one of each kind', '[{ match: glib2, fails: install }, { match: libxml2, breaks: health }]', {}, ['glib2', 'libxml2']],
    [
      'a package that an agent check sees',
      '[{ match: pam, breaks: reachability }]',
      { test: '{ match: { tags: { Env: staging } }, lead: 3d, perAmi: 4, soak: 20m, checks: [reachable], onFailure: isolate }' },
      ['pam'],
    ],
  ])('isolates %s; the rollout installs the rest', async (_, packages, more, culprits) => {
    const then = await given(FLEET).faults(`packages: ${packages}`).runbook(isolating(4, more)).when().runs() // prettier-ignore
    expect(then.facts('RunFinished').map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded'])
    expect(culpritsOf(then)).toEqual(culprits)
    then.nodes({ patched: 3 })
    const { v, patches, quarantined } = await baselineOf(then.stage, pathOf(then))
    expect({ v, quarantined: namesOf((quarantined ?? []).map(({ name }) => name)) }).toEqual({ v: 2, quarantined: culprits })
    expect(patches.length).toBeGreaterThan(0)
    expect(patches.filter(({ name }) => culprits.includes(name))).toEqual([])
    expect(quarantined?.every(({ as, why }) => as === 'breaks' && / on i-[0-9a-f]+ (in round|with the whole)/.test(why))).toBe(true)
    expect(then.facts('RunFinished')[0]?.reason).toMatch(/^baselines approved; quarantined: /)
    expect(then.facts('TryJudged').filter(({ round }) => round === 1)).toHaveLength(4)
    const [trial] = await then.stage.runs()
    expect(then.types(trial).filter((type) => type === 'RollbackStarted').length).toBeGreaterThan(1)
  })

  it('leaves out what cannot be installed without a culprit too', async () => {
    const then = await given(FLEET)
      .faults("packages: [{ match: 'python3-urllib3', breaks: health }]")
      .runbook(
        isolating(4, {
          patches: '{ approve: [{ names: ["python3-requests", "python3-urllib3", "pam", "sudo", "expat"] }], reboot: never }',
        }),
      )
      .when()
      .runs()
    expect(then.facts('CulpritsFound')).toMatchObject([{ culprits: [expect.stringMatching(/^python3-urllib3 /)], dependents: [expect.stringMatching(/^python3-requests /)] }]) // prettier-ignore
    const { patches, quarantined } = await baselineOf(then.stage, pathOf(then))
    expect(quarantined?.map(({ name, as }) => `${name} ${as}`).sort()).toEqual(['python3-requests needs', 'python3-urllib3 breaks'])
    expect(namesOf(patches.map(({ name }) => name))).toEqual(expect.arrayContaining(['pam', 'sudo']))
    then.ends('succeeded').nodes({ patched: 3 })
  })

  it('on one image lets the list of another alone', async () => {
    const ubuntu = { platform: 'ubuntu', lineage: 'ubuntu' } as const
    const then = await given(fleet([group('staging', 2), group('staging', 2, ubuntu), group('prod-us', 1), group('prod-us', 1, ubuntu)]))
      .faults('packages: [{ match: pam, breaks: health }]')
      .runbook(isolating(2, { patches: '{ approve: [{ names: [pam, expat, sudo, libpam-modules] }], reboot: never }' }))
      .when()
      .runs()
    expect(culpritsOf(then)).toEqual(['pam'])
    expect(then.facts('CulpritsFound')).toHaveLength(2)
    then.ends('succeeded').nodes({ patched: 2 })
  })

  it('goes on with one node, one try after the other', async () => {
    const then = await given(fleet([group('staging', 1), group('prod-us', 2)]))
      .faults('packages: [{ match: pam, breaks: health }]')
      .runbook(isolating(1))
      .when()
      .runs()
    expect(culpritsOf(then)).toEqual(['pam'])
    then.ends('succeeded').nodes({ patched: 2 })
  })

  it('stops as before when its nodes cannot be restored', async () => {
    const then = await given(fleet([group('staging', 2), group('prod-us', 2)]))
      .faults("packages: [{ match: '*', fails: rollback }, { match: pam, breaks: health }]")
      .runbook(isolating(2))
      .when()
      .runs()
    then.ends('failed', /not isolated/)
    expect(then.facts('IsolationStarted')).toEqual([])
    expect(then.facts('BaselineStored')).toEqual([])
  })

  it('stops as before when the runbook does not ask for more', async () => {
    const then = await given(FLEET).faults('packages: [{ match: pam, breaks: health }]').runbook(TESTED).when().runs()
    then.ends('rolled-back', /^rolled back 2 nodes$/).nodes({ 'rolled-back': 2 })
    expect(then.facts('IsolationStarted')).toEqual([])
  })

  it('of which nothing is left without the culprits stores nothing', async () => {
    const then = await given(FLEET)
      .faults('packages: [{ match: pam, breaks: health }]')
      .runbook(isolating(4, { patches: '{ approve: [{ names: [pam] }], reboot: never }' }))
      .when()
      .runs()
    then
      .ends('rolled-back', /isolation: no patch would be left/)
      .nodes({ 'rolled-back': 4 })
      .versionsAreAsBefore()
    expect(then.facts('BaselineStored')).toEqual([])
  })

  it('can be aborted in the middle: what is installed goes back, when that is asked for', async () => {
    const then = await given(FLEET)
      .faults('packages: [{ match: pam, breaks: health }]')
      .runbook(isolating())
      .when()
      .at('TriesDrained', { round: 3 }, ({ say }) => {
        say('abort-and-rollback')
      }) // prettier-ignore
      .runs()
    then.ends('aborted').nodes({ 'rolled-back': 4 }).versionsAreAsBefore()
  })

  it('can be aborted in the middle: what is installed stays, and is named', async () => {
    const then = await given(FLEET)
      .faults('packages: [{ match: pam, breaks: health }]')
      .runbook(isolating())
      .when()
      .at('TriesDrained', { round: 3 }, ({ say }) => {
        say('abort')
      }) // prettier-ignore
      .runs()
    then.ends('aborted').nodes({ patched: 4 })
  })

  it('is held while it is paused', async () => {
    const then = await given(FLEET)
      .faults('packages: [{ match: pam, breaks: health }]')
      .runbook(isolating())
      .when()
      .at('TriesChosen', { round: 2 }, ({ say, later }) => {
        say('pause')
        later(2 * HOUR, () => { say('resume') }) // prettier-ignore
      })
      .runs()
    const paused = known(then.facts('Paused')[0], 'the pause').at
    const resumed = known(then.facts('Resumed')[0], 'the end').at
    expect(then.facts('CommandIntended').filter(({ at, work }) => work === 'apply' && at > paused && at < resumed)).toEqual([])
    expect(culpritsOf(then)).toEqual(['pam'])
    then.ends('succeeded')
  })
})

describe('what was quarantined', () => {
  const story = runbook('again', isolating(2))

  /** Two trials after another, the second one without the rollout of the first. */
  async function twice(again: Runbook, meanwhile: (stage: Stage) => Promise<void> = () => Promise.resolve()) {
    const stage = new Stage({ fleet: FLEET, faults: faults('packages: [{ match: pam, breaks: health }]') })
    const first = await stage.start()
    await stage.run(() => stage.acts(first, story))
    await meanwhile(stage)
    await stage.run(() => stage.clock.sleep(plus(stage.clock.now(), 2 * HOUR)))
    await stage.run(() => stage.acts(first, again))
    expect(await faultsFound(stage)).toEqual([])
    return stage
  }

  const named = runbook('again', isolating(2, { patches: '{ approve: [{ names: ["*"] }], reboot: never }', baseline: '{ maxAge: 1h }' }))

  const factsOf = async (stage: Stage) =>
    (await Promise.all((await stage.runs()).map((run) => stage.facts(run)))).flat().map(({ event }) => event)

  it('is not tried again at the same version, also when a rule names it', async () => {
    const told = await factsOf(await twice(named))
    const pinned = told.flatMap((event) => (event.type === 'ListsPinned' ? [namesOf(event.quarantined ?? [])] : []))
    expect(pinned).toEqual([[], ['pam']])
    expect(told.filter(({ type }) => type === 'IsolationStarted')).toHaveLength(1)
  })

  it('is tried again after going back to a baseline without it', async () => {
    const told = await factsOf(
      await twice(named, async (stage) => {
        const { world } = await stage.start()
        const { signal } = new AbortController()
        const [stored] = (await factsOf(stage)).flatMap((event) => (event.type === 'BaselineStored' ? [event.path] : []))
        await stage.run(async () => {
          const { baseline } = known(await readBaseline(world, known(stored, 'the path'), null, signal), 'the baseline')
          const { quarantined: _, ...clean } = baseline
          const { version } = await storeBaselineAt(world, known(stored, 'the path'), clean, signal)
          await labelApproved(world, known(stored, 'the path'), version, signal)
        })
      }),
    )
    expect(told.filter(({ type }) => type === 'IsolationStarted')).toHaveLength(2)
  })
})
