import type { RunEvent } from '../../src/core/run/event.ts'
import { cellAt, type RunState } from '../../src/core/run/state.ts'
import { fault, free, type Move } from './moves.ts'
import type { Setup, Sim } from './sim.ts'

/** AWS begins to refuse a cell, or takes it back. Nobody learns of it before something is asked there. */
export function deniedMoves({ denies }: Setup, { live, world }: Sim): Move[] {
  if (!denies) return []
  const set =
    (to: string | null): Move['run'] =>
    (sim) => {
      sim.world.denied = to
      return []
    }
  if (world.denied !== null) return [fault('AWS takes the cell back', set(null))]
  return live.window?.opened === true ? live.cells.map((cell) => fault(`AWS refuses ${cell}`, set(cell))) : []
}

export const isDenied = ({ world, live }: Sim, position: number): boolean => world.denied === cellAt(live, position)

/** The fact that a cell in use is refused from now on; none when it is on record. */
export const refusal = ({ prepared }: RunState, cell: string): RunEvent[] =>
  prepared.get(cell) === true ? [{ type: 'CellRefused', cell, code: 'aws.denied', message: '' }] : []

/** The driver learns that a cell is refused, if it does not know. */
export const learns = ({ live }: Sim, label: string, cell: string): Move[] =>
  refusal(live, cell).length === 0 ? [] : [free(`${label}: refused`, () => refusal(live, cell))]

/** What the asking for a cell answers. One that was lost is asked again until it is back; meanwhile the asking says nothing. */
export function preparing({ live, world }: Sim, cell: string): Move[] {
  const prepared = free(`prepare ${cell}`, (): RunEvent[] => [{ type: 'CellPrepared', cell, documents: {} }])
  const refused: RunEvent[] = [{ type: 'CellRefused', cell, code: 'aws.denied', message: '' }]
  if (world.denied !== cell) return live.refusals.has(cell) ? [prepared] : [prepared, fault(`prepare ${cell}: refused`, () => refused)]
  return live.refusals.has(cell) ? [] : [free(`prepare ${cell}: refused`, () => refused)]
}
