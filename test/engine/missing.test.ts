import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/adapters/system/log.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { NodeSeen } from '../../src/core/plan/fleet.ts'
import { planRollout } from '../../src/engine/planning.ts'
import { missingPatches } from '../../src/engine/missing.ts'
import { instant } from '../../src/kit/instant.ts'
import type { Fleet, PatchSeen } from '../../src/ports/fleet.ts'
import { faults, fleet, group, runbook } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'

const signal = new AbortController().signal
const NOW = instant(Date.UTC(2026, 0, 1))

const row = (title: string, kbId: string, more: Partial<PatchSeen> = {}): PatchSeen => ({
  title,
  kbId,
  classification: 'Security',
  severity: 'Important',
  state: 'Missing',
  cves: [],
  ...more,
})

const node = (id: string, more: Partial<NodeSeen> = {}): NodeSeen => ({
  node: id,
  account: '222222222222',
  region: 'us-east-1',
  ami: 'ami-a',
  zone: 'use1-az1',
  state: 'running',
  platform: 'amazon-linux-2023',
  agent: 'online',
  lastPing: NOW,
  hybrid: false,
  tags: {},
  ...more,
})

/** A fleet port that has nothing but Patch Manager's rows, and remembers which nodes were asked for. */
function patchManager(rows: Readonly<Record<string, readonly PatchSeen[]>>): Fleet & { readonly asked: string[] } {
  const asked: string[] = []
  const nothing = (): never => {
    throw new Error('nobody should ask')
  }
  return {
    asked,
    census: nothing,
    look: nothing,
    images: nothing,
    status: nothing,
    async *missing(_, id) {
      asked.push(id)
      yield* rows[id] ?? []
    },
    async *patchData(_, nodes) {
      for (const id of nodes) {
        const there = rows[id]
        if (there === undefined) continue
        const count = (state: string): number => there.filter((one) => one.state === state).length
        const summary = { patchGroup: '', baselineId: 'pb-1', snapshotId: '', operation: 'Scan', endedAt: NOW }
        yield { node: id, ...summary, missing: count('Missing') + count('Strange'), failed: count('Failed') }
      }
    },
  }
}

const read = (rows: Parameters<typeof patchManager>[0], nodes: readonly NodeSeen[]) => {
  const port = patchManager(rows)
  const world = { fleet: port, clock: new VirtualClock(NOW), log: silentLog }
  return missingPatches(world, nodes, signal).then((found) => ({ ...found, asked: port.asked.sort() }))
}

describe('what Patch Manager knows to be missing', () => {
  it('is read of nodes that lack something, missing and failed alike', async () => {
    const rows = {
      'i-1': [row('openssl.x86_64:1:3-1', 'openssl.x86_64'), row('curl.x86_64:0:8-1', 'curl.x86_64', { state: 'FAILED' })],
      'i-2': [row('bash.x86_64:0:5-1', 'bash.x86_64', { state: 'Installed' })],
    }
    const found = await read(
      { ...rows, 'i-1': rows['i-1'].map((one) => ({ ...one, state: one.state === 'FAILED' ? 'Failed' : one.state })) },
      [node('i-1'), node('i-2')],
    )
    expect([...found.missing].map(([id, patches]) => [id, patches.map(({ name }) => name)])).toEqual([['i-1', ['openssl', 'curl']], ['i-2', []]]) // prettier-ignore
    expect(found.asked, 'a node that lacks nothing is not asked for rows').toEqual(['i-1'])
    expect(found.remarks).toEqual([])
  })

  it('leaves out hybrid nodes and platforms that are not patched', async () => {
    const found = await read({}, [node('mi-1', { hybrid: true }), node('i-2', { platform: 'other' })])
    expect([found.asked, [...found.missing], found.remarks]).toEqual([[], [], []])
  })

  it('counts what it cannot read, and tells the same one of them whatever order they come in', async () => {
    const bad = [row('zlib', 'zlib.x86_64'), row('openssl', 'openssl.x86_64'), row('a.x86_64:0:1-1', 'a.x86_64', { state: 'Strange' })]
    const told = ['3 rows of Patch Manager on 1 node left out: no exact version can be read from them (one is “a.x86_64:0:1-1”)']
    expect((await read({ 'i-1': bad }, [node('i-1')])).remarks).toEqual(told)
    expect((await read({ 'i-1': bad.toReversed() }, [node('i-1')])).remarks).toEqual(told)
  })

  it('says which nodes were never scanned', async () => {
    expect((await read({}, [node('i-1')])).remarks).toEqual([
      '1 node without Patch Manager data: never scanned, nothing is known to be missing on it',
    ])
  })
})

describe('a plan of what nodes miss', () => {
  const warningsOf = async (lines: string, approve: string, groups = [group('prod-us', 4)]): Promise<readonly string[]> => {
    const stage = new Stage({ fleet: fleet(groups), faults: faults(lines) })
    const book = runbook('untested', {
      baseline: 'none',
      patches: approve,
      waves: '[{ name: all, take: rest, gate: { bake: 0s } }]',
    })
    const { world } = await stage.start()
    return (await stage.run(() => planRollout(world, { runbook: book, inputs: {} }, signal))).warnings
  }
  const SECURITY = '{ approve: [{ classification: [Security] }] }'

  it.each([
    ['of today', '', []],
    [
      'of last week',
      'patchData: { stale: 100% }',
      ['4 nodes last scanned by Patch Manager more than a day ago: what they miss may have changed'],
    ],
  ])('rests on data %s', async (_, lines, told) => {
    const warnings = await warningsOf(lines, SECURITY)
    expect(warnings.filter((line) => line.includes('Patch Manager'))).toEqual(told)
  })

  it('names a baseline that has overwritten the data of some', async () => {
    const warnings = await warningsOf('patchData: { overwritten: 30% }', SECURITY, [group('prod-us', 12)])
    expect(warnings.filter((line) => line.includes('patch baseline'))).toEqual([
      expect.stringMatching(
        /^\d nodes of \d{12}\/us-east-1 \(amazon-linux-2023\) last judged by patch baseline pb-\w{17}, not pb-\w{17} as the rest/,
      ),
    ])
  })

  it('says when no rule can fit a deb, and when some that are missing fit none', async () => {
    const ubuntu = [group('prod-us', 3, { platform: 'ubuntu', lineage: 'ubuntu' })]
    const none = await warningsOf('', '{ approve: [{ classification: [Security], severity: [Critical] }] }', ubuntu)
    expect(none).toContainEqual(expect.stringMatching(/^3 nodes with debs: no rule of patches\.approve fits a deb/))
    const some = await warningsOf('', '{ approve: [{ names: [sudo] }, { classification: [Security], releasedFor: 3d }] }', ubuntu)
    expect(some).toContainEqual(
      expect.stringMatching(/^\d+ missing debs on 3 nodes left out: the rules that would fit ask for releasedFor/),
    )
  })
})
