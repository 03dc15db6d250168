import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../src/kit/digest.ts'
import { HOUR, isoSeconds, MINUTE } from '../../../src/kit/instant.ts'
import { seeded, shuffled } from '../../../src/kit/random.ts'
import { canonicalDigest } from '../../../src/core/plan/canonical.ts'
import { makePlan, makeTrialPlan, type PlanInput } from '../../../src/core/plan/make.ts'
import type { Plan } from '../../../src/core/plan/plan.ts'
import { CALENDAR, durations, SUNDAY } from './history.ts'
import {
  amount,
  count,
  days,
  image,
  input,
  node,
  nodes,
  patch,
  percent,
  PROD,
  rest,
  runbook,
  STAGING,
  staging,
  stored,
  tagged,
  wave,
} from './fixture.ts'

const sizes = (plan: Plan) => Object.fromEntries(plan.content.waves.map((one) => [one.name, one.nodes.length]))
const refusal = (make: () => unknown): unknown => {
  try {
    make()
  } catch (error) {
    return error
  }
  return 'made'
}
const pickInterval = (row: Plan['forecast']['waves'][number] | undefined) => ({
  lowMs: row?.lowMs,
  medianMs: row?.medianMs,
  highMs: row?.highMs,
})
const code = (expected: string) => expect.objectContaining({ code: expected })

describe('a rollout', () => {
  const plan = makePlan(input({ calendar: CALENDAR }))

  it('takes the production nodes, wave by wave, each once', () => {
    expect(sizes(plan)).toEqual({ canary: 1, broad: 89 })
    expect(plan.content.nodes).toHaveLength(90)
    expect(new Set(plan.content.waves.flatMap((one) => one.nodes)).size).toBe(90)
    expect(plan.content).toMatchObject({ act: 'rollout', work: 'apply', trial: null, undoes: null, reboot: 'never' })
  })

  it('pins one list for each account and image, by path and version', () => {
    expect(plan.content.lists).toMatchObject([
      { account: PROD, image: 'ami-a', baseline: { version: 3 }, patches: [{ name: 'openssl' }] },
      { account: PROD, image: 'ami-b', baseline: { version: 3 } },
    ])
    for (const one of plan.content.nodes) expect(plan.content.lists[one.list ?? -1]?.image).toBe(one.ami)
  })

  it('is addressed by its content', () => {
    expect(plan.digest).toBe(canonicalDigest(plan.content))
  })

  it('shows the next windows and a headline', () => {
    expect(plan.windows.map(({ opens }) => isoSeconds(opens))).toEqual([
      '2026-03-01T03:00:00Z',
      '2026-03-08T03:00:00Z',
      '2026-03-15T03:00:00Z',
    ])
    expect(plan.headline).toEqual({ total: 90, waves: 2, planned: 90, skipped: {} })
    expect(plan.warnings).toEqual([])
  })

  it('rounds concurrency up and budgets down', () => {
    const rules = [wave('all', rest, { concurrency: percent(10), gate: { failures: percent(2) } })]
    const made = makePlan(input({ fleet: nodes(145), runbook: runbook({ waves: rules, budget: { failures: percent(1) } }) }))
    expect(made.content.waves[0]).toMatchObject({ concurrency: 15, gate: { failuresMax: 2 } })
    expect([made.content.budgetMax, made.content.rollback.failuresMax]).toEqual([1, 14])
  })

  it('never has more side by side than there are', () => {
    expect(
      makePlan(input({ runbook: runbook({ waves: [wave('all', rest, { concurrency: count(500) })] }) })).content.waves[0]?.concurrency,
    ).toBe(90)
  })

  it('leaves a wave without nodes out, and says so', () => {
    const made = makePlan(input({ fleet: [...staging(1), node('i-1')] }))
    expect([sizes(made), made.warnings]).toEqual([{ canary: 1 }, ['wave broad has no node left to touch and is left out']])
  })
})

