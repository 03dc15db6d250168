import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { createAws } from '../../src/adapters/aws/aws.ts'
import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { seededRandom } from '../../src/adapters/system/random.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { Hints } from '../../src/engine/hints.ts'
import { receiveEvents, type EventWorld } from '../../src/engine/intake.ts'
import type { CommandId, NodeId, RunId } from '../../src/kit/ids.ts'
import { instant, MINUTE, plus, type Ms } from '../../src/kit/instant.ts'
import type { Queue } from '../../src/ports/queue.ts'
import type { Sealed, Store } from '../../src/ports/store.ts'
import { CONTROL_ACCOUNT, HOME_REGION, userKey } from '../../src/sandbox/callers.ts'
import { parseFaults } from '../../src/sandbox/faults.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { createSandbox, EVENTS_QUEUE, type Sandbox } from '../../src/sandbox/sandbox.ts'
import { entriesOf } from '../contract/entries.ts'

const START = instant(Date.UTC(2026, 0, 1))
const FLEET: FleetFile = {
  seed: 7,
  start: START,
  accounts: {},
  groups: [],
  commandTime: { medianMs: 60_000, p95Ms: 120_000 },
  urls: {},
}

export const commandId = (n: number): CommandId => `7f7a7a3b-9d2c-4c55-9c6a-${n.toString(16).padStart(12, '0')}`
export const node = (n: number): NodeId => `i-${n.toString(16).padStart(17, '0')}`
export const NODE = node(1)

/** As EventBridge sends it. */
export const event = (command: CommandId, of: NodeId, status: string): string =>
  JSON.stringify({
    version: '0',
    'detail-type': 'EC2 Command Invocation Status-change Notification',
    source: 'aws.ssm',
    detail: { 'command-id': command, 'document-name': 'Patchwave-Apply', 'instance-id': of, status },
  })

export const sns = (inner: string): string => JSON.stringify({ Type: 'Notification', TopicArn: 'arn', Message: inner })

type Wish = Readonly<{ refused?: string; latencyMs?: Ms }>

/** An events queue over the wire, a store, a clock; and a sender with a client of its own. */
export class IntakeStage {
  readonly clock = new VirtualClock(START)
  readonly start = START
  readonly region = HOME_REGION
  readonly store: Store = openMemoryStore()
  readonly lines: string[] = []
  /** How often a watcher was told of something. */
  news = 0
  /** Receives that brought something and are not dealt with yet. */
  atOnceNow = 0
  mostAtOnce = 0
  noteAll: Store['noteAll'] = (notes) => this.store.noteAll(notes)
  readonly #refused: string | null
  readonly #latencyMs: Ms
  readonly #bodies = new Map<string, number>()
  readonly #heads = new Map<RunId, Sealed>()
  readonly #sandbox: Sandbox
  readonly #sender: SQSClient
  #receives = 0

