import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as autoscaling from '@aws-sdk/client-auto-scaling'
import * as ec2 from '@aws-sdk/client-ec2'
import * as elasticloadbalancing from '@aws-sdk/client-elastic-load-balancing-v2'
import * as s3 from '@aws-sdk/client-s3'
import * as sqs from '@aws-sdk/client-sqs'
import * as ssm from '@aws-sdk/client-ssm'
import * as sts from '@aws-sdk/client-sts'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { parseFaults } from '../../src/sandbox/faults.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import { mistakes, read } from '../core/runbook/read.ts'
import { anchorsOf, blocksOf, brokenLinks, commandLines, refusal, unreachable, wordsOf } from './docs.ts'
import { repositoryFiles, spoken } from './tree.ts'

const files = repositoryFiles()
const pages = files.filter(({ path }) => path.endsWith('.md'))
const page = (text: string) => ({ path: 'docs/x.md', text })

describe('links', () => {
  it('lead to files and headings that are there', () => {
    expect(pages.length).toBeGreaterThan(10)
    expect(spoken(pages.flatMap((each) => brokenLinks(each, pages)))).toBe('')
  })

  it('lead from the first page to every other one', () => {
    expect(unreachable('README.md', pages)).toEqual([])
  })

  it.each([
    ['see [this](nowhere.md)', 'a link to nowhere.md, which is not there'],
    ['see [this](../README.md#no-such-heading)', 'a link to ../README.md#no-such-heading, a heading that is not there'],
    ['see [this](#nor-this)', 'a link to #nor-this, a heading that is not there'],
  ])('are found when they lead nowhere: %s', (text, what) => {
    const file = page(text)
    expect(
      brokenLinks(file, [...pages, file].filter(({ path }) => path !== 'docs/x.md').concat(file)).map((breach) => breach.what),
    ).toContain(what)
  })

  it.each(['[out](https://example.com/a)', '`[no](link.md)`', '```\n[no](link.md)\n```', '[here](../LICENSE)'])(
    'are left alone: %s',
    (text) => {
      expect(brokenLinks(page(text), pages)).toEqual([])
    },
  )

  it('know headings as forges spell them', () => {
    expect([...anchorsOf(page('# One, two\n## `three` four\n```\n# no heading\n```'))]).toEqual(['one-two', 'three-four'])
  })

  it('find a page that nothing leads to', () => {
    expect(
      unreachable('a.md', [
        { path: 'a.md', text: '[b](b.md)' },
        { path: 'b.md', text: '' },
        { path: 'c.md', text: '' },
      ]),
    ).toEqual(['c.md'])
  })
})

describe('command lines', () => {
  const lines = files.filter(({ path }) => /\.(md|ya?ml)$/.test(path)).flatMap(commandLines)

  it('are many', () => {
    expect(lines.length).toBeGreaterThan(40)
  })

  it.each(lines)('$path:$line: patchwave $text', async (line) => {
    expect(await refusal(line)).toBeUndefined()
  })

  it.each([
    ['frobnicate', /unknown command/],
    ['run', /missing required argument/],
    ['pause RUN', /reason/],
    ['plan runbooks/scan-only.yaml --dry', /unknown option/],
    ['validate runbooks/no-such.yaml', /is not there/],
  ])('are found when the program would refuse them: %s', async (text, why) => {
    expect(await refusal({ text })).toMatch(why)
  })

  it.each([
    [` status --json | grep run`, ['status', '--json']],
    [` pause RUN --reason 'two words' # why`, ['pause', 'RUN', '--reason', 'two words']],
    [` run a.yaml --now & sleep 3`, ['run', 'a.yaml', '--now']],
    [` audit export RUN > a.jsonl 2> b`, ['audit', 'export', 'RUN']],
  ])('end where the shell ends them: %s', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })

  it('are found in blocks, in text and in comments of runbooks', () => {
    const text = 'Say `./bin/patchwave status` or\n```sh\nA=1 ./bin/patchwave run a.yaml \\\n  --now\n```\n'
    expect(commandLines(page(text)).map((one) => [one.line, wordsOf(one.text).join(' ')])).toEqual([
      [1, 'status'],
      [3, 'run a.yaml --now'],
    ])
    expect(commandLines({ path: 'a.yaml', text: '#   patchwave plan a.yaml' })).toMatchObject([{ line: 1, text: 'plan a.yaml' }])
  })
})

describe('documents in pages', () => {
  const READERS: Readonly<Record<string, (text: string) => unknown>> = {
    Runbook: (text) => read(text),
    Fleet: (text) => parseFleet(text, 'a.yaml'),
    Faults: (text) => parseFaults(text, 'a.yaml'),
    Config: (text) => loadConfig({ file: { path: 'a.yaml', bytes: text } }),
  }
  const kindOf = (text: string): string => /^kind: (\w+)$/m.exec(text)?.[1] ?? ''
  const documents = pages
    .flatMap(blocksOf)
    .filter(({ language, text }) => language === 'yaml' && kindOf(text) !== '')
    .map((block) => ({ ...block, kind: kindOf(block.text) }))

  it('are there', () => {
    expect(new Set(documents.map(({ kind }) => kind))).toEqual(new Set(['Runbook', 'Fleet', 'Faults']))
  })

  it.each(documents)('$path:$line: the $kind is valid', ({ kind, text }) => {
    expect(mistakes(() => READERS[kind]?.(text))).toEqual([])
  })

  it('would be found when they are not', () => {
    expect(mistakes(() => READERS['Runbook']?.('apiVersion: patchwave/v1\nkind: Runbook\n'))).not.toEqual([])
  })
})

describe('the scripts of package.json', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }

  it.each([...new Set(pages.flatMap(({ text }) => [...text.matchAll(/\bnpm run ([\w:]+)/g)].map((match) => match[1] ?? '')))])(
    'have %s, which pages name',
    (name) => {
      expect(Object.keys(scripts)).toContain(name)
    },
  )
})

it('operators are told every call of AWS that the adapters make, and no other', () => {
  const adapters = files.filter(({ path }) => path.startsWith('src/adapters/aws/')).map(({ text }) => text)
  const calls = adapters.flatMap((text) => [...text.matchAll(/\bsdk\.(\w+)Command\(/g)].map((match) => actionOf(match[1] ?? '')))
  const rows = readFileSync('docs/guides/operate.md', 'utf8')
    .split('\n')
    .filter((line) => /^\| (node accounts|control account) /.test(line))
  const told = rows.flatMap((row) => [...row.matchAll(/`(\w+:\w+)`/g)].map((match) => match[1]))
  expect([...new Set(told)].sort()).toEqual([...new Set(calls)].sort())
})

/** `ssm:SendCommand`: the permission that a call of the SDK needs. A batch needs that of its single call. */
function actionOf(call: string): string {
  const [service] = Object.entries({ ec2, sqs, ssm, sts, elasticloadbalancing, autoscaling, s3 }).find(
    ([, sdk]) => `${call}Command` in sdk,
  ) ?? ['nobody']
  return `${service}:${call.replace(/MessageBatch$/, 'Message')}`
}

it.each(['gen-diagram.ts', 'gen-cli-reference.ts'])('what scripts/%s makes is up to date', async (script) => {
  const said = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', `scripts/${script}`, '--check'], (error, stdout, stderr) => {
      resolve(error ? `${stdout}${stderr}` : '')
    })
  })
  expect(said, 'run `npm run gen`').toBe('')
})
