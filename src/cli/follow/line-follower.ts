import { isoSeconds } from '../../kit/instant.ts'
import type { Io } from '../app.ts'
import { notable } from '../render/notable.ts'
import type { Follower, Scene } from './scene.ts'
import { opening } from './opening.ts'

/** A line for each notable fact: for logs, CI and pipes. */
export function lineFollower(io: Io, scene: Scene): Follower {
  return {
    begins: (run, plan, continued) => {
      for (const line of opening(run, plan, continued, scene)) io.err(line)
    },
    listen: (state, fact) => {
      const line = notable(state, fact)
      if (line !== undefined) io.err(`${isoSeconds(fact.at)}  ${line}`)
    },
    ended: () => Promise.resolve(), // `conclude` says it.
    close: () => Promise.resolve(),
  }
}
