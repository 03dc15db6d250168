import { derive, seeded, type Random } from '../../src/kit/random.ts'
import { HOUR, MINUTE, SECOND, type Ms } from '../../src/kit/instant.ts'
import { chance, pick } from './draw.ts'

/** How often something happens, on average; null: never. */
type Every = Ms | null

/** Troubles of a night beside what AWS and the nodes do: each has its own odds and a stream of its own, so that a new one leaves old nights' others as they were. */
export type Troubles = Readonly<{
  /** Processes are killed at any instant, whatever they wait for. */
  reapedEveryMs: Every
  /** Share of an engine's AWS calls before or after which it dies. */
  callCrash: number
  /** Share of intents after which the engine freezes, and how long at most. */
  freeze: Readonly<{ share: number; atMostMs: Ms }>
  /** How far a process's clock is off when it starts, and the jump that it makes later; 0: none. */
  clock: Readonly<{ offMs: Ms; jumpMs: Ms; jumpAfterMs: Ms }>
  /** The store loses what was acknowledged in this time before, once, so long after so many intents; null: never. */
  loss: Readonly<{ intents: number; delayMs: Ms; lostMs: Ms }> | null
  /** Cursors are lost, and the claims where only one run could miss them. */
  forgetEveryMs: Every
  /** Operators put a tag on nodes that takes them out, and off again. */
  tagEveryMs: Every
}>

/** The troubles of a seed. `alone`: there is one runbook; `around`: nodes are taken out of service around their changes. */
export function troublesOf(seed: number, night: Readonly<{ alone: boolean; around: boolean }>): Troubles {
  const of = (what: string): Random => seeded(derive(seed, 'troubles', what))
  return {
    reapedEveryMs: pick(of('reaper'), [null, null, null, 20 * MINUTE, 2 * HOUR]),
    callCrash: pick(of('calls'), [0, 0, 0, 0.002, 0.01]),
    freeze: pick(of('freeze'), [
      { share: 0, atMostMs: 0 },
      { share: 0, atMostMs: 0 },
      { share: 0.1, atMostMs: 4 * MINUTE },
      { share: 0.3, atMostMs: 40 * MINUTE },
    ]),
    clock: night.alone ? clockOf(of('clock')) : RIGHT,
    loss: lossOf(of('loss'), night),
    forgetEveryMs: pick(of('forget'), [null, null, null, 15 * MINUTE]),
    tagEveryMs: tagsOf(seed),
  }
}

/** The tag that takes a node out. */
export const HOLD = 'patchwave:hold'

const tagsOf = (seed: number): Every => pick(seeded(derive(seed, 'troubles', 'tags')), [null, null, null, 10 * MINUTE, HOUR])

/** Whether operators tag nodes in this night. */
export const hasTags = (seed: number): boolean => tagsOf(seed) !== null

/** The journals of two hosts are compared by their own clocks, to the second: where there are two, both are right. */
const RIGHT: Troubles['clock'] = { offMs: 0, jumpMs: 0, jumpAfterMs: 0 }

/** Up to half a minute is let pass; more is refused at the start, and noticed when it comes later. */
function clockOf(random: Random): Troubles['clock'] {
  if (chance(random, 0.65)) return RIGHT
  return {
    offMs: pick(random, [0, 0, 20 * SECOND, -20 * SECOND, 5 * MINUTE]),
    jumpMs: pick(random, [0, 5 * SECOND, -5 * SECOND, HOUR, -HOUR]),
    jumpAfterMs: pick(random, [2 * MINUTE, 25 * MINUTE]),
  }
}

/**
 * What steps had taken out of service and only the lost part knew of, nobody could put back; and claims that
 * are lost with it come back only with their own run's driver: nights with such steps, or with two runs, lose nothing.
 */
function lossOf(random: Random, { alone, around }: Readonly<{ alone: boolean; around: boolean }>): Troubles['loss'] {
  const lost = chance(random, 0.25)
  const intents = 1 + Math.floor(random() * 3)
  const delayMs = pick(random, [0, SECOND, 30 * SECOND, 5 * MINUTE, 20 * MINUTE])
  const lostMs = delayMs + pick(random, [SECOND, MINUTE, 10 * MINUTE, HOUR])
  return lost && alone && !around ? { intents, delayMs, lostMs } : null
}
