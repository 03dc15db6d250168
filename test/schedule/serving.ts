import { known } from '../../src/kit/assert.ts'
import { instant, plus, type Instant, type Ms } from '../../src/kit/instant.ts'
import { sealAll } from '../../src/core/audit/seal.ts'
import type { Due } from '../../src/core/plan/due.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { Starter } from '../../src/engine/scheduler.ts'
import { Service, type ServiceParts } from '../../src/engine/service.ts'
import { readLogbook } from '../../src/engine/logbook.ts'
import type { World } from '../../src/engine/world.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { RunbookFile, Runbooks } from '../../src/ports/runbooks.ts'
import type { EngineProcess, Stage } from '../scenarios/stage.ts'

/** Runbook files as a test wants them; it may change them while they are served. */
export class Shelf implements Runbooks {
  files: RunbookFile[] = []

  put(runbook: Runbook, digest = 'first'): void {
    const file = `runbooks/${runbook.name}.yaml`
    this.files = [
      ...this.files.filter((one) => one.file !== file),
      { file, digest, name: runbook.name, runbook, problem: null, asks: [], base: null },
    ]
  }

  /** Somebody saved it with a mistake. */
  spoil(name: string): void {
    this.files = this.files.map((one) =>
      one.name === name ? { ...one, digest: 'spoiled', runbook: null, problem: '3:1: unknown key "windwo"' } : one,
    )
  }

  remove(name: string): void {
    this.files = this.files.filter((one) => one.name !== name)
  }

  list(): Promise<readonly RunbookFile[]> {
    return Promise.resolve(this.files)
  }

  load(file: string, inputs: Readonly<Record<string, string>>): ReturnType<Runbooks['load']> {
    const { runbook } = known(
      this.files.find((one) => one.file === file),
      file,
    )
    return Promise.resolve({ runbook: known(runbook ?? undefined, 'a valid runbook'), inputs })
  }
}

/** A clock that is off by what somebody set it to. */
export class SteppedClock implements Clock {
  offsetMs: Ms = 0
  readonly #inner: Clock

  constructor(inner: Clock) {
    this.#inner = inner
  }

  now(): Instant {
    return plus(this.#inner.now(), this.offsetMs)
  }

  /** Looks again after a minute, as the system's clock does: a clock that was set in between must not be slept through. */
  async sleep(until: Instant, signal?: AbortSignal): Promise<void> {
    while (this.now() < until && signal?.aborted !== true)
      await this.#inner.sleep(plus(this.#inner.now(), Math.min(until - this.now(), this.#nap)), signal)
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.#inner.hold(work)
  }

  readonly #nap: Ms = 15 * 60_000
}

/** What a stand-in for the fleet starts: a run that has ended as soon as it is on record. */
export function instantRuns(world: World): Starter {
  return async (due: Due, { name }) => {
    const at = world.clock.now()
    const run = world.random.uuid(at)
    const actor = { kind: 'schedule', id: world.driver } as const
    const [first, last] = sealAll(null, [
      { run, at, actor, type: 'RunRequested', data: {} },
      { run, at, actor, type: 'RunFinished', data: {} },
    ])
    return world.clock.hold(async () => {
      const entries = [known(first, 'the first entry')]
      const has = await world.store.create({ run, runbook: name, act: due.act, requestedAt: at }, entries, { opening: due.opens })
      if (has === run)
        await world.store.append({ run, head: entries[0]?.hash ?? null, entries: [known(last, 'the last')], outcome: 'succeeded' })
      return has
    })
  }
}

export type ServeOptions = Readonly<{
  start?: (world: World) => Starter
  beatMs?: Ms
  heartbeat?: ServiceParts['heartbeat']
  listen?: ServiceParts['listen']
  signal?: AbortSignal
  world?: World
}>

/** Rings by a clock that nobody sets, as timers do. */
export const ringing =
  (clock: Clock, everyMs: Ms): NonNullable<ServiceParts['heartbeat']> =>
  (ring) => {
    const stop = new AbortController()
    const rings = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        await clock.sleep(plus(clock.now(), everyMs), stop.signal)
        await ring()
      }
    }
    void rings()
    return {
      stop: () => {
        stop.abort()
        return Promise.resolve()
      },
    }
  }

/** `patchwave serve` in one process of the stage, until the signal. */
export function serve(process: EngineProcess, shelf: Shelf, options: ServeOptions = {}): Service {
  const world = options.world ?? process.world
  return new Service(world, {
    runbooks: shelf,
    listen: options.listen ?? (() => undefined),
    signal: options.signal ?? new AbortController().signal,
    ...(options.start && { start: options.start(world) }),
    ...(options.heartbeat && { heartbeat: options.heartbeat }),
    ...(options.beatMs !== undefined && { beatMs: options.beatMs }),
  })
}

/** Openings of a runbook's act that were missed, as its schedule's journal tells it: each entry as the openings that it covers. */
export async function missed(
  stage: Stage,
  runbook: string,
  act = 'rollout',
): Promise<{ first: Instant; last: Instant; count: number; reason: string }[]> {
  const told: { first: Instant; last: Instant; count: number; reason: string }[] = []
  for await (const { type, data } of readLogbook(stage.store, runbook)) {
    if (type !== 'WindowMissed' || data['act'] !== act) continue
    const at = (key: string): Instant => instant(Date.parse(String(data[key])))
    told.push({ first: at('opens'), last: at('until'), count: Number(data['count']), reason: String(data['reason']) })
  }
  return told
}
