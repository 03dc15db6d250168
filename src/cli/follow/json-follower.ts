import { instant, latest, type Instant } from '../../kit/instant.ts'
import type { RunState } from '../../core/run/state.ts'
import type { Io } from '../app.ts'
import { factShape, finishedShape } from '../shapes.ts'
import type { Follower, Scene } from './scene.ts'

type Act = { opened: Instant | null; ended: { state: RunState; at: Instant } | null }

/** Each fact as a line of JSON; the last line of an act is its `run.finished`, with the calls that it took until then. */
export function jsonFollower(io: Io, scene: Scene): Follower {
  let counted = scene.calls()
  let act: Act = { opened: null, ended: null }
  const told = new Set<string>()
  const settle = (): void => {
    if (act.ended === null) return
    const { state, at } = act.ended
    const calls = scene.calls()
    const took = difference(calls, counted)
    counted = calls
    const measured = { startedAt: act.opened ?? beganAt(state), finishedAt: at, calls: took, throttle: scene.throttle?.() ?? null }
    io.out(JSON.stringify(finishedShape(state, measured)))
    told.add(state.run)
    act = { opened: null, ended: null }
  }
  return {
    begins: (run, plan, continued) => {
      settle()
      act = { opened: null, ended: null }
      if (continued) io.err(`continuing run ${run}`)
      else if (plan) io.err(`run ${run}: ${plan.content.act} of ${plan.content.runbook.name}, plan ${plan.digest}`)
    },
    listen: (state, fact, sealed) => {
      if (fact.event.type === 'WindowOpened') act.opened ??= fact.at
      if (fact.event.type === 'RunFinished') act.ended = { state, at: fact.at }
      else io.out(JSON.stringify(factShape(sealed)))
    },
    ended: async (run, how) => {
      settle()
      if (told.has(run)) return
      act.ended = await how()
      settle()
    },
    close: () => {
      settle()
      return Promise.resolve()
    },
  }
}

/** When the work of a run began, of which this process saw only the end: its first wave or its opening, at the least its request. */
export function beganAt(state: RunState): Instant {
  const requested = requestedAt(state.run)
  const opens = state.window?.opened ? [state.window.opens] : []
  const waves = state.waves.flatMap((wave) => (wave.startedAt === null ? [] : [wave.startedAt]))
  const known = [...opens, ...waves]
  return known.length === 0 ? requested : latest(requested, instant(Math.min(...known)))
}

/** A run's id is a UUIDv7: it begins with the milliseconds at which it was requested. */
const requestedAt = (run: string): Instant => instant(Number.parseInt(run.replaceAll('-', '').slice(0, 12), 16) || 0)

function difference(now: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>): Record<string, number> {
  const rows = Object.entries(now).map(([call, count]) => [call, count - (before[call] ?? 0)] as const)
  return Object.fromEntries(rows.filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)))
}
