import type { Serving, Session } from './cli/app.ts'
import { startHeartbeat } from './adapters/system/heartbeat.ts'
import type { Runbooks } from './ports/runbooks.ts'
import { serveWeb } from './web/server.ts'

/** Every ten seconds, at the full ones. */
const HEARTBEAT = '*/10 * * * * *'

/** What `serve` runs on, over a session. */
export const servingOf = (session: Session, runbooks: Runbooks, version: string): Serving => ({
  ...session,
  runbooks,
  heartbeat: (ring) => startHeartbeat(HEARTBEAT, ring, session.world.log),
  serveWeb: (parts) => serveWeb({ ...parts, now: () => session.world.clock.now(), version }),
})
