import type { Random } from '../../src/kit/random.ts'
import { iso, MINUTE, plus, SECOND, type Instant, type Ms } from '../../src/kit/instant.ts'
import { readPlan } from '../../src/core/plan/make.ts'
import { feedbackCursor } from '../../src/engine/relay.ts'
import { Roles } from '../scenarios/roles.ts'
import type { EngineProcess, ProcessOptions, Stage } from '../scenarios/stage.ts'
import { gapMs, pick } from './draw.ts'
import type { Later } from './draw-later.ts'
import { HOLD, type Troubles } from './draw-troubles.ts'

/** How long a tag may have been on before an intent that still names the node: what was read of it may be a minute old, and is read in pages. */
const READ_AGE_MS: Ms = 2 * MINUTE

type Tagged = Readonly<{ node: string; from: Instant; to: Instant }>

export type MishapParts = Readonly<{
  stage: Stage
  troubles: Troubles
  later: Later
  random: (what: string) => Random
  over: AbortSignal
  /** Nothing goes wrong any more. */
  calm: () => boolean
  lose: ((lostMs: Ms) => Promise<number>) | null
  /** Whether only one run could miss lost claims. */
  alone: boolean
}>

/** What befalls the engines' processes, their store, and the tags of nodes. */
export class Mishaps {
  readonly #parts: MishapParts
  readonly #living = new Set<EngineProcess>()
  readonly #tagged: Tagged[] = []
  /** Nobody starts a process before this. */
  absentUntil: Instant | null = null
  #frozen: Readonly<{ from: Instant; to: Instant }> | null = null
  #freezes: Random
  #calls: Random
  #stuck: Random
  #asked = false
  #intents = 0
  /** Processes that were started with a clock that is off. */
  #clocks = 0

  constructor(parts: MishapParts) {
    this.#parts = parts
    this.#freezes = parts.random('freezes')
    this.#calls = parts.random('calls')
    this.#stuck = parts.random('stuck')
  }

  begin(): void {
    const { troubles, random } = this.#parts
    void this.#every(troubles.reapedEveryMs, random('reaper'), (dice) => this.#reap(dice))
    void this.#every(troubles.forgetEveryMs, random('forget'), () => this.#forget())
    void this.#every(troubles.tagEveryMs, random('tags'), (dice) => this.#tag(dice))
    void this.#declareFreeze()
    void this.#deny()
  }

