import { STAGE } from '../../src/core/run/state.ts'
import { MINUTE, plus } from '../../src/kit/instant.ts'
import { land } from './answers.ts'
import { mayWork, nodeOf } from './hands.ts'
import { Violation } from './violation.ts'
import { fault, free, type Move } from './moves.ts'
import { start } from './reports.ts'
import type { Setup, Sim } from './sim.ts'
import { lockOf, worksUntil, type Copy, type Script } from './world.ts'

/** AWS refuses a signature that is older. */
const SIGNATURE_MS = 5 * MINUTE

/** What nodes, and SSM between them and us, may do next. */
export function nodeMoves(setup: Setup, sim: Sim): Move[] {
  const parts = sim.world.copies.flatMap((copy, at) =>
    [...copy.parts.keys()].flatMap((position) => partMoves(setup, sim, copy, at, position)),
  )
  const ends = sim.live.plan.nodes.flatMap((_, position) => endings(setup, sim, position))
  return [...parts, ...ends, ...losses(sim)]
}

/** A part of a command: it is started, or SSM ends it without a word. */
function partMoves(setup: Setup, { world }: Sim, copy: Copy, at: number, position: number): Move[] {
  const part = copy.parts.get(position)
  if (part !== 'pending' && part !== 'running') return []
  const node = nodeOf(world, position)
  const name = `node ${position} of ${copy.n}`
  const set =
    (to: typeof part | 'done' | 'silent') =>
    (sim: Sim): void =>
      void sim.world.copies[at]?.parts.set(position, to)
  if (!node.exists) return [free(`${name}: no answer`, (sim) => (set('silent')(sim), []))]
  const silent = fault(`${name}: no word`, (sim) => (set('silent')(sim), []))
  if (part === 'running') return [silent]
  const script = node.scripts.get(copy.token)
  if (script === 'running') return [silent]
  if (script !== undefined) return [free(`${name}: repeats ${script}`, (sim) => (set('done')(sim), []))]
  const answers =
    (word: Script) =>
    (sim: Sim): [] => {
      nodeOf(sim.world, position).scripts.set(copy.token, word)
      set('done')(sim)
      return []
    }
  const starts = free(`${name}: starts`, (sim) => starting(setup, sim, copy, position, answers, set))
  const busy = copy.work === 'apply' && (setup.plan.retry !== null || setup.culprits !== null)
  return [starts, silent, ...(busy ? [fault(`${name}: lock held`, answers('lock-held'))] : [])]
}

/** Whether what another run does on the node is within its time: its claim must have kept us away. */
function foreignWork({ beside, live, now }: Sim, position: number): boolean {
  if (beside === null) return false
  const { peer } = beside
  const node = live.plan.nodes[position]?.node
  return mayWork(
    peer.world,
    peer.live.plan.nodes.findIndex((one) => one.node === node),
    now,
  )
}

type Answers = (word: Script) => (sim: Sim) => []

function starting(setup: Setup, sim: Sim, copy: Copy, position: number, answers: Answers, set: (to: 'running') => (sim: Sim) => void): [] {
  const node = nodeOf(sim.world, position)
  if (sim.now >= copy.startBefore) return answers('too-late')(sim)
  // What was intended before the window was changed keeps the latest start that it was sent with.
  const { window } = sim.live
  if (copy.work === 'apply' && window !== null && sim.world.closing === null && sim.now >= window.cutoff)
    throw new Violation('I3', `node ${position} starts after the cutoff`)
  const other = lockOf(node)
  if (node.foreign) {
    if (foreignWork(sim, position)) throw new Violation('I1', `node ${position} is asked to run ${copy.n} while another run works on it`)
    return answers('lock-held')(sim)
  }
  if (other !== undefined) {
    if (sim.world.copies.some((one) => one.token === other && sim.now < worksUntil(one)))
      throw new Violation('I1', `node ${position} is asked to run ${copy.n} while ${other} works on it`)
    return answers('lock-held')(sim)
  }
  if (copy.work === 'rollback' && node.changedBy === 'them') return answers('rollback-refused')(sim)
  set('running')(sim)
  if (copy.work === 'apply') start(setup.rules, node, copy.token)
  else {
    node.scripts.set(copy.token, 'running')
    node.looked = false
  }
  return []
}

