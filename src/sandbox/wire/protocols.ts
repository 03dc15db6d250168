import { ServiceError } from '../model.ts'
import { readForm } from './form.ts'
import { jsonAnswer, jsonError, readJson } from './json.ts'
import { BODY_BYTES_MAX, type Call, type ServiceName, textOf, type WireRequest, type WireResponse } from './message.ts'
import { queryAnswer, queryError, type QueryService, VERSIONS } from './query.ts'
import { refused } from './refusals.ts'
import { readS3, s3Answer, s3Error } from './s3.ts'

const TARGETS: Readonly<Record<string, 'ssm' | 'sqs'>> = { AmazonSSM: 'ssm', AmazonSQS: 'sqs' }

/** A request that has been assigned to a service; `read` parses the rest and throws a `ServiceError` for what does not parse. */
export type Addressed = Readonly<{ service: ServiceName; read: () => Call }>

/** Finds out from headers and form whom a request is for. What is for nobody is answered as SSM would. */
export function address(request: WireRequest): Addressed {
  const target = request.headers['x-amz-target']
  if (target !== undefined) return jsonAddress(request, target)
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true) return formAddress(request)
  if (scopeService(request) === 's3') return { service: 's3', read: () => readS3(request) }
  return lost('ssm')
}

/** The answer with this output, in the service's protocol. */
export function answered({ service, operation }: Call, output: Record<string, unknown>, requestId: string): WireResponse {
  if (service === 'ssm' || service === 'sqs') return jsonAnswer(service, output, requestId)
  return service === 's3' ? s3Answer(output, requestId) : queryAnswer(service, operation, output, requestId)
}

/** The error, in the service's protocol. */
export function failed(service: ServiceName, error: ServiceError, requestId: string): WireResponse {
  if (service === 'ssm' || service === 'sqs') return jsonError(service, error, requestId)
  return service === 's3' ? s3Error(error, requestId) : queryError(service, error, requestId)
}

function jsonAddress(request: WireRequest, target: string): Addressed {
  const [prefix = '', operation = ''] = target.split('.')
  const service = Object.hasOwn(TARGETS, prefix) ? TARGETS[prefix] : undefined
  if (service === undefined) return lost('ssm')
  return { service, read: () => ({ service, operation, input: readJson(bounded(request)) }) }
}

function formAddress(request: WireRequest): Addressed {
  const form = request.body.length > BODY_BYTES_MAX ? {} : attempt(() => readForm(textOf(request.body)))
  const version = form instanceof ServiceError ? undefined : form['Version']
  const service = (typeof version === 'string' ? VERSIONS[version] : undefined) ?? scopedService(request)
  const read = (): Call => {
    bounded(request)
    if (form instanceof ServiceError) throw form
    const { Action: operation, Version: _, ...input } = form
    if (typeof operation !== 'string' || typeof version !== 'string' || VERSIONS[version] === undefined)
      throw refused('unknown-operation', service)
    return { service, operation, input }
  }
  return { service, read }
}

const lost = (service: ServiceName): Addressed => ({
  service,
  read: () => {
    throw refused('unknown-operation', service)
  },
})

/** A form without a version is for whom it was signed. */
function scopedService(request: WireRequest): QueryService {
  const scope = scopeService(request)
  return Object.values(VERSIONS).find((service) => service === scope) ?? 'ec2'
}

const scopeService = (request: WireRequest): string | undefined => request.headers['authorization']?.split('/')[3]

function bounded(request: WireRequest): string {
  if (request.body.length > BODY_BYTES_MAX) {
    throw new ServiceError('RequestEntityTooLargeException', `The request is longer than ${String(BODY_BYTES_MAX)} bytes.`, 413)
  }
  return textOf(request.body)
}

function attempt<T>(work: () => T): T | ServiceError {
  try {
    return work()
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
}
