import { PatchwaveError } from '../kit/error.ts'
import type { RunRow, Store } from '../ports/store.ts'

/** The run with this id, or with this beginning or end of one where only one run has it. @throws `run.unknown` */
export async function findRun(store: Pick<Store, 'run' | 'runs'>, text: string): Promise<RunRow> {
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