  private constructor({ refused, latencyMs = 0 }: Wish) {
    this.#refused = refused ?? null
    this.#latencyMs = latencyMs
    this.#sandbox = createSandbox({ clock: this.clock, fleet: FLEET, faults: null })
    this.#sender = new SQSClient({
      region: HOME_REGION,
      endpoint: 'http://sandbox.invalid',
      credentials: { accessKeyId: userKey(CONTROL_ACCOUNT, 'sender'), secretAccessKey: 'x' },
      requestHandler: sandboxHandler(this.#sandbox),
    })
  }

  /** With the queue for refused messages, if its name is `refused`. */
  static async open(wish: Wish = {}): Promise<IntakeStage> {
    const stage = new IntakeStage(wish)
    if (wish.refused === 'refused') await stage.create('refused')
    return stage
  }

  async create(name: string): Promise<void> {
    await this.#sender.send(new CreateQueueCommand({ QueueName: name }))
  }

  async change(attributes: Readonly<Record<string, string>>): Promise<void> {
    await this.#sender.send(new SetQueueAttributesCommand({ QueueUrl: urlOf(EVENTS_QUEUE), Attributes: attributes }))
  }

  async send(body: string): Promise<void> {
    await this.#sender.send(new SendMessageCommand({ QueueUrl: urlOf(EVENTS_QUEUE), MessageBody: body }))
  }

  /** Messages in the queue: visible and in flight. */
  async left(name = EVENTS_QUEUE): Promise<readonly [visible: number, hidden: number]> {
    const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const
    const { Attributes } = await this.#sender.send(new GetQueueAttributesCommand({ QueueUrl: urlOf(name), AttributeNames: [...names] }))
    return [Number(Attributes?.[names[0]]), Number(Attributes?.[names[1]])]
  }

  async refusals(): Promise<readonly Readonly<{ body: string; attributes: Readonly<Record<string, string>> }>[]> {
    const { Messages = [] } = await this.#sender.send(
      new ReceiveMessageCommand({
        QueueUrl: urlOf(this.#refused ?? ''),
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 0,
        MessageAttributeNames: ['All'],
      }),
    )
    return Messages.map(({ Body = '', MessageAttributes = {} }) => ({
      body: Body,
      attributes: Object.fromEntries(Object.entries(MessageAttributes).map(([key, { StringValue = '' }]) => [key, StringValue])),
    }))
  }

  /** What goes wrong from now on, in the lines of a fault file. */
  disturb(lines: string): void {
    this.#sandbox.setFaults(parseFaults(`apiVersion: patchwave/v1\nkind: Faults\n${lines}\n`, 'faults.yaml'))
  }

  /** Hints of a process that watches one command. */
  watching(command: CommandId, nodes: readonly NodeId[]): Hints {
    const hints = new Hints()
    hints.watch(command, new Set(nodes), () => (this.news += 1))
    return hints
  }

  /** A run with these commands open, whose driver lives for a minute from now. */
  async drivenElsewhere(run: RunId, commands: readonly CommandId[]): Promise<void> {
    const [first] = entriesOf(run, 1)
    if (first === undefined) throw new Error('no entry')
    await this.store.create({ run, runbook: 'monthly', act: 'rollout', requestedAt: START }, [first])
    this.#heads.set(run, first)
    await this.store.append({ run, head: first.hash, entries: [], commands: { open: commands, closed: [] } })
    await this.lease(run)
  }

  async lease(run: RunId): Promise<void> {
    const now = this.clock.now()
    await this.store.drive(run, 'elsewhere', now, plus(now, MINUTE))
  }

  async fillInbox(run: RunId, count: number): Promise<void> {
    const note = { run, at: this.clock.now(), kind: 'events', data: '[]' }
    await this.store.noteAll(Array.from({ length: count }, () => note))
  }

  async emptyInbox(run: RunId): Promise<void> {
    const taken = (await this.store.notes(run, 9_999)).map(({ id }) => id)
    await this.store.append({ run, head: this.#heads.get(run)?.hash ?? null, entries: [], taken })
  }

  /** Receives that were answered. */
  receives(): number {
    return this.#receives
  }

  receivesOf(body: string): number {
    return this.#bodies.get(body) ?? 0
  }

  /** Inside `receive`. */
  sleep(ms: Ms): Promise<void> {
    return this.clock.sleep(plus(this.clock.now(), ms))
  }

  /** Between two calls of `receive`. */
  sleepOutside(ms: Ms): Promise<void> {
    return this.clock.run(() => this.sleep(ms))
  }

  /** Receives for so long in virtual time; `meanwhile` happens beside it. */
  async receive(ms: Ms, hints: Hints, meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const stop = new AbortController()
    const place = { region: HOME_REGION, queue: EVENTS_QUEUE, refused: this.#refused }
    await this.clock.run(async () => {
      const until = plus(this.clock.now(), ms)
      const receiving = receiveEvents(this.#world(), place, hints, stop.signal)
      await Promise.race([receiving, Promise.all([meanwhile(), this.clock.sleep(until)])])
      stop.abort()
      await receiving
    })
  }

  #world(): EventWorld {
    const { clock, store, lines } = this
    const aws = createAws({
      clock,
      random: seededRandom(1),
      regionHome: HOME_REGION,
      control: { account: CONTROL_ACCOUNT, region: HOME_REGION },
      accounts: [],
      requestHandler: sandboxHandler(this.#sandbox),
      endpoint: 'http://sandbox.invalid',
      credentials: { accessKeyId: userKey(CONTROL_ACCOUNT, 'operator'), secretAccessKey: 'x' },
      sessionName: 'test',
      log: { info: () => undefined, warn: () => undefined },
    })
    const log = { info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line) }
    const watched = new Proxy(store, {
      get: (target, key) => {
        if (key === 'noteAll') return this.noteAll
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    return { clock, store: watched, queue: this.#counted(aws.queue), log, home: { account: CONTROL_ACCOUNT, region: HOME_REGION } }
  }

  /** Takes its time, and counts who is at work. */
  #counted(queue: Queue): Queue {
    return {
      ...queue,
      receive: async (...args) => {
        const messages = await queue.receive(...args)
        this.#receives += 1
        for (const { body } of messages) this.#bodies.set(body, this.receivesOf(body) + 1)
        this.atOnceNow += messages.length > 0 ? 1 : 0
        this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnceNow)
        return messages
      },
      remove: async (...args) => {
        try {
          if (this.#latencyMs > 0) await this.clock.sleep(plus(this.clock.now(), this.#latencyMs))
          await queue.remove(...args)
        } finally {
          this.atOnceNow -= 1
        }
      },
    }
  }
}

const urlOf = (name: string): string => `https://sqs.${HOME_REGION}.amazonaws.com/${CONTROL_ACCOUNT}/${name}`
