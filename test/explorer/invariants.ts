import { OUTCOMES, type Outcome, type RunEvent, type Work } from '../../src/core/run/event.ts'
import { codeOf, commandOf, isSuspect, STAGE, type RunState } from '../../src/core/run/state.ts'
import { known } from '../../src/kit/assert.ts'
import { instant, latest, type Instant } from '../../src/kit/instant.ts'
import { mayWork, nodeOf, ON_THE_WAY } from './hands.ts'
import { runKey } from './key.ts'
import { proven, type Setup, type Sim } from './sim.ts'
import { heldRightly, isServed, readyFor, saysTrue } from './services.ts'
import { must } from './violation.ts'
import { lockOf, type World } from './world.ts'

/** A command or the step before one, about to begin. `prepared`: the run has laid its hand on the nodes by an earlier step. */
type Intent = Readonly<{ nodes: readonly number[]; work: Work; startBefore: Instant; prepared: boolean }>

/** What a fact may not say, given the state before it. The plan is the setup's own: a planted bug may show the core another one. */
export function judgeFact(setup: Setup, sim: Sim, event: RunEvent): void {
  switch (event.type) {
    case 'WaveStarted':
      return waveStarts(setup, sim, event.wave)
    case 'CommandIntended':
      readyFor(setup, sim, event.nodes, event.work)
      return intent(setup, sim, { ...event, prepared: isPrepared(sim, event.batch) })
    case 'NodesSkipped':
      return event.reason === 'disruption-held' ? heldRightly(sim, event.nodes) : undefined
    case 'StepIntended':
      isServed(sim, event)
      return event.batch === 0 ? undefined : intent(setup, sim, ofStep(sim, event))
    case 'GateDecided':
      return event.verdict === 'fail' ? undefined : passes(setup, sim.live, event.wave)
    case 'CulpritsFound':
      return quarantines(setup, event)
    case 'FreezeBroken':
      return breaks(setup, sim)
    case 'CancelAsked':
      return must(sim.live.aborting !== null, 'I14', () => 'a cancel without an abort')
    case 'RunFinished':
      saysTrue(setup, sim, event.outcome)
      must(sim.live.openCommands.size === 0 && sim.live.inFlight === 0, 'I5', () => 'the run ends with open commands')
      return must(sim.live.steps.size === 0 && sim.live.returns.size === 0, 'I12', () => 'the run ends while nodes come back')
    default:
  }
}

/** Only who was asked for with the right to it breaks a freeze, and only once it was allowed where the runbook asks for that. */
function breaks({ breaks: mayBreak, plan }: Setup, { live }: Sim): void {
  const asks = plan.runbook.window?.breakFreeze ?? null
  const given = live.approvals.some(({ subject, state }) => subject.kind === 'freeze' && state === 'given')
  must(mayBreak && (asks === null || given), 'I3', () => 'a freeze is broken without a right to it')
}

/** Whether a freeze that nobody has broken holds at this instant. */
const isFrozen = ({ freeze }: World, at: Instant): boolean => freeze !== null && !freeze.broken && freeze.from <= at && at < freeze.to

/** A gate passes only within its budget, and once every node of its wave has an outcome and is back. */
function passes({ plan }: Setup, live: RunState, wave: number): void {
  const { gate, nodes } = known(plan.waves[wave], 'the wave')
  const spent = spentOf(live, wave, true)
  must(spent <= gate.failuresMax, 'I4', () => `gate ${wave} passed with ${spent} failures, ${gate.failuresMax} allowed`)
  must(live.waves[wave]?.stopped === null, 'I4', () => `gate ${wave} passed, and a hook has stopped its wave`)
  for (const position of nodes) {
    const open = live.nodes.outcome[position] === codeOf('open') || live.nodes.stage[position] !== STAGE.ended
    must(!open, 'I4', () => `gate ${wave} passed before node ${position} had ended`)
    must(!comesBack(live, position), 'I4', () => `gate ${wave} passed before node ${position} was back`)
  }
}

