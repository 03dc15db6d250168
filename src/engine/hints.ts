import type { CommandId, NodeId } from '../kit/ids.ts'

type Watched = { readonly nodes: ReadonlySet<NodeId>; readonly ended: Map<NodeId, string>; news: () => void }

/** What became of the messages that came in: events for runs that are driven here, for those that another process drives, of nobody known; and what was no event. */
export type EventCounts = { ours: number; passedOn: number; strangers: number; unreadable: number }

/**
 * What status events say, by command: which nodes have ended. Hints only: they may be lost, doubled, late or false, and no verdict rests
 * on them; they tell a watcher that reading a page is worth while. Never more of them than watched commands have nodes.
 */
export class Hints {
  readonly #watched = new Map<CommandId, Watched>()
  readonly counts: EventCounts = { ours: 0, passedOn: 0, strangers: 0, unreadable: 0 }

  #awake: (() => void)[] = []

  /** Resolves once some command is watched: without one, events are not worth a call. */
  wanted(signal: AbortSignal): Promise<void> {
    if (this.#watched.size > 0 || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const awake = (): void => {
        signal.removeEventListener('abort', awake)
        resolve()
      }
      this.#awake.push(awake)
      signal.addEventListener('abort', awake, { once: true })
    })
  }

  /** From now on events of this command and these nodes count; `news` is called at each. */
  watch(command: CommandId, nodes: ReadonlySet<NodeId>, news: () => void): void {
    const known = this.#watched.get(command)
    if (known) known.news = news
    else this.#watched.set(command, { nodes, ended: new Map(), news })
    for (const awake of this.#awake.splice(0)) awake()
  }

  forget(command: CommandId): void {
    this.#watched.delete(command)
  }

  /** Takes one event: the node's part of the command ended, with SSM's status for it. False: nobody here watches the command. */
  ended(command: CommandId, node: NodeId, status: string): boolean {
    const watched = this.#watched.get(command)
    if (watched === undefined) return false
    if (!watched.nodes.has(node) || watched.ended.get(node) === status) return true
    watched.ended.set(node, status)
    watched.news()
    return true
  }

  /** SSM's status for a node that is said to have ended; `undefined` while nothing is said. */
  statusOf(command: CommandId, node: NodeId): string | undefined {
    return this.#watched.get(command)?.ended.get(node)
  }

  /** How many nodes of the command are said to have ended. */
  count(command: CommandId): number {
    return this.#watched.get(command)?.ended.size ?? 0
  }
}
