import { describe, expect, it } from 'vitest'
import { imagesOf, checkKindOf } from '../../../src/core/plan/image.ts'
import type { Patch, PlanContent } from '../../../src/core/plan/plan.ts'
import { headlineOf, irreversibleOf, kernelRemarks, untaggedRemarks } from '../../../src/core/plan/remarks.ts'
import { undoRemarks } from '../../../src/core/plan/undo-remarks.ts'
import type { Runbook } from '../../../src/core/runbook/runbook.ts'
import { MINUTE } from '../../../src/kit/instant.ts'
import { plan, type NodeSpec } from '../run/plan.ts'
import { count, node, patch, runbook } from './fixture.ts'

const deb = (name: string) => patch(name, '1-1', { family: 'deb', arch: 'amd64' })
const list = (...patches: readonly Patch[]): PlanContent['lists'][number] => ({
  account: '111122223333',
  image: 'ami-1',
  baseline: null,
  patches,
  digest: '0'.repeat(64),
})

/** A plan with one list for one node, unless it says otherwise. */
function content(more: Partial<PlanContent>, rules: Partial<Runbook> = {}, nodes: readonly NodeSpec[] = [{}]): PlanContent {
  const one = plan({ waves: [{ nodes }] })
  return { ...one, runbook: { ...one.runbook, ...rules }, ...more }
}

const back = (more: Partial<PlanContent['rollback']>) => ({ rollback: { ...content({}).rollback, ...more } })
const kernels = (kernel: 'install' | 'hold' | 'live-patch') => ({ patches: { approve: [], reject: [], reboot: 'never' as const, kernel } })
const STARTS = { power: { stopped: 'start-and-restore' as const } }
const MANAGED = { apply: { with: 'patch-manager' as const } }
const STICKY = [list(patch('libc6'), patch('kernel'), patch('openssl')), list(patch('kernel-livepatch-6.1'), patch('glibc-common'))]

const NO_DOWNGRADE = 'no downgrade on a running system: glibc-common, kernel, kernel-livepatch-6.1, libc6'
const VOLUME = 'a rollback reboots the node and replaces its root volume: what was written there since its snapshot is lost'
const BOOTED = 'nodes that are stopped boot with the kernel that was installed: it cannot go while it runs'
const DEBS = 'AWS-RunPatchBaseline puts no old packages aside, and archives of debs keep only the newest: most cannot be put back'
const LOADED = 'live patches that the kernel has loaded stay until the node boots'

describe('what a rollback cannot undo', () => {
  // prettier-ignore
  it.each<[it: string, one: PlanContent, says: readonly string[]]>([
    ['nothing of ordinary packages',     content({ lists: [list(patch('openssl'))] }), []],
    ['nothing of a scan',                content({ lists: STICKY, work: 'scan', reboot: 'always' }), []],
    ['what a running system needs',      content({ lists: STICKY }), [NO_DOWNGRADE]],
    ['a boot',                           content({ reboot: 'if-needed' }), ['nodes reboot (patches.reboot: if-needed)']],
    ['nothing but what a volume held',   content({ lists: STICKY, ...back({ method: 'root-volume' }) }), [VOLUME]],
    ['anything without a method',        content(back({ method: 'none' })), ['nothing is rolled back (rollback.method: none)']],
    ['anything when it never begins',    content(back({ on: 'never' })), ['a failed gate rolls nothing back (rollback.on: never)']],
    ['anything, said once',              content(back({ on: 'never', method: 'none' })), ['nothing is rolled back (rollback.method: none)']],
  ])('%s', (_, one, says) => {
    expect(irreversibleOf(one)).toEqual(says)
  })

  // prettier-ignore
  it.each<[it: string, one: PlanContent, says: readonly string[]]>([
    ['nothing more',                             content({ lists: STICKY }), []],
    ['nothing where none begins',                content({ lists: STICKY, ...back({ on: 'never', method: 'root-volume' }) }, STARTS), []],
    ['nothing without a method',                 content({ lists: STICKY, ...back({ method: 'none' }) }, STARTS), []],
    ['live patches',                             content({}, kernels('live-patch')), [LOADED]],
    ['debs that Patch Manager replaced',         content({ lists: [list(patch('openssl')), list(deb('sudo'))] }, MANAGED), [DEBS]],
    ['no rpms that Patch Manager replaced',      content({ lists: [list(patch('openssl'))] }, MANAGED), []],
    ['no debs that our own document replaced',   content({ lists: [list(deb('sudo'))] }), []],
    ['a kernel that a stopped node booted',      content({ lists: [list(patch('openssl'), patch('kernel'))] }, STARTS), [BOOTED]],
    ['nothing of a stopped node without one',    content({ lists: [list(patch('openssl'))] }, STARTS), []],
  ])('costs or does not reach %s', (_, one, says) => {
    expect(undoRemarks(one)).toEqual(says)
  })
})