/** Only what breaks nodes is quarantined, and all of it. */
function quarantines({ culprits }: Setup, event: Extract<RunEvent, { type: 'CulpritsFound' }>): void {
  const guilty = culprits?.bad.map((unit) => culprits.lines[unit] ?? '') ?? []
  const innocent = [...event.culprits, ...event.dependents].filter((line) => !guilty.includes(line))
  must(innocent.length === 0, 'I7', () => `${innocent.join(', ')} is quarantined, and breaks nothing`)
  const left = guilty.filter((line) => !event.culprits.includes(line))
  must(left.length < guilty.length || guilty.length === 0, 'I7', () => `${left.join(', ')} breaks nodes, and is not quarantined`)
}

const isPrepared = ({ live }: Sim, batch: number): boolean => (live.batches.get(batch)?.step ?? 0) > 0

const ofStep = (sim: Sim, { batch, nodes }: Extract<RunEvent, { type: 'StepIntended' }>): Intent => ({
  nodes,
  work: known(sim.live.batches.get(batch), 'the round').work,
  startBefore: sim.now,
  prepared: isPrepared(sim, batch),
})

function waveStarts(setup: Setup, { live, now, world }: Sim, wave: number): void {
  must(
    live.waves.slice(0, wave).every(({ phase }) => phase === 'passed'),
    'I4',
    () => `wave ${wave} starts before the gates before it passed`,
  )
  must(live.window?.opened === true && now < live.window.cutoff, 'I3', () => `wave ${wave} starts outside its window`)
  must(!live.paused && live.aborting === null, 'I3', () => `wave ${wave} starts although nothing may`)
  must(setup.plan.work === 'rollback' || !isFrozen(world, now), 'I3', () => `wave ${wave} starts in a freeze`)
  const { budgetMax } = setup.plan
  must(
    budgetMax === null || live.waves.reduce((sum, _, index) => sum + spentOf(live, index, true), 0) <= budgetMax,
    'I11',
    () => 'a wave starts beyond the budget of the run',
  )
}

function intent(setup: Setup, sim: Sim, event: Intent): void {
  const { live, now, world } = sim
  must(!live.paused, 'I3', () => 'an intent in a pause')
  for (const position of event.nodes) {
    const claim = event.prepared ? 'ours' : 'free'
    must(world.claims[position] === claim, 'I1', () => `node ${position} is claimed (${world.claims[position]}), it should be ${claim}`)
    must(!mayWork(world, position, now), 'I1', () => `node ${position} has a command that may still work`)
    must(!besideWorks(sim, position), 'I1', () => `node ${position} has a command of the other run that may still work`)
  }
  if (event.work === 'apply') applies(setup, sim, event)
  if (event.work === 'rollback') restores(setup, sim, event)
  if (event.work !== 'scan') disrupts(setup, sim, event)
}

function applies(setup: Setup, { live, now, world }: Sim, event: Intent): void {
  const window = known(live.window, 'the window')
  must(window.opened && now >= window.opens && now < window.cutoff, 'I3', () => 'an intent outside the window')
  must(event.startBefore <= window.cutoff, 'I3', () => 'nodes may start after the cutoff')
  must(
    world.closing === null || event.startBefore <= world.closing,
    'I3',
    () => 'nodes may start after the cutoff that the window was given since',
  )
  must(live.aborting === null, 'I3', () => 'an intent after an abort')
  must(!isFrozen(world, now), 'I3', () => 'an intent in a freeze')
  must(!isFrozen(world, latest(now, instant(event.startBefore - 1))), 'I3', () => 'nodes may start in a freeze')
  for (const position of event.nodes) {
    const index = known(live.nodes.wave[position], 'the wave')
    if (isTried(live, position)) continue
    must(live.waves[index]?.phase === 'running', 'I4', () => `node ${position} belongs to a wave that is not running`)
    must(live.waves[index]?.stopped === null, 'I4', () => `node ${position} belongs to a wave that a hook has stopped`)
    const { gate } = known(setup.plan.waves[index], 'the wave')
    must(spentOf(live, index, true) <= gate.failuresMax, 'I11', () => 'an intent beyond the failure budget')
  }
  const most = setup.plan.retry?.attempts ?? 1
  must(
    event.nodes.every((position) => isTried(live, position) || (live.nodes.attempts[position] ?? 0) < most),
    'I8',
    () => 'another attempt that no rule asks for',
  )
}

/** A search tries its parts of the list in a wave that has failed, on nodes that were put back. */
const isTried = ({ isolation }: RunState, position: number): boolean => isolation?.stage === 'trying' && isolation.tries.has(position)

