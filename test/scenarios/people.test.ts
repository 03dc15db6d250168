import { describe, expect, it } from 'vitest'
import { HOUR, MINUTE } from '../../src/kit/instant.ts'
import { fleet, group, TESTED } from './documents.ts'
import { given } from './given.ts'

const SIX = fleet([group('prod-us', 6)])
const ONE_BY_ONE = { waves: '[{ name: all, take: rest, concurrency: 1, gate: { bake: 1m } }]' }

describe('pause', () => {
  it('starts nothing new, lets what runs end, and goes on when resumed', async () => {
    const then = await given(SIX)
      .runbook(ONE_BY_ONE)
      .when()
      .at('CommandSent', {}, ({ say, later }) => {
        say('pause')
        later(3 * HOUR, () => {
          say('resume')
        })
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 6 })
    const [paused, resumed] = [then.facts('Paused')[0]?.at ?? 0, then.facts('Resumed')[0]?.at ?? 0]
    expect(resumed - paused).toBeGreaterThan(2 * HOUR)
    expect(then.facts('CommandIntended').filter(({ at }) => at > paused && at < resumed)).toEqual([])
    expect(then.facts('NodesReported').filter(({ at }) => at > paused && at < resumed)).toHaveLength(1)
  })

  it('is on record with who asked for it and why', async () => {
    const then = await given(SIX)
      .runbook()
      .when()
      .at('WaveStarted', {}, ({ say }) => {
        say('pause', { reason: 'lunch' })
        say('resume')
      })
      .runs()
    expect(then.ends('succeeded').facts('Paused')).toMatchObject([{ reason: 'lunch', actor: { kind: 'cli', id: 'rehearsal:sre-leads/1' } }])
  })
})

describe('abort', () => {
  it('lets transactions end, starts nothing more, and ends the run', async () => {
    const then = await given(SIX)
      .runbook({ waves: '[{ name: all, take: rest, concurrency: 2 }]' })
      .when()
      .at('CommandSent', {}, ({ say, later }) => {
        later(2 * MINUTE, () => {
          say('abort', { reason: 'wrong night' })
        })
      })
      .runs()
    then.ends('aborted', 'wrong night').nodes({ patched: 2, skipped: 4 })
    expect(then.changes().map(({ transaction }) => transaction?.cut)).toEqual([null, null])
    expect(then.changes().every(({ exitCode }) => exitCode === 0)).toBe(true)
  })

  it('gives up nodes that no command has reached', async () => {
    const then = await given(SIX)
      .runbook(ONE_BY_ONE)
      .when()
      .at('WaveStarted', {}, ({ say }) => {
        say('abort')
      })
      .runs()
    then.ends('aborted')
    expect(then.changes().length).toBeLessThanOrEqual(1)
    expect(then.all().filter(({ reason }) => reason === 'aborted').length).toBeGreaterThanOrEqual(5)
  })

  it('with rollback gives every touched node its versions back', async () => {
    const then = await given(SIX)
      .runbook()
      .when()
      .at('WaveStarted', { wave: 1 }, ({ say, later }) => {
        later(5 * MINUTE, () => {
          say('abort-and-rollback')
        })
      })
      .runs()
    then.ends('aborted').nodes({ 'rolled-back': 6 }).versionsAreAsBefore()
    expect(then.changes().every(({ transaction }) => transaction === null || transaction.cut === null)).toBe(true)
  })

  it('while nothing has begun just ends', async () => {
    const then = await given(SIX)
      .runbook({ window: '{ schedule: "cron(0 3 ? * SUN *)", duration: 6h }' })
      .when()
      .at('WindowChosen', {}, ({ say }) => {
        say('abort', { reason: 'no' })
      })
      .runs()
    then.ends('aborted', 'no').nodes({ skipped: 6 }).untouched(then.all())
  })
})

describe('a rollback asked for by a person', () => {
  it('goes back although all gates passed so far', async () => {
    const then = await given(SIX)
      .runbook()
      .when()
      .at('WaveDrained', { wave: 1 }, ({ say }) => {
        say('rollback', { reason: 'customers complain' })
      })
      .runs()
    then.ends('rolled-back').nodes({ 'rolled-back': 6 }).versionsAreAsBefore()
  })
})

