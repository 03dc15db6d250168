import { assert } from '../../kit/assert.ts'
import { HOUR, type Instant, type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Report } from '../nodes/agent.ts'
import type { NodeAgent, RealOrder } from '../nodes/real-nodes.ts'
import { type Step, stepsOf } from './document.ts'
import { Gate } from './gate.ts'
import type { NodeHost } from './host.ts'
import type { Ran } from './roots.ts'

export type { RealOrder } from '../nodes/real-nodes.ts'

/** Who an agent is and how long it takes. */
export type AgentOptions = Readonly<{
  node: string
  region: string
  /** From the message to the start of the script. */
  pickUpMs?: Ms
  /** From the boot, or its own restart, until it takes up what is unfinished. */
  startMs?: Ms
}>

/** `CommandWorkersLimit`, `CommandRetryLimit` and `maxDocumentTimeOutHour` of amazon-ssm-agent. */
const [WORKERS, RERUNS_MAX, RERUN_AGE_MAX_MS] = [5, 15, 48 * HOUR]

/** The script asks for a boot and for being run again after it. */
const REBOOT_EXIT = 194

/** More than GetCommandInvocation's 24,000 characters, which the service cuts. */
const OUTPUT_BYTES_MAX = 128 * 1_024

/** Where the agent puts a step's script, and how it starts it: not read as an argument by any shell, whatever it says. */
const FOLDER = '/var/lib/amazon/ssm'
const START = 'umask 077; install -D -m 700 /dev/stdin "$1/_script.sh" && cd /usr/bin && exec sh -c "$1/_script.sh" </dev/null'
const COMMAND_ID = /^[0-9a-f-]{36}$/
const STEP_NAME = /^[A-Za-z0-9_-]{1,128}$/

/** How one start of a step ended, seen from the agent. */
type Ending = Ran | 'agent-gone'

/**
 * One node's agent over a real host, as amazon-ssm-agent does it: five commands at once; cancel and timeout kill the script's process group;
 * after a boot or a restart of its own what is unfinished runs again, beside a first copy that still lives.
 */
export class RealAgent implements NodeAgent {
  readonly #host: NodeHost
  readonly #clock: Clock
  readonly #options: AgentOptions
  readonly #alive = new Gate()
  readonly #heard = new Gate()
  readonly #workers = { free: WORKERS, waiting: [] as (() => void)[] }
  /** Aborts when the agent's process ends. */
  #process = new AbortController()
  /** Aborts when the node is no more. */
  readonly #gone = new AbortController()
  #powered = true

  constructor(host: NodeHost, clock: Clock, options: AgentOptions) {
    this.#host = host
    this.#clock = clock
    this.#options = options
  }

  /** Whether the node has power. */
  get powered(): boolean {
    return this.#powered
  }

