import { plainOpening } from '../../../src/core/run/opening.ts'
import type { Effect } from '../../../src/core/run/effect.ts'
import type { Outcome, RunEvent } from '../../../src/core/run/event.ts'
import { at, codeOf, commandOf, isSuspect, STAGE, type RunState } from '../../../src/core/run/state.ts'
import { known } from '../../../src/kit/assert.ts'
import { HOUR, instant, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { seeded } from '../../../src/kit/random.ts'
import { measured, NO_FREEZE, pinned, report, REQUESTED, sent, Telling } from './telling.ts'
import { plan, type NodeSpec, type PlanSpec } from './plan.ts'
import { APPROVAL, isolated, LINES, trialOf, UNITS } from './walk-trial.ts'

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
    method: chance(0.15) ? 'root-volume' : 'packages',
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
    ...(chance(0.5) && { around: randomSteps(chance, pick) }),
  }
  if (chance(0.1)) return { ...plan, work: 'scan' }
  if (chance(0.1)) return { ...plan, work: 'rollback', undoes: 'x' }
  if (chance(0.1)) return isolated({ ...plan, waves: waves.slice(0, 1) }, chance(0.5))
  return chance(0.2) ? { ...plan, act: 'trial', trial: trialOf(waves, chance(0.5)) } : plan
}

/** A small trial of any shape that looks for the patches that break it, the same from the same seed. */
export function randomIsolation(seed: number): PlanSpec {
  const { chance } = dice(seed)
  const { waves, ...rest } = randomPlan(seed)
  const { before: _, after: __, work: ___, undoes: ____, ...plan } = rest
  const gate = { failuresMax: 0, bakeMs: chance(0.5) ? 0 : 10 * MINUTE, checks: ['smoke'] }
  return isolated({ ...plan, waves: waves.slice(0, 1).map((wave) => ({ ...wave, gate })), budgetMax: null }, chance(0.5))
}

/** What stands around a change: any of it, or none. */
function randomSteps(chance: Chance, pick: Pick): NonNullable<PlanSpec['around']> {
  const hook = { run: { kind: 'script', script: '/opt/hook' }, timeoutMs: MINUTE, onFailure: 'skip-node' } as const
  const maybe = <T>(value: T): T | null => (chance(0.5) ? value : null)
  return {
    apply: { with: pick(['baseline-document', 'patch-manager'] as const) },
    hooks: { before: maybe(hook), after: maybe(hook), exit: maybe(hook) },
    drain: maybe({ targetGroups: pick(['auto', 'none'] as const), waitMs: null, autoScaling: pick(['standby', 'leave'] as const) }),
    power: { stopped: pick(['skip', 'start-and-restore'] as const) },
    backup: maybe({ keepMs: HOUR }),
  }
}

/** A node has one value of each key: it is in one group of a set at most. */
const oneOfEachSet = (groups: readonly Readonly<{ set: string | null; index: number }>[]): number[] =>
  groups
    .filter((group, at) => group.set === null || groups.findIndex((other) => other.set === group.set) === at)
    .map((group) => group.index)

/** Plays a run against a world that does anything that a world may do; after a while it calms down, so that the run must end. */
export function walk(
  spec: PlanSpec,
  seed: number,
  watch: (state: RunState) => void = () => undefined,
  isCalm: (state: RunState, step: number) => boolean = (_, step) => step > 150,
): Telling {
  const told = new Telling(plan(spec))
  const world = new World(told, seed)
  told.tell(REQUESTED, pinned(told.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 })
  for (let step = 0; told.state.phase.name !== 'finished'; step++) {
    if (step > 5_000) throw new Error(`seed ${String(seed)}: the run never ends in ${told.state.phase.name}`)
    world.step(isCalm(told.state, step))
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
    inFlight: stages.filter((stage) => stage === STAGE.chosen || stage === STAGE.flying || stage === STAGE.returning).length,
    waiting: stages.filter((stage) => stage === STAGE.waiting || stage === STAGE.retrying).length,
    retrying: stages.filter((stage) => stage === STAGE.retrying).length,
    suspects: stages.filter((_, position) => isSuspect(state, position)).length,
  }
  const kept = { inFlight: state.inFlight, waiting: state.waitingCount, retrying: state.retrying, suspects: state.suspects }
  if (JSON.stringify(counted) !== JSON.stringify(kept))
    throw new Error(`counters: ${JSON.stringify(kept)}, counted ${JSON.stringify(counted)}`)
  backWithoutAWay(state)
  return stages.flatMap((stage, position) => (stage === STAGE.waiting && !somewhere.has(position) ? [position] : []))
}

