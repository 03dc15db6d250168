import type { RunEvent } from '../../src/core/run/event.ts'
import { STAGE, type RunState } from '../../src/core/run/state.ts'
import { TAKEN } from '../../src/core/run/steps.ts'
import { provenClaims } from '../../src/engine/claims.ts'
import { latest, MINUTE, plus, type Instant } from '../../src/kit/instant.ts'
import { answers } from './answers.ts'
import { cloneState } from './clone.ts'
import { costs, free, type Move } from './moves.ts'
import { replaceDriver, Teller, type Setup, type Sim } from './sim.ts'
import type { World } from './world.ts'

const took = ({ epoch }: RunState): RunEvent => ({ type: 'DriverTook', driver: `driver-${epoch + 1}`, epoch: epoch + 1 })

/** The driver dies; its successor begins from the journal: at once, when the window has closed, or beside one that does not know that it was replaced. */
export function drivers(setup: Setup, { live, earlier }: Sim): Move[] {
  const crash = (label: string, until: Instant | null): Move =>
    costs(label, 'crashes', (sim) => {
      die(setup, sim)
      if (until !== null) sim.now = latest(sim.now, until)
      return [took(live)]
    })
  return [
    crash('crash', null),
    ...(live.window === null ? [] : [crash('crash until the window has closed', plus(live.window.closes, MINUTE))]),
    ...(setup.inbox ? [vacancy(setup)] : []),
    ...(setup.fence ? [takeover(setup)] : []),
    ...(setup.loses && earlier !== null ? [loss(setup, earlier)] : []),
  ]
}

/** What a death leaves behind. With a bug, also the note that it had answered. */
function die(setup: Setup, sim: Sim): void {
  replaceDriver(setup, sim)
  const { world } = sim
  if (setup.rules.keepsNotes && world.answered > 0 && world.inbox[0]?.id !== world.answered)
    world.inbox.unshift({ id: world.answered, label: 'again', wish: null })
}

const vacancy = (setup: Setup): Move =>
  costs('the driver dies, and nobody drives', 'crashes', (sim) => {
    die(setup, sim)
    sim.world.driven = false
    sim.wakeAt = null
    return []
  })

/** Somebody drives again. */
export const successors = ({ live }: Sim): Move[] => [
  free('a driver takes the run', (sim) => {
    sim.world.driven = true
    return [took(live)]
  }),
]

const takeover = (setup: Setup): Move =>
  costs('another driver takes the run, and the first one goes on', 'crashes', (sim) => {
    replaceDriver(setup, sim)
    const effects = [...sim.live.activities.values()].filter(({ kind }) => kind === 'cancel').map(({ key }) => key)
    sim.old = { live: sim.live, head: sim.head, effects }
    return [took(sim.live)]
  })

/**
 * What a driver does that was replaced and does not know: what it had begun reaches the world, and then it wants to append what it found out or
 * decides, and learns. Its sends are among what may still arrive; its steps are taken to reach AWS before its successor begins.
 */
export function oldDriver(setup: Setup, { old, world, now }: Sim): Move[] {
  if (old === null) return []
  const acts = old.effects.flatMap((key) => {
    const effect = old.live.activities.get(key)
    if (effect === undefined) return []
    return answers(setup, { ...blind(old.live), world, now }, effect).map((move): Move => ({
      ...move,
      label: `the old driver: ${move.label}`,
      run: (sim) => {
        move.run({ ...sim, live: old.live })
        sim.old = { ...old, effects: old.effects.filter((one) => one !== key) }
        return []
      },
    }))
  })
  return [...acts, free('the old driver appends', (sim) => appends(setup, sim))]
}

/** A sim of which only the run, the world and the time are looked at. */
const blind = (live: RunState): Omit<Sim, 'world' | 'now'> => ({
  live,
  folded: live,
  earlier: null,
  wakeAt: null,
  head: 0,
  old: null,
  beside: null,
})

/** Refused, for it does not know the newest entry; it stops. With a bug its entry stands in the journal, and its successor does not know. */
function appends(setup: Setup, sim: Sim): readonly RunEvent[] {
  const { old } = sim
  sim.old = null
  if (old === null || !setup.rules.outruns(sim.head, old.head)) return []
  const live = cloneState(old.live)
  const { events } = setup.machine.next(live, sim.now)
  const known = [...live.activities.values()]
    .flatMap((effect) => answers(setup, { ...sim, live }, effect))
    .find((one) => one.costs === null)
  const stale = { ...sim, live, folded: cloneState(sim.folded) }
  new Teller(setup, stale).append(events.length > 0 ? events : (known?.run(stale) ?? [{ type: 'Paused', reason: 'stale' }]))
  sim.folded = stale.folded
  return [{ type: 'MessageUnread', digest: 'a'.repeat(64), bytes: 0, reason: 'a sign that the journal has gone on' }]
}

/**
 * The store comes back as it was before the last intent: a replica took over, or a copy was put back, later than a request that was on its way could
 * still arrive. Its next driver finds the commands that the lost part had sent.
 */
const loss = (setup: Setup, earlier: RunState): Move => ({
  ...costs('the store loses its last intent and what followed', 'crashes', (sim) => {
    replaceDriver(setup, sim)
    sim.world.zombies = sim.world.zombies.filter(({ n }) => n <= earlier.tokenCount)
    sim.live = earlier
    sim.folded = earlier
    sim.earlier = null
    sim.old = null
    forgetSteps(sim.world, earlier)
    sim.world.rolledBack = null
    sim.world.claims.fill('free')
    for (const { node } of provenClaims(earlier)) sim.world.claims[earlier.plan.nodes.findIndex((one) => one.node === node)] = 'ours'
    return [took(earlier), ...found(sim)]
  }),
})

/**
 * What only the lost part knew to be out of service is put back by people: nobody else knows where it was. What it had put back again is taken to be
 * prepared still, and is here (docs/guarantees.md).
 */
function forgetSteps(world: World, { nodes }: RunState): void {
  world.nodes.forEach((node, position) => {
    const isPrepared = nodes.stage[position] === STAGE.chosen
    const is = (now: boolean, bit: number): boolean => (now || isPrepared) && ((nodes.taken[position] ?? 0) & bit) !== 0
    node.drained = is(node.drained, TAKEN.drain)
    node.standby = is(node.standby, TAKEN.standby)
    node.quiet = is(node.quiet, TAKEN.exit)
    node.started = node.asleep && is(node.started, TAKEN.start)
  })
}

/** As the engine finds them: rounds in the making are given up, then each command that SSM lists, oldest first. */
function found({ live, world }: Sim): RunEvent[] {
  const strange = world.copies.filter(({ n }) => n > live.tokenCount).sort((a, b) => a.n - b.n || (a.id < b.id ? -1 : 1))
  if (strange.length === 0) return []
  const rounds = [...live.batches.values()].filter(({ running }) => running === null)
  return [
    ...rounds.map(({ batch }): RunEvent => ({ type: 'BatchDropped', batch, reason: 'found-without-intent' })),
    ...strange.map(({ n, id, nodes, work, landedAt, expiresAfter }): RunEvent => ({
      type: 'CommandFound',
      n,
      commandId: id,
      cell: live.cells[live.nodes.cell[nodes[0] ?? 0] ?? 0] ?? '',
      work,
      document: work === 'rollback' ? 'Patchwave-Rollback' : 'Patchwave-Apply',
      nodes,
      requestedAt: landedAt,
      expiresAfter,
    })),
  ]
}