  /** Runs an order to its end. Null: SSM never hears how it ended. */
  async take(order: RealOrder): Promise<Report | null> {
    assert(COMMAND_ID.test(order.commandId), `not a command id: ${order.commandId}`)
    return (await this.#whileThere(() => this.#taken(order))) ?? null
  }

  async #taken(order: RealOrder): Promise<Report | null> {
    const giveUp = plus(order.requestedAt, RERUN_AGE_MAX_MS)
    if (!(await this.#heard.passed(this.#clock, giveUp, this.#stop(order)))) return this.#unstarted(order)
    await this.#clock.sleep(plus(this.#clock.now(), this.#options.pickUpMs ?? 0), order.cancel)
    while (this.#workers.free === 0) await new Promise<void>((resolve) => this.#workers.waiting.push(resolve))
    this.#workers.free -= 1
    const report = order.cancel.aborted ? this.#ended('cancelled') : await this.#document(order, giveUp)
    this.#workers.free += 1
    this.#workers.waiting.shift()?.()
    return report && (await this.#heard.passed(this.#clock, giveUp, this.#gone.signal)) ? report : null
  }

  /** No message gets through, either way. What runs goes on. */
  offline(): void {
    this.#heard.shut()
  }

  online(): void {
    this.#heard.open()
  }

  /** Its process ends. Scripts live on (`KillMode=process`), or their process groups end with it. */
  dies(scripts: 'live' | 'killed' = 'live'): void {
    this.#alive.shut()
    this.#process.abort(scripts)
  }

  /** It is there again and takes up what it finds unfinished. */
  returns(): void {
    this.#process = new AbortController()
    this.#alive.open()
  }

  /** The power goes. */
  async powerCut(): Promise<void> {
    this.#alive.shut()
    this.#powered = false
    await this.#whileThere(() => this.#clock.hold(() => this.#host.off(this.#options.node)))
  }

  /** Power is there again, and with it the agent. */
  async boots(): Promise<void> {
    await this.#whileThere(() => this.#clock.hold(() => this.#host.up(this.#options.node)))
    this.#powered = true
    this.returns()
  }

  /** The node is no more: what it has in hand ends unheard. */
  ends(): void {
    this.#gone.abort('gone')
    this.#alive.shut()
  }

  /** What is asked of a node that goes away meanwhile fails, and does not matter any more. */
  async #whileThere<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (this.#gone.signal.aborted) return undefined
      throw error
    }
  }

  #stop({ cancel }: RealOrder): AbortSignal {
    return AbortSignal.any([cancel, this.#gone.signal])
  }

  #unstarted({ cancel }: RealOrder): Report | null {
    return cancel.aborted && !this.#gone.signal.aborted ? this.#ended('cancelled') : null
  }

  async #document(order: RealOrder, giveUp: Instant): Promise<Report | null> {
    const steps = stepsOf(order.content, order.parameters)
    if (typeof steps === 'string') return this.#ended('exited', 1, '', `${steps}\n`)
    const reruns = { left: RERUNS_MAX }
    let said = { stdout: '', stderr: '' }
    let failed = 0
    for (const step of steps) {
      const report = await this.#step(order, step, giveUp, reruns)
      if (!report || report.ended !== 'exited') return report
      said = { stdout: said.stdout + report.stdout, stderr: said.stderr + report.stderr }
      failed ||= report.exit
    }
    return this.#ended('exited', failed, said.stdout, said.stderr)
  }

  /** Starts a step until it has ended for good. */
  async #step(order: RealOrder, step: Step, giveUp: Instant, reruns: { left: number }): Promise<Report | null> {
    for (; reruns.left >= 0; reruns.left -= 1) {
      if (!(await this.#alive.passed(this.#clock, giveUp, this.#stop(order)))) return this.#unstarted(order)
      const ending = await this.#attempt(order, step)
      if (ending !== 'agent-gone') {
        if (ending.ended === 'killed') return this.#ended('cancelled')
        if (ending.ended === 'timed-out') return this.#ended('timed-out')
        if (ending.ended === 'exited' && ending.exit !== REBOOT_EXIT)
          return this.#ended('exited', ending.exit, ending.stdout, ending.stderr)
        if (ending.ended === 'exited' && !(await this.#reboot(order))) return null
      }
      await this.#clock.sleep(plus(this.#clock.now(), this.#options.startMs ?? SECOND), this.#gone.signal)
    }
    return null
  }

  async #attempt({ commandId, cancel, watch }: RealOrder, step: Step): Promise<Ending> {
    const { node, region } = this.#options
    const name = STEP_NAME.test(step.name) ? step.name : 'step'
    const folder = `${FOLDER}/${node}/document/orchestration/${commandId}/${name}`
    const gone = this.#process.signal
    const kill = new AbortController()
    const over = new AbortController()
    // A copy that the agent has lost sight of is nobody's to kill.
    const killed = (): void => (gone.aborted ? undefined : kill.abort('cancel'))
    if (cancel.aborted) killed()
    else cancel.addEventListener('abort', killed, { once: true, signal: over.signal })
    const lost = new Promise<'agent-gone'>((resolve) => {
      const left = (): void => {
        if (gone.reason === 'killed') kill.abort('agent')
        resolve('agent-gone')
      }
      gone.addEventListener('abort', left, { once: true, signal: over.signal })
    })
    const told = watch?.started()
    const ran = this.#clock.hold(() =>
      this.#host.run(node, ['sh', '-c', START, 'sh', folder], {
        stdin: step.script,
        signal: kill.signal,
        timeoutMs: step.seconds * SECOND,
        env: { AWS_SSM_INSTANCE_ID: node, AWS_SSM_REGION_NAME: region },
        outputBytesMax: OUTPUT_BYTES_MAX,
      }),
    )
    ran.then(told, () => undefined)
    const ending = await Promise.race([ran, lost])
    over.abort('over')
    return ending
  }

  /** As `shutdown -r`: everything on the node ends, other commands' scripts too. False: it does not come back. */
  async #reboot({ watch }: RealOrder): Promise<boolean> {
    if (watch) return watch.reboot()
    await this.powerCut()
    await this.boots()
    return true
  }

  #ended(ended: Report['ended'], exit = -1, stdout = '', stderr = ''): Report {
    return { ended, exit, stdout, stderr, endedAt: this.#clock.now() }
  }
}
