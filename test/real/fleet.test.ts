import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SECOND } from '../../src/kit/instant.ts'
import { type Played, RealFleet } from '../../src/sandbox/real/fleet.ts'
import { clock, skipped } from './real.ts'

const why = await skipped('apt')

const content = (script: string): string =>
  JSON.stringify({ schemaVersion: '2.2', mainSteps: [{ name: 'Try', action: 'aws:runShellScript', inputs: { runCommand: [script] } }] })

describe.skipIf(why !== null)('a real fleet', () => {
  let fleet: RealFleet
  const node = (id: string): Played => ({ node: id, region: 'eu-central-1', platform: 'debian' })

  beforeAll(async () => {
    fleet = await RealFleet.start({ clock, platforms: ['debian', 'ubuntu'], bytes: 2 ** 29 })
  })
  afterAll(() => fleet.stop())

  const command = (id: string, script: string) =>
    fleet.take(node(id), {
      commandId: '00000000-0000-4000-8000-000000000001',
      document: 'Try',
      content: content(script),
      parameters: {},
      requestedAt: clock.now(),
      executionMs: 60 * SECOND,
      cancel: new AbortController().signal,
    })

  it('does one command on many nodes at once, each a node of its own from its first order on', async () => {
    expect((await fleet.usage()).nodes).toBe(0)
    const ids = ['i-0000000000000001a', 'i-0000000000000002a', 'i-0000000000000003a']
    const upgrade = 'apt-get -q -y install sample-good=1.1-1 >/dev/null && hostname'
    const reports = await Promise.all(ids.map((id) => command(id, upgrade)))
    expect(reports).toMatchObject(ids.map((id) => ({ ended: 'exited', exit: 0, stdout: `${id}\n` })))
    expect((await fleet.facts(node(ids[0]!)))?.packages.get('sample-good.all')).toBe('1.1-1')
    expect(await fleet.facts(node('i-0000000000000004a'))).toBeNull()
    await fleet.agent(node('i-0000000000000004a'))
    const untouched = await fleet.facts(node('i-0000000000000004a'))
    expect(untouched).toMatchObject({ healthy: true, packages: fleet.catalogue('debian').installed })
    expect(untouched?.packages.get('sample-good.all')).toBe('1.0-1')
    expect((await fleet.usage()).nodes).toBe(4)
  })

  it('a node that was terminated begins anew under its name', async () => {
    const id = 'i-0000000000000005a'
    await command(id, 'touch /kept')
    fleet.terminate(node(id))
    expect(await command(id, 'test -e /kept')).toMatchObject({ ended: 'exited', exit: 1 })
  })
})
