import { describe, expect, it } from 'vitest'
import { plan, ACCOUNT, REGION } from '../core/run/plan.ts'
import { RUN } from '../core/run/telling.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { silentLog } from '../../src/adapters/system/log.ts'
import { initial } from '../../src/core/run/state.ts'
import { unintended } from '../../src/engine/unintended.ts'
import type { World } from '../../src/engine/world.ts'
import { HOUR, instant, plus } from '../../src/kit/instant.ts'
import type { CommandSeen } from '../../src/ports/commands.ts'

const START = instant(Date.UTC(2026, 0, 1))
const made = plan({ waves: [{ nodes: 1 }] })

/** A command as SSM lists it. */
const seen = (comment: string, document: string): CommandSeen => ({
  commandId: `of ${comment}`,
  comment,
  document,
  requestedAt: START,
  expiresAfter: plus(START, HOUR),
  ended: true,
  nodes: made.nodes.map(({ node }) => node),
})

/** The numbers and works of what is adopted of these. */
async function adopted(...listed: readonly CommandSeen[]): Promise<unknown[]> {
  const commands = {
    async *sweep() {
      yield* await Promise.resolve(listed)
    },
  }
  const world = { clock: new VirtualClock(START), commands, log: silentLog } as unknown as World
  const facts = await unintended(world, initial(RUN, made), new AbortController().signal)
  return facts.map((fact) => (fact.type === 'CommandFound' ? [fact.n, fact.work, fact.cell] : fact.type))
}

describe('commands that no intent explains', () => {
  it('are those with a number of this run that its journal never gave', async () => {
    const others = [seen(`${RUN}.x`, 'Patchwave-Apply'), seen('somebody else', 'Patchwave-Apply')]
    expect(await adopted(seen(`${RUN}.2`, 'Patchwave-Apply'), ...others)).toEqual([[2, 'apply', `${ACCOUNT}/${REGION}`]])
  })

  it('are not the parts of a list that a scan reads without one: their numbers would be given to changes of the same nodes', async () => {
    expect(await adopted(seen(`${RUN}.900000000`, 'Patchwave-Fetch'), seen(`${RUN}.900000001`, 'Patchwave-Fetch'))).toEqual([])
  })
})
