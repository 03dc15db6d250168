import type { Caller } from '../model.ts'
import { ServiceError } from '../model.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { SimulatedNode } from '../nodes/node.ts'
import { checkParameters, commandDocument, type ResolveDocument } from './run-command-document.ts'
import { INSTANCE_ID, invalid, isRecord, parametersOf, requiredText, structuresOf, textOf, textsOf, wholeOf } from './run-command-input.ts'
import type { Draft } from './run-command-record.ts'

type Input = Readonly<Record<string, unknown>>

const CONCURRENCY = /^([1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%)$/
const ERRORS = /^([1-9][0-9]*|0|[1-9][0-9]%|[0-9]%|100%)$/
const ECHOED = [
  'OutputS3Region',
  'OutputS3BucketName',
  'OutputS3KeyPrefix',
  'NotificationConfig',
  'CloudWatchOutputConfig',
  'AlarmConfiguration',
] as const

/** API defaults and bounds of SendCommand. */
const [TIMEOUT_DEFAULT, TIMEOUT_MIN, TIMEOUT_MAX] = [3_600, 30, 2_592_000]
const [EXECUTION_DEFAULT, EXECUTION_MIN, EXECUTION_MAX] = [3_600, 5, 172_800]

/** Checks a SendCommand in the order of the service: shape, document, nodes, parameters. @throws ServiceError */
export function draftOf(input: Input, caller: Caller, fleet: SimulatedFleet, resolve: ResolveDocument): Draft {
  const cell = { account: caller.account, region: caller.region }
  const name = requiredText(input, 'DocumentName', { pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ })
  const version = textOf(input, 'DocumentVersion', { pattern: /^([$]LATEST|[$]DEFAULT|[1-9][0-9]*)$/ })
  const hash = textOf(input, 'DocumentHash', { max: 256 })
  const hashType = textOf(input, 'DocumentHashType', { pattern: /^(Sha256|Sha1)$/ })
  const timeoutSeconds = wholeOf(input, 'TimeoutSeconds', TIMEOUT_MIN, TIMEOUT_MAX) ?? TIMEOUT_DEFAULT
  const comment = textOf(input, 'Comment', { max: 100 }) ?? ''
  const maxConcurrency = textOf(input, 'MaxConcurrency', { min: 1, max: 7, pattern: CONCURRENCY }) ?? '50'
  const maxErrors = textOf(input, 'MaxErrors', { min: 1, max: 7, pattern: ERRORS }) ?? '0'
  const instanceIds = textsOf(input, 'InstanceIds', 50, INSTANCE_ID) ?? []
  const targets = structuresOf(input, 'Targets', 5) ?? []
  const given = parametersOf(input)
  if ((instanceIds.length === 0) === (targets.length === 0)) {
    throw invalid('instanceIds', instanceIds, 'Exactly one of InstanceIds and Targets must be given')
  }
  const document = commandDocument(resolve, cell, {
    name,
    ...(version !== undefined && { version }),
    ...(hash !== undefined && hashType !== 'Sha1' && { hash }),
  })
  const nodes = instanceIds.length > 0 ? named(instanceIds, caller, fleet) : targeted(targets, caller, fleet)
  checkParameters(document, given)
  const echo: Record<string, unknown> = {}
  for (const member of ECHOED) if (input[member] !== undefined) echo[member] = input[member]
  const execution = Number(given['executionTimeout']?.[0] ?? document.parameters?.get('executionTimeout')?.standard ?? EXECUTION_DEFAULT)
  return {
    cell,
    document,
    comment,
    parameters: given,
    instanceIds,
    targets,
    nodes,
    timeoutSeconds,
    // Out of range is silently set to the default (amazon-ssm-agent, pluginutil.go).
    executionSeconds: execution >= EXECUTION_MIN && execution <= EXECUTION_MAX ? execution : EXECUTION_DEFAULT,
    maxConcurrency,
    maxErrors,
    echo,
  }
}

/** One id that SSM cannot use refuses the whole call. */
function named(ids: readonly string[], caller: Caller, fleet: SimulatedFleet): readonly SimulatedNode[] {
  if (new Set(ids).size < ids.length) throw new ServiceError('DuplicateInstanceId', 'An instance ID was listed twice.')
  const nodes: SimulatedNode[] = []
  const refused: string[] = []
  for (const id of ids) {
    const node = fleet.node(id)
    if (node && isManaged(node, caller)) nodes.push(node)
    else refused.push(id)
  }
  if (refused.length > 0)
    throw new ServiceError('InvalidInstanceId', `Instances [[${refused.join(', ')}]] not in a valid state for account ${caller.account}`)
  return nodes
}

const isManaged = (node: SimulatedNode, caller: Caller): boolean =>
  node.account === caller.account && node.region === caller.region && ['running', 'pending', 'stopped', 'stopping'].includes(node.state)

/** Targets are ANDed, their values ORed. Nodes that do not run are left out. */
function targeted(targets: readonly Input[], caller: Caller, fleet: SimulatedFleet): readonly SimulatedNode[] {
  const rules = targets.filter(isRecord).map((target) => ({
    key: requiredText(target, 'Key', { min: 1, max: 163 }),
    values: textsOf(target, 'Values', 50) ?? [],
  }))
  return [...fleet.nodesOf(caller)].filter(
    (node) => node.state === 'running' && rules.every(({ key, values }) => selects(node, key, values)),
  )
}

function selects(node: SimulatedNode, key: string, values: readonly string[]): boolean {
  if (key === 'InstanceIds') return values.includes('*') || values.includes(node.node)
  if (key === 'tag-key') return values.some((value) => node.tags[value] !== undefined)
  const tag = key.startsWith('tag:') ? node.tags[key.slice('tag:'.length)] : undefined
  return tag !== undefined && values.includes(tag)
}
