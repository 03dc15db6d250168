import type { Instant } from '../../kit/instant.ts'
import { iso, SECOND } from '../../kit/instant.ts'
import type { CommandRecord, Detail, Invocation } from './run-command-record.ts'
import { STATUS } from './run-command-record.ts'

/** Of CommandPlugin.Output and TraceOutput, GetCommandInvocation's stdout and its stderr. */
export const [OUTPUT_MAX, STDOUT_MAX, STDERR_MAX] = [2_500, 24_000, 8_000]

const MARK = '\n--output truncated--'

/** Keeps the head, as the agent does, and says so within the limit. */
export const cut = (text: string, max: number): string => (text.length <= max ? text : text.slice(0, max - MARK.length) + MARK)

const NO_LOGS = { CloudWatchLogGroupName: '', CloudWatchOutputEnabled: false }

const seconds = (at: Instant): number => at / SECOND

/** The shape `Command`. */
export function commandShape(command: CommandRecord): Record<string, unknown> {
  const { draft } = command
  return {
    CommandId: command.id,
    DocumentName: draft.document.name,
    DocumentVersion: draft.document.version,
    Comment: draft.comment,
    ExpiresAfter: seconds(command.expiresAfter),
    Parameters: draft.parameters,
    InstanceIds: draft.instanceIds,
    Targets: draft.targets,
    RequestedDateTime: seconds(command.requestedAt),
    Status: command.status,
    StatusDetails: command.detail,
    OutputS3BucketName: '',
    OutputS3KeyPrefix: '',
    MaxConcurrency: draft.maxConcurrency,
    MaxErrors: draft.maxErrors,
    TargetCount: command.invocations.length,
    CompletedCount: command.completed,
    ErrorCount: command.errors,
    DeliveryTimedOutCount: command.deliveryTimedOut,
    ServiceRole: '',
    CloudWatchOutputConfig: NO_LOGS,
    TimeoutSeconds: draft.timeoutSeconds,
    ...draft.echo,
  }
}

/** The shape `CommandInvocation`; with its plugin when `details` are asked for. */
export function invocationShape(command: CommandRecord, invocation: Invocation, details: boolean): Record<string, unknown> {
  const { draft } = command
  return {
    CommandId: command.id,
    InstanceId: invocation.node.node,
    InstanceName: invocation.node.tags['Name'] ?? '',
    Comment: draft.comment,
    DocumentName: draft.document.name,
    DocumentVersion: draft.document.version,
    RequestedDateTime: seconds(command.requestedAt),
    Status: STATUS[invocation.detail],
    StatusDetails: invocation.detail,
    StandardOutputUrl: '',
    StandardErrorUrl: '',
    CommandPlugins: details ? [pluginShape(command, invocation)] : [],
    ServiceRole: '',
    CloudWatchOutputConfig: NO_LOGS,
  }
}

/** The shape of GetCommandInvocation's answer. Its dates are strings, empty while there is none. */
export function invocationAnswer(command: CommandRecord, invocation: Invocation): Record<string, unknown> {
  const { startedAt, report } = invocation
  const endedAt = report?.endedAt ?? null
  return {
    CommandId: command.id,
    InstanceId: invocation.node.node,
    Comment: command.draft.comment,
    DocumentName: command.draft.document.name,
    DocumentVersion: command.draft.document.version,
    PluginName: command.draft.document.plugin,
    ResponseCode: report?.exit ?? -1,
    ExecutionStartDateTime: startedAt === null ? '' : iso(startedAt),
    ExecutionElapsedTime: startedAt === null || endedAt === null ? '' : `PT${String((endedAt - startedAt) / SECOND)}S`,
    ExecutionEndDateTime: endedAt === null ? '' : iso(endedAt),
    Status: STATUS[invocation.detail],
    StatusDetails: invocation.detail,
    StandardOutputContent: cut(report?.stdout ?? '', STDOUT_MAX),
    StandardOutputUrl: '',
    StandardErrorContent: cut(report?.stderr ?? '', STDERR_MAX),
    StandardErrorUrl: '',
    CloudWatchOutputConfig: NO_LOGS,
  }
}

function pluginShape(command: CommandRecord, invocation: Invocation): Record<string, unknown> {
  const { startedAt, report } = invocation
  const endedAt = report?.endedAt ?? null
  return {
    Name: command.draft.document.plugin,
    Status: PLUGIN_STATUS[invocation.detail] ?? STATUS[invocation.detail],
    StatusDetails: invocation.detail,
    ResponseCode: report?.exit ?? -1,
    ...(startedAt !== null && { ResponseStartDateTime: seconds(startedAt) }),
    ...(endedAt !== null && { ResponseFinishDateTime: seconds(endedAt) }),
    Output: cut(report?.stdout ?? '', OUTPUT_MAX),
    StandardOutputUrl: '',
    StandardErrorUrl: '',
    OutputS3Region: command.draft.cell.region,
    OutputS3BucketName: '',
    OutputS3KeyPrefix: '',
  }
}

/** A plugin knows neither Delayed nor Cancelling. */
const PLUGIN_STATUS: Readonly<Partial<Record<Detail, string>>> = { Delayed: 'Pending', Cancelling: 'InProgress' }
