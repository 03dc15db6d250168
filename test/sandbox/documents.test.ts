import {
  CreateDocumentCommand,
  DescribeDocumentCommand,
  GetDocumentCommand,
  UpdateDocumentCommand,
  UpdateDocumentDefaultVersionCommand,
} from '@aws-sdk/client-ssm'
import { beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { sha256 } from '../../src/kit/digest.ts'
import { type Caller, ServiceError } from '../../src/sandbox/model.ts'
import { type Documents, documents } from '../../src/sandbox/services/documents.ts'
import { front, nameOf, START, STAGING } from './front.ts'

const caller: Caller = { account: STAGING, region: 'us-east-1', arn: 'arn', accessKey: 'AKIA' }
const text = (description: string): string =>
  JSON.stringify({
    schemaVersion: '2.2',
    description,
    parameters: { Token: { type: 'String', description: 'names the intent' }, Reboot: { type: 'String', default: 'never' } },
    mainSteps: [{ action: 'aws:runShellScript', name: 'run', inputs: { runCommand: ['true'] } }],
  })
const YAML = 'schemaVersion: "2.2"\nmainSteps:\n- { action: "aws:runShellScript", name: run }\n'

type Output = Record<string, unknown>
let library: Documents
const call = (operation: string, input: Output): Output => library.service[operation]?.(input, caller) as Output
const describe_ = (input: Output): Output => call('DescribeDocument', input)['Document'] as Output

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
  library = documents(new VirtualClock(START))
  call('CreateDocument', { Name: 'Patchwave-Apply', Content: text('one'), DocumentType: 'Command' })
})

