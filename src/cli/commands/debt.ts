import { isoSeconds } from '../../kit/instant.ts'
import { DebtLedger, TELLS_DEBT, type Debt } from '../../core/audit/debt.ts'
import { readEntry } from '../../core/audit/open.ts'
import { readPlan } from '../../core/plan/make.ts'
import type { PlanContent } from '../../core/plan/plan.ts'
import { fromData } from '../../core/run/codec.ts'
import type { RunRow, Store } from '../../ports/store.ts'
import { flagOf, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { EXIT, usage } from '../exit.ts'
import { table } from '../render/text.ts'

/** Which nodes run on live patches or wait for a reboot, since when, and until when that is covered. Reads the store only. */
export const debt: CommandSpec = {
  path: 'debt',
  summary: 'which nodes run on live patches or wait for a reboot, since when, and until when covered',
  options: [
    { flags: '--account <id>', means: 'of this account only' },
    { flags: '--region <region>', means: 'of this region only' },
    { flags: '--overdue', means: 'only those whose debt has become non-compliance' },
    { flags: '--check', means: 'exit 1 when any of them is overdue, or nobody knows how long it is covered' },
  ],
  example: 'debt --overdue',
  output: 'document',
  async run(call) {
    check(call, 'account', /^[0-9]{12}$/, 'account id', '111122223333')
    check(call, 'region', /^[a-z]{2}(-[a-z]+)+-[0-9]$/, 'region', 'us-east-1')
    return using(call.app.openStore(call.common), async ({ store, now, rebootWithinMs }) => {
      const { io } = call.app
      const found = (await ledgerOf(store)).debts(now(), rebootWithinMs).filter((one) => isMeant(call, one))
      if (call.common.json) io.out(JSON.stringify({ debts: found.map(debtShape), ...countsOf(found) }))
      else for (const line of linesOf(found, isNarrowed(call))) io.out(line)
      const bad = found.some(({ state }) => state === 'overdue' || state === 'unknown')
      return flagOf(call, 'check') && bad ? EXIT.otherwise : EXIT.done
    })
  },
}

/** A mistyped filter would find nobody, and so say that all is well. */
function check(call: Call, name: string, shape: RegExp, noun: string, example: string): void {
  const text = textOf(call, name)
  if (text !== undefined && !shape.test(text))
    throw usage(`--${name} ${JSON.stringify(text)} is no ${noun}`, `write it like --${name} ${example}`)
}

const isNarrowed = (call: Call): boolean =>
  flagOf(call, 'overdue') || ['account', 'region'].some((name) => textOf(call, name) !== undefined)

/** Every run of the store, folded. */
async function ledgerOf(store: Store): Promise<DebtLedger> {
  const ledger = new DebtLedger()
  for (const row of await store.runs()) await tell(ledger, store, row)
  return ledger
}

async function tell(ledger: DebtLedger, store: Store, row: RunRow): Promise<void> {
  let nodes: PlanContent['nodes'] = []
  for await (const sealed of store.read(row.run)) {
    if (sealed.type === 'PlanPinned') {
      const { data } = readEntry(sealed)
      const text = typeof data['plan'] === 'string' ? await store.plan(data['plan']) : undefined
      if (text !== undefined) nodes = readPlan(text).content.nodes
    } else if (TELLS_DEBT.has(sealed.type)) {
      const { type, data, at, actor } = readEntry(sealed)
      ledger.hear(row.run, nodes, { at, actor, event: fromData(type, data) })
    }
  }
}

function isMeant(call: Call, { account, region, state }: Debt): boolean {
  const wanted = (name: string, has: string): boolean => [undefined, has].includes(textOf(call, name))
  return wanted('account', account) && wanted('region', region) && (!flagOf(call, 'overdue') || state === 'overdue')
}

const countsOf = (found: readonly Debt[]): Readonly<Record<Debt['state'], number>> => {
  const count = (state: Debt['state']): number => found.filter((one) => one.state === state).length
  return { waiting: count('waiting'), live: count('live'), unknown: count('unknown'), overdue: count('overdue') }
}

/** A debt in JSON; instants that nobody knows are null. */
const debtShape = ({ since, covered, dueBy, toldAt, ...one }: Debt) => ({
  ...one,
  since: isoSeconds(since),
  coveredUntil: covered > 0 ? isoSeconds(covered) : null,
  dueBy: dueBy === null ? null : isoSeconds(dueBy),
  toldAt: isoSeconds(toldAt),
})

function linesOf(found: readonly Debt[], narrowed: boolean): string[] {
  if (found.length === 0) {
    const what = narrowed ? 'none of the nodes that owe a reboot is meant by these options' : 'no node owes a reboot'
    return [`${what}, as far as the runs of this store tell`]
  }
  const rows = found.map((one) => [
    one.node,
    `${one.account}/${one.region}`,
    one.state,
    day(one.since),
    one.waits ? `waits for ${one.newer === '' ? 'a reboot' : one.newer}` : '',
    one.live > 0 ? `${String(one.live)} live on ${one.kernel}` : '',
    one.live === 0 ? '' : one.covered === 0 ? 'not known' : day(one.covered),
    one.dueBy === null ? 'not known' : day(one.dueBy),
  ])
  const { waiting, live, unknown, overdue } = countsOf(found)
  return [
    ...table([['node', 'cell', 'state', 'since', 'waits for', 'live patches', 'covered until', 'due by'], ...rows]),
    '',
    `${String(overdue)} overdue, ${String(unknown)} not known, ${String(waiting)} waiting for a reboot, ${String(live)} on live patches alone`,
  ]
}

const day = (at: Debt['since']): string => isoSeconds(at).slice(0, 10)
