import type { Ms } from '../../kit/instant.ts'
import type { RunState } from '../../core/run/state.ts'
import { viewOf } from '../../core/run/view.ts'
import type { App } from '../app.ts'
import { notable } from '../render/notable.ts'
import { painter } from '../render/paint.ts'
import { runLines } from '../render/run-lines.ts'
import { clock, cut } from '../render/text.ts'
import type { Follower, Scene } from './scene.ts'
import { opening } from './opening.ts'
import { Redraw } from './redraw.ts'

/** Four times a second looks alive and costs nothing; a view of 100,000 nodes takes a few milliseconds. */
const REDRAW_MS: Ms = 250

/** The run as a view that is redrawn in place; notable facts scroll by above it. */
export function liveFollower(app: App, scene: Scene): Follower {
  const { io } = app
  const paint = painter(io.colour)
  const screen = new Redraw(io)
  let shown: RunState | undefined
  let open = true
  const draw = (): void => {
    const around = { now: scene.now(), virtual: scene.virtual, throttle: scene.throttle?.() ?? null }
    if (shown) screen.show(runLines(viewOf(shown, around.now), { ...around, columns: io.columns, paint }))
  }
  const drawing = redrawing(app, () => open, draw)
  return {
    begins: (run, plan, continued) => {
      draw()
      screen.keep()
      shown = undefined
      for (const line of opening(run, plan, continued, scene)) screen.print(line)
    },
    listen: (state, fact) => {
      shown = state
      const line = notable(state, fact)
      if (line !== undefined) screen.print(cut(`${clock(fact.at)}  ${line}`, Math.max(20, io.columns - 1)))
    },
    ended: () => Promise.resolve(), // `conclude` says it.
    close: async () => {
      open = false
      draw()
      screen.keep()
      await drawing
    },
  }
}

async function redrawing(app: App, open: () => boolean, draw: () => void): Promise<void> {
  while (open()) {
    draw()
    await app.pause(REDRAW_MS)
  }
}
