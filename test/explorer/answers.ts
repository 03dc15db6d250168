import { mayNotStart, PROOF_MS } from '../../src/core/run/evolve-commands.ts'
import type { Effect } from '../../src/core/run/effect.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { PRESENCE } from '../../src/core/run/gate.ts'
import { cellAt, commandOf, STAGE } from '../../src/core/run/state.ts'
import type { Command } from '../../src/core/run/parts.ts'
import { DAY, HOUR, instant, latest, MINUTE, plus, SECOND, type Instant } from '../../src/kit/instant.ts'
import { plainOpening } from '../../src/core/run/opening.ts'
import { measured, NO_FREEZE } from '../core/run/telling.ts'
import { isDenied, learns, preparing, refusal } from './cells.ts'
import { isAsleep, nodeOf } from './hands.ts'
import { groups, tries } from './search.ts'
import { fault, free, type EffectOf, type Move } from './moves.ts'
import { cancelAnswers, reportOf, watchAnswers } from './reports.ts'
import { stepAnswers } from './steps.ts'
import { orderOf, type Setup, type Sim } from './sim.ts'
import type { Copy, Order, Rules, World } from './world.ts'

/** Every answer that the port behind an effect may give now. */
export function answers(setup: Setup, sim: Sim, effect: Effect): Move[] {
  const { rules } = setup
  switch (effect.kind) {
    case 'window':
      return [free('window', opening)]
    case 'almanac':
      return almanac(setup, sim)
    case 'survey':
      return [fixed('survey', () => ({ type: 'FleetRead', down: asleep(sim.world), gone: [], outside: [], appeared: 0, drift: null }))]
    case 'prepare':
      return preparing(sim, effect.cell)
    case 'read':
      return reads(sim, effect)
    case 'step':
      return stepAnswers(sim, effect.id)
    case 'send':
      return sends(setup, sim, effect.n)
    case 'find':
      return finds(sim, effect.n)
    case 'watch':
      return watchAnswers(sim, effect.n)
    case 'cancel':
      return isDenied(sim, commandOf(sim.live, effect.n).nodes[0] ?? 0) ? [] : cancelAnswers(rules, effect.n)
    case 'measure':
      return effect.purpose === 'try' ? tries(sim, effect) : measures(setup, sim, effect)
    case 'group':
      return groups(setup)
    default:
      return trial(sim, effect)
  }
}

const fixed = (label: string, event: (now: Instant) => RunEvent): Move => free(label, (sim) => [event(sim.now)])

const asleep = (world: World): number[] => world.nodes.flatMap((_, position) => (isAsleep(world, position) ? [position] : []))

/** The next window, with ends of its own. */
function opening(sim: Sim): RunEvent[] {
  const { now } = sim
  sim.world.closing = null
  return [plainOpening({ opens: plus(now, HOUR), cutoff: plus(now, 6 * HOUR), closes: plus(now, 7 * HOUR) }, '')]
}

/** The calendars, and the maintenance window at AWS; both may be changed until they are read again, a day later. */
function almanac(setup: Setup, sim: Sim): Move[] {
  const { live } = sim
  if (!setup.narrows && !setup.freezes) return [fixed('almanac', () => NO_FREEZE)]
  const { frost } = live
  const read = frost === null || frost.epoch !== live.epoch ? [free('almanac', (then) => [calendars(then)])] : []
  return [...read, ...(setup.freezes ? freezing(sim) : []), ...(setup.narrows ? narrowing(sim) : [])]
}

/** What the calendars say now. */
function calendars({ world: { freeze }, now }: Sim): RunEvent {
  const some = freeze === null || freeze.to <= now ? [] : [freeze]
  return {
    type: 'FreezesRead',
    from: some.map(({ from }) => from),
    to: some.map(({ to }) => to),
    why: some.map(() => 'frost'),
    source: some.map(() => 'calendar'),
    again: plus(now, DAY),
  }
}

const FREEZE_MS = 30 * MINUTE
/** Nearer than a delivery takes. */
const SOON_MS = 5 * MINUTE

/** A freeze is declared, for now or for soon, and read at once; or taken back. */
function freezing({ world: { freeze }, live: { frost }, now }: Sim): Move[] {
  if (frost === null) return []
  const set =
    (to: Sim['world']['freeze']): Move['run'] =>
    (sim) => {
      sim.world.freeze = to
      return [calendars(sim)]
    }
  if (freeze !== null && now < freeze.to) return [fault('the freeze is taken back', set(null))]
  const from = plus(now, SOON_MS)
  return [
    fault('a freeze is declared', set({ from: now, to: plus(now, FREEZE_MS), broken: false })),
    fault('a freeze is announced', set({ from, to: plus(from, FREEZE_MS), broken: false })),
  ]
}

