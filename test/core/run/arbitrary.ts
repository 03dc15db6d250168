import fc, { type Arbitrary } from 'fast-check'
import { OUTCOMES, type EventType, type RunEvent, type Subject } from '../../../src/core/run/event.ts'
import { instant, type Instant } from '../../../src/kit/instant.ts'

type Of<T extends EventType> = Extract<RunEvent, { type: T }>
type Parts = { readonly [T in EventType]: { readonly [K in keyof Omit<Of<T>, 'type'>]: Arbitrary<Of<T>[K]> } }

/** Any instant that the journal can hold, and 0, which stands for "unknown". */
const at: Arbitrary<Instant> = fc.oneof(fc.constant(instant(0)), fc.integer({ min: 1, max: 253_402_300_799_999 }).map(instant))
const word = fc.string({ maxLength: 20 })
const count = fc.nat({ max: 1_000_000 })
const flag = fc.boolean()
const counts = fc.array(count, { maxLength: 5 })
const words = fc.array(word, { maxLength: 5 })
const instants = fc.array(at, { maxLength: 5 })
const subject: Arbitrary<Subject> = fc.oneof(
  fc.constant<Subject>({ kind: 'plan' }),
  fc.constant<Subject>({ kind: 'baselines' }),
  fc.constant<Subject>({ kind: 'rollback' }),
  fc.constant<Subject>({ kind: 'freeze' }),
  word.map((wave): Subject => ({ kind: 'gate', wave })),
)
const work = fc.constantFrom<Of<'BatchChosen'>['work'][]>('apply', 'rollback', 'scan')
const purpose = fc.constantFrom<Of<'MeasureAsked'>['purpose'][]>('before', 'gate', 'after', 'try')
const dictionary = fc.dictionary(word, word, { noNullPrototype: true })

