import type { AuditRecord } from '../../core/audit/record.ts'
import { cut, plain } from './text.ts'

/** Characters of an entry's data on one line; the whole of it is in --json and in `audit show`. */
const DATA_CHARACTERS = 160

/** An entry of the trail on one line: when, run and number, who, what, where, and the beginning of its data. */
export function recordLine({ at, run, seq, actor, type, where, data }: AuditRecord): string {
  const place = where ? `  ${where.account}/${where.region}${where.node === undefined ? '' : `/${where.node}`}` : ''
  return `${at}  ${run} #${String(seq)}  ${plain(type)}  by ${actor.kind} ${plain(actor.id)}${place}  ${cut(plain(JSON.stringify(data)), DATA_CHARACTERS)}`
}
