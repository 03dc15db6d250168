import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'

/** A package to publish. Scripts are shell text; `fields` are further lines of its control file or preamble. */
export type Publication = Readonly<{
  name: string
  version: string
  arch?: string
  fields?: string
  /** Kilobytes that it says to take. */
  size?: number
  scripts?: Readonly<Record<string, string>>
  /** Paths of files inside, beside one that bears the package's name. */
  files?: Readonly<Record<string, string>>
}>

/** How a document's script ended. */
export type Ended = Readonly<{ exit: number; line: Record<string, unknown>; rest: string; stdout: string; stderr: string }>

const TOOLS = {
  apt: ['dpkg-deb', 'apt-get', 'apt-ftparchive', 'unshare', 'nsenter', 'flock'],
  rpm: ['dnf', 'rpm', 'rpmbuild', 'createrepo_c', 'modifyrepo_c', 'unshare', 'nsenter', 'flock'],
} as const

/** What is missing to make such roots here, or '' when nothing is. */
export function lacking(family: keyof typeof TOOLS): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux'
  const missing = TOOLS[family].filter((tool) => !works('sh', ['-c', 'command -v "$1"', 'sh', tool]))
  if (missing.length > 0) return `needs ${missing.join(', ')}`
  return works('unshare', ['-m', 'sh', '-c', OVERLAY, 'sh', tmpdir(), family]) ? '' : 'needs overlay mounts in a mount namespace'
}

const works = (file: string, args: readonly string[]): boolean => {
  try {
    execFileSync(file, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * This machine's own files under a layer that is thrown away, with a package database that is empty, and a boot id and a running kernel that can be changed. The shell
 * is dash for apt and bash for rpm, as on the nodes.
 * Arguments: a folder, the family.
 */
const OVERLAY = `
set -e
mount --make-rprivate /
mount -t tmpfs -o size=512m tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount -t tmpfs tmpfs "$1/root/run"
mount -t tmpfs tmpfs "$1/root/tmp"
mount --bind /dev "$1/root/dev"
cd "$1/root"
rm -rf var/lib/patchwave var/lib/dpkg var/lib/apt/lists var/cache/apt var/log/apt etc/apt/sources.list etc/apt/sources.list.d etc/apt/apt.conf.d/*debconf* \\
  etc/yum.repos.d etc/dnf/plugins/versionlock.list var/cache/dnf var/lib/dnf var/lib/rpm root/.rpmdb
mkdir -p var/lib/dpkg/info var/lib/dpkg/updates var/lib/dpkg/triggers var/lib/apt/lists/partial var/cache/apt/archives/partial var/log/apt etc/yum.repos.d repository
: >var/lib/dpkg/status
echo 'deb [trusted=yes] file:/repository ./' >etc/apt/sources.list
printf '[local]\\nname=local\\nbaseurl=file:///repository\\ngpgcheck=0\\nmetadata_expire=1\\n' >etc/yum.repos.d/local.repo
rm -f etc/os-release
if [ "$2" = apt ]; then printf 'ID=debian\\nVERSION_ID="12"\\n' >etc/os-release; else ln -sf bash usr/bin/sh; printf 'ID="amzn"\\nVERSION_ID="2023"\\nID_LIKE="fedora"\\n' >etc/os-release; fi
echo 11111111-1111-4111-8111-111111111111 >run/boot-id
mount --bind run/boot-id proc/sys/kernel/random/boot_id
uname -r >run/osrelease
mount --bind run/osrelease proc/sys/kernel/osrelease
`

const sh = (
  command: string,
  args: readonly string[],
  input?: string | Buffer,
): Promise<Readonly<{ exit: number; stdout: string; stderr: string }>> =>
  new Promise((resolve) => {
    const child = execFile(command, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ exit: error ? (typeof error.code === 'number' ? error.code : -1) : 0, stdout, stderr })
    })
    child.stdin?.on('error', () => undefined) // It ended before it had read all.
    child.stdin?.end(input ?? '')
  })

/** What was built before, by what it was built from: most tests want the same few packages. */
const BUILT = new Map<string, Buffer>()

/** One node: a throw-away root in namespaces of its own, with a repository under /repository. It is gone when it is closed. */
export class Root {
  readonly family: keyof typeof TOOLS
  readonly #folder = mkdtempSync(join(tmpdir(), 'patchwave-root-'))
  readonly #keeper: ChildProcess
  #pid = 0
  #serial = 0

  private constructor(family: keyof typeof TOOLS) {
    this.family = family
    const script = `${OVERLAY}\nprintf ready\nexec cat`
    this.#keeper = spawn('unshare', ['-m', '-p', '-f', '--kill-child', 'sh', '-c', script, 'sh', this.#folder, family], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
  }

