import { readFileSync, writeFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'
import { FAULTS_SCHEMA } from '../src/sandbox/faults.ts'
import { FLEET_SCHEMA } from '../src/sandbox/fleet-file.ts'

// Writes schemas/fleet.schema.json and schemas/faults.schema.json; with --check it only says which of them are stale, and fails.
const files = { 'fleet.schema.json': FLEET_SCHEMA, 'faults.schema.json': FAULTS_SCHEMA }
const check = process.argv.includes('--check')
let stale = 0
for (const [name, schema] of Object.entries(files)) {
  const path = new URL(`../schemas/${name}`, import.meta.url)
  const text = await format(JSON.stringify(schema), { ...(await resolveConfig(path)), parser: 'json' })
  if (check && readOr(path, '') !== text) {
    console.error(`schemas/${name} is stale: run node scripts/gen-sandbox-schemas.ts`)
    stale += 1
  } else if (!check) writeFileSync(path, text)
}
process.exitCode = stale > 0 ? 1 : 0

function readOr(path: URL, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}
