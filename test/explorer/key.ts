import { HOUR, MINUTE, SECOND, type Ms } from '../../src/kit/instant.ts'
import { STAGE, type RunState } from '../../src/core/run/state.ts'
import type { Isolation } from '../../src/core/run/isolation.ts'
import type { Measure } from '../../src/core/run/parts.ts'
import type { Sim } from './sim.ts'

/**
 * What of a state can still make a difference, as text: two states with the same key have the same future. Instants stand by how far ahead they are (passed
 * ones are alike), tokens by their rank among those that still matter, dead commands not at all. Far instants are rounded: to a minute, later to half an hour.
 */
export function keyOf(sim: Sim, ranks: ReadonlyMap<number, number>, run: string): string {
  const { live } = sim
  return `${run}\n${caches(live, sim.now)}\n${caches(sim.folded, sim.now)}\n${worldKey(sim, ranks)}${pastKey(sim)}`
}

/** What a driver knows that was replaced, and a store that lost its tail. */
function pastKey({ old, earlier, now }: Sim): string {
  const oldKey = old === null ? '' : `O${old.effects.join()}${runKey(old.live, now, numbers(old.live))}`
  return earlier === null ? oldKey : `${oldKey}E${runKey(earlier, now, numbers(earlier))}${caches(earlier, now)}`
}

/** Tokens by their own numbers. */
const numbers = ({ commands }: RunState): Map<number, number> => new Map([...commands.keys()].map((n) => [n, n]))

/** The run's part of the key: the same for the live state and for the fold of its journal. */
export function runKey(state: RunState, now: number, ranks: ReadonlyMap<number, number>): string {
  const { nodes } = state
  const due = (at: number | null | undefined, ms: Ms = 0): string => (at === null || at === undefined ? '-' : String(ahead(at + ms - now)))
  const parts: unknown[] = [
    phaseKey(state),
    state.window === null
      ? '-'
      : `${due(state.window.opens)},${due(state.window.cutoff)},${due(state.window.closes)}${state.window.opened ? 'o' : ''}`,
    state.paused ? 'P' : '',
    state.frost === null
      ? ''
      : `F${state.frost.freezes.map(({ from, to }) => `${due(from)}-${due(to)}`).join()}${state.frost.again !== null && state.frost.epoch !== state.epoch ? 'o' : ''}${state.breakFreeze ? 'b' : ''}${state.broken.size}`,
    state.aborting === null ? '' : `A${state.aborting.rollback ? 'r' : ''}`,
    state.rollbackAsked === null ? '' : 'R',
    [...state.prepared].join(';'),
    [...state.refusals].map(([cell, since]) => `${cell}${due(since, 15 * MINUTE)},${due(since, HOUR)}`).join(';'),
    state.isolation === null ? '' : isolationKey(state.isolation, due),
    [...state.brokenBy.keys()].join(),
    [...state.livePatched].join(),
    state.lastDriftReason,
    state.leftAtOpening,
    state.vainWindows,
    state.inFlight,
    state.retrying,
    state.suspects,
    state.waitingCount,
    state.groupOut.join(),
    state.setActive.join(),
    state.measure === null ? '' : measureKey(state.measure, due),
    state.rollback === null ? '' : `${state.rollback.restored}/${state.rollback.failed}${state.rollback.stopped ? 's' : ''}`,
    state.phase.name === 'rolling-back' ? [...state.heldSince].map(([p, since]) => `${p}${due(since, 3 * HOUR)}`).join(';') : '',
    state.scanAsked === null ? '' : 'S',
    [...state.scanLeft].sort().join(),
    state.lists?.digest,
    [...state.stored.keys()].join(),
    state.baselinesApproved ? 'B' : '',
    state.approvals.map((one) => `${one.subject.kind}${one.state}${one.by.length}${one.state === 'asked' ? due(one.expires) : ''}`).join(),
    [...state.unsent].map((n) => ranks.get(n)).join(),
  ]
  for (const wave of state.waves)
    parts.push(
      wave.phase,
      wave.counts.join(),
      wave.startedAt === null ? '' : 's',
      wave.held?.join(';'),
      due(wave.heldSince, 15 * MINUTE),
      wave.expired ? 'x' : '',
      wave.stopped ?? '',
      wave.phase === 'drained' ? `${due(wave.drainedAt, 10 * MINUTE)}${wave.measure ? measureKey(wave.measure, due) : ''}` : '',
    )
  for (let p = 0; p < nodes.count; p++)
    parts.push(
      `${nodes.stage[p]}.${nodes.outcome[p]}.${nodes.applied[p]}.${nodes.touched[p]}${nodes.out[p]}${nodes.down[p]}.${nodes.attempts[p]}.${nodes.list[p]}.${(nodes.endedSeconds[p] ?? 0) > 0 ? 'e' : ''}.${nodes.reason[p]}.${ranks.get(nodes.command[p] ?? 0) ?? ''}${aroundKey(state, p)}`,
    )
  for (const batch of state.batches.values())
    parts.push(
      `b${batch.work}${batch.nodes.join()}:${due(batch.readAt, MINUTE)}${batch.step > 0 ? `s${batch.step}` : ''}${batch.running === null ? '' : 'r'}`,
    )
  for (const [n, rank] of ranks) {
    const command = state.commands.get(n)
    if (command === undefined) continue
    const open = state.openCommands.has(n)
    parts.push(
      `c${rank}${command.work}${command.phase}${command.nodes.join()}${open ? `:${command.ids.length}${due(command.startBefore)},${due(command.expiresAfter)},${command.open}${command.cancelled ? 'c' : ''}${command.doubtful ? 'd' : ''}` : ''}`,
    )
  }
  for (const step of state.steps.values())
    parts.push(`${step.batch > 0 ? 'S' : 'R'}${step.name}${step.nodes.join()}${[...step.found.keys()].join()}`)
  for (const line of state.returns.values()) parts.push(`r${line.cell}${line.step}${line.nodes.join()}:${due(line.since, 5 * SECOND)}`)
  for (const effect of state.activities.values())
    parts.push(
      'n' in effect && effect.kind !== 'measure'
        ? `${effect.kind}${ranks.get(effect.n) ?? ''}`
        : effect.kind === 'measure'
          ? `m${effect.check}`
          : effect.kind,
    )
  return parts.join('|')
}

