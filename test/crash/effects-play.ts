import { assert } from '../../src/kit/assert.ts'
import { MINUTE, plus } from '../../src/kit/instant.ts'
import type { World } from '../../src/engine/world.ts'
import type { EngineProcess, ProcessOptions, Stage } from '../scenarios/stage.ts'
import type { Life } from '../scenarios/process.ts'

/** What is the same however the night is disturbed, by what it is about. */
export type End = Readonly<Record<string, unknown>>

/** A night in which effects occur. Everything but `open` happens in virtual time. */
export type EffectScene = Readonly<{
  name: string
  open: () => Stage | Promise<Stage>
  /** What was before the process began that may be killed. */
  prepare?: (stage: Stage) => Promise<void>
  /** Who is there too, until the signal: people, other processes. Nobody kills them. */
  beside?: (stage: Stage, over: AbortSignal) => Promise<void>
  /** What one process does until nothing is left to do; its successor does the same. */
  live: (stage: Stage, process: EngineProcess) => Promise<void>
  end: (stage: Stage) => Promise<End>
  /** What it shows undisturbed: that what it is about occurs. */
  shows: End
}>

/**
 * Which call of a port is meant, `Commands.send`: the first one that `when` fits; after it, the first one that was answered as `brings` says. With an
 * operation of AWS's the process is killed around that instead, inside of the call.
 */
export type Hit = Readonly<{
  call: string
  when?: ((args: readonly unknown[]) => boolean) | undefined
  brings?: ((answer: unknown) => boolean) | undefined
  operation?: string | undefined
}>

export type Side = 'before' | 'after'

/** `kills`: how many processes died at the call, one after the other. */
export type EffectPlayed = Readonly<{ end: End; kills: number }>

/** `times`: the successors meet the same fate, so often in all. */
export type EffectCrash = Readonly<{ hit: Hit; side: Side; times: number }>

/** How long nobody runs the engine: the lease of who was killed runs out meanwhile. */
const PAUSE_MS = MINUTE

/**
 * Plays the scene. With a crash the process is killed immediately before that call or immediately after its effect, before it gets the answer; a
 * successor carries on.
 */
export async function playEffect(scene: EffectScene, crash: EffectCrash | null): Promise<EffectPlayed> {
  const stage = await scene.open()
  let kills = 0
  const end = await stage.run(async () => {
    await scene.prepare?.(stage)
    const over = new AbortController()
    const beside = scene.beside?.(stage, over.signal)
    while (!(await lives(scene, stage, crash && kills < crash.times ? crash : null))) {
      kills += 1
      await stage.clock.sleep(plus(stage.clock.now(), PAUSE_MS))
    }
    over.abort()
    await beside
    return await scene.end(stage)
  })
  return { end, kills }
}

/** One process does what there is to do; whether it lived to the end of it. */
async function lives(scene: EffectScene, stage: Stage, crash: EffectCrash | null): Promise<boolean> {
  const trap = new Trap(crash)
  const process = await stage.start(trap.options)
  trap.aim(process.life)
  await Promise.race([scene.live(stage, { ...process, world: trap.around(process.world) }), process.life.stopped])
  return process.life.alive
}

/** A promise that nobody keeps: whoever waits for it has died. */
const forever = <T>(): Promise<T> => new Promise(() => undefined)

/** Kills a process at one call. */
class Trap {
  readonly #crash: EffectCrash | null
  #life: Life | undefined

  constructor(crash: EffectCrash | null) {
    this.#crash = crash
  }

  /** For operations: they are seen on the wire. */
  get options(): ProcessOptions {
    return { calls: { before: (operation) => this.#onWire(operation, 'before'), after: (operation) => this.#onWire(operation, 'after') } }
  }

  aim(life: Life): void {
    this.#life = life
  }

  /** The ports, each call of which passes by here. */
  around(world: World): World {
    return new Proxy(world, {
      get: (target, key) => {
        const port: unknown = Reflect.get(target, key, target)
        if (typeof key !== 'string' || typeof port !== 'object' || port === null || !PORTS.has(key)) return port
        return this.#watched(port, `${key.slice(0, 1).toUpperCase()}${key.slice(1)}`)
      },
    })
  }

  #watched(port: object, name: string): object {
    return new Proxy(port, {
      get: (target, key) => {
        const method: unknown = Reflect.get(target, key, target)
        if (typeof method !== 'function' || typeof key !== 'string') return method
        return (...args: readonly unknown[]): unknown => this.#asked(`${name}.${key}`, args, () => Reflect.apply(method, target, args))
      },
    })
  }

  #asked(call: string, args: readonly unknown[], ask: () => unknown): unknown {
    if (this.#isHit(call, args, 'before')) return this.#kill()
    const answer = ask()
    if (!(answer instanceof Promise)) return answer
    return answer.then((value: unknown) => (this.#isHit(call, args, 'after', value) ? this.#kill() : value))
  }

  #isHit(call: string, args: readonly unknown[], side: Side, answer?: unknown): boolean {
    if (this.#crash?.side !== side) return false
    const { hit } = this.#crash
    if (hit.operation !== undefined || hit.call !== call || hit.when?.(args) === false) return false
    return side === 'before' || (hit.brings?.(answer) ?? true)
  }

  #onWire(operation: string, side: Side): void {
    if (this.#crash?.side === side && this.#crash.hit.operation === operation) void this.#kill()
  }

  #kill(): Promise<never> {
    assert(this.#life !== undefined, 'somebody lives')
    this.#life.kill()
    return forever()
  }
}

/** The parts of a world that can have effects. */
const PORTS: ReadonlySet<string> = new Set<keyof World>([
  'store',
  ...(['commands', 'documents', 'parameters', 'queue', 'balancers', 'scaling', 'machines', 'objects'] as const),
])
