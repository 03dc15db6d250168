import { expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { canonicalJson, seal } from '../../src/core/audit/seal.ts'
import { toData } from '../../src/core/run/codec.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { sha256 } from '../../src/kit/digest.ts'
import { DAY, instant, plus, type Instant } from '../../src/kit/instant.ts'
import type { Sealed, Store } from '../../src/ports/store.ts'
import { plan } from '../core/run/plan.ts'
import { cli, storeOf } from './stand-in.ts'

const NOW = instant(Date.UTC(2026, 0, 4, 3))
const RUN = '01900000-0000-7000-8000-000000000001'

/** A store with one run, in which node 0 waits for a kernel and node 1 lives on patches whose end nobody knows. */
async function owing(): Promise<Store> {
  const store = openMemoryStore()
  const content = plan({ waves: [{ nodes: 3 }] })
  const digest = sha256(canonicalJson(content))
  const beside = { madeAt: NOW, headline: {}, forecast: {}, calls: {}, worstCase: [], windows: [], irreversible: [], warnings: [] }
  const text = canonicalJson({ digest, content, ...beside })
  await store.putPlan(digest, text)
  const report: RunEvent = {
    type: 'NodesReported',
    n: 1,
    nodes: [0, 1, 2],
    outcomes: ['patched', 'patched', 'patched'],
    reasons: ['installed', 'installed', 'installed'],
    changed: [1, 1, 1],
    missing: [0, 0, 0],
    before: ['', '', ''],
    after: ['', '', ''],
    reboot: [false, false, false],
    ended: [NOW, NOW, NOW],
    hosts: {
      kernel: ['6.1.1', '6.1.1', '6.1.1'],
      live: [0, 2, 0],
      covered: [instant(0), instant(0), instant(0)],
      newer: ['6.1.9', '', ''],
      booted: [NOW, NOW, NOW],
    },
  }
  const events: readonly RunEvent[] = [{ type: 'PlanPinned', plan: digest, nodes: 3, waves: ['wave-1'] }, report]
  let last: Sealed | null = null
  const entries = events.map((event) => {
    last = seal(last, { run: RUN, at: NOW, actor: { kind: 'engine', id: 'd' }, ...toData(event) })
    return last
  })
  await store.create({ run: RUN, runbook: 'night', act: 'rollout', requestedAt: NOW }, entries)
  return store
}

const typed = async (line: string, now: Instant = NOW) => cli(line.split(' '), storeOf(await owing(), now))

it('shows who owes a reboot, since when and until when', async () => {
  const { code, out } = await typed('debt')
  const text = out.join('\n')
  expect(code).toBe(0)
  expect(text).toMatch(/i-0{17} .*waiting +2026-01-04 +waits for 6\.1\.9 .*2026-02-03/)
  expect(text).toMatch(/i-0{16}1 .*unknown .*2 live on 6\.1\.1 +not known/)
  expect(text).toContain('0 overdue, 1 not known, 1 waiting for a reboot, 0 on live patches alone')
})

it('is JSON that others can read', async () => {
  const { out } = await typed('debt --json', plus(NOW, 40 * DAY))
  const { debts, overdue, unknown } = JSON.parse(out.join('')) as { debts: unknown[]; overdue: number; unknown: number }
  expect({ overdue, unknown }).toEqual({ overdue: 1, unknown: 1 })
  expect(debts[0]).toMatchObject({
    node: `i-${'0'.repeat(17)}`,
    state: 'overdue',
    since: '2026-01-04T03:00:00Z',
    coveredUntil: null,
    run: RUN,
  })
})

// prettier-ignore
it.each<[line: string, days: number, code: number, rows: number]>([
  ['debt --json --overdue',              1,  0, 0],
  ['debt --json --overdue',              31, 0, 1],
  ['debt --json --overdue --check',      31, 1, 1],
  ['debt --json --check',                1,  1, 2],
  ['debt --json --account 999999999999', 1,  0, 0],
  ['debt --json --region us-east-1',     1,  0, 2],
])('%s after %i days', async (line, days, code, rows) => {
  const printed = await typed(line, plus(NOW, days * DAY))
  expect({ code: printed.code, rows: (JSON.parse(printed.out.join('')) as { debts: unknown[] }).debts.length }).toEqual({ code, rows })
})

it.each([
  ['debt --overdue', 'none of the nodes that owe a reboot is meant by these options, as far as the runs of this store tell'],
  ['debt --region eu-west-1', 'none of the nodes that owe a reboot is meant by these options, as far as the runs of this store tell'],
])('%s: does not say that nobody owes one', async (line, says) => {
  expect((await typed(line)).out).toEqual([says])
})

it.each([
  ['debt --check --account staging', '--account "staging" is no account id', 'write it like --account 111122223333'],
  ['debt --check --region us-east', '--region "us-east" is no region', 'write it like --region us-east-1'],
])('%s: is refused, for it would find nobody', async (line, what, hint) => {
  const { code, err } = await typed(line)
  expect(code).toBe(2)
  expect(err.join('\n')).toContain(what)
  expect(err.join('\n')).toContain(hint)
})