function narrowing({ live: { window }, now }: Sim): Move[] {
  if (window === null) return []
  if (!window.opened) return [fault('the window is changed', () => [{ type: 'WindowMissed', opens: window.opens, reason: 'changed' }])]
  const cutoff = plus(now, 5 * MINUTE)
  if (cutoff >= window.cutoff) return []
  const narrowed = { cutoff, closes: cutoff, lastStart: cutoff }
  const narrows = fault('the window narrows', (sim) => {
    sim.world.closing = cutoff
    return [{ type: 'WindowNarrowed', ...narrowed, why: 'changed' }]
  })
  return [narrows]
}

/** Who is gone is read as gone; any other may be away for the moment. */
function reads(sim: Sim, effect: EffectOf<'read'>): Move[] {
  const { world } = sim
  if (world.denied === effect.cell) return learns(sim, `read ${effect.nodes.join()}`, effect.cell)
  const lost = effect.nodes.filter((position) => !nodeOf(world, position).exists)
  const read = (away: readonly number[]): RunEvent => {
    const skipped = [...lost, ...away]
    return {
      type: 'BatchRead',
      batch: effect.batch,
      skipped,
      reasons: skipped.map((position) => (lost.includes(position) ? 'gone' : 'offline')),
      down: [...skipped, ...effect.nodes.filter((position) => !lost.includes(position) && isAsleep(world, position))],
    }
  }
  const there = effect.nodes.filter((position) => !lost.includes(position))
  return [
    free(`read ${effect.nodes.join()}`, () => [read([])]),
    ...there.map((position) => fault(`read: node ${position} is offline`, () => [read([position])])),
  ]
}

/** How long SSM lets a script work after it was delivered, and how long a delivery may take. */
const EXPIRES_MS = 70 * MINUTE

/** SSM takes a command. */
export function land({ world, now }: Sim, order: Order, rules: Rules): Copy {
  world.copyCount += 1
  const id = `00000000-0000-4000-8000-${String(world.copyCount).padStart(12, '0')}`
  const copy: Copy = {
    ...order,
    token: rules.tokenFor(world, order.n, order.work),
    id,
    landedAt: now,
    expiresAfter: plus(now, EXPIRES_MS),
    parts: new Map(order.nodes.map((position) => [position, 'pending'])),
  }
  world.copies.push(copy)
  return copy
}

const known = (copy: Copy, adopted: boolean): RunEvent => ({
  type: 'CommandSent',
  n: copy.n,
  commandId: copy.id,
  requestedAt: copy.landedAt,
  expiresAfter: copy.expiresAfter,
  adopted,
})

function sends(setup: Setup, sim: Sim, n: number): Move[] {
  const { live, world, now } = sim
  const { rules } = setup
  const command = commandOf(live, n)
  const order = orderOf(setup, live, n)
  const refuse = (code: string, invalid: readonly number[]) => (): RunEvent[] => [{ type: 'CommandRefused', n, code, message: '', invalid }]
  if (now >= plus(command.startBefore, -31 * SECOND)) return [free(`send ${n}: too late`, refuse('too-late', []))]
  const cell = cellAt(live, command.nodes[0] ?? 0)
  if (world.denied === cell) return [free(`send ${n}: denied`, () => [...refuse('aws.denied', [])(), ...refusal(live, cell)])]
  const lost = command.nodes.filter((position) => !nodeOf(world, position).exists)
  if (lost.length > 0) return [free(`send ${n}: refused, ${lost.join()} invalid`, refuse('aws.invalid', lost))]
  const unclear: RunEvent = { type: 'CommandUnclear', n, message: '' }
  return [
    free(`send ${n}`, (sim) => [known(land(sim, order, rules), false)]),
    fault(`send ${n}: unclear, it arrived`, (sim) => (land(sim, order, rules), [unclear])),
    fault(`send ${n}: unclear, it did not arrive`, () => [unclear]),
    ...(mayNotStart(live, command.work, now) ? [fault(`send ${n}: held back`, refuse('held-back', []))] : []),
    ...command.nodes.map((position) => fault(`send ${n}: refused, ${position} invalid`, refuse('aws.invalid', [position]))),
  ]
}

/** How long a look-up waits for SSM's list to settle before it says that there is nothing. */
const SETTLE_MS = 2 * MINUTE

