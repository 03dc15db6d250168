import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOUR, instant, MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { RealAgent, type RealOrder } from '../../src/sandbox/real/agent.ts'
import { type NodeHost, rootsHost } from '../../src/sandbox/real/host.ts'
import type { Ran, RealRoots } from '../../src/sandbox/real/roots.ts'
import { cut, OUTPUT_MAX, STDOUT_MAX } from '../../src/sandbox/services/run-command-view.ts'
import { speedClock } from '../../src/sandbox/speed-clock.ts'
import { clock, realRoots, shell, skipped } from './real.ts'

const why = await skipped()

const document = (script: string): string => `
schemaVersion: '2.2'
mainSteps:
  - name: Try
    action: aws:runShellScript
    inputs:
      timeoutSeconds: '{{ executionTimeout }}'
      runCommand: ${JSON.stringify(script.split('\n'))}
`
let commands = 0
const orderOf = (script: string, more: Partial<RealOrder> = {}): RealOrder => ({
  commandId: `00000000-0000-4000-8000-${String((commands += 1)).padStart(12, '0')}`,
  document: 'Try',
  content: document(script),
  parameters: { executionTimeout: '60', ...more.parameters },
  requestedAt: clock.now(),
  executionMs: 60 * SECOND,
  cancel: new AbortController().signal,
  ...more,
})

describe.skipIf(why !== null)('the agent on real nodes', () => {
  let roots: RealRoots
  let host: NodeHost
  const nap = (ms: number) => clock.sleep(plus(clock.now(), ms))

  beforeAll(async () => {
    roots = await realRoots()
    host = rootsHost(roots, () => 'apt')
  })
  afterAll(() => roots.stop())

  async function agentOf(node: string): Promise<RealAgent> {
    await roots.add([node])
    return new RealAgent(host, clock, { node, region: 'eu-central-1', startMs: 50 })
  }

  it('runs the script as a file of its own and tells its exit code and output', async () => {
    const agent = await agentOf('i-0aaa')
    const order = orderOf('echo "{{ Word }} $AWS_SSM_INSTANCE_ID $AWS_SSM_REGION_NAME $(pwd) $(hostname)"\necho "$0" >&2\nexit 70', {
      parameters: { executionTimeout: '60', Word: 'hello' },
    })
    expect(await agent.take(order)).toMatchObject({
      ended: 'exited',
      exit: 70,
      stdout: 'hello i-0aaa eu-central-1 /usr/bin i-0aaa\n',
      stderr: `/var/lib/amazon/ssm/i-0aaa/document/orchestration/${order.commandId}/Try/_script.sh\n`,
    })
  })

  it('a script that ends with 194 boots the node and runs again', async () => {
    const agent = await agentOf('i-0bbb')
    const script = 'cat /proc/sys/kernel/random/boot_id >>/boots\n[ "$(wc -l </boots)" -ge 3 ] || { echo again; exit 194; }\necho done'
    expect(await agent.take(orderOf(script))).toMatchObject({ ended: 'exited', exit: 0, stdout: 'done\n' })
    const { stdout } = await shell(roots, 'i-0bbb', 'cat /boots')
    expect(new Set(stdout.trim().split('\n')).size).toBe(3)
    expect(stdout.trimEnd().endsWith(roots.bootId('i-0bbb'))).toBe(true)
  })

  it('a cancel kills the script, not the session that it began', async () => {
    const agent = await agentOf('i-0ccc')
    const cancel = new AbortController()
    const report = agent.take(orderOf('setsid sh -c "sleep 0.6; touch /transaction" &\ntouch /begun\nsleep 50', { cancel: cancel.signal }))
    while ((await shell(roots, 'i-0ccc', 'test -e /begun')).exit !== 0) await nap(20)
    cancel.abort('cancel')
    expect(await report).toMatchObject({ ended: 'cancelled', exit: -1 })
    await nap(900)
    expect(await shell(roots, 'i-0ccc', 'ls /transaction')).toMatchObject({ exit: 0 })
  })

  it('a restart of the agent leaves the script alive and starts a second beside it, which a lock keeps apart', async () => {
    const agent = await agentOf('i-0ddd')
    const script = 'exec 9>/lock\nflock 9\necho in >>/log\nsleep 0.8\necho out >>/log\nwc -l </log'
    const report = agent.take(orderOf(script))
    while ((await shell(roots, 'i-0ddd', 'test -s /log')).exit !== 0) await nap(20)
    agent.dies()
    await nap(50)
    agent.returns()
    expect(await report).toMatchObject({ ended: 'exited', exit: 0, stdout: '4\n' })
    expect(await shell(roots, 'i-0ddd', 'cat /log')).toMatchObject({ stdout: 'in\nout\nin\nout\n' })
  })

  it('a power cut ends the script, and the boot starts it again', async () => {
    const agent = await agentOf('i-0eee')
    const report = agent.take(orderOf('if [ -e /once ]; then echo second; exit 0; fi\ntouch /once\nsync /once\nsleep 50'))
    while ((await shell(roots, 'i-0eee', 'test -e /once')).exit !== 0) await nap(20)
    await agent.powerCut()
    await agent.boots()
    expect(await report).toMatchObject({ ended: 'exited', exit: 0, stdout: 'second\n' })
  })

  it('tells what SSM cuts: 24,000 characters, and 2,500 of them in a list', async () => {
    const agent = await agentOf('i-0fff')
    const report = await agent.take(
      orderOf(`i=0; while [ $i -lt 9000 ]; do printf '%09d\\n' $i; i=$((i+1)); done; printf 'a\\000b\\377\\n' >&2`),
    )
    expect(report?.stdout.startsWith('000000000\n000000001\n')).toBe(true)
    for (const limit of [STDOUT_MAX, OUTPUT_MAX]) {
      const told = cut(report?.stdout ?? '', limit)
      expect(told).toHaveLength(limit)
      expect(told.endsWith('--output truncated--')).toBe(true)
    }
    expect(report?.stderr).toBe('a\0b\ufffd\n')
  })
})

