import { fits, recordAt, type AuditFilter } from '../../core/audit/record.ts'
import type { StoreSession } from '../app.ts'
import { instantOf, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { findJournal } from '../find-run.ts'
import { recordLine } from '../render/record-line.ts'
import { JOURNALS, trailOf } from '../trail.ts'

/** The trail: who did what, when and where. */
export const auditList: CommandSpec = {
  path: 'audit list',
  summary: 'entries of all runs by who, what, when and where',
  options: [
    { flags: '--run <run>', means: 'of this run only' },
    { flags: '--who <actor>', means: 'an actor’s kind or id; * and ? are wildcards' },
    { flags: '--what <type>', means: 'a type such as wave.started; * and ? are wildcards' },
    { flags: '--since <iso>', means: 'from this instant on' },
    { flags: '--until <iso>', means: 'before this instant' },
    { flags: '--account <id>', means: 'in this account' },
    { flags: '--region <region>', means: 'in this region' },
    { flags: '--node <id>', means: 'about this node' },
  ],
  example: "audit list --what 'approval.*' --since 2026-03-01",
  output: 'stream',
  run: (call) => using(call.app.openStore(call.common, 'refuse'), (session) => list(call, session)),
}

async function list(call: Call, { store }: StoreSession): Promise<number> {
  const wanted = textOf(call, 'run')
  const rows = wanted === undefined ? await store.runs({ acts: JOURNALS }) : [await findJournal(store, wanted)]
  const filter = filterOf(call)
  for (const { run } of rows) {
    for await (const { entry, place } of trailOf(store, run)) {
      if (!fits(entry, place, filter)) continue
      const record = recordAt(entry, place)
      call.app.io.out(call.common.json ? JSON.stringify(record) : recordLine(record))
    }
  }
  return EXIT.done
}

function filterOf(call: Call): AuditFilter {
  const [who, what, account, region, node] = [
    textOf(call, 'who'),
    textOf(call, 'what'),
    textOf(call, 'account'),
    textOf(call, 'region'),
    textOf(call, 'node'),
  ]
  const [since, until] = [instantOf(call, 'since'), instantOf(call, 'until')]
  return {
    ...(who !== undefined && { who }),
    ...(what !== undefined && { what }),
    ...(account !== undefined && { account }),
    ...(region !== undefined && { region }),
    ...(node !== undefined && { node }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  }
}
