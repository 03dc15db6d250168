import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'

const REPOSITORY = new URL('../../', import.meta.url).pathname
const SYSTEM = '/usr/bin:/bin'
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A checkout of nothing but the launcher and the set-up, and a folder of tools to put on the path. */
function checkout(): { root: string; tools: string } {
  const folder = mkdtempSync(join(tmpdir(), 'patchwave-launcher-'))
  folders.push(folder)
  const [root, tools] = [join(folder, 'check out'), join(folder, 'tools')]
  for (const file of ['bin/patchwave', 'scripts/setup.mjs']) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    copyFileSync(join(REPOSITORY, file), join(root, file))
  }
  mkdirSync(tools)
  return { root, tools }
}

function script(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `#!/bin/sh\n${text}\n`)
  chmodSync(file, 0o755)
}

/** A Node that says what it was asked to run; `runs` is whether it is new enough. */
const node = (name: string, version: string, runs: boolean): string =>
  `case $1 in -e) exit ${runs ? '0' : '1'};; --version) echo ${version}; exit;; esac; echo "${name}: $*"; exit 3`

const start = (file: string, args: readonly string[], path: string) =>
  spawnSync(file, args, { encoding: 'utf8', env: { PATH: path }, cwd: '/' })

describe('bin/patchwave', () => {
  it.each([
    ['the repository’s own Node before a new one of the system', { own: true, system: true }, 'own'],
    ['the system’s, when it is new enough', { own: false, system: true }, 'system'],
  ])('takes %s', (_, { own, system }, taken) => {
    const { root, tools } = checkout()
    mkdirSync(join(root, 'node_modules/yaml'), { recursive: true })
    if (own) script(join(root, 'node_modules/.bin/node'), node('own', 'v24.0.0', true))
    script(join(tools, 'node'), node('system', 'v22.18.0', system))
    const { stdout, status } = start(join(root, 'bin/patchwave'), ['plan', 'a b.yaml'], `${tools}:${SYSTEM}`)
    expect(stdout).toContain(`${taken}: `)
    expect(stdout).toMatch(/check out\/src\/main\.ts plan a b\.yaml\n$/)
    expect(status, 'ends as Node ends').toBe(3)
  })

  it('says what it needs when the system’s Node is too old', () => {
    const { root, tools } = checkout()
    script(join(tools, 'node'), node('system', 'v20.20.2', false))
    const { stderr, status } = start(join(root, 'bin/patchwave'), [], `${tools}:${SYSTEM}`)
    expect(stderr).toMatch(/needs Node\.js 22\.18 or newer; found: v20\.20\.2\n {2}hint: run "npm start"/)
    expect(status).toBe(2)
  })

  it('says so when only its packages are missing', () => {
    const { root, tools } = checkout()
    script(join(tools, 'node'), node('system', 'v24.0.0', true))
    const { stderr, status } = start(join(root, 'bin/patchwave'), [], `${tools}:${SYSTEM}`)
    expect(stderr).toMatch(/packages are not installed\n {2}hint: /)
    expect(status).toBe(2)
  })

  it('finds its checkout through a chain of symbolic links', () => {
    const { root, tools } = checkout()
    mkdirSync(join(root, 'node_modules/yaml'), { recursive: true })
    script(join(root, 'node_modules/.bin/node'), node('own', 'v24.0.0', true))
    symlinkSync(join(root, 'bin/patchwave'), join(tools, 'first'))
    symlinkSync('first', join(tools, 'patchwave'))
    expect(start(join(tools, 'patchwave'), ['--version'], SYSTEM).stdout).toMatch(/^own: .*\/src\/main\.ts --version\n$/)
  })
})

describe('scripts/setup.mjs', () => {
  const lock = (version: string): string => JSON.stringify({ packages: { '': {}, 'node_modules/a': { version } } })

  /** A checkout whose npm writes down each time it is called, then does `work`. */
  function withNpm(work: string): { root: string; setUp: (...args: string[]) => ReturnType<typeof start>; installs: () => number } {
    const { root, tools } = checkout()
    writeFileSync(join(root, 'package.json'), '{}')
    writeFileSync(join(root, 'package-lock.json'), lock('1.0.0'))
    script(join(tools, 'npm'), `echo "$*" >> ${tools}/calls\n${work}`)
    writeFileSync(join(tools, 'calls'), '')
    const setUp = (...args: string[]) => start(process.execPath, [join(root, 'scripts/setup.mjs'), ...args], `${tools}:${SYSTEM}`)
    return { root, setUp, installs: () => readFileSync(join(tools, 'calls'), 'utf8').split('\n').length - 1 }
  }
  const INSTALLS = `mkdir -p node_modules/.bin; printf '#!/bin/sh\\necho own: "$@"; exit 5' > node_modules/.bin/node; chmod +x node_modules/.bin/node`

  it('installs once, and again when the lock file says something else', () => {
    const { root, setUp, installs } = withNpm(INSTALLS)
    expect(setUp()).toMatchObject({ status: 0, stdout: '' })
    expect(setUp()).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(installs()).toBe(1)
    writeFileSync(join(root, 'package-lock.json'), lock('1.0.1'))
    setUp()
    expect(installs()).toBe(2)
  })

  it('then runs the command with the repository’s own Node, and ends as it ends', () => {
    const { setUp } = withNpm(INSTALLS)
    expect(setUp('node', 'a b', '--json')).toMatchObject({ status: 5, stdout: 'own: a b --json\n' })
    expect(setUp('sh', '-c', 'kill -TERM $$').status).toBe(143)
    expect(setUp('no-such-command').status).toBe(127)
  })

  it('takes what someone installed by hand', () => {
    const { root, setUp, installs } = withNpm(INSTALLS)
    script(join(root, 'node_modules/.bin/node'), 'true')
    writeFileSync(join(root, 'node_modules/.package-lock.json'), lock('1.0.0'))
    expect(setUp().status).toBe(0)
    expect(installs()).toBe(0)
  })

  it.each([
    ['npm fails', 'echo no network >&2; exit 1', /no network\n[^]*Set-up failed: npm ci failed/],
    ['no Node comes of it', 'exit 0', /Set-up failed: npm ci left no node_modules\/\.bin\/node/],
  ])('tries three times when %s, then says why and does not run the command', (_, work, says) => {
    const { setUp, installs } = withNpm(work)
    const { status, stdout, stderr } = setUp('echo', 'ran')
    expect({ status, stdout, tried: installs() }).toEqual({ status: 1, stdout: '', tried: 3 })
    expect(stderr).toMatch(says)
  })
})
