import { describe, expect, it } from 'vitest'
import { aroundLines, aroundOf } from '../../src/cli/render/around.ts'
import { painter } from '../../src/cli/render/paint.ts'
import { runLines } from '../../src/cli/render/run-lines.ts'
import { statusShape } from '../../src/cli/shapes.ts'
import { finished } from '../../src/core/run/finish.ts'
import { OUTCOMES } from '../../src/core/run/event.ts'
import { initial } from '../../src/core/run/state.ts'
import { viewOf } from '../../src/core/run/view.ts'
import { HOUR, MINUTE, SECOND } from '../../src/kit/instant.ts'
import { plan, type PlanSpec } from '../core/run/plan.ts'
import { OPENS } from '../core/run/telling.ts'

const EVERYTHING: Partial<PlanSpec> = {
  around: {
    hooks: {
      before: { run: { kind: 'document', document: 'Acme-Quiesce' }, timeoutMs: 5 * MINUTE, onFailure: 'skip-node' },
      after: { run: { kind: 'script', script: '/opt/app/bin/warm' }, timeoutMs: 90 * SECOND, onFailure: 'stop-wave' },
      exit: null,
    },
    drain: { targetGroups: 'auto', waitMs: null, autoScaling: 'leave' },
    power: { stopped: 'start-and-restore' },
    backup: { keepMs: 26 * HOUR },
  },
}
const content = (spec: Partial<PlanSpec>) => plan({ waves: [{ nodes: 2 }], ...spec })
const steps = (spec: Partial<PlanSpec>) => {
  const { before, after, undo } = aroundOf(content(spec))
  return [before, after, undo].map((some) => some.map(({ step }) => step))
}

describe('what a plan says of the steps around a node', () => {
  it('is nothing where there are none', () => {
    expect(aroundLines(content({}))).toEqual([])
  })

  it('is each step in words, in order', () => {
    expect(aroundLines(content({ ...EVERYTHING, rollback: { ...content({}).rollback, on: 'never' } }))).toEqual([
      'before    started, where it is stopped',
      'before    out of its target groups; connections may drain as long as each group says',
      'before    snapshots of all its volumes, kept for 1d 2h',
      'before    document Acme-Quiesce, at most 5m; if it fails the node is skipped',
      'after     /opt/app/bin/warm, at most 1m 30s; if it fails the wave stops',
      'after     in its target groups again, and healthy there',
      'after     stopped again, where it was stopped',
    ])
  })

  it('follows what the runbook wants', () => {
    const { rollback } = content({})
    expect(steps({ rollback: { ...rollback, method: 'root-volume' } })).toEqual([['snapshot'], [], ['replace-root']])
    expect(steps({ around: { apply: { with: 'patch-manager' } } })).toEqual([['record'], ['verify'], []])
    expect(steps({ work: 'scan' })).toEqual([[], [], []])
    expect(steps({ ...EVERYTHING, work: 'rollback', undoes: 'a run' })).toEqual([
      ['start', 'drain', 'hook-before'],
      ['hook-after', 'rejoin', 'stop'],
      [],
    ])
  })

  // prettier-ignore
  it.each<[method: 'packages' | 'root-volume', onFailure: 'skip-node' | 'stop-wave', says: string]>([
    ['packages',    'skip-node', 'the node is not rolled back'],
    ['packages',    'stop-wave', 'the node is not rolled back, and the wave stops'],
    ['root-volume', 'stop-wave', 'the root volume is replaced all the same'],
  ])('says what a hook that fails means before a rollback by %s', (method, onFailure, says) => {
    const { rollback } = content({})
    const before = { run: { kind: 'script', script: '/opt/app/bin/quiesce' }, timeoutMs: 5 * MINUTE, onFailure } as const
    const lines = aroundLines(content({ rollback: { ...rollback, method }, around: { hooks: { before, after: null, exit: null } } }))
    expect(lines).toContain(`rollback  /opt/app/bin/quiesce, at most 5m; if it fails ${says}`)
    expect(lines).not.toContain(`before    /opt/app/bin/quiesce, at most 5m; if it fails ${says}`)
  })

  it('names a hook behind the change also where it is the only step', () => {
    const hooks = { before: null, after: EVERYTHING.around?.hooks?.after ?? null, exit: EVERYTHING.around?.hooks?.after ?? null }
    expect(steps({ around: { hooks } })).toEqual([[], ['hook-after', 'hook-exit'], []])
  })
})

describe('nodes that are not back', () => {
  const state = initial('01900000-0000-7000-8000-000000000001', content({ waves: [{ nodes: 12 }] }))
  for (let position = 0; position < 12; position++) state.notBack.set(position, position === 0 ? ['rejoin', 'stop'] : ['rejoin'])

  it('are named in a status, each in a line, and for machines', () => {
    const view = viewOf(state)
    const lines = runLines(view, { now: OPENS, virtual: false, columns: 120, paint: painter(false) })
    expect(lines).toContain('not back: i-00000000000000000, without rejoin, stop')
    expect(lines.filter((line) => line.startsWith('not back'))).toHaveLength(12)
    expect(statusShape(view, false)).toMatchObject({
      notBack: [{ node: 'i-00000000000000000', steps: ['rejoin', 'stop'] }, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}],
    })
  })

  it('are named in the reason with which a run ends, as many as a sentence can bear', () => {
    expect(finished(state, 'failed', 'wave one: failures: 12 of at most 0')).toMatchObject({
      reason: expect.stringMatching(
        /^wave one: failures: 12 of at most 0; not back: i-00000000000000000 \(rejoin, stop\), .* and 2 more$/,
      ) as string,
    })
  })
})

describe('why nodes did not go well', () => {
  const state = initial('01900000-0000-7000-8000-000000000001', content({ waves: [{ nodes: 14 }] }))
  const ends = ['patched', 'skipped excluded', ...['a', 'b', 'c', 'd', 'd', 'e', 'e', 'f', 'g'].map((reason) => `failed ${reason}`)]
  ;[...ends, 'failed d', 'unknown expired'].forEach((said, position) => {
    const [outcome = '', reason = 'installed'] = said.split(' ')
    state.nodes.outcome[position] = OUTCOMES.findIndex((one) => one === outcome)
    state.nodes.reason[position] = reason
  })

  it('is told in groups, the commonest reason first; of many reasons the rarest are counted', () => {
    const lines = runLines(viewOf(state), { now: OPENS, virtual: false, columns: 120, paint: painter(false) })
    const at = lines.indexOf('failed: 3 d, 2 e, 1 a, 1 b, 1 c, 2 for other reasons')
    expect(lines.slice(at, at + 3)).toEqual([lines[at], 'unknown: 1 expired', 'skipped: 1 excluded'])
    expect(at).toBeGreaterThan(0)
  })

  it('is there for machines, whole', () => {
    const { causes } = statusShape(viewOf(state), false)
    expect(causes).toHaveLength(9)
    expect(causes).toContainEqual({ outcome: 'failed', reason: 'd', nodes: 3 })
    expect(causes).toContainEqual({ outcome: 'unknown', reason: 'expired', nodes: 1 })
  })
})
