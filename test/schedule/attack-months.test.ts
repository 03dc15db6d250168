import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { DAY, HOUR, instant, iso, MINUTE, plus, type Instant, type Ms } from '../../src/kit/instant.ts'
import { derive, seeded, type Random } from '../../src/kit/random.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { World } from '../../src/engine/world.ts'
import { fleet, group, runbook, START, TESTED } from '../scenarios/documents.ts'
import { faultsFound } from '../scenarios/holds.ts'
import { Attack, type Serving } from './attack-stage.ts'
import { missed, ringing, SteppedClock } from './serving.ts'

const MONTHS_MS: Ms = 61 * DAY
const pick = <T>(random: Random, from: readonly T[]): T => known(from[Math.floor(random() * from.length)], 'a choice')

/** A runbook as a seed draws it, and what it means in plain numbers: days of the week and minutes of the day in UTC, freezes as instants. */
type Drawn = Readonly<{
  runbook: Runbook
  days: readonly number[]
  minute: number
  durationMs: Ms
  cutoffMs: Ms
  freezes: readonly Readonly<{ from: Instant; to: Instant }>[]
}>

const NAMES = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

function draw(name: string, random: Random): Drawn {
  const days = pick(random, [[0], [3], [2, 5], [1, 4]])
  const minute = Math.floor(random() * 24 * 12) * 5
  const durationMs = pick(random, [3, 5, 8, 26]) * HOUR
  const cutoffMs = pick(random, [0, 30 * MINUTE, HOUR])
  const freezes = Array.from({ length: pick(random, [0, 1, 3]) }, () => {
    const from = plus(START, Math.floor(random() * 60 * 24) * HOUR)
    return { from, to: plus(from, pick(random, [2, 9, 50]) * HOUR) }
  })
  const jitter = pick(random, ['0s', '20m'])
  const [overlap, unfinished] = pick(random, [
    ['queue', 'stop'],
    ['queue', 'next-window'],
    ['skip', 'stop'],
    ['skip', 'next-window'],
    ['cancel-running', 'stop'],
  ] as const)
  const window = [
    `schedule: "cron(${String(minute % 60)} ${String(Math.floor(minute / 60))} ? * ${days.map((day) => NAMES[day]).join(',')} *)"`,
    `duration: ${String(durationMs / HOUR)}h, cutoff: ${String(cutoffMs / MINUTE)}m, late: ${pick(random, ['20m', '110m'])}, jitter: ${jitter}`,
    `overlap: ${overlap}, unfinished: ${unfinished}`,
    `freezes: [${freezes.map(({ from, to }) => `{ from: "${iso(from)}", to: "${iso(to)}" }`).join(', ')}]`,
  ]
  const approval = pick(random, ['', '', '{ group: sre-leads, expires: 30h }'])
  const gate = pick(random, ['{ bake: 5m }', '{ bake: 40m }', '{ bake: 5m, approval: { group: sre-leads, expires: 12h }, holdFor: 6h }'])
  const tested = random() < 0.5 && {
    ...TESTED,
    baseline: pick(random, ['{ maxAge: 14d }', '{ maxAge: 14d, approval: { group: sre-leads, count: 1, expires: 20h } }']),
  }
  const sections = {
    ...tested,
    window: `{ ${window.join(', ')} }`,
    limit: '{ share: 100% }',
    approval,
    waves: `[{ name: canary, take: 1, gate: ${gate} }, { name: rest, take: rest, concurrency: 1, gate: { bake: 5m } }]`,
  }
  return { runbook: runbook(name, sections), days, minute, durationMs, cutoffMs, freezes }
}

/** Every opening in a period, day by day. */
function openings({ days, minute }: Drawn, from: Instant, to: Instant): Instant[] {
  const found: Instant[] = []
  for (let day = START; day <= to; day = plus(day, DAY)) {
    const opens = plus(day, minute * MINUTE)
    if (days.includes(new Date(day).getUTCDay()) && opens > from && opens <= to) found.push(opens)
  }
  return found
}

/** Services that come and go, are killed, suspended and told wrong times; people who answer when they like. */
async function play(one: Attack, random: Random, wrongTimes: boolean): Promise<void> {
  one.answering = () => pick(random, [0, 10 * MINUTE, 5 * HOUR, 3 * DAY, null])
  const end = plus(START, MONTHS_MS)
  await one.stage.run(async () => {
    await Promise.all([keeper(one, random, end, wrongTimes), ...(random() < 0.4 ? [keeper(one, random, end, wrongTimes)] : [])])
    const last = await one.start({ beatMs: MINUTE })
    await one.until(plus(end, 3 * DAY))
    await last.stop()
  })
}

