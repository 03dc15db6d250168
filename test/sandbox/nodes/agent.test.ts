import { describe, expect, it } from 'vitest'
import { assert } from '../../../src/kit/assert.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { SimulatedNode } from '../../../src/sandbox/nodes/node.ts'
import { faultsOf, fleetOf, listOf, RUN, Scene, START } from './scene.ts'

const NEW = '1:3.0.8-1.amzn2023.0.18'
const transactions = (scene: Scene): number => scene.world.ledger().filter((row) => row.transaction !== null).length

describe('nothing of ours cuts a transaction', () => {
  it('cancel kills the script; the transaction ends by itself', async () => {
    const scene = new Scene()
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`)
    await scene.clock.pass(4 * MINUTE)
    await scene.call('CancelCommand', { CommandId: id })
    await scene.clock.pass(SECOND)
    expect(await scene.seen(id)).toMatchObject([{ status: 'Cancelled', exit: -1, output: '' }])
    expect(scene.node(0).packages.get('openssl.x86_64'), 'it works on').not.toBe(NEW)
    await scene.clock.pass(10 * MINUTE)
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(NEW)
    expect(scene.world.ledger()).toMatchObject([{ exitCode: 137, transaction: { changed: 2, cut: null } }])
    const again = await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect(again.result, 'the marker has the result').toMatchObject({ verdict: 'patched', changed: 2 })
    expect(transactions(scene)).toBe(1)
  })

  it('the execution timeout kills the script; the transaction ends by itself', async () => {
    const scene = new Scene()
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`, { executionTimeout: '300' })
    await scene.clock.pass(30 * MINUTE)
    expect(await scene.seen(id)).toMatchObject([{ status: 'ExecutionTimedOut' }])
    expect(scene.world.ledger()).toMatchObject([{ exitCode: 137, transaction: { changed: 2, cut: null } }])
  })

  it('an agent that dies takes the script with it, not the transaction; SSM sees a delivery timeout at the very end', async () => {
    const scene = new Scene({ faults: faultsOf('agents: { dieInCommand: 100% }') })
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`, {}, { TimeoutSeconds: 600 })
    await scene.clock.until(plus(START, 4_200 * SECOND - 1))
    expect(await scene.seen(id)).toMatchObject([{ status: 'InProgress' }])
    await scene.clock.pass(1)
    expect(await scene.seen(id)).toMatchObject([{ status: 'DeliveryTimedOut' }])
    expect(scene.node(0)).toMatchObject({ agent: 'lost', reachability: 'ok' })
    expect(scene.node(0).packages.get('openssl.x86_64')).toBe(NEW)
  })
})

describe('an agent runs unfinished scripts again', () => {
  it.each([
    ['restarts', 'rerun'],
    ['is upgraded under the script', 'upgradeInCommand'],
  ])('when it %s: two executions, one transaction, one result', async (_, fault) => {
    const scene = new Scene({ faults: faultsOf(`agents: { ${fault}: 100% }`) })
    const seen = await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect(seen).toMatchObject({ status: 'Success', result: { verdict: 'patched', changed: 2 } })
    expect(scene.world.ledger()).toHaveLength(2)
    expect(transactions(scene)).toBe(1)
  })

  it('after a crash: installs nothing, repairs and reports interrupted', async () => {
    const scene = new Scene({ faults: faultsOf('seed: 4\nagents: { crash: 100% }') })
    const before = scene.node(0).bootId
    const seen = await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect(seen).toMatchObject({ status: 'Failed', exit: 74, result: { verdict: 'failed', reason: 'interrupted' } })
    expect(scene.node(0).bootId).not.toBe(before)
    expect(scene.world.ledger().map((row) => [row.exitCode, row.transaction?.cut ?? null])).toEqual([[null, 'power'], [74, null]]) // prettier-ignore
    expect(seen.result['changed'], 'one of two was done').toBe(1)
    scene.world.setFaults(null)
    const back = await scene.do('Patchwave-Rollback', `${RUN}.2`)
    expect(back.result, 'and can be undone').toMatchObject({ verdict: 'rolled-back', changed: 1, after: seen.result['before'] })
  })

  it('after a boot twelve hours later, when nobody waits any more', async () => {
    const scene = new Scene({ faults: faultsOf('agents: { lateBoot: 100% }') })
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`)
    await scene.clock.pass(11 * HOUR)
    expect(await scene.seen(id)).toMatchObject([{ status: 'DeliveryTimedOut' }])
    expect(scene.world.ledger()).toHaveLength(1)
    await scene.clock.pass(3 * HOUR)
    expect(scene.world.ledger()).toMatchObject([{ exitCode: null }, { exitCode: 74 }])
    expect(await scene.seen(id), 'terminal states never change').toMatchObject([{ status: 'DeliveryTimedOut' }])
  })

  it('but not from a root volume that was replaced meanwhile: what the agent had begun was on the old one', async () => {
    const scene = new Scene({ faults: faultsOf('agents: { lateBoot: 100% }') })
    const node = scene.node(0)
    assert(node instanceof SimulatedNode, 'a node of the sandbox')
    const content = node.rootContent()
    await scene.send('Patchwave-Apply', `${RUN}.1`)
    await scene.clock.pass(HOUR)
    void node.replaceRoot(content, MINUTE)
    await scene.clock.pass(14 * HOUR)
    expect(scene.world.ledger()).toHaveLength(1)
    expect(node.packages).toEqual(content.packages.packages)
  })
})

