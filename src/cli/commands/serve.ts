import { iso } from '../../kit/instant.ts'
import type { Fact } from '../../core/run/event.ts'
import type { RunState } from '../../core/run/state.ts'
import { recordOf } from '../../core/audit/record.ts'
import { Service } from '../../engine/service.ts'
import type { Sealed } from '../../ports/store.ts'
import type { Serving } from '../app.ts'
import { countOf, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'

/** Facts that a log of a whole year still wants to hold: what a run, a wave, a gate or a person did. */
const TOLD = /^(Run|Plan|Approval|Window|FreezeBroken|Wave|Gate|Rollback|Baseline|Paused|Resumed|Abort)/

/**
 * The scheduler, the drivers of every run of this store, and triggers by message, until it is stopped. Ctrl-C and SIGTERM leave every run as
 * after a crash: what runs on nodes ends there, and the next process goes on.
 */
export const serve: CommandSpec = {
  path: 'serve',
  summary: 'schedule the runbooks, drive every run of this store, take triggers; with a health endpoint',
  options: [
    { flags: '--port <n>', means: 'where /health and /api/schedule listen (default: 8080; 0: any free port)' },
    { flags: '--host <address>', means: 'the address to listen on (default: 127.0.0.1)' },
  ],
  example: 'serve --port 8080',
  output: 'stream',
  run: (call) => using(call.app.openServing(call.common), (serving) => serveUntilStopped(call, serving)),
}

async function serveUntilStopped(call: Call, serving: Serving): Promise<number> {
  const { io } = call.app
  const { world } = serving
  const service = new Service(world, {
    runbooks: serving.runbooks,
    listen: (state, fact, sealed) => tell(call, state, fact, sealed),
    signal: io.signal,
    heartbeat: serving.heartbeat,
  })
  const host = textOf(call, 'host')
  const web = await serving.serveWeb({
    view: () => service.view(),
    port: countOf(call, 'port', 0, 65_535) ?? PORT,
    ...(host !== undefined && { host }),
  })
  if (call.common.json) io.out(JSON.stringify({ type: 'service.started', at: iso(world.clock.now()), url: web.url, driver: world.driver }))
  else io.out(`serving ${web.url} as ${world.driver}`)
  try {
    await service.run()
  } finally {
    await web.close()
  }
  if (call.common.json) io.out(JSON.stringify({ type: 'service.stopped', at: iso(world.clock.now()) }))
  else io.out('stopped: runs that have not ended go on when this store is served again')
  return EXIT.done
}

const PORT = 8080

function tell({ app, common }: Call, state: RunState, { event, at }: Fact, sealed: Sealed): void {
  if (!TOLD.test(event.type)) return
  const { type, data } = recordOf(sealed)
  const { runbook, act } = { runbook: state.plan.runbook.name, act: state.plan.act }
  if (common.json) app.io.out(JSON.stringify({ type, at: iso(at), run: state.run, runbook, act, data }))
  else app.io.out(`${iso(at)} ${runbook} ${act} ${state.run} ${type}${wordOf(data)}`)
}

/** What a person wants to know of a fact in a line of a log. */
function wordOf(data: Readonly<Record<string, unknown>>): string {
  const words = ['name', 'outcome', 'verdict', 'opens', 'why', 'reason'].flatMap((key) => {
    const value = data[key]
    if (typeof value === 'string' && value !== '') return [value]
    return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string') ? [value.join('; ')] : []
  })
  return words.length === 0 ? '' : `: ${words.join(', ')}`
}
