import { known } from '../../src/kit/assert.ts'
import { plus, type Ms } from '../../src/kit/instant.ts'
import type { EventType, Fact, RunEvent } from '../../src/core/run/event.ts'
import type { RunState } from '../../src/core/run/state.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { Acts } from '../../src/engine/acts.ts'
import type { Steering } from '../../src/engine/inbox.ts'
import type { NodeId } from '../../src/kit/ids.ts'
import type { ActsWish, EngineProcess, ProcessOptions, Stage } from './stage.ts'
import { Then } from './then.ts'

/** A fact as it becomes durable, and what a scenario may do about it. */
export type Moment = Readonly<{
  stage: Stage
  state: RunState
  fact: Fact
  process: EngineProcess
  /** A person's word to this run. */
  say: (what: Steering['what'], more?: Parameters<Stage['steer']>[1] | Omit<Parameters<Stage['steer']>[1], 'what'>) => void
  /** The same after some virtual time. */
  later: (ms: Ms, act: () => void) => void
  /** The node at a position of the plan. */
  node: (position: number) => NodeId
}>

type Reaction = {
  readonly type: EventType
  readonly fits: Readonly<Record<string, unknown>>
  readonly act: (moment: Moment) => void
  readonly always: boolean
  done: boolean
}

/** What happens in a scenario. Nothing happens before `runs`. */
export class When {
  readonly stage: Stage
  readonly #runbooks: readonly Runbook[]
  readonly #options: ProcessOptions
  readonly #reactions: Reaction[] = []

  constructor(stage: Stage, runbooks: readonly Runbook[], options: ProcessOptions) {
    this.stage = stage
    this.#runbooks = runbooks
    this.#options = options
  }

  /** At the first fact of this type whose values fit, this is done. */
  at<T extends EventType>(type: T, fits: Partial<Extract<RunEvent, { type: T }>>, act: (moment: Moment) => void): this {
    this.#reactions.push({ type, fits, act, always: false, done: false })
    return this
  }

  /** At every such fact. */
  each(type: EventType, act: (moment: Moment) => void): this {
    this.#reactions.push({ type, fits: {}, act, always: true, done: false })
    return this
  }

  /** Whoever is asked for an approval gives it, as many as are wanted. */
  everybodyApproves(): this {
    return this.each('ApprovalAsked', ({ fact: { event }, say }) => {
      if (event.type !== 'ApprovalAsked') return
      for (let person = 1; person <= event.count; person++) say('approve', { by: `rehearsal:${event.group}/${String(person)}` })
    })
  }

  /** Each runbook runs in a process of its own, the second one a little later, until all have ended or were left. */
  async runs(wish: ActsWish = {}): Promise<Then> {
    const { stage } = this
    const processes: EngineProcess[] = []
    for (const _ of this.#runbooks) processes.push(await stage.start(this.#options))
    const acts = await stage.run(() =>
      Promise.all(this.#runbooks.map((runbook, index) => this.#acts(known(processes[index], 'the process'), runbook, index, wish))),
    )
    return await Then.of(stage, acts)
  }

  async #acts(process: EngineProcess, runbook: Runbook, index: number, wish: ActsWish): Promise<Acts> {
    const { clock } = this.stage
    await clock.sleep(plus(clock.now(), index * 1000))
    return await this.stage.acts(process, runbook, {
      ...wish,
      listen: (state, fact, sealed) => {
        wish.listen?.(state, fact, sealed)
        this.#react(process, state, fact)
      },
    })
  }

  #react(process: EngineProcess, state: RunState, fact: Fact): void {
    for (const reaction of this.#reactions) {
      if (reaction.done || reaction.type !== fact.event.type || !fits(fact.event, reaction.fits)) continue
      reaction.done = !reaction.always
      reaction.act(this.#moment(process, state, fact))
    }
  }

  #moment(process: EngineProcess, state: RunState, fact: Fact): Moment {
    const { stage } = this
    return {
      stage,
      state,
      fact,
      process,
      say: (what, more) => void stage.steer(state.run, { ...more, what }),
      later: (ms, act) => void stage.clock.sleep(plus(stage.clock.now(), ms)).then(act),
      node: (position) => known(state.plan.nodes[position], 'the node').node,
    }
  }
}

const fits = (event: RunEvent, wanted: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(wanted).every(
    ([key, value]) => JSON.stringify((event as Readonly<Record<string, unknown>>)[key]) === JSON.stringify(value),
  )
