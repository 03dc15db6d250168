import { describe, expect, it } from 'vitest'
import { openEntry } from '../../../src/core/audit/open.ts'
import { Places } from '../../../src/core/audit/place.ts'
import { cloudEventType, fits, outsideName, recordOf, type AuditFilter } from '../../../src/core/audit/record.ts'
import { plus } from '../../../src/kit/instant.ts'
import { CHAIN, PERSON, PLAN, RUN, START } from './chain.ts'

it.each([
  ['WaveStarted', 'wave.started', 'patchwave.wave.started.v1'],
  ['RunFinished', 'run.finished', 'patchwave.run.finished.v1'],
  ['Paused', 'paused', 'patchwave.paused.v1'],
  ['BaselinesApproved', 'baselines.approved', 'patchwave.baselines.approved.v1'],
])('%s is %s outside', (inside, outside, event) => {
  expect(outsideName(inside)).toBe(outside)
  expect(cloudEventType(inside)).toBe(event)
})

describe('a record', () => {
  it('has the keys that others rely on, in their order', () => {
    const [first] = CHAIN
    expect(first && JSON.stringify(recordOf(first))).toBe(
      `{"run":"${RUN}","seq":1,"at":"2026-03-08T22:00:00.000Z","actor":{"id":"${PERSON.id}","kind":"cli"},"type":"run.requested","data":{"reason":"Patch Tuesday","runbook":"monthly"},"hash":"${first?.hash ?? ''}"}`,
    )
  })

  const [here, there] = [
    { account: '111122223333', region: 'us-east-1' },
    { account: '444455556666', region: 'eu-west-1' },
  ]
  it.each<[seq: number, type: string, where: unknown]>([
    [1, 'run.requested', undefined],
    [2, 'plan.pinned', undefined], // `nodes` is a count here.
    [3, 'wave.started', undefined],
    [4, 'command.intended', here],
    [5, 'command.sent', here], // It names the command only.
    [6, 'nodes.reported', { ...here, node: PLAN.content.nodes[1]?.node }],
    [7, 'nodes.skipped', undefined], // Two cells.
    [8, 'cell.refused', there],
    [9, 'run.finished', undefined],
  ])('%i, %s, says where', (seq, type, where) => {
    const places = new Places(PLAN.content)
    const records = CHAIN.map((sealed) => recordOf(sealed, places))
    expect(records[seq - 1]).toMatchObject({ seq, type })
    expect(records[seq - 1]?.where).toEqual(where)
  })

  it('says without a plan only what the entry spells out', () => {
    expect(CHAIN.flatMap((sealed) => recordOf(sealed).where ?? [])).toEqual([there])
  })
})

describe('the filter', () => {
  const minute = (n: number) => plus(START, n * 60_000)
  it.each<[asks: string, filter: AuditFilter, finds: number[]]>([
    ['nothing', {}, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['who, by kind', { who: 'cli' }, [1, 2]],
    ['who, by id', { who: PERSON.id }, [1, 2]],
    ['who, by pattern', { who: '*/ana' }, [1, 2]],
    ['who, nobody', { who: 'ana' }, []],
    ['what', { what: 'wave.started' }, [3]],
    ['what, by pattern', { what: 'command.*' }, [4, 5]],
    ['when, from then on', { since: minute(10) }, [7, 8, 9]],
    ['when, before then', { until: minute(1) }, [1, 2]],
    ['when, between', { since: minute(1), until: minute(9) }, [3, 4, 5]],
    ['where, an account', { account: '444455556666' }, [7, 8]],
    ['where, a region', { region: 'us-east-1' }, [4, 5, 6, 7]],
    ['where, a cell that is none', { account: '444455556666', region: 'us-east-1' }, []],
    ['where, a node', { node: PLAN.content.nodes[0]?.node ?? '' }, [4, 5]],
    ['where, a node of many', { node: PLAN.content.nodes[2]?.node ?? '' }, [7]],
    ['who and what', { who: 'engine', what: '*.s*' }, [3, 5, 7]],
  ])('by %s', (_, filter, finds) => {
    const places = new Places(PLAN.content)
    const seen = CHAIN.map((sealed, index) => openEntry(sealed, CHAIN[index - 1] ?? null)).filter((entry) =>
      fits(entry, places.of(entry), filter),
    )
    expect(seen.map(({ seq }) => seq)).toEqual(finds)
  })
})
