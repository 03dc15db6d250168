import { describe, expect, it } from 'vitest'
import { Bug } from '../../src/kit/assert.ts'
import { sha256 } from '../../src/kit/digest.ts'
import { PatchwaveError, type ErrorCode } from '../../src/kit/error.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { message, TriggerStage } from './trigger-stage.ts'

const failure = (code: ErrorCode): PatchwaveError => new PatchwaveError(code, 'because', { hint: 'do this' })
const fails =
  (code: ErrorCode, times = Infinity) =>
  (_: unknown, nth: number): void => {
    if (nth <= times) throw failure(code)
  }

describe('a trigger', () => {
  it('starts its run in the name of its sender, and is gone', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message({ inputs: { cve: 'CVE-2026-1', ring: 3, force: true }, now: true }))
    await stage.receive(MINUTE)
    expect(stage.asked).toEqual([
      {
        trigger: {
          id: 'CHG-1',
          runbook: 'monthly',
          reason: 'CHG-1: patches',
          inputs: { cve: 'CVE-2026-1', ring: '3', force: 'true' },
          now: true,
        },
        actor: { kind: 'message', id: 'AIDA999999999999SENDER' },
        at: 0,
      },
    ])
    expect(await stage.runs()).toEqual(['monthly'])
    expect(await stage.left()).toEqual([0, 0])
    expect(await stage.refusals()).toEqual([])
  })

  it('that comes in several messages starts one run, and the others are gone', async () => {
    const stage = await TriggerStage.with()
    for (let time = 0; time < 3; time++) await stage.send(message())
    await stage.receive(MINUTE)
    expect([stage.asked.length, await stage.runs()]).toEqual([1, ['monthly']])
    expect(await stage.left()).toEqual([0, 0])
    expect(stage.lines.filter((line) => line.includes('had led to already'))).toHaveLength(2)
  })

  it('is told from its first run a year later', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message())
    await stage.receive(MINUTE)
    await stage.clock.run(() => stage.clock.sleep(plus(stage.clock.now(), 365 * 24 * HOUR)))
    await stage.send(message({ reason: 'the same in other words' }))
    await stage.receive(MINUTE)
    expect([await stage.runs(), await stage.refusals()]).toEqual([['monthly'], []])
  })

  it.each([
    ['another runbook', { runbook: 'weekly' }],
    ['other inputs', { inputs: { cve: 'CVE-2026-2' } }],
    ['an input that the first did not have', { inputs: { cve: 'CVE-2026-1', ring: 'last' } }],
  ])('for %s under an id that is taken is refused', async (_, more) => {
    const stage = await TriggerStage.with()
    await stage.send(message({ inputs: { cve: 'CVE-2026-1' } }))
    await stage.send(message({ inputs: { cve: 'CVE-2026-1' }, ...more }))
    await stage.receive(MINUTE)
    expect(await stage.runs()).toEqual(['monthly'])
    const [refused] = await stage.refusals()
    expect(refused?.attributes).toMatchObject({
      code: 'trigger.invalid',
      reason: expect.stringMatching(/the id CHG-1 has led to run 019b/),
    })
    expect(refused?.body).toContain(JSON.stringify(more).slice(1, -1))
  })

  it('of one of two processes is the other’s as well: each starts once', async () => {
    const stage = await TriggerStage.with()
    for (let n = 0; n < 6; n++) for (let twice = 0; twice < 2; twice++) await stage.send(message({ id: `CHG-${n}`, runbook: `r${n}` }))
    const slow = stage.start(() => stage.clock.sleep(plus(stage.clock.now(), 30 * SECOND)))
    await stage.receive(30 * MINUTE, { start: slow }, [stage.world(), stage.world()])
    expect([...(await stage.runs())].sort()).toEqual(['r0', 'r1', 'r2', 'r3', 'r4', 'r5'])
    expect([await stage.left(), await stage.refusals()]).toEqual([[0, 0], []])
  })
})

describe('a trigger in two messages, of which one is planned longer than the other', () => {
  it('is not refused for what has changed since its run began', async () => {
    const stage = await TriggerStage.with()
    for (let twice = 0; twice < 2; twice++) await stage.send(message())
    const start = stage.start(async (_, nth) => {
      await stage.clock.sleep(plus(stage.clock.now(), nth * MINUTE))
      if (nth === 2) throw failure('freeze.holds')
    })
    await stage.receive(10 * MINUTE, { start }, [stage.world(), stage.world()])
    expect([stage.asked.length, await stage.runs()]).toEqual([2, ['monthly']])
    expect([await stage.left(), await stage.refusals()]).toEqual([[0, 0], []])
  })
})

