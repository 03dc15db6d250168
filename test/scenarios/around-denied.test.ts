import { expect, it } from 'vitest'
import type { World } from '../../src/engine/world.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { cellKey, type Cell } from '../../src/kit/ids.ts'
import { SECOND } from '../../src/kit/instant.ts'
import { fleet, group, runbook } from './documents.ts'
import { done } from './sends.ts'
import { Stage } from './stage.ts'

const CELL = '222222222222/us-east-1'
const SERVES = { targetGroups: [{ name: 'web', port: 80, drainMs: 30 * SECOND }], autoScaling: { name: 'web', min: 0, max: null } }
const BOTH = '{ accounts: [prod-us, prod-eu], regions: [us-east-1, eu-west-1] }'
const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 4, bake: 0s } }]'
const BOOK = { scope: BOTH, waves: ALL, drain: '{}', power: '{ stopped: start-and-restore }', backup: '{ method: snapshot }' }

const denied = (call: string): PatchwaveError =>
  new PatchwaveError('aws.denied', `${call} in ${CELL}: not authorized`, { hint: 'mend the role', detail: { cell: CELL, call } })

/** The port, whose call of this name is denied in one cell. */
function denying<P extends object>(port: P, name: keyof P): P {
  const inner = port[name] as (cell: Cell, ...rest: unknown[]) => unknown
  const call = (cell: Cell, ...rest: unknown[]): unknown =>
    cellKey(cell) !== CELL ? inner.call(port, cell, ...rest) : name === 'snapshots' ? refusing() : Promise.reject(denied(String(name)))
  return { ...port, [name]: call }
}

// eslint-disable-next-line require-yield -- It is refused before it lists anything.
async function* refusing(): AsyncGenerator<never> {
  throw await Promise.resolve(denied('snapshots'))
}

// prettier-ignore
it.each<[call: string, refuse: (world: World) => Partial<World>, stopped: number, ends: readonly string[]]>([
  ['targetsOf',    (world) => ({ balancers: denying(world.balancers, 'targetsOf') }),  0, ['skipped: drain-denied', 'skipped: drain-denied']],
  ['deregister',   (world) => ({ balancers: denying(world.balancers, 'deregister') }), 0, ['skipped: drain-denied', 'skipped: drain-denied']],
  ['health',       (world) => ({ balancers: denying(world.balancers, 'health') }),     0, ['failed: not-rejoined', 'failed: not-rejoined']],
  ['membersOf',    (world) => ({ scaling: denying(world.scaling, 'membersOf') }),      0, ['skipped: standby-denied', 'skipped: standby-denied']],
  ['enterStandby', (world) => ({ scaling: denying(world.scaling, 'enterStandby') }),   0, ['skipped: standby-denied', 'skipped: standby-denied']],
  ['exitStandby',  (world) => ({ scaling: denying(world.scaling, 'exitStandby') }),    0, ['failed: not-in-service', 'failed: not-in-service']],
  ['snapshots',    (world) => ({ machines: denying(world.machines, 'snapshots') }),    0, ['skipped: snapshot-denied', 'skipped: snapshot-denied']],
  ['snapshot',     (world) => ({ machines: denying(world.machines, 'snapshot') }),     0, ['skipped: snapshot-denied', 'skipped: snapshot-denied']],
  ['start',        (world) => ({ machines: denying(world.machines, 'start') }),        1, ['skipped: start-denied', 'skipped: start-denied']],
  ['stop',         (world) => ({ machines: denying(world.machines, 'stop') }),         1, ['failed: not-stopped', 'failed: not-stopped']],
])('a role that may not %s keeps the nodes of its cell from being patched, and says so; the others go on', async (_, refuse, stopped, ends) => {
  const stage = new Stage({ fleet: fleet([group('prod-us', 2, { ...(stopped === 0 && SERVES), stopped }), group('prod-eu', 2, SERVES)]) })
  const process = await stage.start()
  const world = { ...process.world, ...refuse(process.world) }
  const then = await done(stage, { ...process, world }, runbook('denied', { ...BOOK, power: stopped === 0 ? '{}' : BOOK.power }))
  const near = then.state().plan.nodes.flatMap(({ account }, position) => (account === '222222222222' ? [position] : []))
  const all = then.all().map(({ outcome, reason }) => `${outcome}: ${reason}`)
  then.ends('succeeded')
  expect(all.filter((__, position) => near.includes(position))).toEqual(ends)
  expect(all.filter((__, position) => !near.includes(position))).toEqual(['patched: installed', 'patched: installed'])
})