  /** How a process is watched, beside what else watches it. */
  options(of: () => EngineProcess): ProcessOptions {
    const { troubles, later } = this.#parts
    const { callCrash, clock } = troubles
    const dies = (): void => {
      if (!this.#parts.calm() && this.#calls() < callCrash) of().life.kill()
    }
    const off = (clock.offMs !== 0 || clock.jumpMs !== 0) && !this.#parts.calm() && (this.#clocks += 1) <= 2
    return {
      after: ({ entries }) => {
        if (entries.some(({ type }) => type === 'CommandIntended' || type === 'StepIntended')) this.#freeze(of())
        if (entries.some(({ type }) => type === 'ApprovalAsked')) this.#goesHome(of())
        if (entries.some(({ type }) => type === 'CommandIntended') && (this.#intents += 1) === troubles.loss?.intents) void this.#lose()
      },
      calls: {
        before: (operation) => {
          if (callCrash > 0) dies()
          if (operation === 'SendCommand') this.#sticks(of())
        },
        after: () => {
          if (callCrash > 0) dies()
        },
        ...(later.stuck.share > 0 && { expires: true as const }),
      },
      ...(off && { offMs: this.#offMs() }),
    }
  }

  started(process: EngineProcess): void {
    this.#living.add(process)
    void process.life.stopped.then(() => {
      if (!process.life.alive) this.#living.delete(process)
    })
  }

  /** Nobody who is still frozen, or waits, comes back after the night. */
  end(): void {
    for (const { life } of this.#living) life.kill()
    this.#parts.stage.disguises.clear()
  }

  /** Changes that were intended for nodes while a tag took them out. */
  async found(): Promise<string[]> {
    const { stage } = this.#parts
    const found: string[] = []
    for (const run of await stage.runs()) {
      const [requested] = await stage.entries(run)
      const plan = await planNodes(stage, run)
      for (const { at, event } of requested === undefined ? [] : await stage.facts(run)) {
        if (event.type !== 'CommandIntended' || event.work !== 'apply') continue
        const names = new Set(event.nodes.map((position) => plan[position]))
        for (const { node, from, to } of this.#tagged)
          if (names.has(node) && at > plus(from, READ_AGE_MS) && at < to)
            found.push(`tags take out: ${node} was intended at ${iso(at)}, and tagged out since ${iso(from)}`)
      }
    }
    return found
  }

  async #every(everyMs: Ms | null, random: Random, happens: (random: Random) => Promise<void> | void): Promise<void> {
    const { stage, over, calm } = this.#parts
    while (everyMs !== null) {
      await stage.clock.sleep(plus(stage.clock.now(), gapMs(random, everyMs)), over)
      if (over.aborted || calm()) return
      await happens(random)
    }
  }

  #reap(random: Random): void {
    const victims = [...this.#living].filter(({ life }) => !life.frozen)
    if (victims.length > 0) pick(random, victims).life.kill()
  }

  /** Stands still after an intent, and comes back later: perhaps as a zombie. */
  #freeze(process: EngineProcess): void {
    this.#standsStill(process, this.#parts.troubles.freeze, this.#freezes)
  }

  /** Stands still when a request is signed and has not left: AWS takes it for five minutes, whoever has looked for it meanwhile. */
  #sticks(process: EngineProcess): void {
    this.#standsStill(process, this.#parts.later.stuck, this.#stuck)
  }

  #standsStill({ life }: EngineProcess, { share, atMostMs }: Later['stuck'], dice: Random): void {
    const { stage, over, calm } = this.#parts
    if (calm() || share === 0 || !life.alive || life.frozen || dice() >= share) return
    const untilMs = Math.max(SECOND, Math.round((dice() * atMostMs) / SECOND) * SECOND)
    life.freeze()
    void stage.clock.sleep(plus(stage.clock.now(), untilMs), over).then(() => {
      if (over.aborted) life.kill()
      else life.thaw()
    })
  }

  /** Whoever asked somebody has gone home, the first time. */
  #goesHome({ life }: EngineProcess): void {
    if (this.#asked || this.#parts.later.absentMs === 0 || this.#parts.calm()) return
    this.#asked = true
    this.absentUntil = plus(this.#parts.stage.clock.now(), this.#parts.later.absentMs)
    life.kill()
  }

  /** From a while on the config names a freeze: whoever runs is ended, and started again with it. */
  async #declareFreeze(): Promise<void> {
    const { stage, over, calm, later } = this.#parts
    if (later.freeze === null) return
    await stage.clock.sleep(plus(stage.clock.now(), later.freeze.afterMs), over)
    if (over.aborted || calm()) return
    const from = stage.clock.now()
    this.#frozen = { from, to: plus(from, later.freeze.forMs) }
    for (const { life } of this.#living) life.kill()
  }

  /** The process with the config as it is now. */
  configured(process: EngineProcess): EngineProcess {
    if (this.#frozen === null) return process
    const { from, to } = this.#frozen
    this.#parts.stage.frozen.push({ driver: process.world.driver, from, to })
    return { ...process, world: { ...process.world, freezes: [{ kind: 'period', from, to }] } }
  }

  async #deny(): Promise<void> {
    const { stage, over, calm, later } = this.#parts
    if (later.denied === null) return
    const roles = new Roles(stage)
    await stage.clock.sleep(plus(stage.clock.now(), later.denied.afterMs), over)
    if (over.aborted || calm()) return
    roles.revoke(later.denied.account)
    await stage.clock.sleep(plus(stage.clock.now(), later.denied.forMs), over)
    roles.restore(later.denied.account)
  }

  /** The clock of the host is off, and jumps once. */
  #offMs(): () => Ms {
    const { clock } = this.#parts.stage
    const { offMs, jumpMs, jumpAfterMs } = this.#parts.troubles.clock
    const jumpsAt = plus(clock.now(), jumpAfterMs)
    return () => offMs + (clock.now() >= jumpsAt ? jumpMs : 0)
  }

  async #forget(): Promise<void> {
    const { store } = this.#parts.stage
    for (const run of await this.#parts.stage.runs()) await store.setCursor(feedbackCursor(run), 0)
    if (!this.#parts.alone) return
    for (const { life } of this.#living) life.kill()
    for (const { node, run } of await store.claims()) await store.releaseClaim(node, run)
  }

  async #tag(random: Random): Promise<void> {
    const { stage, over } = this.#parts
    const { node } = pick(random, stage.sandbox.nodes())
    if (stage.disguises.has(node)) return
    const from = stage.clock.now()
    stage.disguises.set(node, (seen) => ({ ...seen, tags: { ...seen.tags, [HOLD]: 'true' } }))
    await stage.clock.sleep(plus(from, gapMs(random, 30 * MINUTE)), over)
    stage.disguises.delete(node)
    this.#tagged.push({ node, from, to: stage.clock.now() })
  }

  async #lose(): Promise<void> {
    const { stage, troubles, over, lose, calm } = this.#parts
    if (troubles.loss === null || lose === null) return
    await stage.clock.sleep(plus(stage.clock.now(), troubles.loss.delayMs), over)
    if (over.aborted || calm()) return
    const lost = await lose(troubles.loss.lostMs)
    stage.warnings.push(`the store lost ${String(lost)} entries at ${iso(stage.clock.now())}`)
  }
}

async function planNodes(stage: Stage, run: string): Promise<readonly string[]> {
  const pinned = (await stage.facts(run)).find(({ event }) => event.type === 'PlanPinned')?.event
  const text = pinned?.type === 'PlanPinned' ? await stage.store.plan(pinned.plan) : undefined
  return text === undefined ? [] : readPlan(text).content.nodes.map(({ node }) => node)
}