describe('faults of packages', () => {
  const breaking = faultsOf('packages: [{ match: "openssl*", in: [prod-us], breaks: health }]')

  it('a bad package breaks the application, and rolling it back mends it', async () => {
    const scene = new Scene({ faults: breaking })
    expect((await scene.do('Patchwave-Apply', `${RUN}.1`)).result['verdict']).toBe('patched')
    expect(await scene.do('Patchwave-Check', `${RUN}.2`)).toMatchObject({ exit: 70, result: { verdict: 'failed', reason: 'check-failed' } })
    expect(scene.node(0)).toMatchObject({ health: 'broken', reachability: 'ok', agent: 'online' })
    await scene.do('Patchwave-Rollback', `${RUN}.3`)
    expect(await scene.do('Patchwave-Check', `${RUN}.4`)).toMatchObject({ exit: 0, result: { verdict: 'passed' } })
  })

  it('holds in the accounts that it names only', async () => {
    const scene = new Scene({ faults: faultsOf('packages: [{ match: "openssl*", in: [staging], breaks: health }]') })
    await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect(scene.node(0).health).toBe('healthy')
  })

  // prettier-ignore
  it.each<[fails: string, reason: string, changed: number, transactions: number]>([
    ['install',    'dependency',             0, 1],
    ['scriptlet',  'scriptlet-failed',       2, 1],
    ['repository', 'repository-unreachable', 0, 0],
    ['disk',       'disk-full',              0, 0],
    ['checksum',   'checksum',               0, 0],
    ['database',   'package-database',       0, 0],
  ])('fails: %s', async (fails, reason, changed, started) => {
    const scene = new Scene({ faults: faultsOf(`packages: [{ match: openssl, fails: ${fails} }]`) })
    expect(await scene.do('Patchwave-Apply', `${RUN}.1`)).toMatchObject({ exit: 70, result: { verdict: 'failed', reason, changed } })
    expect(transactions(scene)).toBe(started)
  })

  it('fails: rollback', async () => {
    const scene = new Scene({ faults: faultsOf('packages: [{ match: openssl, fails: rollback }]') })
    await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect(await scene.do('Patchwave-Rollback', `${RUN}.2`)).toMatchObject({
      exit: 70,
      result: { verdict: 'rollback-failed', reason: 'version-unavailable' },
    })
  })

  it('the Auto Scaling group of a sick node replaces it', async () => {
    const scene = new Scene({ faults: faultsOf('packages: [{ match: openssl, breaks: health }]\nreplace: { share: 100%, after: 5m }') })
    const sick = scene.node(0)
    await scene.do('Patchwave-Apply', `${RUN}.1`)
    expect(sick.state).toBe('terminated')
    expect(scene.nodes.filter((node) => node.state === 'running')).toHaveLength(10)
    expect(scene.nodes.at(-1)).toMatchObject({ ami: sick.ami, zoneId: sick.zoneId, health: 'healthy' })
    await scene.clock.pass(HOUR)
    expect(scene.world.fleet.node(sick.node), 'EC2 forgets it after an hour').toBeUndefined()
  })
})

