import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeDebRepository } from './deb-repository.ts'
import { hasProgram, programBytes } from './program.ts'
import type { RealRoots } from './roots.ts'
import { makeRpmRepository } from './rpm-repository.ts'
import { HEALTH_SCRIPT } from './samples.ts'

/** The package managers that real nodes come with. */
export type Family = 'apt' | 'dnf'

/** The health script of every real node, under the name that the shipped runbooks know. */
export const SMOKE = '/opt/app/bin/smoke'

/** Where a node finds its repository. */
export const REPOSITORY = '/srv/samples'

/** A node that became an image did not go along with what makes it one. */
export class ImageFailed extends Error {
  override readonly name = 'ImageFailed'
}

const NEEDS: Readonly<Record<Family, readonly string[]>> = {
  apt: ['apt-get', 'dpkg', 'dpkg-deb', 'dpkg-query', 'tar'],
  dnf: ['dnf', 'rpm', 'rpmbuild', 'createrepo_c', 'modifyrepo_c', 'tar'],
}

/** Which of the programs that a family needs this machine does not have. */
export async function missingFor(family: Family): Promise<readonly string[]> {
  const found = await Promise.all(NEEDS[family].map(async (name) => [name, await hasProgram(name)] as const))
  return found.filter(([, there]) => !there).map(([name]) => name)
}

/**
 * Makes the image of a family's name: the base with the samples in their first versions, but for those that are left out, and a repository of
 * all of them in `/srv/samples` as its only source of packages. @throws ImageFailed, ProgramFailed
 */
export async function makeImage(roots: RealRoots, family: Family, leftOut: readonly string[] = []): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'patchwave-samples-'))
  const node = `image-${family}`
  try {
    await roots.add([node])
    if (family === 'apt') await makeApt(roots, node, folder, leftOut)
    else await makeDnf(roots, node, folder, leftOut)
    const script = `mkdir -p ${dirname(SMOKE)} && cat >${SMOKE} && chmod 755 ${SMOKE}`
    await must(roots, node, script, [], `#!/bin/sh\nexec ${HEALTH_SCRIPT}\n`)
    await roots.seal(node, family)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a node of a distribution has apart from its packages: nothing is pending, services stay as they are. */
const CALM = `
rm -rf /etc/apt/sources.list.d/* /etc/apt/preferences.d/* /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
rm -f /run/reboot-required /run/reboot-required.pkgs /var/run/reboot-required
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
`

async function makeApt(roots: RealRoots, node: string, folder: string, leftOut: readonly string[]): Promise<void> {
  const { sources, first } = await makeDebRepository(folder)
  await send(roots, node, folder)
  await must(roots, node, `${CALM}\ncat >/etc/apt/sources.list`, [], sources(REPOSITORY))
  // Apart from packages, what apt keeps is the index: each node would write the same caches again.
  const conf = 'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
  await must(roots, node, 'cat >/etc/apt/apt.conf.d/99samples && apt-get -q update', [], conf)
  await must(roots, node, `cd ${REPOSITORY} && dpkg --install "$@"`, without(first, leftOut))
}

/** Looks like Amazon Linux to whoever asks /etc/os-release; only the samples and what stands for the distribution are in its database. */
const AMAZON = 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\nPRETTY_NAME="Amazon Linux 2023"\n'
/** As Amazon Linux 2023 has it, but for the signatures. */
const DNF = '[main]\ngpgcheck=0\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n'
const DEBIAN_TOOLS = ['apt', 'apt-get', 'apt-cache', 'apt-mark', 'dpkg', 'dpkg-query', 'dpkg-deb']

async function makeDnf(roots: RealRoots, node: string, folder: string, leftOut: readonly string[]): Promise<void> {
  const { sources, first } = await makeRpmRepository(folder)
  await send(roots, node, folder)
  await must(roots, node, `${CALM}\nrm -f /etc/os-release && cat >/etc/os-release`, [], AMAZON)
  await must(roots, node, 'cd /usr/bin && rm -f "$@"', DEBIAN_TOOLS)
  await must(
    roots,
    node,
    'mkdir -p /etc/yum.repos.d && rm -f /etc/yum.repos.d/* && cat >/etc/yum.repos.d/samples.repo',
    [],
    sources(REPOSITORY),
  )
  await must(roots, node, 'mkdir -p /etc/dnf && cat >/etc/dnf/dnf.conf', [], DNF)
  await must(roots, node, 'rm -rf /var/lib/rpm /var/lib/dnf /var/cache/dnf && mkdir -p /var/lib/rpm && rpm --initdb')
  await must(roots, node, `cd ${REPOSITORY} && rpm --install --force-debian "$@"`, without(first, leftOut))
  await must(roots, node, 'dnf -q makecache')
}

/** Package files but those of some names. */
const without = (files: readonly string[], names: readonly string[]): readonly string[] =>
  files.filter((file) => !names.some((name) => file.includes(`/${name}_`) || file.includes(`/${name}-`)))

/** Brings the repository to the node: nothing of the machine is mounted there. */
async function send(roots: RealRoots, node: string, folder: string): Promise<void> {
  const packed = await programBytes('tar', ['--create', '--directory', folder, '.'])
  await must(
    roots,
    node,
    `mkdir -p ${REPOSITORY} && tar --extract --no-same-owner --directory ${REPOSITORY} && chmod 755 ${REPOSITORY}`,
    [],
    packed,
  )
}

async function must(
  roots: RealRoots,
  node: string,
  script: string,
  words: readonly string[] = [],
  stdin: string | Buffer = '',
): Promise<void> {
  const { exit, stdout, stderr } = await roots.run(node, ['sh', '-euc', script, 'sh', ...words], {
    stdin,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (exit !== 0) throw new ImageFailed(`${script.trim()}: exit ${String(exit)}: ${`${stdout}\n${stderr}`.trim().slice(-600)}`)
}
