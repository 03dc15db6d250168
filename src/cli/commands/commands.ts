import type { CommandSpec } from '../call.ts'
import { auditExport } from './audit-export.ts'
import { auditList } from './audit-list.ts'
import { auditShow } from './audit-show.ts'
import { auditVerify } from './audit-verify.ts'
import { baselineDiff, baselineHistoryOf, baselineList, baselineRevert, baselineShow } from './baseline.ts'
import { claims, claimsRelease } from './claims.ts'
import { completion } from './completion.ts'
import { approve, reject } from './decisions.ts'
import { debt } from './debt.ts'
import { node } from './node.ts'
import { plan } from './plan.ts'
import { rehearse } from './rehearse.ts'
import { rollback } from './rollback.ts'
import { run } from './run.ts'
import { sandbox } from './sandbox.ts'
import { serve } from './serve.ts'
import { status } from './status.ts'
import { abort, pause, resume } from './steering.ts'
import { validate } from './validate.ts'
import { windowsNext } from './windows-next.ts'
import { windowsShow } from './windows-show.ts'

/** Every command, in the order in which --help shows them. */
export const COMMANDS: readonly CommandSpec[] = [
  validate,
  plan,
  run,
  status,
  pause,
  resume,
  abort,
  rollback,
  approve,
  reject,
  claims,
  claimsRelease,
  node,
  debt,
  windowsNext,
  windowsShow,
  baselineList,
  baselineShow,
  baselineDiff,
  baselineHistoryOf,
  baselineRevert,
  auditList,
  auditShow,
  auditVerify,
  auditExport,
  serve,
  rehearse,
  sandbox,
  completion,
]