describe('nodes that cannot be reached', () => {
  it('offline agents are registered and lost; a command to them is delivered too late', async () => {
    const scene = new Scene({ faults: faultsOf('agents: { offline: 100% }') })
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`, {}, { TimeoutSeconds: 600 })
    await scene.clock.pass(9 * MINUTE)
    expect(await scene.seen(id)).toMatchObject([{ status: 'Delayed' }])
    await scene.clock.pass(MINUTE)
    expect(await scene.seen(id)).toMatchObject([{ status: 'DeliveryTimedOut' }])
    expect(scene.world.ledger()).toEqual([])
    const { InstanceInformationList } = await scene.call('DescribeInstanceInformation', {})
    expect(InstanceInformationList).toContainEqual(expect.objectContaining({ PingStatus: 'ConnectionLost' }))
  })

  it('a dark zone swallows reports until it is light again', async () => {
    const zone = new Scene().node(0).zoneName
    const scene = new Scene({ faults: faultsOf(`zones: [{ zone: ${zone}, dark: { from: 5m, for: 20m } }]`) })
    const id = await scene.send('Patchwave-Apply', `${RUN}.1`)
    await scene.clock.pass(15 * MINUTE)
    expect(scene.node(0)).toMatchObject({ agent: 'lost', reachability: 'impaired' })
    expect(scene.world.ledger()[0]?.exitCode, 'the node works on').toBe(0)
    expect(await scene.seen(id)).toMatchObject([{ status: 'InProgress' }])
    await scene.clock.pass(10 * MINUTE)
    expect(await scene.seen(id)).toMatchObject([{ status: 'Success' }])
    expect(scene.node(0)).toMatchObject({ agent: 'online', reachability: 'ok' })
    expect(scene.node(0).lastPing).toBe(plus(START, 25 * MINUTE))
  })
})

describe('output', () => {
  it('poison stands behind the result, garble before it', async () => {
    const poisoned = await new Scene({ faults: faultsOf('output: { poison: 100% }') }).do('Patchwave-Check', `${RUN}.1`)
    expect(poisoned.result['verdict']).toBe('passed')
    expect(poisoned.output).toContain('\u0000')
    expect(poisoned.output.isWellFormed()).toBe(false)
    const garbled = await new Scene({ faults: faultsOf('output: { garbled: 100% }') }).do('Patchwave-Check', `${RUN}.1`)
    expect(garbled.result).toEqual({})
  })
})

describe('a night from a seed', () => {
  const rough =
    'agents: { offline: 10%, dieInCommand: 20%, slow: 20%, rerun: 20%, crash: 10% }\nevents: { lost: 20%, doubled: 20%, late: { share: 20%, by: 10m } }'
  const night = async (seed: number, order: 'forwards' | 'backwards'): Promise<unknown> => {
    const scene = new Scene({ fleet: fleetOf('seed: 9', 30), faults: faultsOf(`seed: ${String(seed)}\n${rough}`) })
    const ids = scene.nodes.map((node) => node.node)
    if (order === 'backwards') ids.reverse()
    await scene.send('Patchwave-Apply', `${RUN}.1`, listOf(), { InstanceIds: ids, MaxConcurrency: '100%' })
    await scene.clock.pass(4 * HOUR)
    return scene.world.ledger().map((row) => [row.node, row.exitCode, row.verdict]).sort() // prettier-ignore
  }

  it('is the same from the same seed, whatever the order of calls, and another from another', async () => {
    const once = await night(1, 'forwards')
    expect(await night(1, 'forwards')).toEqual(once)
    expect(await night(1, 'backwards')).toEqual(once)
    expect(await night(2, 'forwards')).not.toEqual(once)
  })
})

it('counts the changes in flight in each group', async () => {
  const scene = new Scene()
  const ids = scene.nodes.map((node) => node.node)
  await scene.send('Patchwave-Apply', `${RUN}.1`, {}, { InstanceIds: ids })
  await scene.clock.pass(MINUTE)
  const last = scene.world.ledger().at(-1)
  expect(last?.inFlightInGroup['tag:Cluster=prod-us-us-east-1-c02']).toBe(5)
  await scene.clock.pass(HOUR)
  await scene.send('Patchwave-Apply', `${RUN}.2`)
  await scene.clock.pass(MINUTE)
  expect(scene.world.ledger().at(-1)?.inFlightInGroup).toMatchObject({ 'tag:Cluster=prod-us-us-east-1-c01': 1 })
})
