import { PatchwaveError } from '../../kit/error.ts'
import type { Ms } from '../../kit/instant.ts'
import { viewOf, type RunView } from '../../core/run/view.ts'
import { openRun } from '../../engine/open.ts'
import type { StoreSession } from '../app.ts'
import { flagOf, using, type Call, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { findRun } from '../find-run.ts'
import { Redraw } from '../follow/redraw.ts'
import { painter } from '../render/paint.ts'
import { runLines, statusRow } from '../render/run-lines.ts'
import { table } from '../render/text.ts'
import { statusShape } from '../shapes.ts'

/** How often `--watch` reads the journal. Status events are slower than this. */
const WATCH_MS: Ms = 2_000
/** What is not redrawn may wrap: nothing of it is cut. */
const COLUMNS = 1_000

/** One run, or all that have not ended. Reads the store only. */
export const status: CommandSpec = {
  path: 'status',
  arguments: '[run]',
  summary: 'one run, or all that have not ended',
  options: [
    { flags: '--watch', means: 'show it again whenever it changes, until it has ended' },
    { flags: '--all', means: 'runs that have ended too' },
  ],
  example: 'status --watch',
  output: 'document',
  run: (call) => using(call.app.openStore(call.common), (session) => (flagOf(call, 'watch') ? watch(call, session) : once(call, session))),
}

async function once(call: Call, session: StoreSession): Promise<number> {
  const { io } = call.app
  const { views, failures } = await viewsOf(call, session)
  if (call.common.json) io.out(shapeOf(call, views))
  else if (views.length > 0 || failures.length === 0) for (const line of linesOf(call, views, session)) io.out(line)
  for (const failure of failures) io.err(failure.toString())
  return failures[0]?.exit ?? EXIT.done
}

async function watch(call: Call, session: StoreSession): Promise<number> {
  const { io, pause } = call.app
  const screen = new Redraw(io)
  let last = ''
  while (!io.signal.aborted) {
    // The rows first: a run that ends after this is looked at once more, so that its end is shown.
    const rows = await session.store.runs()
    const { views, failures } = await viewsOf(call, session)
    if (failures[0] !== undefined) throw failures[0]
    const shape = shapeOf(call, views)
    if (call.common.json && shape !== last) io.out(shape)
    else if (!call.common.json && io.live) screen.show(linesOf(call, views, session))
    else if (!call.common.json && shape !== last) for (const line of linesOf(call, views, session)) io.out(line)
    last = shape
    if (views.every(({ run }) => typeof rows.find((row) => row.run === run)?.outcome === 'string')) break
    await pause(WATCH_MS)
  }
  return EXIT.done
}

type Seen = Readonly<{ views: readonly RunView[]; failures: readonly PatchwaveError[] }>

/** A journal that cannot be read hides no other run; where it was asked for by name, it is the answer. */
async function viewsOf({ args, options }: Call, { store, now }: StoreSession): Promise<Seen> {
  const [wanted] = args
  const rows = wanted === undefined ? await store.runs(options['all'] === true ? {} : { unfinished: true }) : [await findRun(store, wanted)]
  const views: RunView[] = []
  const failures: PatchwaveError[] = []
  for (const { run } of rows) {
    try {
      views.push(viewOf((await openRun(store, run)).state, now()))
    } catch (error) {
      if (wanted !== undefined || !(error instanceof PatchwaveError) || !error.code.startsWith('journal.')) throw error
      failures.push(error)
    }
  }
  return { views, failures }
}

/** One run is a document of its own; a list stands under `runs`. */
function shapeOf({ args }: Call, views: readonly RunView[]): string {
  const [one] = views
  return JSON.stringify(args[0] !== undefined && one ? statusShape(one, true) : { runs: views.map((view) => statusShape(view, false)) })
}

function linesOf(call: Call, views: readonly RunView[], session: StoreSession): string[] {
  const { app, args } = call
  const live = flagOf(call, 'watch') && app.io.live
  const screen = {
    now: session.now(),
    virtual: false,
    columns: live ? app.io.columns : COLUMNS,
    paint: painter(live ? app.io.colour : (app.io.outColour ?? false)),
  }
  const [one, ...others] = views
  if (one === undefined) return ['no run is unfinished; `patchwave status --all` shows the others']
  if (args[0] !== undefined || others.length === 0) return runLines(one, screen)
  return table([['run', 'runbook', 'act', 'state', 'wave', 'nodes', 'window (UTC)'], ...views.map(statusRow)])
}
