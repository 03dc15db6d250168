import type { SandboxOptions, ServedSandbox } from './cli/app.ts'
import { nextExecutions } from './next-executions.ts'
import { parseFaults } from './sandbox/faults.ts'
import { parseFleet } from './sandbox/fleet-file.ts'
import { serveSandbox } from './sandbox/http.ts'

/** The embedded AWS over HTTP, from a fleet file (or the shipped one) and a fault file. */
export async function serveSandboxFiles(
  options: SandboxOptions,
  read: (path: string) => Promise<Uint8Array>,
  shipped: string,
): Promise<ServedSandbox> {
  const path = options.fleet ?? shipped
  const fleet = parseFleet(await read(path), path)
  const faults = options.faults === null ? null : parseFaults(await read(options.faults), options.faults)
  const served = await serveSandbox({ fleet, faults, port: options.port, speed: options.speed, nextExecutions })
  const { endpoint, env, identities } = served
  return { ready: { endpoint, env, identities, fleet: served.fleet }, close: () => served.close() }
}
