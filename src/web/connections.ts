import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SECOND, type Ms } from '../kit/instant.ts'

type Socket = FastifyRequest['raw']['socket']

/** After the end a client that stops reading its answer is waited for so long and no longer. */
const LAST_MS: Ms = 5 * SECOND

/**
 * The connections of a server, so that its end waits for those alone on which a request is being answered: not for idle ones, and not for a
 * client that never finishes its request.
 */
export class Connections {
  readonly #open = new Set<Socket>()
  readonly #busy = new Set<Socket>()
  #ended = false

  /** Knows every connection of this server from now on. */
  watch(server: FastifyInstance['server']): void {
    server.on('connection', (socket) => {
      if (this.#ended) socket.destroy()
      this.#open.add(socket)
      socket.once('close', () => {
        this.#open.delete(socket)
        this.#busy.delete(socket)
      })
    })
  }

  /** A request of this connection has arrived; it is answered when the response closes. */
  busy(socket: Socket, response: FastifyReply['raw']): void {
    this.#busy.add(socket)
    response.once('close', () => {
      this.#busy.delete(socket)
      if (this.#ended) socket.destroySoon()
    })
  }

  /** From now on no connection outlives its request. Resolves when the last one has been answered. */
  async end(): Promise<void> {
    this.#ended = true
    const answered = [...this.#busy].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())))
    for (const socket of this.#open) {
      if (this.#busy.has(socket)) socket.setTimeout(LAST_MS, () => socket.destroy())
      else socket.destroy()
    }
    await Promise.all(answered)
  }
}
