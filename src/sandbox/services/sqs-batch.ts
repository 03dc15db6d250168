import { ServiceError } from '../model.ts'
import { queryCodeOf } from '../wire/json.ts'
import { missingParameter } from './sqs-errors.ts'

const ENTRIES_MAX = 10

type Entry = Readonly<{ Id: string }>

/** Does `work` for each entry of a batch: an entry's own failure is reported in `Failed`, the rest goes on. */
export function inBatch<E extends Entry>(
  entries: readonly E[],
  kind: string,
  work: (entry: E) => Record<string, unknown>,
): Record<string, unknown> {
  checkEntries(entries, kind)
  const successful: Record<string, unknown>[] = []
  const failed: Record<string, unknown>[] = []
  for (const entry of entries) {
    try {
      successful.push({ Id: entry.Id, ...work(entry) })
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      failed.push({ Id: entry.Id, SenderFault: error.status < 500, Code: queryCodeOf(error.code), Message: error.message })
    }
  }
  return { Successful: successful, Failed: failed.length > 0 ? failed : undefined }
}

function checkEntries(entries: readonly Entry[], kind: string): void {
  if (entries.length === 0) {
    throw new ServiceError('EmptyBatchRequest', `There should be at least one ${kind}RequestEntry in the request.`)
  }
  if (entries.length > ENTRIES_MAX) {
    throw new ServiceError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${String(ENTRIES_MAX)}. You have sent ${String(entries.length)}.`,
    )
  }
  for (const { Id } of entries) {
    if (Id === '') throw missingParameter(`${kind}RequestEntry.1.Id`)
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(Id)) {
      throw new ServiceError(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
      )
    }
  }
  const twice = entries.find(({ Id }, index) => entries.findIndex((each) => each.Id === Id) !== index)
  if (twice) throw new ServiceError('BatchEntryIdsNotDistinct', `Id ${twice.Id} repeated.`)
}
