import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { silentLog } from '../../src/adapters/system/log.ts'
import { ask, asking, SETTLE_MS, type Answer, type Question } from '../../src/engine/ask.ts'
import type { World } from '../../src/engine/world.ts'
import { PatchwaveError, type ErrorCode } from '../../src/kit/error.ts'
import type { CommandId, NodeId } from '../../src/kit/ids.ts'
import { instant, MINUTE, plus, SECOND, type Instant, type Ms } from '../../src/kit/instant.ts'
import type { CommandOrder, CommandSeen, InvocationSeen } from '../../src/ports/commands.ts'

const START = instant(Date.UTC(2026, 0, 1))
const TOKEN = '01900000-0000-7000-8000-000000000001.7'
const CELL = { account: '111122223333', region: 'us-east-1' }
const signal = new AbortController().signal

const says = (reason: string, verdict = 'passed', token = TOKEN): string => JSON.stringify({ pw: 1, token, verdict, reason, endedAt: 1 })

/** What a node's part of a command comes to, and when; until `hiddenMs` SSM does not show it. */
type Part = Readonly<{ node: NodeId; afterMs: Ms; hiddenMs?: Ms; status?: string; output?: string }>
/** What becomes of each send in turn: a command with these parts, or a failure. */
type Script = Readonly<{
  sends: readonly (readonly Part[] | PatchwaveError)[]
  known?: readonly CommandSeen[]
  /** Until then SSM does not list what it knows. */
  blindMs?: Ms
  /** Until then SSM says of a command that it does not know it. */
  unknownMs?: Ms
  commands?: Readonly<Record<CommandId, readonly Part[]>>
}>

/** An SSM that follows a script, and what was asked of it. */
function stage({ sends, known = [], blindMs = 0, unknownMs = 0, commands = {} }: Script) {
  const clock = new VirtualClock(START)
  const orders: CommandOrder[] = []
  const running = new Map<CommandId, Readonly<{ at: Instant; parts: readonly Part[] }>>(
    Object.entries(commands).map(([id, parts]) => [id, { at: START, parts }]),
  )
  const world: Pick<World, 'clock' | 'commands' | 'log'> = {
    clock,
    log: silentLog,
    commands: {
      send: (order) => {
        orders.push(order)
        const next = sends[orders.length - 1]
        if (next === undefined || next instanceof PatchwaveError) return Promise.reject(next ?? unclear)
        const commandId = `sent-${String(orders.length)}`
        running.set(commandId, { at: clock.now(), parts: next })
        return Promise.resolve({ commandId, requestedAt: clock.now(), expiresAfter: plus(clock.now(), 70 * MINUTE) })
      },
      async *sweep(_, since) {
        const shown = clock.now() < plus(START, blindMs) ? [] : known.filter(({ requestedAt }) => requestedAt >= since)
        yield* await Promise.resolve(shown)
      },
      async *invocations(_, id) {
        const { at, parts } = await Promise.resolve(running.get(id) ?? { at: START, parts: [] })
        if (clock.now() < plus(at, unknownMs)) throw failure('aws.missing')
        for (const { node, afterMs, hiddenMs = 0, status = 'Success', output = says('passed') } of parts) {
          if (clock.now() < plus(at, hiddenMs)) continue
          const ended = clock.now() >= plus(at, afterMs)
          yield {
            node,
            status: ended ? status : 'InProgress',
            ended,
            exitCode: ended ? 0 : null,
            output: ended ? output : '',
          } satisfies InvocationSeen
        }
      },
      cancel: () => Promise.resolve(),
      output: () => Promise.resolve(''),
    },
  }
  return { world: world as World, clock, orders } // Nothing else of the world is asked.
}

const failure = (code: ErrorCode, nodes = ''): PatchwaveError =>
  new PatchwaveError(code, 'no', { hint: 'none', ...(nodes !== '' && { detail: { nodes } }) })
const unclear = failure('aws.unclear')
const seen = (commandId: CommandId, nodes: readonly NodeId[], comment = TOKEN): CommandSeen => ({
  commandId,
  comment,
  requestedAt: START,
  expiresAfter: plus(START, 70 * MINUTE),
  ended: false,
  nodes,
})

