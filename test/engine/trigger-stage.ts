import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
  type SendMessageCommandInput,
} from '@aws-sdk/client-sqs'
import { createAws } from '../../src/adapters/aws/aws.ts'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { seededRandom } from '../../src/adapters/system/random.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { seal } from '../../src/core/audit/seal.ts'
import { toData } from '../../src/core/run/codec.ts'
import type { Actor } from '../../src/core/run/event.ts'
import type { Trigger } from '../../src/core/runbook/trigger.ts'
import { receiveTriggers, type TriggerParts, type TriggerWorld } from '../../src/engine/triggers.ts'
import type { StartTrigger } from '../../src/engine/trigger-verdict.ts'
import { instant, plus, type Ms } from '../../src/kit/instant.ts'
import type { Queue } from '../../src/ports/queue.ts'
import type { Store } from '../../src/ports/store.ts'
import type { Exchange } from '../../src/sandbox/calls.ts'
import { CONTROL_ACCOUNT, HOME_REGION, userKey } from '../../src/sandbox/callers.ts'
import { parseFaults } from '../../src/sandbox/faults.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts'

export const HOME = { account: CONTROL_ACCOUNT, region: HOME_REGION }
const START = instant(Date.UTC(2026, 0, 1))
const FLEET: FleetFile = {
  seed: 7,
  start: START,
  accounts: {},
  groups: [],
  commandTime: { medianMs: 60_000, p95Ms: 120_000 },
  urls: {},
}

/** A message as its sender writes it; what is given replaces the usual. */
export const message = (more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    apiVersion: 'patchwave/v1',
    kind: 'Trigger',
    id: 'CHG-1',
    runbook: 'monthly',
    reason: 'CHG-1: patches',
    ...more,
  })

/** A message that was refused, as whoever reads that queue gets it. */
export type RefusedMessage = Readonly<{ body: string; attributes: Readonly<Record<string, string>>; group: string | undefined }>

/** What was asked of `start`, in order. */
export type Asked = Readonly<{ trigger: Trigger; actor: Actor; at: Ms }>

export type StageWish = Readonly<{ triggers?: string; refused?: string | null; record?: (exchange: Exchange) => void }>

/** An SQS over the wire, a store, a clock; and a sender with a client of its own. */
export class TriggerStage {
  readonly clock = new VirtualClock(START)
  readonly store: Store = openMemoryStore()
  readonly lines: string[] = []
  readonly troubles: (string | null)[] = []
  readonly asked: Asked[] = []
  readonly triggers: string
  readonly refused: string | null
  readonly #sandbox: Sandbox
  readonly #sender: SQSClient
  #runs = 0