const besideWorks = ({ beside, live, now }: Sim, position: number): boolean => {
  if (beside === null) return false
  const { peer } = beside
  const at = positionIn(peer, known(live.plan.nodes[position], 'the node').node)
  return at >= 0 && mayWork(peer.world, at, now)
}

const positionIn = ({ live }: Sim, node: string): number => live.plan.nodes.findIndex((one) => one.node === node)

function restores({ plan }: Setup, { live, world, now }: Sim, event: Intent): void {
  const undoes = plan.work === 'rollback'
  must(undoes || live.phase.name === 'rolling-back', 'I6', () => 'a rollback command outside a rollback')
  must(!undoes || now < known(live.window, 'the window').cutoff, 'I3', () => 'an undo outside its window')
  must(live.aborting === null || (live.aborting.rollback && !undoes), 'I3', () => 'a rollback command after an abort')
  const failed = live.nodes.outcome.filter((code) => code === codeOf('rollback-failed')).length
  must(undoes || live.isolation !== null || failed <= plan.rollback.failuresMax, 'I11', () => 'a rollback command beyond what may fail')
  for (const position of event.nodes) {
    const wave = known(live.nodes.wave[position], 'the wave')
    const { failuresMax } = known(plan.waves[wave], 'the wave').gate
    must(!undoes || spentOf(live, wave, true) <= failuresMax, 'I11', () => 'an undo beyond its failure budget')
    must(nodeOf(world, position).intents > 0, 'I6', () => `node ${position} was never touched`)
    const back = world.rolledBack
    must(undoes || live.isolation !== null || back === null || wave <= back, 'I6', () => `wave ${wave} is rolled back after an older one`)
    world.rolledBack = wave
  }
}

/** Whoever is taken out of service must leave enough of each of its groups in service, counted over both runs. */
function disrupts(setup: Setup, sim: Sim, event: Intent): void {
  const out = awayIn(sim)
  const others = sim.beside === null ? [] : besideAway(sim.beside.peer)
  const nameOf = (position: number): string => known(setup.plan.nodes[position], 'the node').node
  const fresh = event.nodes.filter((position) => out[position] === false && !others.some(({ node }) => node === nameOf(position)))
  for (const position of event.nodes) out[position] = true
  const away = (group: number): number => {
    const { key } = known(setup.plan.groups[group], 'the group')
    const ours = setup.plan.nodes.filter((node, position) => out[position] === true && node.groups.includes(group))
    return new Set([...ours.map(({ node }) => node), ...others.filter(({ keys }) => keys.includes(key)).map(({ node }) => node)]).size
  }
  const wave = setup.plan.waves[sim.live.nodes.wave[event.nodes[0] ?? 0] ?? 0]
  for (const group of new Set(fresh.flatMap((position) => setup.plan.nodes[position]?.groups ?? []))) {
    const { atMost, set, key } = known(setup.plan.groups[group], 'the group')
    const most = Math.min(atMost, wave?.tighter.find((one) => one.group === group)?.atMost ?? atMost)
    must(away(group) <= most, 'I2', () => `${away(group)} nodes of ${key} are out, ${most} allowed`)
    if (set === null) continue
    must(
      setup.plan.groups.every((other, index) => index === group || other.set !== set || away(index) === 0),
      'I2',
      () => `two groups of ${set} are out at once`,
    )
  }
}

const awayIn = (sim: Sim): boolean[] => sim.live.plan.nodes.map((_, position) => isAway(sim, position))

/**
 * Nodes of the other run that are out of service by its doing, with their groups: who was found down or disappeared fails by itself, and nobody can prevent
 * that. Who has ended answers for none any more.
 */
function besideAway(peer: Sim): Readonly<{ node: string; keys: readonly string[] }>[] {
  const { nodes, groups } = peer.live.plan
  if (peer.live.phase.name === 'finished') return []
  const away = nodes.map((_, position) => isAway(peer, position, false))
  return nodes.flatMap((node, position) =>
    away[position] === true && nodeOf(peer.world, position).exists
      ? [{ node: node.node, keys: node.groups.map((group) => known(groups[group], 'the group').key) }]
      : [],
  )
}

