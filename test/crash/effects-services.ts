import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { readEntry } from '../../src/core/audit/open.ts'
import { fromData } from '../../src/core/run/codec.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { leaveNote } from '../../src/engine/inbox.ts'
import { readLogbook } from '../../src/engine/logbook.ts'
import { known } from '../../src/kit/assert.ts'
import { HOUR, MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import type { Append } from '../../src/ports/store.ts'
import { CONTROL_ACCOUNT, HOME_REGION, userKey } from '../../src/sandbox/callers.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { approveAll } from '../scenarios/approver.ts'
import { fleet, group, runbook, TESTED } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'
import { serve, Shelf } from '../schedule/serving.ts'
import { endOfRuns, messagesIn } from './effects-ends.ts'
import { approvalsOf, running } from './effects-scenes.ts'
import type { EffectScene, End } from './effects-play.ts'

const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]'
const WHOLE = { limit: '{ share: 100% }' }
const THREE = fleet([group('prod-us', 3)])

const TRIGGERS = { queue: 'triggers', refused: 'refused.fifo' }

type ServiceParts = Readonly<{ name: string; fleet: FleetFile; runbook: Runbook; triggers?: readonly string[]; forMs: Ms; shows: End }>

/** `patchwave serve` in one process, until so long after the beginning. Messages lie in the queue of triggers when it begins. */
function serving({ name, fleet, runbook, triggers = [], forMs, shows }: ServiceParts): EffectScene {
  const shelf = new Shelf()
  shelf.put(runbook)
  return {
    name,
    shows,
    open: async () => {
      const stage = new Stage({ fleet })
      await lay(stage, triggers)
      return stage
    },
    beside: approveAll,
    live: async (stage, process) => {
      const stop = new AbortController()
      const serving = serve(process, shelf, {
        beatMs: 30 * SECOND,
        signal: stop.signal,
        world: { ...process.world, triggers: TRIGGERS },
      }).run()
      serving.catch(() => undefined) // Awaited below, unless the process has died.
      await stage.clock.sleep(plus(stage.fleet.start, forMs))
      stop.abort()
      await serving
    },
    end: async (stage) => {
      const { world } = await stage.start()
      const logged: string[] = []
      for await (const { type } of readLogbook(stage.store, runbook.name)) logged.push(type)
      const queues = { triggers: await messagesIn(world, TRIGGERS.queue), refused: await messagesIn(world, TRIGGERS.refused) }
      return { ...(await endOfRuns(stage)), logged, queues }
    },
  }
}

/** The queues of triggers, and what senders have put there. */
async function lay(stage: Stage, bodies: readonly string[]): Promise<void> {
  const sqs = new SQSClient({
    region: HOME_REGION,
    endpoint: 'http://sandbox.invalid',
    credentials: { accessKeyId: userKey(CONTROL_ACCOUNT, 'sender'), secretAccessKey: 'x' },
    requestHandler: sandboxHandler(stage.sandbox),
  })
  await sqs.send(new CreateQueueCommand({ QueueName: TRIGGERS.queue }))
  await sqs.send(new CreateQueueCommand({ QueueName: TRIGGERS.refused, Attributes: { FifoQueue: 'true' } }))
  const QueueUrl = `https://sqs.${HOME_REGION}.amazonaws.com/${CONTROL_ACCOUNT}/${TRIGGERS.queue}`
  for (const MessageBody of bodies) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }))
}

const trigger = (id: string): string =>
  JSON.stringify({ apiVersion: 'patchwave/v1', kind: 'Trigger', id, runbook: 'asked', reason: 'a change', now: true })

export const TRIGGERED = serving({
  name: 'two triggers and a message that is none',
  fleet: THREE,
  runbook: runbook('asked', { waves: ALL, ...WHOLE }),
  triggers: [trigger('CHG-1'), 'no trigger', trigger('CHG-2')],
  forMs: 3 * HOUR,
  shows: { runs: ['asked rollout succeeded', 'asked rollout succeeded'], queues: { triggers: [], refused: ['no trigger'] } },
})

export const FOLLOWED = serving({
  name: 'a trigger whose trial is followed by its rollout',
  fleet: fleet([group('staging', 2), group('prod-us', 2)]),
  runbook: runbook('asked', { ...TESTED, ...WHOLE }),
  triggers: [trigger('CHG-1')],
  forMs: 4 * HOUR,
  shows: { runs: ['asked trial succeeded', 'asked rollout succeeded'] },
})

/** When its window opens. */
export const OPENING = plus(THREE.start, HOUR)

export const SCHEDULED = serving({
  name: 'a schedule with one opening',
  fleet: THREE,
  runbook: runbook('nightly', { waves: ALL, ...WHOLE, window: '{ schedule: "cron(0 1 * * ? *)", duration: 6h, cutoff: 1h }' }),
  forMs: 4 * HOUR,
  shows: { runs: ['nightly rollout succeeded'], logged: ['RunbookTaken'] },
})