  constructor({ triggers = 'triggers', refused = 'refused', record }: StageWish = {}) {
    this.triggers = triggers
    this.refused = refused
    this.#sandbox = createSandbox({ clock: this.clock, fleet: FLEET, faults: null, ...(record && { record }) })
    this.#sender = new SQSClient({
      region: HOME_REGION,
      endpoint: 'http://sandbox.invalid',
      credentials: { accessKeyId: userKey(CONTROL_ACCOUNT, 'sender'), secretAccessKey: 'x' },
      requestHandler: sandboxHandler(this.#sandbox),
    })
  }

  /** Makes the trigger queue and, where it is named, the one for refused messages. */
  static async with(wish: StageWish = {}): Promise<TriggerStage> {
    const stage = new TriggerStage(wish)
    await stage.create(stage.triggers)
    if (stage.refused !== null) await stage.create(stage.refused)
    return stage
  }

  async create(name: string, attributes: Readonly<Record<string, string>> = {}): Promise<void> {
    const fifo = name.endsWith('.fifo') && { FifoQueue: 'true' }
    await this.#sender.send(new CreateQueueCommand({ QueueName: name, Attributes: { ...fifo, ...attributes } }))
  }

  async change(name: string, attributes: Readonly<Record<string, string>>): Promise<void> {
    await this.#sender.send(new SetQueueAttributesCommand({ QueueUrl: urlOf(name), Attributes: attributes }))
  }

  async send(body: string, more: Partial<SendMessageCommandInput> = {}): Promise<void> {
    const fifo = this.triggers.endsWith('.fifo') && { MessageGroupId: 'g', MessageDeduplicationId: `d${String((this.#runs += 1))}` }
    await this.#sender.send(new SendMessageCommand({ QueueUrl: urlOf(this.triggers), MessageBody: body, ...fifo, ...more }))
  }

  /** Messages in the queue: visible and in flight. */
  async left(name = this.triggers): Promise<readonly [visible: number, hidden: number]> {
    const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const
    const { Attributes } = await this.#sender.send(new GetQueueAttributesCommand({ QueueUrl: urlOf(name), AttributeNames: [...names] }))
    return [Number(Attributes?.[names[0]]), Number(Attributes?.[names[1]])]
  }

  async refusals(name = this.refused ?? ''): Promise<readonly RefusedMessage[]> {
    const { Messages = [] } = await this.#sender.send(
      new ReceiveMessageCommand({
        QueueUrl: urlOf(name),
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 0,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['MessageGroupId'],
      }),
    )
    return Messages.map(({ Body = '', MessageAttributes = {}, Attributes }) => ({
      body: Body,
      group: Attributes?.MessageGroupId,
      attributes: Object.fromEntries(Object.entries(MessageAttributes).map(([key, { StringValue = '' }]) => [key, StringValue])),
    }))
  }

  /** What goes wrong from now on, in the lines of a fault file. */
  disturb(lines: string): void {
    this.#sandbox.setFaults(parseFaults(`apiVersion: patchwave/v1\nkind: Faults\n${lines}\n`, 'faults.yaml'))
  }

  /** What a service process is given. */
  world(queue: (inner: Queue) => Queue = (inner) => inner): TriggerWorld {
    const { clock, store, lines } = this
    const aws = createAws({
      clock,
      random: seededRandom(1),
      regionHome: HOME_REGION,
      control: HOME,
      accounts: [],
      requestHandler: sandboxHandler(this.#sandbox),
      endpoint: 'http://sandbox.invalid',
      credentials: { accessKeyId: userKey(CONTROL_ACCOUNT, 'operator'), secretAccessKey: 'x' },
      sessionName: 'test',
      log: { info: () => undefined, warn: () => undefined },
    })
    const log = { info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line) }
    return { clock, store, queue: queue(aws.queue), log, home: HOME, triggers: { queue: this.triggers, refused: this.refused } }
  }

  /** Puts a run on record, as the scheduler does it; `before` may take its time or fail first. */
  start(before: (trigger: Trigger, nth: number) => Promise<void> | void = () => undefined): StartTrigger {
    return async (trigger, actor) => {
      this.asked.push({ trigger, actor, at: this.clock.now() - START })
      await before(trigger, this.asked.length)
      const at = this.clock.now()
      const run = `019b0000-0000-7000-8000-${String((this.#runs += 1)).padStart(12, '0')}`
      const requested = toData({
        type: 'RunRequested',
        runbook: trigger.runbook,
        act: 'rollout',
        reason: trigger.reason,
        inputs: { ring: 'first', ...trigger.inputs },
        flags: [1],
        now: trigger.now,
        trial: null,
        undoes: null,
        opening: null,
        breakFreeze: false,
      })
      const row = { run, runbook: trigger.runbook, act: 'rollout', requestedAt: at } as const
      const has = await this.store.create(row, [seal(null, { run, at, actor, ...requested })], { trigger: trigger.id })
      return { run: has, known: has !== run }
    }
  }

  /** Receives for so long in virtual time, with one process for each world. */
  async receive(ms: Ms, parts: Partial<TriggerParts> = {}, worlds: readonly TriggerWorld[] = [this.world()]): Promise<void> {
    const stop = new AbortController()
    const trouble = (what: string | null): void => void (this.troubles.at(-1) !== what && this.troubles.push(what))
    await this.clock.run(async () => {
      const receiving = Promise.all(
        worlds.map((world) => receiveTriggers(world, { start: this.start(), signal: stop.signal, trouble, ...parts })),
      )
      await Promise.race([receiving, this.clock.sleep(plus(this.clock.now(), ms))])
      stop.abort()
      await receiving
    })
  }

  /** Runs by their runbooks, in order. */
  async runs(): Promise<readonly string[]> {
    return (await this.store.runs()).map(({ runbook }) => runbook)
  }
}

const urlOf = (name: string): string => `https://sqs.${HOME_REGION}.amazonaws.com/${CONTROL_ACCOUNT}/${name}`
