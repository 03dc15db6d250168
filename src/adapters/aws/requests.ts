/** What one call wants to know of its own request, at the last point before the wire (the request is signed) and at the first after it. */
export type Passage = Readonly<{
  /** Called just before the request leaves. What it throws is thrown by the call, and nothing is sent. */
  leaving(): void
  /** Called when there is an answer, or none will come. `date` is the answer's own header, where it has one. */
  back(date: string | undefined): void
}>

/** Options of one SDK call: they travel with it to the request handler. */
export type CallOptions = Readonly<{ abortSignal: AbortSignal; passage: Passage }>

/** The same request handler, which tells each call's `passage` of its request. */
export function watched<Handler extends object>(handler: Handler): Handler {
  return new Proxy(handler, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      const method = (...args: readonly unknown[]): unknown => Reflect.apply(value, target, args)
      return key === 'handle' ? (request: unknown, options: unknown) => pass(method, request, options) : method
    },
  })
}

async function pass(handle: (...args: readonly unknown[]) => unknown, request: unknown, options: unknown): Promise<unknown> {
  const passage = passageOf(options)
  if (!passage) return await handle(request, options)
  passage.leaving()
  let answer: unknown
  try {
    answer = await handle(request, options)
  } finally {
    passage.back(dateOf(answer))
  }
  return answer
}

function passageOf(options: unknown): Passage | undefined {
  const passage = field(options, 'passage')
  return isPassage(passage) ? passage : undefined
}

const isPassage = (value: unknown): value is Passage =>
  typeof field(value, 'leaving') === 'function' && typeof field(value, 'back') === 'function'

function dateOf(answer: unknown): string | undefined {
  const date = field(field(field(answer, 'response'), 'headers'), 'date')
  return typeof date === 'string' ? date : undefined
}

const field = (of: unknown, key: string): unknown => (typeof of === 'object' && of !== null ? Reflect.get(of, key) : undefined)