describe('a document', () => {
  it('says what it is', () => {
    expect(describe_({ Name: 'Patchwave-Apply' })).toMatchObject({
      Hash: sha256(text('one')),
      HashType: 'Sha256',
      Status: 'Active',
      Owner: STAGING,
      Description: 'one',
      DocumentVersion: '1',
      LatestVersion: '1',
      DefaultVersion: '1',
      SchemaVersion: '2.2',
      DocumentFormat: 'JSON',
      Parameters: [
        { Name: 'Token', Type: 'String', Description: 'names the intent' },
        { Name: 'Reboot', Type: 'String', DefaultValue: 'never' },
      ],
    })
  })

  it('grows by versions; the default one stays until it is changed', () => {
    const { DocumentDescription } = call('UpdateDocument', { Name: 'Patchwave-Apply', Content: text('two'), DocumentVersion: '$LATEST' })
    expect(DocumentDescription).toMatchObject({ DocumentVersion: '2', DefaultVersion: '1', LatestVersion: '2', Status: 'Updating' })
    expect(describe_({ Name: 'Patchwave-Apply' })).toMatchObject({ Description: 'one' })
    expect(call('UpdateDocumentDefaultVersion', { Name: 'Patchwave-Apply', DocumentVersion: '2' })).toMatchObject({
      Description: { DefaultVersion: '2' },
    })
    expect(describe_({ Name: 'Patchwave-Apply' })).toMatchObject({ Description: 'two', Hash: sha256(text('two')) })
    expect(call('GetDocument', { Name: 'Patchwave-Apply', DocumentVersion: '1' })).toMatchObject({
      Content: text('one'),
      DocumentVersion: '1',
    })
    expect(call('ListDocumentVersions', { Name: 'Patchwave-Apply' })['DocumentVersions']).toMatchObject([
      { DocumentVersion: '2', IsDefaultVersion: true },
      { DocumentVersion: '1', IsDefaultVersion: false },
    ])
  })

  // prettier-ignore
  it.each<[it: string, operation: string, input: Output, code: string]>([
    ['has a name of its own',           'CreateDocument', { Name: 'Patchwave-Apply', Content: text('x') },                                'DocumentAlreadyExists'],
    ['takes no reserved name',          'CreateDocument', { Name: 'AWS-Mine', Content: text('x') },                                       'ValidationException'],
    ['is at most 64 KB long',           'CreateDocument', { Name: 'Big', Content: text('x'.repeat(65_536)) },                             'MaxDocumentSizeExceeded'],
    ['is well-formed',                  'CreateDocument', { Name: 'Bad', Content: '{' },                                                  'InvalidDocumentContent'],
    ['is well-formed YAML',             'CreateDocument', { Name: 'Bad', Content: 'a: [', DocumentFormat: 'YAML' },                       'InvalidDocumentContent'],
    ['has steps',                       'CreateDocument', { Name: 'Bad', Content: '{"schemaVersion":"2.2"}' },                            'InvalidDocumentContent'],
    ['has a known schema',              'CreateDocument', { Name: 'Bad', Content: '{"schemaVersion":"9.9"}' },                            'InvalidDocumentSchemaVersion'],
    ['is not updated with what it says', 'UpdateDocument', { Name: 'Patchwave-Apply', Content: text('one'), DocumentVersion: '$LATEST' }, 'DuplicateDocumentContent'],
    ['is updated at its end',           'UpdateDocument', { Name: 'Patchwave-Apply', Content: text('x'), DocumentVersion: '7' },          'InvalidDocumentVersion'],
    ['must be there',                   'UpdateDocument', { Name: 'None', Content: text('x') },                                           'InvalidDocument'],
    ['must be there to be read',        'GetDocument',    { Name: 'None' },                                                               'InvalidDocument'],
    ['has the version that is read',    'GetDocument',    { Name: 'Patchwave-Apply', DocumentVersion: '2' },                              'InvalidDocumentVersion'],
    ['has the version that is default', 'UpdateDocumentDefaultVersion', { Name: 'Patchwave-Apply', DocumentVersion: '2' },                'InvalidDocumentVersion'],
    ['has numbers for versions',        'DescribeDocument', { Name: 'Patchwave-Apply', DocumentVersion: 'two' },                          'ValidationException'],
  ])('%s', (_, operation, input, code) => {
    expect(codeOf(() => call(operation, input))).toBe(code)
  })

  it('in YAML keeps its text and shows itself as JSON when asked', () => {
    call('CreateDocument', { Name: 'Yaml', Content: YAML, DocumentFormat: 'YAML' })
    expect(call('GetDocument', { Name: 'Yaml' })).toMatchObject({ Content: YAML, DocumentFormat: 'YAML' })
    const json = call('GetDocument', { Name: 'Yaml', DocumentFormat: 'JSON' })
    expect(JSON.parse(String(json['Content']))).toMatchObject({ schemaVersion: '2.2' })
    expect(describe_({ Name: 'Yaml' })).toMatchObject({ Hash: sha256(YAML) })
  })

  // prettier-ignore
  it.each<[name: string, version: string | undefined, says: string | undefined]>([
    ['Patchwave-Apply', undefined,  'one'],
    ['Patchwave-Apply', '$DEFAULT', 'one'],
    ['Patchwave-Apply', '$LATEST',  'two'],
    ['Patchwave-Apply', '2',        'two'],
    [`arn:aws:ssm:us-east-1:${STAGING}:document/Patchwave-Apply`, '1', 'one'],
    ['Patchwave-Apply', '3',        undefined],
    ['None',            undefined,  undefined],
  ])('%s at %s resolves to %s', (name, version, says) => {
    call('UpdateDocument', { Name: 'Patchwave-Apply', Content: text('two'), DocumentVersion: '$LATEST' })
    const found = library.resolve(caller, name, version)
    expect(found?.hash).toBe(says === undefined ? undefined : sha256(text(says)))
  })

  it('exists in its own cell only', () => {
    expect(library.resolve({ account: STAGING, region: 'eu-central-1' }, 'Patchwave-Apply', undefined)).toBeUndefined()
  })

  it('is one of 500 at most', () => {
    for (let n = 1; n < 500; n += 1) call('CreateDocument', { Name: `Doc-${String(n)}`, Content: text('x') })
    expect(codeOf(() => call('CreateDocument', { Name: 'Doc-500', Content: text('x') }))).toBe('DocumentLimitExceeded')
  })

  it('has 1,000 versions at most', () => {
    const grow = (n: number): Output =>
      call('UpdateDocument', { Name: 'Patchwave-Apply', Content: text(String(n)), DocumentVersion: '$LATEST' })
    for (let n = 2; n <= 1_000; n += 1) grow(n)
    // The default version is no longer the latest one: `$LATEST` still is.
    expect(codeOf(() => grow(1_001))).toBe('DocumentVersionLimitExceeded')
  })

  it('goes, but not by its default version', () => {
    expect(codeOf(() => call('DeleteDocument', { Name: 'Patchwave-Apply', DocumentVersion: '1' }))).toBe('InvalidDocumentOperation')
    call('DeleteDocument', { Name: 'Patchwave-Apply' })
    expect(codeOf(() => describe_({ Name: 'Patchwave-Apply' }))).toBe('InvalidDocument')
  })
})

it('does over the SDK what an adapter needs', async () => {
  const { ssm } = front().clients()
  const Name = 'Patchwave-Scan'
  const { DocumentDescription } = await ssm.send(
    new CreateDocumentCommand({ Name, Content: text('one'), DocumentType: 'Command', DocumentFormat: 'JSON' }),
  )
  expect(DocumentDescription?.Hash).toBe(sha256(text('one')))
  await ssm.send(new UpdateDocumentCommand({ Name, Content: text('two'), DocumentVersion: '$LATEST', DocumentFormat: 'JSON' }))
  await ssm.send(new UpdateDocumentDefaultVersionCommand({ Name, DocumentVersion: '2' }))
  expect((await ssm.send(new DescribeDocumentCommand({ Name }))).Document).toMatchObject({
    Hash: sha256(text('two')),
    CreatedDate: new Date(START),
  })
  expect((await ssm.send(new GetDocumentCommand({ Name, DocumentVersion: '1' }))).Content).toBe(text('one'))
  const same = new UpdateDocumentCommand({ Name, Content: text('two'), DocumentVersion: '$LATEST' })
  expect(await nameOf(ssm.send(same))).toBe('DuplicateDocumentContent')
})