describe('nodes that are left out', () => {
  it('are in the plan with their reason', () => {
    const odd = [
      node('i-off', { agent: 'lost' }),
      node('i-stop', { state: 'stopped', agent: 'none' }),
      node('mi-1', { hybrid: true, ami: '' }),
      node('i-win', { platform: 'other' }),
      node('i-new', { ami: 'ami-z' }),
      node('i-new-off', { ami: 'ami-z', agent: 'lost' }),
    ]
    const plan = makePlan(input({ fleet: [...nodes(20), ...odd] }))
    expect(plan.headline).toEqual({
      total: 26,
      waves: 2,
      planned: 20,
      skipped: { untested: 2, hybrid: 1, offline: 1, stopped: 1, 'unsupported-platform': 1 },
    })
    expect(Object.keys(plan.headline.skipped)[0]).toBe('untested')
    for (const one of plan.content.nodes) expect(one.list === null).toBe(one.skip !== null)
    expect(plan.warnings).toContain('2 nodes skipped as untested: no approved baseline covers the image')
  })

  it('are untested when the baseline is too old', () => {
    const baselines = new Map([stored(PROD, 'ami-a', [patch('openssl')], days(-15)), stored(PROD, 'ami-b', [patch('openssl')], days(-14))])
    const plan = makePlan(input({ baselines }))
    expect(plan.headline.skipped).toEqual({ untested: 45 })
    expect(plan.warnings).toContain(`the baseline of ${PROD}/ami-a is older than baseline.maxAge and does not count`)
  })

  it('are covered by another region’s copy of a tested image', () => {
    const far = node('i-far', { region: 'eu-west-1', ami: 'ami-e' })
    const images = [image('ami-a'), image('ami-b'), image('ami-e', { region: 'eu-west-1', sourceAmi: 'ami-a', sourceRegion: 'us-east-1' })]
    expect(makePlan(input({ fleet: [...nodes(10), far], images })).headline.skipped).toEqual({})
    expect(makePlan(input({ fleet: [...nodes(10), far] })).headline.skipped).toEqual({ untested: 1 })
  })

  it('may be all of them: the plan says so and touches nothing', () => {
    const plan = makePlan(input({ baselines: new Map() }))
    expect([sizes(plan), plan.headline.planned]).toEqual([{ broad: 90 }, 0])
  })
})

describe('the lists', () => {
  it('leave out what reject names today', () => {
    const baselines = new Map([stored(PROD, 'ami-a', [patch('openssl'), patch('kernel-debuginfo')]), stored(PROD, 'ami-b')])
    expect(makePlan(input({ baselines })).content.lists[0]?.patches.map(({ name }) => name)).toEqual(['openssl'])
  })

  it('come from the nodes themselves with baseline: none, printed UNTESTED', () => {
    const [first, second] = nodes(4).filter(({ ami }) => ami === 'ami-a')
    const missing = new Map([
      [first?.node ?? '', [patch('openssl', '0:1-1'), patch('vim', '0:1-1', { severity: 'Low' })]],
      [second?.node ?? '', [patch('openssl', '0:2-1')]],
    ])
    const plan = makePlan(input({ fleet: nodes(4), runbook: runbook({ baseline: 'none' }), missing, baselines: new Map() }))
    expect(plan.content.lists).toMatchObject([
      { image: 'ami-a', baseline: null, patches: [{ name: 'openssl', version: '0:2-1' }] },
      { image: 'ami-b', baseline: null, patches: [] },
    ])
    expect(plan.warnings.some((line) => line.startsWith('UNTESTED'))).toBe(true)
    expect(plan.headline.skipped).toEqual({})
  })

  it('are none in a scan', () => {
    const plan = makePlan(input({ runbook: runbook({ patches: null }), baselines: new Map() }))
    expect(plan.content).toMatchObject({ work: 'scan', lists: [] })
    expect(plan.content.nodes.every((one) => one.list === null && one.skip === null)).toBe(true)
    expect(plan.irreversible).toEqual([])
  })
})

describe('limits', () => {
  const limited = (limit: PlanInput['runbook']['limit'], more: Partial<PlanInput> = {}) => input({ ...more, runbook: runbook({ limit }) })

  // prettier-ignore
  it.each<[it: string, made: PlanInput, as: string | null]>([
    ['90 of 102 nodes are more than 60%',   limited({ nodes: null, sharePercent: 60 }), 'plan.limit'],
    ['90 of 150 are just 60%',              limited({ nodes: null, sharePercent: 60 }, { fleet: [...staging(60), ...nodes(90)] }), null],
    ['90 of 149 are not',                   limited({ nodes: null, sharePercent: 60 }, { fleet: [...staging(59), ...nodes(90)] }), 'plan.limit'],
    ['skipped ones are not touched',        limited({ nodes: null, sharePercent: 60 }, { baselines: new Map([stored(PROD, 'ami-a')]) }), null],
    ['89 at most',                          limited({ nodes: 89, sharePercent: 100 }), 'plan.limit'],
    ['90 at most',                          limited({ nodes: 90, sharePercent: 100 }), null],
    ['a scan is no blast',                  input({ runbook: runbook({ patches: null, limit: { nodes: null, sharePercent: 60 } }) }), null],
    ['nothing in scope',                    input({ fleet: staging(5) }), 'plan.empty'],
    ['an empty fleet',                      input({ fleet: [] }), 'plan.empty'],
    ['an account without an id',            input({ accounts: { staging: STAGING } }), 'config.invalid'],
  ])('%s', (_, made, as) => {
    expect(refusal(() => makePlan(made))).toEqual(as === null ? 'made' : code(as))
  })
})