/** The transaction that works on a node ends. Its result shows wherever SSM follows it; a copy that SSM gave up may still show it late. */
function endings(setup: Setup, { world }: Sim, position: number): Move[] {
  const node = nodeOf(world, position)
  const token = lockOf(node)
  if (token === undefined || !node.exists) return []
  const copy = world.copies.find((one) => one.token === token)
  const rollback = copy?.work === 'rollback'
  const end =
    (word: Script, version: typeof node.version) =>
    (sim: Sim): [] => {
      const then = nodeOf(sim.world, position)
      then.scripts.set(token, word)
      if (then.version !== version || version === 'broken') then.changedBy = 'us'
      then.version = version
      for (const one of sim.world.copies)
        if (one.token === token && ['running', 'silent', 'cut-short'].includes(one.parts.get(position) ?? ''))
          one.parts.set(position, 'done')
      return []
    }
  if (rollback)
    return [
      free(`node ${position}: restored`, end('rolled-back', node.before ?? node.version)),
      fault(`node ${position}: rollback fails`, end('rollback-failed', node.version)),
    ]
  if (node.version === 'v1') return [free(`node ${position}: nothing to do`, end('not-needed', 'v1'))]
  if (setup.culprits !== null)
    return [
      copy?.breaks === true
        ? free(`node ${position}: breaks`, end('failed', 'broken'))
        : free(`node ${position}: patched`, end('patched', 'v1')),
    ]
  const idle = node.version === 'v0' ? [fault(`node ${position}: nothing to do`, end('not-needed', 'v0'))] : []
  return [free(`node ${position}: patched`, end('patched', 'v1')), fault(`node ${position}: fails`, end('failed', 'broken')), ...idle]
}

/** What a dead driver sent arrives, as long as AWS takes its signature. */
export function arrivals(setup: Setup, { world, now }: Sim): Move[] {
  return world.zombies.flatMap((order, at): Move[] => {
    if (now >= plus(order.startBefore, SIGNATURE_MS) || world.zombies.findIndex(({ n }) => n === order.n) < at) return []
    const arrive: Move['run'] = (sim) => {
      sim.world.zombies.splice(at, 1)
      land(sim, order, setup.rules)
      return []
    }
    return [free(`what the dead driver sent of ${order.n} arrives`, arrive)]
  })
}

/** A node disappears for good, with whatever it was doing. Before anybody looks at it again, that makes no difference yet. */
function losses({ world, live: { nodes } }: Sim): Move[] {
  const unseen = (position: number): boolean => nodes.stage[position] === STAGE.idle || nodes.stage[position] === STAGE.waiting
  return world.nodes.flatMap((node, position) =>
    node.exists && !unseen(position)
      ? [fault(`node ${position} disappears`, (sim) => ((nodeOf(sim.world, position).exists = false), []))]
      : [],
  )
}

/**
 * Drops what can make no difference any more: copies of dead commands that are through and that no store which loses its end would have to look for,
 * and dead drivers' sends that came too late.
 */
export function sweep(sim: Sim): void {
  const { world, live, now } = sim
  const dead = (n: number): boolean => !live.openCommands.has(n) && n <= (sim.earlier?.tokenCount ?? n)
  world.copies = world.copies.filter(
    (copy) => !dead(copy.n) || [...copy.parts].some(([position, part]) => unsettled(sim, copy, position, part)),
  )
  world.zombies = world.zombies.filter(({ startBefore }) => now < plus(startBefore, SIGNATURE_MS))
}

function unsettled({ world, now }: Sim, copy: Copy, position: number, part: string): boolean {
  const node = nodeOf(world, position)
  if (!node.exists) return false
  if (node.scripts.get(copy.token) === 'running') return true
  return part === 'pending' && !node.scripts.has(copy.token) && now < copy.startBefore
}
