import type { Instant } from '../../kit/instant.ts'
import { ServiceError } from '../model.ts'
import { LABELS_MAX, type Tier, VERSIONS_MAX } from './parameters-rules.ts'

export type Version = {
  readonly version: number
  readonly value: string
  readonly at: Instant
  readonly by: string
  readonly tier: Tier
  readonly description: string | undefined
  readonly allowedPattern: string | undefined
  readonly dataType: string
  readonly policies: string | undefined
  readonly labels: Set<string>
}

/** One parameter with the versions that are kept, oldest first; the newest is the last. */
export type Parameter = {
  readonly name: string
  readonly arn: string
  readonly type: string
  readonly keyId: string | undefined
  readonly tags: Map<string, string>
  readonly versions: Version[]
}

/** The version that is current. */
export function newest(parameter: Parameter): Version {
  const last = parameter.versions.at(-1)
  if (!last) throw new ServiceError('InternalServerError', 'A parameter has no version.', 500)
  return last
}

/**
 * Adds a version. Of 100 versions the oldest gives way, unless it bears a label: then the write fails, because labels mark what is in use
 * (user guide, "Working with parameter versions").
 */
export function addVersion(parameter: Parameter, version: Omit<Version, 'labels'>): void {
  const [oldest] = parameter.versions
  if (oldest && parameter.versions.length >= VERSIONS_MAX) {
    if (oldest.labels.size > 0) {
      throw new ServiceError(
        'ParameterMaxVersionLimitExceeded',
        `You attempted to create a new version of ${parameter.name} by calling the PutParameter API with the overwrite flag. Version ${String(oldest.version)}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.`,
      )
    }
    parameter.versions.shift()
  }
  parameter.versions.push({ ...version, labels: new Set() })
}

/** The version with this number, or the newest; `undefined` when it is not kept. */
export const versionAt = (parameter: Parameter, version: number | undefined): Version | undefined =>
  version === undefined ? newest(parameter) : parameter.versions.find((each) => each.version === version)

/** What a selector (`3`, `approved`) means; `undefined` when nothing has that number or label. */
export function select(parameter: Parameter, selector: string | undefined): Version | undefined {
  if (selector === undefined) return newest(parameter)
  if (/^\d+$/.test(selector)) return versionAt(parameter, Number(selector))
  return parameter.versions.find((each) => each.labels.has(selector))
}

/** Puts labels on a version; one that another version bore moves. All or none: too many are refused. */
export function putLabels(parameter: Parameter, version: Version, labels: readonly string[]): void {
  const after = new Set([...version.labels, ...labels])
  if (after.size > LABELS_MAX) {
    throw new ServiceError('ParameterVersionLabelLimitExceeded', `A parameter version can have a maximum of ${String(LABELS_MAX)} labels.`)
  }
  for (const each of parameter.versions) for (const label of labels) each.labels.delete(label)
  for (const label of labels) version.labels.add(label)
}

/** Splits `name:selector`; an ARN's own colons are not selectors. */
export function splitSelector(text: string): Readonly<{ name: string; selector: string | undefined }> {
  const arn = /^arn:[a-z-]+:ssm:[a-z0-9-]*:\d{12}:parameter(\/[^:]+)(?::(.+))?$/.exec(text)
  if (arn) return { name: plainName(arn[1] ?? ''), selector: arn[2] }
  const colon = text.indexOf(':')
  return colon < 0 ? { name: text, selector: undefined } : { name: text.slice(0, colon), selector: text.slice(colon + 1) }
}

/** An ARN shows `parameter/x` for both `x` and, deeper, `/a/x`. */
const plainName = (path: string): string => (path.indexOf('/', 1) < 0 ? path.slice(1) : path)
