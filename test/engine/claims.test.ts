import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { sealAll } from '../../src/core/audit/seal.ts'
import { toData } from '../../src/core/run/codec.ts'
import type { Fact } from '../../src/core/run/event.ts'
import { evolve } from '../../src/core/run/evolve.ts'
import { codeOf, initial, STAGE, type RunState } from '../../src/core/run/state.ts'
import { provenClaims } from '../../src/engine/claims.ts'
import { findCommand } from '../../src/engine/effects/find.ts'
import type { Performing } from '../../src/engine/effects/perform.ts'
import { Hints } from '../../src/engine/hints.ts'
import { Journal } from '../../src/engine/journal.ts'
import { known } from '../../src/kit/assert.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { DAY, HOUR, MINUTE, plus } from '../../src/kit/instant.ts'
import type { PlanSpec } from '../core/run/plan.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { CHECKERS } from '../checkers/all.ts'
import type { ClaimChange } from '../checkers/evidence.ts'
import { Following } from '../checkers/follow.ts'
import { ends, plays } from '../core/run/stepping.ts'
import { Telling } from '../core/run/telling.ts'
import { randomPlan, walk } from '../core/run/walk.ts'

/**
 * Nodes after a fact: those that the run's hand is on, those that its claims count in their groups, those that the journal proves a claim on, and those
 * that the run itself has out of service.
 */
type Seen = Readonly<{ held: ReadonlySet<string>; counted: ReadonlySet<string>; proven: readonly string[]; out: readonly string[] }>

/** What the run has taken out of service, from the first promise on. What was down before, or disappeared, is none of its own. */
const outNow = ({ nodes, plan }: RunState): string[] =>
  (plan.work === 'scan' ? [] : plan.nodes).flatMap(({ node }, position) => {
    const isChosen = nodes.stage[position] === STAGE.chosen
    const gone = nodes.reason[position] === 'gone'
    return nodes.out[position] === 1 && nodes.down[position] === 0 && !isChosen && !gone ? [node] : []
  })

/** The run as it was told, written once more by the journal into a store of its own; `watch` is called after each fact. */
async function written(told: Telling, watch: (fact: Fact, seen: Seen) => void) {
  const { plan, facts } = told
  const { run } = told.state
  const store = openMemoryStore()
  const [first, ...rest] = facts
  const requested = known(first, 'the request')
  const clock: Clock = { now: () => state.at, sleep: () => Promise.resolve(), hold: (work) => work() }
  const state = initial(run, plan)
  const begun = sealAll(null, [{ run, at: requested.at, actor: requested.actor, ...toData(requested.event) }])
  await store.create({ run, runbook: plan.runbook.name, act: plan.act, requestedAt: requested.at }, begun)
  evolve(state, requested)
  const journal = new Journal({ state, store, clock, last: begun.at(-1) ?? null, listen: () => undefined })
  for (const fact of rest) {
    state.at = fact.at
    expect(await journal.record([fact.event], fact.actor), fact.event.type).toEqual([])
    const claims = await store.claims({ run })
    const held = new Set(claims.filter(({ hand }) => hand).map(({ node }) => node))
    const proven = provenClaims(state).map(({ node }) => node)
    const out = state.phase.name === 'finished' ? [] : outNow(state)
    watch(fact, { held, counted: new Set(claims.map(({ node }) => node)), proven, out })
  }
  return { state, claims: await store.claims({ run }), store, journal }
}

/** Plays a run and looks at its claims from the beginning to the end. */
async function held(seed: number): Promise<string[]> {
  const told = walk(randomPlan(seed), seed)
  const { plan, facts } = told
  const { run } = told.state
  const evidence = { run, plan, facts }
  const following = new Following(evidence)
  const changes: ClaimChange[] = []
  const found: string[] = []
  let before: ReadonlySet<string> = new Set()
  following.tell(known(facts[0], 'the request'))
  const { state, claims } = await written(told, (fact, { held: now, counted, proven, out }) => {
    following.tell(fact)
    const { at } = fact
    for (const node of now) if (!before.has(node)) changes.push({ at, run, node, change: 'taken' })
    for (const node of before) if (!now.has(node)) changes.push({ at, run, node, change: 'released' })
    before = new Set(now)
    for (const { planned, around } of following.lives)
      if (around.away !== 'no' && !now.has(planned.node))
        found.push(`${planned.node} is ${around.away} without a claim after ${fact.event.type}`)
    for (const node of out) if (!counted.has(node)) found.push(`${node} is out of service and counts nowhere after ${fact.event.type}`)
    for (const node of proven) if (!now.has(node)) found.push(`the journal proves a claim on ${node} after ${fact.event.type}`)
  })
  expect(state.phase.name).toBe('finished')
  const all = { runs: [{ ...evidence, lived: state }], claimChanges: changes, claims, calm: true }
  const check = (name: string): string[] => [...(CHECKERS[name]?.(all) ?? [])]
  const left = claims.filter(({ hand }) => hand).map(({ node }) => `a hand is left on ${node}`)
  return [...found, ...left, ...check('I1 claims held'), ...check('I12 put back')]
}

