import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { listDigest } from '../../../src/core/plan/list.ts'
import { HOUR, MINUTE, type Ms } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { brief, measured, report, sent, Telling } from './telling.ts'
import { isolated, LINES } from './walk-trial.ts'

/** What breaks: whoever has all of these units; by its own report, or by a check that looks at it afterwards. */
type World = Readonly<{
  bad: readonly number[]
  by?: 'report' | 'check'
  /** What a node says of a set that it would not install. */
  refuses?: (units: readonly number[]) => string | null
  /** Who is ill whatever is installed. */
  ill?: number
  nodes?: number
  /** How long an installation takes. */
  lastsMs?: Ms
  /** A person has had enough in this round. */
  abortIn?: number
  spec?: Partial<PlanSpec>
}>

const LIST = 'a'.repeat(64)
const digestOf = (...units: readonly number[]): string =>
  listDigest(units.map((unit) => ({ name: `package-${String(unit)}`, arch: 'noarch', version: '0:1-1' })))

/** Plays a trial that breaks, and its search, in a world without chance; returns what was told of the search and the end. */
function play({ bad, by = 'report', refuses = () => null, ill = -1, nodes = 3, lastsMs = 0, abortIn = -1, spec = {} }: World): {
  told: Telling
  story: string[]
} {
  const gate = { failuresMax: 0, checks: ['smoke'], bakeMs: 30 * MINUTE }
  const told = new Telling(isolated({ waves: [{ nodes: Array.from({ length: nodes }, () => ({ list: null })), gate }], ...spec }, false))
  told.open()
  const every = told.plan.nodes.map((_, position) => position)
  told.tell({ type: 'NodesScanned', nodes: every, lists: every.map(() => LIST), missing: every.map(() => 6) })
  told.tell({ type: 'ListsPinned', lists: LIST, count: 1, patches: [6], nodes: every, of: every.map(() => 0) })
  const unitsOn = (node: number): readonly number[] => told.state.isolation?.tries.get(node)?.units ?? LINES.map((_, unit) => unit)
  const breaks = (node: number): boolean => node === ill || bad.every((unit) => unitsOn(node).includes(unit))
  const installed = (node: number): string => {
    const refused = refuses(unitsOn(node))
    if (refused !== null) return refused
    return by === 'report' && breaks(node) ? 'failed: scriptlet-failed' : 'patched: installed'
  }
  const has = (node: number): boolean => told.node(node).startsWith('patched') || unitsOn(node).length === 0
  for (let turn = 0; turn < 2_000 && told.state.phase.name !== 'finished'; turn++) {
    const before = told.facts.length
    told.read()
    for (const n of [...told.state.openCommands]) {
      const { work, nodes: named } = told.state.commands.get(n) ?? { work: 'apply', nodes: [] }
      const rows = named.map((node): [number, string] => [node, work === 'rollback' ? 'rolled-back: restored' : installed(node)])
      told.tell(sent(n, told.now))
      if (work === 'apply' && told.state.isolation?.round === abortIn) told.tell({ type: 'AbortAsked', reason: 'enough', rollback: true })
      told.wait(work === 'apply' ? lastsMs : 0)
      told.tell(report(n, Object.fromEntries(rows), told.now))
      told.tell({ type: 'CommandClosed', n })
    }
    for (const effect of [...told.state.activities.values()]) {
      if (effect.kind === 'group') told.tell({ type: 'PatchesGrouped', lines: [LINES], units: [LINES.map((_, unit) => unit)] })
      if (effect.kind === 'store')
        told.tell({ type: 'BaselineStored', account: effect.account, image: 'ami-1', path: '/p', version: 1, digest: LIST, written: 1 })
      if (effect.kind === 'approve-baselines') told.tell({ type: 'BaselinesApproved', count: 1 })
      if (effect.kind !== 'measure') continue
      const failing = effect.check === 'smoke' ? every.filter((node) => has(node) && (by === 'check' ? breaks(node) : node === ill)) : []
      told.tell({ ...measured(effect, failing.length > 0 ? 'fail' : 'pass'), failing } as RunEvent)
    }
    if (told.facts.length === before) told.wake()
  }
  const story = told.facts.flatMap(({ event }) => lineOf(event))
  return {
    told,
    story: story.slice(
      Math.max(
        0,
        story.findIndex((line) => line.startsWith('isolation of')),
      ),
    ),
  }
}

