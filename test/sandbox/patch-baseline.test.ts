import { describe, expect, it } from 'vitest'
import { DAY, HOUR, MINUTE, plus } from '../../src/kit/instant.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import { CALLER, faultsOf, fleetOf, RUN, Scene, START } from './nodes/scene.ts'

const DOCUMENT = 'AWS-RunPatchBaseline'
const SNAPSHOT = '521c3536-930c-4aa9-950e-01234567abcd'
const [OLD, NEW] = ['1:3.0.8-1.amzn2023.0.14', '1:3.0.8-1.amzn2023.0.18']
const LIST = `patches:
  - { id: 'openssl.x86_64', title: 'openssl.x86_64:${NEW}' }
  - { id: 'openssl-libs.x86_64', title: '*${NEW}', severity: ignored }
`
type Row = Readonly<Record<string, string | number>>

/** A scene whose nodes read objects from a map of URLs. */
function sceneOf(
  options: ConstructorParameters<typeof Scene>[0] = {},
  objects: Record<string, string> = { 's3://lists/one.yaml': LIST },
): Scene {
  return new Scene({ ...options, objects: { read: (bucket, key) => objects[`s3://${bucket}/${key}`] } })
}

async function send(scene: Scene, given: Record<string, string>, comment = ''): Promise<string> {
  const { Command } = await scene.call('SendCommand', {
    DocumentName: DOCUMENT,
    InstanceIds: [scene.node(0).node],
    ...(comment !== '' && { Comment: comment }),
    Parameters: Object.fromEntries(
      Object.entries({ Operation: 'Install', RebootOption: 'NoReboot', ...given }).map(([name, value]) => [name, [value]]),
    ),
  })
  return (Command as { CommandId: string }).CommandId
}

async function run(scene: Scene, given: Record<string, string>, comment = '') {
  const id = await send(scene, given, comment)
  await scene.clock.pass(90 * MINUTE)
  const [seen] = await scene.seen(id)
  if (!seen) throw new Error('nobody was asked')
  return seen
}

const install = (scene: Scene, more: Record<string, string> = {}) => run(scene, { InstallOverrideList: 's3://lists/one.yaml', ...more })

async function rowsOf(scene: Scene, ...filters: [key: string, value: string][]): Promise<readonly Row[]> {
  const { Patches, NextToken } = await scene.call('DescribeInstancePatches', {
    InstanceId: scene.node(0).node,
    MaxResults: 100,
    Filters: filters.map(([Key, value]) => ({ Key, Values: [value] })),
  })
  expect(NextToken).toBeUndefined()
  return Patches as Row[]
}

async function stateOf(scene: Scene, index = 0): Promise<Row> {
  const { InstancePatchStates } = await scene.call('DescribeInstancePatchStates', { InstanceIds: [scene.node(index).node] })
  return (InstancePatchStates as Row[])[0] ?? {}
}

