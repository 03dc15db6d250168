import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeSampleFile } from './deb-repository.ts'
import { program } from './program.ts'
import { isInstalled, type Sample, SAMPLES, type SampleVersion } from './samples.ts'

/** A dnf repository on this machine's disk, with advisories. */
export type RpmRepository = Readonly<{
  folder: string
  /** The text of a file in /etc/yum.repos.d, once the folder stands at `at`. */
  sources: (at: string) => string
  /** The files, in the folder, of the versions that nodes begin with. */
  first: readonly string[]
}>

type Made = Readonly<{ sample: Sample; version: SampleVersion; file: string }>

/** What these nodes stand on instead of a distribution: what scriptlets and dnf ask for, without a file of its own. */
const BASE: Sample = {
  name: 'system-release',
  native: false,
  does: 'stands for the distribution',
  versions: [{ epoch: 0, version: '2023.8.20260602', release: '0.amzn2023', advisory: null, files: [] }],
}
const BASE_PROVIDES = ['/bin/sh', 'system-release(releasever) = 2023']

/** Makes the samples into .rpm files, their index and updateinfo. Needs rpmbuild, createrepo_c and modifyrepo_c. @throws ProgramFailed */
export async function makeRpmRepository(folder: string): Promise<RpmRepository> {
  await mkdir(join(folder, 'Packages'), { recursive: true })
  const made: Made[] = []
  for (const sample of [BASE, ...SAMPLES]) for (const version of sample.versions) made.push(await make(folder, sample, version))
  const forgotten = made
    .filter(({ version }) => version.forgotten === true)
    .flatMap(({ file }) => ['--excludes', file.replace(/^.*\//, '')])
  await program('createrepo_c', ['--quiet', '--no-database', '--simple-md-filenames', ...forgotten, '.'], folder)
  await writeFile(join(folder, 'updateinfo.xml'), updateinfo(made))
  await program('modifyrepo_c', ['--simple-md-filenames', 'updateinfo.xml', 'repodata'], folder)
  await rm(join(folder, 'updateinfo.xml'))
  for (const { version, file } of made)
    if (version.corrupt === true) await program('sh', ['-c', 'printf x >>"$1"', 'sh', join(folder, file)])
  return {
    folder,
    sources: (at) => `[samples]\nname=Samples\nbaseurl=file://${at}\nenabled=1\ngpgcheck=0\nmetadata_expire=0\n`,
    first: made.filter(({ sample, version }) => isInstalled(sample) && version.advisory === null).map(({ file }) => file),
  }
}

async function make(folder: string, sample: Sample, version: SampleVersion): Promise<Made> {
  const build = join(folder, 'build')
  await mkdir(join(build, 'root'), { recursive: true })
  for (const file of version.files) await writeSampleFile(join(build, 'files'), file)
  await writeFile(join(build, 'sample.spec'), specOf(sample, version, join(build, 'files')))
  const settings = [
    `_topdir ${build}`,
    `_rpmdir ${build}/out`,
    '_build_id_links none',
    '_binary_payload w1.gzdio',
    '__os_install_post %{nil}',
  ]
  const defines = settings.flatMap((setting) => ['--define', setting])
  const target = sample.native ? [] : ['--target', 'noarch']
  await program('rpmbuild', ['--quiet', '-bb', ...defines, ...target, join(build, 'sample.spec')])
  const [found = ''] = (await readdir(join(build, 'out'), { recursive: true })).filter((name) => name.endsWith('.rpm'))
  const file = `Packages/${found.replace(/^.*\//, '')}`
  await program('mv', [join(build, 'out', found), join(folder, file)])
  await rm(build, { recursive: true })
  return { sample, version, file }
}

function specOf({ name, native, does }: Sample, version: SampleVersion, tree: string): string {
  const { epoch, files, requires = [], conflicts = [], before, after, beforeRemoval } = version
  const scriptlet = (head: string, body: string | undefined) => (body === undefined ? [] : [head, escaped(body), ''])
  const provides = name === BASE.name ? BASE_PROVIDES : []
  return [
    `Name: ${name}`,
    ...(epoch === 0 ? [] : [`Epoch: ${String(epoch)}`]),
    `Version: ${version.version}`,
    `Release: ${version.release}`,
    `Summary: a package that ${does}`,
    'License: Apache-2.0',
    ...(native ? [] : ['BuildArch: noarch']),
    'AutoReqProv: no',
    ...requires.map((one) => `Requires: ${one}`),
    ...conflicts.map((one) => `Conflicts: ${one}`),
    ...provides.map((one) => `Provides: ${one}`),
    '%description',
    `A package that ${does}.`,
    '%install',
    ...files.flatMap(({ path }) => [
      `mkdir -p "%{buildroot}${dirname(path)}"`,
      `cp -p --sparse=always "${tree}${path}" "%{buildroot}${path}"`,
    ]),
    ...scriptlet('%pre', before),
    ...scriptlet('%post', after),
    ...scriptlet('%preun', beforeRemoval),
    '%files',
    '%defattr(-,root,root)',
    ...files.map(({ path, config }) => `${config === true ? '%config(noreplace) ' : ''}${path}`),
    '',
  ].join('\n')
}

/** rpmbuild reads % as the beginning of a macro. */
const escaped = (shell: string): string => shell.replaceAll('%', '%%')

function updateinfo(made: readonly Made[]): string {
  const updates = made.flatMap(({ sample, version, file }) => {
    const { advisory, epoch } = version
    if (!advisory) return []
    const references = advisory.cves.map((cve) => `<reference href="https://example.com/${cve}" id="${cve}" type="cve" title="${cve}"/>`)
    const arch = /\.([a-z0-9_]+)\.rpm$/.exec(file)?.[1] ?? 'noarch'
    const versions = `name="${sample.name}" version="${version.version}" release="${version.release}" epoch="${String(epoch)}" arch="${arch}"`
    return [
      `<update from="samples@example.com" status="final" type="${advisory.kind}" version="1"><id>${advisory.id}</id>`,
      `<title>${sample.name}</title><issued date="${advisory.releasedAt}"/><updated date="${advisory.releasedAt}"/>`,
      `<severity>${advisory.severity}</severity><description>a package that ${sample.does}</description>`,
      `<references>${references.join('')}</references><pkglist><collection short="samples"><name>samples</name>`,
      `<package ${versions}><filename>${file.replace(/^.*\//, '')}</filename></package></collection></pkglist></update>`,
    ]
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<updates>\n${updates.join('\n')}\n</updates>\n`
}
