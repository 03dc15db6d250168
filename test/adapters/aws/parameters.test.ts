import { describe, expect, it } from 'vitest'
import { plus } from '../../../src/kit/instant.ts'
import { all, control, refusal, signal, start, wire, type Answer, type Asked } from './wire.ts'

const path = '/patchwave/monthly/1/ami-1'

/** One parameter's versions; `before` may change them or answer first. */
function store(values: string[], before: (asked: Asked, values: string[]) => Answer | undefined = () => undefined) {
  const seen = (version: number): object => ({
    Name: path,
    Value: values[version - 1],
    Version: version,
    LastModifiedDate: start / 1_000 + version,
  })
  const answers: Record<string, (input: Record<string, unknown>) => Answer> = {
    'ssm.GetParameter': ({ Name }) => {
      const selector = String(Name).split(':')[1]
      const version = selector === undefined ? values.length : selector === 'approved' ? 1 : Number(selector)
      if (values.length === 0) return refusal('ParameterNotFound')
      return version >= 1 && version <= values.length ? { json: { Parameter: seen(version) } } : refusal('ParameterVersionNotFound')
    },
    'ssm.PutParameter': ({ Value, Overwrite }) =>
      values.length > 0 && Overwrite !== true
        ? refusal('ParameterAlreadyExists')
        : { json: { Version: values.push(String(Value)), Tier: 'Standard' } },
  }
  const made = wire((asked) => before(asked, values) ?? answers[asked.name]?.(asked.input) ?? refusal('Unknown'))
  const put = (value: string, expectVersion: number) =>
    made.clock.run(() => made.aws.parameters.put(control, path, value, expectVersion, signal))
  const puts = () => made.asked.filter(({ name }) => name === 'ssm.PutParameter').map(({ input }) => input)
  return { ...made, values, put, puts }
}

describe('putting a parameter', () => {
  it.each([
    ['a new one', [], 'v1', 0, 1, false],
    ['the next version', ['v1'], 'v2', 1, 2, true],
  ])('writes %s', async (_, before, value, expected, version, overwrite) => {
    const { put, puts } = store([...before])
    expect(await put(value, expected)).toBe(version)
    expect(puts()).toEqual([{ Name: path, Value: value, Type: 'String', Tier: 'Standard', Overwrite: overwrite }])
  })

  it('writes nothing when the newest value is equal', async () => {
    const { put, puts } = store(['v1', 'v2'])
    expect(await put('v2', 1)).toBe(2)
    expect(puts()).toEqual([])
  })

  // prettier-ignore
  it.each<[string, string[], number, (asked: Asked, values: string[]) => Answer | undefined]>([
    ['before we read',             ['v1', 'x'], 1, () => undefined],
    ['between reading and making', [],          0, ({ name }, values) => void (name === 'ssm.PutParameter' && values.push('x'))],
    ['between reading and writing', ['v1'],     1, ({ name }, values) => void (name === 'ssm.PutParameter' && values.push('x'))],
    ['at the same time',           ['v1'],      1, ({ name }) => (name === 'ssm.PutParameter' ? refusal('TooManyUpdates') : undefined)],
    ['after a lost answer',        ['v1'],      1, ({ name }, values) => {
      if (name !== 'ssm.PutParameter') return undefined
      values.push('v2', 'x')
      return refusal('InternalServerError', '', 500)
    }],
  ])('meets another writer %s', async (_, values, expected, before) => {
    await expect(store(values, before).put('v2', expected)).rejects.toMatchObject({ code: 'aws.conflict' })
  })

  it.each([
    ['was done', true, 2],
    ['was not done', false, 'aws.unclear'],
  ])('reads back when the answer is lost: it %s', async (_, done, expected) => {
    const { put, puts } = store(['v1'], ({ name }, values) => {
      if (name !== 'ssm.PutParameter') return undefined
      if (done) values.push('v2')
      return refusal('InternalServerError', '', 500)
    })
    expect(await put('v2', 1).catch((error: unknown) => (error as { code: string }).code)).toBe(expected)
    expect(puts()).toHaveLength(1)
  })

  // prettier-ignore
  it.each([
    [4_096, 'é'.repeat(2_048), ['Standard']],
    [4_098, 'é'.repeat(2_049), ['Advanced']],
    [8_192, 'x'.repeat(8_192), ['Advanced']],
  ])('chooses the tier by bytes: %i', async (_, value, tiers) => {
    const { put, puts } = store([])
    await put(value, 0)
    expect(puts().map((input) => input['Tier'])).toEqual(tiers)
  })

  it('refuses more than 8,192 bytes without asking', async () => {
    const { put, asked } = store([])
    await expect(put('x'.repeat(8_193), 0)).rejects.toMatchObject({ code: 'aws.invalid' })
    expect(asked).toEqual([])
  })

  it('stays with Advanced where a parameter is so already', async () => {
    const { put, puts } = store(['v1'], ({ name, input }) =>
      name === 'ssm.PutParameter' && input['Tier'] === 'Standard'
        ? refusal('ValidationException', 'This parameter uses the advanced-parameter tier.')
        : undefined,
    )
    expect(await put('v2', 1)).toBe(2)
    expect(puts().map((input) => input['Tier'])).toEqual(['Standard', 'Advanced'])
  })
})

