import { ServiceError } from '../model.ts'
import type { ServiceName } from './message.ts'

/** Why a call is refused before its operation is looked at. Each service has words of its own for it. */
export type Refusal = 'throttled' | 'expired' | 'unknown-key' | 'unsigned' | 'unknown-operation' | 'broken'

type Words = readonly [code: string, message: string, status: number]

const WORDS: Readonly<Record<Refusal, Readonly<Record<ServiceName, Words>>>> = {
  throttled: {
    ssm: ['ThrottlingException', 'Rate exceeded', 400],
    sqs: ['RequestThrottled', 'Rate exceeded', 403],
    ec2: ['RequestLimitExceeded', 'Request limit exceeded.', 503],
    sts: ['Throttling', 'Rate exceeded', 400],
    elasticloadbalancing: ['Throttling', 'Rate exceeded', 400],
    autoscaling: ['Throttling', 'Rate exceeded', 400],
    s3: ['SlowDown', 'Please reduce your request rate.', 503],
  },
  expired: {
    ssm: ['ExpiredTokenException', 'The security token included in the request is expired', 400],
    sqs: ['ExpiredTokenException', 'The security token included in the request is expired', 403],
    ec2: ['RequestExpired', 'Request has expired.', 400],
    sts: ['ExpiredToken', 'The security token included in the request is expired', 403],
    elasticloadbalancing: ['ExpiredToken', 'The security token included in the request is expired', 403],
    autoscaling: ['ExpiredToken', 'The security token included in the request is expired', 403],
    s3: ['ExpiredToken', 'The provided token has expired.', 400],
  },
  'unknown-key': {
    ssm: ['UnrecognizedClientException', 'The security token included in the request is invalid.', 400],
    sqs: ['UnrecognizedClientException', 'The security token included in the request is invalid.', 403],
    ec2: ['AuthFailure', 'AWS was not able to validate the provided access credentials', 401],
    sts: ['InvalidClientTokenId', 'The security token included in the request is invalid.', 403],
    elasticloadbalancing: ['InvalidClientTokenId', 'The security token included in the request is invalid.', 403],
    autoscaling: ['InvalidClientTokenId', 'The security token included in the request is invalid.', 403],
    s3: ['InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.', 403],
  },
  unsigned: {
    ssm: ['MissingAuthenticationTokenException', 'Missing Authentication Token', 400],
    sqs: ['MissingAuthenticationTokenException', 'Missing Authentication Token', 403],
    ec2: ['AuthFailure', 'AWS was not able to validate the provided access credentials', 401],
    sts: ['MissingAuthenticationToken', 'Request is missing Authentication Token', 403],
    elasticloadbalancing: ['MissingAuthenticationToken', 'Request is missing Authentication Token', 403],
    autoscaling: ['MissingAuthenticationToken', 'Request is missing Authentication Token', 403],
    s3: ['AccessDenied', 'Access Denied', 403],
  },
  'unknown-operation': {
    ssm: ['UnknownOperationException', 'The requested operation is not known.', 400],
    sqs: ['UnknownOperationException', 'The requested operation is not known.', 400],
    ec2: ['InvalidAction', 'The action is not valid for this web service.', 400],
    sts: ['InvalidAction', 'Could not find operation for version 2011-06-15', 400],
    elasticloadbalancing: ['InvalidAction', 'Could not find operation for version 2015-12-01', 400],
    autoscaling: ['InvalidAction', 'Could not find operation for version 2011-01-01', 400],
    s3: ['NotImplemented', 'A header, query or method you provided implies functionality that is not there.', 501],
  },
  broken: {
    ssm: ['InternalServerError', 'An error occurred on the server side.', 500],
    sqs: ['InternalFailure', 'The request processing has failed because of an unknown error.', 500],
    ec2: ['InternalError', 'An internal error has occurred.', 500],
    sts: ['InternalFailure', 'The request processing has failed because of an unknown error.', 500],
    elasticloadbalancing: ['InternalFailure', 'The request processing has failed because of an unknown error.', 500],
    autoscaling: ['InternalFailure', 'The request processing has failed because of an unknown error.', 500],
    s3: ['InternalError', 'We encountered an internal error. Please try again.', 500],
  },
}

/** The error with which this service says it. */
export function refused(why: Refusal, service: ServiceName): ServiceError {
  const [code, message, status] = WORDS[why][service]
  return new ServiceError(code, message, status)
}

/** Whether it says that the caller is too fast. */
export const isThrottle = (error: ServiceError, service: ServiceName): boolean => error.code === WORDS.throttled[service][0]