  /** Resolves when the root can be used. */
  static async open(family: keyof typeof TOOLS): Promise<Root> {
    const root = new Root(family)
    const keeper = root.#keeper
    await new Promise<void>((resolve, reject) => {
      keeper.stdout?.once('data', () => resolve())
      keeper.once('exit', () => reject(new Error('the root did not come up')))
    })
    root.#pid = Number(readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8').trim().split(' ')[0])
    return root
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#keeper.once('exit', resolve))
    this.#keeper.kill('SIGKILL')
    await gone
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Runs shell text inside. */
  run(text: string, input?: string | Buffer): ReturnType<typeof sh> {
    return sh('nsenter', this.#inside(text), input)
  }

  /** Starts a document's script as SSM's agent would, in a process group of its own, and leaves it running. */
  async start(document: string, parameters: Readonly<Record<string, string>>): Promise<ChildProcess> {
    const file = await this.#place(document, parameters)
    return spawn('nsenter', this.#inside(`exec sh ${file}`), { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** Runs a document's script to its end. */
  async do(document: string, parameters: Readonly<Record<string, string>>): Promise<Ended> {
    const file = await this.#place(document, parameters)
    const { exit, stdout, stderr } = await this.run(`exec sh ${file}`)
    const [first = '', ...rest] = stdout.split('\n')
    let line: Record<string, unknown> = {}
    try {
      line = JSON.parse(first) as Record<string, unknown>
    } catch {
      // It may say nothing: before a reboot, or when it was killed.
    }
    return { exit, line, rest: rest.join('\n'), stdout, stderr }
  }

  /** Text of a file inside. */
  read(path: string): string {
    return execFileSync('nsenter', this.#inside(`cat '${path}'`), { encoding: 'utf8' })
  }

  async write(path: string, text: string, mode = '644'): Promise<void> {
    await this.run(`cat >'${path}' && chmod ${mode} '${path}'`, text)
  }

  /** Ends everything inside at once, as a loss of power does, and boots: a new boot id, an empty /run. */
  async powerLoss(): Promise<void> {
    await this.boot()
  }

  async boot(): Promise<void> {
    await this.run('kill -9 -1')
    await this.run(`rm -rf /run/patchwave.*; echo 22222222-2222-4222-8222-22222222222${String((this.#serial += 1) % 10)} >/run/boot-id`)
  }

  /** What `uname -r` would say on this node. The runner asks the kernel's own file. */
  async runs(kernel: string): Promise<void> {
    await this.run(`echo ${kernel} >/run/osrelease`)
  }

  /** Builds a package and puts it into the repository. `index` makes it known. */
  async publish(one: Publication): Promise<void> {
    const [path, script] = this.family === 'apt' ? debBuild(one) : rpmBuild(one)
    const key = JSON.stringify([this.family, one])
    const kept = BUILT.get(key)
    const { exit, stderr, stdout } = await (kept === undefined
      ? this.run(script)
      : this.run(`mkdir -p '${dirname(path)}' && cat >'${path}'`, kept))
    if (exit !== 0) throw new Error(`${one.name} ${one.version} was not built: ${stdout}${stderr}`)
    if (kept === undefined) BUILT.set(key, execFileSync('nsenter', this.#inside(`cat '${path}'`), { maxBuffer: 1 << 26 }))
  }

  async index(suite = 'stable-security', updateinfo?: string): Promise<void> {
    if (updateinfo !== undefined) await this.write('/updateinfo.xml', updateinfo)
    const { exit, stderr } = await this.run(
      this.family === 'apt'
        ? `cd /repository && apt-ftparchive packages . >Packages && apt-ftparchive -o APT::FTPArchive::Release::Suite=${suite} release . >/Release && mv /Release Release`
        : `cd /repository && createrepo_c -q . && { [ ! -e /updateinfo.xml ] || modifyrepo_c /updateinfo.xml repodata >/dev/null; } && rm -rf /var/cache/dnf`,
    )
    if (exit !== 0) throw new Error(stderr)
  }

  /** Installs exact versions by hand, as an image would have them. */
  async image(...specs: readonly string[]): Promise<void> {
    const line = specs.join(' ')
    const { exit, stdout, stderr } = await this.run(
      this.family === 'apt'
        ? `apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --allow-downgrades ${line}`
        : `dnf -y install ${line}`,
    )
    if (exit !== 0) throw new Error(`${stdout}${stderr}`)
  }

  /** `name version` of what is installed, in the family's own words. */
  async installed(): Promise<readonly string[]> {
    const { stdout } = await this.run(
      this.family === 'apt'
        ? `dpkg-query -W -f='\${db:Status-Abbrev}|\${Package} \${Version}\\n' | sed -n 's/^.i |//p'`
        : `rpm -qa --qf '%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n'`,
    )
    return stdout.split('\n').filter(Boolean).sort()
  }

  #inside(text: string): string[] {
    return ['-t', String(this.#pid), '-m', '-p', 'chroot', join(this.#folder, 'root'), 'sh', '-c', text]
  }

  async #place(document: string, parameters: Readonly<Record<string, string>>): Promise<string> {
    const file = `/run/document-${String((this.#serial += 1))}`
    await this.write(file, this.edit(scriptOf(document, parameters)))
    return file
  }

  /** A test may shorten a wait: what it gives back is run in place of the document's script. */
  edit: (script: string) => string = (script) => script

  /** Such an edit: the runner with other numbers in place of its own, and the digest that follows from it. */
  static constants(numbers: Readonly<Record<string, number>>): (script: string) => string {
    return (script) => {
      const [before = '', runner = '', after = ''] = script.split(/(?<=<<'PATCHWAVE_RUNNER'\n)|(?=PATCHWAVE_RUNNER\nif)/)
      let edited = runner
      for (const [name, number] of Object.entries(numbers)) {
        if (!new RegExp(`^${name}=`, 'm').test(runner)) throw new Error(`the runner has no ${name}`)
        edited = edited.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}=${String(number)}`)
      }
      return before.replace(/^digest=.*$/m, `digest=${createHash('sha256').update(edited).digest('hex')}`) + edited + after
    }
  }
}

/** The script of a document after SSM has put the parameters into its text. */
export function scriptOf(document: string, given: Readonly<Record<string, string>>): string {
  const { parameters, mainSteps } = parse(readFileSync(`documents/${document}.yaml`, 'utf8')) as {
    parameters: Record<string, { default?: string; allowedPattern: string }>
    mainSteps: { inputs: { runCommand: string[] } }[]
  }
  const script = mainSteps[0]?.inputs.runCommand.join('\n') ?? ''
  return script.replaceAll(/\{\{ (\w+) \}\}/g, (_, name: string) => given[name] ?? parameters[name]?.default ?? '')
}

const entries = (of: Readonly<Record<string, string>> | undefined): [string, string][] => Object.entries(of ?? {})
const heredoc = (path: string, text: string): string =>
  `mkdir -p "$(dirname '${path}')"\ncat >'${path}' <<'END_OF_FILE'\n${text}\nEND_OF_FILE\n`

/** Where a package will lie, and the shell text that puts it there. */
type Build = readonly [path: string, script: string]

function debBuild({ name, version, arch = 'all', fields = '', size = 20, scripts, files }: Publication): Build {
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${arch}\nMaintainer: Test <test@example.com>\nInstalled-Size: ${String(size)}\n${fields === '' ? '' : `${fields}\n`}Description: made for a test`
  const folder = `/tmp/build-${name}`
  const path = `/repository/${name}_${version.replaceAll(':', '%3a')}_${arch}.deb`
  const script = [
    'set -e',
    `rm -rf ${folder}`,
    heredoc(`${folder}/opt/${name}/version`, version),
    heredoc(`${folder}/DEBIAN/control`, control),
    ...entries(scripts).map(
      ([step, text]) => `${heredoc(`${folder}/DEBIAN/${step}`, `#!/bin/sh\n${text}`)}chmod 755 ${folder}/DEBIAN/${step}`,
    ),
    ...entries(files).map(([path, text]) => heredoc(`${folder}${path}`, text)),
    `dpkg-deb -Znone -b ${folder} '${path}'`,
  ].join('\n')
  return [path, script]
}

function rpmBuild({ name, version, arch = 'noarch', fields = '', scripts, files }: Publication): Build {
  const [, epoch = '0', number = version, release = '1'] = /^(?:(\d+):)?([^-]+)-(.+)$/.exec(version) ?? []
  const more = entries(files)
  // Kernels stand side by side.
  const own = /^kernel[0-9.]*(-core)?$/.test(name) ? `/opt/${name}-${number}` : `/opt/${name}`
  const spec = [
    `Name: ${name}\nEpoch: ${epoch}\nVersion: ${number}\nRelease: ${release}\nSummary: made for a test\nLicense: none\nBuildArch: ${arch}`,
    // The database is empty: nobody else provides the shell of its scripts.
    scripts ? `${fields}\nProvides: /bin/sh` : fields,
    '%description\nmade for a test',
    `%install\nmkdir -p %{buildroot}${own}\necho ${version} >%{buildroot}${own}/version`,
    ...more.map(([path, text]) => `mkdir -p "$(dirname %{buildroot}${path})"\necho '${text}' >%{buildroot}${path}`),
    ...entries(scripts).map(([step, text]) => `%${step}\n${text}`),
    `%files\n${own}\n${more.map(([path]) => path).join('\n')}`,
  ].join('\n')
  const script = `set -e\n${heredoc(`/tmp/build/${name}.spec`, spec)}
rpmbuild -bb --quiet --define '_topdir /tmp/build' --define '_build_id_links none' --define '_rpmdir /repository' /tmp/build/${name}.spec`
  return [`/repository/${arch}/${name}-${number}-${release}.${arch}.rpm`, script]
}

/** The list text and its parameters. */
export function listOf(...lines: readonly string[]): Readonly<{ List: string; ListDigest: string }> {
  const text = [...lines]
    .sort()
    .map((line) => `${line}\n`)
    .join('')
  return { List: Buffer.from(text).toString('base64'), ListDigest: createHash('sha256').update(text).digest('hex') }
}

export const RUN = '0190a1b2-c3d4-7e5f-8a6b-0123456789ab'
export const OTHER_RUN = '0190a1b2-c3d4-7e5f-8a6b-0123456789ac'
/** Far away. */
export const LATER = '9999999999'