async function keeper(one: Attack, random: Random, end: Instant, wrongTimes: boolean): Promise<void> {
  const { clock } = one.stage
  const pause = (ms: Ms): Promise<void> => clock.sleep(plus(clock.now(), Math.floor(ms)))
  while (clock.now() < end) {
    const offset: { clock?: SteppedClock } = {}
    const serving = await one.start({
      beatMs: 5 * MINUTE,
      heartbeat: (ring) => ringing(clock, HOUR)(ring),
      with: (world) => {
        offset.clock = new SteppedClock(world.clock)
        return { ...world, clock: offset.clock, identity: knowingAws(world, one) }
      },
    })
    await pause((1 + random() * 12) * DAY)
    if (random() < 0.5 && wrongTimes && offset.clock) {
      offset.clock.offsetMs = Math.floor((random() - 0.5) * 20 * DAY)
      await pause(random() * 20 * HOUR)
      offset.clock.offsetMs = 0
      await pause(random() * DAY)
    }
    if (random() < 0.4) await suspend(serving, () => pause(random() * 20 * HOUR))
    if (random() < 0.6) serving.process.life.kill()
    else await serving.stop()
    await pause(random() * (random() < 0.15 ? 3 * DAY : HOUR))
  }
}

async function suspend({ process: { life } }: Serving, pause: () => Promise<void>): Promise<void> {
  life.freeze()
  await pause()
  life.thaw()
  await pause()
}

/** AWS's answers carry its date. */
const knowingAws = ({ identity }: World, { stage }: Attack): World['identity'] => ({
  caller: async (signal) => ({ ...(await identity.caller(signal)), awsNow: stage.clock.now() }),
})

/** What the nodes saw, against windows and freezes in plain numbers. */
async function outside(one: Attack, all: readonly Drawn[]): Promise<string[]> {
  const found: string[] = []
  for (const { token, node, startedAt } of one.changes()) {
    const row = known(await one.stage.store.run(token.split('.')[0] ?? ''), 'the run')
    const drawn = known(
      all.find(({ runbook: { name } }) => name === row.runbook),
      'the runbook',
    )
    const at = instant(Date.parse(startedAt))
    const frozen = drawn.freezes.find(({ from, to }) => from <= at && at < to)
    if (frozen) found.push(`${row.runbook}: ${node} began at ${startedAt}, frozen from ${iso(frozen.from)} to ${iso(frozen.to)}`)
    const { durationMs, cutoffMs } = drawn
    const inside = openings(drawn, plus(at, -durationMs), at).some((opens) => at < plus(opens, durationMs - cutoffMs))
    if (row.act === 'rollout' && !inside) found.push(`${row.runbook}: ${node} began at ${startedAt}, outside its windows`)
  }
  return found
}

/** Openings that neither a run has nor anybody was told of, and those of which both is so, or which were told twice. */
async function untold(one: Attack, drawn: Drawn, to: Instant): Promise<string[]> {
  const { name } = drawn.runbook
  const told = await missed(one.stage, name)
  const found: string[] = []
  for (const opens of openings(drawn, START, to)) {
    const run = await one.stage.store.openingOf(name, 'rollout', opens)
    const times = told.filter(({ first, last }) => first <= opens && opens <= last)
    const usable = run !== undefined && !times.some(({ reason }) => reason.includes(run))
    if (Number(usable) + times.length !== 1)
      found.push(`${name} ${iso(opens)}: run ${run ?? 'none'}, told ${times.map(({ reason }) => reason).join('; ')}`)
  }
  return found
}

/** Runs of one runbook that opened the same window. */
function doubled(one: Attack): string[] {
  const opened = new Map<string, Set<string>>()
  for (const { runbook: name, run, event } of one.all('WindowChosen')) {
    if (event.openBy === event.cutoff && event.startAt === event.opens && event.native === '' && event.opens % MINUTE !== 0) continue
    const key = `${name} ${iso(event.opens)}`
    opened.set(key, (opened.get(key) ?? new Set<string>()).add(run))
  }
  const acts = new Set(one.all('WaveStarted').map(({ run }) => run))
  return [...opened].flatMap(([key, runs]) =>
    [...runs].filter((run) => acts.has(run)).length > 1 ? [`${key}: ${[...runs].join(', ')}`] : [],
  )
}

describe('two months of services that are killed, suspended and told wrong times', () => {
  it.each([1, 2])(
    'change nothing outside its windows or in a freeze, and lose, double or forget no opening (seed %i)',
    async (seed) => {
      const of = (what: string): Random => seeded(derive(seed, 'months', what))
      const all = ['a', 'b', 'c'].map((name) => draw(name, of(`runbook ${name}`)))
      const one = new Attack(
        all.map(({ runbook: each }) => each),
        { fleet: fleet([group('staging', 2), group('prod-us', 24)], { seed, commandTime: { medianMs: 20 * MINUTE, p95Ms: 35 * MINUTE } }) },
      )
      const wrongTimes = seed % 2 === 0
      await play(one, of('play'), wrongTimes)
      expect(one.changes().length).toBeGreaterThan(20)
      expect(await outside(one, all)).toEqual([])
      const to = plus(START, MONTHS_MS)
      for (const drawn of all) expect(await untold(one, drawn, to)).toEqual([])
      expect(doubled(one)).toEqual([])
      // A journal that was written by a wrong clock says nothing about what overlapped what.
      if (!wrongTimes) expect(await faultsFound(one.stage)).toEqual([])
    },
    300_000,
  )
})