describe('a process that dies between start and delete', () => {
  it('leaves a message that comes again, to the same run', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message())
    const dead = new AbortController()
    const dying = stage.world((queue) => ({
      ...queue,
      remove: async () => {
        dead.abort()
        await new Promise(() => undefined)
      },
    }))
    await stage.clock.run(async () => {
      const start = stage.start()
      const { receiveTriggers } = await import('../../src/engine/triggers.ts')
      void receiveTriggers(dying, { start, signal: dead.signal })
      await stage.clock.sleep(plus(stage.clock.now(), MINUTE))
    })
    expect([await stage.runs(), await stage.left()]).toEqual([['monthly'], [0, 1]])
    await stage.receive(5 * MINUTE)
    expect(stage.asked).toHaveLength(1)
    expect([await stage.runs(), await stage.left(), await stage.refusals()]).toEqual([['monthly'], [0, 0], []])
  })

  it('whose runbook has changed since is not refused', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message())
    await stage.receive(MINUTE)
    await stage.send(message())
    await stage.receive(MINUTE, { start: stage.start(fails('input.invalid')) })
    expect([await stage.refusals(), await stage.left()]).toEqual([[], [0, 0]])
  })
})

describe('what is no trigger', () => {
  const deep = (open: string, close: string, levels = 30_000): string => `${open.repeat(levels)}${close.repeat(levels)}`

  const many = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, n) => [`i${n}`, 'x']))

  it.each<[string, string, RegExp]>([
    ['words', 'please patch', /it is not JSON/],
    ['a number', '7', /must be/],
    ['null', 'null', /must be/],
    ['a list', '[]', /must be/],
    ['YAML', 'kind: Trigger', /it is not JSON/],
    ['what was not UTF-8', message({ id: 'x' }).replace('CHG-1', 'CHG-\ufffd'), /reason/],
    ['half an object', message().slice(0, -1), /it is not JSON/],
    ['an object and more', `${message()}{}`, /it is not JSON/],
    ['lists without end', deep('[', ']'), /nests more than 16 levels/],
    ['maps without end', deep('{"a":', '}', 9_000).replace('}', '1}'), /nests more than 16 levels/],
    ['a key twice', message().replace('{', '{"runbook":"weekly",'), /the key "runbook" stands twice/],
    ['a key twice, spelled in two ways', message().replace('{', '{"run\\u0062ook":"weekly",'), /the key "runbook" stands twice/],
    ['an unknown key', message({ runbok: 'x' }), /unknown key "runbok"/],
    ['a prototype', message().replace('{', '{"__proto__":{"now":true},'), /unknown key "__proto__"/],
    ['another version', message({ apiVersion: 'patchwave/v2' }), /apiVersion cannot be "patchwave\/v2"/],
    ['another kind', message({ kind: 'Runbook' }), /kind cannot be "Runbook"/],
    ['no id', message({ id: undefined }), /"id" is missing/],
    ['an id with a blank', message({ id: 'CHG 1' }), /id: "CHG 1" is not 1 to 128 printable/],
    ['a long id', message({ id: 'x'.repeat(129) }), /id: "xxx/],
    ['no reason', message({ reason: '' }), /reason/],
    ['a reason over two lines', message({ reason: 'a\nb' }), /reason/],
    ['a reason that turns letters round', message({ reason: 'a\u202eb' }), /reason/],
    ['half a surrogate pair', message().replace('CHG-1: patches', '\\ud800'), /reason/],
    ['a path for a runbook', message({ runbook: '../secret' }), /runbook: "..\/secret" is not a name/],
    ['now as a word', message({ now: 'yes' }), /now must be true or false, not the text "yes"/],
    ['inputs as a list', message({ inputs: ['cve'] }), /inputs must be/],
    ['an input that is a map', message({ inputs: { cve: {} } }), /inputs.cve must be/],
    ['an input that is no whole number', message({ inputs: { share: 0.5 } }), /inputs.share must be/],
    ['an input of another name', message({ inputs: { 'a b': 'c' } }), /"a b"/],
    ['too many inputs', message({ inputs: many(51) }), /inputs must have at most 50 keys/],
    ['a thousand inputs', message({ inputs: many(1000) }), /a map has more than 100 keys/],
  ])('%s: is refused with the reason, and the next one starts', async (_, body, reason) => {
    const stage = await TriggerStage.with()
    await stage.send(body)
    await stage.send(message({ id: 'GOOD' }))
    await stage.receive(5 * MINUTE)
    const refused = await stage.refusals()
    expect(refused.map((one) => one.body)).toEqual([body])
    expect(refused[0]?.attributes).toEqual({
      code: 'trigger.invalid',
      reason: expect.stringMatching(reason),
      messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sender: 'AIDA999999999999SENDER',
      receivedAt: '2026-01-01T00:00:00.000Z',
    })
    expect(stage.asked.map(({ trigger }) => trigger.id)).toEqual(['GOOD'])
    expect(await stage.left()).toEqual([0, 0])
  })

  it.each([
    ['a megabyte', 'x'.repeat(1_048_576)],
    ['a megabyte of what takes three bytes each', '€'.repeat(349_525)],
    ['a megabyte of JSON', JSON.stringify(Array.from({ length: 174_762 }, () => 'abc'))],
    ['a cut in the middle of a pair', `${'x'.repeat(79_999)}😀${'x'.repeat(10)}`],
  ])('%s is refused, cut, with its digest', async (_, body) => {
    const stage = await TriggerStage.with()
    await stage.change('refused', { MaximumMessageSize: '262144' }) // As queues from before 2025 may still have it.
    await stage.send(body)
    await stage.receive(5 * MINUTE)
    const [refused] = await stage.refusals()
    expect(refused?.attributes).toMatchObject({
      characters: String(body.length),
      digest: sha256(body),
      reason: expect.stringContaining('more than 65536'),
    })
    expect(refused?.body.slice(0, 79_999)).toBe(body.slice(0, 79_999))
    expect(refused?.body).toHaveLength(80_000)
    expect(await stage.left()).toEqual([0, 0])
  })

  it('lies in a FIFO queue as well', async () => {
    const stage = await TriggerStage.with({ triggers: 'triggers.fifo', refused: 'refused.fifo' })
    await stage.send('no')
    await stage.receive(MINUTE)
    expect(await stage.refusals()).toMatchObject([{ body: 'no', group: 'refused' }])
  })

  it('stays for SQS’s redrive where no queue takes it, told once', async () => {
    const stage = await TriggerStage.with({ refused: null })
    await stage.create('dead')
    const redrive = { deadLetterTargetArn: `arn:aws:sqs:us-east-1:999999999999:dead`, maxReceiveCount: 3 }
    await stage.change('triggers', { RedrivePolicy: JSON.stringify(redrive) })
    await stage.send('no')
    await stage.receive(4 * MINUTE)
    expect(await stage.left()).toEqual([0, 1])
    await stage.receive(10 * MINUTE)
    expect([await stage.left(), await stage.left('dead')]).toEqual([
      [0, 0],
      [1, 0],
    ])
    expect(stage.lines.filter((line) => line.includes('left in the queue'))).toHaveLength(1)
    expect(stage.lines[0]).toMatch(/it is not JSON/)
  })

  it('stays while the queue for it is not there, and is not lost', async () => {
    const stage = new TriggerStage()
    await stage.create('triggers')
    await stage.send('no')
    await stage.send(message())
    await stage.receive(10 * MINUTE)
    expect([await stage.runs(), await stage.left()]).toEqual([['monthly'], [0, 1]])
    expect(stage.troubles).toContainEqual(expect.stringContaining('aws.missing'))
    await stage.create('refused')
    await stage.receive(10 * MINUTE)
    expect([(await stage.refusals()).map(({ body }) => body), await stage.left()]).toEqual([['no'], [0, 0]])
    expect(stage.troubles.at(-1)).toBeNull()
  })
})

