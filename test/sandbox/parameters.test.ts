import {
  DeleteParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  GetParametersCommand,
  LabelParameterVersionCommand,
  paginateGetParametersByPath,
  PutParameterCommand,
} from '@aws-sdk/client-ssm'
import { beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { type Caller, type Service, ServiceError } from '../../src/sandbox/model.ts'
import { parameters } from '../../src/sandbox/services/parameters.ts'
import { front, nameOf, START, STAGING } from './front.ts'

const caller: Caller = { account: STAGING, region: 'us-east-1', arn: `arn:aws:iam::${STAGING}:user/operator`, accessKey: 'AKIA' }
const elsewhere: Caller = { ...caller, region: 'eu-central-1' }

type Output = Record<string, unknown>
let store: Service

const call = (operation: string, input: object, who = caller): Output => store[operation]?.(input as Output, who) as Output
const put = (Name: string, Value: string, more: object = {}): Output => call('PutParameter', { Name, Value, Type: 'String', ...more })
const again = (Name: string, Value: string, more: object = {}): Output => call('PutParameter', { Name, Value, Overwrite: true, ...more })
const shown = (Name: string): Output => call('GetParameter', { Name })['Parameter'] as Output

/** The code of the error that it throws. */
function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof ServiceError) return error.code
    throw error
  }
  return 'no error'
}

beforeEach(() => {
  store = parameters(new VirtualClock(START))
})

describe('a parameter', () => {
  it('is created at version 1 and grows', () => {
    expect(put('/p/a', 'one')).toEqual({ Version: 1, Tier: 'Standard' })
    expect(again('/p/a', 'two')).toEqual({ Version: 2, Tier: 'Standard' })
    expect(shown('/p/a')).toMatchObject({ Name: '/p/a', Value: 'two', Version: 2, Type: 'String', LastModifiedDate: START / 1_000 })
    expect(shown('/p/a')['ARN']).toBe(`arn:aws:ssm:us-east-1:${STAGING}:parameter/p/a`)
  })

  it('belongs to its account and Region', () => {
    put('/p/a', 'one')
    expect(codeOf(() => call('GetParameter', { Name: '/p/a' }, elsewhere))).toBe('ParameterNotFound')
  })

  it('is found by version, by label and by ARN, and never falls back', () => {
    put('/p/a', 'one')
    again('/p/a', 'two')
    call('LabelParameterVersion', { Name: '/p/a', ParameterVersion: 1, Labels: ['approved'] })
    expect(shown('/p/a:1')).toMatchObject({ Value: 'one', Selector: ':1' })
    expect(shown('/p/a:approved')).toMatchObject({ Value: 'one', Selector: ':approved' })
    expect(shown(`arn:aws:ssm:us-east-1:${STAGING}:parameter/p/a`)).toMatchObject({ Value: 'two' })
    expect(codeOf(() => shown('/p/a:3'))).toBe('ParameterVersionNotFound')
    expect(codeOf(() => shown('/p/a:other'))).toBe('ParameterVersionNotFound')
    expect(codeOf(() => shown('/p/b:1'))).toBe('ParameterNotFound')
  })

  // prettier-ignore
  it.each<[it: string, input: Output, code: string]>([
    ['needs a type',                       { Name: '/p/x', Value: 'v', Type: undefined },                 'ValidationException'],
    ['needs a value',                      { Name: '/p/x', Value: '' },                                   'ValidationException'],
    ['is not overwritten by chance',       { Name: '/p/a', Value: 'v' },                                  'ParameterAlreadyExists'],
    ['keeps its type',                     { Name: '/p/a', Value: 'v', Type: 'StringList', Overwrite: true }, 'HierarchyTypeMismatchException'],
    ['takes no tags when overwritten',     { Name: '/p/a', Value: 'v', Overwrite: true, Tags: [{ Key: 'k', Value: 'v' }] }, 'ValidationException'],
    ['may not begin with aws',             { Name: '/aws/x', Value: 'v' },                                'AccessDeniedException'],
    ['may not begin with ssm',             { Name: 'SSM-x', Value: 'v' },                                 'ValidationException'],
    ['has no spaces',                      { Name: '/p/a b', Value: 'v' },                                'ValidationException'],
    ['begins with a slash when it has one', { Name: 'p/a', Value: 'v' },                                  'ValidationException'],
    ['has at most 15 levels',              { Name: '/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16', Value: 'v' }, 'HierarchyLevelLimitExceededException'],
    ['may have 15 levels',                 { Name: '/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15', Value: 'v' },  'no error'],
    ['has at most 1,011 characters',       { Name: `/${'n'.repeat(1_000)}`, Value: 'v' },                 'ValidationException'],
    ['nests no reference',                 { Name: '/p/x', Value: 'a {{ssm:/p/a}}' },                     'ValidationException'],
    ['follows its pattern',                { Name: '/p/x', Value: 'b', AllowedPattern: 'a+' },            'ParameterPatternMismatchException'],
    ['has a pattern that is one',          { Name: '/p/x', Value: 'b', AllowedPattern: '(' },             'InvalidAllowedPatternException'],
    ['has a known type',                   { Name: '/p/x', Value: 'b', Type: 'Number' },                  'ValidationException'],
  ])('%s', (_, input, code) => {
    put('/p/a', 'one')
    expect(codeOf(() => call('PutParameter', { Type: 'String', ...input }))).toBe(code)
  })

  // prettier-ignore
  it.each<[it: string, before: [bytes: number, tier: string] | null, bytes: number, tier: string | undefined, result: string]>([
    ['4,096 bytes are Standard',                 null,                4_096, undefined,             'Standard'],
    ['4,097 are too many for it',                null,                4_097, undefined,             'ValidationException'],
    ['8,192 are Advanced',                       null,                8_192, 'Advanced',            'Advanced'],
    ['8,193 are too many for that',              null,                8_193, 'Advanced',            'ValidationException'],
    ['tiering keeps small ones cheap',           null,                4_096, 'Intelligent-Tiering', 'Standard'],
    ['tiering lets big ones in',                 null,                4_097, 'Intelligent-Tiering', 'Advanced'],
    ['an Advanced one stays Advanced',           [10, 'Advanced'],    10,    undefined,             'Advanced'],
    ['… even when tiering could do with less',   [10, 'Advanced'],    10,    'Intelligent-Tiering', 'Advanced'],
    ['… and does not go back when asked',        [10, 'Advanced'],    10,    'Standard',            'ValidationException'],
    ['a Standard one goes up when asked',        [10, 'Standard'],    5_000, 'Advanced',            'Advanced'],
  ])('%s', (_, before, bytes, tier, result) => {
    if (before) put('/p/t', 'x'.repeat(before[0]), { Tier: before[1] })
    const write = (): Output => call('PutParameter', { Name: '/p/t', Value: 'é'.repeat(bytes >> 1) + 'x'.repeat(bytes & 1), Tier: tier, Type: 'String', Overwrite: before !== null })
    if (result.endsWith('Exception')) expect(codeOf(write)).toBe(result)
    else expect(write()['Tier']).toBe(result)
  })
})

