import type { NodeId } from '../../src/kit/ids.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { FaultsFile } from '../../src/sandbox/faults.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { faults, runbook, type Sections } from './documents.ts'
import { Stage, type Disguise } from './stage.ts'
import { When } from './when.ts'

/** A fleet, at midnight of the first of January. */
export const given = (fleet: FleetFile): Given => new Given(fleet)

/** What a scenario begins with. */
export class Given {
  readonly #fleet: FleetFile
  readonly #runbooks: Runbook[] = []
  readonly #disguises: [(stage: Stage) => NodeId, Disguise][] = []
  #faults: FaultsFile | null = null
  #events = true

  constructor(fleet: FleetFile) {
    this.#fleet = fleet
  }

  /** A runbook: the usual one, with these sections in the place of its own. A second one runs beside it. */
  runbook(sections: Sections = {}, name = `runbook-${String(this.#runbooks.length + 1)}`): this {
    this.#runbooks.push(runbook(name, sections))
    return this
  }

  /** What goes wrong, in the lines of a fault file. */
  faults(lines: string): this {
    this.#faults = faults(lines)
    return this
  }

  /** How one node looks to the engine from the beginning. */
  node(which: (nodes: readonly NodeView[]) => NodeView | undefined, disguise: Disguise): this {
    this.#disguises.push([(stage) => which(stage.sandbox.nodes())?.node ?? 'no such node', disguise])
    return this
  }

  /** An engine that only polls. */
  withoutEvents(): this {
    this.#events = false
    return this
  }

  when(): When {
    const stage = new Stage({ fleet: this.#fleet, faults: this.#faults })
    for (const [which, disguise] of this.#disguises) stage.disguises.set(which(stage), disguise)
    return new When(stage, this.#runbooks, { events: this.#events })
  }
}