describe('a start that fails', () => {
  it.each<ErrorCode>(['trigger.invalid', 'input.invalid', 'runbook.invalid', 'plan.empty', 'plan.limit', 'plan.unfit', 'freeze.holds'])(
    'for the sender (%s) refuses the message with the reason',
    async (code) => {
      const stage = await TriggerStage.with()
      await stage.send(message())
      await stage.receive(MINUTE, { start: stage.start(fails(code)) })
      expect(stage.asked).toHaveLength(1)
      expect((await stage.refusals()).map(({ body, attributes }) => [body, attributes['code'], attributes['reason']])).toEqual([
        [message(), code, `${code}: because (do this)`],
      ])
      expect(await stage.left()).toEqual([0, 0])
    },
  )

  it.each<ErrorCode>([
    'aws.unreachable',
    'aws.throttled',
    'aws.denied',
    'aws.unclear',
    'clock.skewed',
    'store.busy',
    'store.full',
    'store.unusable',
    'journal.newer',
    'file.unreadable',
  ])('for a while (%s) lets it come again, later each time', async (code) => {
    const stage = await TriggerStage.with()
    await stage.send(message())
    await stage.receive(HOUR, { start: stage.start(fails(code, 4)) })
    expect(stage.asked.map(({ at }) => at / SECOND)).toEqual([0, 30, 90, 210, 450])
    expect([await stage.runs(), await stage.left(), await stage.refusals()]).toEqual([['monthly'], [0, 0], []])
    expect(stage.troubles).toEqual([null, `trigger CHG-1 waits: ${code}: because (do this)`, null])
  })

  it('comes again every quarter of an hour at the latest', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message())
    await stage.receive(6 * HOUR, { start: stage.start(fails('aws.denied')) })
    const times = stage.asked.map(({ at }) => at / MINUTE)
    expect(times.slice(0, 7)).toEqual([0, 0.5, 1.5, 3.5, 7.5, 15.5, 30.5])
    expect(times.slice(7).every((at, n) => at - (times[n + 6] ?? 0) === 15)).toBe(true)
    expect(await stage.left()).toEqual([0, 1])
  })

  it('does not keep others waiting', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message({ runbook: 'denied' }))
    await stage.send(message({ id: 'CHG-2' }))
    const start = stage.start(({ runbook }) => {
      if (runbook === 'denied') throw failure('aws.denied')
    })
    await stage.receive(MINUTE, { start })
    expect(await stage.runs()).toEqual(['monthly'])
  })

  it.each(['refused', null])('because the process stops refuses nothing (refused messages go to: %s)', async (refused) => {
    const stage = await TriggerStage.with({ refused })
    await stage.send(message())
    const start = stage.start(async () => {
      await stage.clock.sleep(plus(stage.clock.now(), 10 * MINUTE))
      throw failure('plan.empty')
    })
    await stage.receive(5 * MINUTE, { start })
    expect([stage.lines, await stage.left()]).toEqual([[], [1, 0]]) // No longer hidden: nobody renewed that.
    await stage.receive(5 * MINUTE)
    expect(await stage.runs()).toEqual(['monthly'])
  })

  it('through a bug of ours is loud, and the message stays', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message())
    const start = stage.start(() => {
      throw new Bug('never')
    })
    await expect(stage.receive(MINUTE, { start })).rejects.toThrow(Bug)
    expect([await stage.refusals(), await stage.left()]).toEqual([[], [0, 1]])
  })
})

