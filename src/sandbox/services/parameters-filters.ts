import { ServiceError } from '../model.ts'
import { newest, type Parameter, type Version } from './parameters-shelf.ts'

export type ParameterFilter = Readonly<{ Key: string; Option?: string | undefined; Values?: readonly string[] | undefined }>
/** GetParametersByPath knows few keys; DescribeParameters the rest. */
type Asker = 'path' | 'describe'

const PATH_KEYS = ['Type', 'KeyId', 'Label']
const OPTIONS: Readonly<Record<Asker, readonly string[]>> = {
  path: ['Equals', 'BeginsWith'],
  describe: ['Equals', 'BeginsWith', 'Contains', 'Recursive', 'OneLevel'],
}

/** The version of this parameter that passes every filter (with a `Label` filter: the one that bears it); `undefined`: none. */
export function matches(parameter: Parameter, filters: readonly ParameterFilter[] | undefined, asker: Asker): Version | undefined {
  let version: Version | undefined = newest(parameter)
  for (const filter of filters ?? []) {
    check(filter, asker)
    if (filter.Key === 'Label') version = parameter.versions.find((each) => [...each.labels].some((label) => passes(filter, label)))
    else if (!valuesOf(parameter, filter.Key).some((value) => passes(filter, value))) version = undefined
    if (!version) return undefined
  }
  return version
}

function check({ Key, Option = 'Equals' }: ParameterFilter, asker: Asker): void {
  if (asker === 'path' && !PATH_KEYS.includes(Key)) throw new ServiceError('InvalidFilterKey', '')
  if (!OPTIONS[asker].includes(Option)) {
    throw new ServiceError(
      'InvalidFilterOption',
      `The following filter option is not valid: ${Option}. Valid options include: [${OPTIONS[asker].join(', ')}].`,
    )
  }
}

function passes({ Option = 'Equals', Values = [] }: ParameterFilter, value: string): boolean {
  if (Values.length === 0) return true
  return Values.some((wanted) => {
    if (Option === 'BeginsWith') return value.startsWith(wanted)
    if (Option === 'Contains') return value.includes(wanted)
    if (Option === 'Recursive') return value.startsWith(wanted.endsWith('/') ? wanted : `${wanted}/`)
    if (Option === 'OneLevel') return value.slice(0, Math.max(0, value.lastIndexOf('/'))) === wanted.replace(/\/$/, '')
    return value === wanted
  })
}

function valuesOf(parameter: Parameter, key: string): readonly string[] {
  if (key.startsWith('tag:')) return [...parameter.tags].flatMap(([tag, value]) => (tag === key.slice(4) ? [value] : []))
  const version = newest(parameter)
  const values: Readonly<Record<string, string | undefined>> = {
    Name: parameter.name,
    Path: parameter.name,
    Type: parameter.type,
    KeyId: parameter.keyId,
    Tier: version.tier,
    DataType: version.dataType,
  }
  const value = values[key]
  return value === undefined ? [] : [value]
}
