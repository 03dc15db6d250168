import { parseToken, type Token } from '../../kit/ids.ts'
import { earliest, HOUR, type Instant, MINUTE, type Ms, plus, SECOND } from '../../kit/instant.ts'
import { Stop } from './alarms.ts'
import { hits } from './chance.ts'
import type { Outcome } from './disk.ts'
import { changesNode, documentName, PATCH_BASELINE, workName } from './document-kind.ts'
import { type Fate, fateOf, takesMs } from './fate.ts'
import { type SimulatedNode, stepUp } from './node.ts'
import { CHECK_MS } from './reading.ts'
import { stdoutOf } from './result.ts'
import { runOwnerDocument } from './owner-document.ts'
import { runPatchBaseline } from './patch-baseline-script.ts'
import { runScript, type ScriptRun } from './script.ts'
import type { Surroundings } from './surroundings.ts'

/** One node's part of a command, as it reaches the agent. */
export type Order = Readonly<{
  commandId: string
  document: string
  /** Each parameter's first value. */
  parameters: Readonly<Record<string, string>>
  /** The command's comment: it may bear a token where the document takes none. */
  comment?: string
  requestedAt: Instant
  /** SSM's execution timeout. */
  executionMs: Ms
  cancel: Stop
}>

/** What the agent tells SSM. */
export type Report = Readonly<{
  ended: 'exited' | 'cancelled' | 'timed-out'
  exit: number
  stdout: string
  stderr: string
  endedAt: Instant
}>

/** How one start of the script ended, seen from the agent. */
type Ending = Readonly<
  { kind: 'exited'; outcome: Outcome } | { kind: Fate['kind']; bootMs: Ms } | { kind: 'cancelled' | 'timed-out' | 'power-lost' }
>

/** `CommandRetryLimit` and `maxDocumentTimeOutHour` of amazon-ssm-agent. */
const [RERUNS_MAX, RERUN_AGE_MAX_MS] = [15, 48 * HOUR]

/** A boot takes a minute and a half. */
const BOOT_MS: Ms = 90 * SECOND
/** SIGKILL, as a shell shows it. */
const KILLED_EXIT = 137

/**
 * Runs a command on a node as amazon-ssm-agent does: five at once, unfinished ones again after a restart or a boot, the process group killed
 * on cancel and timeout. Null: SSM never hears how it ended.
 */
export async function runOrder(node: SimulatedNode, around: Surroundings, order: Order): Promise<Report | null> {
  const report = await attempts(node, around, order)
  return report && (await heard(node, around, order)) ? report : null
}

async function attempts(node: SimulatedNode, around: Surroundings, order: Order): Promise<Report | null> {
  const { clock } = around
  // What the agent has begun stands on the node's disk: a root volume that is replaced knows nothing of it.
  const { disk } = node
  const document = workName(order.document, order.parameters)
  const number = node.nextStart(document)
  const takes = document === 'Patchwave-Check' ? CHECK_MS : takesMs(node, around, document, number)
  let fate = fateOf(node, around, { document, number, startedAt: clock.now(), takesMs: takes })
  for (let run = 0; run <= RERUNS_MAX; run += 1) {
    if (clock.now() - order.requestedAt > RERUN_AGE_MAX_MS) return null
    const ending = await new Attempt(node, around, order, { number, takesMs: takes }).watch(fate)
    fate = null
    const report = reported(node, around, ending)
    if (report) return report
    if (!(await recovered(node, around, ending)) || node.disk !== disk) return null
  }
  return null
}

/** What is told when the script has ended for good; null: it will run again, or nobody will tell. */
function reported(node: SimulatedNode, around: Surroundings, ending: Ending): Report | null {
  const endedAt = around.clock.now()
  if (ending.kind === 'exited') {
    const { exit } = ending.outcome
    return exit === 194 ? null : { ended: 'exited', exit, ...printed(node, around, ending.outcome), endedAt }
  }
  if (ending.kind === 'cancelled' || ending.kind === 'timed-out') return { ended: ending.kind, exit: -1, stdout: '', stderr: '', endedAt }
  return null
}

/** Waits until the agent takes the command up again; false when it never will. */
async function recovered(node: SimulatedNode, around: Surroundings, ending: Ending): Promise<boolean> {
  const { clock } = around
  switch (ending.kind) {
    case 'exited':
      return await node.boot(BOOT_MS)
    case 'power-cut':
      return await node.boot(ending.bootMs)
    case 'power-lost':
      return await node.whenUp()
    case 'restarts':
      node.agentDies()
      await clock.sleep(stepUp(plus(clock.now(), ending.bootMs)))
      if (node.state !== 'running') return false
      node.agentReturns()
      return true
    case 'upgraded':
      await clock.sleep(stepUp(plus(clock.now(), ending.bootMs)))
      return node.state === 'running'
    case 'dies':
      node.agentDies()
      return false
    default:
      return false
  }
}