/** Out of service as the node and the journal show it, without the core's own counting. */
function isAway({ live, world, now }: Sim, position: number, downCounts = true): boolean {
  const node = nodeOf(world, position)
  const outcome = OUTCOMES[live.nodes.outcome[position] ?? 0]
  if (live.nodes.stage[position] === STAGE.flying || (downCounts && live.nodes.down[position] === 1)) return true
  if (node.version === 'broken' && node.starts > 0) return true
  if (node.exists && (node.drained || node.standby || node.quiet)) return true
  if (node.exists && (lockOf(node) !== undefined || mayWork(world, position, now))) return true
  // Who failed before anything was changed serves again once it was put back.
  return (outcome === 'failed' || outcome === 'unknown') && (node.intents > 0 || live.notBack.has(position))
}

/** What must hold of the run whenever the core has come to rest. */
export function judgeRun(setup: Setup, sim: Sim): void {
  const { live, world, now, wakeAt } = sim
  counters(live)
  groups(live)
  setup.plan.waves.forEach((_, wave) => worstCase(setup, live, wave))
  for (const position of proven(sim))
    must(world.claims[position] === 'ours', 'I1', () => `the journal proves a claim on node ${position} that is ${world.claims[position]}`)
  const missing = [...live.activities.keys()].filter((key) => !world.running.has(key))
  must(missing.length === 0, 'I13', () => `nobody was told to run ${missing.join()}`)
  must(
    world.running.size === live.activities.size,
    'I13',
    () => `still running: ${[...world.running].filter((key) => !live.activities.has(key)).join()}`,
  )
  must(wakeAt === null || wakeAt > now, 'I13', () => 'the core wants to be woken in the past')
}

/** The state is the fold of the journal: what it means to a successor is what it means to its driver, whose key is `mine`. */
export function judgeFold({ folded, now }: Sim, ranks: ReadonlyMap<number, number>, mine: string): void {
  must(runKey(folded, now, ranks) === mine, 'I9', () => 'the state is not the fold of the journal')
}

const BAD: ReadonlySet<Outcome> = new Set(['failed', 'unknown', 'rollback-failed'])

/** What the run says of its nodes against what they are. */
export function judgeWorld(sim: Sim): void {
  for (let position = 0; position < sim.live.nodes.count; position++) truth(sim, position)
}

function counters(live: RunState): void {
  const counted = { inFlight: 0, waiting: 0, retrying: 0, suspects: 0 }
  live.nodes.stage.forEach((stage, position) => {
    if (stage === STAGE.chosen || stage === STAGE.flying || stage === STAGE.returning) counted.inFlight += 1
    if (stage === STAGE.returning) must(comesBack(live, position), 'I12', () => `node ${position} should come back and is on no way`)
    if (stage === STAGE.waiting || stage === STAGE.retrying) counted.waiting += 1
    if (stage === STAGE.retrying) counted.retrying += 1
    if (isSuspect(live, position)) counted.suspects += 1
    if (stage === STAGE.waiting) must(standsSomewhere(live, position), 'I5', () => `node ${position} waits nowhere`)
    if (stage === STAGE.flying)
      must(live.openCommands.has(live.nodes.command[position] ?? 0), 'I5', () => `node ${position} flies without a command`)
  })
  const kept = [live.inFlight, live.waitingCount, live.retrying, live.suspects]
  must(kept.join() === Object.values(counted).join(), 'I5', () => `counters ${kept.join()}, counted ${Object.values(counted).join()}`)
  live.waves.forEach((wave, index) => {
    const counts = OUTCOMES.map(
      (_, code) => known(live.plan.waves[index], 'the wave').nodes.filter((position) => live.nodes.outcome[position] === code).length,
    )
    must(counts.join() === wave.counts.join(), 'I5', () => `wave ${index} counts ${wave.counts.join()}, it has ${counts.join()}`)
  })
  for (const n of live.openCommands) {
    const { nodes, open } = commandOf(live, n)
    const flying = nodes.filter((position) => live.nodes.command[position] === n && live.nodes.stage[position] === STAGE.flying).length
    must(open === flying, 'I5', () => `command ${n} counts ${open} open nodes, it has ${flying}`)
  }
}

function comesBack({ returns, steps }: RunState, position: number): boolean {
  for (const line of returns.values()) if (line.nodes.includes(position)) return true
  for (const step of steps.values()) if (step.batch === 0 && step.nodes.includes(position)) return true
  return false
}