/** What steps did with a node: nothing, for most. */
function aroundKey({ nodes, notBack, things }: RunState, p: number): string {
  const [taken = 0, after = 0, changed = 0] = [nodes.taken[p], nodes.stage[p] === STAGE.returning ? nodes.after[p] : 0, nodes.changed[p]]
  const kept = things.size === 0 ? '' : [...things.keys()].filter((key) => key.startsWith(`${p}:`)).join()
  return taken + after + changed === 0 && !notBack.has(p) && kept === ''
    ? ''
    : `~${taken}.${after}.${changed}.${notBack.get(p)?.join() ?? ''}.${kept}`
}

/** Tokens that still matter, oldest first: open ones, those that a node names, those that SSM or a dead driver may still bring to a node. */
export function ranksOf({ live, world }: Sim): Map<number, number> {
  const live_ = new Set<number>(live.openCommands)
  for (const n of live.nodes.command) if (n > 0) live_.add(n)
  for (const copy of world.copies) live_.add(copy.n)
  for (const { n } of world.zombies) live_.add(n)
  return new Map([...live_].sort((a, b) => a - b).map((n, rank) => [n, rank]))
}

function phaseKey({ phase }: RunState): string {
  if (phase.name === 'waves') return `waves${phase.wave}`
  if (phase.name === 'rolling-back') return `back${phase.waves.join()}@${phase.at}${phase.after}`
  return phase.name === 'finished' ? `end${phase.outcome}` : phase.name
}

function measureKey(measure: Measure, due: (at: number | null, ms?: Ms) => string): string {
  return `${measure.last ? 'l' : ''}${[...measure.checks].join(';')}${[...measure.failures.values()].join()}${due(measure.endedAt, MINUTE)},${due(measure.endedAt, 5 * MINUTE)},${Math.min(measure.round, 3)}`
}

