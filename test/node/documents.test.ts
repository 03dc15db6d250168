import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { debCompare, rpmCompare } from '../../src/kit/version-order.ts'

const names = readdirSync('documents').filter((name) => name.endsWith('.yaml'))
const parts = ['core', 'session', 'change', 'kernel', 'script', 'read', 'services', 'apt', 'rpm', 'main'].map(
  (part) => `documents/runner/${part}.sh`,
)
const text = (name: string): string => readFileSync(`documents/${name}`, 'utf8')
const scriptIn = (name: string): string =>
  (parse(text(name)) as { mainSteps: { inputs: { runCommand: string[] } }[] }).mainSteps[0]?.inputs.runCommand[0] ?? ''
const patternsIn = (name: string): [string, string][] =>
  Object.entries((parse(text(name)) as { parameters: Record<string, { allowedPattern: string }> }).parameters).map(([key, rule]) => [
    key,
    rule.allowedPattern,
  ])

const has = (tool: string): boolean => {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', tool], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('the documents', () => {
  it('are what their sources make, and each carries every part of the runner', () => {
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/gen-documents.ts', '--check'], { stdio: 'pipe' })
    expect(
      readdirSync('documents/runner')
        .map((name) => `documents/runner/${name}`)
        .sort(),
    ).toEqual([...parts].sort())
    expect(names).toHaveLength(9)
  })

  it.each(names)('%s fits into what SSM takes, and holds no parameter but in the lines that hand them over', (name) => {
    expect(Buffer.byteLength(text(name))).toBeLessThanOrEqual(65_536)
    const [handed = '', runner = ''] = scriptIn(name).split(/^digest=/m)
    expect(runner).not.toContain('{{')
    const lines = handed.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(lines.length).toBeGreaterThan(1)
    for (const line of lines) expect(line).toMatch(/^export PATCHWAVE_[A-Z]+='\{\{ [A-Za-z]+ \}\}'$/)
  })

  it.each(names)('no pattern of %s lets through what could end a quoted word, and each can be read by any engine', (name) => {
    for (const [key, pattern] of patternsIn(name)) {
      expect(pattern, key).toMatch(/^\^.*\$$/)
      for (const hostile of ["'", "1'", '1 2', '1\n2', '$(x)', '`x`', '1;x', '{{ Token }}', '"'])
        expect(new RegExp(pattern).test(hostile), `${key} ${hostile}`).toBe(false)
      for (const [, count] of pattern.matchAll(/\{[0-9]*,?([0-9]+)\}/g)) expect(Number(count), key).toBeLessThanOrEqual(1_000)
    }
  })

  it('what they carry is the runner, shortened by nothing that means something', () => {
    const bare = (shell: string): readonly string[] =>
      shell.split('\n').flatMap((line) => (/^\s*(#|$)/.test(line) ? [] : [line.trimStart()]))
    const carried = (name: string): string => /<<'PATCHWAVE_RUNNER'\n([^]*)^PATCHWAVE_RUNNER$/m.exec(scriptIn(name))?.[1] ?? ''
    const runner = carried(names[0] ?? '')
    expect(bare(runner)).toEqual(parts.flatMap((part) => bare(readFileSync(part, 'utf8'))))
    for (const name of names) expect(carried(name), name).toBe(runner)
    // Blanks at the front count where a quoted text or a here-document goes on: there is none in which they would.
    for (const line of parts.flatMap((part) => readFileSync(part, 'utf8').split('\n')))
      expect(line).not.toMatch(/^\s+(END|PATCHWAVE_RUNNER)$/)
  })

  it('the runner never evaluates text', () => {
    for (const part of parts) expect(readFileSync(part, 'utf8')).not.toMatch(/(^|[^-])\beval\b|(^|[^-])\bsource\b|^\s*\. /m)
  })
})

describe.skipIf(!has('shellcheck'))('ShellCheck', () => {
  const check = (script: string, shell: string): string => {
    try {
      return execFileSync('shellcheck', ['-s', shell, '-'], { input: script, encoding: 'utf8' })
    } catch (error) {
      return String((error as { stdout?: unknown }).stdout)
    }
  }

  it.each(['dash', 'bash'])('finds nothing in the whole runner, read as %s', (shell) => {
    expect(check(parts.map((part) => readFileSync(part, 'utf8')).join('\n'), shell)).toBe('')
  })

  it.each(parts)('finds nothing in %s', (part) => {
    expect(check(readFileSync(part, 'utf8'), 'sh')).toBe('')
  })

  it('finds nothing in what the documents carry, nor in what comes before it', () => {
    const parted = (name: string): string[] => scriptIn(name).split(/(?<=<<'PATCHWAVE_RUNNER'\n)|(?=^PATCHWAVE_RUNNER\n)/m)
    // The shebang alone is missing; words of one file that another one uses are known here. Each document carries the same.
    const [, runner = ''] = parted('Patchwave-Apply.yaml')
    expect(check(`#!/bin/sh\n# shellcheck disable=SC2034,SC2153,SC2154,SC2016,SC2086,SC2317,SC2329\n${runner}`, 'sh')).toBe('')
    for (const [entry = '', , end = ''] of ['Patchwave-Apply.yaml', 'Patchwave-Hook.yaml'].map(parted))
      for (const shell of ['sh', 'bash']) expect(check(`#!/bin/sh\n${entry.replaceAll(/\{\{ (\w+) \}\}/g, 'x')}${end}`, shell)).toBe('')
  })

  it('would find something', () => {
    expect(check('#!/bin/sh\nrm -rf $1\n', 'sh')).toContain('SC2086')
  })
})
if (!has('shellcheck')) console.warn('SKIPPED: ShellCheck of the runner: needs shellcheck')

describe('parts of the runner by themselves', () => {
  const ran = (call: string): string =>
    execFileSync('sh', ['-c', `for p in core session change kernel services; do . "documents/runner/$p.sh"; done; WORK=$(mktemp -d) STATE=$WORK; cd "$WORK"; ${call}`], {
      encoding: 'utf8',
    }) // prettier-ignore

  it('a before-record for which there is no room is none', () => {
    const said =
      ran(`mkdir before touched lists; RUN=r; SEEN=$WORK/seen; echo 'foo all 1' >seen; cp seen keys; keep seen; family() { echo 1; }
      ( trap '' XFSZ; ulimit -f 0; record "$WORK/keys" ) 2>/dev/null || echo no; ls before`)
    expect(said).toBe('no\n')
  })

  it('restarted are the services of the node, not of its users and containers', () => {
    const paths = [
      '/system.slice/nginx.service',
      '/system.slice/system-getty.slice/own@1.service',
      '/user.slice/user-1000.slice/user@1000.service/app.slice/mine.service',
      '/system.slice/docker-1.scope/system.slice/theirs.service',
      '/init.scope',
    ]
    const said = ran(`set -- ${paths.map((path) => `'${path}'`).join(' ')}; n=0
      for path; do n=$((n + 1)); mkdir "$n"; echo "0::$path" >"$n/cgroup"; done
      stale_processes() { for i in 1 2 3 4 5; do echo "..$WORK/$i"; done; }; stale_services`)
    expect(said).toBe('nginx.service\nown@1.service\n')
  })
})

describe('version order', () => {
  /** Runs a function of the runner over lines of stdin. */
  const asked = (call: string, lines: readonly string[], shell = 'sh'): string[] =>
    execFileSync(shell, ['-c', `. documents/runner/core.sh; . documents/runner/apt.sh; . documents/runner/rpm.sh; ${call}`], {
      input: lines.map((line) => `${line}\n`).join(''),
      encoding: 'utf8',
    })
      .split('\n')
      .filter(Boolean)
  const bits = ['0', '1', '9', '10', '010', 'a', 'b', 'rc1', '~', '^', '.', '_', '+', 'amzn2023', '1.2', '1~rc', '1^git']
  const versions = bits.flatMap((a) => bits.map((b) => `1${a}${b}-${a.replaceAll(/[^a-z0-9]/g, '') || '1'}`))
  const epochs = ['0:', '1:', '10:']
  const all = versions.map((version, i) => `${epochs[i % 7 === 0 ? 1 : i % 11 === 0 ? 2 : 0]}${version}`)
  const pairs = all.flatMap((a, i) => [1, 5, 17, 40, 101].map((step) => [a, all[(i + step) % all.length] ?? a] as const))

  it.each(['sh', 'bash'])('of rpm is the one that the engine knows, in %s', (shell) => {
    const said = asked(
      'rpm_order',
      pairs.map(([a, b]) => `${a} ${b} rest of it`),
      shell,
    )
    expect(said).toEqual(pairs.map(([a, b]) => `${String(rpmCompare(a, b))} ${a} ${b} rest of it`))
    expect(new Set(said.map((line) => line.split(' ')[0]))).toEqual(new Set(['-1', '0', '1']))
  })

  it.each(['sh', 'bash'])('of deb is the one that the engine knows, in %s', (shell) => {
    const said = asked('apt_order', pairs.map(([a, b]) => `${a} ${b} rest of it`), shell) // prettier-ignore
    expect(said).toEqual(pairs.map(([a, b]) => `${String(debCompare(a, b))} ${a} ${b} rest of it`))
  })

  it.skipIf(!has('dpkg'))('of deb is dpkg’s', () => {
    // dpkg takes neither sign.
    const known = pairs.filter(([a, b]) => !/[_^]/.test(a + b))
    const some = known.map(([a, b], i) => (i % 3 === 0 ? ([a.replace(/-.*/, ''), b] as const) : ([a, b] as const)))
    expect(some.length).toBeGreaterThan(600)
    const dpkg =
      'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" eq "$b"; then echo 0; else echo 1; fi; done'
    const lines = some.map(([a, b]) => `${a} ${b}`)
    expect(asked('apt_order', lines).map((line) => line.split(' ')[0])).toEqual(asked(dpkg, lines))
  })

  it('a list’s lines are pending when every installed version is older', () => {
    const said = execFileSync(
      'sh',
      ['-c', '. documents/runner/core.sh; . documents/runner/rpm.sh; FAMILY=rpm; printf "%s" "$1" >"$3/l"; printf "%s" "$2" >"$3/i"; lacking "$3/l" "$3/i" /dev/null', 'sh',
        'foo x86_64 0:2-1\nkernel x86_64 0:6-2\nnone x86_64 0:1-1\nnew x86_64 0:1-1\nzoo i686 0:2-1\n',
        'foo x86_64 0:1-1\nkernel x86_64 0:6-1\nkernel x86_64 0:6-3\nnew x86_64 1:0-1\nzoo i686 0:1-9\nzoo x86_64 0:2-1\n',
        execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()],
      { encoding: 'utf8' },
    ) // prettier-ignore
    expect(said).toBe('foo x86_64 0:2-1\nzoo i686 0:2-1\n')
  })
})
