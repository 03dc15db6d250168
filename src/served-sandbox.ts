import { systemClock } from './adapters/system/system-clock.ts'
import type { SandboxOptions, ServedSandbox } from './cli/app.ts'
import { nextExecutions } from './next-executions.ts'
import { parseFaults } from './sandbox/faults.ts'
import { type FleetFile, parseFleet } from './sandbox/fleet-file.ts'
import { keptSandbox } from './kept-sandbox.ts'
import { sha256 } from './kit/digest.ts'
import { PatchwaveError } from './kit/error.ts'
import type { Clock } from './ports/clock.ts'
import { serveSandbox } from './sandbox/http.ts'
import { RealFleet } from './sandbox/real/fleet.ts'
import { RealNodesImpossible } from './sandbox/real/namespace.ts'
import { refusePackageFaults } from './sandbox/sandbox.ts'

/** The embedded AWS over HTTP, from a fleet file (or the shipped one) and a fault file. */
export async function serveSandboxFiles(
  options: SandboxOptions,
  read: (path: string) => Promise<Uint8Array>,
  shipped: string,
): Promise<ServedSandbox> {
  const path = options.fleet ?? shipped
  const bytes = await read(path)
  const fleet = parseFleet(bytes, path)
  const faultBytes = options.faults === null ? null : await read(options.faults)
  const faults = faultBytes === null ? null : parseFaults(faultBytes, options.faults ?? '')
  if (options.nodes === 'real') refusePackageFaults(faults, options.faults ?? 'faults')
  const { state, speed } = options
  const of = sha256(JSON.stringify([sha256(bytes), faultBytes && sha256(faultBytes), speed]))
  const kept = state === null ? null : keptSandbox(state, of, { start: speed === 1 ? systemClock.now() : fleet.start, speed })
  const served = await serveSandbox({
    fleet,
    faults,
    port: options.port === 0 ? (kept?.port ?? 0) : options.port,
    speed,
    nextExecutions,
    ...(kept && { clock: kept.clock, keeping: kept.keeping }),
    ...(options.nodes === 'real' && { real: (clock: Clock) => realNodes(clock, fleet) }),
  })
  const { endpoint, env, identities } = served
  return { ready: { endpoint, env, identities, fleet: served.fleet }, close: () => served.close() }
}

/** @throws `usage.invalid` where this machine cannot have real nodes */
async function realNodes(clock: Clock, { groups, seed }: FleetFile): Promise<RealFleet> {
  try {
    return await RealFleet.start({ clock, platforms: groups.map(({ platform }) => platform), seed })
  } catch (cause) {
    if (!(cause instanceof RealNodesImpossible)) throw cause
    throw new PatchwaveError('usage.invalid', cause.message, {
      hint: 'see docs/guides/real-nodes.md for what the machine needs, or leave `--nodes real` out',
      cause,
    })
  }
}
