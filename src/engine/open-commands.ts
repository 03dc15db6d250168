import type { CommandId } from '../kit/ids.ts'
import type { RunEvent } from '../core/run/event.ts'
import type { RunState } from '../core/run/state.ts'
import type { Append } from '../ports/store.ts'

/**
 * The commands that these facts open and close, for the store's index of who sent what: a status event that another process receives finds
 * the run by it. A driver that takes over names all that are open, so that an index that lost some has them again.
 */
export function commandsOf(state: RunState, events: readonly RunEvent[]): Pick<Append, 'commands'> {
  const open: CommandId[] = []
  const closed: CommandId[] = []
  for (const event of events) {
    if (event.type === 'CommandSent' && state.openCommands.has(event.n)) open.push(event.commandId)
    else if (event.type === 'CommandClosed') closed.push(...(state.commands.get(event.n)?.ids ?? []))
    else if (event.type === 'DriverTook') open.push(...[...state.openCommands].flatMap((n) => state.commands.get(n)?.ids ?? []))
  }
  return open.length + closed.length > 0 ? { commands: { open, closed } } : {}
}