const question: Question = {
  token: TOKEN,
  document: { name: 'Patchwave-Hook', hash: 'ab'.repeat(32) },
  askedAt: START,
  until: plus(START, 30 * MINUTE),
  executionSeconds: 60,
}

const briefly = (answers: readonly Answer[]): string[] => answers.map(({ node, line, status }) => `${node} ${line?.reason ?? status}`)

async function asked(
  { world, clock }: ReturnType<typeof stage>,
  nodes: readonly NodeId[],
  more: Partial<Question> = {},
): Promise<string[][]> {
  return await clock.run(async () => {
    const rounds: string[][] = []
    for await (const some of asking(world, CELL, { ...question, ...more }, [{ nodes, parameters: {} }], signal)) rounds.push(briefly(some))
    return rounds
  })
}

describe('asking nodes', () => {
  it('yields answers as they come, the silent ones at the end', async () => {
    const script = stage({ sends: [[{ node: 'a', afterMs: SECOND }, { node: 'b', afterMs: 5 * MINUTE }, { node: 'c', afterMs: MINUTE, status: 'Failed', output: 'no line' }]] }) // prettier-ignore
    expect(await asked(script, ['a', 'b', 'c'])).toEqual([['a passed'], ['b passed'], ['c Failed']])
  })

  it('waits for nodes that SSM does not show as long as it shows others', async () => {
    const script = stage({
      sends: [
        [
          { node: 'a', afterMs: 0 },
          { node: 'b', afterMs: 5 * MINUTE, hiddenMs: MINUTE },
        ],
      ],
    })
    expect(await asked(script, ['a', 'b'])).toEqual([['a passed'], ['b passed']])
  })

  it('waits for a command that SSM says it does not know, for it was just sent', async () => {
    const script = stage({ sends: [[{ node: 'a', afterMs: 0 }]], unknownMs: 20 * SECOND })
    expect(await asked(script, ['a'])).toEqual([['a passed']])
  })

  it('does not wait for nodes beyond its time, and says that they were sent to', async () => {
    const script = stage({ sends: [[{ node: 'a', afterMs: 60 * MINUTE }]] })
    expect(await asked(script, ['a'])).toEqual([['a sent']])
    expect(script.clock.now()).toBe(question.until)
  })

  it('hears no other token', async () => {
    const script = stage({ sends: [[{ node: 'a', afterMs: 0, output: says('passed', 'passed', TOKEN.replace('.7', '.8')) }]] })
    expect(await asked(script, ['a'])).toEqual([['a Success']])
  })

  it('sends fifty at once', async () => {
    const nodes = Array.from({ length: 120 }, (_, index) => `n${String(index)}`)
    const script = stage({ sends: [0, 50, 100].map((from) => nodes.slice(from, from + 50).map((node) => ({ node, afterMs: 0 }))) })
    expect((await asked(script, nodes)).flat()).toHaveLength(120)
    expect(script.orders.map((order) => order.nodes.length)).toEqual([50, 50, 20])
  })

  it('goes on without nodes that SSM names as invalid', async () => {
    const script = stage({ sends: [failure('aws.invalid', 'b'), [{ node: 'a', afterMs: 0 }]] })
    expect(await asked(script, ['a', 'b'])).toEqual([['a passed'], ['b refused']])
  })

  it('asks again when it was throttled, within its time', async () => {
    const script = stage({ sends: [failure('aws.throttled'), failure('aws.throttled'), [{ node: 'a', afterMs: 0 }]] })
    expect(await asked(script, ['a'])).toEqual([['a passed']])
    expect(script.orders).toHaveLength(3)
  })

  it('does not say that SSM refuses nodes where it only was too late to send', async () => {
    const late = new PatchwaveError('aws.invalid', 'too late', { hint: 'none', detail: { error: 'TooLate' } })
    expect(await asked(stage({ sends: [unclear, late] }), ['a'])).toEqual([['a unsent']])
  })

  it('asks again where AWS calls the time of a request wrong that stood still', async () => {
    const script = stage({ sends: [new PatchwaveError('clock.skewed', 'no', { hint: 'none' }), [{ node: 'a', afterMs: 0 }]] })
    expect(await asked(script, ['a'])).toEqual([['a passed']])
  })

  it('sends again what may have been sent, and finds it by its token when no answer ever came', async () => {
    const script = stage({ sends: [], known: [seen('lost', ['a'])], commands: { lost: [{ node: 'a', afterMs: 0 }] } })
    expect(await asked(script, ['a'])).toEqual([['a passed']])
    expect(script.orders.length).toBeGreaterThan(1)
  })

  it('begins nothing after the moment that it is given', async () => {
    const script = stage({ sends: Array.from({ length: 99 }, () => failure('aws.throttled')) })
    expect(await asked(script, ['a'], { startBefore: plus(START, 2 * MINUTE) })).toEqual([['a unsent']])
    expect(script.orders.every(({ startBefore }) => startBefore === plus(START, 2 * MINUTE))).toBe(true)
    expect(script.orders).toHaveLength(5) // After 0, 5, 15, 35 and 75 s; SSM takes nothing in the last 30.
  })

  it('adopts what an earlier driver sent, and sends only to the rest', async () => {
    const script = stage({
      sends: [[{ node: 'b', afterMs: 0 }]],
      known: [seen('early', ['a']), seen('strange', ['b'], 'somebody else')],
      commands: { early: [{ node: 'a', afterMs: 0 }] },
    })
    expect((await asked(script, ['a', 'b'], { askedAt: plus(START, -MINUTE) })).flat().sort()).toEqual(['a passed', 'b passed'])
    expect(script.orders.map(({ nodes }) => nodes)).toEqual([['b']])
  })

  it('prefers what a copy has done to what another one came too late for', async () => {
    const script = stage({
      sends: [],
      known: [seen('late', ['a']), seen('first', ['a'])],
      commands: { late: [{ node: 'a', afterMs: 0, output: says('too-late', 'skipped') }], first: [{ node: 'a', afterMs: MINUTE }] },
    })
    expect(await asked(script, ['a'])).toEqual([['a passed']])
  })

  describe('of a copy that waited for the lock of its node in vain', () => {
    const locked: Part = { node: 'a', afterMs: MINUTE, status: 'Failed', output: says('lock-held', 'failed') }

    it('does not say that another one will not begin', async () => {
      const known = [seen('locked', ['a']), seen('slow', ['a'])]
      const script = stage({ sends: [], known, commands: { locked: [locked], slow: [{ node: 'a', afterMs: 5 * MINUTE }] } })
      expect(await asked(script, ['a'])).toEqual([['a passed']])
    })

    it('does not say that another one is not at work when time is over', async () => {
      const known = [seen('locked', ['a']), seen('slow', ['a'])]
      const script = stage({ sends: [], known, commands: { locked: [locked], slow: [{ node: 'a', afterMs: 60 * MINUTE }] } })
      expect(await asked(script, ['a'])).toEqual([['a sent']])
    })

    it('does not say that one will not begin which nobody has seen', async () => {
      const script = stage({
        sends: [unclear, [locked]],
        known: [seen('lost', ['a'])],
        blindMs: SETTLE_MS,
        commands: { lost: [{ node: 'a', afterMs: 5 * MINUTE }] },
      })
      expect(await asked(script, ['a'])).toEqual([['a passed']])
    })

    it('says so at once where it is the only one, and at last where none had more luck', async () => {
      const alone = stage({ sends: [[locked, { node: 'b', afterMs: 5 * MINUTE }]] })
      expect(await asked(alone, ['a', 'b'])).toEqual([['a lock-held'], ['b passed']])
      const two = stage({ sends: [], known: [seen('one', ['a']), seen('two', ['a'])], commands: { one: [locked], two: [locked] } })
      expect(await asked(two, ['a'])).toEqual([['a lock-held']])
    })
  })

  it.each([
    ['never arrived', { node: 'a', afterMs: 0, status: 'Undeliverable', output: '' }],
    ['came too late', { node: 'a', afterMs: 0, output: says('too-late', 'skipped') }],
  ])('does not take a copy that %s for all that was sent', async (_, idle) => {
    const slow = { node: 'a', afterMs: 60 * MINUTE }
    const known = [seen('idle', ['a']), seen('slow', ['a']), seen('idle-too', ['a'])]
    const script = stage({ sends: [], known, commands: { idle: [idle], slow: [slow], 'idle-too': [idle] } })
    expect(await asked(script, ['a'], { askedAt: plus(START, -MINUTE) })).toEqual([['a sent']])
  })

  it('says of copies that all came to nothing what the node said, or else SSM', async () => {
    const gone: Part = { node: 'a', afterMs: 0, status: 'Undeliverable', output: '' }
    const late: Part = { node: 'a', afterMs: 0, output: says('too-late', 'skipped') }
    const known = [seen('gone', ['a']), seen('late', ['a'])]
    expect(await asked(stage({ sends: [], known, commands: { gone: [gone], late: [late] } }), ['a'])).toEqual([['a too-late']])
    expect(await asked(stage({ sends: [], known, commands: { gone: [gone], late: [gone] } }), ['a'])).toEqual([['a Undeliverable']])
  })

  describe('that somebody else asked before', () => {
    const late = { askedAt: plus(START, -MINUTE), startBefore: START }

    it('waits until SSM lists what was sent, also where it is too late to send', async () => {
      const script = stage({
        sends: [],
        known: [seen('hidden', ['a'])],
        blindMs: SETTLE_MS,
        commands: { hidden: [{ node: 'a', afterMs: 0 }] },
      })
      expect(await asked(script, ['a'], late)).toEqual([['a passed']])
      expect(script.orders).toEqual([])
    })

    it('waits for that beyond its own time', async () => {
      const script = stage({ sends: [], known: [seen('hidden', ['a'])], blindMs: SETTLE_MS, commands: { hidden: [{ node: 'a', afterMs: 60 * MINUTE }] } }) // prettier-ignore
      expect(await asked(script, ['a'], { ...late, until: plus(START, SECOND) })).toEqual([['a sent']])
      expect(script.clock.now()).toBe(plus(START, SETTLE_MS))
    })

    it('finds what AWS says was sent minutes before it was asked: the host that asked had a clock of its own', async () => {
      const early = { ...seen('early', ['a']), requestedAt: plus(START, -4 * MINUTE) }
      const script = stage({ sends: [], known: [early], commands: { early: [{ node: 'a', afterMs: 0 }] } })
      expect(await asked(script, ['a'], late)).toEqual([['a passed']])
    })

    it('knows then that what is not listed was not sent', async () => {
      const script = stage({ sends: [] })
      expect(await asked(script, ['a'], late)).toEqual([['a unsent']])
      expect(script.clock.now()).toBe(plus(START, SETTLE_MS))
    })

    it('does not take a refusal, or a copy of its own that never arrived, for all', async () => {
      const hidden = { known: [seen('hidden', ['a', 'b'])], blindMs: SETTLE_MS }
      const never: Part = { node: 'a', afterMs: 0, status: 'Undeliverable', output: '' }
      const running = { hidden: [{ node: 'a', afterMs: MINUTE }, { node: 'b', afterMs: 60 * MINUTE }] } // prettier-ignore
      const script = stage({ sends: [failure('aws.invalid', 'b'), [never]], ...hidden, commands: running })
      expect(await asked(script, ['a', 'b'], { askedAt: plus(START, -MINUTE) })).toEqual([['a passed'], ['b sent']])
    })
  })

  it('looks for what it sent without an answer although it was refused after that', async () => {
    const script = stage({
      sends: [unclear, failure('aws.denied')],
      known: [seen('lost', ['a'])],
      commands: { lost: [{ node: 'a', afterMs: 0 }] },
    })
    expect(await asked(script, ['a', 'b'])).toEqual([['a passed'], ['b refused']])
  })

  it('asks several cells side by side', async () => {
    const script = stage({ sends: [[{ node: 'a', afterMs: 0 }], [{ node: 'b', afterMs: 0 }]] })
    const nodes = [
      { node: 'a', ...CELL },
      { node: 'b', ...CELL, region: 'eu-west-1' },
    ]
    const answers = await script.clock.run(() => ask(script.world, { ...question, parameters: {}, nodes }, signal))
    expect(briefly(answers).sort()).toEqual(['a passed', 'b passed'])
    expect(script.orders.map(({ cell }) => cell.region)).toEqual(['us-east-1', 'eu-west-1'])
  })
})
