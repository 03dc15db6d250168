import { describe, expect, it } from 'vitest'
import { differences } from '../../src/cli/commands/baseline.ts'
import { isolationLine, leftOut } from '../../src/cli/render/isolation-lines.ts'
import { notable } from '../../src/cli/render/notable.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import type { Quarantined } from '../../src/core/plan/quarantine.ts'
import { instant } from '../../src/kit/instant.ts'
import { plan } from '../core/run/plan.ts'
import { Telling } from '../core/run/telling.ts'

const LINEAGES = [{ image: 'amazon-linux-2023', nodes: [0, 1], accounts: ['111122223333'] }]
const told = new Telling(plan({ waves: [{ nodes: 2 }], act: 'trial', trial: { lineages: LINEAGES, path: '/p', approval: null } }))
const PAM = 'pam x86_64 0:1.5.1-8'

describe('what is said of a search for culprits', () => {
  // prettier-ignore
  it.each<[event: RunEvent, line: string | undefined]>([
    [{ type: 'IsolationStarted', wave: 0, nodes: [0, 1], reasons: ['smoke: fail', 'smoke: fail'] },                          'isolation started: 2 nodes broke (smoke: fail)'],
    [{ type: 'TriesChosen', round: 1, nodes: [0, 1], lists: [0, 0], units: [[], []], digests: ['a', 'a'], keep: [false, false] }, 'round 1: 2 nodes measured without any patch'],
    [{ type: 'TriesChosen', round: 2, nodes: [0, 1], lists: [0, 0], units: [[0], [1]], digests: ['a', 'b'], keep: [false, false] }, 'round 2: 2 parts of the lists on 2 nodes'],
    [{ type: 'TryJudged', round: 2, node: 1, verdict: 'bad', why: 'smoke: fail' },                                           'round 2: i-00000000000000001 bad (smoke: fail)'],
    [{ type: 'CulpritsFound', list: 0, culprits: [PAM], why: ['x'], dependents: [], nodes: [0] },                            'culprits of amazon-linux-2023: pam 0:1.5.1-8'],
    [{ type: 'CulpritsFound', list: 0, culprits: [PAM], why: ['x'], dependents: ['a noarch 0:1-1'], nodes: [0] },            'culprits of amazon-linux-2023: pam 0:1.5.1-8; cannot be installed without: a 0:1-1'],
    [{ type: 'CulpritsFound', list: 0, culprits: [], why: [], dependents: [], nodes: [0] },                                  'no patch of amazon-linux-2023 is to blame'],
    [{ type: 'IsolationEnded', solved: true, reason: 'isolated: pam 0:1.5.1-8' },                                            'isolated: pam 0:1.5.1-8'],
    [{ type: 'IsolationEnded', solved: false, reason: 'the window ended' },                                                  'isolation ended: the window ended'],
    [{ type: 'TriesDrained', round: 2 },                                                                                     undefined],
  ])('%s: %s', (event, line) => {
    expect(isolationLine(told.state, event)).toBe(line)
    expect(notable(told.state, { at: instant(1), actor: { kind: 'engine', id: 'x' }, event })).toBe(line)
  })

  it('names what a classification left out, and no more than fits a line', () => {
    expect(leftOut([])).toBe('')
    expect(leftOut([PAM])).toBe('; quarantined, left out: pam 0:1.5.1-8')
    expect(leftOut(Array.from({ length: 9 }, () => PAM))).toMatch(/, and 3 more$/)
  })
})

describe('two versions of a baseline', () => {
  const entry = (name: string): Quarantined => ({
    family: 'rpm',
    name,
    arch: 'x86_64',
    version: '0:1-1',
    as: 'breaks',
    why: '',
    run: 'r',
    at: instant(1),
  })
  const baseline = (...names: readonly string[]) => ({
    baseline: {
      v: 2 as const,
      account: 'a',
      image: 'i',
      patches: [],
      provenance: { run: 'r', plan: 'p', nodes: [], checks: [], testedAt: instant(1) },
      quarantined: names.map(entry),
    },
  })

  it('differ by what each keeps out', () => {
    expect(differences(baseline('pam', 'curl'), baseline('pam', 'sudo'))).toMatchObject({
      quarantined: [{ name: 'sudo' }],
      released: [{ name: 'curl' }],
    })
  })
})
