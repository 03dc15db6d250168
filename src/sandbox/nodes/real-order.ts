import { instant, type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { Execution } from '../ledger.ts'
import { heard, type Order, type Report, spoilt } from './agent.ts'
import { hits } from './chance.ts'
import { changesNode } from './document-kind.ts'
import { type Fate, fateOf } from './fate.ts'
import { type SimulatedNode, stepUp } from './node.ts'
import { PackageSet } from './package-set.ts'
import type { NodeAgent, RealNodes, ScriptEnd } from './real-nodes.ts'
import type { Surroundings } from './surroundings.ts'

/** Scripts on real nodes take seconds: a fate strikes within this long after the start. One that has ended by then is spared. */
const STRIKES_WITHIN_MS: Ms = 4 * SECOND

/** How long a real node is away for a boot that its script asked for. Its root is up at once; an agent is not. */
const BOOT_MS: Ms = 3 * SECOND

/** What `slow` says: five times the time. */
const SLOW_TIMES = 5

/** SIGKILL, as a shell shows it. */
const KILLED_EXIT = 137

/**
 * Runs a command on a node that is real, for the same reports, ledger rows and faults as a simulated one. Null: SSM never hears how it ended.
 */
export async function runRealOrder(
  node: SimulatedNode,
  around: Surroundings,
  real: RealNodes,
  order: Order & Readonly<{ content: string }>,
): Promise<Report | null> {
  if (node.state === 'terminated') return null
  const agent = await real.agent(node)
  const taken = new Taken(node, around, real, agent, order)
  const report = await taken.report()
  if (report && changesNode(order.document, order.parameters)) await around.clock.hold(() => refreshed(node, real))
  if (!report || !(await heard(node, around, order))) return null
  const { stdout, stderr } = spoilt(node, around, report.stdout)
  return { ...report, stdout, stderr: stderr === '' ? report.stderr : stderr }
}

/** Brings what the sandbox tells of a node up to what the node shows. */
export async function refreshed(node: SimulatedNode, real: RealNodes): Promise<void> {
  const facts = await real.facts(node)
  if (!facts || node.state !== 'running') return
  node.shows({ ...facts, packages: new PackageSet(new Map(facts.packages)) })
}

/** An order in an agent's hand. */
class Taken {
  readonly #node: SimulatedNode
  readonly #around: Surroundings
  readonly #real: RealNodes
  readonly #agent: NodeAgent
  readonly #order: Order & Readonly<{ content: string }>
  readonly #over = new AbortController()
  readonly #fate: Fate | null
  #first: Execution | null = null

  constructor(node: SimulatedNode, around: Surroundings, real: RealNodes, agent: NodeAgent, order: Order & Readonly<{ content: string }>) {
    this.#node = node
    this.#around = around
    this.#real = real
    this.#agent = agent
    this.#order = order
    const { document } = order
    const draw = { document, number: node.nextStart(document), startedAt: instant(0), takesMs: STRIKES_WITHIN_MS }
    this.#fate = fateOf(node, around, draw)
  }

  async report(): Promise<Report | null> {
    const { ledger, clock } = this.#around
    const changes = changesNode(this.#order.document, this.#order.parameters)
    // Its worker may outlive the script: in flight is the node until the order ends.
    if (changes) ledger.enter(this.#node)
    const startedAt = clock.now()
    const watch = { started: () => this.#started(), reboot: () => this.#boots(BOOT_MS) }
    const report = await this.#agent.take({ ...this.#order, cancel: this.#order.cancel.signal, watch })
    this.#over.abort('over')
    if (changes) ledger.leave(this.#node)
    if (report && changes) this.#recordTransaction(report)
    if (report) await this.#dawdle(clock.now() - startedAt)
    return report
  }

  #started(): (end: ScriptEnd) => void {
    const { ledger, clock } = this.#around
    const { commandId, document, parameters } = this.#order
    const changes = changesNode(document, parameters)
    const execution = ledger.begin(this.#node, { commandId, token: parameters['Token'] ?? '', document, changes, at: clock.now() })
    if (!this.#first) {
      this.#first = execution
      if (this.#fate) void this.#befall(this.#fate)
    }
    return (end) => execution.ended(clock.now(), exitOf(end), resultOf(end.stdout).verdict)
  }

  /** What the node says it has changed; a repeat of the same token is told by the row of the first. */
  #recordTransaction({ stdout }: Report): void {
    const { changed, repeated } = this.#said(stdout)
    if (changed === 0 || repeated || !this.#first) return
    this.#first.transactionStarted(this.#first.startedAt)
    this.#first.transactionEnded(this.#around.clock.now(), changed, null)
  }

  #said(stdout: string): Readonly<{ changed: number; repeated: boolean }> {
    const token = this.#order.parameters['Token'] ?? ''
    const { rows } = this.#around.ledger
    const repeated = rows.some((row) => row.node === this.#node.node && row.token === token && row.transaction !== null)
    return { changed: resultOf(stdout).changed, repeated }
  }

  /** Five times the time: the rest of it after the work. */
  async #dawdle(tookMs: Ms): Promise<void> {
    const { clock, faults } = this.#around
    const { agents, seed } = faults()
    if (hits(agents.slow, seed, 'slow', this.#node.node)) await clock.sleep(plus(clock.now(), (SLOW_TIMES - 1) * tookMs))
  }

  /** The fate of the order's first start, counted in the time by which scripts work. */
  async #befall(fate: Fate): Promise<void> {
    const { wall } = this.#real
    await this.#around.clock.hold(() => wall.sleep(plus(wall.now(), fate.at), this.#over.signal))
    if (this.#over.signal.aborted || this.#node.state !== 'running') return
    switch (fate.kind) {
      case 'power-cut':
        await this.#boots(fate.bootMs)
        break
      case 'dies':
        this.#agent.dies('killed')
        this.#node.agentDies()
        break
      case 'restarts':
        this.#agent.dies('killed')
        this.#node.agentDies()
        await this.#returnsAfter(fate.bootMs)
        break
      case 'upgraded':
        this.#agent.dies('live')
        await this.#returnsAfter(fate.bootMs)
    }
  }

  async #returnsAfter(ms: Ms): Promise<void> {
    const { clock } = this.#around
    await clock.sleep(stepUp(plus(clock.now(), ms)))
    if (this.#node.state !== 'running') return
    this.#node.agentReturns()
    this.#agent.returns()
  }

  async #boots(afterMs: Ms): Promise<boolean> {
    const up = this.#node.boot(afterMs)
    await this.#agent.powerCut()
    if (!(await up)) return false
    await this.#agent.boots()
    return true
  }
}

const exitOf = ({ ended, exit }: ScriptEnd): number | null => (ended === 'exited' ? exit : ended === 'power-lost' ? null : KILLED_EXIT)

/** The result line, as far as the ledger wants it. */
function resultOf(stdout: string): Readonly<{ verdict: string | null; changed: number }> {
  try {
    const line: unknown = JSON.parse(stdout.slice(0, Math.max(0, stdout.indexOf('\n'))))
    if (typeof line !== 'object' || line === null) return { verdict: null, changed: 0 }
    const verdict = 'verdict' in line && typeof line.verdict === 'string' ? line.verdict : null
    const changed = 'changed' in line && typeof line.changed === 'number' ? line.changed : 0
    return { verdict, changed }
  } catch {
    return { verdict: null, changed: 0 } // It said nothing that is a result.
  }
}
