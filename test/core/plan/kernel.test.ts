import { describe, expect, it } from 'vitest'
import { classify } from '../../../src/core/plan/classify.ts'
import { isHeldBack, isKernel, isLivePatch } from '../../../src/core/plan/kernel.ts'
import type { Patch } from '../../../src/core/plan/plan.ts'
import type { PatchRule } from '../../../src/core/runbook/runbook.ts'
import { instant } from '../../../src/kit/instant.ts'

describe('which packages are a kernel', () => {
  // prettier-ignore
  it.each<[name: string, kernel: boolean, livePatch: boolean]>([
    ['kernel',                              true,  false],
    ['kernel6.12',                          true,  false],
    ['kernel-core',                         true,  false],
    ['kernel6.12-modules-extra',            true,  false],
    ['kernel-debug-devel',                  true,  false],
    ['kernel-uki-virt',                     true,  false],
    ['kernel-headers',                      false, false],
    ['kernel-tools',                        false, false],
    ['kernel6.12-tools-devel',              false, false],
    ['kernelcare',                          false, false],
    ['kernel-livepatch-6.1.134-150.224',    false, true],
    ['linux-image-6.8.0-31-generic',        true,  false],
    ['linux-headers-6.8.0-31',              true,  false],
    ['linux-modules-extra-6.8.0-31-generic', true, false],
    ['linux-signed-image-generic',          true,  false],
    ['linux-aws',                           true,  false],
    ['linux-generic-hwe-24.04',             true,  false],
    ['linux-libc-dev',                      false, false],
    ['linux-base',                          false, false],
    ['linux-awsome',                        false, false],
    ['openssl',                             false, false],
  ])('%s', (name, kernel, livePatch) => {
    expect({ kernel: isKernel(name), livePatch: isLivePatch(name) }).toEqual({ kernel, livePatch })
  })
})

// prettier-ignore
it.each<[rule: PatchRule['kernel'], kernel: boolean, livePatch: boolean, other: boolean]>([
  ['install',    false, false, false],
  ['hold',       true,  true,  false],
  ['live-patch', true,  false, false],
])('%s keeps back what it says', (rule, kernel, livePatch, other) => {
  const held = ['kernel', 'kernel-livepatch-6.1.134-150.224', 'openssl'].map((name) => isHeldBack(name, rule))
  expect(held).toEqual([kernel, livePatch, other])
})

it('a list has live patches instead of the kernel, although a rule approves both', () => {
  const patch = (name: string): Patch => ({
    family: 'rpm',
    name,
    arch: 'x86_64',
    version: '0:1-1',
    advisories: [],
    cves: [],
    classification: 'Security',
    severity: 'Critical',
    releasedAt: null,
  })
  const rules: PatchRule = {
    approve: [
      { classification: ['Security'], severity: null, releasedForMs: null, cves: null, advisories: null, names: ['kernel*', 'openssl'] },
    ],
    reject: [],
    reboot: 'never',
    kernel: 'live-patch',
  }
  const rows = ['kernel', 'kernel-core', 'kernel-livepatch-6.1.134-150.224', 'openssl'].map(patch)
  expect(classify(rows, rules, instant(0)).map(({ name }) => name)).toEqual(['kernel-livepatch-6.1.134-150.224', 'openssl'])
  expect(classify(rows, { ...rules, kernel: 'install' }, instant(0))).toHaveLength(4)
})