describe('AWS-RunPatchBaseline, installing a list', () => {
  it('installs what it pins, and nothing else', async () => {
    const scene = sceneOf()
    const before = new Map(scene.node(0).packages)
    expect(await install(scene, { SnapshotId: SNAPSHOT })).toMatchObject({ status: 'Success', exit: 0 })
    const after = scene.node(0).packages
    const changed = [...after].filter(([key, version]) => before.get(key) !== version)
    expect(changed).toEqual([['openssl.x86_64', NEW], ['openssl-libs.x86_64', NEW]]) // prettier-ignore
    expect(scene.node(1).packages.get('openssl.x86_64')).toBe(OLD)
  })

  it('leaves it waiting for a boot, and the node not compliant, until a boot and a scan', async () => {
    const scene = sceneOf()
    const first = await stateOf(scene)
    await install(scene, { SnapshotId: SNAPSHOT })
    const state = await stateOf(scene)
    expect(state).toMatchObject({
      Operation: 'Install',
      RebootOption: 'NoReboot',
      SnapshotId: SNAPSHOT,
      InstallOverrideList: 's3://lists/one.yaml',
      InstalledPendingRebootCount: 2,
      MissingCount: Number(first['MissingCount']) - 2,
      CriticalNonCompliantCount: Number(first['CriticalNonCompliantCount']), // What waits counts as what is missing.
    })
    expect(state['OperationEndTime']).toBeGreaterThan(Number(first['OperationEndTime']))
    expect(state['LastNoRebootInstallOperationTime']).toBe(state['OperationEndTime'])
    expect(await rowsOf(scene, ['State', 'InstalledPendingReboot'])).toEqual([
      expect.objectContaining({ Title: `openssl.x86_64:${NEW}`, KBId: 'openssl.x86_64', Classification: 'Security', Severity: 'Critical' }),
      expect.objectContaining({ Title: `openssl-libs.x86_64:${NEW}` }),
    ])
    await run(scene, { Operation: 'Scan' })
    expect(await stateOf(scene), 'a scan without a boot changes nothing').toMatchObject({
      Operation: 'Scan',
      InstalledPendingRebootCount: 2,
    })
    await scene.do('Patchwave-Apply', `${RUN}.1`, { ...EMPTY, Reboot: 'always' })
    expect(await stateOf(scene), 'a boot without a scan changes nothing').toMatchObject({ InstalledPendingRebootCount: 2 })
    await run(scene, { Operation: 'Scan' })
    expect(await stateOf(scene)).toMatchObject({ InstalledPendingRebootCount: 0, InstalledCount: Number(first['InstalledCount']) + 2 })
  })

  it('boots after any installation when it may, and reports after the boot', async () => {
    const scene = sceneOf()
    const boot = scene.node(0).bootId
    await install(scene, { RebootOption: 'RebootIfNeeded' })
    expect(scene.node(0).bootId).not.toBe(boot)
    expect(scene.world.ledger().map(({ exitCode, verdict }) => [exitCode, verdict])).toEqual([[194, 'rebooting'], [0, 'not-needed']]) // prettier-ignore
    expect(await stateOf(scene)).toMatchObject({ InstalledPendingRebootCount: 0, Operation: 'Install' })
  })

  it('has no marker: what was put back meanwhile is installed again by a second command under the same token', async () => {
    const scene = sceneOf()
    const token = `${RUN}.7`
    await scene.do('Patchwave-Verify', `${RUN}.1`, { Record: 'yes' })
    await run(scene, { InstallOverrideList: 's3://lists/one.yaml' }, token)
    await scene.do('Patchwave-Verify', `${RUN}.2`)
    await scene.do('Patchwave-Rollback', `${RUN}.3`)
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(OLD)
    await run(scene, { InstallOverrideList: 's3://lists/one.yaml' }, token)
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(NEW)
    const ours = scene.world.ledger().filter(({ document }) => document === DOCUMENT)
    expect(ours.map(({ token: one, transaction }) => [one, transaction?.changed])).toEqual([[token, 2], [token, 2]]) // prettier-ignore
  })

  it('runs without a token when its comment is none', async () => {
    const scene = sceneOf()
    await run(scene, { Operation: 'Scan' }, 'weekly scan')
    expect(scene.world.ledger()).toMatchObject([
      { token: '', document: DOCUMENT, verdict: 'scanned', transaction: null, inFlightInGroup: {} },
    ])
  })

  it('brings along what the package manager needs, tested or not', async () => {
    const scene = sceneOf({}, { 's3://lists/one.yaml': "patches: [{ id: 'openssl.x86_64' }]" })
    await install(scene)
    expect(scene.node(0).packages.get('openssl-libs.x86_64')).toBe(NEW)
  })

  it('fails what needs a version that the list pins lower', async () => {
    const low = "patches: [{ id: 'curl-minimal.x86_64', title: '*8.11.1*' }, { id: 'libcurl-minimal.x86_64', title: '*8.5.0*' }]"
    const scene = sceneOf({}, { 's3://lists/one.yaml': low })
    expect(await install(scene)).toMatchObject({ status: 'Failed', exit: 1 })
    const failed = await rowsOf(scene, ['State', 'Failed'])
    expect(failed.map(({ Title }) => Title)).toEqual(expect.arrayContaining([expect.stringContaining('curl-minimal.x86_64:0:8.11.1')]))
    expect(await stateOf(scene)).toMatchObject({ FailedCount: failed.length })
  })

  // prettier-ignore
  it.each<[it: string, given: Record<string, string>]>([
    ['both overrides together',        { InstallOverrideList: 's3://lists/one.yaml', BaselineOverride: 's3://lists/baseline.json' }],
    ['a list that is not there',       { InstallOverrideList: 's3://lists/two.yaml' }],
    ['a list behind another host',     { InstallOverrideList: 'https://example.com/one.yaml' }],
    ['a list that is no list',         { InstallOverrideList: 's3://lists/bad.yaml' }],
    ['a baseline that is none',        { BaselineOverride: 's3://lists/bad.yaml' }],
  ])('does nothing with %s', async (_, given) => {
    const scene = sceneOf({}, { 's3://lists/one.yaml': LIST, 's3://lists/baseline.json': '[{}]', 's3://lists/bad.yaml': 'patches: none' })
    const before = await stateOf(scene)
    expect(await run(scene, given)).toMatchObject({ status: 'Failed', exit: 1 })
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(OLD)
    expect(await stateOf(scene)).toEqual(before)
  })

  it.each([
    ['an operation that it has not', { Operation: 'Remove' }],
    ['a snapshot that is no id', { SnapshotId: 'mine' }],
    ['a parameter that it has not', { List: 'x' }],
    ['a list that is no URL', { InstallOverrideList: '/tmp/list' }],
  ])('is refused with %s', async (_, given) => {
    await expect(send(sceneOf(), given)).rejects.toMatchObject({ code: 'InvalidParameters' })
  })
})

