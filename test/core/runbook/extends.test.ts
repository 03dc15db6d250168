import { describe, expect, it } from 'vitest'
import { parseYamlDocument } from '../../../src/kit/document.ts'
import { extendsOf } from '../../../src/core/runbook/parse.ts'
import { brief, mistakes, read } from './read.ts'

const BASE = `apiVersion: patchwave/v1
kind: Runbook
metadata: { name: base, owner: us }
scope: { accounts: [staging], regions: [us-east-1, eu-west-1], match: { platform: [ubuntu], tags: { A: b } } }
waves: [{ name: one, take: 1 }, { name: all, take: rest }]
`
const OWN = `extends: base.yaml
metadata: { name: own }
scope: { regions: [us-west-2], match: { tags: { C: d } } }
waves: [{ name: all, take: rest }]
`

describe('extends', () => {
  it('merges maps and replaces lists', () => {
    const { runbook } = read(OWN, BASE)
    expect(runbook).toMatchObject({ name: 'own', owner: 'us' })
    expect(runbook.scope).toMatchObject({ accounts: ['staging'], regions: ['us-west-2'] })
    expect(runbook.scope.match).toMatchObject({ platform: ['ubuntu'], tags: { A: ['b'], C: ['d'] } })
    expect(runbook.waves.map(({ name }) => name)).toEqual(['all'])
  })

  it('gives the merged document without `extends` and without defaults', () => {
    const { merged } = read(OWN, BASE)
    expect(Object.keys(merged).sort()).toEqual(['apiVersion', 'kind', 'metadata', 'scope', 'waves'])
    expect(merged['metadata']).toEqual({ name: 'own', owner: 'us' })
  })

  it('shows a mistake in the file in which it stands', () => {
    const found = mistakes(() => read(OWN.replace('C: d', 'C: 4'), BASE.replace('[staging]', '[stagin]').replace('owner', 'ownr')))
    expect(found.map((each) => `${each.file}:${brief(each)}`)).toEqual([
      'a.yaml:3:52 runbook.wrong-type',
      'base.yaml:3:25 runbook.unknown-key',
      'base.yaml:4:21 runbook.unknown-name',
    ])
  })

  it('goes one level', () => {
    expect(mistakes(() => read(OWN, `extends: other.yaml\n${BASE}`)).map(brief)).toEqual(['1:1 runbook.nested-base'])
  })

  it.each(['- a\n', 'text', ''])('refuses a base that is no map: %j', (base) => {
    const found = mistakes(() => read(OWN, base)).filter(({ file }) => file === 'base.yaml')
    expect(found.map(brief)).toEqual(['1:1 runbook.malformed'])
  })

  it('tells where the base is named', () => {
    const document = parseYamlDocument(`kind: Runbook\nextends: base/linux.yaml\n`, 'a.yaml')
    expect(extendsOf(document)).toEqual({ path: 'base/linux.yaml', at: { file: 'a.yaml', line: 2, column: 10 } })
  })

  it.each(['../up.yaml', '/etc/passwd', 'a/../../up.yaml', './a.yaml', 'a\\b.yaml', 'C:a.yaml', 'a.json', '""', '[a.yaml]'])(
    'never names %s',
    (path) => {
      expect(extendsOf(parseYamlDocument(`extends: ${path}\n`, 'a.yaml'))).toBeNull()
    },
  )
})
