import { PatchwaveError } from '../../kit/error.ts'

/**
 * The pages of a listing, each fetched when the one before it is used up. An empty page with a token goes on; a missing or empty token ends it.
 * @throws `aws.unreachable` on a token that came before: the rest of the list cannot be had, and a part of it must not pass for all of it
 */
export async function* pagesOf<Page>(
  fetch: (token: string | undefined) => Promise<Page>,
  next: (page: Page) => string | undefined,
): AsyncGenerator<Page, void, undefined> {
  let token: string | undefined
  for (;;) {
    const page = await fetch(token)
    yield page
    const following = next(page)
    if (following === undefined || following === '') return
    if (following === token)
      throw new PatchwaveError('aws.unreachable', 'AWS answered a page of a list with the token of the same page', { hint: 'try again' })
    token = following
  }
}

/** `NextToken` as an input wants it: absent on the first page. */
export const from = (token: string | undefined): { NextToken?: string } => (token === undefined ? {} : { NextToken: token })

/** Lists of at most `size` in the order given. */
export function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}