const around = (more: NonNullable<PlanSpec['around']>, spec: Partial<PlanSpec> = {}): Telling => {
  const told = new Telling({ waves: [{ nodes: 1 }], around: more, ...spec })
  told.open()
  told.read()
  return told
}
const COPY = { backup: { keepMs: HOUR } }

/** A step claims the node, and it leaves its round with nothing to bring back. */
const LEAVES: readonly (readonly [what: string, story: () => Telling])[] = [
  [
    'its round is given up',
    () => {
      const told = around(COPY)
      told.tell({ type: 'Paused', reason: 'x' })
      ends(told, 'snapshot')
      return told
    },
  ],
  [
    'the step cannot be done',
    () => {
      const told = around(COPY)
      ends(told, 'snapshot', { 0: 'skipped: snapshot-failed' })
      return told
    },
  ],
  [
    'it may not be touched any more',
    () => {
      const told = around(COPY)
      told.wait(10 * MINUTE)
      ends(told, 'snapshot')
      told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['excluded'], down: [] })
      return told
    },
  ],
  [
    'another run is in its group',
    () => {
      const told = around(COPY)
      told.instead = (event) =>
        event.type === 'CommandIntended'
          ? { type: 'NodesBusy', batch: event.batch, nodes: event.nodes, until: plus(told.now, HOUR) }
          : event
      ends(told, 'snapshot')
      return told
    },
  ],
  [
    'its root volume was the whole change',
    () => {
      const failures = { kind: 'count', count: 1 } as const
      const rollback = { on: 'gate-failed', scope: 'wave', method: 'root-volume', outside: 'allow', failures, failuresMax: 1 } as const
      const told = around({}, { rollback })
      plays(told, { apply: () => 'failed: timeout' })
      return told
    },
  ],
]

const ACTOR = { kind: 'engine', id: 'driver-1' } as const
const DENIED = new PatchwaveError('aws.denied', 'x', { hint: 'x', detail: { call: 'sts.AssumeRole' } })

/** What becomes of a look-up that can never be answered: its command is given up, so many days after its intent. */
const GIVEN_UP: readonly (readonly [what: string, afterMs: number, sweep: () => void])[] = [
  ['SSM has forgotten', 26 * DAY, () => undefined],
  [
    'nobody may look up any more',
    DAY,
    () => {
      throw DENIED
    },
  ],
]

describe('a doubtful command', () => {
  it.each(GIVEN_UP)('that %s leaves no hand on its nodes', async (_, afterMs, sweep) => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.open()
    told.read()
    told.tell({ type: 'CommandUnclear', n: 1, message: 'x' })
    const { state, store, journal } = await written(told, () => undefined)
    const hands = async (): Promise<number> => (await store.claims({ run: state.run })).filter(({ hand }) => hand).length
    expect(await hands()).toBe(2)
    state.at = plus(state.at, afterMs)
    const world = {
      clock: { now: () => state.at, sleep: () => Promise.resolve(), hold: (work: () => unknown) => work() },
      commands: {
        // eslint-disable-next-line require-yield -- SSM lists nothing
        async *sweep() {
          await Promise.resolve(sweep())
        },
      },
    }
    const performing = { world, state, hints: new Hints(), signal: new AbortController().signal } as unknown as Performing
    for await (const letter of findCommand(performing, { kind: 'find', key: 'find:1', n: 1 })) await journal.record(letter, ACTOR)
    expect([state.nodes.outcome[0], state.openCommands.size]).toEqual([codeOf('unknown'), 0])
    expect(await hands()).toBe(0)
  })
})

describe('the claims of a run', () => {
  it.each(LEAVES)('go when %s', async (_, story) => {
    const told = story()
    let most = 0
    const { claims } = await written(told, (_fact, { held: now }) => (most = Math.max(most, now.size)))
    expect(most).toBe(1)
    expect(claims.filter(({ hand }) => hand)).toEqual([])
  })

  it('are on its nodes from the first step to the last one, and on none at the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        expect(await held(seed)).toEqual([])
      }),
      { numRuns: Number(process.env['RUNS'] ?? 150) },
    )
  })
})
