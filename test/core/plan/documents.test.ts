import { describe, expect, it } from 'vitest'
import { DOCUMENTS, documentsOf, hookDocuments } from '../../../src/core/plan/documents.ts'
import type { Sections } from '../../scenarios/documents.ts'
import { runbook } from '../../scenarios/documents.ts'

const USUAL = ['Apply', 'Check', 'Fetch', 'Rollback', 'Scan']

describe('the documents that a runbook needs', () => {
  // prettier-ignore
  it.each<[what: string, sections: Sections, names: readonly string[]]>([
    ['the usual five',                      {},                                                              USUAL],
    ['the same where nothing is installed', { patches: '', baseline: '' },                                   USUAL],
    ['a hook that is a script',             { hooks: '{ onExit: { script: /opt/app/bin/open } }' },          [...USUAL, 'Hook']],
    ['a hook that is the owner’s document', { hooks: '{ beforeNode: { document: Acme-Quiesce } }' },         USUAL],
    ['live patches',                        { patches: '{ approve: [{ cves: [CVE-2026-1234] }], kernel: live-patch }' }, [...USUAL, 'LivePatch']],
    ['kernels that are held',               { patches: '{ approve: [{ cves: [CVE-2026-1234] }], kernel: hold }' },       USUAL],
    ['Patch Manager instead of our own',    { apply: '{ with: patch-manager }' },                            ['Check', 'Fetch', 'Rollback', 'Scan', 'Verify']],
  ])('%s', (_, sections, names) => {
    expect([...documentsOf(runbook('night', sections))].sort()).toEqual(names.map((name) => `Patchwave-${name}`).sort())
  })

  it('are beside those of the owner that hooks name, each once', () => {
    const hooks = '{ beforeNode: { document: Acme-A }, afterNode: { script: /opt/warm }, onExit: { document: Acme-A } }'
    expect(hookDocuments(runbook('night', { hooks }))).toEqual(['Acme-A'])
    expect(hookDocuments(runbook('night', {}))).toEqual([])
  })

  it('are all known by name, once', () => {
    expect(new Set(DOCUMENTS).size).toBe(DOCUMENTS.length)
  })
})