function lineOf(event: RunEvent): string[] {
  switch (event.type) {
    case 'IsolationStarted':
      return [`isolation of wave ${event.wave}: ${event.nodes.map((node, index) => `${node} ${event.reasons[index]}`).join(', ')}`]
    case 'TriesChosen':
      return [
        `round ${event.round}: ${event.nodes.map((node, index) => `${node} ${event.units[index]?.join('+') || 'nothing'}${event.keep[index] ? ' to keep' : ''}`).join(', ')}`,
      ]
    case 'TryJudged':
      return [`${event.node} ${event.verdict}: ${event.why}`]
    case 'CulpritsFound':
      return [
        `culprits of list ${event.list}: ${event.culprits.join(', ')}`,
        ...event.why,
        `kept by ${event.nodes.join(',')}; with them go ${event.dependents.join(', ') || 'none'}`,
      ]
    case 'IsolationEnded':
      return [`${event.solved ? 'solved' : 'unsolved'}: ${event.reason}`]
    case 'RollbackStarted':
      return [`back: ${event.nodes} nodes: ${event.why}`]
    case 'BaselineStored':
      return ['stored']
    case 'RunFinished':
      return [brief(event)]
    default:
      return []
  }
}

describe('a search for what broke a trial', () => {
  it('one patch, by the nodes’ own word', () => {
    const { told, story } = play({ bad: [4] })
    expect(story).toEqual(STORIES.report)
    expect(told.refolded()).toEqual(told.lived)
    const kept = told.state.isolation?.lists[0]?.found?.list ?? -1
    expect([...told.state.nodes.list]).toEqual([kept, kept, kept])
    expect(told.state.isolation?.derived[kept - 1]).toEqual({ base: 0, units: [0, 1, 2, 3, 5] })
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(['patched: installed', 'patched: installed', 'patched: installed'])
  })

  it('two that only break together, by a check', () => {
    expect(play({ bad: [1, 5], by: 'check' }).story).toEqual(STORIES.check)
  })

  it('each try has the digest of what it installs', () => {
    const { told } = play({ bad: [4] })
    const chosen = told.facts.flatMap(({ event }) => (event.type === 'TriesChosen' ? [event] : []))
    for (const { units, digests } of chosen) expect(digests).toEqual(units.map((some) => digestOf(...some)))
  })

  it('a node that is ill without any patch leaves it; who is left goes on', () => {
    const { told, story } = play({ bad: [4], ill: 1 })
    expect(story.slice(0, 6)).toEqual(STORIES.ill)
    expect(told.state.isolation?.out.get(1)).toBe('smoke: fail')
  })

  it('with nobody left it ends', () => {
    const { story } = play({ bad: [4], ill: 0, nodes: 1 })
    expect(story).toEqual(STORIES.nobody)
  })

  it('that cannot be decided by what the nodes say ends, and leaves nothing', () => {
    const { told, story } = play({ bad: [4], refuses: (units) => (units.length === 5 ? 'failed: disk-full' : null) })
    expect(story.at(-1)).toBe('RunFinished rolled-back: isolation: what the nodes said was not clear enough to blame a patch')
    expect(story.filter((line) => line.includes('unclear')).slice(0, 3)).toEqual([
      '0 unclear: disk-full',
      '1 unclear: disk-full',
      '2 unclear: disk-full',
    ])
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(Array.from({ length: 3 }, () => 'rolled-back: restored'))
  })

  it('that the window ends is over', () => {
    const { told, story } = play({ bad: [1, 5], by: 'check', lastsMs: HOUR })
    expect(story.slice(-2)).toEqual(['unsolved: the window ended', 'RunFinished rolled-back: isolation: the window ended'])
    expect([0, 1, 2].map((node) => told.node(node).split(':')[0])).toEqual(['rolled-back', 'rolled-back', 'rolled-back'])
  })

  it('that a person ends leaves nothing', () => {
    const { told, story } = play({ bad: [4], abortIn: 2 })
    expect(story.at(-1)).toBe('RunFinished aborted: rolled back 3 nodes; isolation: aborted')
    expect(told.node(0)).toMatch(/^(rolled-back|patched)/)
  })
})

