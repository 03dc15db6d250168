import { PatchwaveError } from '../kit/error.ts'
import type { RunRow, Store } from '../ports/store.ts'

/** The run with this id, or with this beginning or end of one where only one run has it. A journal that is no run's is none. @throws `run.unknown` */
export async function findRun(store: Pick<Store, 'run' | 'runs'>, text: string): Promise<RunRow> {
  const found = await findJournal(store, text)
  if (found.act !== 'schedule') return found
  throw new PatchwaveError('run.unknown', `${text} is a journal, and no run`, { hint: `read it with \`patchwave audit show ${text}\`` })
}

/** As `findRun`, and any other journal of the store by its whole name. @throws `run.unknown` */
export async function findJournal(store: Pick<Store, 'run' | 'runs'>, text: string): Promise<RunRow> {
  const exact = await store.run(text)
  if (exact) return exact
  const word = text.toLowerCase()
  const near = word.length < 4 ? [] : (await store.runs()).filter(({ run }) => run.startsWith(word) || run.endsWith(word))
  const [only, ...others] = near
  if (only && others.length === 0) return only
  const message = only ? `${String(near.length)} runs begin or end with ${text}` : `there is no run ${text}`
  throw new PatchwaveError('run.unknown', message, {
    hint: only
      ? `write more of it: ${near
          .slice(0, 3)
          .map(({ run }) => run)
          .join(', ')}`
      : 'list them with `patchwave status --all`',
  })
}
