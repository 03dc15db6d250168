import { type Instant, instant, type Ms } from '../kit/instant.ts'
import type { Clock } from '../ports/clock.ts'
import type { Callers } from './callers.ts'
import type { Calls, Exchange } from './calls.ts'
import type { Ids } from './ids.ts'
import { type ApiFaults, type Caller, type Operation, type Service, ServiceError } from './model.ts'
import { logNormal } from './nodes/chance.ts'
import type { Quotas } from './quotas.ts'
import { type Call, ConnectionReset, type ServiceName, type WireRequest, type WireResponse } from './wire/message.ts'
import { address, answered, failed } from './wire/protocols.ts'
import { isThrottle, refused } from './wire/refusals.ts'

/** One request in, one answer out, whatever the transport. Rejects with `ConnectionReset`, or with the signal's reason when the caller has gone. */
export type Dispatch = (request: WireRequest, signal?: AbortSignal) => Promise<WireResponse>

export type DispatchOptions = Readonly<{
  clock: Clock
  services: Readonly<Record<ServiceName, Service>>
  callers: Callers
  quotas: Quotas
  calls: Calls
  /** Request ids, and the dice of the API's faults. */
  ids: Ids
  faults: () => ApiFaults
  record?: (exchange: Exchange) => void
}>

/**
 * The front door: reads the wire, identifies the caller, counts, holds quotas and disturbs, then lets the operation work. Latency lies half
 * before and half after the effect; with none configured nothing sleeps.
 */
export function dispatcher(options: DispatchOptions): Dispatch {
  return async (request, signal) => {
    const requestId = options.ids.uuid()
    const { service, read } = address(request)
    try {
      const caller = options.callers.identify(request.headers, service)
      const call = read()
      const operation = operationOf(options.services[service], call)
      options.calls.count(caller, call)
      return await perform(options, { call, caller, operation, requestId }, signal)
    } catch (error) {
      if (error instanceof ServiceError) return failed(service, error, requestId)
      throw error
    }
  }
}

type Job = Readonly<{ call: Call; caller: Caller; operation: Operation; requestId: string }>

async function perform(options: DispatchOptions, job: Job, signal: AbortSignal | undefined): Promise<WireResponse> {
  const faults = options.faults()
  const halfMs = latencyMs(faults, options.ids) / 2
  if (halfMs > 0) await travel(options.clock, halfMs, signal)
  const answer = await outcome(options, job, faults, signal)
  if (halfMs > 0) await travel(options.clock, halfMs, signal)
  if (answer === 'reset') throw new ConnectionReset('read ECONNRESET')
  return answer
}

async function outcome(options: DispatchOptions, job: Job, faults: ApiFaults, signal?: AbortSignal): Promise<WireResponse | 'reset'> {
  const { call, caller, operation, requestId } = job
  try {
    if (!options.quotas.allow(caller, call) || hits(faults.throttled, options.ids)) throw refused('throttled', call.service)
    const running = operation(call.input, caller, signal)
    const output = running instanceof Promise ? await running : running
    if (hits(faults.failedAfterEffect, options.ids)) {
      options.calls.failed(caller, call)
      if (hits(0.5, options.ids)) return 'reset'
      return failed(call.service, refused('broken', call.service), requestId)
    }
    options.record?.({ service: call.service, operation: call.operation, status: 200, request: call.input, response: plain(output) })
    return answered(call, output, requestId)
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    return refusal(options, job, error)
  }
}

function refusal({ calls, record }: DispatchOptions, { call, caller, requestId }: Job, error: ServiceError): WireResponse {
  if (isThrottle(error, call.service)) calls.throttled(caller, call)
  else calls.failed(caller, call)
  const { service, operation, input } = call
  record?.({ service, operation, status: error.status, request: input, response: { __type: error.code, message: error.message } })
  return failed(service, error, requestId)
}

function operationOf(service: Service, call: Call): Operation {
  const operation = Object.hasOwn(service, call.operation) ? service[call.operation] : undefined
  if (!operation) throw refused('unknown-operation', call.service)
  return operation
}

function latencyMs(faults: ApiFaults, ids: Ids): Ms {
  return faults.latencyMedianMs > 0 ? logNormal(faults.latencyMedianMs, faults.latencyP95Ms, ids.share()) : 0
}

async function travel(clock: Clock, ms: Ms, signal: AbortSignal | undefined): Promise<void> {
  const until: Instant = instant(clock.now() + Math.ceil(ms))
  await clock.sleep(until, signal)
  signal?.throwIfAborted()
}

/** Draws only where there is something to decide, so that a calm sandbox stays fast. */
const hits = (share: number, ids: Ids): boolean => share > 0 && ids.share() < share

/** As it will be after the wire: without what is `undefined`. */
const plain = (output: Record<string, unknown>): Record<string, unknown> => JSON.parse(JSON.stringify(output)) as Record<string, unknown>