const PARTS: Parts = {
  RunRequested: {
    runbook: word,
    act: fc.constantFrom('trial', 'rollout'),
    reason: word,
    inputs: dictionary,
    flags: counts,
    now: flag,
    trial: fc.option(word),
    undoes: fc.option(word),
    opening: fc.option(at),
    breakFreeze: flag,
  },
  PlanPinned: { plan: word, nodes: count, waves: words },
  ApprovalAsked: { subject, group: word, count, expires: at },
  ApprovalGiven: { subject, by: word, reason: word },
  ApprovalRefused: { subject, by: word, reason: word },
  ApprovalExpired: { subject },
  DriverTook: { driver: word, epoch: count },
  WindowChosen: {
    opens: at,
    cutoff: at,
    closes: at,
    zoneData: word,
    startAt: at,
    openBy: at,
    lastStart: at,
    native: word,
    nativeDigest: word,
  },
  WindowNarrowed: { cutoff: at, closes: at, lastStart: at, why: word },
  WindowMissed: { opens: at, reason: word },
  FreezesRead: { from: instants, to: instants, why: words, source: words, again: fc.option(at) },
  FreezeBroken: { from: at, to: at, why: word, reason: word },
  WindowOpened: { opens: at, cutoff: at, closes: at },
  WindowEnded: { cutoff: at },
  FleetRead: { down: counts, gone: counts, outside: counts, appeared: count, drift: fc.option(word) },
  CellPrepared: { cell: word, documents: dictionary },
  CellRefused: { cell: word, code: word, message: word },
  ScanAsked: { n: count, tokens: count },
  NodesScanned: { nodes: counts, lists: words, missing: counts },
  NodesUnscanned: { nodes: counts, reason: word },
  ScanFinished: {},
  ListsPinned: { lists: word, count, patches: counts, nodes: counts, of: counts },
  MeasureAsked: { purpose, wave: count, round: count, checks: words, n: count, tokens: count, last: flag },
  CheckMeasured: {
    purpose,
    wave: count,
    round: count,
    check: word,
    verdict: fc.constantFrom('pass', 'fail', 'inconclusive'),
    evidence: word,
    subjects: count,
    failing: counts,
  },
  WaveStarted: { wave: count, name: word },
  BatchChosen: { batch: count, cell: word, list: count, work, nodes: counts },
  BatchRead: { batch: count, skipped: counts, reasons: words, down: counts },
  BatchDropped: { batch: count, reason: word },
  NodesBusy: { batch: count, nodes: counts, until: at },
  BatchAged: { batch: count },
  StepIntended: {
    id: count,
    step: fc.constantFrom('drain', 'hook-before', 'rejoin'),
    cell: word,
    batch: count,
    nodes: counts,
    n: count,
    until: at,
  },
  StepFound: { id: count, nodes: counts, things: words },
  StepEnded: {
    id: count,
    nodes: counts,
    done: fc.array(flag, { maxLength: 5 }),
    outcomes: fc.array(fc.constantFrom(...OUTCOMES), { maxLength: 5 }),
    reasons: words,
    changed: counts,
    missing: counts,
    ended: instants,
    stop: flag,
  },
  CommandIntended: { n: count, batch: count, work, nodes: counts, startBefore: at, notBefore: at },
  CommandSent: { n: count, commandId: word, requestedAt: at, expiresAfter: at, adopted: flag },
  CommandFound: {
    n: count,
    commandId: word,
    cell: word,
    work,
    document: word,
    nodes: counts,
    requestedAt: at,
    expiresAfter: at,
  },
  CommandRefused: { n: count, code: word, message: word, invalid: counts },
  CommandUnclear: { n: count, message: word },
  CommandMissed: { n: count },
  NodesReported: {
    n: count,
    nodes: counts,
    outcomes: fc.array(fc.constantFrom(...OUTCOMES), { maxLength: 5 }),
    reasons: words,
    changed: counts,
    missing: counts,
    before: words,
    after: words,
    reboot: fc.array(flag, { maxLength: 5 }),
    ended: instants,
  },
  NodesGone: { nodes: counts },
  CommandClosed: { n: count },
  NodesSkipped: { nodes: counts, reason: word },
  CancelAsked: { n: count },
  CancelDone: { n: count, nodes: counts },
  WaveDrained: { wave: count },
  GateHeld: { wave: count, why: words },
  GateExpired: { wave: count, why: words },
  GateDecided: { wave: count, verdict: fc.constantFrom('pass', 'fail'), why: words },
  RollbackStarted: { waves: counts, nodes: count, outside: flag, why: word },
  RollbackAdvanced: { wave: count },
  RollbackFinished: { restored: count, failed: count, stopped: flag },
  IsolationStarted: { wave: count, nodes: counts, reasons: words },
  PatchesGrouped: { lines: fc.array(words, { maxLength: 3 }), units: fc.array(counts, { maxLength: 3 }) },
  TriesChosen: {
    round: count,
    nodes: counts,
    lists: counts,
    units: fc.array(counts, { maxLength: 3 }),
    digests: words,
    keep: fc.array(flag, { maxLength: 5 }),
  },
  TriesDrained: { round: count },
  TryJudged: { round: count, node: count, verdict: fc.constantFrom('good', 'bad', 'refused', 'unclear'), why: word },
  CulpritsFound: { list: count, culprits: words, why: words, dependents: words, nodes: counts },
  IsolationEnded: { solved: flag, reason: word },
  BaselineStored: { account: word, image: word, path: word, version: count, digest: word, written: count },
  BaselineRefused: { account: word, image: word, code: word, message: word },
  BaselinesApproved: { count },
  Paused: { reason: word },
  Resumed: { reason: word },
  AbortAsked: { reason: word, rollback: flag },
  RollbackAsked: { reason: word },
  SteeringRefused: { what: word, reason: word },
  MessageUnread: { digest: word, bytes: count, reason: word },
  RunFinished: {
    outcome: fc.constantFrom('succeeded', 'failed', 'rolled-back', 'aborted', 'stopped'),
    reason: word,
    nodes: fc.dictionary(word, count, { noNullPrototype: true }),
  },
}

export const EVENT_TYPES = Object.keys(PARTS) as EventType[]

/** Any event of a type, well-formed but without a meaning. */
export const eventOf = (type: EventType): Arbitrary<RunEvent> =>
  fc.record(PARTS[type] as Record<string, Arbitrary<unknown>>, { noNullPrototype: true }).map((parts) => ({ type, ...parts }) as RunEvent)
