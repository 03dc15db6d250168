import { known } from '../src/kit/assert.ts'
import { sha256 } from '../src/kit/digest.ts'
import { HOUR, instant, MINUTE, plus, type Instant } from '../src/kit/instant.ts'
import type { Effect } from '../src/core/run/effect.ts'
import type { RunEvent } from '../src/core/run/event.ts'
import { evolve } from '../src/core/run/evolve.ts'
import { plainOpening } from '../src/core/run/opening.ts'
import { next } from '../src/core/run/next.ts'
import { commandOf, initial, STAGE, type RunState } from '../src/core/run/state.ts'
import { planOf, STORIES, type Story } from './run-stories.ts'

/** One step of one of the machines inside a run, as the real code took it. `null` is before the beginning. */
export type Step = Readonly<{ machine: Machine; from: string | null; to: string; event: RunEvent['type'] }>
export type Machine = 'run' | 'wave' | 'command' | 'node'

/** A person's red buttons: each story is also told with each of them pressed wherever it stands for the first time. */
const INTERRUPTIONS: readonly RunEvent[] = [
  { type: 'AbortAsked', reason: 'by hand', rollback: false },
  { type: 'AbortAsked', reason: 'by hand', rollback: true },
  { type: 'RollbackAsked', reason: 'by hand' },
  { type: 'Paused', reason: 'by hand' },
  { type: 'DriverTook', driver: 'second', epoch: 2 },
]

/** A pause lasts this many turns: enough for what runs to end. */
const PAUSE_TURNS = 20

/** More than the longest story has; one that is longer goes in circles. */
const STEPS_MAX = 2_000

/** Every step that the machines take in the stories above, each once, in the order in which they are first seen. */
export function recordedSteps(): readonly Step[] {
  const found = new Map<string, Step>()
  const keep = (step: Step): void => {
    const key = JSON.stringify(step)
    if (!found.has(key)) found.set(key, step)
  }
  for (const story of STORIES) {
    const turns = new Telling(story, keep).tell()
    for (const event of INTERRUPTIONS) for (const turn of turns) new Telling(story, keep).tell(turn, event)
  }
  return [...found.values()]
}

const start = instant(1_767_225_600_000)
const ENGINE = { kind: 'engine', id: 'diagram' } as const

/** One story on the real `evolve` and `next`. */
class Telling {
  readonly #state: RunState
  readonly #story: Story
  readonly #keep: (step: Step) => void
  readonly #said = new Set<string>()
  #now: Instant = start

  constructor(story: Story, keep: (step: Step) => void) {
    this.#story = story
    this.#keep = keep
    this.#state = initial('diagram', planOf(story))
  }