const CONTROL = ['round 1: 0 nothing, 1 nothing, 2 nothing', '0 good: smoke: pass', '1 good: smoke: pass', '2 good: smoke: pass']
const ALL_GOOD = ['0 good: smoke: pass', '1 good: smoke: pass', '2 good: smoke: pass']

const STORIES = {
  report: [
    'isolation of wave 0: 0 scriptlet-failed, 1 scriptlet-failed, 2 scriptlet-failed',
    ...CONTROL,
    'round 2: 0 0+1, 1 2+3, 2 4+5',
    '2 bad: scriptlet-failed', // Known at once; the others are watched first.
    '0 good: smoke: pass',
    '1 good: smoke: pass',
    'back: 3 nodes: isolation: round 2 is undone',
    'round 3: 0 4, 1 5',
    '0 bad: scriptlet-failed',
    '1 good: smoke: pass',
    'back: 2 nodes: isolation: round 3 is undone',
    'round 4: 0 0+1+2+3+5 to keep, 1 0+1+2+3+5 to keep, 2 0+1+2+3+5 to keep',
    ...ALL_GOOD,
    'culprits of list 0: package-4 noarch 0:1-1',
    `scriptlet-failed on i-00000000000000000 in round 3 with the list ${digestOf(4).slice(0, 12)}`,
    'kept by 0,1,2; with them go none',
    'solved: isolated: package-4 0:1-1',
    'stored',
    'RunFinished succeeded: baselines approved; quarantined: package-4 0:1-1',
  ],
  check: [
    'isolation of wave 0: 0 smoke: fail, 1 smoke: fail, 2 smoke: fail',
    ...CONTROL,
    'round 2: 0 0+1, 1 2+3, 2 4+5',
    ...ALL_GOOD,
    'back: 3 nodes: isolation: round 2 is undone',
    'round 3: 0 2+3+4+5, 1 0+1+4+5, 2 0+1+2+3',
    '0 good: smoke: pass',
    '2 good: smoke: pass',
    '1 bad: smoke: fail',
    'back: 3 nodes: isolation: round 3 is undone',
    'round 4: 0 0, 1 1, 2 4',
    ...ALL_GOOD,
    'back: 3 nodes: isolation: round 4 is undone',
    'round 5: 0 5, 1 1+4+5, 2 0+4+5',
    '0 good: smoke: pass',
    '2 good: smoke: pass',
    '1 bad: smoke: fail',
    'back: 3 nodes: isolation: round 5 is undone',
    'round 6: 0 1+5, 1 1+4',
    '1 good: smoke: pass',
    '0 bad: smoke: fail',
    'back: 2 nodes: isolation: round 6 is undone',
    'round 7: 0 0+2+3+4 to keep, 1 0+2+3+4 to keep, 2 0+2+3+4 to keep',
    ...ALL_GOOD,
    'culprits of list 0: package-1 noarch 0:1-1, package-5 noarch 0:1-1',
    ...[1, 5].map(
      () =>
        `smoke: fail on i-00000000000000000 in round 6 with the list ${digestOf(1, 5).slice(0, 12)}; only together: package-1 0:1-1, package-5 0:1-1`,
    ),
    'kept by 0,1,2; with them go none',
    'solved: isolated: package-1 0:1-1, package-5 0:1-1',
    'stored',
    'RunFinished succeeded: baselines approved; quarantined: package-1 0:1-1, package-5 0:1-1',
  ],
  ill: [
    'isolation of wave 0: 0 scriptlet-failed, 1 scriptlet-failed, 2 scriptlet-failed',
    'round 1: 0 nothing, 1 nothing, 2 nothing',
    '0 good: smoke: pass',
    '2 good: smoke: pass',
    '1 bad: smoke: fail',
    'round 2: 0 0+1, 2 2+3',
  ],
  nobody: [
    'isolation of wave 0: 0 scriptlet-failed',
    'round 1: 0 nothing',
    '0 bad: smoke: fail',
    'unsolved: no node is left that was well without the patches and broke with them',
    'RunFinished rolled-back: isolation: no node is left that was well without the patches and broke with them',
  ],
}