/** What SSM lists is found. What it does not list is missed, after a while; once it may lag behind a command that has just arrived. */
function finds(sim: Sim, n: number): Move[] {
  const { live, world, now } = sim
  const command = commandOf(live, n)
  if (isDenied(sim, command.nodes[0] ?? 0)) return [...learns(sim, `find ${n}`, command.cell), ...unfindable(sim, command)]
  const copies = world.copies.filter((copy) => copy.n === n)
  const miss = (sim: Sim): RunEvent[] => {
    sim.now = missedAt(sim, command)
    return [{ type: 'CommandMissed', n }]
  }
  if (copies.length === 0) return [free(`find ${n}: nothing`, miss)]
  const found = free(`find ${n}: ${copies.length} found`, () => copies.map((copy) => known(copy, true)))
  const lags = copies.every((copy) => copy.landedAt === now) && missedAt(sim, command) < command.startBefore
  return lags ? [found, fault(`find ${n}: it is not listed yet`, miss)] : [found]
}

/** Nobody may look until nothing of it can be under way any more. */
function unfindable({ live, now }: Sim, { n, nodes, work, expiresAfter }: Command): Move[] {
  if (now < expiresAfter) return []
  const outcome = work === 'rollback' ? 'rollback-failed' : 'unknown'
  const left = nodes.filter((position) => live.nodes.command[position] === n && live.nodes.stage[position] === STAGE.flying)
  const rows = left.map((position) => ({ position, outcome, reason: 'cell-refused', ended: instant(0) }) as const)
  return [free(`find ${n}: given up`, () => [reportOf(n, rows), { type: 'CommandClosed', n }])]
}

/** A look-up that changes nothing is made again until it proves something. */
function missedAt({ live, now }: Sim, command: Command): Instant {
  const settled = plus(now, SETTLE_MS)
  return mayNotStart(live, command.work, settled) || settled >= command.startBefore
    ? latest(settled, plus(command.startBefore, PROOF_MS))
    : settled
}

/** A check has three verdicts. Who looks for presence also finds out who is gone. */
function measures({ culprits }: Setup, { live, world }: Sim, effect: EffectOf<'measure'>): Move[] {
  if (effect.check !== PRESENCE)
    return [
      free('measure: pass', () => [measured(effect, 'pass')]),
      ...(culprits === null ? [fault('measure: fail', () => [measured(effect, 'fail')])] : []),
      fault('measure: inconclusive', () => [measured(effect, 'inconclusive')]),
    ]
  const touched =
    live.plan.waves[effect.wave]?.nodes.filter(
      (position) => live.nodes.touched[position] === 1 && live.nodes.stage[position] === STAGE.ended,
    ) ?? []
  const lost = touched.filter((position) => !nodeOf(world, position).exists)
  return [
    free('measure presence', () => [...(lost.length > 0 ? [{ type: 'NodesGone', nodes: lost } as const] : []), measured(effect, 'pass')]),
  ]
}

const LIST = 'a'.repeat(64)

/** What only a trial asks for. */
function trial({ live }: Sim, effect: Effect): Move[] {
  const left = [...live.scanLeft]
  const seen = (nodes: readonly number[]): RunEvent => ({
    type: 'NodesScanned',
    nodes,
    lists: nodes.map(() => LIST),
    missing: nodes.map(() => 1),
  })
  const silent = (position: number): RunEvent => ({ type: 'NodesUnscanned', nodes: [position], reason: 'unscanned' })
  if (effect.kind === 'scan')
    return [
      free('scan', () => [seen(left)]),
      ...left.map((position) =>
        fault(`scan: node ${position} is silent`, () => [
          ...(left.length > 1 ? [seen(left.filter((one) => one !== position))] : []),
          silent(position),
        ]),
      ),
    ]
  if (effect.kind === 'classify') {
    const nodes = [...live.nodes.scanned.keys()]
    return [free('classify', () => [{ type: 'ListsPinned', lists: LIST, count: 1, patches: [1], nodes, of: nodes.map(() => 0) }])]
  }
  if (effect.kind === 'store') {
    const image = live.plan.trial?.lineages[effect.lineage]?.image ?? ''
    return [
      free('store', () => [{ type: 'BaselineStored', account: effect.account, image, path: '/x', version: 1, digest: LIST, written: 1 }]),
      fault('store: refused', () => [{ type: 'BaselineRefused', account: effect.account, image, code: 'aws.denied', message: '' }]),
    ]
  }
  return [free('approve baselines', () => [{ type: 'BaselinesApproved', count: 1 }])]
}
