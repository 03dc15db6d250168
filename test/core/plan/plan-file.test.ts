import { describe, expect, it } from 'vitest'
import { canonicalDigest } from '../../../src/core/plan/canonical.ts'
import { makePlan } from '../../../src/core/plan/make.ts'
import { planText, readPlan } from '../../../src/core/plan/plan-file.ts'
import type { Plan, PlanContent } from '../../../src/core/plan/plan.ts'
import { count, input, nodes, NOW, runbook } from './fixture.ts'

const made = (): Plan => makePlan(input({ fleet: nodes(6), runbook: runbook({ disruption: [{ per: 'tag:Cluster', atMost: count(1) }] }) }))
/** The file of a plan whose content is another one, with the digest of that. */
const signed = (content: object, more: object = {}) => {
  const plan = { ...made(), ...more, content: { ...made().content, ...content } }
  return JSON.stringify({ ...plan, digest: canonicalDigest(plan.content) })
}
const placed = (more: Partial<PlanContent['nodes'][number]>) => ({ nodes: made().content.nodes.map((one) => ({ ...one, ...more })) })
const waved = (more: object) => ({ waves: made().content.waves.map((one) => ({ ...one, ...more })) })

const refused = (message: string, hint = 'make the plan anew') =>
  expect.objectContaining({ code: 'plan.invalid', message, more: expect.objectContaining({ hint }) as object })
const NO_JSON = 'the plan file is damaged: it is not JSON'
const NO_PLAN = 'the plan file is damaged: it is no plan'
const CHANGED = 'the plan file is damaged: its content does not have its digest'
const MISSING = 'the plan file is damaged: something is missing in it'

describe('the file of a plan', () => {
  it('ends with a line end, and is read back as it was, groups and all', () => {
    const plan = made()
    expect(plan.content.groups).toHaveLength(2)
    expect(planText(plan).endsWith('}\n')).toBe(true)
    expect(readPlan(planText(plan))).toEqual(plan)
    expect(readPlan(signed(placed({ list: null })))).toMatchObject({ content: placed({ list: null }) })
  })

  // prettier-ignore
  it.each<[it: string, text: () => string, message: string, hint?: string]>([
    ['no JSON',                       () => '{',                                       NO_JSON],
    ['null',                          () => 'null',                                    NO_PLAN],
    ['a list as its content',         () => '{"content":[]}',                          NO_PLAN],
    ['nothing in it',                 () => '',                                        NO_JSON],
    ['its end cut off',               () => planText(made()).slice(0, -30),            NO_JSON],
    ['another node',                  () => planText(made()).replace('i-p0001', 'i-p9999'), CHANGED],
    ['a newer version',               () => signed({ v: 2 }),                          'the plan was made by a newer version', 'run it with the version that made it'],
    ['another digest',                () => JSON.stringify({ ...made(), digest: '' }), CHANGED],
    ...['nodes', 'groups', 'waves', 'lists', 'before', 'after', 'runbook', 'checks', 'rollback', 'documents'].map(
      (key): [string, () => string, string] => [`${key} that are none`,             () => signed({ [key]: 7 }), MISSING]),
    ...['worstCase', 'windows', 'irreversible', 'warnings', 'headline', 'forecast', 'calls', 'madeAt'].map(
      (key): [string, () => string, string] => [`${key} that is none`,              () => signed({}, { [key]: 'x' }), MISSING]),
    ...['nodes', 'groups', 'waves', 'lists'].map(
      (key): [string, () => string, string] => [`${key} with a hole`,               () => signed({ [key]: [...(made().content as unknown as Record<string, unknown[]>)[key] ?? [], null] }), MISSING]),
    ['a node in no list of it',       () => signed(placed({ list: 9 })),               MISSING],
    ['a node in a list before all',   () => signed(placed({ list: -1 })),              MISSING],
    ['a node in half a list',         () => signed(placed({ list: 0.5 })),             MISSING],
    ['a node in the list after all',  () => signed(placed({ list: made().content.lists.length })), MISSING],
    ['a node in no group of it',      () => signed(placed({ groups: [0, 9] })),        MISSING],
    ['a node whose groups are none',  () => signed({ nodes: made().content.nodes.map((one) => ({ ...one, groups: 0 })) }), MISSING],
    ['a wave with no node of it',     () => signed(waved({ nodes: [0, 6] })),          MISSING],
    ['one bad node among good ones',  () => signed({ nodes: made().content.nodes.map((one, at) => (at === 3 ? { ...one, list: 9 } : one)) }), MISSING],
    ['one bad wave among good ones',  () => signed({ waves: made().content.waves.map((one, at) => (at === 1 ? { ...one, gate: 'open' } : one)) }), MISSING],
    ['a wave without a gate',         () => signed(waved({ gate: null })),             MISSING],
  ])('is refused with %s', (_, text, message, hint) => {
    expect(() => readPlan(text())).toThrow(refused(message, hint))
  })

  it('may differ beside the content', () => {
    expect(readPlan(JSON.stringify({ ...made(), madeAt: NOW + 5 }))).toEqual({ ...made(), madeAt: NOW + 5 })
  })

  it('that is no JSON says what the reader said', () => {
    expect(() => readPlan('{')).toThrow(expect.objectContaining({ cause: expect.any(SyntaxError) as object }))
  })
})
