import { describe, expect, it } from 'vitest'
import { sealAll } from '../../src/core/audit/seal.ts'
import { toData } from '../../src/core/run/codec.ts'
import { messageBody } from '../../src/engine/relay.ts'
import { known } from '../../src/kit/assert.ts'
import { ENGINE, OPENS, RUN } from '../core/run/telling.ts'

/** Older queues take 256 KiB; one message that is refused holds up all behind it, for ever. */
describe('a fact about a large fleet', () => {
  it.each([
    ['is told whole while any queue takes it', 20_000, true],
    ['is told without its nodes where a queue may refuse it', 60_000, false],
  ])('%s', (_, count, whole) => {
    const nodes = Array.from({ length: count }, (__, position) => position)
    const data = toData({ type: 'NodesSkipped', nodes, reason: 'cutoff' })
    const sealed = known(sealAll(null, [{ run: RUN, at: OPENS, actor: ENGINE, ...data }])[0], 'the entry')
    const body = messageBody('monthly', sealed, 7)
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(262_144)
    const told = JSON.parse(body) as { n: number; head: string; type: string; data: Record<string, unknown> }
    expect(told).toMatchObject({ n: 7, head: sealed.hash, type: 'patchwave.nodes.skipped.v1', data: { actor: ENGINE } })
    expect([told.data['nodes'], told.data['omittedBytes']]).toEqual(whole ? [nodes, undefined] : [undefined, expect.any(Number)])
  })
})

it('a fact whose text has characters that SQS refuses is told with them, in another spelling', () => {
  const reason = 'disk \ufffe full \uffff \u{1f600}'
  const data = toData({ type: 'Paused', reason })
  const sealed = known(sealAll(null, [{ run: RUN, at: OPENS, actor: ENGINE, ...data }])[0], 'the entry')
  const body = messageBody('monthly', sealed, 1)
  expect(body).not.toMatch(/[\ufffe\uffff]/)
  expect(JSON.parse(body)).toMatchObject({ data: { reason } })
})