function standsSomewhere({ waiting }: RunState, position: number): boolean {
  for (const lane of waiting.lanes.values()) if (lane.includes(position)) return true
  for (const parked of waiting.parked.values()) if (parked.includes(position)) return true
  return waiting.busy.some(({ node }) => node === position)
}

function groups(live: RunState): void {
  live.plan.groups.forEach((_, group) => {
    const out = live.plan.nodes.filter((node, position) => node.groups.includes(group) && live.nodes.out[position] === 1).length
    must(out === live.groupOut[group], 'I2', () => `group ${group} counts ${live.groupOut[group]} nodes out, it has ${out}`)
  })
}

function truth({ live, world, now, beside }: Sim, position: number): void {
  const node = nodeOf(world, position)
  const outcome = OUTCOMES[live.nodes.outcome[position] ?? 0]
  must(node.starts <= node.intents, 'I8', () => `node ${position}: ${node.starts} transactions, ${node.intents} intents`)
  must(
    node.before === null || node.before === 'v0' || beside !== null,
    'I6',
    () => `node ${position}: the before-record says ${node.before}`,
  )
  must(
    outcome !== 'skipped' || node.starts === 0,
    'I5',
    () => `node ${position} is called skipped (${live.nodes.reason[position]}), but its transaction began`,
  )
  must(
    outcome === 'open' || outcome === undefined || live.nodes.reason[position] !== '',
    'I5',
    () => `node ${position} is ${outcome} without a reason`,
  )
  must(live.phase.name !== 'finished' || outcome !== 'open', 'I5', () => `node ${position} has no outcome at the end`)
  must(
    world.claims[position] === 'ours' || !mayWork(world, position, now),
    'I1',
    () => `node ${position} has a command that may work and no claim`,
  )
  const stage = live.nodes.stage[position] ?? 0
  if (node.exists && !ON_THE_WAY.includes(stage)) {
    const lost = node.drained || node.standby || node.quiet || node.started
    must(
      !lost || (BAD.has(outcome ?? 'open') && live.notBack.has(position)),
      'I12',
      () => `node ${position} was not put back, and is ${outcome}`,
    )
  }
  if (!node.exists || stage !== STAGE.ended || node.changedBy === 'them') return
  const isWell = outcome === 'patched' || outcome === 'not-needed' || outcome === 'rolled-back'
  must(
    !isWell || node.looked || live.plan.runbook.hooks.after === null || live.nodes.attempts[position] === 0,
    'I5',
    () => `node ${position} is ${outcome}, and no hook has looked at it since`,
  )
  must(outcome !== 'patched' || node.version === 'v1', 'I5', () => `node ${position} is called patched and is ${node.version}`)
  must(
    outcome !== 'not-needed' || node.version === (node.before ?? 'v0'),
    'I5',
    () => `node ${position} needed nothing and is ${node.version}`,
  )
  must(
    outcome !== 'rolled-back' || node.version === (node.before ?? 'v0'),
    'I6',
    () => `node ${position} is called rolled back and is ${node.version}`,
  )
}

/** The worst case that the plan prints: failures plus what may be in flight; a hard budget has one more than it allows. Nodes that vanish later are not ours. */
function worstCase(setup: Setup, live: RunState, index: number): void {
  const { gate, concurrency, nodes } = known(setup.plan.waves[index], 'the wave')
  const worst = gate.failuresMax + (gate.hard ? 1 : Math.min(concurrency, nodes.length))
  must(
    spentOf(live, index, false) <= worst,
    'I11',
    () => `wave ${index}: ${spentOf(live, index, false)} failures, the worst case says ${worst}`,
  )
}

/** Failed and unknown nodes of a wave, also those that were restored since, or those that an undo has not restored; `gone`: with those that disappeared. */
function spentOf(live: RunState, wave: number, gone: boolean): number {
  const undoes = live.plan.work === 'rollback'
  const bad = [codeOf('failed'), codeOf('unknown'), ...(undoes ? [codeOf('rollback-failed')] : [])]
  const { outcome, applied } = live.nodes
  return known(live.plan.waves[wave], 'the wave').nodes.filter(
    (position) => bad.includes((undoes ? outcome : applied)[position] ?? 0) && (gone || live.nodes.reason[position] !== 'gone'),
  ).length
}
