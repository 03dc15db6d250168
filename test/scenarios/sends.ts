import { expect } from 'vitest'
import { readEntry } from '../../src/core/audit/open.ts'
import { fromData } from '../../src/core/run/codec.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { sha256 } from '../../src/kit/digest.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { cellKey, cellOf, type Cell } from '../../src/kit/ids.ts'
import { plus, type Ms } from '../../src/kit/instant.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import type { CommandOrder, Commands } from '../../src/ports/commands.ts'
import type { Append } from '../../src/ports/store.ts'
import type { ActsWish, EngineProcess, Stage } from './stage.ts'
import { Then } from './then.ts'

/** What becomes of a SendCommand whose answer is lost: it was done (`lost`), or it never arrived (`unsent`). */
export type SendFate = 'answered' | 'lost' | 'unsent'

/** The process with a connection that sometimes breaks while it sends. `fate` is asked for each send, with how often its token was sent before. */
export function withSends(process: EngineProcess, fate: (order: CommandOrder, before: number) => SendFate): EngineProcess {
  const { commands } = process.world
  const counts = new Map<string, number>()
  const send: Commands['send'] = async (order, signal) => {
    const before = counts.get(order.token) ?? 0
    counts.set(order.token, before + 1)
    const what = fate(order, before)
    const answer = what === 'unsent' ? undefined : await commands.send(order, signal)
    if (what === 'answered' && answer) return answer
    throw new PatchwaveError('aws.unclear', 'the connection broke', { hint: 'look it up' })
  }
  return { ...process, world: { ...process.world, commands: { ...commands, send } } }
}

const NOOP = JSON.stringify({
  schemaVersion: '2.2',
  description: 'Something of the owner.',
  mainSteps: [{ action: 'aws:runShellScript', name: 'run', inputs: { runCommand: ['true'] } }],
})

/** Registers documents of the owner in every cell of the stage. */
export async function withDocuments(stage: Stage, names: readonly string[]): Promise<void> {
  const { world } = await stage.start()
  const cells = new Set(stage.sandbox.nodes().map((node) => cellKey(node)))
  const ensure = (cell: Cell, name: string) =>
    world.documents.ensure(cell, { name, content: NOOP, hash: sha256(NOOP) }, new AbortController().signal)
  await stage.run(async () => {
    for (const cell of cells) for (const name of names) await ensure(cellOf(cell), name)
  })
}

/** One process does the acts of a runbook. */
export async function done(stage: Stage, process: EngineProcess, runbook: Runbook, wish: ActsWish = {}): Promise<Then> {
  return await Then.of(stage, [await stage.run(() => stage.acts(process, runbook, wish))])
}

/** A process is killed around the append of the first fact that `strikes` names; another one goes on later. */
export async function killedOnce(
  stage: Stage,
  runbook: Runbook,
  { strikes, side, laterMs }: Readonly<{ strikes: (event: RunEvent) => boolean; side: 'before' | 'after'; laterMs: Ms }>,
): Promise<Then> {
  const processes: EngineProcess[] = []
  const strike = ({ entries }: Pick<Append, 'entries'>): void => {
    const read = entries.map(readEntry).map(({ type, data }) => fromData(type, data))
    if (read.some(strikes)) processes[0]?.life.kill()
  }
  const first = await stage.start({ [side]: strike })
  processes.push(first)
  const acts = await stage.run(async () => {
    await Promise.race([stage.acts(first, runbook), first.life.stopped])
    await stage.clock.sleep(plus(stage.clock.now(), laterMs))
    return await stage.acts(await stage.start(), runbook)
  })
  expect(first.life.alive, 'the first process lives').toBe(false)
  return await Then.of(stage, [acts])
}