const groupOf = (name: string): Runbook =>
  runbook(name, {
    scope: `{ accounts: [prod-us], regions: [us-east-1], match: { tags: { PatchGroup: ${name} } } }`,
    waves: '[{ name: all, take: rest, concurrency: 5, gate: { bake: 0s } }]',
  })

export const SHARED = running({
  name: 'two processes that share a queue of events',
  shows: { runs: ['second rollout succeeded', 'first rollout succeeded'] },
  fleet: fleet(['first', 'second'].map((name) => group('prod-us', 30, { tags: { PatchGroup: name } }))),
  runbook: groupOf('first'),
  beside: async (stage) => {
    await stage.acts(await stage.start(), groupOf('second'))
  },
})

const APPROVED = runbook('approved', { waves: ALL, approval: '{ group: sre-leads, count: 2, expires: 24h }' })

/** Each of both has approved once. */
const ONCE = { approvals: Object.fromEntries([1, 2].map((person) => [`{"kind":"plan"} rehearsal:sre-leads/${String(person)}`, 1])) }

/** Two people at one keyboard, who say it again when they do not know whether they were heard. */
export const PERSON: EffectScene = {
  name: 'two people who approve a plan',
  shows: { ...ONCE, runs: ['approved rollout succeeded'] },
  open: () => new Stage({ fleet: THREE }),
  beside: async (stage) => {
    await stage.acts(await stage.start(), APPROVED)
  },
  live: async (stage, { world }) => {
    const asked = async (): Promise<string | undefined> => {
      const [run] = await stage.runs()
      return run !== undefined && (await stage.entries(run)).some(({ type }) => type === 'ApprovalAsked') ? run : undefined
    }
    while ((await asked()) === undefined) await stage.clock.sleep(plus(stage.clock.now(), MINUTE))
    const run = known(await asked(), 'the run')
    for (const id of ['rehearsal:sre-leads/1', 'rehearsal:sre-leads/2']) {
      stage.words.push({ at: stage.clock.now(), run, by: id, what: 'approve' })
      await leaveNote(world, run, { what: 'approve', reason: 'it was tried', gate: null, actor: { kind: 'cli', id } })
    }
  },
  end: async (stage) => ({ ...(await endOfRuns(stage)), approvals: await approvalsOf(stage) }),
}

const LEFT = runbook('left', { waves: ALL })

const isSent = ({ entries }: Append): boolean =>
  entries.some((entry) => fromData(readEntry(entry).type, readEntry(entry).data).type === 'CommandSent')

/** A run that has its claim on the node too: it only counts there. */
const COUNTING = 'another'

/** A process that dies with its hands on three nodes. */
async function leave(stage: Stage): Promise<void> {
  const dying = await stage.start({ after: (append) => isSent(append) && dying.life.kill() })
  await Promise.race([stage.acts(dying, LEFT), dying.life.stopped])
}

export const HELD: EffectScene = {
  name: 'a person who takes a hand off a node',
  shows: { hands: 2, counting: 1 },
  open: () => new Stage({ fleet: THREE }),
  prepare: async (stage) => {
    await leave(stage)
    const { node } = known(stage.sandbox.nodes()[0], 'a node')
    const [mine] = await stage.store.claims({ node })
    await stage.store.restoreClaims([{ ...known(mine, 'a claim'), run: COUNTING, hand: false }])
  },
  live: async (stage, { world }) => {
    const { node } = known(stage.sandbox.nodes()[0], 'a node')
    await world.clock.hold(async () => {
      const hand = (await world.store.claims({ node })).find((one) => one.hand)
      if (hand) await world.store.releaseClaim(node, hand.run)
    })
  },
  end: async (stage) => {
    const claims = await stage.store.claims()
    return { hands: claims.filter(({ hand }) => hand).length, counting: claims.filter(({ run }) => run === COUNTING).length, claims }
  },
}

/** The most claims that were seen at once since the index was lost. */
const mostClaims = new WeakMap<Stage, number>()

export const LOST = running({
  name: 'an index of claims that was lost',
  shows: { outcomes: ['patched installed'], mostClaims: 3 },
  fleet: THREE,
  runbook: LEFT,
  prepare: async (stage) => {
    await leave(stage)
    for (const { node, run } of await stage.store.claims()) await stage.store.releaseClaim(node, run)
    await stage.clock.sleep(plus(stage.clock.now(), 2 * MINUTE))
  },
  beside: async (stage, over) => {
    while (!over.aborted) {
      mostClaims.set(stage, Math.max(mostClaims.get(stage) ?? 0, (await stage.store.claims()).length))
      await stage.clock.sleep(plus(stage.clock.now(), SECOND), over)
    }
  },
  more: (stage) => ({ mostClaims: mostClaims.get(stage) }),
})
