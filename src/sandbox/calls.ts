import { cellKey, cellOf, type Cell } from '../kit/ids.ts'
import type { Call } from './wire/message.ts'

/** How often a call was made in a cell, how often it was throttled, and how often it ended in another error. */
export type CallRow = Readonly<Cell & { call: string; count: number; throttled: number; failed: number }>

/** One exchange, bodies parsed, as `check-wire` style comparisons with the service models want it. EC2 and STS show their wire's names. */
export type Exchange = Readonly<{
  service: string
  operation: string
  status: number
  request: Record<string, unknown>
  response: Record<string, unknown>
}>

type Counts = { count: number; throttled: number; failed: number }

/** Counts calls by cell and operation, as the far side of the wire sees them. */
export class Calls {
  readonly #counts = new Map<string, Map<string, Counts>>()

  count(cell: Cell, call: Call): void {
    this.#of(cell, call).count += 1
  }

  throttled(cell: Cell, call: Call): void {
    this.#of(cell, call).throttled += 1
  }

  failed(cell: Cell, call: Call): void {
    this.#of(cell, call).failed += 1
  }

  /** By cell, then by call. `call` is `ssm.SendCommand` and the like. */
  rows(): readonly CallRow[] {
    const rows = [...this.#counts].flatMap(([key, calls]) =>
      [...calls].map(([call, counts]) => ({ key, row: { ...cellOf(key), call, ...counts } })),
    )
    return rows.sort((a, b) => (a.key === b.key ? order(a.row.call, b.row.call) : order(a.key, b.key))).map(({ row }) => row)
  }

  #of(cell: Cell, { service, operation }: Call): Counts {
    const key = cellKey(cell)
    let calls = this.#counts.get(key)
    if (!calls) this.#counts.set(key, (calls = new Map<string, Counts>()))
    const name = `${service}.${operation}`
    let counts = calls.get(name)
    if (!counts) calls.set(name, (counts = { count: 0, throttled: 0, failed: 0 }))
    return counts
  }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
