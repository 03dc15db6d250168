import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import type { App } from '../../src/cli/app.ts'
import { runCli } from '../../src/cli/program.ts'
import { readTarget } from '../../src/cli/target.ts'
import { makePlan, planText } from '../../src/core/plan/make.ts'
import type { Inputs } from '../../src/core/runbook/parse.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { input } from '../core/plan/fixture.ts'
import { cli, remembering, type Printed } from './stand-in.ts'

const folder = mkdtempSync(join(tmpdir(), 'patchwave-inputs-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const EMERGENCY = 'runbooks/emergency-cve.yaml'

/** A command line over the real app. */
async function real(...argv: readonly string[]): Promise<Printed> {
  const { io, out, err } = remembering()
  const code = await runCli(createApp(io, {}), [...argv])
  return { code, out, err }
}

/** What a command line asks the app to read a runbook with. It goes no further than that. */
async function asked(...argv: readonly string[]): Promise<Readonly<{ inputs: Inputs | null | undefined; code: number; err: string[] }>> {
  let inputs: Inputs | null | undefined
  const loadRunbook: App['loadRunbook'] = (_path, _common, given) => {
    inputs = given
    return Promise.reject(new PatchwaveError('file.unreadable', 'enough', { hint: 'nothing' }))
  }
  const { code, err } = await cli(argv, { loadRunbook, readFile: () => Promise.resolve(new TextEncoder().encode('a: b')) })
  return { inputs, code, err }
}

describe('--input', () => {
  it.each([
    ['plan', ['plan', 'a.yaml']],
    ['run', ['run', 'a.yaml']],
    ['rehearse', ['rehearse', 'a.yaml', '--fleet', 'f.yaml']],
    ['validate', ['validate', 'a.yaml']],
  ])('may be given to %s several times, before and after the file', async (_, argv) => {
    const [command = '', ...rest] = argv
    const { inputs } = await asked(command, '--input', 'cve=CVE-2026-1', ...rest, '--input=note=a=b', '--input', 'empty=')
    expect(inputs).toEqual({ cve: 'CVE-2026-1', note: 'a=b', empty: '' })
  })

  it('left out gives no values; validate then reads a template', async () => {
    expect((await asked('plan', 'a.yaml')).inputs).toEqual({})
    expect((await asked('validate', 'a.yaml')).inputs).toBeNull()
  })

  // prettier-ignore
  it.each<[argv: string[], says: RegExp]>([
    [['plan', 'a.yaml', '--input', 'cve'],                     /"cve" is no name and value/],
    [['plan', 'a.yaml', '--input', '=x'],                      /"=x" is no name and value/],
    [['plan', 'a.yaml', '--input', 'a=1', '--input', 'a=2'],   /the input a is given twice/],
    [['plan', 'a.yaml', '--input'],                            /argument missing/],
    [['status', '--input', 'a=1'],                             /unknown option/],
  ])('%j is a mistake', async (argv, says) => {
    const { code, err, inputs } = await asked(...argv)
    expect(code).toBe(2)
    expect(err.join('\n')).toMatch(says)
    expect(inputs).toBeUndefined()
  })
})

describe('validate', () => {
  it('checks a runbook as it stands, and with values as it would run', async () => {
    expect(await real('validate', EMERGENCY)).toMatchObject({ code: 0, out: [`${EMERGENCY}: ok`] })
    expect(await real('validate', EMERGENCY, '--input', 'cve=CVE-2026-98765')).toMatchObject({ code: 0 })
    const { code, err } = await real('validate', EMERGENCY, '--input', 'cve=openssl')
    expect(code).toBe(2)
    expect(err).toEqual([
      `${EMERGENCY}:13:3: error input.invalid: the input cve cannot be "openssl": it must match ^CVE-\\d{4}-\\d{4,}$ (Which CVE)\n` +
        '  hint: write it like --input cve=CVE-0000-0000',
    ])
  })

  it('looks at schedules, openings and calendar files', async () => {
    const file = join(folder, 'a.yaml')
    const calendar = join(folder, 'broken.ics')
    writeFileSync(calendar, 'this is no calendar\n')
    const window = (keys: string) =>
      writeFileSync(
        file,
        `apiVersion: patchwave/v1\nkind: Runbook\nmetadata: { name: a }\nscope: { accounts: [staging], regions: [us-east-1] }\nwaves: [{ name: a, take: rest }]\nwindow: { ${keys} }\n`,
      )
    const codes = async () => {
      const { out } = await real('validate', '--json', file)
      const { diagnostics } = JSON.parse(out[0] ?? '') as { diagnostics: { code: string; column: number }[] }
      return diagnostics.map(({ code, column }) => `${String(column)} ${code}`)
    }
    window('schedule: cron(0 3 ? * SUN *), duration: 6h, freezes: ["ssm:ChangeFreeze"]')
    expect(await codes()).toEqual([])
    window(`schedule: rate(1 hour), duration: 6h, freezes: [${calendar}, ${join(folder, 'gone.ics')}]`)
    expect(await codes()).toEqual([
      '45 runbook.overlaps-itself',
      `59 runbook.unreadable-calendar`,
      `${String(61 + calendar.length)} runbook.unreadable-calendar`,
    ])
    window('schedule: cron(0 3 * * SUN *), duration: 6h')
    expect(await codes()).toEqual(['21 runbook.malformed'])
  })
})

it('a run or a plan without the values ends with 2 and says which', async () => {
  const { code, err } = await real('plan', EMERGENCY)
  expect(code).toBe(2)
  expect(err).toEqual([
    `${EMERGENCY}:13:3: error input.invalid: the input cve is missing (Which CVE)\n  hint: write it like --input cve=CVE-0000-0000`,
  ])
})

describe('a plan file', () => {
  const made = planText(makePlan(input({ inputs: { cve: 'CVE-2026-1' } })))
  const target = (given: Inputs) => {
    const { io } = remembering()
    return readTarget(
      { ...createApp(io, {}), readFile: () => Promise.resolve(new TextEncoder().encode(made)) },
      'a.plan.json',
      { json: false },
      given,
    )
  }

  it('has its inputs already; the same ones may be said again', async () => {
    expect(await target({})).toMatchObject({ inputs: { cve: 'CVE-2026-1' } })
    expect(await target({ cve: 'CVE-2026-1' })).toMatchObject({ inputs: { cve: 'CVE-2026-1' } })
  })

  it.each<[given: Inputs, says: RegExp]>([
    [{ cve: 'CVE-2026-2' }, /made with other inputs: cve is CVE-2026-1/],
    [{ env: 'blue' }, /made with other inputs: env is not one of them/],
    [{ toString: 'x' }, /made with other inputs: toString is not one of them/],
  ])('takes no others: %j', async (given, says) => {
    await expect(target(given)).rejects.toMatchObject({ code: 'usage.invalid', message: expect.stringMatching(says) as unknown })
  })
})

it('a runbook goes on with the values that it was read with', async () => {
  const { io } = remembering()
  const target = await readTarget(createApp(io, {}), EMERGENCY, { json: false }, { cve: 'CVE-2026-98765' })
  expect(target.inputs).toEqual({ cve: 'CVE-2026-98765' })
  expect(target.runbook.patches?.approve).toMatchObject([{ cves: ['CVE-2026-98765'] }])
})

it('the values go on record with the run', async () => {
  const fleet = join(folder, 'fleet.yaml')
  const groups = ['staging', 'prod-us', 'prod-eu'].map(
    (account) => `  - { account: ${account}, region: us-east-1, count: 2, platform: amazon-linux-2023, amis: 1, zones: 2 }\n`,
  )
  writeFileSync(fleet, `apiVersion: patchwave/v1\nkind: Fleet\nseed: 7\nstart: 2026-01-01T00:00:00Z\ngroups:\n${groups.join('')}`)
  const { io } = remembering()
  const app = createApp(io, {})
  const requested: unknown[] = []
  const rehearsal: App['rehearsal'] = async (options) => {
    const opened = await app.rehearsal(options)
    const close = async () => {
      for (const { run } of await opened.world.store.runs())
        for await (const { text } of opened.world.store.read(run)) {
          const entry = JSON.parse(text) as { type: string; data: { inputs?: unknown } }
          if (entry.type === 'RunRequested') requested.push(entry.data.inputs)
        }
      await opened.close()
    }
    return { ...opened, close }
  }
  const code = await runCli({ ...app, rehearsal }, ['rehearse', EMERGENCY, '--fleet', fleet, '--input', 'cve=CVE-2026-1234'])
  expect(code).toBe(0)
  expect(requested).toEqual([{ cve: 'CVE-2026-1234' }])
})
