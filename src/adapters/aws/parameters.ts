import type { Parameter, ParameterHistory } from '@aws-sdk/client-ssm'
import { PatchwaveError, type ErrorCode } from '../../kit/error.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { instant } from '../../kit/instant.ts'
import type { Parameters, ParameterSeen } from '../../ports/parameters.ts'
import type { Calls } from './calls.ts'
import { failedAs, saidInFull } from './errors.ts'
import { from, pagesOf } from './pages.ts'

/** Bytes of a value in the Standard and in the Advanced tier. */
const STANDARD_BYTES = 4_096
const ADVANCED_BYTES = 8_192
/** Page sizes are the service's maxima. */
const PATH_PAGE = 10
const HISTORY_PAGE = 50

/** Parameter Store over the SDK. */
export function parametersOver(calls: Calls): Parameters {
  return {
    get: (cell, path, selector, signal) => get(calls, cell, path, selector, signal),
    below: (cell, path, signal) => below(calls, cell, path, signal),
    history: (cell, path, signal) => history(calls, cell, path, signal),
    put: (cell, path, value, expect, signal) => put(calls, { cell, path, value, expect }, signal),
    label: (cell, path, version, label, signal) => labelVersion(calls, { cell, path, version, label }, signal),
  }
}

async function get(
  calls: Calls,
  cell: Cell,
  path: string,
  selector: number | string | null,
  signal: AbortSignal,
): Promise<ParameterSeen | undefined> {
  const Name = selector === null ? path : `${path}:${String(selector)}`
  try {
    const { Parameter: one } = await calls.ssm({ cell, operation: 'GetParameter', kind: 'read', signal }, ({ sdk, client, options }) =>
      client.send(new sdk.GetParameterCommand({ Name }), options),
    )
    return one && parameterSeen(path, one, typeof selector === 'string' ? [selector] : [])
  } catch (error) {
    if (failedAs(error, 'aws.missing')) return undefined
    throw error
  }
}

async function* below(calls: Calls, cell: Cell, path: string, signal: AbortSignal): AsyncGenerator<ParameterSeen> {
  const pages = pagesOf(
    (token) =>
      calls.ssm({ cell, operation: 'GetParametersByPath', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.GetParametersByPathCommand({ Path: path, Recursive: true, MaxResults: PATH_PAGE, ...from(token) }), options),
      ),
    (page) => page.NextToken,
  )
  for await (const page of pages) {
    for (const one of page.Parameters ?? []) if (one.Name !== undefined) yield parameterSeen(one.Name, one, [])
  }
}

async function* history(calls: Calls, cell: Cell, path: string, signal: AbortSignal): AsyncGenerator<ParameterSeen> {
  const versions: ParameterSeen[] = []
  const pages = pagesOf(
    (token) =>
      calls.ssm({ cell, operation: 'GetParameterHistory', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.GetParameterHistoryCommand({ Name: path, MaxResults: HISTORY_PAGE, ...from(token) }), options),
      ),
    (page) => page.NextToken,
  )
  try {
    for await (const page of pages) {
      versions.push(...(page.Parameters ?? []).map((one) => parameterSeen(path, one, one.Labels ?? [])))
    }
  } catch (error) {
    if (!failedAs(error, 'aws.missing')) throw error
  }
  yield* versions.sort((a, b) => a.version - b.version)
}

/** Values are ours, and an auditor compares digests: they stay as they are. */
const parameterSeen = (path: string, one: Parameter | ParameterHistory, labels: readonly string[]): ParameterSeen => ({
  path,
  value: one.Value ?? '',
  version: one.Version ?? 0,
  storedAt: instant(one.LastModifiedDate?.getTime() ?? 0),
  labels,
})

type Put = Readonly<{ cell: Cell; path: string; value: string; expect: number }>

async function put(calls: Calls, order: Put, signal: AbortSignal): Promise<number> {
  const bytes = Buffer.byteLength(order.value)
  if (bytes > ADVANCED_BYTES)
    throw refused('aws.invalid', order, `${String(bytes)} bytes, the Advanced tier takes ${String(ADVANCED_BYTES)}`)
  const before = await get(calls, order.cell, order.path, null, signal)
  if (before?.value === order.value) return before.version
  if ((before?.version ?? 0) !== order.expect) throw conflict(order, before?.version ?? 0)
  const version = await write(calls, order, bytes > STANDARD_BYTES ? 'Advanced' : 'Standard', signal)
  if (version !== order.expect + 1) throw conflict(order, version)
  return version
}

async function write(calls: Calls, order: Put, tier: 'Standard' | 'Advanced', signal: AbortSignal): Promise<number> {
  const { cell, path, value, expect } = order
  try {
    const answer = await calls.ssm({ cell, operation: 'PutParameter', kind: 'careful', signal }, ({ sdk, client, options }) =>
      client.send(new sdk.PutParameterCommand({ Name: path, Value: value, Type: 'String', Tier: tier, Overwrite: expect > 0 }), options),
    )
    return answer.Version ?? 0
  } catch (error) {
    if (failedAs(error, 'aws.unclear')) return await readBack(calls, order, error, signal)
    // A parameter that once was Advanced stays so: a smaller value may not be written as Standard.
    const stuck = tier === 'Standard' && failedAs(error, 'aws.invalid') && /advanced|tier/i.test(saidInFull(error))
    if (!stuck) throw error
    return await write(calls, order, 'Advanced', signal)
  }
}

/** The put may or may not have been done: the newest value tells. */
async function readBack(calls: Calls, order: Put, unclear: PatchwaveError, signal: AbortSignal): Promise<number> {
  const now = await get(calls, order.cell, order.path, null, signal)
  if (now?.value === order.value) return now.version
  if ((now?.version ?? 0) !== order.expect) throw conflict(order, now?.version ?? 0)
  throw unclear
}

const conflict = (order: Put, version: number): PatchwaveError =>
  refused('aws.conflict', order, `version ${String(order.expect)} was expected, but another writer made it ${String(version)}`)

const refused = (code: ErrorCode, { cell, path }: Readonly<{ cell: Cell; path: string }>, why: string): PatchwaveError =>
  new PatchwaveError(code, `parameter ${path} in ${cellKey(cell)}: ${why}`, {
    hint: code === 'aws.conflict' ? 'read the newest version and decide again' : 'see the limits of Parameter Store',
    detail: { cell: cellKey(cell), call: 'ssm.PutParameter' },
  })

async function labelVersion(
  calls: Calls,
  order: Readonly<{ cell: Cell; path: string; version: number; label: string }>,
  signal: AbortSignal,
): Promise<void> {
  const { cell, path, version, label } = order
  const call = { cell, operation: 'LabelParameterVersion', kind: 'repeatable', fresh: calls.now, signal } as const
  const answer = await calls.ssm(call, ({ sdk, client, options }) =>
    client.send(new sdk.LabelParameterVersionCommand({ Name: path, ParameterVersion: version, Labels: [label] }), options),
  )
  // Bad labels come back in a list, with HTTP 200.
  if ((answer.InvalidLabels ?? []).length > 0) throw refused('aws.invalid', order, `“${label}” is no label that Parameter Store takes`)
}
