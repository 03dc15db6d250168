import { derive, seeded, type Random } from '../../src/kit/random.ts'
import { DAY, iso, MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { assert, known } from '../../src/kit/assert.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { FaultsFile } from '../../src/sandbox/faults.ts'
import type { Steering } from '../../src/engine/inbox.ts'
import { conduct } from '../../src/engine/conduct.ts'
import { tellLeftovers } from '../../src/engine/leftovers.ts'
import { planRollback } from '../../src/engine/planning.ts'
import { requestRun } from '../../src/engine/request.ts'
import { approveAll } from '../scenarios/approver.ts'
import { faultsFound } from '../scenarios/holds.ts'
import { Stage, type EngineProcess } from '../scenarios/stage.ts'
import { gapMs, pick, scriptOf, type Script } from './draw.ts'
import { openLosingStore, type LosingStore } from './losing-store.ts'
import { Mishaps } from './mishaps.ts'

/** What a night left behind. `journals`: every run's entries as they were stored. */
export type Night = Readonly<{
  script: Script
  found: readonly string[]
  journals: readonly string[]
  outcomes: readonly string[]
  crashes: number
  warnings: readonly string[]
}>

/** Calm or not, no runbook of these nights may take longer. */
const LONGEST_MS = 21 * DAY

/** Plays the night of a seed to its end: faults first, then calm, in which every run must end. */
export async function playNight(seed: number): Promise<Night> {
  const script = scriptOf(seed)
  const clock = new VirtualClock(script.fleet.start)
  const losing = script.troubles.loss === null ? null : openLosingStore(clock)
  const stage = new Stage({ fleet: script.fleet, faults: script.faults, clock, ...(losing && { store: losing.store }) })
  const night = new Players(stage, script, losing?.lose ?? null)
  const found = await stage.run(() => night.play())
  const outcomes = (await stage.store.runs()).map(({ runbook, act, outcome }) => `${runbook}/${act}: ${outcome ?? 'open'}`)
  const journals = await Promise.all((await stage.runs()).map(async (run) => (await stage.entries(run)).map(({ text }) => text).join('\n')))
  return { script, found, journals, outcomes, crashes: night.crashes, warnings: stage.warnings }
}

/** What a later process does not meet: a clock that was wrong, a store that another one drives or that is being restored. */
const PASSING: ReadonlySet<string> = new Set(['clock.skewed', 'store.busy'])

/** Faults that take a node's power, or the whole node. */
const losesPower = (faults: FaultsFile | null): boolean =>
  faults !== null && faults.agents.crash + faults.agents.lateBoot + faults.replace.share > 0

/** Engines, operators and the weather of one night. */
class Players {
  crashes = 0
  readonly #stage: Stage
  readonly #script: Script
  readonly #over = new AbortController()
  readonly #told: string[] = []
  readonly #mishaps: Mishaps
  #calm = false

  constructor(stage: Stage, script: Script, lose: LosingStore['lose'] | null) {
    this.#stage = stage
    this.#script = script
    this.#mishaps = new Mishaps({
      stage,
      troubles: script.troubles,
      later: script.later,
      random: (what) => seeded(derive(script.seed, 'mishaps', what)),
      over: this.#over.signal,
      calm: () => this.#calm,
      lose,
      alone: script.runbooks.length === 1,
    })
  }

  async play(): Promise<string[]> {
    const { clock } = this.#stage
    const { runbooks, fleet } = this.#script
    void this.#weather()
    void this.#operator()
    void this.#consumer()
    this.#mishaps.begin()
    const engines = Promise.all(runbooks.map((runbook, index) => this.#evening(runbook, index))).then(() => 'ended')
    const ended = await Promise.race([engines, clock.sleep(plus(fleet.start, LONGEST_MS), this.#over.signal).then(() => 'late')])
    this.#over.abort()
    this.#mishaps.end()
    const open = (await this.#stage.store.runs({ unfinished: true })).map(
      ({ run, runbook, act }) => `I13 it ends: ${runbook}/${act} ${run} is open at ${iso(clock.now())}`,
    )
    // Somebody drives this store once more: what dead engines had not told is told now.
    this.#stage.sandbox.setFaults(null)
    await tellLeftovers((await this.#stage.start()).world, new AbortController().signal)
    this.#told.push(...(await this.#stage.feedback()))
    return [
      ...(ended === 'late' && open.length === 0 ? ['I13 it ends: an engine never came back'] : []),
      ...open,
      ...(await this.#mishaps.found()),
      ...(await faultsFound(this.#stage, {
        calm: open.length === 0,
        powerLosses: losesPower(this.#script.faults),
        // What was told of facts that the store lost afterwards cannot be taken back.
        ...(this.#script.troubles.loss === null && { bodies: this.#told }),
      })),
    ]
  }

  /** Somebody reads the feedback queue, long before SQS forgets what lies there: four days, unless it is told otherwise. */
  async #consumer(): Promise<void> {
    const { clock } = this.#stage
    for (;;) {
      await clock.sleep(plus(clock.now(), 2 * DAY), this.#over.signal)
      if (this.#over.signal.aborted) return
      if (this.#calm) this.#told.push(...(await this.#stage.feedback()))
    }
  }

  async #weather(): Promise<void> {
    const { clock, sandbox } = this.#stage
    await clock.sleep(plus(this.#script.fleet.start, this.#script.calmAfterMs), this.#over.signal)
    if (this.#over.signal.aborted) return
    this.#calm = true
    sandbox.setFaults(null)
  }

  async #evening(runbook: Runbook, index: number): Promise<void> {
    const random = this.#random(`engine ${String(index)}`)
    await this.#stage.clock.sleep(plus(this.#stage.clock.now(), index * gapMs(random, 4 * MINUTE)))
    await this.#engine(random, (process) => this.#acts(process, runbook), () => this.#isDone(runbook)) // prettier-ignore
    if (this.#script.later.undo !== null) await this.#undo(runbook, index)
  }

  /** Whoever does something, again and again after each crash, until there is nothing left to do. */
  async #engine(
    random: Random,
    does: (process: EngineProcess) => Promise<'done' | 'again'>,
    isDone: () => Promise<boolean>,
  ): Promise<void> {
    const stage = this.#stage
    for (;;) {
      const { absentUntil } = this.#mishaps
      if (absentUntil !== null) await stage.clock.sleep(absentUntil)
      const watched = this.#mishaps.options(() => process)
      const process: EngineProcess = this.#mishaps.configured(
        await stage.start({
          ...watched,
          events: this.#script.events,
          before: () => {
            if (this.#strikes(random)) process.life.kill()
          },
          after: (append, appended) => {
            if (this.#strikes(random)) process.life.kill()
            watched.after?.(append, appended)
          },
        }),
      )
      this.#mishaps.started(process)
      const went = await Promise.race([does(process), process.life.stopped])
      if (went === 'done') return
      await stage.clock.sleep(plus(stage.clock.now(), pick(random, [0, 5 * SECOND, 10 * MINUTE, 90 * MINUTE])))
      if (process.life.alive && !this.#zombies) continue
      if (!process.life.alive) this.crashes += 1
      if (await isDone()) return
    }
  }

  /** A process that stood still may have come back and ended what another one is about to go on with. */
  get #zombies(): boolean {
    return this.#script.troubles.freeze.share > 0
  }

  #acts(process: EngineProcess, runbook: Runbook): Promise<'done' | 'again'> {
    return this.#trying(runbook, async () => {
      const acts = await this.#stage.acts(process, runbook)
      // A store that lost a trial's end has a rollout beside it that is not over.
      const open = await this.#stage.store.runs({ unfinished: true, runbook: runbook.name })
      return acts.left === null && open.length === 0 ? 'done' : 'again'
    })
  }

  async #trying(runbook: Runbook, does: () => Promise<'done' | 'again'>): Promise<'done' | 'again'> {
    try {
      return await does()
    } catch (error) {
      // What a person would be told; the engine is started again, as long as the night is rough.
      assert(error instanceof Error && 'code' in error, `a bug: ${error instanceof Error ? (error.stack ?? '') : String(error)}`)
      this.#stage.warnings.push(`${runbook.name}: ${error.message}`)
      return this.#calm && !PASSING.has(String(error.code)) ? 'done' : 'again'
    }
  }

  /** Whoever ran it takes it back, when some of its nodes have gone. */
  async #undo(runbook: Runbook, index: number): Promise<void> {
    const { clock, store, disguises } = this.#stage
    const { gone, waitMs } = known(this.#script.later.undo, 'the undoing')
    const random = this.#random(`undo ${String(index)}`)
    await clock.sleep(plus(clock.now(), waitMs))
    const run = (await store.runs({ runbook: runbook.name })).findLast(({ act, outcome }) => act === 'rollout' && outcome !== null)?.run
    if (run === undefined) return
    for (let count = 0; count < gone; count++) {
      const node = pick(random, this.#stage.sandbox.nodes()).node
      if (!disguises.has(node)) disguises.set(node, () => undefined)
    }
    const undoing = async (): Promise<boolean | undefined> => {
      const begun = (await store.runs({ runbook: runbook.name })).at(-1)
      return begun === undefined || begun.run === run ? undefined : begun.outcome !== null
    }
    const does = (process: EngineProcess): Promise<'done' | 'again'> =>
      this.#trying(runbook, async () => {
        const last = known((await store.runs({ runbook: runbook.name })).at(-1), 'the run').run
        const undo = last === run ? await this.#requested(process, run) : last
        if (undo === null) return 'done'
        const parts = { listen: () => undefined, signal: new AbortController().signal }
        return (await conduct(process.world, undo, parts)) === undefined ? 'again' : 'done'
      })
    await this.#engine(random, does, async () => (await undoing()) === true)
  }

  /** The run that undoes this one; null where there is nothing to be undone. */
  async #requested({ world, rehearsal }: EngineProcess, run: string): Promise<string | null> {
    try {
      const plan = await planRollback(world, run)
      return await requestRun(world, { plan, actor: rehearsal.requester, reason: 'it is taken back', now: true, trial: null })
    } catch (error) {
      if (error instanceof PatchwaveError && ['plan.empty', 'plan.invalid'].includes(error.code)) return null
      throw error
    }
  }

  #strikes(random: Random): boolean {
    const { share, most } = this.#script.crash
    return !this.#calm && this.crashes < most && random() < share / 2
  }

  /** The engine died after the last fact of the rollout, or of a trial that did not succeed. */
  async #isDone(runbook: Runbook): Promise<boolean> {
    const last = (await this.#stage.store.runs({ runbook: runbook.name })).at(-1)
    const open = await this.#stage.store.runs({ unfinished: true, runbook: runbook.name })
    return open.length === 0 && last !== undefined && last.outcome !== null && (last.act === 'rollout' || last.outcome !== 'succeeded')
  }

  /** People: at random while the night is rough; afterwards they approve and resume whatever waits. */
  async #operator(): Promise<void> {
    const { clock } = this.#stage
    const random = this.#random('operator')
    const every = this.#script.operatorEveryMs
    while (every !== null && !this.#calm && !this.#over.signal.aborted) {
      await clock.sleep(plus(clock.now(), gapMs(random, every)), this.#over.signal)
      await this.#meddle(random)
    }
    const { fleet, calmAfterMs } = this.#script
    await clock.sleep(plus(fleet.start, calmAfterMs), this.#over.signal)
    for (const run of await this.#stage.runs()) await this.#stage.steer(run, { what: 'resume', reason: 'the night is over' })
    await approveAll(this.#stage, this.#over.signal, this.#script.later.lateAnswers)
  }

  async #meddle(random: Random): Promise<void> {
    const run = pick(random, await this.#stage.runs())
    const what = pick<Steering['what']>(random, [
      'pause',
      'pause',
      'pause',
      'resume',
      'resume',
      'resume',
      'resume',
      'approve',
      'approve',
      'approve',
      'approve',
      'reject',
      'abort',
      'abort-and-rollback',
      'rollback',
    ])
    const by = `rehearsal:sre-leads/${String(1 + Math.floor(random() * 3))}`
    if (run !== undefined) await this.#stage.steer(run, { what, by, reason: 'at random' })
  }

  #random(what: string): Random {
    return seeded(derive(this.#script.seed, 'players', what))
  }
}
