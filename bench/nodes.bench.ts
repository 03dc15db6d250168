import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { assert, known } from '../src/kit/assert.ts'
import { eachBounded } from '../src/kit/bounded.ts'
import { sha256 } from '../src/kit/digest.ts'
import { instant, MINUTE, type Ms } from '../src/kit/instant.ts'
import { SMOKE } from '../src/sandbox/real/images.ts'
import { type Played, RealFleet } from '../src/sandbox/real/fleet.ts'
import { RealNodesImpossible } from '../src/sandbox/real/namespace.ts'
import { speedClock } from '../src/sandbox/speed-clock.ts'
import { atMost, plain, table, type Figure } from './measure/table.ts'

// Scan, installation of one small package and health check on real nodes of two families: by the engine's documents through the sandbox's
// agents, by a bare shell script that does the same three things (the floor), and by Ansible, whose tasks are the same bare commands.

const NODES = Number(process.env['BENCH_NODES'] ?? '100')
/** So many nodes work at once, whoever leads them: two for each of two processors. */
const AT_ONCE = 4
/** The two are measured in turns of so many nodes, so that whatever else the machine does befalls both. */
const TURN = 10
const RATIO_MAX = 1.15

type Family = Readonly<{ platform: Played['platform']; list: string; scan: string; install: string }>
const APT: Family = {
  platform: 'debian',
  list: 'sample-good all 1.1-1\n',
  scan: 'apt-get -q update >/dev/null; apt-get -q -s upgrade >/dev/null',
  install: 'apt-get -q -y install sample-good=1.1-1 >/dev/null 2>&1',
}
const DNF: Family = {
  platform: 'amazon-linux-2023',
  list: 'sample-good noarch 0:1.1-1\n',
  scan: 'dnf -q --refresh check-update >/dev/null',
  install: 'dnf -q -y upgrade sample-good-1.1-1 >/dev/null 2>&1',
}
const familyOf = ({ platform }: Played): Family => (platform === 'debian' ? APT : DNF)

const clock = speedClock(instant(Date.now()), 1)

/** Nodes of both families by turns. */
const fresh = (first: string, count: number): Played[] =>
  Array.from({ length: count }, (_, index) => ({
    node: `${first}-${String(index)}`,
    region: 'us-east-1',
    platform: index % 2 === 0 ? 'debian' : 'amazon-linux-2023',
  }))

async function timed(work: () => Promise<void>): Promise<Ms> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Sums of what single steps took, over all nodes. */
class Steps {
  readonly tookMs = new Map<string, Ms>()

  async step(name: string, work: () => Promise<void>): Promise<void> {
    const took = await timed(work)
    this.tookMs.set(name, (this.tookMs.get(name) ?? 0) + took)
  }
}

const DOCUMENTS = { scan: 'Patchwave-Scan', install: 'Patchwave-Apply', check: 'Patchwave-Check' } as const
const contentOf = (document: string): string => readFileSync(new URL(`../documents/${document}.yaml`, import.meta.url), 'utf8')
/** What SSM puts in for parameters that nobody gives. */
function defaultsOf(content: string): Record<string, string> {
  const { parameters = {} } = parse(content) as Readonly<{ parameters?: Record<string, Readonly<{ default?: string }>> }>
  return Object.fromEntries(Object.entries(parameters).flatMap(([name, one]) => (one.default === undefined ? [] : [[name, one.default]])))
}
const CONTENTS = new Map<string, string>(Object.values(DOCUMENTS).map((document) => [document, contentOf(document)]))

const DEFAULTS = new Map<string, Record<string, string>>([...CONTENTS].map(([document, content]) => [document, defaultsOf(content)]))

let orders = 0

async function byDocument(fleet: RealFleet, node: Played, document: string, parameters: Readonly<Record<string, string>>): Promise<void> {
  const number = String((orders += 1))
  const content = known(CONTENTS.get(document), document)
  const report = await fleet.take(node, {
    commandId: `00000000-0000-4000-8000-${number.padStart(12, '0')}`,
    document,
    content,
    parameters: {
      ...DEFAULTS.get(document),
      Token: `01900000-0000-7000-8000-000000000001.${number}`,
      StartBefore: '99999999999',
      executionTimeout: '600',
      ...parameters,
    },
    requestedAt: clock.now(),
    executionMs: 10 * MINUTE,
    cancel: new AbortController().signal,
  })
  assert(report?.exit === 0, `${document} on ${node.node}: ${report?.stdout ?? ''}${report?.stderr ?? ''}`)
}

async function byPatchwave(fleet: RealFleet, node: Played, steps: Steps): Promise<void> {
  const { list } = familyOf(node)
  const apply = { List: Buffer.from(list).toString('base64'), ListDigest: sha256(list), Reboot: 'never' }
  await steps.step('scan', () => byDocument(fleet, node, DOCUMENTS.scan, {}))
  await steps.step('install', () => byDocument(fleet, node, DOCUMENTS.install, apply))
  await steps.step('check', () => byDocument(fleet, node, DOCUMENTS.check, { Script: SMOKE, Timeout: '60' }))
}

