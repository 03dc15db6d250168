import { describe, expect, it } from 'vitest'
import type { NodeSeen } from '../../src/core/plan/fleet.ts'
import { initial } from '../../src/core/run/state.ts'
import { surveyFleet } from '../../src/engine/effects/survey.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { Performing } from '../../src/engine/effects/perform.ts'
import { known } from '../../src/kit/assert.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import type { Cell } from '../../src/kit/ids.ts'
import { plan } from '../core/run/plan.ts'
import { RUN } from '../core/run/telling.ts'

const DENIED = new PatchwaveError('aws.denied', 'x', { hint: 'x' })
const UP = { state: 'running', agent: 'online', lastPing: null, hybrid: false, tags: {} } as const
const OTHER = '444455556666'

/** What a survey records of two accounts of two nodes each, the second of which is denied; `ami`: of the first account's first node by now. */
async function surveyed(ami: string, refusal = DENIED) {
  const content = plan({ waves: [{ nodes: [{}, {}, { account: OTHER }, { account: OTHER }] }] })
  const seen = content.nodes.map(({ skip: _, list: __, groups: ___, ...node }): NodeSeen => ({
    ...node,
    state: 'running',
    agent: 'online',
    lastPing: null,
    hybrid: false,
    tags: {},
  }))
  const world = {
    accounts: { prod: seen[0]?.account },
    fleet: {
      async *census({ account }: Cell) {
        await Promise.resolve()
        if (account === OTHER) throw refusal
        for (const node of seen) if (node.account === account) yield node.node === seen[0]?.node ? { ...node, ami } : node
      },
    },
  }
  const performing = { world, state: initial(RUN, content), signal: new AbortController().signal } as unknown as Performing
  for await (const events of surveyFleet(performing)) return events.map((event) => (event.type === 'FleetRead' ? event.drift : event.type))
  return []
}

describe('a survey of which one account is denied', () => {
  it('still sees that the plan does not fit the others, and holds nothing against nodes that it could not read', async () => {
    expect(await surveyed('ami-2')).toEqual(['CellRefused', expect.stringMatching(/^1 planned nodes changed: .* another image$/)])
    expect(await surveyed('ami-1')).toEqual(['CellRefused', null])
  })
})

describe('a survey of which one account is not answered', () => {
  it.each(['aws.unclear', 'aws.unreachable', 'clock.skewed'] as const)('is made again, and takes it for no refusal: %s', async (code) => {
    const broken = new PatchwaveError(code, 'x', { hint: 'x' })
    await expect(surveyed('ami-1', broken)).rejects.toThrow(broken)
  })
})

describe('a survey for a runbook that leaves images out', () => {
  it('knows the copies of an excluded image, and does not take nodes on them for new ones', async () => {
    const { runbook, ...more } = plan({ waves: [{ nodes: 1 }] })
    const exclude = { ...runbook.scope.match, images: ['ami-database'] }
    const wave = { take: { kind: 'rest' }, disruption: [] } as unknown as Runbook['waves'][number]
    const content = { ...more, runbook: { ...runbook, scope: { ...runbook.scope, exclude }, waves: [wave] } }
    const [ours] = content.nodes.map(({ skip: _, list: __, groups: ___, ...node }): NodeSeen => ({ ...node, ...UP }))
    const database = { ...known(ours, 'a node'), node: 'i-database', ami: 'ami-copy' }
    const world = {
      accounts: { prod: ours?.account },
      imageLineageTag: null,
      fleet: {
        async *census() {
          await Promise.resolve()
          yield* [ours, database]
        },
        images: ({ region }: Cell, amis: readonly string[]) =>
          Promise.resolve(
            amis.map((ami) => ({
              ami,
              region,
              name: '',
              sourceAmi: ami === 'ami-copy' ? 'ami-database' : null,
              sourceRegion: 'eu-west-1',
              tags: {},
            })),
          ),
      },
    }
    const performing = { world, state: initial(RUN, content), signal: new AbortController().signal } as unknown as Performing
    for await (const events of surveyFleet(performing)) expect(events).toMatchObject([{ type: 'FleetRead', appeared: 0, drift: null }])
    expect.assertions(1)
  })
})

describe('a survey of a scope with an account in which nothing was planned', () => {
  const DOWN = { state: 'running', agent: 'lost' } as const
  const BROKEN = new PatchwaveError('aws.unreachable', 'x', { hint: 'x' })

  /** One planned node, and one of the other account in the same zone; `per`: what the plan limits. */
  async function beside(per: 'availability-zone' | 'tag:Cluster', refusal: PatchwaveError | null = null) {
    const { runbook, ...more } = plan({ waves: [{ nodes: 1 }] })
    const [first, ...others] = more.nodes
    const node = { ...known(first, 'a node'), groups: [0] }
    const { skip: _, list: __, groups: ___, ...ours } = node
    const value = per === 'availability-zone' ? node.zone : `a@${node.account}/${node.region}`
    const content = {
      ...more,
      nodes: [node, ...others],
      groups: [{ key: `${per}=${value}`, atMost: 1, set: null, size: 2 }],
      runbook: {
        ...runbook,
        scope: { ...runbook.scope, accounts: ['prod', 'data'], regions: [node.region] },
        disruption: [{ per, atMost: { kind: 'count', count: 1 } }] as const,
      },
    }
    const tags = per === 'availability-zone' ? {} : { Cluster: 'a' }
    const world = {
      accounts: { prod: node.account, data: OTHER },
      fleet: {
        async *census({ account }: Cell) {
          await Promise.resolve()
          if (account === OTHER && refusal) throw refusal
          yield account === OTHER ? { ...ours, ...UP, ...DOWN, tags, node: 'i-other', account } : { ...ours, ...UP, tags }
        },
      },
    }
    const performing = { world, state: initial(RUN, content), signal: new AbortController().signal } as unknown as Performing
    for await (const events of surveyFleet(performing)) return events
    return []
  }

  it('counts its node that is down in the zone that both share', async () => {
    expect(await beside('availability-zone')).toMatchObject([{ type: 'FleetRead', down: [], outside: [0], drift: null }])
  })

  it('is made again while it is not answered, where a limit spans accounts; elsewhere nothing waits for it', async () => {
    await expect(beside('availability-zone', BROKEN)).rejects.toThrow(BROKEN)
    expect(await beside('tag:Cluster', BROKEN)).toMatchObject([{ type: 'FleetRead', outside: [] }])
    expect(await beside('availability-zone', DENIED)).toMatchObject([{ type: 'FleetRead', outside: [] }])
  })
})