/** Who waits in which order: a cache of the state, but one that decides who goes first. */
function caches(state: RunState, now: number): string {
  const waits = (position: number): boolean => state.nodes.stage[position] === STAGE.waiting
  const lanes = [...state.waiting.lanes.values()].map((lane) => [...new Set(lane.filter(waits))].join())
  const parked = [...state.waiting.parked].map(([group, nodes]) => `${group}:${[...new Set(nodes.filter(waits))].join()}`)
  const busy = state.waiting.busy.filter((one) => waits(one.node)).map((one) => `${one.node}:${ahead(one.until - now)}`)
  const { freedAt } = state.waiting
  return `${lanes.join(';')}/${parked.join(';')}/${busy.join(';')}/${freedAt === null ? 0 : ahead(freedAt + 5 * SECOND - now)}`
}

function worldKey({ world, live, now }: Sim, ranks: ReadonlyMap<number, number>): string {
  const alive = new Set([...world.copies.map((copy) => copy.token), ...world.zombies.map(({ n }) => n)])
  const nodes = world.nodes.map((node, position) => {
    const scripts = [...node.scripts]
      .filter(([token, script]) => script === 'running' || alive.has(token))
      .map(([token, script]) => `${ranks.get(token) ?? 'x'}${script}`)
    return `${node.exists ? '' : 'gone'}${node.version}${node.before ?? ''}${node.intents - node.starts}${node.starts > 0 ? 't' : ''}${node.drained ? 'd' : ''}${node.quiet ? 'q' : ''}${node.standby ? 's' : ''}${node.started ? 'r' : ''}${node.looked ? 'l' : ''}${node.changedBy ?? ''}${node.foreign ? 'f' : ''}${world.claims[position]}${scripts.join()}`
  })
  const copies = world.copies.map(
    (copy) =>
      `${ranks.get(copy.n) ?? ''}${copy.landedAt === now ? 'l' : ''}${ahead(copy.expiresAfter - now)}${[...copy.parts.values()].join()}${copy.breaks ? 'b' : ''}${live.commands.get(copy.n)?.ids.includes(copy.id) === true ? 'k' : ''}`,
  )
  const zombies = world.zombies
    .map(({ n }) => ranks.get(n))
    .sort()
    .join()
  const drives = world.driven ? '' : 'undriven'
  const closing = world.closing === null ? '' : ahead(world.closing - now)
  const { freeze } = world
  const frost = freeze === null ? '' : `${ahead(freeze.from - now)}-${ahead(freeze.to - now)}${freeze.broken ? 'b' : ''}`
  const notes = world.inbox.map(({ label }) => label).join()
  return [...nodes, ...copies.sort(), zombies, world.rolledBack, drives, notes, world.denied, frost, closing].join('|')
}

/** What a search knows, and where it stands. */
function isolationKey(isolation: Isolation, due: (at: number | null, ms?: Ms) => string): string {
  const { stage, round, over, drainedAt } = isolation
  const lists = isolation.lists.map(
    ({ witnesses, tried, found }) =>
      `${[...witnesses.keys()].join()};${tried.map((one) => `${one.units.join('.')}${one.verdict}${one.kept ? 'k' : ''}${one.node}`).join()};${found?.culprits.join() ?? ''}`,
  )
  const tries = [...isolation.tries].map(
    ([node, one]) =>
      `${node}:${one.units.join('.')}${one.keep ? 'k' : ''}${one.before.outcome}${one.refused ?? ''}${[...one.fails].join(';')}${one.verdict ?? ''}`,
  )
  const rounds = Math.min(12, isolation.measures - isolation.measuresBefore)
  return [
    stage,
    round,
    rounds,
    over,
    due(drainedAt, 10 * MINUTE),
    ...lists,
    ...tries,
    ...isolation.out.keys(),
    'kept',
    ...isolation.kept,
  ].join('~')
}

/** How far ahead an instant is, as the key has it: 0 once it has passed. */
export function ahead(ms: Ms): number {
  if (ms <= 0) return 0
  if (ms <= 2 * MINUTE) return ms
  return ms <= 2 * HOUR ? Math.ceil(ms / MINUTE) * MINUTE : Math.ceil(ms / (30 * MINUTE)) * 30 * MINUTE
}
