import type { PatchRule } from '../runbook/runbook.ts'

/**
 * Packages that are a kernel, or only name one, as documents/PROTOCOL.md lists them: what they bring runs after a boot. `kernel-headers`,
 * `kernel-tools`, `linux-libc-dev` and the like are ordinary packages.
 */
const KERNEL = [
  /^kernel([0-9]+\.[0-9]+)?(-(core|modules|devel|debug|uki)(-.*)?)?$/,
  /^linux-(image|headers|modules|signed-image)-/,
  /^linux-(generic|virtual|lowlatency|aws|azure|gcp|kvm|oracle)(-.*)?$/,
]

/** A package whose content runs only after a boot. */
export const isKernel = (name: string): boolean => KERNEL.some((form) => form.test(name))

/** A package that brings live patches of one kernel, of Amazon Linux alone: its name carries the kernel's version. */
export const isLivePatch = (name: string): boolean => name.startsWith('kernel-livepatch-')

/** Whether `patches.kernel` keeps this package off every list. */
export function isHeldBack(name: string, kernel: PatchRule['kernel']): boolean {
  if (kernel === 'install') return false
  return isKernel(name) || (kernel === 'hold' && isLivePatch(name))
}