/** One start of the script, with everything that can end it. */
class Attempt {
  readonly #node: SimulatedNode
  readonly #around: Surroundings
  readonly #order: Order
  readonly #draw: Pick<ScriptRun, 'number' | 'takesMs'>
  readonly #kill = new Stop()

  constructor(node: SimulatedNode, around: Surroundings, order: Order, draw: Pick<ScriptRun, 'number' | 'takesMs'>) {
    this.#node = node
    this.#around = around
    this.#order = order
    this.#draw = draw
  }

  watch(fate: Fate | null): Promise<Ending> {
    const { clock, alarms } = this.#around
    const timeout = plus(clock.now(), this.#order.executionMs)
    return new Promise((resolve) => {
      const wishes: (() => void)[] = []
      const end = (ending: Ending): void => {
        for (const forget of wishes) forget()
        resolve(ending)
      }
      const interrupt = (ending: Ending): void => {
        if (ending.kind !== 'upgraded') this.#kill.abort(ending.kind) // An upgrade leaves the script alive (KillMode=process).
        end(ending)
      }
      wishes.push(
        alarms.at(fate ? earliest(fate.at, timeout) : timeout, () => {
          interrupt(fate && fate.at <= timeout ? { kind: fate.kind, bootMs: fate.bootMs } : { kind: 'timed-out' })
        }),
        this.#order.cancel.when(() => { interrupt({ kind: 'cancelled' }) }), // prettier-ignore
        this.#node.power.when(() => { interrupt({ kind: 'power-lost' }) }), // prettier-ignore
      )
      void this.#run().then((outcome) => {
        if (outcome) end({ kind: 'exited', outcome })
      })
    })
  }

  #run(): Promise<Outcome | null> {
    const { clock, ledger } = this.#around
    const { commandId, document, parameters } = this.#order
    const changes = changesNode(document, parameters)
    const execution = ledger.begin(this.#node, { commandId, token: tokenIn(this.#order), document, changes, at: clock.now() })
    const run = { document, parameters, execution, ...this.#draw, kill: this.#kill }
    // Also when nobody watches it any more: a script that an upgrade of its agent has left alive goes with the power, too.
    const powered = this.#node.power.when(() => { this.#kill.abort('power-lost') }) // prettier-ignore
    return scriptOf(document)(this.#node, this.#around, run).then((outcome) => {
      powered()
      execution.ended(clock.now(), outcome ? outcome.exit : this.#poweredOff() ? null : KILLED_EXIT, outcome?.verdict ?? null)
      return outcome
    })
  }

  #poweredOff(): boolean {
    const { reason } = this.#kill
    return reason === 'power-cut' || reason === 'power-lost'
  }
}

/** Our documents take their token as a parameter; others are sent with it as their comment. */
export function tokenIn({ document, parameters, comment = '' }: Order): Token {
  if (documentName(document).startsWith('Patchwave-')) return parameters['Token'] ?? ''
  return parseToken(comment) ? comment : ''
}

function scriptOf(document: string): typeof runScript {
  const name = documentName(document)
  if (name === PATCH_BASELINE) return runPatchBaseline
  return name.startsWith('Patchwave-') ? runScript : runOwnerDocument
}

/** What the script printed, with what the fault file adds to it. */
const printed = (node: SimulatedNode, around: Surroundings, outcome: Outcome): Readonly<{ stdout: string; stderr: string }> =>
  spoilt(node, around, stdoutOf(outcome))

/** A script's output with what the fault file adds to it. */
export function spoilt(node: SimulatedNode, around: Surroundings, stdout: string): Readonly<{ stdout: string; stderr: string }> {
  const { output, seed } = around.faults()
  if (hits(output.garbled, seed, 'garbled', node.node)) return { stdout: `\u001b[31mwarning\u0000: \ud83d\n${stdout}`, stderr: '' }
  if (hits(output.poison, seed, 'poison', node.node))
    return { stdout: `${stdout}\u0000\u0000 caf\ud800 \udfff\n`, stderr: 'dnf: \u0000\ud83d' }
  return { stdout, stderr: '' }
}

/** Waits until SSM can hear the agent; false when it never does. */
export async function heard(node: SimulatedNode, around: Surroundings, order: Order): Promise<boolean> {
  const { clock } = around
  const giveUp = plus(order.requestedAt, RERUN_AGE_MAX_MS)
  for (let now = clock.now(); now < giveUp; now = clock.now()) {
    const at = node.reachableAt(now)
    if (at !== null && at <= now) return true
    if (at === null && node.state !== 'running') return false
    await clock.sleep(earliest(at ?? plus(now, RETRY_MS), giveUp))
  }
  return false
}

/** How often SSM tries a node that does not answer. */
export const RETRY_MS: Ms = 5 * MINUTE
