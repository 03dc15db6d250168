import type { App } from '../app.ts'
import { jsonFollower } from './json-follower.ts'
import { lineFollower } from './line-follower.ts'
import { liveFollower } from './live-follower.ts'
import type { Follower, Scene } from './scene.ts'

/** NDJSON on stdout for machines; for people a view that is redrawn, or plain lines, on stderr. */
export function followerOf(app: App, json: boolean, scene: Scene): Follower {
  if (json) return jsonFollower(app.io, scene)
  return app.io.live ? liveFollower(app, scene) : lineFollower(app.io, scene)
}