describe('what a plan says at its top', () => {
  it('is how many, and why not: untested first, then by name', () => {
    const skips = ['stopped', null, 'untested', 'hybrid', 'stopped', null]
    const { skipped, ...counts } = headlineOf(
      content(
        {},
        {},
        skips.map((skip) => ({ skip })),
      ),
    )
    expect(counts).toEqual({ total: 6, waves: 1, planned: 2 })
    expect(Object.entries(skipped)).toEqual([
      ['untested', 1],
      ['hybrid', 1],
      ['stopped', 2],
    ])
  })

  it('is which limit does not hold for how many', () => {
    const limited = runbook({ disruption: [{ per: 'tag:Cluster', atMost: count(1) }] })
    const [free, held] = [node('i-1'), node('i-2', { tags: { Cluster: 'a' } })]
    expect(untaggedRemarks(limited, [held])).toEqual([])
    expect(untaggedRemarks(limited, [free, held])).toEqual(['1 node without tag:Cluster: the limit per tag:Cluster does not hold for it'])
    expect(untaggedRemarks(limited, [free, free])).toEqual([
      '2 nodes without tag:Cluster: the limit per tag:Cluster does not hold for them',
    ])
  })

  const nodes: readonly NodeSpec[] = [{ list: 0 }, { list: 1 }, { list: 1 }, { list: 1, skip: 'offline' }, { list: null }]
  const lists = [list(patch('openssl')), list(patch('openssl'), patch('kernel'))]
  // prettier-ignore
  it.each<[it: string, more: Partial<PlanContent>, rules: Partial<Runbook>, says: readonly string[]]>([
    ['wait for a reboot',               { lists }, {}, ['2 nodes will wait for a reboot: their lists have a kernel, and patches.reboot is never']],
    ['do not wait when they boot',      { lists, reboot: 'if-needed' }, {}, []],
    ['have no kernel in their lists',   { lists: lists.map(() => list(patch('openssl'))) }, {}, []],
    ['keep kernels back',               { lists }, kernels('hold'), ['kernel packages and live patches are kept back (patches.kernel: hold)']],
    ['live-patch them',                 { lists }, kernels('live-patch'), ['kernel packages are kept back, live patches stand in for them (patches.kernel: live-patch)']],
    ['are only looked at',              { lists, work: 'scan' }, kernels('hold'), []],
    ['get nothing',                     { lists }, { patches: null }, []],
  ])('is what becomes of kernels, where nodes %s', (_, more, rules, says) => {
    expect(kernelRemarks(content(more, rules, nodes))).toEqual(says)
  })
})

describe('what a plan tells of a forecast’s kinds', () => {
  it('the image of a node is that of its list, in a trial the lineage that it stands for, else its own', () => {
    const specs: readonly NodeSpec[] = [{ list: 0 }, { list: null }, { list: null }]
    const trial = { lineages: [{ image: 'web-42', nodes: [1], accounts: [] }], path: '/p', approval: null }
    const own = [{ ...list(), image: 'web-41' }]
    expect(imagesOf(content({ lists: own, trial }, {}, specs))).toEqual(['web-41', 'web-42', 'ami-1'])
    expect(imagesOf(content({ lists: own }, {}, specs))).toEqual(['web-41', 'ami-1', 'ami-1'])
  })

  // prettier-ignore
  it.each<[names: readonly string[], kind: ReturnType<typeof checkKindOf>]>([
    [[],                'none'],
    [['ping'],          'looks'],
    [['web', 'ping'],   'looks'],
    [['unheard of'],    'looks'],
    [['ping', 'smoke'], 'scripts'],
  ])('the slowest of the checks %j is of the kind %s', (names, kind) => {
    const checks: PlanContent['checks'] = {
      ping: { type: 'agent-ping' },
      web: { type: 'http', url: 'https://example.com', withinMs: MINUTE, status: 200 },
      smoke: { type: 'script', run: '/opt/smoke', timeoutMs: MINUTE },
    }
    expect(checkKindOf({ checks }, names)).toBe(kind)
  })
})
