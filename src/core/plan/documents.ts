import type { HookRule, Runbook } from '../runbook/runbook.ts'

/** Every SSM document of ours that a run may send. */
export const DOCUMENTS = [
  'Patchwave-Apply',
  'Patchwave-Check',
  'Patchwave-Fetch',
  'Patchwave-Hook',
  'Patchwave-LivePatch',
  'Patchwave-Rollback',
  'Patchwave-Scan',
  'Patchwave-Verify',
] as const

/** Those that a runbook's runs send: they are registered in each cell, and their hashes are part of the plan. */
export function documentsOf({ apply, hooks, patches }: Runbook): readonly string[] {
  const scripts = [hooks.before, hooks.after, hooks.exit].some(isScript)
  const foreign = apply.with === 'patch-manager'
  const unneeded = new Set([
    ...(foreign ? ['Patchwave-Apply'] : ['Patchwave-Verify']),
    ...(scripts ? [] : ['Patchwave-Hook']),
    ...(patches?.kernel === 'live-patch' ? [] : ['Patchwave-LivePatch']),
  ])
  return DOCUMENTS.filter((name) => !unneeded.has(name))
}

/** Documents of the owner that a runbook's hooks name, each once. */
export const hookDocuments = ({ hooks }: Runbook): readonly string[] => [
  ...new Set([hooks.before, hooks.after, hooks.exit].flatMap((hook) => (hook?.run.kind === 'document' ? [hook.run.document] : []))),
]

const isScript = (hook: HookRule | null): boolean => hook?.run.kind === 'script'
