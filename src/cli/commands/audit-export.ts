import { Exporter } from '../../core/audit/export.ts'
import { readEntry } from '../../core/audit/open.ts'
import type { RunRow, Store } from '../../ports/store.ts'
import { argOf, textOf, using, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { findJournal } from '../find-run.ts'

/** One run for an auditor: lines of JSON that prove themselves, with the plan. */
export const auditExport: CommandSpec = {
  path: 'audit export',
  arguments: '<run>',
  summary: 'one run as lines of JSON that `audit verify FILE` proves without anything else',
  options: [{ flags: '--out <file>', means: 'write it to a file instead of stdout' }],
  example: 'audit export 0199b6f2-7c1e-7aaa-8bbb-3f2d1c0b9a88 --out march.audit.jsonl',
  output: 'stream',
  run: (call) =>
    using(call.app.openStore(call.common, 'refuse'), async ({ store, now }) => {
      const { app } = call
      const row = await findJournal(store, argOf(call, 0, 'the run'))
      const exporter = new Exporter({ run: row.run, exportedAt: now(), plan: await planOf(store, row) })
      const file = textOf(call, 'out')
      const lines: string[] = []
      const put = (line: string): void => {
        if (file === undefined) app.io.out(line)
        else lines.push(line)
      }
      put(exporter.header)
      for await (const sealed of store.read(row.run)) put(exporter.line(sealed))
      put(exporter.trailer())
      if (file !== undefined) await app.writeFile(file, `${lines.join('\n')}\n`)
      if (file !== undefined) app.io.err(`written to ${file}: ${String(lines.length - 2)} entries`)
      return EXIT.done
    }),
}

async function planOf(store: Store, { run }: RunRow): Promise<{ digest: string; text: string } | null> {
  for await (const sealed of store.read(run)) {
    if (sealed.type !== 'PlanPinned') continue
    const digest = readEntry(sealed).data['plan']
    const text = typeof digest === 'string' ? await store.plan(digest) : undefined
    return typeof digest === 'string' && text !== undefined ? { digest, text } : null
  }
  return null
}