describe('a rehearsal', () => {
  const rehearse = (sharePercent: number) =>
    makePlan({ ...input({ runbook: runbook({ limit: { nodes: null, sharePercent } }) }), lenient: true })

  it('warns where the default share would refuse, and obeys a share that the runbook says', () => {
    expect(rehearse(60).warnings[0]).toContain('90 of 102 managed nodes')
    expect(refusal(() => rehearse(50))).toEqual(code('plan.limit'))
  })
})

describe('what stands beside the content', () => {
  it('foretells a rollout in its window, and a trial without one', () => {
    const rollout = makePlan(input({ calendar: CALENDAR }))
    expect(rollout.forecast.waves.map(({ wave: name }) => name)).toEqual(['canary', 'broad'])
    expect(rollout.forecast).toMatchObject(pickInterval(rollout.forecast.waves.at(-1)))
    expect(rollout).toMatchObject({ zone: 'Europe/Berlin', fit: { opens: SUNDAY, closes: SUNDAY + 6 * HOUR, startAt: SUNDAY } })
    const trial = makeTrialPlan(input({ calendar: CALENDAR }))
    expect(trial.forecast.basis).toContain('no history')
    expect(trial.fit).toBeUndefined()
  })

  it('says what cannot be undone', () => {
    const baselines = new Map([
      stored(PROD, 'ami-a', [patch('kernel'), patch('openssl'), patch('glibc-common')]),
      stored(PROD, 'ami-b', [patch('kernelshark')]),
    ])
    const one = runbook({
      patches: { approve: [], reject: [], reboot: 'always', kernel: 'install' },
      rollback: { ...runbook().rollback, method: 'none' },
    })
    expect(makePlan(input({ baselines, runbook: one })).irreversible).toEqual([
      'nodes reboot (patches.reboot: always)',
      'no downgrade on a running system: glibc-common, kernel',
      'nothing is rolled back (rollback.method: none)',
    ])
  })

  it('says which nodes a limit does not hold', () => {
    const one = runbook({ disruption: [{ per: 'tag:Shard', atMost: count(1) }] })
    expect(makePlan(input({ runbook: one })).warnings).toContain(
      '90 nodes without tag:Shard: the limit per tag:Shard does not hold for them',
    )
  })
})

describe('the digest', () => {
  const limits = runbook({
    disruption: [
      { per: 'tag:Cluster', atMost: count(1) },
      { per: 'availability-zone', oneAtATime: true },
    ],
    waves: [wave('canary', amount(percent(5)), { spread: ['image', 'availability-zone'] }), wave('broad', rest)],
  })
  const made = input({ runbook: limits, fleet: [...staging(12), ...nodes(60)] })

  it('is the same whatever order AWS answers in', () => {
    const plan = makePlan(made)
    const trial = makeTrialPlan(made)
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seeded(seed)
        const turned = (node: (typeof made.fleet)[number]) => ({ ...node, tags: Object.fromEntries(Object.entries(node.tags).reverse()) })
        const mixed = {
          ...made,
          fleet: shuffled(made.fleet, random).map(turned),
          images: shuffled(made.images, random),
          baselines: new Map(shuffled([...made.baselines], random)),
        }
        expect(makePlan(mixed).digest).toBe(plan.digest)
        expect(makeTrialPlan(mixed).digest).toBe(trial.digest)
      }),
      { numRuns: 25 },
    )
  })

  it('covers neither time, windows nor the forecast', () => {
    const first = makePlan({ ...made, calendar: CALENDAR })
    const freezes = [{ from: SUNDAY, to: days(9), why: 'peak', source: 'dates' }]
    const later = makePlan({ ...made, calendar: CALENDAR, now: days(1), freezes, history: [durations([2 * HOUR])] })
    expect(later.digest).toBe(first.digest)
    expect(later.windows).not.toEqual(first.windows)
    expect(later.forecast).not.toEqual(first.forecast)
    expect(later.warnings).not.toEqual(first.warnings)
  })

  // prettier-ignore
  it.each<[it: string, other: Partial<PlanInput>]>([
    ['a document',       { documents: { 'Patchwave-Apply': sha256('another') } }],
    ['an input',         { inputs: { cve: 'CVE-2026-1' } }],
    ['a node',           { fleet: [...staging(12), ...nodes(61)] }],
    ['a baseline',       { baselines: new Map([stored(PROD, 'ami-a'), stored(PROD, 'ami-b', [patch('vim')])]) }],
    ['the runbook',      { runbook: { ...limits, owner: 'sre' } }],
  ])('covers %s', (_, other) => {
    expect(makePlan({ ...made, ...other }).digest).not.toBe(makePlan(made).digest)
  })
})

