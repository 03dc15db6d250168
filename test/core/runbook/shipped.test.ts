import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compileSchema, parseYamlDocument, validateDocument } from '../../../src/kit/document.ts'
import type { JsonSchema } from '../../../src/kit/schema.ts'
import { mistakes, readFile } from './read.ts'

const SHIPPED = readdirSync('runbooks', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'))

describe('every shipped runbook', () => {
  it('is there', () => {
    expect(SHIPPED.length).toBeGreaterThanOrEqual(6)
  })

  it.each(SHIPPED)('%s validates', (name) => {
    expect(mistakes(() => readFile(`runbooks/${name}`))).toEqual([])
  })

  it.each(SHIPPED.filter((name) => name !== 'clustered-database.yaml'))('%s fits the published schema by itself', (name) => {
    const source: unknown = JSON.parse(readFileSync('schemas/runbook.schema.json', 'utf8'))
    const document = parseYamlDocument(readFileSync(`runbooks/${name}`), name)
    expect(validateDocument(document, compileSchema(source as JsonSchema), { code: 'runbook.invalid' }).diagnostics).toEqual([])
  })
})

it('the monthly runbook names three waves, two limits and a tested baseline', () => {
  const { runbook } = readFile('runbooks/monthly-linux-security.yaml')
  expect(runbook.waves.map(({ name }) => name)).toEqual(['canary', 'early', 'broad'])
  expect(runbook.disruption).toEqual([
    { per: 'tag:Cluster', atMost: { kind: 'count', count: 1 } },
    { per: 'availability-zone', oneAtATime: true },
  ])
  expect(runbook.baseline).toMatchObject({ approval: { group: 'sre-leads', count: 2 } })
})

it('the database runbook takes its checks from the base', () => {
  const { runbook } = readFile('runbooks/clustered-database.yaml')
  expect(Object.keys(runbook.checks).sort()).toEqual(['agents-online', 'reachable', 'replication', 'smoke'])
  expect(runbook.feedback).toEqual({ queue: 'patchwave-feedback.fifo', detail: 'wave' })
})