describe('a long start', () => {
  it('keeps its message hidden from others, up to the end', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message())
    const start = stage.start(() => stage.clock.sleep(plus(stage.clock.now(), 3 * HOUR)))
    await stage.receive(4 * HOUR, { start }, [stage.world(), stage.world()])
    expect([stage.asked.length, await stage.runs(), await stage.left()]).toEqual([1, ['monthly'], [0, 0]])
  })

  it('goes on where that fails; who gets the message meanwhile starts no second run', async () => {
    const stage = await TriggerStage.with()
    await stage.send(message())
    const start = stage.start(() => stage.clock.sleep(plus(stage.clock.now(), 10 * MINUTE)))
    const failing = stage.world((queue) => ({ ...queue, extend: () => Promise.reject(failure('aws.denied')) }))
    await stage.receive(HOUR, { start }, [failing, failing])
    expect(stage.asked.length).toBeGreaterThan(1)
    expect([await stage.runs(), await stage.left()]).toEqual([['monthly'], [0, 0]])
    expect(stage.lines.filter((line) => line.includes('may come again while it is dealt with')).length).toBeGreaterThan(0)
  })
})

describe('a FIFO queue', () => {
  const ids = (stage: TriggerStage): string[] => stage.asked.map(({ trigger }) => trigger.id)

  it('is dealt with in its order, and a group waits for its first', async () => {
    const stage = await TriggerStage.with({ triggers: 'triggers.fifo', refused: 'refused.fifo' })
    for (let n = 1; n <= 4; n++) await stage.send(message({ id: `A${n}`, runbook: 'a' }), { MessageGroupId: 'a' })
    await stage.send(message({ id: 'B1', runbook: 'b' }), { MessageGroupId: 'b' })
    const start = stage.start((trigger, nth) => {
      if (trigger.id === 'A1' && nth < 3) throw failure('aws.unreachable')
    })
    await stage.receive(10 * MINUTE, { start })
    expect(ids(stage)).toEqual(['A1', 'B1', 'A1', 'A2', 'A3', 'A4'])
    expect(await stage.left()).toEqual([0, 0])
  })

  it('goes on behind a message that is refused', async () => {
    const stage = await TriggerStage.with({ triggers: 'triggers.fifo' })
    await stage.send('no')
    await stage.send(message())
    await stage.receive(MINUTE)
    expect([ids(stage), (await stage.refusals()).length]).toEqual([['CHG-1'], 1])
  })
})