  /** Tells it to its end; returns the turns at which the machines stood as never before in it. */
  tell(interruptAt = -1, interruption?: RunEvent): readonly number[] {
    const { plan } = this.#state
    this.#record({
      type: 'RunRequested',
      runbook: plan.runbook.name,
      act: plan.act,
      reason: '',
      inputs: {},
      flags: [],
      now: false,
      trial: null,
      undoes: plan.undoes,
      opening: null,
      breakFreeze: false,
    })
    this.#record({ type: 'PlanPinned', plan: sha256('plan'), nodes: plan.nodes.length, waves: plan.waves.map((wave) => wave.name) })
    this.#record({ type: 'DriverTook', driver: 'first', epoch: 1 })
    const turns: number[] = []
    for (let turn = 0; turn < STEPS_MAX; turn++) {
      if (this.#state.phase.name === 'finished') return turns
      if (this.#first(JSON.stringify([...pictureOf(this.#state)]))) turns.push(turn)
      if (turn === interruptAt && interruption) this.#record(interruption)
      if (turn === interruptAt + PAUSE_TURNS && this.#state.paused) this.#record({ type: 'Resumed', reason: 'by hand' })
      if (!this.#turn()) return turns
    }
    throw new Error(`a story does not end: ${JSON.stringify(this.#story)}`)
  }

  /** Whether anything happened: a decision, an answer of the world, or time going on. */
  #turn(): boolean {
    const { events, wakeAt } = next(this.#state, this.#now)
    if (events.length > 0) return this.#recordAll(this.#claimed(events))
    const effect = this.#open()
    const word = this.#personsWord()
    if (word) return this.#recordAll(word)
    if (effect) return this.#recordAll(this.#answer(effect))
    if (wakeAt === null) return false
    this.#now = wakeAt
    return true
  }

  /** What the world still owes an answer; a scan that has answered waits only for the run to go on. */
  #open(): Effect | undefined {
    return [...this.#state.activities.values()].find((effect) => effect.kind !== 'scan' || this.#state.scanLeft.size > 0)
  }

  /** Another run's hand is on the nodes, once. */
  #claimed(events: readonly RunEvent[]): readonly RunEvent[] {
    const [intent] = events
    if (intent?.type !== 'CommandIntended' || this.#story.busy !== true || !this.#first('busy')) return events
    return [{ type: 'NodesBusy', batch: intent.batch, nodes: intent.nodes, until: plus(this.#now, MINUTE) }]
  }

  #personsWord(): readonly RunEvent[] | undefined {
    const { answer = 'approve', decide } = this.#story
    const asked = this.#state.approvals.find((one) => one.state === 'asked')
    const wish = asked && asked.subject.kind !== 'gate' ? answer : decide
    const held = this.#state.waves.find((wave) => wave.held !== null && wave.phase === 'drained')
    const subject = asked?.subject ?? (held ? { kind: 'gate' as const, wave: held.name } : undefined)
    if (subject === undefined || wish === undefined || wish === 'silent') return undefined
    const asking: RunEvent[] = asked ? [] : [{ type: 'ApprovalAsked', subject, group: '', count: 1, expires: plus(this.#now, HOUR) }]
    return [...asking, { type: wish === 'approve' ? 'ApprovalGiven' : 'ApprovalRefused', subject, by: 'person', reason: '' }]
  }

  #answer(effect: Effect): readonly RunEvent[] {
    const { drift = null, verdict = 'pass', windowMs = 6 * HOUR, stored = true } = this.#story
    const positions = this.#state.plan.nodes.map((_, position) => position)
    switch (effect.kind) {
      case 'window': {
        const opens = plus(this.#now, HOUR)
        const closes = plus(opens, windowMs)
        return [plainOpening({ opens, cutoff: plus(closes, windowMs === 0 ? 0 : -HOUR), closes }, 'none')]
      }
      case 'almanac':
        return [{ type: 'FreezesRead', from: [], to: [], why: [], source: [], again: null }]
      case 'survey':
        return [{ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift }]
      case 'prepare':
        return [{ type: 'CellPrepared', cell: effect.cell, documents: {} }]
      case 'scan':
        if (this.#story.silent === true) return [{ type: 'NodesUnscanned', nodes: positions, reason: 'silent' }]
        return [{ type: 'NodesScanned', nodes: positions, lists: positions.map(() => sha256('list')), missing: positions.map(() => 1) }]
      case 'classify':
        return [{ type: 'ListsPinned', lists: sha256('lists'), count: 1, patches: [1], nodes: positions, of: positions.map(() => 0) }]
      case 'group':
        return [{ type: 'PatchesGrouped', lines: [['a noarch 1', 'b noarch 1']], units: [[0, 1]] }]
      case 'read':
        if (this.#story.excluded === true && this.#first('excluded'))
          return [{ type: 'BatchRead', batch: effect.batch, skipped: effect.nodes, reasons: effect.nodes.map(() => 'excluded'), down: [] }]
        return [{ type: 'BatchRead', batch: effect.batch, skipped: [], reasons: [], down: [] }, ...this.#lateFor(effect.batch)]
      case 'step': {
        const { nodes } = known(this.#state.steps.get(effect.id), 'the step')
        const none = nodes.map(() => 0)
        const ended = none.map(() => this.#now)
        const plain = { nodes, done: nodes.map(() => true), outcomes: nodes.map(() => 'open' as const), reasons: nodes.map(() => '') }
        return [{ type: 'StepEnded', id: effect.id, ...plain, changed: none, missing: none, ended, stop: false }]
      }
      case 'send':
      case 'find':
        return this.#sending(effect)
      case 'watch':
        return this.#reports(effect.n)
      case 'cancel':
        return [{ type: 'CancelDone', n: effect.n, nodes: [] }]
      case 'measure': {
        const { purpose, wave, round, check } = effect
        const gone: RunEvent[] = this.#story.gone === true && this.#first('gone') ? [{ type: 'NodesGone', nodes: [0] }] : []
        const failing = this.#culprits(purpose)
        const fails = failing.length > 0 ? 'fail' : purpose === 'try' ? 'pass' : verdict
        return [...gone, { type: 'CheckMeasured', purpose, wave, round, check, verdict: fails, evidence: '', subjects: 1, failing }]
      }
      case 'store': {
        const where = { account: effect.account, image: 'ami-1' }
        return stored
          ? [{ type: 'BaselineStored', ...where, path: '/p', version: 1, digest: sha256('baseline'), written: 1 }]
          : [{ type: 'BaselineRefused', ...where, code: 'aws.denied', message: '' }]
      }
      case 'approve-baselines':
        return [{ type: 'BaselinesApproved', count: 1 }]
    }
  }

  /** Nodes that the patch of the story has broken, as long as it is on them. */
  #culprits(purpose: string): number[] {
    const { culprit } = this.#story
    if (culprit === undefined || (purpose !== 'gate' && purpose !== 'try')) return []
    const tries = this.#state.isolation?.tries ?? new Map<number, { units: readonly number[] }>()
    return purpose === 'gate'
      ? [0]
      : [...tries].flatMap(([position, { units }]) => (units.includes(culprit) || culprit < 0 ? [position] : []))
  }

  #lateFor(batch: number): readonly RunEvent[] {
    return this.#story.slowRead === true && this.#first('late') ? [{ type: 'BatchDropped', batch, reason: 'stale' }] : []
  }

  #sending({ kind, n }: Extract<Effect, { kind: 'send' | 'find' }>): readonly RunEvent[] {
    const { send } = this.#story
    const unsure = send === 'unclear' || send === 'missed'
    if (kind === 'send' && send === 'refused' && this.#first('refused'))
      return [{ type: 'CommandRefused', n, code: 'aws.throttled', message: '', invalid: [] }]
    if (kind === 'send' && send === 'invalid')
      return [{ type: 'CommandRefused', n, code: 'aws.invalid', message: '', invalid: commandOf(this.#state, n).nodes }]
    if (kind === 'send' && unsure && this.#first('unclear')) return [{ type: 'CommandUnclear', n, message: '' }]
    if (kind === 'find' && send !== 'unclear' && this.#first('missed')) return [{ type: 'CommandMissed', n }]
    return [
      {
        type: 'CommandSent',
        n,
        commandId: `command-${String(n)}`,
        requestedAt: this.#now,
        expiresAfter: plus(this.#now, HOUR),
        adopted: kind === 'find',
      },
    ]
  }

  /** All nodes of a command at once; when it is asked again, the command's end. */
  #reports(n: number): readonly RunEvent[] {
    const { nodes, work, open } = commandOf(this.#state, n)
    const { outcome = 'patched', reason = 'installed' } = this.#story
    const told = work === 'rollback' ? 'rolled-back' : work === 'scan' ? 'not-needed' : outcome
    const all = <T>(value: T): T[] => nodes.map(() => value)
    this.#now = plus(this.#now, MINUTE)
    const changed = all(1)
    const report: RunEvent = {
      type: 'NodesReported',
      n,
      nodes,
      outcomes: all(told),
      reasons: all(reason),
      changed,
      missing: all(0),
      before: all(''),
      after: all(''),
      reboot: all(false),
      ended: all(this.#now),
    }
    return open > 0 ? [report] : [{ type: 'CommandClosed', n }]
  }

  #first(what: string): boolean {
    if (this.#said.has(what)) return false
    this.#said.add(what)
    return true
  }

  #recordAll(events: readonly RunEvent[]): boolean {
    for (const event of events) this.#record(event)
    return true
  }

  #record(event: RunEvent): void {
    const before = pictureOf(this.#state)
    evolve(this.#state, { at: this.#now, actor: ENGINE, event })
    const after = pictureOf(this.#state)
    for (const [key, to] of after) {
      const from = before.get(key) ?? null
      if (from !== to) this.#keep({ machine: key.slice(0, key.indexOf(' ')) as Machine, from, to, event: event.type })
    }
  }
}

const STAGES = new Map<number, string>(Object.entries(STAGE).map(([name, code]) => [code, name]))

/** Where every machine of a run stands. */
function pictureOf(state: RunState): ReadonlyMap<string, string> {
  const picture = new Map<string, string>([['run 0', state.phase.name]])
  state.waves.forEach((wave, index) => picture.set(`wave ${String(index)}`, wave.phase))
  for (const command of state.commands.values()) picture.set(`command ${String(command.n)}`, command.phase)
  state.nodes.stage.forEach((stage, position) => picture.set(`node ${String(position)}`, STAGES.get(stage) ?? ''))
  return picture
}
