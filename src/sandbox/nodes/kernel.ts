import { DAY, plus, SECOND } from '../../kit/instant.ts'
import type { SimulatedNode } from './node.ts'
import type { Repository } from './repository.ts'

/** What a script may do to the kernel (documents/PROTOCOL.md, `Kernel`). */
export type KernelPolicy = 'hold' | 'live-patch' | 'install'

const KERNEL = {
  rpm: /^kernel(\d[\d.]*)?(-(core|modules|devel|debug|uki)([.-].*)?)?$/,
  deb: /^linux-((image|headers|modules|signed-image)-|(generic|virtual|lowlatency|aws|azure|gcp|kvm|oracle)(-.*)?$)/,
} as const

/** Whether a package is part of the kernel itself: what `hold` and `live-patch` leave alone. */
export const isKernel = (family: 'rpm' | 'deb', name: string): boolean => KERNEL[family].test(name)

/** The kernel (`6.1.134-150.224`) that a live patch is for; undefined: it is none. */
export const livePatchedKernel = (name: string): string | undefined => /^kernel-livepatch-(\d.*)$/.exec(name)?.[1]

/** The package (`name.arch`) with the live patches of a running kernel; undefined where AWS makes none. */
export function livePatchKey(kernel: string): string | undefined {
  const [, version, arch] = /^(\d[\w.]*-[\w.]+?)\.amzn\d+\.(\w+)$/.exec(kernel) ?? []
  return version === undefined || arch === undefined || !isSupported(kernel) ? undefined : `kernel-livepatch-${version}.${arch}`
}

/** Amazon Linux 2023, and of Amazon Linux 2 the kernels 4.14 from 165-131.185 on and 5.10 (AWS's guides to both). */
export function isSupported(kernel: string): boolean {
  if (/\.amzn2023\./.test(kernel)) return true
  if (!/\.amzn2\./.test(kernel)) return false
  const [, patch = '0', build = '0'] = /^4\.14\.(\d+)-(\d+)\./.exec(kernel) ?? []
  return kernel.startsWith('5.10.') || Number(patch) > 165 || (patch === '165' && Number(build) >= 131)
}

/** What a node must have for live patches to be loaded. */
export const LIVE_PATCHING = { 'amazon-linux-2023': 'kpatch-dnf', 'amazon-linux-2': 'yum-plugin-kernel-livepatch' } as const
const RUNTIME = 'kpatch-runtime.noarch'

/** The packages that turn live patching on; empty where there is none for the node's kernel. */
export function enablers({ platform, kernel }: SimulatedNode): readonly string[] {
  if (platform === 'ubuntu' || platform === 'debian' || !isSupported(kernel)) return []
  return [`${LIVE_PATCHING[platform]}.noarch`, RUNTIME]
}

/** Whether the kernel's live patches are loaded when they are installed and at each boot. */
export const isLivePatching = (node: SimulatedNode): boolean => node.packages.has(RUNTIME)

/** A kernel gets live patches for three months from its release. */
const COVERED_DAYS = 90

/** Until when the running kernel gets live patches, in seconds: the beginning of that day; 0 when nobody on the node can say. */
export function coveredUntil(node: SimulatedNode, repository: Repository): number {
  const released = isLivePatching(node) ? repository.kernelReleasedAt(node.kernel) : undefined
  if (released === undefined) return 0
  const until = plus(released, COVERED_DAYS * DAY)
  return Math.floor(until / DAY) * (DAY / SECOND)
}

/** Whether what is installed for the running kernel is loaded. A first live patch, `1.0-0`, brings no module and has nothing to load. */
export function isLoaded(node: SimulatedNode): boolean {
  const key = livePatchKey(node.kernel)
  const version = key === undefined ? undefined : node.packages.get(key)
  if (key === undefined || version === undefined || !bringsModule(version)) return true
  return node.patching.live.get(key) === version
}

/** Whether a live patch's package has a module inside. */
export const bringsModule = (version: string): boolean => !/^\d+:\d+\.\d+-0\./.test(version)

/** Loads what is installed for the running kernel, as kpatch does at a boot and when a live patch comes. */
export function loadLivePatches(node: SimulatedNode): void {
  const key = livePatchKey(node.kernel)
  const version = key === undefined ? undefined : node.packages.get(key)
  if (key === undefined || version === undefined || !isLivePatching(node) || !bringsModule(version)) return
  node.patching.live = new Map([...node.patching.live, [key, version]])
}
