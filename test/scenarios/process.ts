import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { known } from '../../src/kit/assert.ts'
import { MINUTE, plus, type Instant, type Ms } from '../../src/kit/instant.ts'
import type { Append, Appended, Store } from '../../src/ports/store.ts'
import type { Dispatch } from '../../src/sandbox/dispatch.ts'
import { ServiceError } from '../../src/sandbox/model.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { address, failed } from '../../src/sandbox/wire/protocols.ts'

/** A promise that nobody keeps: whoever waits for it has died. */
const forever = <T>(): Promise<T> => new Promise(() => undefined)

/**
 * The life of one engine process. Everything that it asks of the world passes through here; once it is killed no answer reaches it any more
 * and nothing that it does reaches the world, as after SIGKILL: no cleanup, no last word. Frozen, it is only late.
 */
export class Life {
  #alive = true
  #thaw: PromiseWithResolvers<void> | null = null
  #stop = Promise.withResolvers<undefined>()

  get alive(): boolean {
    return this.#alive
  }

  get frozen(): boolean {
    return this.#thaw !== null
  }

  /** Resolves when the process is killed or freezes. */
  get stopped(): Promise<undefined> {
    return this.#stop.promise
  }

  kill(): void {
    this.#alive = false
    this.#stop.resolve(undefined)
  }

  /** Nothing passes from here on, until `thaw`. */
  freeze(): void {
    this.#thaw ??= Promise.withResolvers()
    this.#stop.resolve(undefined)
  }

  thaw(): void {
    const thaw = this.#thaw
    this.#thaw = null
    this.#stop = Promise.withResolvers()
    thaw?.resolve()
  }

  /** Passes an answer on, if anybody is there to hear it. */
  async pass<T>(answer: Promise<T>): Promise<T> {
    try {
      const value = await answer
      await this.#passage()
      return value
    } catch (error) {
      await this.#passage()
      throw error
    }
  }

  async #passage(): Promise<void> {
    while (this.#alive && this.#thaw) await this.#thaw.promise
    if (!this.#alive) await forever()
  }

  /** Does what the process asks for, if it is there to ask. */
  async ask<T>(work: () => Promise<T>): Promise<T> {
    await this.#passage()
    return await this.pass(work())
  }
}

/** The clock as one process sees it. */
export class MortalClock extends VirtualClock {
  readonly #inner: VirtualClock
  readonly #life: Life
  readonly #offMs: (() => Ms) | undefined

  /** `offMs`: how far the host's clock is off now; absent: it is right. */
  constructor(inner: VirtualClock, life: Life, offMs?: () => Ms) {
    super(inner.now())
    this.#inner = inner
    this.#life = life
    this.#offMs = offMs
  }

  override now(): Instant {
    return this.#offMs === undefined ? this.#inner.now() : plus(this.#inner.now(), this.#offMs())
  }

  override sleep(until: Instant, signal?: AbortSignal): Promise<void> {
    if (!this.#life.alive) return forever()
    return this.#life.pass(this.#offMs === undefined ? this.#inner.sleep(until, signal) : this.#nap(until, signal))
  }

  /** As the system's clock: a timer does not follow a clock that is set, so that the wall is looked at every minute. */
  async #nap(until: Instant, signal?: AbortSignal): Promise<void> {
    for (let before = this.now(); before < until && signal?.aborted !== true; before = this.now()) {
      await this.#inner.sleep(plus(this.#inner.now(), Math.min(until - before, MINUTE)), signal)
      if (this.now() < before) return
    }
  }

  /** A process that dies or freezes while it holds the clock must not stop time for the others. */
  override async hold<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#life.alive) return await forever()
    const held: { answer?: Promise<T> } = {}
    await this.#inner.hold(() => Promise.race([(held.answer ??= work()), this.#life.stopped]).catch(() => undefined))
    return await this.#life.pass(known(held.answer, 'the answer'))
  }

  override run<T>(main: () => Promise<T>): Promise<T> {
    return this.#inner.run(main)
  }
}

/** Told of each append, before and after. What it does to the life counts at once. */
export type AppendWatch = Readonly<{ before?: (append: Append) => void; after?: (append: Append, appended: Appended) => void }>

/** The store as one process sees it. */
export function mortalStore(inner: Store, life: Life, watch: AppendWatch = {}): Store {
  const through =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      life.ask(() => call(...args))
  return {
    create: through((...args) => inner.create(...args)),
    takeOpening: through((...args) => inner.takeOpening(...args)),
    openingOf: through((...args) => inner.openingOf(...args)),
    triggered: through((trigger) => inner.triggered(trigger)),
    append: (append) =>
      life.ask(async () => {
        watch.before?.(append)
        if (!life.alive) return await forever()
        const appended = await inner.append(append)
        watch.after?.(append, appended)
        return appended
      }),
    read: (run, from) => inner.read(run, from),
    run: through((run) => inner.run(run)),
    runs: through((filter) => inner.runs(filter)),
    drive: through((...args) => inner.drive(...args)),
    rest: through((...args) => inner.rest(...args)),
    note: through((...args) => inner.note(...args)),
    noteAll: through((notes) => inner.noteAll(notes)),
    senders: through((commands) => inner.senders(commands)),
    notes: through((...args) => inner.notes(...args)),
    claims: through((filter) => inner.claims(filter)),
    releaseClaim: through((...args) => inner.releaseClaim(...args)),
    restoreClaims: through((...args) => inner.restoreClaims(...args)),
    putPlan: through((...args) => inner.putPlan(...args)),
    plan: through((digest) => inner.plan(digest)),
    putBlob: through((...args) => inner.putBlob(...args)),
    blob: through((digest) => inner.blob(digest)),
    cursor: through((name) => inner.cursor(name)),
    setCursor: through((...args) => inner.setCursor(...args)),
    close: () => Promise.resolve(),
  }
}

/**
 * Told of a request by its operation (`SendCommand`) before the sandbox gets it, and after it has answered. `expires`: a request that its process held
 * back for too long after it was signed is refused, as AWS does.
 */
export type CallWatch = Readonly<{ before?: (operation: string) => void; after?: (operation: string) => void; expires?: true }>

/** AWS refuses a signature that is older. */
const SIGNATURE_MS: Ms = 5 * MINUTE

/** As the JSON protocols name it in a header, and the query protocols in the body; `''`: neither does. */
function operationOf({ headers, body }: Parameters<Dispatch>[0]): string {
  const target = headers['x-amz-target']?.split('.').at(-1)
  return target ?? new URLSearchParams(typeof body === 'string' ? body : new TextDecoder().decode(body)).get('Action') ?? ''
}

const EXPIRED = new ServiceError('InvalidSignatureException', 'Signature expired: it is too old', 400)

/** The sandbox as one process reaches it. */
export function mortalSandbox(inner: Sandbox, life: Life, watch: CallWatch = {}): Sandbox {
  const dispatch: Dispatch = (request, signal) => {
    const operation = operationOf(request)
    const signedAt = inner.clock.now()
    watch.before?.(operation)
    return life.ask(async () => {
      if (watch.expires && inner.clock.now() > plus(signedAt, SIGNATURE_MS)) return failed(address(request).service, EXPIRED, 'r')
      const answer = await inner.dispatch(request, signal)
      watch.after?.(operation)
      return answer
    })
  }
  return new Proxy(inner, {
    get: (target, key) => {
      if (key === 'dispatch') return dispatch
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
