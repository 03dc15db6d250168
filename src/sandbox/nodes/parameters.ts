import { sha256 } from '../../kit/digest.ts'
import { parseToken, type RunId, type Token } from '../../kit/ids.ts'
import { instant, type Instant, SECOND } from '../../kit/instant.ts'

/** When a change may boot the node. */
export type RebootPolicy = 'never' | 'if-needed' | 'always'
type Common = Readonly<{ token: Token; run: RunId; startBefore: Instant }>

/** What an apply works by: the list in its order, keys are `name.arch`. */
export type ApplyParameters = Common &
  Readonly<{ document: 'Patchwave-Apply'; list: readonly (readonly [key: string, version: string])[]; reboot: RebootPolicy }>
/** `undo` is the run whose before-record is restored. */
export type RollbackParameters = Common & Readonly<{ document: 'Patchwave-Rollback'; undo: RunId; reboot: RebootPolicy }>
/** What a document that changes nothing works by. */
export type ReadParameters = Common &
  Readonly<
    | { document: 'Patchwave-Scan' }
    | { document: 'Patchwave-Check'; script: string; timeoutSeconds: number }
    | { document: 'Patchwave-Fetch'; digest: string; offset: number }
  >
/** Parameters that fit the grammar, by document. */
export type ScriptParameters = ApplyParameters | RollbackParameters | ReadParameters

/** Why a script refuses (exit 64). */
export type Refusal = Readonly<{ refused: 'bad-parameter' | 'list-digest' }>

const REFUSED: Refusal = { refused: 'bad-parameter' }

/** Checks the parameters against the grammar of documents/PROTOCOL.md. */
export function readParameters(document: string, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const token = given['Token'] ?? ''
  const named = parseToken(token)
  const startBefore = seconds(given['StartBefore'])
  if (!named || startBefore === undefined) return REFUSED
  const common: Common = { token, run: named.run, startBefore: instant(startBefore * SECOND) }
  switch (document) {
    case 'Patchwave-Apply':
      return readApply(common, given)
    case 'Patchwave-Rollback':
      return readRollback(common, given)
    case 'Patchwave-Scan':
      return { ...common, document }
    case 'Patchwave-Check':
      return readCheck(common, given)
    case 'Patchwave-Fetch':
      return readFetch(common, given)
    default:
      return REFUSED
  }
}

function readApply(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const reboot = rebootPolicy(given['Reboot'])
  const encoded = given['List'] ?? ''
  // 60,000: an SSM document's parameters must stay below the 64 KB of a command.
  if (!reboot || encoded.length > 60_000 || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return REFUSED
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  if (sha256(text) !== given['ListDigest']) return { refused: 'list-digest' }
  const list = readList(text)
  return list ? { ...common, document: 'Patchwave-Apply', list, reboot } : REFUSED
}

function readRollback(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const reboot = rebootPolicy(given['Reboot'])
  const undo = given['Undo'] === undefined || given['Undo'] === '' ? common.run : given['Undo']
  if (!reboot || !parseToken(`${undo}.1`)) return REFUSED
  return { ...common, document: 'Patchwave-Rollback', undo, reboot }
}

function readCheck(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const script = given['Script'] ?? ''
  const timeoutSeconds = seconds(given['Timeout']) ?? 0
  const fits = /^\/[A-Za-z0-9._/-]{1,255}$/.test(script) && !script.includes('..') && timeoutSeconds >= 1 && timeoutSeconds <= 3_600
  return fits ? { ...common, document: 'Patchwave-Check', script, timeoutSeconds } : REFUSED
}

function readFetch(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const digest = given['Digest'] ?? ''
  const offset = seconds(given['Offset'])
  return /^[0-9a-f]{64}$/.test(digest) && offset !== undefined ? { ...common, document: 'Patchwave-Fetch', digest, offset } : REFUSED
}

const LINE = /^([A-Za-z0-9][A-Za-z0-9+._-]*) ([a-z0-9_]+) ([0-9A-Za-z.+~^:_-]+)$/

function readList(text: string): (readonly [string, string])[] | undefined {
  if (text === '') return []
  if (!text.endsWith('\n')) return undefined
  const lines = text.slice(0, -1).split('\n')
  const list: (readonly [string, string])[] = []
  for (const [index, line] of lines.entries()) {
    const [, name, arch, version] = LINE.exec(line) ?? []
    const before = lines[index - 1]
    if (name === undefined || arch === undefined || version === undefined || (before !== undefined && before >= line)) return undefined
    list.push([`${name}.${arch}`, version])
  }
  return list
}

const seconds = (text: string | undefined): number | undefined => (text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined)

const rebootPolicy = (text: string | undefined): RebootPolicy | undefined =>
  text === 'never' || text === 'if-needed' || text === 'always' ? text : undefined
