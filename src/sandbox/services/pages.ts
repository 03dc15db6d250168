import { sha256 } from '../../kit/digest.ts'

/** Where a listing goes on: a position, and a mark of the question that it answers. */
export type Place = Readonly<{ at: number; question: string }>

/** An opaque token for the next page of this question. */
export const tokenFor = (at: number, question: unknown): string => Buffer.from(JSON.stringify([at, markOf(question)])).toString('base64url')

/** The position in a token of the same question; 0 without a token, `undefined` for a token that was not made for it. */
export function placeIn(token: string | undefined, question: unknown): number | undefined {
  if (token === undefined || token === '') return 0
  const [at, mark] = decoded(token)
  return typeof at === 'number' && Number.isInteger(at) && at >= 0 && mark === markOf(question) ? at : undefined
}

function decoded(token: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

const markOf = (question: unknown): string => sha256(JSON.stringify(question)).slice(0, 12)
