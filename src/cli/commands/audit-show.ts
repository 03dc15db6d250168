import { recordAt } from '../../core/audit/record.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { argOf, using, type CommandSpec } from '../call.ts'
import { EXIT, usage } from '../exit.ts'
import { findJournal } from '../find-run.ts'
import { plain } from '../render/text.ts'
import { recordLine } from '../render/record-line.ts'
import { trailOf } from '../trail.ts'

/** One run's trail, or one entry of it with all of its data. */
export const auditShow: CommandSpec = {
  path: 'audit show',
  arguments: '<run> [seq]',
  summary: 'the trail of one run, or one entry with all of its data',
  example: 'audit show 0199b6f2-7c1e-7aaa-8bbb-3f2d1c0b9a88 17',
  output: 'stream',
  run: (call) =>
    using(call.app.openStore(call.common, 'refuse'), async ({ store }) => {
      const { run } = await findJournal(store, argOf(call, 0, 'the run'))
      const seq = seqOf(call.args[1])
      let shown = 0
      for await (const { entry, place } of trailOf(store, run)) {
        if (seq !== undefined && entry.seq !== seq) continue
        const record = recordAt(entry, place)
        shown += 1
        if (call.common.json) call.app.io.out(JSON.stringify(record))
        else if (seq === undefined) call.app.io.out(recordLine(record))
        else for (const line of JSON.stringify({ ...record, prev: entry.prev }, null, 2).split('\n')) call.app.io.out(plain(line))
      }
      if (shown === 0)
        throw new PatchwaveError('run.unknown', `run ${run} has no entry ${String(seq)}`, {
          hint: 'list them with `patchwave audit show RUN`',
        })
      return EXIT.done
    }),
}

function seqOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,9}$/.test(text)) throw usage(`"${text}" is no number of an entry`, 'entries count from 1')
  return Number(text)
}