describe('policies', () => {
  const EXPIRES = '[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2028-12-02T21:34:33.000Z"}}]'

  // prettier-ignore
  it.each<[it: string, policies: string, tier: string | undefined, code: string]>([
    ['are for Advanced parameters',   EXPIRES,                          'Advanced',            'no error'],
    ['make one of a tiering one',     EXPIRES,                          'Intelligent-Tiering', 'no error'],
    ['are not for Standard ones',     EXPIRES,                          undefined,             'ValidationException'],
    ['are of a known type',           '[{"Type":"Reminder"}]',          'Advanced',            'InvalidPolicyTypeException'],
    ['are a list',                    '{',                              'Advanced',            'InvalidPolicyAttributeException'],
    ['are ten at most',               JSON.stringify(Array(11).fill({})), 'Advanced',          'PoliciesLimitExceededException'],
  ])('%s', (_, Policies, Tier, code) => {
    expect(codeOf(() => put('/p/x', 'v', { Policies, Tier }))).toBe(code)
  })

  it('are shown with their type', () => {
    put('/p/x', 'v', { Policies: EXPIRES, Tier: 'Advanced' })
    expect(call('GetParameterHistory', { Name: '/p/x' })['Parameters']).toMatchObject([
      { Policies: [{ PolicyType: 'Expiration', PolicyStatus: 'Pending' }] },
    ])
  })
})

