import { fromData } from '../../src/core/run/codec.ts'
import { readEntry } from '../../src/core/audit/open.ts'
import type { CommandOrder } from '../../src/ports/commands.ts'
import type { Act, Append } from '../../src/ports/store.ts'
import { EVENTS_QUEUE } from '../../src/sandbox/sandbox.ts'
import type { EffectScene, End, Side } from './effects-play.ts'
import * as runs from './effects-scenes.ts'
import * as services from './effects-services.ts'

/** One effect of a port in one night: the process is killed immediately before its call, and in another play immediately after it. */
export type EffectCase = Readonly<{
  /** As the port names it. */
  effect: string
  scene: EffectScene
  /** Which of its calls, by what it is called with; absent: the first. */
  when?: (args: readonly unknown[]) => boolean
  /** Which of its calls, by what it is answered; for the side after it. */
  brings?: (answer: unknown) => boolean
  /** Tells cases of one effect apart, where their nights do not. */
  which?: string
  /** Not around the call of the port, but around this call of AWS inside of it. */
  operation?: string
  /** How the night ends otherwise than undisturbed, where it does: what may have been done is not done again. */
  otherwise?: Partial<Record<Side, End>>
  /** The same where successors die there too, so that it takes long. */
  otherwiseAtLast?: Partial<Record<Side, End>>
}>

const sends =
  (...documents: readonly string[]) =>
  ([order]: readonly unknown[]): boolean =>
    documents.includes((order as CommandOrder).document.name)

const fromQueue =
  (name: string) =>
  ([, queue]: readonly unknown[]): boolean =>
    queue === name

const requests =
  (act: Act) =>
  ([row]: readonly unknown[]): boolean =>
    (row as { act: Act }).act === act

const something = (answer: unknown): boolean => (answer as readonly unknown[]).length > 0

const appends =
  (fits: (append: Append) => boolean) =>
  ([append]: readonly unknown[]): boolean =>
    fits(append as Append)

const tells =
  (type: string) =>
  ({ entries }: Append): boolean =>
    entries.some((entry) => fromData(readEntry(entry).type, readEntry(entry).data).type === type)

/** What Patch Manager was to do may have been sent, for all that is on record: it is not sent again. */
const NOT_KNOWN: End = { outcomes: ['unknown send-unclear'], most: {}, faults: [] }

