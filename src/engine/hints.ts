import type { CommandId, NodeId } from '../kit/ids.ts'

/**
 * What status events say, by command: which nodes have ended. Hints only: they may be lost, doubled, late or false, and no verdict rests
 * on them; they tell a watcher that reading a page is worth while.
 */
export class Hints {
  readonly #ended = new Map<CommandId, Map<NodeId, string>>()
  readonly #watching = new Map<CommandId, () => void>()
  /** Events of commands that nobody here watches. */
  strangers = 0

  #awake: (() => void)[] = []

  /** Resolves once some command is watched: without one, events are not worth a call. */
  wanted(signal: AbortSignal): Promise<void> {
    if (this.#watching.size > 0 || signal.aborted) return Promise.resolve()
    return new Promise((awake) => {
      this.#awake.push(awake)
      signal.addEventListener(
        'abort',
        () => {
          awake()
        },
        { once: true },
      )
    })
  }

  /** From now on events of this command count; `news` is called at each. */
  watch(command: CommandId, news: () => void): void {
    if (!this.#ended.has(command)) this.#ended.set(command, new Map())
    this.#watching.set(command, news)
    for (const awake of this.#awake.splice(0)) awake()
  }

  forget(command: CommandId): void {
    this.#ended.delete(command)
    this.#watching.delete(command)
  }

  /** Takes one event: the node's part of the command ended, with SSM's status for it. */
  ended(command: CommandId, node: NodeId, status: string): void {
    const nodes = this.#ended.get(command)
    if (nodes === undefined) {
      this.strangers += 1
      return
    }
    nodes.set(node, status)
    this.#watching.get(command)?.()
  }

  /** SSM's status for a node that is said to have ended; `undefined` while nothing is said. */
  statusOf(command: CommandId, node: NodeId): string | undefined {
    return this.#ended.get(command)?.get(node)
  }

  /** How many nodes of the command are said to have ended. */
  count(command: CommandId): number {
    return this.#ended.get(command)?.size ?? 0
  }
}