it('holds 10,000 Standard parameters, and then only Advanced ones', () => {
  for (let n = 0; n < 10_000; n += 1) put(`/p/${String(n)}`, 'v')
  expect(codeOf(() => put('/p/one-more', 'v'))).toBe('ParameterLimitExceeded')
  expect(put('/p/one-more', 'v', { Tier: 'Advanced' })['Tier']).toBe('Advanced')
})

describe('versions', () => {
  const fill = (count: number): void => {
    put('/p/v', '1')
    for (let n = 2; n <= count; n += 1) again('/p/v', String(n))
  }

  it('are kept a hundred long: the oldest gives way', () => {
    fill(101)
    expect(codeOf(() => shown('/p/v:1'))).toBe('ParameterVersionNotFound')
    expect(shown('/p/v:2')).toMatchObject({ Value: '2' })
  })

  it('stop growing while the oldest bears a label, and go on when it has moved', () => {
    fill(100)
    call('LabelParameterVersion', { Name: '/p/v', ParameterVersion: 1, Labels: ['approved'] })
    expect(codeOf(() => again('/p/v', '101'))).toBe('ParameterMaxVersionLimitExceeded')
    expect(shown('/p/v')['Version']).toBe(100)
    call('LabelParameterVersion', { Name: '/p/v', ParameterVersion: 100, Labels: ['approved'] })
    expect(again('/p/v', '101')['Version']).toBe(101)
  })

  it('come oldest first, in pages, with their labels', () => {
    fill(3)
    call('LabelParameterVersion', { Name: '/p/v', ParameterVersion: 2, Labels: ['b', 'a'] })
    const first = call('GetParameterHistory', { Name: '/p/v', MaxResults: 2 })
    expect(first['Parameters']).toMatchObject([
      { Version: 1, Labels: [] },
      { Version: 2, Labels: ['a', 'b'], LastModifiedUser: caller.arn },
    ])
    const second = call('GetParameterHistory', { Name: '/p/v', MaxResults: 2, NextToken: first['NextToken'] })
    expect(second).toMatchObject({ Parameters: [{ Version: 3, Value: '3' }], NextToken: undefined })
    expect(codeOf(() => call('GetParameterHistory', { Name: '/p/v', NextToken: 'x' }))).toBe('InvalidNextToken')
    expect(codeOf(() => call('GetParameterHistory', { Name: '/p/none' }))).toBe('ParameterNotFound')
  })
})

describe('labels', () => {
  const labels = (version: number): unknown =>
    (call('GetParameterHistory', { Name: '/p/l' })['Parameters'] as Output[])[version - 1]?.['Labels']

  beforeEach(() => {
    put('/p/l', '1')
    again('/p/l', '2')
  })

  it('live on one version: labelling another moves them', () => {
    call('LabelParameterVersion', { Name: '/p/l', ParameterVersion: 1, Labels: ['approved'] })
    expect(call('LabelParameterVersion', { Name: '/p/l', Labels: ['approved'] })).toEqual({ InvalidLabels: [], ParameterVersion: 2 })
    expect([labels(1), labels(2)]).toEqual([[], ['approved']])
  })

  it('that may not exist come back, and the rest is put', () => {
    const asked = ['ok', '1st', 'aws-x', 'SSMx', 'a b', 'Fine-2_.']
    expect(call('LabelParameterVersion', { Name: '/p/l', Labels: asked })['InvalidLabels']).toEqual(['1st', 'aws-x', 'SSMx', 'a b'])
    expect(labels(2)).toEqual(['Fine-2_.', 'ok'])
  })

  it('are at most ten on a version; too many are refused as a whole', () => {
    call('LabelParameterVersion', { Name: '/p/l', Labels: Array.from({ length: 10 }, (_, n) => `l${String(n)}`) })
    expect(codeOf(() => call('LabelParameterVersion', { Name: '/p/l', Labels: ['one-more'] }))).toBe('ParameterVersionLabelLimitExceeded')
    expect(labels(2)).toHaveLength(10)
  })

  it('are taken off', () => {
    call('LabelParameterVersion', { Name: '/p/l', Labels: ['a'] })
    expect(call('UnlabelParameterVersion', { Name: '/p/l', ParameterVersion: 2, Labels: ['a', 'b'] })).toEqual({
      RemovedLabels: ['a'],
      InvalidLabels: ['b'],
    })
    expect(codeOf(() => call('LabelParameterVersion', { Name: '/p/l', ParameterVersion: 9, Labels: ['a'] }))).toBe(
      'ParameterVersionNotFound',
    )
  })
})

