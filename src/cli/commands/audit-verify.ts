import { PatchwaveError } from '../../kit/error.ts'
import type { Anchor } from '../../core/audit/entry.ts'
import { verifyExport } from '../../core/audit/export.ts'
import { verifyReport, type ChainVerdict } from '../../core/audit/verify.ts'
import { textOf, using, type Call, type CommandSpec } from '../call.ts'
import { EXIT, usage } from '../exit.ts'
import { findJournal } from '../find-run.ts'
import { counted, plain } from '../render/text.ts'
import { JOURNALS, verifyStore } from '../trail.ts'

/** Whether the trail is whole and unchanged: of the store, or of exports, without anything else. */
export const auditVerify: CommandSpec = {
  path: 'audit verify',
  arguments: '[file...]',
  summary: 'verify the hash chains of the store, or of exported files offline',
  options: [
    { flags: '--run <run>', means: 'of the store, this run only' },
    { flags: '--anchors <file>', means: 'heads seen outside the store: feedback messages, one JSON object a line' },
  ],
  example: 'audit verify march.audit.jsonl',
  output: 'document',
  async run(call) {
    const { io } = call.app
    const verdicts = await verdictsOf(call)
    const report = verifyReport(verdicts)
    if (call.common.json) io.out(JSON.stringify(report))
    else if (report.ok)
      io.out(
        `ok: ${counted(report.runs, 'run')}, ${String(report.entries)} entries${report.complete ? ', all of them ended' : '; not all have ended, so more may follow'}`,
      )
    else
      for (const one of report.breaks)
        io.out(`${one.run}${one.seq === undefined ? '' : ` #${String(one.seq)}`}: ${one.reason}: ${plain(one.detail)}`)
    return report.ok ? EXIT.done : EXIT.otherwise
  },
}

async function verdictsOf(call: Call): Promise<readonly ChainVerdict[]> {
  const file = textOf(call, 'anchors')
  const anchors = file === undefined ? [] : anchorsIn(await linesOf(call, file), file)
  if (call.args.length > 0) {
    if (textOf(call, 'run') !== undefined) throw usage('--run is for the store: a file is verified as a whole', 'leave --run out')
    const verdicts: ChainVerdict[] = []
    for (const path of call.args) verdicts.push(...verifyExport(await linesOf(call, path), anchors))
    return verdicts
  }
  return using(call.app.openStore(call.common, 'refuse'), async ({ store }) => {
    const wanted = textOf(call, 'run')
    const rows = wanted === undefined ? await store.runs({ acts: JOURNALS }) : [await findJournal(store, wanted)]
    const [only] = rows
    return verifyStore(store, rows, wanted === undefined ? anchors : anchors.filter((anchor) => anchor.run === only?.run))
  })
}

async function linesOf({ app }: Call, path: string): Promise<string[]> {
  return new TextDecoder().decode(await app.readFile(path)).split('\n')
}

/** Feedback messages carry `run`, `seq` and `head`; `{"run","seq","hash"}` does as well. */
function anchorsIn(lines: readonly string[], file: string): Anchor[] {
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return []
    const anchor = anchorOf(line)
    if (anchor) return [anchor]
    throw new PatchwaveError('file.unreadable', 'this line is no anchor', {
      hint: 'a line is a JSON object with run, seq and head',
      at: { file, line: index + 1, column: 1 },
    })
  })
}

function anchorOf(line: string): Anchor | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { run, seq, head, hash } = value as Readonly<Record<string, unknown>>
  const digest = hash ?? head
  // A number that no entry has would be compared with nothing.
  if (typeof run !== 'string' || typeof digest !== 'string' || typeof seq !== 'number') return undefined
  return Number.isInteger(seq) && seq > 0 ? { run, seq, hash: digest } : undefined
}