/** Nodes that come back stand in one line, or in one step that is under way; who has something to bring back is on a way. */
function backWithoutAWay(state: RunState): void {
  const lines = [...state.returns.values()].flatMap(({ nodes }) => nodes)
  const steps = [...state.steps.values()].filter(({ batch }) => batch === 0).flatMap(({ nodes }) => nodes)
  const returning = [...state.nodes.stage].flatMap((stage, position) => (stage === STAGE.returning ? [position] : []))
  if ([...lines, ...steps].sort((a, b) => a - b).join() !== returning.join())
    throw new Error(`nodes ${returning.join()} come back; in lines ${lines.join()}, in steps ${steps.join()}`)
  const ways: readonly number[] = [STAGE.chosen, STAGE.flying, STAGE.returning]
  const stranded = [...state.nodes.taken].flatMap((taken, position) =>
    taken !== 0 && !ways.includes(at(state.nodes.stage, position)) ? [position] : [],
  )
  if (stranded.length > 0) throw new Error(`nodes ${stranded.join()} were taken out of service and nothing brings them back`)
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
  /** The patches that break a node together, and whether none does. */
  readonly #bad: readonly number[]
  readonly #healthy: boolean
  #calm = false

  constructor(told: Telling, seed: number) {
    this.#told = told
    const { chance, pick } = dice(seed + 1)
    this.#chance = (odds) => !this.#calm && chance(odds)
    this.#pick = pick
    this.#bad = [...new Set([pick(UNITS), pick(UNITS)])]
    this.#healthy = chance(0.2)
    told.instead = (event) =>
      (event.type === 'CommandIntended' || (event.type === 'StepIntended' && event.batch > 0)) && this.#chance(0.1)
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

  /** Most steps do their work; a node that cannot be prepared leaves the round, one that cannot be brought back is named. */
  #stepping(id: number): RunEvent[] {
    const { nodes: left, batch, name } = known(this.#told.state.steps.get(id), 'the step')
    const some = left.filter(() => !this.#chance(0.2))
    const nodes = some.length > 0 ? some : left
    const done = nodes.map(() => !this.#chance(0.1))
    const verdict = (ok: boolean): Outcome => {
      if (name === 'verify')
        return ok ? this.#pick<Outcome>(['patched', 'patched', 'not-needed']) : this.#pick<Outcome>(['failed', 'unknown'])
      if (name === 'replace-root') return ok ? 'rolled-back' : 'rollback-failed'
      return ok || batch === 0 ? 'open' : this.#pick<Outcome>(['skipped', 'failed'])
    }
    const plain = nodes.map(() => 0)
    return [
      { type: 'StepFound', id, nodes, things: nodes.map(() => 'it') },
      {
        type: 'StepEnded',
        id,
        nodes,
        done,
        outcomes: done.map(verdict),
        reasons: done.map((ok) => (ok ? 'step-done' : 'step-failed')),
        changed: plain,
        missing: plain,
        ended: nodes.map(() => instant(this.#chance(0.5) ? this.#told.now : 0)),
        stop: this.#chance(0.02),
      },
    ]
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
      case 'step':
        return this.#stepping(effect.id)
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
      case 'group':
        return [{ type: 'PatchesGrouped', lines: [LINES], units: [LINES.map((_, unit) => unit)] }]
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
    const late = command.nodes.filter(
      (position) =>
        state.nodes.command[position] === n &&
        state.nodes.outcome[position] === codeOf('unknown') &&
        state.nodes.stage[position] !== STAGE.flying &&
        this.#chance(0.3),
    )
    const word = state.plan.runbook.apply.with === 'patch-manager' ? 'open: ended' : 'patched'
    const lateReport = late.length > 0 ? [report(n, Object.fromEntries(late.map((position) => [position, word])), instant(now))] : []
    if (late.length > 0 && this.#chance(0.5)) return lateReport
    if (command.open === 0) return [...lateReport, { type: 'CommandClosed', n }]
    const flying = command.nodes.filter(
      (position) => at(state.nodes.command, position) === n && at(state.nodes.stage, position) === STAGE.flying,
    )
    const words =
      command.work === 'scan'
        ? ['not-needed', 'not-needed', 'failed: x', 'silent unknown: expired']
        : command.work === 'rollback'
          ? ['rolled-back', 'rolled-back', 'rollback-failed: x']
          : state.plan.runbook.apply.with === 'patch-manager'
            ? ['open: ended', 'open: ended', 'silent unknown: expired', 'skipped: too-late']
            : [
                'patched',
                'patched',
                'patched',
                'not-needed',
                'failed: x',
                'failed: scriptlet-failed',
                'failed: lock-held',
                'skipped: untested-dependency',
                'silent unknown: expired',
                'skipped: too-late',
              ]
    const rows = flying
      .filter(() => this.#calm || !this.#chance(0.5))
      .map((position): [number, string] => [position, this.#calm ? (words[0] ?? '') : this.#pick(words)])
    return rows.length > 0 ? [report(n, Object.fromEntries(rows), instant(now))] : []
  }

  /** Nodes that the bad patches of a trial have broken; now and then one without any. */
  #ill({ purpose, check }: Extract<Effect, { kind: 'measure' }>): number[] {
    const { state, plan } = this.#told
    if (plan.runbook.test?.onFailure !== 'isolate' || check !== 'smoke' || this.#healthy) return []
    if (purpose === 'gate')
      return plan.nodes.flatMap((_, position) => (state.nodes.outcome[position] === codeOf('patched') ? [position] : []))
    return [...(state.isolation?.tries ?? [])].flatMap(([position, { units }]) =>
      (this.#bad.every((unit) => units.includes(unit)) && units.length > 0) || this.#chance(0.01) ? [position] : [],
    )
  }

  #measuring(effect: Extract<Effect, { kind: 'measure' }>): RunEvent[] {
    const touched = this.#told.plan.waves[effect.wave]?.nodes.filter((position) => this.#told.state.nodes.touched[position] === 1) ?? []
    const gone = this.#chance(0.05) ? touched.slice(0, 1) : []
    const ill = this.#ill(effect)
    if (ill.length > 0 || effect.purpose === 'try') {
      const unclear = effect.purpose === 'try' && this.#chance(0.1) ? touched.slice(0, 1) : []
      const verdict = ill.length > 0 ? 'fail' : unclear.length > 0 ? 'inconclusive' : 'pass'
      const told = { ...measured(effect, verdict), failing: ill, ...(effect.purpose === 'try' && { unclear }) }
      return gone.length > 0 ? [{ type: 'NodesGone', nodes: gone }, told] : [told]
    }
    return [
      ...(gone.length > 0 ? [{ type: 'NodesGone', nodes: gone } as const] : []),
      measured(effect, this.#chance(0.2) ? this.#pick(['fail', 'inconclusive']) : 'pass'),
    ]
  }
}