describe('approval of the plan', () => {
  const APPROVED = { approval: '{ group: sre-leads, count: 2, expires: 2h }' }

  it('by two people lets the run begin', async () => {
    const then = await given(SIX).runbook(APPROVED).when().everybodyApproves().runs()
    then.ends('succeeded').nodes({ patched: 6 })
    expect(then.types().indexOf('WindowOpened')).toBeGreaterThan(then.types().lastIndexOf('ApprovalGiven'))
  })

  it('that nobody gives stops the run when it is due', async () => {
    const then = await given(SIX).runbook(APPROVED).when().runs()
    then.ends('stopped', 'not-approved').nodes({ skipped: 6 }).untouched(then.all())
  })

  it('that expires before a far window stops the run then', async () => {
    const window = '{ schedule: "cron(0 3 ? * SUN *)", duration: 6h }'
    const then = await given(SIX)
      .runbook({ ...APPROVED, window })
      .when()
      .runs()
    then.ends('stopped', 'not-approved')
    const [asked, expired] = [then.facts('ApprovalAsked')[0]?.at ?? 0, then.facts('ApprovalExpired')[0]?.at ?? 0]
    expect(expired - asked).toBe(2 * HOUR)
  })

  it('of the requester does not count, of one person counts once, of a stranger not at all', async () => {
    const window = '{ schedule: "cron(0 3 ? * SUN *)", duration: 6h }'
    const then = await given(SIX)
      .runbook({ ...APPROVED, window })
      .when()
      .at('ApprovalAsked', {}, ({ say }) => {
        for (const by of ['rehearsal:sre-leads/1', 'rehearsal:sre-leads/2', 'rehearsal:sre-leads/2', 'rehearsal:data-leads/1', 'somebody'])
          say('approve', { by })
      })
      .runs({ actor: { kind: 'cli', id: 'rehearsal:sre-leads/1' } })
    then.ends('stopped', 'not-approved')
    expect(then.facts('ApprovalGiven').map(({ by }) => by)).toEqual(['rehearsal:sre-leads/2'])
    expect(then.facts('SteeringRefused').map(({ reason }) => reason)).toEqual([
      'the requester’s own approval does not count',
      'rehearsal:sre-leads/2 has approved already',
      'rehearsal:data-leads/1 is not in group sre-leads',
      'somebody is not in group sre-leads',
    ])
  })

  it('that is refused stops the run', async () => {
    const then = await given(SIX)
      .runbook({ ...APPROVED, window: '{ schedule: "cron(0 3 ? * SUN *)", duration: 6h }' })
      .when()
      .at('ApprovalAsked', {}, ({ say }) => {
        say('reject', { reason: 'too risky' })
      })
      .runs()
    then.ends('stopped', 'rejected').untouched(then.all())
  })
})

describe('approval of baselines', () => {
  const nodes = fleet([group('staging', 2), group('prod-us', 2)])
  const BASELINE = { ...TESTED, baseline: '{ maxAge: 14d, approval: { group: sre-leads, count: 2, expires: 24h } }' }

  it('by people stands between the trial and the rollout', async () => {
    const then = await given(nodes).runbook(BASELINE).when().everybodyApproves().runs()
    then.ends('succeeded').nodes({ patched: 2 })
    expect(then.facts('BaselinesApproved')).toMatchObject([{ count: 1 }])
  })

  it('that nobody gives keeps the rollout from happening', async () => {
    const then = await given(nodes).runbook(BASELINE).when().runs()
    then.ends('stopped', 'not-approved')
    expect(then.state().plan.act).toBe('trial')
    expect(then.facts('BaselinesApproved')).toEqual([])
  })

  it('that is refused ends the trial', async () => {
    const then = await given(nodes)
      .runbook(BASELINE)
      .when()
      .at('ApprovalAsked', {}, ({ say }) => {
        say('reject')
      })
      .runs()
    then.ends('stopped', 'rejected')
  })
})

describe('a gate', () => {
  it('that wants a person waits for one', async () => {
    const waves =
      '[{ name: canary, take: 1, gate: { bake: 1m, approval: { group: sre-leads, expires: 12h } } }, { name: broad, take: rest, concurrency: 100%, gate: { bake: 0s } }]'
    const then = await given(SIX)
      .runbook({ waves })
      .when()
      .at('ApprovalAsked', {}, ({ say, later }) => {
        later(HOUR, () => {
          say('approve', { gate: 'canary', by: 'rehearsal:sre-leads/3' })
        })
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 6 })
    expect(then.facts('GateDecided')[0]?.why).toContain('approved by rehearsal:sre-leads/3')
  })

  const UNREADABLE = {
    waves:
      '[{ name: canary, take: 1, gate: { bake: 1m, checks: [site] } }, { name: broad, take: rest, concurrency: 100%, gate: { bake: 0s } }]',
  }
  const dark = fleet([group('prod-us', 4)], { urls: {} })

  it('that cannot tell goes on at a person’s word', async () => {
    const then = await given(dark)
      .runbook(UNREADABLE)
      .when()
      .at('GateHeld', { wave: 0 }, ({ say, later }) => {
        later(30 * MINUTE, () => {
          say('approve', { gate: 'canary' })
        })
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 4 })
    expect(then.facts('GateDecided')[0]).toMatchObject({ verdict: 'pass', why: ['approved by rehearsal:sre-leads/1'] })
  })

  it('that cannot tell goes back at a person’s word', async () => {
    const then = await given(dark)
      .runbook(UNREADABLE)
      .when()
      .at('GateHeld', { wave: 0 }, ({ say }) => {
        say('reject', { gate: 'canary' })
      })
      .runs()
    then.ends('rolled-back').versionsAreAsBefore().untouched(then.wave('broad'))
  })

  it('of a wave in which nothing was patched proves nothing', async () => {
    const then = await given(fleet([group('prod-us', 3)]))
      .node(
        (nodes) => nodes.toSorted((a, b) => (a.node < b.node ? -1 : 1))[0],
        (seen) => ({ ...seen, tags: { ...seen.tags } }),
      )
      .runbook({ waves: '[{ name: canary, take: 1, gate: { bake: 1m, holdFor: 1h } }, { name: broad, take: rest }]' })
      .when()
      .at('BatchChosen', {}, ({ stage, node, fact }) => {
        if (fact.event.type === 'BatchChosen')
          for (const position of fact.event.nodes)
            stage.disguises.set(node(position), (seen) => ({ ...seen, tags: { ...seen.tags, 'patchwave:hold': 'true' } }))
      })
      .runs()
    then.ends('stopped', 'no evidence').untouched(then.all())
    expect(then.wave('canary')).toMatchObject([{ outcome: 'skipped', reason: 'excluded' }])
  })
})
