import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands/commands.ts'
import { Bug } from '../../src/kit/assert.ts'
import { InvalidDocument, PatchwaveError } from '../../src/kit/error.ts'
import { cli, storeOf } from './stand-in.ts'

describe('what is not understood ends with 2 and a hint', () => {
  // prettier-ignore
  it.each<[line: string, message: RegExp]>([
    ['pln',                                     /unknown command 'pln'\n.*did you mean plan\?/],
    ['',                                        /needs a command\n.*validate/],
    ['windows',                                 /windows needs a command\n.*next/],
    ['windows nxt',                             /unknown command 'nxt'\n.*did you mean next/],
    ['run',                                     /missing required argument/],
    ['run a b',                                 /too many arguments/],
    ['status --jsn',                            /unknown option '--jsn'\n.*did you mean --json/],
    ['pause some-run',                          /required option '--reason/],
    ['windows next --schedule x --timezone UTC --from tomorrow', /--from "tomorrow" is no instant\n.*2026-/],
    ['windows next --schedule x --timezone UTC --from 2026-01-01 --count many', /--count "many" is no whole number/],
    ['windows next --schedule x --timezone UTC --from 2026-01-01 --duration 6', /--duration "6" is no duration/],
    ['windows next --schedule x --timezone UTC --from 2026-01-01 --on-gap ignore', /Allowed choices are skip, next-valid/],
    ['abort some-run --all --reason x',         /exclude each other/],
    ['abort --reason x',                        /missing the run/],
    ['completion fish',                         /no completion for "fish"\n.*bash, zsh/],
    ['sandbox --port 70000',                    /--port "70000" is no whole number from 0 to 65535/],
    ['audit show x y',                          /"y" is no number of an entry/],
  ])('%s', async (line, message) => {
    const { code, out, err } = await cli(line.split(' ').filter(Boolean), {
      ...storeOf({ ...(await storeOf().openStore({ json: false })).store, run: () => Promise.resolve(ROW), runs: () => Promise.resolve([]) }),
    })
    expect(err.join('\n')).toMatch(message)
    expect(err.join('\n')).toMatch(/^error usage\.invalid: /)
    expect({ code, out }).toEqual({ code: 2, out: [] })
  })
})

const ROW = {
  run: 'x',
  runbook: 'x',
  act: 'trial',
  requestedAt: 0,
  outcome: null,
  driver: null,
  epoch: 0,
  leaseUntil: null,
  wakeAt: null,
  head: '',
  entries: 0,
} as never

describe('errors', () => {
  const failing = (error: Error) => ({ loadRunbook: () => Promise.reject(error) })
  const refused = new PatchwaveError('aws.denied', 'the role may not ssm:SendCommand', { hint: 'attach the policy' })
  const mistakes = new InvalidDocument('runbook.invalid', [
    { file: 'a.yaml', line: 3, column: 14, code: 'runbook.too-small', message: 'must be at least 0', hint: 'write 0' },
    { file: 'a.yaml', line: 9, column: 1, code: 'runbook.unknown-key', message: 'no key "hooks"', hint: 'take it out' },
  ])

  it('a document’s mistakes are all told, each with its place', async () => {
    const { code, err } = await cli(['plan', 'a.yaml'], failing(mistakes))
    expect(code).toBe(2)
    expect(err).toEqual([
      'a.yaml:3:14: error runbook.too-small: must be at least 0\n  hint: write 0',
      'a.yaml:9:1: error runbook.unknown-key: no key "hooks"\n  hint: take it out',
    ])
  })

  it('are one JSON document where one was promised', async () => {
    const { code, out, err } = await cli(['plan', 'a.yaml', '--json'], failing(refused))
    expect({ code, out: out.map((line) => JSON.parse(line) as unknown) }).toEqual({
      code: 3,
      out: [{ error: { code: 'aws.denied', message: 'the role may not ssm:SendCommand', hint: 'attach the policy' } }],
    })
    expect(err).toHaveLength(1)
  })

  it('never stand in a stream', async () => {
    const { code, out } = await cli(['rehearse', 'a.yaml', '--fleet', 'f.yaml', '--json'], failing(refused))
    expect({ code, out }).toEqual({ code: 3, out: [] })
  })

  it('that are ours end with 70, with the stack', async () => {
    const { code, err } = await cli(['plan', 'a.yaml'], failing(new Bug('node 7 is unknown')))
    expect(code).toBe(70)
    expect(err[0]).toBe('a bug in patchwave: node 7 is unknown')
    expect(err.join('\n')).toMatch(/report it[^]*at /)
  })
})

describe('validate', () => {
  it('goes through all files and says which are fine', async () => {
    const load = (path: string) =>
      path === 'good.yaml'
        ? Promise.resolve({} as never)
        : Promise.reject(new PatchwaveError('file.unreadable', `${path} cannot be read`, { hint: 'check the path' }))
    const { code, out } = await cli(['validate', 'bad.yaml', 'good.yaml', '--json'], { loadRunbook: load })
    expect(code).toBe(2)
    expect(JSON.parse(out[0] ?? '')).toEqual({
      ok: false,
      diagnostics: [
        { file: 'bad.yaml', line: 1, column: 1, code: 'file.unreadable', message: 'bad.yaml cannot be read', hint: 'check the path' },
      ],
    })
    expect(await cli(['validate', 'good.yaml'], { loadRunbook: load })).toMatchObject({ code: 0, out: ['good.yaml: ok'], err: [] })
  })

  it('does not hide a failure that is not the file’s', async () => {
    expect(await cli(['validate', 'a.yaml'], { loadRunbook: () => Promise.reject(new Bug('x')) })).toMatchObject({ code: 70 })
  })
})

describe('every command', () => {
  it.each(COMMANDS.map((spec) => [spec.path, spec] as const))('%s has help with an example', async (path, spec) => {
    const { code, out } = await cli([...path.split(' '), '--help'])
    expect(code).toBe(0)
    const text = out.join('\n')
    expect(text).toContain(`Example:\n  patchwave ${spec.example}`)
    expect(text).toMatch(/--json .*--store .*--config /s)
    expect(spec.example.startsWith(spec.isDefault ? (path.split(' ')[0] ?? '') : path)).toBe(true)
  })
})

describe('a store without runs', () => {
  // prettier-ignore
  it.each<[line: string, out: unknown]>([
    ['status --json',       { runs: [] }],
    ['claims --json',       { claims: [] }],
    ['claims list --json',  { claims: [] }],
    ['node i-0 --json',     { node: 'i-0', runs: [], claims: [] }],
    ['audit verify --json', { ok: true, complete: false, runs: 0, entries: 0 }],
  ])('%s', async (line, expected) => {
    const { code, out } = await cli(line.split(' '), storeOf())
    expect({ code, out: out.map((text) => JSON.parse(text) as unknown) }).toEqual({ code: 0, out: [expected] })
  })

  it('an unknown run is a mistake of the caller', async () => {
    expect(await cli(['status', 'abcdef', '--json'], storeOf())).toMatchObject({ code: 2, out: [expect.stringContaining('run.unknown')] })
  })
})

describe('completion', () => {
  const complete = async (line: string): Promise<string[]> => {
    const { out } = await cli(['completion', 'bash'])
    const words = line.split(' ')
    const ask = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${String(words.length - 1)}; _patchwave; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', `${out.join('\n')}\n${ask}`], { encoding: 'utf8' })
      .trim()
      .split('\n')
  }

  // prettier-ignore
  it.each<[line: string, words: string[]]>([
    ['patchwave re',                  ['resume', 'reject', 'rehearse']],
    ['patchwave audit ',              ['list', 'show', 'verify', 'export', '--help']],
    ['patchwave windows n',           ['next']],
    ['patchwave run a.yaml --de',     ['--detach']],
    ['patchwave windows next --on-',  ['--on-gap', '--on-overlap']],
    ['patchwave abort --al',          ['--all']],
  ])('bash: %s', async (line, words) => {
    expect(await complete(line)).toEqual(words)
  })

  it('zsh gets every command with its meaning', async () => {
    const { out } = await cli(['completion', 'zsh'])
    for (const { path } of COMMANDS) expect(out.join('\n')).toContain(`'${path.split(' ').at(-1) ?? ''}:`)
  })
})
