import { type Digest, sha256 } from '../../kit/digest.ts'
import { parseToken, type RunId, type Token } from '../../kit/ids.ts'
import { instant, type Instant, SECOND } from '../../kit/instant.ts'
import type { KernelPolicy } from './kernel.ts'

/** When a change may boot the node. */
export type RebootPolicy = 'never' | 'if-needed' | 'always'
type Common = Readonly<{ token: Token; run: RunId; startBefore: Instant }>

/** The list in its order, keys are `name.arch`, and what of it may be the kernel's. */
export type PackageList = readonly (readonly [key: string, version: string])[]
type Listed = Readonly<{ list: PackageList; kernel: KernelPolicy }>

/** What an apply works by. */
export type ApplyParameters = Common & Listed & Readonly<{ document: 'Patchwave-Apply'; reboot: RebootPolicy }>
/** `undo` is the run whose before-record is restored. */
export type RollbackParameters = Common & Readonly<{ document: 'Patchwave-Rollback'; undo: RunId; reboot: RebootPolicy }>
/** What a verify works by; `record`: it only writes the before-record, `anew` over one that is there. */
export type VerifyParameters = Common & Listed & Readonly<{ document: 'Patchwave-Verify'; record: 'no' | 'yes' | 'anew' }>
/** What a hook works by. */
export type HookParameters = Common &
  Readonly<{ document: 'Patchwave-Hook'; script: string; timeoutSeconds: number; moment: 'before' | 'after' | 'exit' }>
/** What works under the lock without a package list of its own. */
export type HeldParameters =
  | VerifyParameters
  | HookParameters
  | (Common & Readonly<{ document: 'Patchwave-Restart' } | { document: 'Patchwave-LivePatch'; mode: 'enable' }>)
/** What a document that takes no lock works by. */
export type ReadParameters = Common &
  Readonly<
    | { document: 'Patchwave-Scan'; kernel: KernelPolicy }
    | { document: 'Patchwave-Check'; script: string; timeoutSeconds: number }
    | { document: 'Patchwave-Fetch'; digest: string; offset: number }
    | { document: 'Patchwave-LivePatch'; mode: 'status' }
  >
/** Parameters that fit the grammar, by document. */
export type ScriptParameters = ApplyParameters | RollbackParameters | HeldParameters | ReadParameters

/** Why a script refuses (exit 64). */
export type Refusal = Readonly<{ refused: 'bad-parameter' | 'list-digest' }>

const REFUSED: Refusal = { refused: 'bad-parameter' }

/** By what was given, and for which document: all nodes of a command get the same. */
const READ = new WeakMap<Readonly<Record<string, string>>, Readonly<{ document: string; read: ScriptParameters | Refusal }>>()

/** Checks the parameters against the grammar of documents/PROTOCOL.md. What was given is not changed afterwards. */
export function readParameters(document: string, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const known = READ.get(given)
  if (known?.document === document) return known.read
  const read = readAnew(document, given)
  READ.set(given, { document, read })
  return read
}

function readAnew(document: string, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
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
    case 'Patchwave-Verify':
      return readVerify(common, given)
    case 'Patchwave-Hook':
      return readHook(common, given)
    case 'Patchwave-Restart':
      return { ...common, document }
    case 'Patchwave-LivePatch':
      return readLivePatch(common, given)
    case 'Patchwave-Scan':
      return readScan(common, given)
    case 'Patchwave-Check':
      return readCheck(common, given)
    case 'Patchwave-Fetch':
      return readFetch(common, given)
    default:
      return REFUSED
  }
}

/** Characters of base64: half of a document, so that both together reach an agent. */
const LIST_MAX = 32_000

function listed(given: Readonly<Record<string, string>>): Listed | Refusal {
  const kernel = oneOf(given['Kernel'], ['hold', 'live-patch', 'install'])
  if (!kernel) return REFUSED
  const read = readEncoded(given['List'] ?? '')
  if (read === undefined) return REFUSED
  if (read.digest !== given['ListDigest']) return { refused: 'list-digest' }
  return read.list ? { list: read.list, kernel } : REFUSED
}

type Encoded = Readonly<{ digest: Digest; list: PackageList | undefined }>

/** Texts that were read last: all nodes of a command get the same one. */
const LATELY = new Map<string, Encoded>()
const LATELY_MAX = 64

function readEncoded(encoded: string): Encoded | undefined {
  const known = LATELY.get(encoded)
  if (known) return known
  if (encoded.length > LIST_MAX || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const made: Encoded = { digest: sha256(text), list: readList(text) }
  if (LATELY.size >= LATELY_MAX) LATELY.clear()
  LATELY.set(encoded, made)
  return made
}

function readApply(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const reboot = rebootPolicy(given['Reboot'])
  const list = listed(given)
  if (!reboot) return REFUSED
  return 'refused' in list ? list : { ...common, document: 'Patchwave-Apply', ...list, reboot }
}

function readVerify(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const record = oneOf(given['Record'], ['no', 'yes', 'anew'])
  const list = listed(given)
  if (!record) return REFUSED
  return 'refused' in list ? list : { ...common, document: 'Patchwave-Verify', ...list, record }
}

function readScan(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const kernel = oneOf(given['Kernel'], ['hold', 'live-patch', 'install'])
  return kernel ? { ...common, document: 'Patchwave-Scan', kernel } : REFUSED
}

function readLivePatch(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const { Mode: mode } = given
  return mode === 'status' || mode === 'enable' ? { ...common, document: 'Patchwave-LivePatch', mode } : REFUSED
}

function readRollback(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const reboot = rebootPolicy(given['Reboot'])
  const undo = given['Undo'] === undefined || given['Undo'] === '' ? common.run : given['Undo']
  if (!reboot || !parseToken(`${undo}.1`)) return REFUSED
  return { ...common, document: 'Patchwave-Rollback', undo, reboot }
}

function scriptOf(given: Readonly<Record<string, string>>): Readonly<{ script: string; timeoutSeconds: number }> | undefined {
  const script = given['Script'] ?? ''
  const timeoutSeconds = seconds(given['Timeout']) ?? 0
  const fits = /^\/[A-Za-z0-9._/-]{1,255}$/.test(script) && !script.includes('..') && timeoutSeconds >= 1 && timeoutSeconds <= 3_600
  return fits ? { script, timeoutSeconds } : undefined
}

function readCheck(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const script = scriptOf(given)
  return script ? { ...common, document: 'Patchwave-Check', ...script } : REFUSED
}

function readHook(common: Common, given: Readonly<Record<string, string>>): ScriptParameters | Refusal {
  const script = scriptOf(given)
  const { Moment: moment } = given
  const fits = moment === 'before' || moment === 'after' || moment === 'exit'
  return script && fits ? { ...common, document: 'Patchwave-Hook', ...script, moment } : REFUSED
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

const rebootPolicy = (text: string | undefined): RebootPolicy | undefined => oneOf(text, ['never', 'if-needed', 'always'])

/** One of these words; the first of them when nothing was given. */
const oneOf = <Word extends string>(text: string | undefined, words: readonly [Word, ...Word[]]): Word | undefined =>
  text === undefined || text === '' ? words[0] : words.find((word) => word === text)
