import { spawnSync } from 'node:child_process'

// `npm run gen` writes every generated file from its source; `npm run gen -- --check` writes nothing and ends with 1 when one is stale.

const GENERATORS = [
  'gen-errors.ts',
  'gen-schemas.ts',
  'gen-trigger-schema.ts',
  'gen-sandbox-schemas.ts',
  'gen-cli-reference.ts',
  'gen-diagram.ts',
  'gen-documents.ts',
  'gen-effects.ts',
] as const

for (const script of GENERATORS) {
  const { status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', new URL(script, import.meta.url).pathname, ...process.argv.slice(2)],
    {
      stdio: 'inherit',
    },
  )
  if (status !== 0) process.exitCode = 1
}
