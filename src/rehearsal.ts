import { createAws } from './adapters/aws/aws.ts'
import { openSqliteStore } from './adapters/sqlite/store.ts'
import { silentLog } from './adapters/system/log.ts'
import { fleetProbe } from './adapters/system/probe.ts'
import { seededRandom } from './adapters/system/random.ts'
import { VirtualClock } from './adapters/system/virtual-clock.ts'
import type { Rehearsal, RehearsalOptions } from './cli/app.ts'
import type { Config } from './config/config.ts'
import type { World } from './engine/world.ts'
import { instant, type Ms } from './kit/instant.ts'
import type { Log } from './ports/log.ts'
import type { Store } from './ports/store.ts'
import { surroundings } from './app.ts'
import { nextExecutions } from './next-executions.ts'
import { userArn, userKey } from './sandbox/callers.ts'
import { parseFaults, type FaultsFile } from './sandbox/faults.ts'
import { parseFleet, type FleetFile } from './sandbox/fleet-file.ts'
import { sandboxHandler } from './sandbox/handler.ts'
import { createSandbox, type Sandbox } from './sandbox/sandbox.ts'

/** People of each group who approve in a rehearsal. */
const APPROVERS = 9

/** A rehearsal from files: the fleet, the faults, and the config's accounts and groups. */
export async function openRehearsal(
  config: Config,
  options: RehearsalOptions,
  read: (path: string) => Promise<Uint8Array>,
): Promise<Rehearsal> {
  const file = parseFleet(await read(options.fleet), options.fleet)
  const faults = options.faults === null ? null : parseFaults(await read(options.faults), options.faults)
  const fleet = options.seed === null ? file : { ...file, seed: options.seed }
  return rehearse(config, { fleet, faults, start: options.at ?? fleet.start })
}

/** What a rehearsal is made of beside the config. `store` is one in memory unless a test brings its own. */
export type RehearsalParts = Readonly<{
  fleet: FleetFile
  faults: FaultsFile | null
  start: Ms
  store?: Store
  log?: Log
  driver?: string
  clock?: VirtualClock
  sandbox?: Sandbox
}>

/** The real engine and the real AWS SDK over the sandbox, in process and in virtual time. It reaches no network. */
export async function rehearse(config: Config, parts: RehearsalParts): Promise<Rehearsal> {
  const { fleet, faults } = parts
  const clock = parts.clock ?? new VirtualClock(instant(parts.start))
  const random = seededRandom(fleet.seed)
  const sandbox = parts.sandbox ?? createSandbox({ clock, fleet, faults, nextExecutions })
  const log = parts.log ?? silentLog
  const aws = createAws({
    clock,
    random,
    regionHome: config.control.region,
    control: config.control,
    accounts: Object.values(config.accounts),
    requestHandler: sandboxHandler(sandbox),
    endpoint: 'http://sandbox.invalid',
    credentials: { accessKeyId: userKey(config.control.account, 'operator'), secretAccessKey: 'rehearsal' },
    sessionName: 'rehearsal',
    log,
  })
  // Held: a rehearsal may begin while its clock is driven, and no time may pass while modules load.
  await clock.hold(() => aws.settle())
  const store = parts.store ?? (await openSqliteStore(':memory:'))
  const around = surroundings(config)
  const world: World = {
    clock,
    random,
    store,
    ...aws,
    probe: fleetProbe(clock, fleet.urls),
    log,
    ...around,
    groups: new Map(
      [...around.groups.keys()].map((group) => [
        group,
        Array.from({ length: APPROVERS }, (_, index) => `rehearsal:${group}/${String(index + 1)}`),
      ]),
    ),
    rehearsing: true,
    driver: parts.driver ?? `rehearsal:0:${String(fleet.seed)}`,
    mayLive: (driver) => driver === parts.driver,
  }
  return {
    world,
    requester: { kind: 'cli', id: userArn(config.control.account, 'operator') },
    start: instant(parts.start),
    run: (main) => clock.run(main),
    feedback: (queue) => drained(world, queue),
    worstDisruption: () => worstOf(sandbox),
    nodes: sandbox.summary().nodes,
    close: async () => {
      aws.close()
      if (parts.store === undefined) await store.close()
    },
  }
}

/** Receives and deletes until the queue is empty, as any consumer would. */
async function drained(world: World, queue: string): Promise<string[]> {
  const bodies: string[] = []
  const signal = new AbortController().signal
  for (;;) {
    const messages = await world.queue.receive(world.home, queue, 0, signal)
    if (messages.length === 0) return bodies
    bodies.push(...messages.map((message) => message.body))
    await world.queue.remove(
      world.home,
      queue,
      messages.map((message) => message.receipt),
      signal,
    )
  }
}

/** The most nodes of each kind of group that had a changing script in flight at once. */
function worstOf(sandbox: Sandbox): Record<string, number> {
  const worst: Record<string, number> = {}
  for (const row of sandbox.ledger()) {
    for (const [group, count] of Object.entries(row.inFlightInGroup)) {
      const per = group.slice(0, group.indexOf('='))
      worst[per] = Math.max(worst[per] ?? 0, count)
    }
  }
  return worst
}