describe('a trial', () => {
  const plan = makeTrialPlan(input())

  it('has one wave of a few nodes for each image, all at once, that soaks', () => {
    expect(plan.content).toMatchObject({ act: 'trial', work: 'apply', lists: [], approval: null, before: [], after: [] })
    expect(plan.content.nodes.map((one) => [one.account, one.list, one.skip])).toEqual(Array(4).fill([STAGING, null, null]))
    expect(plan.content.waves).toEqual([
      {
        name: 'trial',
        nodes: expect.arrayContaining([0, 1, 2, 3]),
        concurrency: 4,
        tighter: [],
        gate: {
          failuresMax: 0,
          hard: false,
          bakeMs: 30 * MINUTE,
          checks: ['ping'],
          evidencePercent: null,
          approval: null,
          holdForMs: null,
        },
        unrepresented: [],
      },
    ])
  })

  it('says whose baselines follow', () => {
    expect(plan.content.trial).toEqual({
      lineages: [
        { image: 'ami-a', nodes: [0, 3], accounts: [PROD] },
        { image: 'ami-b', nodes: [1, 2], accounts: [PROD] },
      ],
      path: '/patchwave/{runbook}/{account}/{image}',
      approval: null,
    })
    for (const { image: lineage, nodes: tested } of plan.content.trial?.lineages ?? [])
      for (const one of tested) expect(plan.content.nodes[one]?.ami).toBe(lineage)
  })

  it('obeys the disruption limits', () => {
    const made = makeTrialPlan(input({ runbook: runbook({ disruption: [{ per: 'tag:Cluster', atMost: count(1) }] }) }))
    expect(made.content.groups.map(({ key }) => key)).toEqual([`tag:Cluster=c0@${STAGING}/us-east-1`])
    expect(made.content.nodes.every((one) => one.groups.length === 1)).toBe(true)
  })

  it('warns about images that nobody tests', () => {
    expect(makeTrialPlan(input({ fleet: [...staging(12), ...nodes(9), node('i-z', { ami: 'ami-z' })] })).warnings).toEqual([
      '1 node of 1 image without a node to test: they will be skipped as untested',
    ])
  })

  // prettier-ignore
  it.each<[it: string, made: PlanInput, as: string]>([
    ['without nodes to test',     input({ fleet: nodes(9) }), 'plan.empty'],
    ['when all of them are down', input({ fleet: staging(3).map((one) => ({ ...one, agent: 'lost' })) }), 'plan.empty'],
    ['without a test',            input({ runbook: runbook({ test: null }) }), 'runbook.invalid'],
    ['with baseline: none',       input({ runbook: runbook({ baseline: 'none' }) }), 'runbook.invalid'],
  ])('is refused %s', (_, made, as) => {
    expect(refusal(() => makeTrialPlan(made))).toEqual(code(as))
  })

  it('uses trial nodes in a rollout only where a wave names them', () => {
    const waves = [wave('staging', { kind: 'match', match: tagged({ Env: 'staging' }) }), wave('broad', rest)]
    const baselines = new Map([stored(PROD, 'ami-a'), stored(PROD, 'ami-b'), stored(STAGING, 'ami-a'), stored(STAGING, 'ami-b')])
    expect(sizes(makePlan(input({ runbook: runbook({ waves }), baselines })))).toEqual({ staging: 12, broad: 90 })
  })
})

describe('a large fleet', () => {
  it('is planned in seconds', () => {
    const started = performance.now()
    const fleet = Array.from({ length: 20_000 }, (_, index) =>
      node(`i-${String(index).padStart(6, '0')}`, {
        account: index % 2 ? PROD : STAGING,
        zone: `use1-az${String(index % 5)}`,
        ami: `ami-${String(index % 7)}`,
        tags: { Cluster: `c${String(index % 4_000)}` },
      }),
    )
    const baselines = new Map(
      [PROD, STAGING].flatMap((account) => Array.from({ length: 7 }, (_, index) => stored(account, `ami-${String(index)}`))),
    )
    const waves = [
      wave('canary', amount(percent(1)), { spread: ['image', 'availability-zone'] }),
      wave('early', amount(percent(10)), { spread: ['tag:Cluster'] }),
      wave('broad', rest, { concurrency: count(500) }),
    ]
    const one = runbook({
      test: null,
      waves,
      disruption: [
        { per: 'tag:Cluster', atMost: count(1) },
        { per: 'availability-zone', oneAtATime: true },
      ],
    })
    const plan = makePlan(input({ fleet, baselines, runbook: one, images: [] }))
    expect(plan.content.nodes).toHaveLength(20_000)
    expect(performance.now() - started).toBeLessThan(20_000)
  })
})
