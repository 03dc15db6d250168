import type { DocumentDescription } from '@aws-sdk/client-ssm'
import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { plus, SECOND } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Documents } from '../../ports/commands.ts'
import type { Calls } from './calls.ts'
import { failedAs } from './errors.ts'
import { from, pagesOf } from './pages.ts'

/** Someone else may write at the same time, and a new document becomes active within seconds: looks this often, one second apart. */
const ROUNDS = 15

type Wanted = Parameters<Documents['ensure']>[1]
type Ensured = Awaited<ReturnType<Documents['ensure']>>
type Place = Readonly<{ calls: Calls; cell: Cell; signal: AbortSignal }>

/** SSM documents over the SDK. The default version is what counts: commands name the document and pin its hash. */
export function documentsOver(calls: Calls, clock: Clock): Documents {
  return {
    has: async (cell, name, signal) => (await describe({ calls, cell, signal }, name, undefined)) !== undefined,
    async ensure(cell, document, signal) {
      const place = { calls, cell, signal }
      let created = false
      for (let round = 1; round <= ROUNDS && !signal.aborted; round++) {
        const step = await look(place, document)
        if (step.next === 'done') return { version: step.version, created }
        if (step.next === 'wait') await clock.sleep(plus(clock.now(), SECOND), signal)
        else created = (await settle(place, document, step.next)) || created
      }
      throw new PatchwaveError('aws.conflict', `document ${document.name} in ${cellKey(cell)} does not come to rest`, {
        hint: 'see who else writes it, and whether SSM shows an error at it',
        detail: { cell: cellKey(cell), call: 'ssm.DescribeDocument' },
      })
    },
  }
}

type Step = Readonly<{ next: 'done'; version: Ensured['version'] } | { next: 'wait' } | { next: 'create' } | { next: 'update' }>

async function look(place: Place, wanted: Wanted): Promise<Step> {
  const seen = await describe(place, wanted.name, undefined)
  if (!seen) return { next: 'create' }
  if (seen.Status === 'Creating' || seen.Status === 'Updating') return { next: 'wait' }
  if (seen.Hash !== wanted.hash) return { next: 'update' }
  return { next: 'done', version: seen.DocumentVersion ?? seen.DefaultVersion ?? '1' }
}

/** Does what is missing; whether this made something new. What another writer did first is looked at again in the next round. */
async function settle(place: Place, wanted: Wanted, act: 'create' | 'update'): Promise<boolean> {
  try {
    if (act === 'create') await create(place, wanted)
    else await makeDefault(place, wanted, (await versionOf(place, wanted)) ?? (await update(place, wanted)))
    return true
  } catch (error) {
    if (failedAs(error, 'aws.conflict', 'aws.unclear')) return false
    throw error
  }
}

const formatOf = (content: string): 'JSON' | 'YAML' => (content.trimStart().startsWith('{') ? 'JSON' : 'YAML')

async function describe(
  { calls, cell, signal }: Place,
  name: string,
  version: string | undefined,
): Promise<DocumentDescription | undefined> {
  try {
    const answer = await calls.ssm({ cell, operation: 'DescribeDocument', kind: 'read', signal }, ({ sdk, client, options }) =>
      client.send(new sdk.DescribeDocumentCommand({ Name: name, ...(version !== undefined && { DocumentVersion: version }) }), options),
    )
    return answer.Document
  } catch (error) {
    if (failedAs(error, 'aws.missing')) return undefined
    throw error
  }
}

async function create({ calls, cell, signal }: Place, { name, content }: Wanted): Promise<void> {
  await calls.ssm({ cell, operation: 'CreateDocument', kind: 'careful', signal }, ({ sdk, client, options }) =>
    client.send(
      new sdk.CreateDocumentCommand({ Name: name, Content: content, DocumentType: 'Command', DocumentFormat: formatOf(content) }),
      options,
    ),
  )
}

/** The new version's number. */
async function update({ calls, cell, signal }: Place, { name, content }: Wanted): Promise<string> {
  const answer = await calls.ssm({ cell, operation: 'UpdateDocument', kind: 'careful', signal }, ({ sdk, client, options }) =>
    client.send(
      new sdk.UpdateDocumentCommand({ Name: name, Content: content, DocumentVersion: '$LATEST', DocumentFormat: formatOf(content) }),
      options,
    ),
  )
  return answer.DocumentDescription?.DocumentVersion ?? answer.DocumentDescription?.LatestVersion ?? '$LATEST'
}

async function makeDefault({ calls, cell, signal }: Place, { name }: Wanted, version: string): Promise<void> {
  await calls.ssm({ cell, operation: 'UpdateDocumentDefaultVersion', kind: 'repeatable', signal }, ({ sdk, client, options }) =>
    client.send(new sdk.UpdateDocumentDefaultVersionCommand({ Name: name, DocumentVersion: version }), options),
  )
}

/**
 * A version that has the content already (an older release's, or a competitor's that is not the default yet). SSM refuses to store the same
 * content twice, and lists no hashes: each version is described, the newest first.
 */
async function versionOf(place: Place, wanted: Wanted): Promise<string | undefined> {
  const versions: number[] = []
  const { calls, cell, signal } = place
  const pages = pagesOf(
    (token) =>
      calls.ssm({ cell, operation: 'ListDocumentVersions', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.ListDocumentVersionsCommand({ Name: wanted.name, MaxResults: 50, ...from(token) }), options),
      ),
    (page) => page.NextToken,
  )
  for await (const page of pages) versions.push(...(page.DocumentVersions ?? []).map((one) => Number(one.DocumentVersion)))
  for (const version of versions.sort((a, b) => b - a)) {
    const seen = await describe(place, wanted.name, String(version))
    if (seen?.Hash === wanted.hash) return String(version)
  }
  return undefined
}
