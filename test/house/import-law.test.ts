import { describe, expect, it } from 'vitest'
import { importBreaches, importsOf } from './import-law.ts'
import { repositoryFiles, sourcesIn, spoken } from './tree.ts'

const sources = sourcesIn('src/', repositoryFiles())

describe('the import law', () => {
  it('is kept by every file of src/', () => {
    expect(sources.length).toBeGreaterThan(100)
    expect(spoken(sources.flatMap(importBreaches))).toBe('')
  })

  it.each([
    ['src/kit/glob.ts', `import { readFileSync } from 'node:fs'`, 'kit may not import the package node:fs'],
    ['src/kit/glob.ts', `import type { Plan } from '../core/plan/plan.ts'`, 'kit may not import core/plan'],
    ['src/core/plan/plan.ts', `import { next } from '../run/next.ts'`, 'core/plan may not import core/run'],
    ['src/core/runbook/parse.ts', `export { plan } from '../plan/plan.ts'`, 'core/runbook may not import core/plan'],
    ['src/core/run/next.ts', `import type { Entry } from '../audit/entry.ts'`, 'core/run may not import core/audit'],
    ['src/core/run/next.ts', `const { now } = await import('node:process')`, 'core/run may not import the package node:process'],
    ['src/core/run/next.ts', `type Clock = import('../../ports/clock.ts').Clock`, 'core/run may not import ports'],
    ['src/core/run/next.ts', `const x = await import(name)`, 'core/run may not import the package (computed)'],
    ['src/config/load.ts', `import { World } from '../ports/world.ts'`, 'config may not import ports'],
    ['src/ports/clock.ts', `import { instant } from '../kit/instant.ts'`, 'ports may import only types of kit'],
    ['src/engine/driver.ts', `import { open } from '../adapters/sqlite/store.ts'`, 'engine may not import adapters/sqlite'],
    ['src/engine/driver.ts', `import { SSMClient } from '@aws-sdk/client-ssm'`, 'engine may not import the package @aws-sdk/client-ssm'],
    ['src/adapters/sqlite/store.ts', `import { toText } from '../aws/text.ts'`, 'adapters/sqlite may not import adapters/aws'],
    ['src/adapters/system/log.ts', `import '@aws-sdk/client-sqs'`, 'adapters/system may not import the package @aws-sdk/client-sqs'],
    ['src/sandbox/model.ts', `import type { Aws } from '../adapters/aws/aws.ts'`, 'sandbox may not import adapters/aws'],
    ['src/sandbox/model.ts', `import { VirtualClock } from '../ports/clock.ts'`, 'sandbox may import only types of ports'],
    ['src/cli/plan.ts', `import { type Store, open } from '../ports/store.ts'`, 'cli may import only types of ports'],
    [
      'src/main.ts',
      `import { night } from '../test/nights/night.ts'`,
      'main.ts may not import test/nights/night.ts, which is outside src/',
    ],
    ['src/utils/text.ts', ``, 'belongs to no zone of the import law'],
  ])('finds in %s: %s', (path, line, what) => {
    expect(importBreaches({ path, text: `// a first line\n${line}\n` })).toMatchObject([{ path, line: line === '' ? 1 : 2, what }])
  })

  it.each([
    ['src/kit/digest.ts', `import { createHash } from 'node:crypto'`],
    ['src/kit/glob.ts', `import { assert } from './assert.ts'`],
    ['src/core/run/next.ts', `import { inScope } from '../plan/select.ts'`],
    ['src/ports/store.ts', `import { type Entry } from '../core/audit/entry.ts'`],
    ['src/adapters/aws/aws.ts', `const sdk = () => import('@aws-sdk/client-ssm')`],
    ['src/sandbox/model.ts', `import type { Clock } from '../ports/clock.ts'`],
    ['src/main.ts', `import { open } from './adapters/sqlite/store.ts'`],
  ])('lets %s have: %s', (path, line) => {
    const file = { path, text: line }
    expect(importsOf(file)).toHaveLength(1)
    expect(importBreaches(file)).toEqual([])
  })
})
