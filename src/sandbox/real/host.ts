import type { NodeFacts } from '../nodes/real-nodes.ts'
import { type Family, SMOKE } from './images.ts'
import type { Ran, RealRoots, RunOptions } from './roots.ts'

export type { NodeFacts } from '../nodes/real-nodes.ts'

/** Where scripts run: the sandbox's real roots, or a stand-in of a test. */
export interface NodeHost {
  /**
   * Runs a command as root, in a process group of its own, and waits for its end. `signal` and `timeoutMs` kill the group; what began a session
   * of its own lives on. Never throws because of how it ends.
   */
  run(node: string, argv: readonly string[], options: RunOptions): Promise<Ran>
  /** Cuts the power: nothing that runs there outlives it. The disk stays. */
  off(node: string): Promise<void>
  /** Switches it on; a node that is on stays as it is. */
  up(node: string): Promise<void>
  /** @throws HostFailed where the package manager does not answer */
  facts(node: string): Promise<NodeFacts>
}

/** A node that does not show what it is. */
export class HostFailed extends Error {
  override readonly name = 'HostFailed'
}

/** Real roots as a host; `family` says how a node's packages are read. */
export function rootsHost(roots: RealRoots, family: (node: string) => Family): NodeHost {
  return {
    run: (node, argv, options) => roots.run(node, argv, options),
    off: (node) => roots.off(node),
    up: async (node) => {
      await roots.up(node)
    },
    facts: (node) => factsOf(roots, node, family(node)),
  }
}

const HEALTH = `if [ ! -e ${SMOKE} ] || ${SMOKE} >/dev/null 2>&1; then echo healthy; else echo broken; fi`

/** One line a package: name, architecture, version. */
const READ: Readonly<Record<Family, string>> = {
  apt: "dpkg-query -W -f '${db:Status-Abbrev} ${Package}.${Architecture} ${Version}\\n' | sed -n 's/^ii *//p'",
  dnf: "rpm -qa --qf '%{NAME}.%{ARCH} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n'",
}

async function factsOf(roots: RealRoots, node: string, family: Family): Promise<NodeFacts> {
  const { exit, stdout, stderr } = await roots.run(node, ['sh', '-c', `uname -r; ${HEALTH}; ${READ[family]}`])
  if (exit !== 0) throw new HostFailed(`${node} does not tell its packages: ${stderr.trim()}`)
  const [kernel = '', health = '', ...lines] = stdout.trimEnd().split('\n')
  const packages = new Map<string, string>()
  for (const line of lines.sort()) {
    const [key = '', version = ''] = line.split(' ')
    packages.set(key, version)
  }
  return { packages, kernel, bootId: roots.bootId(node), healthy: health === 'healthy' }
}