describe('a listing', () => {
  const names = (output: Output): unknown[] => (output['Parameters'] as Output[]).map((each) => each['Name'])

  it('goes one level deep, or all the way', () => {
    for (const name of ['/p/a', '/p/b/c', '/p/b/d', '/pp/x']) put(name, 'v')
    expect(names(call('GetParametersByPath', { Path: '/p' }))).toEqual(['/p/a'])
    expect(names(call('GetParametersByPath', { Path: '/p/', Recursive: true }))).toEqual(['/p/a', '/p/b/c', '/p/b/d'])
    expect(codeOf(() => call('GetParametersByPath', { Path: 'p' }))).toBe('ValidationException')
  })

  it('has an empty page with a token in the middle, and loses nothing', () => {
    for (let n = 10; n < 55; n += 1) put(`/p/${String(n)}`, 'v')
    const pages: number[] = []
    let token: unknown
    const seen: unknown[] = []
    do {
      const page = call('GetParametersByPath', { Path: '/p', Recursive: true, ...(token !== undefined && { NextToken: token }) })
      pages.push(names(page).length)
      seen.push(...names(page))
      token = page['NextToken']
    } while (token !== undefined)
    expect(pages).toEqual([10, 10, 0, 10, 10, 0, 5])
    expect(seen).toEqual(Array.from({ length: 45 }, (_, n) => `/p/${String(n + 10)}`))
  })

  it('filters by label and shows the labelled version', () => {
    put('/p/a', '1')
    again('/p/a', '2')
    put('/p/b', '1')
    call('LabelParameterVersion', { Name: '/p/a', ParameterVersion: 1, Labels: ['approved'] })
    const filter = [{ Key: 'Label', Values: ['approved'] }]
    expect(call('GetParametersByPath', { Path: '/p', ParameterFilters: filter })['Parameters']).toMatchObject([
      { Name: '/p/a', Version: 1 },
    ])
    expect(codeOf(() => call('GetParametersByPath', { Path: '/p', ParameterFilters: [{ Key: 'Tier', Values: ['Standard'] }] }))).toBe(
      'InvalidFilterKey',
    )
  })

  it('describes without values', () => {
    put('/p/a', 'secret', { Description: 'd', Tier: 'Advanced' })
    put('/q/a', 'other')
    const output = call('DescribeParameters', { ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: ['/p'] }] })
    expect(output['Parameters']).toMatchObject([{ Name: '/p/a', Description: 'd', Tier: 'Advanced', Version: 1 }])
    expect(JSON.stringify(output)).not.toContain('secret')
  })
})

describe('over the SDK', () => {
  it('does what an adapter needs', async () => {
    const { ssm } = front().clients()
    for (let n = 0; n < 3; n += 1) await ssm.send(new PutParameterCommand({ Name: `/p/${String(n)}`, Value: 'v', Type: 'String' }))
    await ssm.send(new LabelParameterVersionCommand({ Name: '/p/0', ParameterVersion: 1, Labels: ['approved'] }))
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: '/p/0:approved' }))
    expect(Parameter).toMatchObject({ Value: 'v', Version: 1, LastModifiedDate: new Date(START) })
    const many = await ssm.send(new GetParametersCommand({ Names: ['/p/2', '/p/none', '/p/0:approved'] }))
    expect(many.Parameters?.map(({ Name }) => Name)).toEqual(['/p/0', '/p/2'])
    expect(many.InvalidParameters).toEqual(['/p/none'])
    const found: (string | undefined)[] = []
    for await (const page of paginateGetParametersByPath({ client: ssm, pageSize: 2 }, { Path: '/p' })) {
      found.push(...(page.Parameters ?? []).map(({ Name }) => Name))
    }
    expect(found).toEqual(['/p/0', '/p/1', '/p/2'])
    expect((await ssm.send(new GetParameterHistoryCommand({ Name: '/p/0' }))).Parameters?.[0]?.Labels).toEqual(['approved'])
    expect(await ssm.send(new DeleteParametersCommand({ Names: ['/p/0', '/p/9'] }))).toMatchObject({
      DeletedParameters: ['/p/0'],
      InvalidParameters: ['/p/9'],
    })
    expect(await nameOf(ssm.send(new GetParameterCommand({ Name: '/p/0' })))).toBe('ParameterNotFound')
  })
})