async function byShell(fleet: RealFleet, node: Played, steps: Steps): Promise<void> {
  const { scan, install } = familyOf(node)
  const script = `at() { date +%s%N; }; at; ${scan}; at; ${install} || exit 1; at; ${SMOKE} || exit 1; at`
  const { exit, stdout, stderr } = await fleet.run(node, ['sh', '-c', script], { env: { DEBIAN_FRONTEND: 'noninteractive' } })
  assert(exit === 0, `${node.node}: ${stderr}`)
  const at = stdout.trim().split('\n').map((text) => Number(text) / 1e6) // prettier-ignore
  for (const [index, name] of ['scan', 'install', 'check'].entries())
    steps.tookMs.set(name, (steps.tookMs.get(name) ?? 0) + known(at[index + 1], name) - known(at[index], name))
}

/** Ansible goes through a door of each node as its Python interpreter, with modules through stdin. Null: there is none here. */
async function byAnsible(fleet: RealFleet, nodes: readonly Played[]): Promise<Ms | null> {
  if (spawnSync('ansible-playbook', ['--version'], { stdio: 'ignore' }).status !== 0) return null
  const folder = mkdtempSync(join(tmpdir(), 'patchwave-ansible-'))
  try {
    const hosts: string[] = []
    for (const node of nodes) {
      const interpreter = join(folder, node.node)
      const words = await fleet.door(node)
      writeFileSync(interpreter, `#!/bin/sh\nexec ${words.join(' ')} /usr/bin/python3 "$@"\n`, { mode: 0o755 })
      const { scan, install } = familyOf(node)
      hosts.push(
        `${node.node} ansible_connection=local ansible_python_interpreter=${interpreter} scan='${scan}; true' install='${install}'`,
      )
    }
    writeFileSync(join(folder, 'hosts'), `${hosts.join('\n')}\n`)
    const task = (script: string): string => `    - ansible.builtin.shell: "${script}"\n`
    const tasks = `${task('{{ scan }}')}${task('{{ install }}')}${task(SMOKE)}`
    writeFileSync(join(folder, 'play.yaml'), `- hosts: all\n  gather_facts: false\n  strategy: free\n  tasks:\n${tasks}`)
    return await timed(async () => {
      const words = ['--forks', String(AT_ONCE), '--inventory', join(folder, 'hosts'), join(folder, 'play.yaml')]
      const env = { ...process.env, ANSIBLE_PIPELINING: 'true', ANSIBLE_LOCALHOST_WARNING: 'false', DEBIAN_FRONTEND: 'noninteractive' }
      const { status, stdout } = spawnSync('ansible-playbook', words, { encoding: 'utf8', env, maxBuffer: 1 << 26 })
      assert(status === 0, `ansible-playbook: ${stdout.slice(-2_000)}`)
      return Promise.resolve()
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(fleet: RealFleet): Promise<void> {
  const [ours, bare, others] = [fresh('patchwave', NODES), fresh('shell', NODES), fresh('ansible', NODES)]
  // Nodes are there and have booted before anybody is timed.
  await eachBounded([...ours, ...bare, ...others], 1, async (node) => {
    await fleet.run(node, ['true'])
  })
  const steps = { ours: new Steps(), bare: new Steps() }
  let [oursMs, bareMs] = [0, 0]
  for (let from = 0; from < NODES; from += TURN) {
    const turn = (nodes: readonly Played[], work: (node: Played) => Promise<void>): Promise<Ms> =>
      timed(() => eachBounded(nodes.slice(from, from + TURN), AT_ONCE, work))
    bareMs += await turn(bare, (node) => byShell(fleet, node, steps.bare))
    oursMs += await turn(ours, (node) => byPatchwave(fleet, node, steps.ours))
  }
  const ansibleMs = await byAnsible(fleet, others)
  const step = (name: string): Figure[] => [
    plain(`${name} per node, by its document`, (steps.ours.tookMs.get(name) ?? 0) / NODES, 'ms'),
    plain(`${name} per node, bare`, (steps.bare.tookMs.get(name) ?? 0) / NODES, 'ms'),
  ]
  const rows = [
    plain('by Patchwave’s documents', oursMs / 1_000, 's'),
    plain('by a bare shell script', bareMs / 1_000, 's'),
    ...(ansibleMs === null ? [] : [plain('by Ansible', ansibleMs / 1_000, 's')]),
    atMost('Patchwave against the bare script', oursMs / bareMs, '', RATIO_MAX),
    ...(ansibleMs === null ? [] : [plain('Ansible against the bare script', ansibleMs / bareMs, '')]),
    ...['scan', 'install', 'check'].flatMap(step),
    plain('a script that does nothing, through an agent', (await emptyMs(fleet, known(ours[0], 'a node'))) / EMPTY, 'ms'),
  ]
  console.log(table(`${String(NODES)} real nodes, ${String(AT_ONCE)} at once: scan, one package, health check`, rows))
  if (ansibleMs === null) console.log('  skipped: no ansible')
}

const EMPTY = 20

/** What an agent itself takes for a script. */
const emptyMs = (fleet: RealFleet, node: Played): Promise<Ms> =>
  timed(async () => {
    CONTENTS.set(DOCUMENTS.scan, JSON.stringify({ mainSteps: [{ action: 'aws:runShellScript', inputs: { runCommand: ['exit 0'] } }] }))
    for (let count = 0; count < EMPTY; count += 1) await byDocument(fleet, node, DOCUMENTS.scan, {})
  })

try {
  const fleet = await RealFleet.start({ clock, platforms: ['debian', 'amazon-linux-2023'] })
  try {
    await measure(fleet)
  } finally {
    await fleet.stop()
  }
} catch (error) {
  if (!(error instanceof RealNodesImpossible)) throw error
  console.log(`  skipped: ${error.message}`)
}