const EMPTY = { List: '', ListDigest: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' }

describe('AWS-RunPatchBaseline by a baseline', () => {
  const predefined = (): Scene =>
    sceneOf({
      fleet: parseFleet(
        `apiVersion: patchwave/v1
kind: Fleet
groups: [{ account: prod-us, region: us-east-1, count: 1, platform: amazon-linux-2023, tags: { PatchGroup: aws-default } }]
commandTime: { median: 10m, p95: 10m }`,
        'fleet.yaml',
      ),
    })

  it('installs all that is approved, and reports what else a list brings as another’s', async () => {
    const scene = predefined()
    const missing = await rowsOf(scene, ['State', 'Missing'])
    expect(missing.map(({ KBId }) => KBId)).not.toContain('sudo.x86_64') // Medium, and a day old.
    await run(scene, {})
    expect(await stateOf(scene)).toMatchObject({ MissingCount: 0, InstalledPendingRebootCount: missing.length })
    expect(scene.node(0).packages.get('sudo.x86_64')).toBe('0:1.9.15-1.p5.amzn2023.0.1')
  })

  it('shows what a list installed beside the baseline as installed other, without its kind', async () => {
    const scene = predefined()
    const list = { 's3://lists/one.yaml': "patches: [{ id: 'sudo*' }]" }
    const other = sceneOf({ fleet: parseFleet(FLEET_DEFAULT, 'fleet.yaml') }, list)
    await run(other, { InstallOverrideList: 's3://lists/one.yaml', RebootOption: 'RebootIfNeeded' })
    const [row] = await rowsOf(other, ['KBId', 'sudo.x86_64'])
    expect(row).toMatchObject({
      State: 'INSTALLED_OTHER',
      Classification: '',
      Severity: '',
      Title: 'sudo.x86_64:0:1.9.15-1.p5.amzn2023.0.3',
    })
    expect(row).not.toHaveProperty('CVEIds')
    expect(await rowsOf(scene, ['KBId', 'openssl.x86_64'])).toMatchObject([
      { State: 'MISSING', CVEIds: 'CVE-2025-15467,CVE-2025-69419', InstalledTime: 0 },
    ])
  })

  it('is overridden for one run: told on stdout, not stored', async () => {
    const override = JSON.stringify([
      {
        OperatingSystem: 'AMAZON_LINUX_2023',
        ApprovalRules: {
          PatchRules: [
            {
              ApproveAfterDays: 7,
              PatchFilterGroup: { PatchFilters: [{ Key: 'SEVERITY', Values: ['Critical'] }, { Key: 'PRODUCT', Values: ['*'] }] }, // prettier-ignore
            },
          ],
        },
      },
    ])
    const scene = sceneOf({}, { 's3://lists/override.json': override })
    const before = await stateOf(scene)
    const seen = await run(scene, { Operation: 'Scan', BaselineOverride: 's3://lists/override.json' })
    expect(seen.output).toContain(`MISSING openssl.x86_64:${NEW}\n`)
    expect(seen.output).toContain('MissingCount: 2\n')
    expect(await stateOf(scene)).toEqual(before)
  })
})

const FLEET_DEFAULT = `apiVersion: patchwave/v1
kind: Fleet
groups: [{ account: prod-us, region: us-east-1, count: 1, platform: amazon-linux-2023, tags: { PatchGroup: aws-default } }]
commandTime: { median: 10m, p95: 10m }`

describe('compliance data', () => {
  it('are of the moment of the scan: what another tool installs shows at the next one', async () => {
    const scene = sceneOf()
    const missing = async (): Promise<boolean> => (await rowsOf(scene, ['State', 'Missing'])).some(({ KBId }) => KBId === 'openssl.x86_64')
    await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(NEW)
    expect(await missing()).toBe(true)
    await scene.clock.until(plus(START, DAY + HOUR))
    expect(await missing()).toBe(false)
  })

  it('are overwritten by the next scan, whoever makes it', async () => {
    const scene = sceneOf()
    await install(scene, { SnapshotId: SNAPSHOT })
    await scene.clock.until(plus(START, DAY + HOUR))
    const state = await stateOf(scene)
    expect(state).toMatchObject({ Operation: 'Scan', OperationEndTime: plus(START, DAY) / 1_000 })
    expect(state).not.toHaveProperty('SnapshotId')
  })

  it('may be old, or another association’s, as the faults say', async () => {
    const calm = await stateOf(sceneOf())
    const stale = await stateOf(sceneOf({ faults: faultsOf('patchData: { stale: 100% }') }))
    const foreign = await stateOf(sceneOf({ faults: faultsOf('patchData: { overwritten: 100% }') }))
    expect(stale).toMatchObject({ BaselineId: calm['BaselineId'], OperationEndTime: plus(START, -3 * DAY) / 1_000 })
    expect(foreign['BaselineId']).not.toBe(calm['BaselineId'])
    expect(Number(foreign['MissingCount'])).toBeLessThan(Number(calm['MissingCount']))
  })

  it('find Moderate under Medium, and nothing under a severity that nothing has', async () => {
    const rows = await rowsOf(sceneOf(), ['Severity', 'Medium'])
    expect(new Set(rows.map(({ Severity }) => Severity))).toEqual(new Set(['Medium', 'Moderate']))
    expect(await rowsOf(sceneOf(), ['Severity', 'Grave'])).toEqual([])
  })

  it('of debs say neither severity nor CVE', async () => {
    const fleet = parseFleet(FLEET_DEFAULT.replace('amazon-linux-2023', 'ubuntu').replace('aws-default', 'x'), 'fleet.yaml')
    const rows = await rowsOf(sceneOf({ fleet }), ['State', 'Missing'])
    expect(rows.length).toBeGreaterThan(10)
    expect(rows.filter((row) => row['Severity'] !== '' || 'CVEIds' in row)).toEqual([])
  })
})

describe('AWS-RunPatchBaseline under faults', () => {
  it('reports what could not be installed as failed', async () => {
    const scene = sceneOf({ faults: faultsOf('packages: [{ match: openssl, fails: install }]') })
    expect(await install(scene)).toMatchObject({ status: 'Failed', exit: 1 })
    expect(await rowsOf(scene, ['State', 'Failed'])).toMatchObject([{ KBId: 'openssl-libs.x86_64', CVEIds: 'CVE-2025-15467,CVE-2025-69419' }, { KBId: 'openssl.x86_64' }]) // prettier-ignore
    expect(await stateOf(scene)).toMatchObject({ FailedCount: 2, InstalledPendingRebootCount: 0 })
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(OLD)
  })

  it('breaks the health of nodes that get a bad package', async () => {
    const scene = sceneOf({ faults: faultsOf('packages: [{ match: openssl, breaks: health }]') })
    await install(scene)
    expect(scene.node(0).health).toBe('broken')
  })

  it('is cut by the kill of its script, for its transaction has no session of its own', async () => {
    const scene = sceneOf()
    const id = await send(scene, { InstallOverrideList: 's3://lists/one.yaml' })
    await scene.clock.pass(5 * MINUTE)
    await scene.call('CancelCommand', { CommandId: id })
    await scene.clock.pass(MINUTE)
    expect(scene.world.ledger()).toMatchObject([{ exitCode: 137, transaction: { cut: 'kill', changed: 1 } }])
    expect([...scene.node(0).packages].filter(([key, version]) => key.startsWith('openssl') && version === NEW)).toHaveLength(1)
  })

  it('begins anew when the agent runs it again after a loss of power', async () => {
    const scene = sceneOf({ faults: faultsOf('agents: { crash: 100% }') })
    expect(await install(scene)).toMatchObject({ status: 'Success' })
    expect(scene.world.ledger().length).toBeGreaterThan(1)
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(NEW)
  })

  it('never tells how it ended when its agent dies', async () => {
    const scene = sceneOf({ faults: faultsOf('agents: { dieInCommand: 100% }') })
    expect(await install(scene)).toMatchObject({ status: 'InProgress' })
  })

  it('waits for the package manager while a change of ours works', async () => {
    const scene = sceneOf({ fleet: fleetOf('', 1) })
    await scene.send('Patchwave-Apply', `${RUN}.1`)
    const id = await send(scene, { InstallOverrideList: 's3://lists/one.yaml' })
    await scene.clock.pass(90 * MINUTE)
    expect(await scene.seen(id)).toMatchObject([{ status: 'Success' }])
    const [first, second] = scene.world.ledger()
    expect([first?.transaction?.changed, second?.transaction]).toEqual([2, null])
    expect(Date.parse(second?.endedAt ?? '')).toBeGreaterThan(Date.parse(first?.endedAt ?? ''))
  })
})

it('a node of another account is not shown', async () => {
  const scene = sceneOf()
  await expect(
    (async () =>
      await scene.world.services.ssm['DescribeInstancePatches']?.(
        { InstanceId: scene.node(0).node },
        { ...CALLER, account: '111111111111' },
      ))(),
  ).rejects.toMatchObject({ code: 'InvalidInstanceId' })
})
