import { known } from '../../kit/assert.ts'
import { fromBase64 } from '../../kit/base64.ts'
import { sha256 } from '../../kit/digest.ts'
import { mapBounded } from '../../kit/bounded.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, tokenOf } from '../../kit/ids.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../kit/instant.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { planned } from '../../core/run/state.ts'
import { ask, type Answer } from '../ask.ts'
import { kernelOf } from '../kernel.ts'
import { mayPass } from '../steps/trying.ts'
import type { EffectOf, Found, Performing } from './perform.ts'
import { refusesCell } from './refused-cell.ts'

/** How long a scan of one node may take, delivery included. */
const SCAN_MS = 30 * MINUTE

/** A list longer than this is refused: no real node misses so much. */
const LIST_BYTES_MAX = 4_000_000

/**
 * Asks the trial's nodes what they miss. Each list is kept as a blob under its digest; the journal names the digest. Cells are told one by one: one
 * that does not answer keeps only its own nodes waiting, those of one that refuses are left out.
 */
export async function* scanNodes(performing: Performing, effect: EffectOf<'scan'>): Found {
  const { state } = performing
  const positions = [...state.scanLeft].sort((a, b) => a - b)
  const cells = Map.groupBy(positions, (position) => cellKey(planned(state, position)))
  const failures: PatchwaveError[] = []
  const work = ([cell, some]: readonly [string, readonly number[]]): Promise<readonly RunEvent[]> =>
    scanCell(performing, effect, some).catch((error: unknown) => {
      if (!(error instanceof PatchwaveError)) throw error
      if (refusesCell(error, cell)) return [{ type: 'NodesUnscanned', nodes: some, reason: 'cell-refused' }]
      failures.push(error)
      return []
    })
  for await (const events of mapBounded(cells, Math.max(1, cells.size), work)) if (events.length > 0) yield events
  const [failure] = failures
  if (failure !== undefined) throw failure
}

async function scanCell(performing: Performing, effect: EffectOf<'scan'>, positions: readonly number[]): Promise<readonly RunEvent[]> {
  const { world, state, signal } = performing
  const name = 'Patchwave-Scan'
  const answers = await ask(
    world,
    {
      token: tokenOf(state.run, effect.n),
      document: { name, hash: known(state.plan.documents[name], `the hash of ${name}`) },
      parameters: { Kernel: kernelOf(state.plan) },
      nodes: positions.map((position) => planned(state, position)),
      askedAt: state.at,
      until: plus(world.clock.now(), SCAN_MS),
      executionSeconds: HOUR / SECOND,
    },
    signal,
  )
  const byId = new Map(answers.map((answer) => [answer.node, answer]))
  const scanned: { position: number; digest: string; missing: number }[] = []
  const silent: number[] = []
  for (const position of positions) {
    const answer = byId.get(planned(state, position).node)
    const text = answer?.line?.verdict === 'scanned' ? await wholeList(performing, answer).catch(unreadable(answer)) : undefined
    if (text === undefined || answer?.line === undefined) silent.push(position)
    else {
      const digest = sha256(text)
      await world.clock.hold(() => world.store.putBlob(digest, text))
      scanned.push({ position, digest, missing: answer.line.missing })
    }
  }
  const events: RunEvent[] = []
  if (scanned.length > 0)
    events.push({
      type: 'NodesScanned',
      nodes: scanned.map((one) => one.position),
      lists: scanned.map((one) => one.digest),
      missing: scanned.map((one) => one.missing),
    })
  if (silent.length > 0) events.push({ type: 'NodesUnscanned', nodes: silent, reason: 'unscanned' })
  return events
}

/** The rows of one node's scan, complete and with the digest that the node gave; `undefined` when they cannot be had. */
async function wholeList({ world, state, signal }: Performing, answer: Answer): Promise<string | undefined> {
  const output = await world.commands.output(answer.cell, known(answer.commandId, 'the command'), answer.node, signal)
  const lines = output.split('\n').slice(1)
  const endAt = lines.findIndex((line) => line.startsWith('{"end":true'))
  if (endAt >= 0) {
    const text = lines
      .slice(0, endAt)
      .map((line) => `${line}\n`)
      .join('')
    return readDigest(lines[endAt] ?? '') === sha256(text) ? text : undefined
  }
  return answer.line?.list ? await fetchList({ world, state, signal }, answer, answer.line.list) : undefined
}

/** What AWS does not have of one node keeps nobody else waiting. */
const unreadable =
  ({ cell }: Answer) =>
  (error: unknown): undefined => {
    if (!(error instanceof PatchwaveError) || mayPass(error) || refusesCell(error, cellKey(cell))) throw error
  }

function readDigest(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && 'digest' in value && typeof value.digest === 'string' ? value.digest : undefined
  } catch {
    return undefined
  }
}

/** Where SSM cut the output: the list in parts, by its digest. */
async function fetchList(
  { world, state, signal }: Pick<Performing, 'world' | 'state' | 'signal'>,
  answer: Answer,
  digest: string,
): Promise<string | undefined> {
  const name = 'Patchwave-Fetch'
  const parts: Uint8Array[] = []
  let bytes = 0
  for (let part = 0; bytes < LIST_BYTES_MAX && !signal.aborted; part++) {
    const token = tokenOf(state.run, FETCH_TOKENS + part)
    const asked = {
      token,
      document: { name, hash: known(state.plan.documents[name], `the hash of ${name}`) },
      parameters: { Digest: digest, Offset: String(bytes) },
    }
    const [got] = await ask(
      world,
      {
        ...asked,
        nodes: [{ node: answer.node, ...answer.cell }],
        askedAt: world.clock.now(),
        until: plus(world.clock.now(), 10 * MINUTE),
        executionSeconds: 60,
      },
      signal,
    )
    if (got?.line?.verdict !== 'scanned' || got.commandId === null) return undefined
    const output = await world.commands.output(got.cell, got.commandId, got.node, signal)
    const more = fromBase64(output.split('\n').slice(1).join('').trim())
    if (more === undefined || more.length === 0) return undefined
    parts.push(more)
    bytes += more.length
    if (got.line.missing > 0) continue
    const text = new TextDecoder().decode(Buffer.concat(parts))
    return sha256(text) === digest ? text : undefined
  }
  return undefined
}

/** Reading parts needs no intent; its tokens lie beyond those that the core counts (documents/PROTOCOL.md: up to nine digits). */
export const FETCH_TOKENS = 900_000_000
