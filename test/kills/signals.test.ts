import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { eventually, type Process } from '../serve/processes.ts'
import { Desk, type Kill } from './desk.ts'
import { resultOf } from './result.ts'

/** Each test is several processes, on a machine that may be busy with others. */
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

/** Large enough that a run has two waves, small enough that it lasts a few seconds. */
const NODES = 20

let desk: Desk
let before: readonly NodeView[]

beforeAll(async () => {
  desk = await Desk.open({ nodes: NODES, speed: 300, kept: true })
})
afterAll(() => desk.close())
beforeEach(async () => {
  await desk.again()
  before = await desk.nodes()
})

/** Three nodes always fail; all others are patched, once, and both gates pass: whatever was done to whom on the way. */
async function isWhole(): Promise<void> {
  const { outcome, gates, outcomes, faults } = await resultOf(desk, before)
  expect(faults).toEqual([])
  expect({ outcome, gates }).toEqual({ outcome: 'succeeded', gates: ['canary: pass', 'rest: pass'] })
  const count = (wanted: string): number => [...outcomes.values()].filter((one) => one === wanted).length
  expect({ patched: count('patched'), failed: count('failed') }).toEqual({ patched: NODES - 3, failed: 3 })
}

const AT_SEND: Kill = { moment: 'after', commit: 'CommandIntended' }

/** Resolves once the process stands still. */
async function stopped(one: Process): Promise<void> {
  const state = (): string => {
    const { child } = one
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${one.errors}`)
    return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8'))?.[1] ?? ''
  }
  await eventually(
    () => Promise.resolve(state()),
    (now) => now === 'T',
  )
}

async function told(args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const one = desk.command(args)
  await one.ended
  return one.lines[0] ?? {}
}

describe('SIGTERM in the middle of a run', () => {
  it('rests it: exit 5, says how to go on, and the next process goes on at once', async () => {
    const first = desk.start()
    await first.line(({ type }) => type === 'command.sent')
    expect(await first.end('SIGTERM')).toBe(5)
    expect(first.errors).toMatch(/goes on where it stands, nothing of it was stopped/)
    expect(first.errors).toMatch(/go on with `patchwave run .* --now`/)
    expect(await told(['status'])).toMatchObject({ runs: [{ runbook: 'kills', nodes: { total: NODES } }] })
    const second = desk.start()
    expect((await second.line(({ type }) => type === 'driver.took'))['epoch'], 'nobody waits for a lease').toBe(2)
    expect(await second.ended).toBe(0)
    await isWhole()
  })
})

describe('SIGSTOP for longer than the lease', () => {
  it('before it sends: another one takes over meanwhile, and the first one is told so when it wakes up', async () => {
    const first = desk.start({ ...AT_SEND, signal: 'SIGSTOP' })
    await stopped(first)
    const second = desk.start()
    await second.line(({ type }) => type === 'command.sent' || type === 'command.refused')
    first.child.kill('SIGCONT')
    expect(await first.ended).toBe(4)
    expect(first.errors).toMatch(/is driven by .* now; follow it with/)
    expect(await second.ended).toBe(0)
    await isWhole()
  })

  it('after all is over: it is told what came of the run', async () => {
    const first = desk.start({ ...AT_SEND, signal: 'SIGSTOP' })
    await stopped(first)
    expect(await desk.start().ended).toBe(0)
    first.child.kill('SIGCONT')
    expect(await first.ended).toBe(0)
    expect(first.errors).toMatch(/has ended: another process drove it to its end/)
    await isWhole()
  })
})

describe('the sandbox is killed and started again', () => {
  it('while commands are under way: the run waits for it, and all is as if nothing had been', async () => {
    const run = desk.start()
    await run.line(({ type }) => type === 'command.sent')
    await desk.interrupt(300)
    await run.line(({ type }) => type === 'gate.decided')
    await desk.interrupt(300)
    expect(await run.ended).toBe(0)
    await isWhole()
  })

  it('while nobody drives: it has forgotten nothing', async () => {
    expect((await desk.run(AT_SEND)).killed).toBe(true)
    expect((await desk.run({ moment: 'before', commit: 'CommandSent' })).killed).toBe(true)
    const [ledger, nodes] = [await desk.ledger(), await desk.nodes()]
    await desk.interrupt(0)
    const again = await desk.ledger()
    expect(again.slice(0, ledger.length).map(({ node, commandId, token }) => [node, commandId, token])).toEqual(
      ledger.map(({ node, commandId, token }) => [node, commandId, token]),
    )
    expect((await desk.nodes()).map(({ node }) => node)).toEqual(nodes.map(({ node }) => node))
    expect(await desk.start().ended).toBe(0)
    await isWhole()
  })
})
