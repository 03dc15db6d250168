import { cellKey } from '../../kit/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { flag, inputOf, list, optional, type Read, structure, text, whole } from '../wire/input.ts'
import { placeIn, tokenFor } from './pages.ts'
import { matches, type ParameterFilter } from './parameters-filters.ts'
import { ADVANCED_COUNT_MAX, checkName, checkValue, isLabel, policiesOf, STANDARD_COUNT_MAX, tierFor } from './parameters-rules.ts'
import { addVersion, newest, type Parameter, putLabels, select, splitSelector, type Version, versionAt } from './parameters-shelf.ts'

const NAME = text({ min: 1, max: 2_048 })
const LABELS = list(text({ min: 1, max: 100 }), { min: 1, max: 10 })
const TAGS = list(structure({ Key: text({ min: 1, max: 128 }), Value: text({ max: 256 }) }), { max: 1_000 })
const FILTERS = optional(
  list(
    structure({
      Key: text({ min: 1, max: 132, pattern: /tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType/ }),
      Option: optional(text({ min: 1, max: 10 })),
      Values: optional(list(text({ min: 1, max: 1_024 }), { min: 1, max: 50 })),
    }),
  ),
)

const PUT = {
  Name: NAME,
  Value: text(),
  Type: optional(text({ oneOf: ['String', 'StringList', 'SecureString'] })),
  Description: optional(text({ max: 1_024 })),
  KeyId: optional(text({ min: 1, max: 256, pattern: /^([a-zA-Z0-9:/_-]+)$/ })),
  Overwrite: optional(flag()),
  AllowedPattern: optional(text({ max: 1_024 })),
  Tags: optional(TAGS),
  Tier: optional(text({ oneOf: ['Standard', 'Advanced', 'Intelligent-Tiering'] })),
  Policies: optional(text({ min: 1, max: 4_096 })),
  DataType: optional(text({ max: 128 })),
}
type Put = Read<typeof PUT>

const readPut = inputOf(PUT)
const readOne = inputOf({ Name: NAME, WithDecryption: optional(flag()) })
const readMany = inputOf({ Names: list(NAME, { min: 1, max: 10 }), WithDecryption: optional(flag()) })
const readBelow = inputOf({
  Path: NAME,
  Recursive: optional(flag()),
  ParameterFilters: FILTERS,
  WithDecryption: optional(flag()),
  MaxResults: optional(whole({ min: 1, max: 10 })),
  NextToken: optional(text()),
})
const readHistory = inputOf({ Name: NAME, MaxResults: optional(whole({ min: 1, max: 50 })), NextToken: optional(text()) })
const readLabel = inputOf({ Name: NAME, ParameterVersion: optional(whole()), Labels: LABELS })
const readUnlabel = inputOf({ Name: NAME, ParameterVersion: whole(), Labels: LABELS })
const readDescribe = inputOf({ ParameterFilters: FILTERS, MaxResults: optional(whole({ min: 1, max: 50 })), NextToken: optional(text()) })

/** SSM Parameter Store: one shelf of parameters in each account and Region. SecureString values are kept as they are. */
export function parameters(clock: Clock): Service {
  const shelves = new Map<string, Map<string, Parameter>>()
  const shelf = (caller: Caller): Map<string, Parameter> => {
    const key = cellKey(caller)
    let found = shelves.get(key)
    if (!found) shelves.set(key, (found = new Map<string, Parameter>()))
    return found
  }
  return {
    PutParameter: (input, caller) => put(clock, shelf(caller), readPut(input), caller),
    GetParameter: (input, caller) => {
      const { Name } = readOne(input)
      const { parameter, version, selector } = found(shelf(caller), Name)
      return { Parameter: shown(parameter, version, selector) }
    },
    GetParameters: (input, caller) => getMany(shelf(caller), readMany(input).Names),
    GetParametersByPath: (input, caller) => below(shelf(caller), readBelow(input)),
    GetParameterHistory: (input, caller) => history(shelf(caller), readHistory(input)),
    LabelParameterVersion: (input, caller) => label(shelf(caller), readLabel(input)),
    UnlabelParameterVersion: (input, caller) => unlabel(shelf(caller), readUnlabel(input)),
    DescribeParameters: (input, caller) => describe(shelf(caller), readDescribe(input)),
    DeleteParameter: (input, caller) => {
      const { Name } = readOne(input)
      if (!shelf(caller).delete(splitSelector(Name).name)) throw unknown(Name)
      return {}
    },
    DeleteParameters: (input, caller) => {
      const names = readMany(input).Names
      const deleted = names.filter((name) => shelf(caller).delete(splitSelector(name).name))
      return { DeletedParameters: deleted, InvalidParameters: names.filter((name) => !deleted.includes(name)) }
    },
  }
}