describe('reading parameters', () => {
  // prettier-ignore
  it.each([
    [null,       2, []],
    [1,          1, []],
    ['approved', 1, ['approved']],
  ])('takes a version by %s', async (selector, version, labels) => {
    const { aws, clock } = store(['v1', 'v2'])
    const seen = await clock.run(() => aws.parameters.get(control, path, selector, signal))
    expect(seen).toEqual({ path, value: `v${String(version)}`, version, storedAt: plus(start, version * 1_000), labels })
  })

  it.each([
    ['parameter', [], null],
    ['version', ['v1'], 7],
  ])('knows no such %s', async (_, values, selector) => {
    const { aws, clock } = store([...values])
    expect(await clock.run(() => aws.parameters.get(control, path, selector, signal))).toBeUndefined()
  })

  it('lists what is below a path, over empty pages', async () => {
    const { aws, clock, asked } = wire(({ input }) => {
      if (input['NextToken'] === undefined) return { json: { Parameters: [], NextToken: 'a' } }
      return { json: { Parameters: [{ Name: '/p/x', Value: 'v', Version: 3, LastModifiedDate: start / 1_000 }] } }
    })
    const seen = await clock.run(() => all(aws.parameters.below(control, '/p', signal)))
    expect(seen).toEqual([{ path: '/p/x', value: 'v', version: 3, storedAt: start, labels: [] }])
    expect(asked[0]?.input).toEqual({ Path: '/p', Recursive: true, MaxResults: 10 })
  })

  it('lists all versions, oldest first, with their labels', async () => {
    const version = (n: number, Labels: string[]): object => ({
      Name: path,
      Value: `v${String(n)}`,
      Version: n,
      LastModifiedDate: start / 1_000,
      Labels,
    })
    const { aws, clock } = wire(({ input }) =>
      input['NextToken'] === undefined
        ? { json: { Parameters: [version(3, ['approved']), version(1, [])], NextToken: 'a' } }
        : { json: { Parameters: [version(2, ['a', 'b'])] } },
    )
    const seen = await clock.run(() => all(aws.parameters.history(control, path, signal)))
    expect(seen.map(({ version: n, labels }) => [n, labels])).toEqual([
      [1, []],
      [2, ['a', 'b']],
      [3, ['approved']],
    ])
  })

  it('has no history of what is not there', async () => {
    const { aws, clock } = wire(() => refusal('ParameterNotFound'))
    expect(await clock.run(() => all(aws.parameters.history(control, path, signal)))).toEqual([])
  })
})

describe('labelling', () => {
  it('moves the label', async () => {
    const { aws, clock, asked } = wire(() => ({ json: { InvalidLabels: [], ParameterVersion: 2 } }))
    await clock.run(() => aws.parameters.label(control, path, 2, 'approved', signal))
    expect(asked[0]?.input).toEqual({ Name: path, ParameterVersion: 2, Labels: ['approved'] })
  })

  it('sees the labels that are refused with HTTP 200', async () => {
    const { aws, clock } = wire(() => ({ json: { InvalidLabels: ['1st'], ParameterVersion: 2 } }))
    await expect(clock.run(() => aws.parameters.label(control, path, 2, '1st', signal))).rejects.toMatchObject({ code: 'aws.invalid' })
  })
})
