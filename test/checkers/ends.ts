import { findings, type Check } from './evidence.ts'
import { retell } from './story.ts'

/** I13: the run reached its end; no command was open then, and only late reports came after. */
export const ends: Check = (evidence) => {
  const { found, say } = findings('I13')
  const last = evidence.facts.findIndex(({ event }) => event.type === 'RunFinished')
  if (last < 0) {
    say('the run has no end')
    return found
  }
  const open = [...retell({ ...evidence, facts: evidence.facts.slice(0, last) }).commands.values()].filter((command) => command.open)
  for (const { n } of open) say(`command ${String(n)} was open when the run ended`)
  for (const { event } of evidence.facts.slice(last + 1)) {
    if (event.type !== 'NodesReported' && event.type !== 'SteeringRefused' && event.type !== 'MessageUnread' && event.type !== 'DriverTook') say(`${event.type} after the end`)
  }
  return found
}
