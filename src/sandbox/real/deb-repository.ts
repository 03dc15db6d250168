import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { program } from './program.ts'
import { isInstalled, type Sample, type SampleFile, SAMPLES, type SampleVersion, versionText } from './samples.ts'

/** An apt repository on this machine's disk. */
export type DebRepository = Readonly<{
  folder: string
  architecture: string
  /** `sources.list` lines, once the folder stands at `at`. */
  sources: (at: string) => string
  /** The files, in the folder, of the versions that nodes begin with. */
  first: readonly string[]
}>

type Made = Readonly<{ sample: Sample; version: SampleVersion; file: string; stanza: string }>

const MAINTAINER = 'Patchwave samples <samples@example.com>'
/** Of the index and its pockets, named as Debian names its own. */
const [CODENAME, COMPONENT] = ['samples', 'main']
const DATE = 'Tue, 02 Jun 2026 12:00:00 UTC'

/** Makes the samples into .deb files and an index of two pockets, the second for security. Needs dpkg-deb. @throws ProgramFailed */
export async function makeDebRepository(folder: string): Promise<DebRepository> {
  const architecture = (await program('dpkg', ['--print-architecture'])).trim()
  await mkdir(join(folder, 'pool'), { recursive: true })
  const made: Made[] = []
  for (const sample of SAMPLES) for (const version of sample.versions) made.push(await make(folder, architecture, sample, version))
  const indexed = made.filter(({ version }) => version.forgotten !== true)
  for (const pocket of POCKETS)
    await writePocket(
      folder,
      architecture,
      pocket,
      indexed.filter(({ version }) => pocket.takes(version)),
    )
  return {
    folder,
    architecture,
    sources: (at) => POCKETS.map(({ suffix }) => `deb [trusted=yes] file://${at} ${CODENAME}${suffix} ${COMPONENT}\n`).join(''),
    first: made.filter(({ sample, version }) => isInstalled(sample) && version.advisory === null).map(({ file }) => file),
  }
}

const isSecurity = ({ advisory }: SampleVersion): boolean => advisory?.kind === 'security'

type Pocket = Readonly<{ suffix: string; label: string; takes: (version: SampleVersion) => boolean }>

const POCKETS: readonly Pocket[] = [
  { suffix: '', label: 'Debian', takes: (version) => !isSecurity(version) },
  { suffix: '-security', label: 'Debian-Security', takes: isSecurity },
]

async function make(folder: string, native: string, sample: Sample, version: SampleVersion): Promise<Made> {
  const architecture = sample.native ? native : 'all'
  const text = versionText(version, 'deb')
  const file = `pool/${sample.name}_${text.replace(/^\d+:/, '')}_${architecture}.deb`
  const tree = join(folder, 'tree')
  const control = controlOf(sample, version, architecture, text)
  await mkdir(join(tree, 'DEBIAN'), { recursive: true })
  await writeFile(join(tree, 'DEBIAN/control'), `${control}\n`)
  for (const [script, body] of scriptsOf(version)) await writeFile(join(tree, 'DEBIAN', script), body, { mode: 0o755 })
  const configs = version.files.filter(({ config }) => config === true)
  if (configs.length > 0) await writeFile(join(tree, 'DEBIAN/conffiles'), configs.map(({ path }) => `${path}\n`).join(''))
  for (const one of version.files) await writeSampleFile(tree, one)
  await program('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', tree, join(folder, file)])
  await rm(tree, { recursive: true })
  const bytes = await readFile(join(folder, file))
  const sum = version.corrupt === true ? '0'.repeat(64) : createHash('sha256').update(bytes).digest('hex')
  return { sample, version, file, stanza: `${control}\nFilename: ${file}\nSize: ${String(bytes.length)}\nSHA256: ${sum}\n` }
}

function controlOf(
  { name, does }: Sample,
  { files, requires = [], conflicts = [] }: SampleVersion,
  architecture: string,
  text: string,
): string {
  const bytes = files.reduce((sum, file) => sum + (file.zeroBytes ?? file.text?.length ?? 0), 0)
  return [
    `Package: ${name}`,
    `Version: ${text}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    'Section: misc',
    'Priority: optional',
    `Installed-Size: ${String(Math.ceil(bytes / 1_024))}`,
    ...(requires.length > 0 ? [`Depends: ${requires.map(relation).join(', ')}`] : []),
    ...(conflicts.length > 0 ? [`Conflicts: ${conflicts.join(', ')}`] : []),
    `Description: a package that ${does}`,
  ].join('\n')
}

const relation = (text: string): string => text.replace(/^(\S+) (>=) (\S+)$/, '$1 ($2 $3)')

/** A postinst runs for more than the configuring; the others fail or pass whatever they are called for. */
function scriptsOf({ before, after, beforeRemoval }: SampleVersion): readonly (readonly [name: string, body: string])[] {
  const all = [
    ['preinst', before, ''],
    ['postinst', after, '[ "$1" = configure ] || exit 0\n'],
    ['prerm', beforeRemoval, ''],
  ] as const
  return all.flatMap(([name, body, guard]) => (body === undefined ? [] : [[name, `#!/bin/sh\n${guard}${body}\n`] as const]))
}

/** Writes one file of a package under a folder; zeros take no room there. */
export async function writeSampleFile(tree: string, { path, text = '', zeroBytes, executable }: SampleFile): Promise<void> {
  const file = join(tree, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text, { mode: executable === true ? 0o755 : 0o644 })
  if (zeroBytes !== undefined) await truncate(file, zeroBytes)
}

async function writePocket(folder: string, architecture: string, { suffix, label }: Pocket, made: readonly Made[]): Promise<void> {
  const dist = join(folder, 'dists', `${CODENAME}${suffix}`)
  const path = `${COMPONENT}/binary-${architecture}`
  const index = Buffer.from(made.map(({ stanza }) => `${stanza}\n`).join(''))
  const files = [[`${path}/Packages`, index] as const, [`${path}/Packages.gz`, gzipSync(index)] as const]
  await mkdir(join(dist, path), { recursive: true })
  for (const [name, bytes] of files) await writeFile(join(dist, name), bytes)
  const sums = files.map(([name, bytes]) => ` ${createHash('sha256').update(bytes).digest('hex')} ${String(bytes.length)} ${name}`)
  const release = [
    'Origin: Debian',
    `Label: ${label}`,
    `Suite: ${CODENAME}${suffix}`,
    `Codename: ${CODENAME}${suffix}`,
    `Date: ${DATE}`,
    `Architectures: ${architecture} all`,
    `Components: ${COMPONENT}`,
    'SHA256:',
    ...sums,
  ]
  await writeFile(join(dist, 'Release'), `${release.join('\n')}\n`)
}