function put(clock: Clock, shelf: Map<string, Parameter>, input: Put, caller: Caller): Record<string, unknown> {
  const { name } = splitSelector(input.Name)
  const before = shelf.get(name)
  const arnPrefix = `arn:aws:ssm:${caller.region}:${caller.account}:parameter`
  checkName(input.Name, `${arnPrefix}/`)
  if (before && input.Overwrite !== true) {
    throw new ServiceError(
      'ParameterAlreadyExists',
      'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    )
  }
  checkPut(input, before)
  const last = before && newest(before)
  const allowedPattern = input.AllowedPattern ?? last?.allowedPattern
  checkValue(input.Value, allowedPattern)
  const tier = tierFor(input.Tier, last?.tier, Buffer.byteLength(input.Value), input.Policies !== undefined)
  if (!before) checkCount(shelf, tier)
  if (policiesOf(input.Policies).length > 0 && tier === 'Standard') {
    throw new ServiceError('ValidationException', 'Parameter policies can only be applied to parameters of the advanced-parameter tier.')
  }
  const parameter: Parameter = before ?? {
    name,
    arn: `${arnPrefix}${name.startsWith('/') ? '' : '/'}${name}`,
    type: input.Type ?? 'String',
    keyId: input.Type === 'SecureString' ? (input.KeyId ?? 'alias/aws/ssm') : undefined,
    tags: new Map((input.Tags ?? []).map(({ Key, Value }) => [Key, Value])),
    versions: [],
  }
  const version = (last?.version ?? 0) + 1
  const by = caller.arn
  const {
    Description: description = last?.description,
    Policies: policies = last?.policies,
    DataType: dataType = last?.dataType ?? 'text',
  } = input
  addVersion(parameter, { version, value: input.Value, at: clock.now(), by, tier, description, allowedPattern, dataType, policies })
  shelf.set(name, parameter)
  return { Version: version, Tier: tier }
}

function checkPut(input: Put, before: Parameter | undefined): void {
  if (!before && input.Type === undefined)
    throw new ServiceError('ValidationException', 'A parameter type is required when you create a parameter.')
  if (before && input.Type !== undefined && input.Type !== before.type) {
    throw new ServiceError('HierarchyTypeMismatchException', `The parameter type can't be changed from ${before.type} to ${input.Type}.`)
  }
  if (input.Overwrite === true && (input.Tags?.length ?? 0) > 0) {
    throw new ServiceError(
      'ValidationException',
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.",
    )
  }
}

function checkCount(shelf: ReadonlyMap<string, Parameter>, tier: string): void {
  const limit = tier === 'Standard' ? STANDARD_COUNT_MAX : ADVANCED_COUNT_MAX
  if (shelf.size < limit) return
  const count = [...shelf.values()].filter((each) => newest(each).tier === tier).length
  if (count >= limit) {
    throw new ServiceError(
      'ParameterLimitExceeded',
      `You have exceeded the number of ${tier.toLowerCase()} parameters (${String(limit)}) for this account and Region.`,
    )
  }
}

type Found = Readonly<{ parameter: Parameter; version: Version; selector: string | undefined }>

function found(shelf: ReadonlyMap<string, Parameter>, text: string): Found {
  const { name, selector } = splitSelector(text)
  const parameter = shelf.get(name)
  if (!parameter) throw unknown(text)
  const version = select(parameter, selector)
  if (!version) {
    throw new ServiceError(
      'ParameterVersionNotFound',
      `Systems Manager could not find version ${selector ?? ''} of ${name}. Verify the version and try again.`,
    )
  }
  return { parameter, version, selector }
}

const unknown = (name: string): ServiceError => new ServiceError('ParameterNotFound', `Parameter ${name} not found.`)

function getMany(shelf: ReadonlyMap<string, Parameter>, names: readonly string[]): Record<string, unknown> {
  if (new Set(names).size < names.length) throw new ServiceError('ValidationException', 'Names must not contain duplicates.')
  const shownOnes: Record<string, unknown>[] = []
  const invalid: string[] = []
  for (const each of [...names].sort()) {
    const { name, selector } = splitSelector(each)
    const parameter = shelf.get(name)
    const version = parameter && select(parameter, selector)
    if (version) shownOnes.push(shown(parameter, version, selector))
    else invalid.push(each)
  }
  return { Parameters: shownOnes, InvalidParameters: invalid }
}

/** After so many parameters a listing crosses into another part of the store … */
const PART_PARAMETERS = 20
/** … and as many places of it are empty: the page holds nothing and has a token, which real listings do and naive readers take for the end. */
const GAP_PLACES = 10

function below(shelf: ReadonlyMap<string, Parameter>, input: ReturnType<typeof readBelow>): Record<string, unknown> {
  const { Path: path, Recursive: recursive, ParameterFilters: filters } = input
  if (!path.startsWith('/')) {
    throw new ServiceError(
      'ValidationException',
      'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/".',
    )
  }
  const prefix = path.endsWith('/') ? path : `${path}/`
  const all = [...shelf.values()].filter(({ name }) => name.startsWith(prefix)).sort(byName)
  const places = all.flatMap((each, index) => (index > 0 && index % PART_PARAMETERS === 0 ? [...GAP, each] : [each]))
  const isChild = ({ name }: Parameter): boolean => recursive === true || !name.slice(prefix.length).includes('/')
  return paged({ all: places, size: input.MaxResults ?? 10, token: input.NextToken, question: [path, recursive, filters] }, (page) => ({
    Parameters: page.flatMap((each) => {
      const version = each && isChild(each) ? matches(each, filters, 'path') : undefined
      return each && version ? [shown(each, version, undefined)] : []
    }),
  }))
}

const GAP: readonly undefined[] = Array.from({ length: GAP_PLACES }, () => undefined)

function history(shelf: ReadonlyMap<string, Parameter>, input: ReturnType<typeof readHistory>): Record<string, unknown> {
  const parameter = shelf.get(splitSelector(input.Name).name)
  if (!parameter) throw unknown(input.Name)
  return paged({ all: parameter.versions, size: input.MaxResults ?? 50, token: input.NextToken, question: input.Name }, (page) => ({
    Parameters: page.map((version) => ({
      ...described(parameter, version),
      Value: version.value,
      Labels: [...version.labels].sort(),
    })),
  }))
}

function describe(shelf: ReadonlyMap<string, Parameter>, input: ReturnType<typeof readDescribe>): Record<string, unknown> {
  const filters: readonly ParameterFilter[] | undefined = input.ParameterFilters
  const all = [...shelf.values()].sort(byName).filter((each) => matches(each, filters, 'describe') !== undefined)
  return paged({ all, size: input.MaxResults ?? 50, token: input.NextToken, question: filters }, (page) => ({
    Parameters: page.map((each) => ({ ARN: each.arn, ...described(each, newest(each)) })),
  }))
}

function label(shelf: ReadonlyMap<string, Parameter>, input: ReturnType<typeof readLabel>): Record<string, unknown> {
  const { parameter, version } = labelled(shelf, input.Name, input.ParameterVersion)
  putLabels(parameter, version, input.Labels.filter(isLabel))
  return { InvalidLabels: input.Labels.filter((each) => !isLabel(each)), ParameterVersion: version.version }
}

function unlabel(shelf: ReadonlyMap<string, Parameter>, input: ReturnType<typeof readUnlabel>): Record<string, unknown> {
  const { version } = labelled(shelf, input.Name, input.ParameterVersion)
  const removed = input.Labels.filter((each) => version.labels.delete(each))
  return { RemovedLabels: removed, InvalidLabels: input.Labels.filter((each) => !removed.includes(each)) }
}

function labelled(shelf: ReadonlyMap<string, Parameter>, name: string, number: number | undefined): Omit<Found, 'selector'> {
  const parameter = shelf.get(splitSelector(name).name)
  if (!parameter) throw unknown(name)
  const version = versionAt(parameter, number)
  if (!version) {
    throw new ServiceError(
      'ParameterVersionNotFound',
      `Systems Manager could not find version ${String(number)} of ${name}. Verify the version and try again.`,
    )
  }
  return { parameter, version }
}

const shown = (parameter: Parameter, version: Version, selector: string | undefined): Record<string, unknown> => ({
  Name: parameter.name,
  Type: parameter.type,
  Value: version.value,
  Version: version.version,
  Selector: selector === undefined ? undefined : `:${selector}`,
  LastModifiedDate: version.at / 1_000,
  ARN: parameter.arn,
  DataType: version.dataType,
})

const described = (parameter: Parameter, version: Version): Record<string, unknown> => ({
  Name: parameter.name,
  Type: parameter.type,
  KeyId: parameter.keyId,
  LastModifiedDate: version.at / 1_000,
  LastModifiedUser: version.by,
  Description: version.description,
  AllowedPattern: version.allowedPattern,
  Version: version.version,
  Tier: version.tier,
  Policies: policiesOf(version.policies),
  DataType: version.dataType,
})

type Listing<T> = Readonly<{ all: readonly T[]; size: number; token: string | undefined; question: unknown }>

function paged<T>(
  { all, size, token, question }: Listing<T>,
  show: (page: readonly T[]) => Record<string, unknown>,
): Record<string, unknown> {
  const from = placeIn(token, question)
  if (from === undefined) throw new ServiceError('InvalidNextToken', 'The specified token is not valid.')
  const to = from + size
  return { ...show(all.slice(from, to)), NextToken: to < all.length ? tokenFor(to, question) : undefined }
}

const byName = (a: Parameter, b: Parameter): number => (a.name < b.name ? -1 : 1)
