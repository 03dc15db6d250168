import type { PlanContent } from '../core/plan/plan.ts'
import type { PatchRule } from '../core/runbook/runbook.ts'

/** The `Kernel` parameter of our documents (documents/PROTOCOL.md): what the runbook says; a runbook that only scans sees kernels like all else. */
export const kernelOf = ({ runbook }: Pick<PlanContent, 'runbook'>): PatchRule['kernel'] => runbook.patches?.kernel ?? 'install'