export const EFFECT_CASES: readonly EffectCase[] = [
  { effect: 'take out of target groups', scene: runs.AROUND },
  { effect: 'put back into target groups', scene: runs.DRAINED },
  { effect: 'send a command of ours', scene: runs.SMALL, when: sends('Patchwave-Apply') },
  { effect: 'send a command of ours', scene: runs.LATE, when: sends('Patchwave-Apply') },
  { effect: 'send a command of ours', scene: runs.BACK, which: 'a rollback', when: sends('Patchwave-Rollback') },
  { effect: 'send a command of ours', scene: runs.TRIAL, which: 'a scan', when: sends('Patchwave-Scan') },
  {
    effect: 'send a document of others',
    scene: runs.OWNER,
    which: 'beforeNode',
    when: sends('Acme-Quiesce'),
    otherwise: { before: { outcomes: ['skipped hook-unknown'], most: { 'Acme-Open': [1, 0] }, claims: [], faults: [] } },
  },
  { effect: 'send a document of others', scene: runs.OWNER, which: 'onExit', when: sends('Acme-Open') },
  {
    effect: 'send a document of others',
    scene: runs.BY_PATCH_MANAGER,
    which: 'AWS-RunPatchBaseline',
    when: sends('AWS-RunPatchBaseline'),
    otherwise: { before: NOT_KNOWN },
  },
  { effect: 'cancel what has not started', scene: runs.CANCELLED },
  { effect: 'register a document of ours', scene: runs.SMALL },
  { effect: 'register a document of ours', scene: runs.SMALL, operation: 'CreateDocument' },
  { effect: 'register a document of ours', scene: runs.OLDER, operation: 'UpdateDocument' },
  { effect: 'register a document of ours', scene: runs.OLDER, operation: 'UpdateDocumentDefaultVersion' },
  { effect: 'start', scene: runs.AROUND },
  { effect: 'stop', scene: runs.AROUND },
  { effect: 'take snapshots', scene: runs.AROUND },
  { effect: 'delete an expired snapshot', scene: runs.EXPIRED },
  { effect: 'replace a root volume', scene: runs.ROOTS },
  { effect: 'put a list into a bucket', scene: runs.BY_PATCH_MANAGER },
  { effect: 'store a part of a baseline', scene: runs.TRIAL },
  {
    effect: 'store a part of a baseline',
    scene: runs.TRIAL,
    which: 'the manifest',
    when: ([, path]) => String(path).endsWith('/manifest'),
  },
  { effect: 'label an approved baseline', scene: runs.TRIAL },
  { effect: 'publish feedback', scene: runs.SMALL },
  { effect: 'receive messages', scene: runs.SMALL, when: fromQueue(EVENTS_QUEUE), brings: something },
  { effect: 'receive messages', scene: services.TRIGGERED, when: fromQueue('triggers'), brings: something },
  {
    effect: 'pass on a refused message',
    scene: services.TRIGGERED,
    // The third one passes it on more than five minutes after the first: SQS does not know it for the same any more.
    otherwiseAtLast: { after: { queues: { triggers: [], refused: ['no trigger', 'no trigger'] }, faults: [] } },
  },
  { effect: 'keep a message hidden', scene: services.TRIGGERED },
  { effect: 'delete a trigger message', scene: services.TRIGGERED, when: fromQueue('triggers') },
  { effect: 'delete a status event', scene: runs.SMALL, when: fromQueue(EVENTS_QUEUE) },
  { effect: 'send into standby', scene: runs.AROUND },
  { effect: 'bring back from standby', scene: runs.AROUND },
  { effect: 'request a run', scene: runs.SMALL },
  { effect: 'request a run', scene: runs.TRIAL, when: requests('rollout') },
  { effect: 'request a run', scene: services.TRIGGERED, when: requests('rollout') },
  { effect: 'request a run', scene: services.FOLLOWED, which: 'the trial', when: requests('trial') },
  { effect: 'request a run', scene: services.FOLLOWED, when: requests('rollout') },
  { effect: 'request a run', scene: services.SCHEDULED, when: requests('rollout') },
  { effect: 'open the journal of a schedule', scene: services.SCHEDULED, when: requests('schedule') },
  { effect: 'take an opening', scene: runs.WINDOW },
  { effect: 'put facts on record', scene: runs.SMALL, when: appends(tells('CommandSent')) },
  { effect: 'claim nodes', scene: runs.SMALL, when: appends(({ claim }) => claim !== undefined) },
  { effect: 'let go of claims', scene: runs.SMALL, when: appends(({ release }) => release !== undefined) },
  { effect: 'take notes out of the inbox', scene: runs.TRIAL, when: appends(tells('ApprovalGiven')) },
  { effect: 'end a run', scene: runs.SMALL, when: appends(({ outcome }) => outcome !== undefined) },
  { effect: 'take or renew a lease', scene: runs.SMALL },
  { effect: 'give a lease back', scene: services.FOLLOWED, when: ([, , wakeAt]) => wakeAt !== null },
  { effect: "leave a person's word", scene: services.PERSON },
  { effect: 'pass status events on', scene: services.SHARED, when: ([notes]) => (notes as readonly unknown[]).length > 0 },
  { effect: 'take a hand off a node', scene: services.HELD },
  { effect: 'put lost claims back', scene: services.LOST },
  { effect: 'keep a plan', scene: runs.SMALL },
  { effect: 'keep a blob', scene: runs.TRIAL },
  { effect: "move the feedback's cursor", scene: runs.SMALL, when: ([name]) => String(name).startsWith('feedback:') },
  { effect: "move a schedule's cursor", scene: services.SCHEDULED, when: ([name]) => String(name).startsWith('schedule:') },
  {
    effect: "move a schedule's cursor",
    scene: services.SCHEDULED,
    which: 'past the opening',
    when: ([name, position]) => String(name).startsWith('schedule:') && position === services.OPENING,
  },
  { effect: 'keep a mark', scene: services.FOLLOWED, when: ([name]) => String(name).startsWith('follow:') },
]

/** What the test of a case is called. */
export const titleOf = (one: EffectCase): string => `${one.effect}: ${nightOf(one)}`

/** Its title without the effect. */
export function nightOf({ scene, which, operation }: EffectCase): string {
  const what = which ?? operation
  return what === undefined ? scene.name : `${what}, in ${scene.name}`
}
