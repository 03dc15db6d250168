import type { EventType } from '../../src/core/run/event.ts'
import { findings, type Check } from './evidence.ts'

/** I10: every transition that `detail` selects reaches the feedback queue; first deliveries in order, without holes. */
export const told: Check = (evidence) => {
  const { found, say } = findings('I10')
  const { messages, plan, facts, sealed } = evidence
  if (messages === undefined || plan.feedback === null) return found
  const { detail } = plan.feedback
  const expected = facts.flatMap(({ event }, index) => (selects(detail, event.type) ? [{ seq: index + 1, type: outside(event.type) }] : []))
  const firsts = messages.filter((message, index) => messages.findIndex((other) => other.n === message.n) === index)
  firsts.forEach((message, index) => {
    if (message.n !== index + 1) say(`message ${String(message.n)} was first delivered as number ${String(index + 1)}`)
    const wanted = expected[message.n - 1]
    if (wanted === undefined) say(`message ${String(message.n)} (${message.type}) tells of nothing that is selected`)
    else if (message.seq !== wanted.seq || message.type !== `patchwave.${wanted.type}.v1`) say(`message ${String(message.n)} tells of entry ${String(message.seq)} (${message.type}), not of ${String(wanted.seq)} (${wanted.type})`)
    const hash = sealed?.[message.seq - 1]?.hash
    if (hash !== undefined && hash !== message.head) say(`message ${String(message.n)} carries another head than entry ${String(message.seq)}`)
  })
  for (const { seq, type } of expected.slice(firsts.length)) say(`entry ${String(seq)} (${type}) was never told`)
  return found
}

/** `WaveStarted` → `wave.started`, as the outside names it. */
export const outside = (type: EventType): string => type.replace(/(?<=[a-z])(?=[A-Z])/g, '.').toLowerCase()

const RUN = ['run', 'plan', 'approval', 'window', 'rollback', 'paused', 'resumed', 'abort']
const WAVE = [...RUN, 'wave', 'gate', 'check', 'baseline', 'baselines', 'cell', 'fleet']

function selects(detail: 'run' | 'wave' | 'node', type: EventType): boolean {
  const [noun = ''] = outside(type).split('.')
  return detail === 'node' || (detail === 'wave' ? WAVE : RUN).includes(noun)
}
