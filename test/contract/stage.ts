import { known } from '../../src/kit/assert.ts'
import type { Append, Appended, GroupLimit, Sealed, Store } from '../../src/ports/store.ts'
import { afterDusk, dusk, entriesOf, runId } from './entries.ts'

export const [A, B, C] = [runId(1), runId(2), runId(3)] as const

/** A store with runs in it whose heads are known. */
export class Stage {
  readonly store: Store
  readonly heads = new Map<string, Sealed>()

  constructor(store: Store) {
    this.store = store
  }

  async create(run: string, count = 1, runbook = 'monthly', at = dusk): Promise<Sealed[]> {
    const entries = entriesOf(run, count)
    await this.store.create({ run, runbook, act: 'rollout', requestedAt: at }, entries)
    this.heads.set(run, known(entries.at(-1), 'the head'))
    return entries
  }

  /** Appends one entry to a run, with whatever goes along; the head moves when it was taken. */
  async append(run: string, more: Partial<Append> = {}): Promise<Appended> {
    const head = known(this.heads.get(run), 'the head')
    const entry = known(entriesOf(run, 1, head)[0], 'an entry')
    const result = await this.store.append({ run, head: head.hash, entries: [entry], ...more })
    if (result.ok) this.heads.set(run, entry)
    return result
  }

  /** `i-1:A:hand` for each claim, oldest first. */
  async held(): Promise<string[]> {
    const names = new Map<string, string>([
      [A, 'A'],
      [B, 'B'],
      [C, 'C'],
    ])
    return (await this.store.claims()).map(({ node, run, hand }) => `${node}:${names.get(run) ?? run}:${hand ? 'hand' : 'out'}`)
  }
}

/** Wants nodes, all in the same groups, so many seconds after dusk. */
export const claim = (
  nodes: readonly string[],
  groups: readonly string[] = [],
  limits: readonly GroupLimit[] = [],
  seconds = 0,
): Partial<Append> => ({
  claim: {
    nodes: nodes.map((node) => ({ node, groups })),
    limits,
    notBefore: afterDusk(seconds * 1000 + 3_600_000),
    at: afterDusk(seconds * 1000),
  },
})

export const limit = (key: string, atMost: number, ours: number, set: string | null = null): GroupLimit => ({ key, atMost, ours, set })
