import type { Clock } from '../../ports/clock.ts'
import type { SimNode } from '../model.ts'
import type { Order, Report } from './agent.ts'
import type { Catalogue } from './catalogue/catalogue.ts'

/** How one start of a script ended. */
export type ScriptEnd = Readonly<{ ended: 'exited' | 'killed' | 'timed-out' | 'power-lost'; exit: number; stdout: string }>

/** Who is told what an agent does with an order, and boots the node where the script asks for it. */
export type Watch = Readonly<{
  /** At each start of a script; the answer is told how that one ended, also when the agent had lost sight of it. */
  started: () => (end: ScriptEnd) => void
  /** The script ended with 194. Resolves when the node is up again; to false when it never will be. */
  reboot: () => Promise<boolean>
}>

/** An order with the document's text, from which the agent makes the script. */
export type RealOrder = Omit<Order, 'cancel'> & Readonly<{ cancel: AbortSignal; content: string; watch?: Watch }>

/** What a real node shows of itself. */
export type NodeFacts = Readonly<{
  /** `name.arch` → version, as the package manager has it. */
  packages: ReadonlyMap<string, string>
  kernel: string
  bootId: string
  /** What its own health script says; true where it has none. */
  healthy: boolean
}>

/** The agent of one real node, and its power switch. */
export interface NodeAgent {
  /** Runs an order to its end. Null: SSM never hears how it ended. */
  take(order: RealOrder): Promise<Report | null>
  /** Its process ends. `live`: scripts go on without it (`KillMode=process`); `killed`: their process groups end with it. */
  dies(scripts?: 'live' | 'killed'): void
  /** It is there again and takes up what it finds unfinished. */
  returns(): void
  /** The power goes, and with it all that runs on the node. The disk stays. */
  powerCut(): Promise<void>
  /** Power is there again, and with it the agent. */
  boots(): Promise<void>
}

/** Real nodes behind a simulated fleet: what runs on them and what they show comes from package managers, not from a model. */
export interface RealNodes {
  /** The time by which scripts work: the wall's, whatever the sandbox's own is. */
  readonly wall: Clock
  /** What nodes of a platform begin with and what their repository has. */
  catalogue(platform: SimNode['platform']): Catalogue
  /** The node's agent; the node begins with the first call. */
  agent(node: SimNode): Promise<NodeAgent>
  /** What a node shows now; null where it has not begun (its image says it) or has no power. */
  facts(node: SimNode): Promise<NodeFacts | null>
  /** The node and its disk are gone; orders that it has end unheard. A later node of that name is a new one. */
  terminate(node: SimNode): void
  /** Ends everything. Nothing is left on the machine. */
  stop(): Promise<void>
}
