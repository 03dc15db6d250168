import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf, type CommandId } from '../../kit/ids.ts'
import { earliest, MINUTE, plus, SECOND, type Ms } from '../../kit/instant.ts'
import type { RunEvent } from '../../core/run/event.ts'
import type { Step } from '../../core/run/parts.ts'
import { planned } from '../../core/run/state.ts'
import { kebab } from '../../core/run/verdict.ts'
import type { HookRule } from '../../core/runbook/runbook.ts'
import type { InvocationSeen } from '../../ports/commands.ts'
import { SETTLE_MS, SKEW_MS, shownOf } from '../ask.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { calendarsRead, mayBegin, patiently, timeOf, toldOf, type StepTime, type Told } from './sending.ts'

/** What a hook's end means for its node; null: it passed. */
type Tell = (position: number, why: string | null) => Told

/** Said of a node before the document is sent to it: from then on it may have been. */
const SENT = 'sent'

/** SSM takes no delivery timeout under 30 s. */
const SEND_LAST_MS: Ms = 31 * SECOND
/** A throttled SSM is asked again this much later; what was not listed yet is looked for again. */
const AGAIN_MS: Ms = 10 * SECOND
const [LOOK_MS, LOOK_MS_MAX]: readonly [Ms, Ms] = [5 * SECOND, MINUTE]

/**
 * Sends a document of the account by its name, without parameters, and takes SSM's word for how it went. It has no marker on the node: what may
 * have been sent is looked up by its comment until SSM's list has settled, and then counts as unknown. Only an exit hook, which puts back, is sent
 * again.
 */
export async function* runDocument(performing: Performing, step: Step, rule: HookRule, tell: Tell): Found {
  await calendarsRead(performing, step)
  const run = new DocumentRun(performing, step, rule, tell)
  yield* patiently(performing, step, run.time.until, () => run.go(), () => run.tellAll('unknown')) // prettier-ignore
}

type Sent = Readonly<
  { kind: 'sent'; id: CommandId } | { kind: 'unclear' } | { kind: 'late' } | { kind: 'refused'; nodes: readonly number[] }
>

class DocumentRun {
  readonly time: StepTime
  readonly #performing: Performing
  readonly #step: Step
  readonly #rule: HookRule
  readonly #tell: Tell

  constructor(performing: Performing, step: Step, rule: HookRule, tell: Tell) {
    this.#performing = performing
    this.#step = step
    this.#rule = rule
    this.#tell = tell
    this.time = timeOf(performing, step, rule.timeoutMs)
  }

  async *go(): Found {
    const { signal } = this.#performing
    const step = this.#step
    let doubtful = step.found.size > 0
    while (!signal.aborted && step.nodes.length > 0) {
      const ids = doubtful ? await this.#lookUp() : []
      if (signal.aborted) return
      if (ids.length > 0) return yield* this.#follow(ids)
      if (doubtful && step.name !== 'hook-exit') return yield await this.tellAll('unknown')
      if (step.found.size === 0) yield [{ type: 'StepFound', id: step.id, nodes: step.nodes, things: step.nodes.map(() => SENT) }]
      const sent = await this.#send()
      if (sent.kind === 'sent') return yield* this.#follow([sent.id])
      if (sent.kind === 'late') return yield await this.tellAll(doubtful ? 'unknown' : 'unsent')
      if (sent.kind === 'unclear') doubtful = true
      else yield await this.#told(sent.nodes, () => (doubtful ? 'unknown' : 'refused'))
    }
  }

  /** Ends the step for all that are left. */
  tellAll(why: string): Promise<readonly RunEvent[]> {
    return this.#told(this.#step.nodes, () => why)
  }

