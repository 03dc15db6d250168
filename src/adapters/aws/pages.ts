/**
 * The pages of a listing, each fetched when the one before it is used up. An empty page with a token goes on; a missing, empty or repeated token
 * ends it.
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
    if (following === undefined || following === '' || following === token) return
    token = following
  }
}

/** `NextToken` as an input wants it: absent on the first page. */
export const from = (token: string | undefined): { NextToken?: string } => (token === undefined ? {} : { NextToken: token })

/** Lists of at most `size` in the order given. */
export function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}
