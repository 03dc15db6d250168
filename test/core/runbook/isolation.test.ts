import { describe, expect, it } from 'vitest'
import { InvalidDocument } from '../../../src/kit/error.ts'
import { runbook, TESTED, type Sections } from '../../scenarios/documents.ts'

const trial = (checks: string): string => `{ match: { tags: { Env: staging } }, soak: 10m, checks: [${checks}], onFailure: isolate }`

/** What is said of a runbook; '' when it is fine. */
function said(sections: Sections): string {
  try {
    runbook('isolated', { ...TESTED, ...sections })
    return ''
  } catch (error) {
    const { cause } = error as Error
    return cause instanceof InvalidDocument ? cause.diagnostics.map(({ message }) => message).join('; ') : String(error)
  }
}

describe('a runbook that isolates', () => {
  // prettier-ignore
  it.each<[what: string, sections: Sections, wrong: RegExp]>([
    ['with a check of single nodes',       { test: trial('smoke') },                                            /^$/],
    ['with no check at all',               { test: trial('') },                                                 /^$/],
    ['with one address for all of them',   { test: trial('site') },                                             /looks at single nodes/],
    ['without any rollback',               { test: trial('smoke'), rollback: '{ on: never }' },                 /rolled back/],
    ['with a rollback by hand only',       { test: trial('smoke'), rollback: '{ on: manual }' },                /rolled back/],
    ['with a rollback that does nothing',  { test: trial('smoke'), rollback: '{ method: none }' },              /rolled back/],
    ['by root volumes',                    { test: trial('smoke'), rollback: '{ method: root-volume }' },       /^$/],
  ])('%s', (_, sections, wrong) => {
    expect(said(sections)).toMatch(wrong)
  })
})
