import { ServiceError } from '../model.ts'

/** `Value 11 for parameter X is invalid. Reason: …`, as SQS words it. */
export const badValue = (value: string | number, parameter: string, reason: string): ServiceError =>
  new ServiceError('InvalidParameterValueException', `Value ${String(value)} for parameter ${parameter} is invalid. Reason: ${reason}`)

/** A sentence of its own under the same code. */
export const badParameters = (message: string): ServiceError => new ServiceError('InvalidParameterValueException', message)

export const missingParameter = (name: string): ServiceError =>
  new ServiceError('MissingRequiredParameterException', `The request must contain the parameter ${name}.`)

export const noQueue = (): ServiceError => new ServiceError('QueueDoesNotExist', 'The specified queue does not exist.')

export const badHandle = (handle: string): ServiceError =>
  new ServiceError('ReceiptHandleIsInvalid', `The input receipt handle "${handle.slice(0, 200)}" is not a valid receipt handle.`, 404)

export const expiredHandle = (handle: string): ServiceError => badValue(handle, 'ReceiptHandle', 'The receipt handle has expired.')

/** A whole number within limits, or the standard when it is left out. */
export function within(value: number | undefined, name: string, limits: Readonly<{ min: number; max: number; reason: string }>): void {
  if (value !== undefined && (value < limits.min || value > limits.max)) throw badValue(value, name, limits.reason)
}