  #told(positions: readonly number[], why: (position: number) => string | null): Promise<readonly RunEvent[]> {
    const results = positions.map((position) => {
      const word = why(position) ?? ''
      return { ...this.#tell(position, why(position)), silent: SILENT.has(word), idle: !MAY_HAVE_RUN.has(word) }
    })
    return toldOf(this.#performing, this.#step, results)
  }

  /** One send, tried while it is certain that nothing was sent. */
  async #send(): Promise<Sent> {
    const { world, state, signal } = this.#performing
    const { clock, commands, log } = world
    const { startBefore } = this.time
    const step = this.#step
    const nodes = step.nodes
    const token = tokenOf(state.run, step.n)
    const order = {
      cell: cellOf(step.cell),
      token,
      document: { name: this.#rule.run.kind === 'document' ? this.#rule.run.document : '', hash: null },
      nodes: nodes.map((position) => planned(state, position).node),
      parameters: {},
      startBefore,
      executionSeconds: Math.ceil(this.#rule.timeoutMs / SECOND),
    }
    while (!signal.aborted && clock.now() < plus(startBefore, -SEND_LAST_MS) && mayBegin(this.#performing, step)) {
      try {
        return { kind: 'sent', id: (await commands.send(order, signal)).commandId }
      } catch (error) {
        if (!(error instanceof PatchwaveError) || signal.aborted) throw error
        log.warn(`${step.name} ${token}: ${error.code}: ${error.message}`)
        if (error.code === 'aws.unclear') return { kind: 'unclear' }
        if (error.more.detail?.['error'] === 'TooLate') return { kind: 'late' }
        // A request that stood still for so long that AWS calls its time wrong says nothing of the nodes.
        if (!error.retryable && error.code !== 'clock.skewed') return { kind: 'refused', nodes: this.#refused(error) }
      }
      await clock.sleep(plus(clock.now(), AGAIN_MS), signal)
    }
    return { kind: 'late' }
  }

  /** The nodes that SSM named; all of them when it named none. */
  #refused(error: PatchwaveError): readonly number[] {
    const named = new Set(String(error.more.detail?.['nodes'] ?? '').split(','))
    const { nodes } = this.#step
    const found = nodes.filter((position) => named.has(planned(this.#performing.state, position).node))
    return found.length > 0 ? found : nodes
  }

  /** Commands with our token. None only once SSM's list must show what was sent. */
  async #lookUp(): Promise<CommandId[]> {
    const { world, state, signal } = this.#performing
    const { clock, commands } = world
    const token = tokenOf(state.run, this.#step.n)
    const settled = plus(clock.now(), SETTLE_MS)
    while (!signal.aborted) {
      const found: CommandId[] = []
      for await (const seen of commands.sweep(cellOf(this.#step.cell), plus(this.#step.intendedAt, -SKEW_MS), signal))
        if (seen.comment === token) found.push(seen.commandId)
      if (found.length > 0 || clock.now() >= settled) return found
      await clock.sleep(earliest(plus(clock.now(), AGAIN_MS), settled), signal)
    }
    return []
  }

  /** Reads the commands until each node has ended in one of them, or time is over. */
  async *#follow(ids: readonly CommandId[]): Found {
    const { clock } = this.#performing.world
    const { signal } = this.#performing
    for (let pause = LOOK_MS; this.#step.nodes.length > 0; pause = Math.min(LOOK_MS_MAX, pause * 2)) {
      await clock.sleep(earliest(plus(clock.now(), pause), this.time.until), signal)
      if (signal.aborted) return
      const seen = await this.#read(ids)
      const over = clock.now() >= this.time.until
      const why = (position: number): string | null | undefined => verdictOf(seen.get(position) ?? [], ids.length, over)
      const ended = this.#step.nodes.filter((position) => why(position) !== undefined)
      if (ended.length > 0) yield await this.#told(ended, (position) => why(position) ?? null)
    }
  }

  async #read(ids: readonly CommandId[]): Promise<Map<number, InvocationSeen[]>> {
    const { world, state, signal } = this.#performing
    const positions = new Map(this.#step.nodes.map((position) => [planned(state, position).node, position]))
    const seen = new Map<number, InvocationSeen[]>()
    for (const id of ids) {
      for (const [node, one] of await shownOf(world, { cell: cellOf(this.#step.cell), commandId: id }, signal)) {
        const position = positions.get(node)
        if (position !== undefined) seen.set(position, [...(seen.get(position) ?? []), one])
      }
    }
    return seen
  }
}

/** Of nodes about which this is said, nothing was heard: they may be gone. */
const SILENT: ReadonlySet<string> = new Set(['unknown', 'refused', 'unsent', 'delivery-timed-out', 'undeliverable'])

/** Of these, those that leave open whether the document ran there. */
const MAY_HAVE_RUN: ReadonlySet<string> = new Set(['unknown', 'delivery-timed-out'])

/** One success is enough; a failure counts when no copy can succeed any more. Undefined: not yet. */
function verdictOf(parts: readonly InvocationSeen[], copies: number, over: boolean): string | null | undefined {
  if (parts.some(({ status }) => status === 'Success')) return null
  const last = parts.at(-1)
  if (last !== undefined && parts.length === copies && parts.every(({ ended }) => ended)) return kebab(last.status)
  if (!over) return undefined
  return parts.some(({ status }) => status === 'InProgress') ? 'timeout' : 'unknown'
}
