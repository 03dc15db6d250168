import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../src/kit/digest.ts'
import { control, refusal, signal, wire, type Answer, type Asked } from './wire.ts'

type State = { contents: string[]; byDefault: number; calls: string[] }

/** One document's versions, as SSM keeps them; `before` may change or refuse a call first. */
function ssm(contents: string[], byDefault = contents.length, before: (asked: Asked, self: State) => Answer | undefined = () => undefined) {
  const state: State = { contents, byDefault, calls: [] }
  const description = (version: number): object => ({
    DocumentVersion: String(version),
    DefaultVersion: String(state.byDefault),
    LatestVersion: String(state.contents.length),
    Hash: sha256(state.contents[version - 1] ?? ''),
    HashType: 'Sha256',
    Status: 'Active',
  })
  const answers: Record<string, (input: Record<string, unknown>) => Answer> = {
    DescribeDocument: ({ DocumentVersion }) =>
      state.contents.length === 0
        ? refusal('InvalidDocument')
        : { json: { Document: description(Number(DocumentVersion ?? state.byDefault)) } },
    CreateDocument: ({ Content }) => {
      if (state.contents.length > 0) return refusal('DocumentAlreadyExists')
      state.byDefault = state.contents.push(String(Content))
      return { json: { DocumentDescription: description(1) } }
    },
    UpdateDocument: ({ Content }) => {
      if (state.contents.includes(String(Content))) return refusal('DuplicateDocumentContent')
      return { json: { DocumentDescription: description(state.contents.push(String(Content))) } }
    },
    UpdateDocumentDefaultVersion: ({ DocumentVersion }) => {
      state.byDefault = Number(DocumentVersion)
      return { json: {} }
    },
    ListDocumentVersions: () => ({ json: { DocumentVersions: state.contents.map((_, i) => ({ DocumentVersion: String(i + 1) })) } }),
  }
  const made = wire((asked) => {
    const operation = asked.name.slice('ssm.'.length)
    state.calls.push(operation)
    return before(asked, state) ?? answers[operation]?.(asked.input) ?? refusal('UnknownOperation')
  })
  const ensure = (content: string) =>
    made.clock.run(() => made.aws.documents.ensure(control, { name: 'Patchwave-Apply', content, hash: sha256(content) }, signal))
  return { ...made, state, ensure }
}

describe('a document', () => {
  it('that is there with this content costs one call', async () => {
    const { ensure, state } = ssm(['a', 'b'])
    expect(await ensure('b')).toEqual({ version: '2', created: false })
    expect(state.calls).toEqual(['DescribeDocument'])
  })

  it.each([
    ['{"schemaVersion":"2.2"}', 'JSON'],
    ['schemaVersion: "2.2"', 'YAML'],
  ])('is made when there is none: %s', async (content, format) => {
    const { ensure, asked, state } = ssm([])
    expect(await ensure(content)).toEqual({ version: '1', created: true })
    expect(asked[1]?.input).toEqual({ Name: 'Patchwave-Apply', Content: content, DocumentType: 'Command', DocumentFormat: format })
    expect(state.contents).toEqual([content])
  })

  it('gets a new default version when its content differs', async () => {
    const { ensure, state } = ssm(['a'])
    expect(await ensure('b')).toEqual({ version: '2', created: true })
    expect(state).toMatchObject({ contents: ['a', 'b'], byDefault: 2 })
  })

  it('goes back to an older version that has this content', async () => {
    const { ensure, state } = ssm(['a', 'b', 'c'])
    expect(await ensure('a')).toEqual({ version: '1', created: true })
    expect(state).toMatchObject({ contents: ['a', 'b', 'c'], byDefault: 1 })
  })

  it('may be made by someone else at the same moment', async () => {
    const { ensure } = ssm([], 0, ({ name }, self) => {
      if (name === 'ssm.CreateDocument') self.byDefault = self.contents.push('a')
      return undefined
    })
    expect(await ensure('a')).toEqual({ version: '1', created: false })
  })

  it('is looked at again when an answer is lost', async () => {
    let lost = false
    const { ensure, state } = ssm(['a'], 1, ({ name }, self) => {
      if (name !== 'ssm.UpdateDocument' || lost) return undefined
      lost = true
      self.contents.push('b')
      return refusal('InternalServerError', '', 500)
    })
    expect(await ensure('b')).toEqual({ version: '2', created: true })
    expect(state).toMatchObject({ contents: ['a', 'b'], byDefault: 2 })
  })

  it('is waited for while it is being made', async () => {
    let looks = 0
    const { ensure, clock } = ssm(['a'], 1, ({ name }) =>
      name === 'ssm.DescribeDocument' && ++looks < 3 ? { json: { Document: { Status: 'Creating', Hash: sha256('a') } } } : undefined,
    )
    const began = clock.now()
    expect(await ensure('a')).toEqual({ version: '1', created: false })
    expect(clock.now() - began).toBe(2_000)
  })

  it('that never comes to rest is a conflict', async () => {
    const { ensure } = ssm(['a'], 1, () => ({ json: { Document: { Status: 'Updating' } } }))
    await expect(ensure('a')).rejects.toMatchObject({ code: 'aws.conflict' })
  })

  it('that may not be written says so', async () => {
    const { ensure } = ssm([], 0, ({ name }) => (name === 'ssm.CreateDocument' ? refusal('AccessDeniedException', 'no') : undefined))
    await expect(ensure('a')).rejects.toMatchObject({ code: 'aws.denied' })
  })
})
