import { plainOpening } from '../../../src/core/run/opening.ts'
import type { Effect } from '../../../src/core/run/effect.ts'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { at, commandOf, isSuspect, STAGE, type RunState } from '../../../src/core/run/state.ts'
import { instant, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { seeded } from '../../../src/kit/random.ts'
import { measured, NO_FREEZE, pinned, report, REQUESTED, sent, Telling } from './telling.ts'
import { plan, type NodeSpec, type PlanSpec } from './plan.ts'

type Chance = (odds: number) => boolean
type Pick = <T>(from: readonly T[]) => T

/** A small plan of any shape, the same from the same seed. */
export function randomPlan(seed: number): PlanSpec {
  const { chance, pick } = dice(seed)
  const groups = Array.from({ length: pick([0, 1, 2, 3]) }, (_, index) => ({
    atMost: pick([1, 2]),
    set: chance(0.4) ? `set-${String(index % 2)}` : null,
  }))
  const node = (): NodeSpec => ({
    region: pick(['us-east-1', 'us-east-1', 'eu-west-1']),
    list: pick([0, 0, 1]),
    skip: chance(0.1) ? 'untested' : null,
    groups: oneOfEachSet(groups.map((group, index) => ({ set: group.set, index })).filter(() => chance(0.5))),
  })
  const waves = Array.from({ length: pick([1, 2, 3]) }, () => ({
    nodes: Array.from({ length: pick([1, 2, 3, 6]) }, node),
    concurrency: pick([1, 2, 100]),
    gate: {
      failuresMax: pick([0, 1, 2]),
      hard: chance(0.3),
      bakeMs: pick([0, 10 * MINUTE]),
      checks: chance(0.5) ? ['smoke'] : [],
      evidencePercent: chance(0.2) ? 60 : null,
      approval: chance(0.2) ? APPROVAL : null,
      holdForMs: chance(0.3) ? 20 * MINUTE : null,
    },
  }))
  const rollback = {
    on: pick(['gate-failed', 'never'] as const),
    scope: pick(['wave', 'run'] as const),
    method: 'packages',
    outside: pick(['allow', 'ask'] as const),
    failures: { kind: 'count', count: 1 },
    failuresMax: 1,
  } as const
  const plan: PlanSpec = {
    waves,
    groups,
    rollback,
    retry: chance(0.5) ? { attempts: 2, on: ['lock-held'] } : null,
    unfinished: pick(['stop', 'next-window']),
    budgetMax: chance(0.2) ? 1 : null,
    approval: chance(0.2) ? APPROVAL : null,
    before: chance(0.2) ? ['probe'] : [],
    after: chance(0.2) ? ['probe'] : [],
  }
  if (chance(0.1)) return { ...plan, work: 'scan' }
  if (chance(0.1)) return { ...plan, work: 'rollback', undoes: 'x' }
  return chance(0.2) ? { ...plan, act: 'trial', trial: trialOf(waves, chance(0.5)) } : plan
}

const APPROVAL = { group: 'leads', count: 2, expiresMs: 8 * 60 * MINUTE }

function trialOf(waves: PlanSpec['waves'], approved: boolean): NonNullable<PlanSpec['trial']> {
  const count = waves.reduce((sum, { nodes }) => sum + (typeof nodes === 'number' ? nodes : nodes.length), 0)
  return {
    lineages: [{ image: 'ami-1', nodes: Array.from({ length: count }, (_, position) => position), accounts: ['111122223333'] }],
    path: '/p',
    approval: approved ? APPROVAL : null,
  }
}

/** A node has one value of each key: it is in one group of a set at most. */
const oneOfEachSet = (groups: readonly Readonly<{ set: string | null; index: number }>[]): number[] =>
  groups
    .filter((group, at) => group.set === null || groups.findIndex((other) => other.set === group.set) === at)
    .map((group) => group.index)

/** Plays a run against a world that does anything that a world may do; after a while it calms down, so that the run must end. */
export function walk(spec: PlanSpec, seed: number, watch: (state: RunState) => void = () => undefined): Telling {
  const told = new Telling(plan(spec))
  const world = new World(told, seed)
  told.tell(REQUESTED, pinned(told.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 })
  for (let step = 0; told.state.phase.name !== 'finished'; step++) {
    if (step > 5_000) throw new Error(`seed ${String(seed)}: the run never ends in ${told.state.phase.name}`)
    world.step(step > 150)
    watch(told.state)
  }
  return told
}

/** Positions that should wait in a lane, behind a group or behind another run, and do not; counters that are wrong throw. */
export function lanesOf(state: RunState): number[] {
  const somewhere = new Set<number>([...state.waiting.lanes.values()].flat())
  for (const parked of state.waiting.parked.values()) for (const position of parked) somewhere.add(position)
  for (const one of state.waiting.busy) somewhere.add(one.node)
  const stages = [...state.nodes.stage]
  const counted = {
    inFlight: stages.filter((stage) => stage === STAGE.chosen || stage === STAGE.flying).length,
    waiting: stages.filter((stage) => stage === STAGE.waiting || stage === STAGE.retrying).length,
    retrying: stages.filter((stage) => stage === STAGE.retrying).length,
    suspects: stages.filter((_, position) => isSuspect(state, position)).length,
  }
  const kept = { inFlight: state.inFlight, waiting: state.waitingCount, retrying: state.retrying, suspects: state.suspects }
  if (JSON.stringify(counted) !== JSON.stringify(kept))
    throw new Error(`counters: ${JSON.stringify(kept)}, counted ${JSON.stringify(counted)}`)
  return stages.flatMap((stage, position) => (stage === STAGE.waiting && !somewhere.has(position) ? [position] : []))
}

function dice(seed: number): { chance: Chance; pick: Pick } {
  const random = seeded(seed)
  const pick: Pick = (from) => {
    const found = from[Math.floor(random() * from.length)]
    if (found === undefined) throw new Error('nothing to pick from')
    return found
  }
  return { chance: (odds) => random() < odds, pick }
}

/** Answers effects at random, one a step. */
class World {
  readonly #told: Telling
  readonly #chance: Chance
  readonly #pick: Pick
  #epoch = 1
  #copies = 0
  #calm = false

  constructor(told: Telling, seed: number) {
    this.#told = told
    const { chance, pick } = dice(seed + 1)
    this.#chance = (odds) => !this.#calm && chance(odds)
    this.#pick = pick
    told.instead = (event) =>
      event.type === 'CommandIntended' && this.#chance(0.1)
        ? { type: 'NodesBusy', batch: event.batch, nodes: event.nodes.slice(0, 1), until: plus(told.now, 30 * SECOND) }
        : event
  }

  some(count: number, odds: number): number[] {
    return Array.from({ length: count }, (_, position) => position).filter(() => this.#chance(odds))
  }

  step(calm: boolean): void {
    const told = this.#told
    this.#calm = calm
    if (calm && told.state.paused) told.tell({ type: 'Resumed', reason: 'calm' })
    if (this.#chance(0.04)) told.tell({ type: 'DriverTook', driver: `driver-${String(++this.#epoch)}`, epoch: this.#epoch })
    if (this.#chance(0.02)) return void told.tell(this.#steering())
    if (this.#decide()) return
    const effects = [...told.state.activities.values()]
    if (effects.length === 0 || this.#chance(0.2)) {
      told.now = plus(told.now, 1)
      if (told.wakeAt === null && effects.length === 0 && !told.state.paused && told.state.phase.name !== 'finished')
        throw new Error(`nothing is wanted and nothing will be in ${told.state.phase.name}`)
      told.wake()
      return
    }
    told.tell(...this.#answer(this.#pick(effects)))
  }

  /** People decide what they are asked, or let it expire. */
  #decide(): boolean {
    const asked = this.#told.state.approvals.find((one) => one.state === 'asked')
    if (asked === undefined || this.#chance(0.7)) return false
    const { subject, by } = asked
    if (this.#chance(0.1)) this.#told.tell({ type: 'ApprovalRefused', subject, by: 'ann', reason: 'no' })
    else this.#told.tell({ type: 'ApprovalGiven', subject, by: by.includes('ann') ? 'bob' : 'ann', reason: 'yes' })
    return true
  }

  #steering(): RunEvent {
    return this.#pick<RunEvent>([
      { type: 'Paused', reason: 'x' },
      { type: 'Resumed', reason: 'x' },
      { type: 'AbortAsked', reason: 'x', rollback: false },
      { type: 'AbortAsked', reason: 'x', rollback: true },
      { type: 'RollbackAsked', reason: 'x' },
    ])
  }

  #answer(effect: Effect): RunEvent[] {
    const { now } = this.#told
    switch (effect.kind) {
      case 'window': {
        const opens = plus(now, 7 * 24 * 60 * MINUTE)
        return [plainOpening({ opens, cutoff: plus(opens, 300 * MINUTE), closes: plus(opens, 360 * MINUTE) }, '')]
      }
      case 'almanac':
        return [NO_FREEZE]
      case 'survey':
        return [{ type: 'FleetRead', down: this.some(this.#told.plan.nodes.length, 0.1), gone: [], outside: [], appeared: 0, drift: null }]
      case 'prepare':
        return this.#chance(0.1)
          ? [{ type: 'CellRefused', cell: effect.cell, code: 'aws.denied', message: '' }]
          : [{ type: 'CellPrepared', cell: effect.cell, documents: {} }]
      case 'read': {
        const skipped = effect.nodes.filter(() => this.#chance(0.05))
        const reasons = skipped.map(() => this.#pick(['offline', 'gone', 'excluded']))
        return [
          { type: 'BatchRead', batch: effect.batch, skipped, reasons, down: skipped.filter((_, index) => reasons[index] !== 'excluded') },
        ]
      }
      case 'send':
        return [this.#sending(effect.n)]
      case 'find':
        this.#told.now = plus(now, 2 * MINUTE)
        return [this.#chance(0.5) ? sent(effect.n, now, ++this.#copies, true) : { type: 'CommandMissed', n: effect.n }]
      case 'watch':
        return this.#watching(effect.n)
      case 'cancel':
        return [{ type: 'CancelDone', n: effect.n, nodes: [] }]
      case 'measure':
        return this.#measuring(effect)
      case 'scan':
        return this.#scanning()
      case 'classify': {
        const nodes = this.#told.plan.nodes.map((_, position) => position)
        return [{ type: 'ListsPinned', lists: 'x', count: 1, patches: [1], nodes, of: nodes.map(() => 0) }]
      }
      case 'store':
        return this.#chance(0.1)
          ? [{ type: 'BaselineRefused', account: effect.account, image: 'ami-1', code: 'aws.denied', message: '' }]
          : [{ type: 'BaselineStored', account: effect.account, image: 'ami-1', path: '/p', version: 1, digest: 'x', written: 1 }]
      case 'approve-baselines':
        return [{ type: 'BaselinesApproved', count: 1 }]
    }
  }

  #scanning(): RunEvent[] {
    const left = [...this.#told.state.scanLeft]
    const silent = left.filter(() => this.#chance(0.2))
    const nodes = left.filter((position) => !silent.includes(position) && !this.#chance(0.3))
    const scanned: RunEvent[] =
      nodes.length > 0 ? [{ type: 'NodesScanned', nodes, lists: nodes.map(() => 'x'), missing: nodes.map(() => 1) }] : []
    return silent.length > 0 ? [...scanned, { type: 'NodesUnscanned', nodes: silent, reason: 'unscanned' }] : scanned
  }

  #sending(n: number): RunEvent {
    const { now } = this.#told
    if (now >= plus(commandOf(this.#told.state, n).startBefore, -31 * SECOND))
      return { type: 'CommandRefused', n, code: 'too-late', message: '', invalid: [] }
    if (this.#chance(0.1)) return { type: 'CommandUnclear', n, message: '' }
    if (this.#chance(0.1))
      return {
        type: 'CommandRefused',
        n,
        code: 'aws.invalid',
        message: '',
        invalid: commandOf(this.#told.state, n).nodes.filter(() => this.#chance(0.5)),
      }
    return sent(n, now, ++this.#copies)
  }

  #watching(n: number): RunEvent[] {
    const { state, now } = this.#told
    const command = commandOf(state, n)
    if (command.open === 0) {
      const late = command.nodes.filter(
        (position) => state.nodes.command[position] === n && state.nodes.outcome[position] === 4 && this.#chance(0.3),
      )
      return [
        ...(late.length > 0 ? [report(n, Object.fromEntries(late.map((position) => [position, 'patched'])), instant(now))] : []),
        { type: 'CommandClosed', n },
      ]
    }
    const flying = command.nodes.filter(
      (position) => at(state.nodes.command, position) === n && at(state.nodes.stage, position) === STAGE.flying,
    )
    const words =
      command.work === 'scan'
        ? ['not-needed', 'not-needed', 'failed: x', 'silent unknown: expired']
        : command.work === 'rollback'
          ? ['rolled-back', 'rolled-back', 'rollback-failed: x']
          : [
              'patched',
              'patched',
              'patched',
              'not-needed',
              'failed: x',
              'failed: lock-held',
              'silent unknown: expired',
              'skipped: too-late',
            ]
    const rows = flying
      .filter(() => this.#calm || !this.#chance(0.5))
      .map((position): [number, string] => [position, this.#calm ? (words[0] ?? '') : this.#pick(words)])
    return rows.length > 0 ? [report(n, Object.fromEntries(rows), instant(now))] : []
  }

  #measuring(effect: Extract<Effect, { kind: 'measure' }>): RunEvent[] {
    const touched = this.#told.plan.waves[effect.wave]?.nodes.filter((position) => this.#told.state.nodes.touched[position] === 1) ?? []
    const gone = this.#chance(0.05) ? touched.slice(0, 1) : []
    return [
      ...(gone.length > 0 ? [{ type: 'NodesGone', nodes: gone } as const] : []),
      measured(effect, this.#chance(0.2) ? this.#pick(['fail', 'inconclusive']) : 'pass'),
    ]
  }
}