describe('the agent', () => {
  const exited = (exit: number): Ran => ({ ended: 'exited', exit, stdout: `${exit}\n`, stderr: '', stdoutBytes: 4, stderrBytes: 0 })

  /** A host on which each start of a script takes five minutes and ends as the list says, the last entry for ever. */
  function scene(speed: number, endings: readonly Ran[]) {
    const fast = speedClock(instant(0), speed)
    const starts: number[] = []
    let [running, runningMost, boots] = [0, 0, 0]
    const host: NodeHost = {
      run: async () => {
        starts.push(fast.now())
        runningMost = Math.max(runningMost, (running += 1))
        await fast.sleep(plus(fast.now(), 5 * MINUTE))
        running -= 1
        return endings[Math.min(starts.length, endings.length) - 1]!
      },
      off: async () => undefined,
      up: async () => {
        boots += 1
      },
      facts: () => Promise.reject(new Error('not asked')),
    }
    const agent = new RealAgent(host, fast, { node: 'i-0123', region: 'eu-central-1', pickUpMs: MINUTE, startMs: MINUTE })
    const order = (more: Partial<RealOrder> = {}) => orderOf('true', { requestedAt: fast.now(), ...more })
    return { agent, order, fast, starts, seen: () => ({ runningMost, boots }) }
  }

  it('picks an order up after its time, and only when it is online', async () => {
    const { agent, order, fast, starts } = scene(20_000, [exited(0)])
    agent.offline()
    const report = agent.take(order())
    await fast.sleep(instant(HOUR))
    expect(starts).toEqual([])
    agent.online()
    expect(await report).toMatchObject({ ended: 'exited', exit: 0 })
    expect(starts[0]).toBeGreaterThanOrEqual(HOUR + MINUTE)
  })

  it('runs five at once', async () => {
    const { agent, order, starts, seen } = scene(20_000, [exited(0)])
    await Promise.all(Array.from({ length: 12 }, () => agent.take(order())))
    expect(starts).toHaveLength(12)
    expect(seen().runningMost).toBe(5)
  })

  it('starts a script that always wants a boot 16 times, then nobody hears of it', async () => {
    const { agent, order, starts, seen } = scene(100_000, [exited(194)])
    expect(await agent.take(order())).toBeNull()
    expect(starts).toHaveLength(16)
    expect(seen().boots).toBe(16)
  })

  it('takes up nothing that is older than 48 hours', async () => {
    const { agent, order, fast, starts } = scene(1_000_000, [{ ...exited(0), ended: 'power-lost' }, exited(0)])
    const report = agent.take(order())
    await agent.powerCut()
    await fast.sleep(instant(49 * HOUR))
    await agent.boots()
    expect(await report).toBeNull()
    expect(starts.length).toBeLessThanOrEqual(1)
  })

  it('keeps its report until it is heard', async () => {
    const { agent, order, fast, starts } = scene(20_000, [exited(0)])
    const report = agent.take(order())
    while (starts.length === 0) await fast.sleep(plus(fast.now(), MINUTE))
    agent.offline()
    await fast.sleep(instant(2 * HOUR))
    agent.online()
    expect((await report)?.endedAt).toBeLessThan(HOUR)
  })

  it('a cancel before the start starts nothing', async () => {
    const { agent, order, starts } = scene(20_000, [exited(0)])
    agent.offline()
    const cancel = new AbortController()
    const report = agent.take(order({ cancel: cancel.signal }))
    cancel.abort('cancel')
    expect(await report).toMatchObject({ ended: 'cancelled' })
    expect(starts).toEqual([])
  })

  it('says why it cannot run a document', async () => {
    const { agent, order, starts } = scene(20_000, [exited(0)])
    expect(await agent.take(order({ content: '{}' }))).toMatchObject({ exit: 1, stderr: 'the document has no mainSteps\n' })
    expect(starts).toEqual([])
  })
})
