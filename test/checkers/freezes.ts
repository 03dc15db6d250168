import type { RunEvent } from '../../src/core/run/event.ts'
import { iso, MINUTE, plus, type Instant, type Ms } from '../../src/kit/instant.ts'
import { SKEW_MS, tokenParts, type Checker, type Evidence, type RunEvidence } from './evidence.ts'
import { Beginnings, type Beginning } from './steps.ts'

const EVER = Infinity as Instant

/** The freezes as the run read them last, without those that it broke on record. */
export class Frost {
  #freezes: Readonly<{ from: Instant; to: Instant; why: string }>[] = []
  readonly #broken = new Set<string>()

  hear(event: RunEvent): void {
    if (event.type === 'FreezesRead')
      this.#freezes = event.from.map((from, index) => ({ from, to: event.to[index] ?? from, why: event.why[index] ?? '' }))
    if (event.type === 'FreezeBroken') this.#broken.add(keyOf(event))
    if (event.type === 'WindowChosen') this.#freezes = []
  }

  /** When the next one begins. */
  next(at: Instant): Instant {
    return Math.min(...this.unbroken.flatMap(({ from }) => (from > at ? [from] : [])), EVER) as Instant
  }

  get unbroken(): readonly Readonly<{ from: Instant; to: Instant }>[] {
    return this.#freezes.filter((freeze) => !this.#broken.has(keyOf(freeze)))
  }

  *against({ name, at }: Beginning, startBefore: Instant): Generator<string> {
    for (const { from, to } of this.unbroken) {
      if (from <= at && at < to) yield `${name}: intended at ${iso(at)}, in the freeze until ${iso(to)}`
      if (at < from && startBefore > from) yield `${name}: may start until ${iso(startBefore)}, in the freeze from ${iso(from)}`
    }
  }
}

const keyOf = ({ from, to, why }: Readonly<{ from: Instant; to: Instant; why: string }>): string => `${String(from)} ${String(to)} ${why}`

/** What was sent before a freeze was read may begin so much later: the time of a delivery, and of a request that is under way. */
const SENT_BEFORE_MS: Ms = 16 * MINUTE

/**
 * I3, of freezes that were declared in the middle: on the nodes nothing begins that was sent after its run had read them; and a driver that was
 * started with a config which names a freeze intends nothing in it, whatever its predecessor knew.
 */
export const freezes: Checker = function* (evidence) {
  for (const run of evidence.runs) {
    yield* onNodes(run, evidence)
    yield* byDrivers(run, evidence)
  }
}

type Held = Readonly<{ since: Instant; until: Instant; from: Instant; to: Instant }>

function* onNodes(run: RunEvidence, { ledger = [] }: Evidence): Generator<string> {
  const tokens = new Set<number>()
  const held: Held[] = []
  const frost = new Frost()
  const beginnings = new Beginnings(run)
  const changed = (at: Instant): void => {
    held.forEach((one, index) => {
      if (one.until === EVER) held[index] = { ...one, until: at }
    })
    held.push(...frost.unbroken.map((freeze) => ({ since: at, until: EVER, ...freeze })))
  }
  for (const fact of run.facts) {
    const { at, event } = fact
    frost.hear(event)
    if (event.type === 'FreezesRead' || event.type === 'FreezeBroken' || event.type === 'WindowChosen') changed(at)
    if (beginnings.of(fact)?.work === 'apply' && 'n' in event) tokens.add(event.n)
  }
  for (const { node, token, document, verdict, transaction, startedAt } of ledger) {
    const { run: of, n } = tokenParts(token)
    // Documents of others begin anew whenever their agent does. A repeat changes nothing.
    if (of !== run.run || !tokens.has(n) || transaction === null || verdict === 'skipped' || !document.startsWith('Patchwave-')) continue
    const began = Date.parse(startedAt) as Instant
    const sent = plus(began, -SENT_BEFORE_MS)
    // It was read before the command can have been sent, and held at both ends of that time.
    const freeze = held.find((one) => one.since <= sent && began < one.until && one.from <= began && began + SKEW_MS < one.to)
    if (freeze) yield `${node}: ${token} began at ${startedAt}, in a freeze that was read at ${iso(freeze.since)}`
  }
}

function* byDrivers(run: RunEvidence, { frozen = [] }: Evidence): Generator<string> {
  const broken: Readonly<{ from: Instant; to: Instant }>[] = []
  const beginnings = new Beginnings(run)
  let driver = ''
  for (const fact of run.facts) {
    const { at, event } = fact
    if (event.type === 'DriverTook') driver = event.driver
    if (event.type === 'FreezeBroken') broken.push(event)
    const beginning = beginnings.of(fact)
    if (beginning?.work !== 'apply') continue
    for (const freeze of frozen) {
      const holds = freeze.driver === driver && freeze.from + SKEW_MS <= at && at + SKEW_MS < freeze.to
      if (holds && !broken.some(({ from, to }) => from <= at && at < to))
        yield `${beginning.name}: intended at ${iso(at)} by ${driver}, whose config has a freeze until ${iso(freeze.to)}`
    }
  }
}
