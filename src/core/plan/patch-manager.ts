import { known } from '../../kit/assert.ts'
import type { NodeId } from '../../kit/ids.ts'
import { DAY, type Instant, type Ms } from '../../kit/instant.ts'
import { readMissing, type MissingPatch } from './classify.ts'
import { bytewise } from './list.ts'
import type { Patch } from './plan.ts'
import { plural } from './remarks.ts'

/** One row of Patch Manager's compliance data (DescribeInstancePatches). */
export type PatchSeen = Readonly<{
  title: string
  kbId: string
  classification: string
  severity: string
  state: string
  cves: readonly string[]
}>

/** Who wrote a node's compliance data last, and how many rows of it are missing or failed (DescribeInstancePatchStates). */
export type PatchDataSeen = Readonly<{
  node: NodeId
  patchGroup: string
  baselineId: string
  snapshotId: string
  /** `Scan` or `Install`. */
  operation: string
  /** When the last scan or installation ended; null: not told. */
  endedAt: Instant | null
  missing: number
  failed: number
}>

/**
 * Whether a row's state says that the patch is not on the node; `undefined` for a state that we do not know. The API's model writes
 * `INSTALLED_OTHER`, its answers `InstalledOther`.
 */
export function isLacking({ state }: PatchSeen): boolean | undefined {
  const word = state.replaceAll('_', '').toLowerCase()
  return STATES[word]
}

const STATES: Readonly<Record<string, boolean>> = {
  missing: true,
  failed: true,
  installed: false,
  installedother: false,
  installedpendingreboot: false,
  installedrejected: false,
  notapplicable: false,
  availablesecurityupdate: false,
}

/**
 * A row as a patch; `undefined` when it does not name one package at one exact version. Titles are `name.arch:epoch:version-release` (rpm),
 * `name.arch:version` (deb) or `name-version-release.arch`; ids are `name.arch`, sometimes without the architecture or with the version.
 */
export function readPatchRow(row: PatchSeen, family: Patch['family']): MissingPatch | undefined {
  const exact = exactOf(row.title.trim(), row.kbId.trim())
  const raw = {
    ...exact, // Without any of its three words it is refused below.
    version: exact && (family === 'rpm' ? rpmVersion(exact.version) : exact.version),
    advisories: [],
    cves: row.cves.flatMap((some) => some.split(/[\s,;]/)).filter((cve) => cve !== ''),
    classification: row.classification.trim(),
    // What stands there for a deb is its priority, which says how much a system needs the package and has the same words.
    severity: family === 'deb' ? '' : severityWord(row.severity.trim()),
  }
  return readMissing(raw, family)
}

/** Amazon Linux 2023 has Medium where advisories of others say Moderate; Patch Manager shows either. */
const severityWord = (word: string): string => (/^moderate$/i.test(word) ? 'Medium' : /^unspecified$/i.test(word) ? '' : word)

type Exact = Readonly<{ name: string; arch: string; version: string }>

function exactOf(title: string, kbId: string): Exact | undefined {
  const [first, second] = [colonForm(title), colonForm(kbId)]
  const found = first ?? second ?? dashForm(title, kbId)
  if (found === undefined) return undefined
  if (first && second && (first.version !== second.version || first.name !== second.name)) return undefined
  const [id = ''] = kbId.split(':')
  return id === '' || id === found.name || id === `${found.name}.${found.arch}` ? found : undefined
}

/** `name.arch:…`: names have no colon, so the first one ends the id. */
function colonForm(text: string): Exact | undefined {
  const colon = text.indexOf(':')
  const id = idOf(text.slice(0, Math.max(0, colon)))
  return id && { ...id, version: text.slice(colon + 1) }
}

/** `name-epoch:version-release.arch`, as `rpm -qa` writes it: only the id tells where the name ends. */
function dashForm(title: string, kbId: string): Exact | undefined {
  const id = idOf(kbId)
  if (id === undefined || !title.startsWith(`${id.name}-`) || !title.endsWith(`.${id.arch}`)) return undefined
  return { ...id, version: title.slice(id.name.length + 1, -id.arch.length - 1) }
}

/** The architectures that rpm and dpkg name: `python3.9` has none. */
const ARCHES =
  /^(.+)\.(noarch|x86_64|aarch64|i[3-6]86|ppc64le|s390x?|armv7hl|src|all|any|amd64|arm64|armhf|armel|ppc64el|mips64el|riscv64)$/

function idOf(text: string): Pick<Exact, 'name' | 'arch'> | undefined {
  const [, name, arch] = ARCHES.exec(text) ?? []
  return name === undefined || arch === undefined ? undefined : { name, arch }
}

/** rpm says `(none)` where there is no epoch, which is epoch 0; a version without a release is not exact. */
function rpmVersion(text: string): string | undefined {
  const version = text.replace(/^\(none\):/, '')
  return /^(\d+:)?[^:-]+-[^:-]+$/.test(version) ? version : undefined
}

/** What reading Patch Manager's data of a runbook's nodes has shown. */
export type PatchManagerRead = Readonly<{
  nodes: readonly Readonly<{ node: NodeId; account: string; region: string; platform: string }>[]
  data: ReadonlyMap<NodeId, PatchDataSeen>
  /** Rows that say nothing exact: how many, on how many nodes, and one of them. */
  unreadable: Readonly<{ rows: number; nodes: number; example: string }>
  at: Instant
}>

/** Associations scan once a day; with half an hour for the scan itself, what is older was missed. */
const FRESH_MS: Ms = DAY + DAY / 48

/** What a person must know before trusting lists that come from these data. */
export function patchManagerRemarks(read: PatchManagerRead): string[] {
  const { nodes, data, unreadable, at } = read
  const unscanned = nodes.filter(({ node }) => !data.has(node)).length
  const stale = nodes.filter(({ node }) => isStale(data.get(node), at)).length
  const example = unreadable.example === '' ? '' : ` (one is “${unreadable.example.slice(0, 80)}”)`
  return [
    ...(unscanned > 0
      ? [`${plural(unscanned, 'node')} without Patch Manager data: never scanned, nothing is known to be missing on ${them(unscanned)}`]
      : []),
    ...(stale > 0
      ? [`${plural(stale, 'node')} last scanned by Patch Manager more than a day ago: what ${they(stale)} may have changed`]
      : []),
    ...otherBaselines(read),
    ...(unreadable.rows > 0
      ? [
          `${plural(unreadable.rows, 'row')} of Patch Manager on ${plural(unreadable.nodes, 'node')} left out: no exact version can be read from ${them(unreadable.rows)}${example}`,
        ]
      : []),
  ]
}

const isStale = (data: PatchDataSeen | undefined, at: Instant): boolean =>
  data !== undefined && (data.endedAt === null || at - data.endedAt > FRESH_MS)

const them = (count: number): string => (count === 1 ? 'it' : 'them')
const they = (count: number): string => (count === 1 ? 'it misses' : 'they miss')

/** One patch group of a platform has one baseline: another one's scan has overwritten what the first one found. */
function otherBaselines({ nodes, data }: PatchManagerRead): string[] {
  const judged = nodes.flatMap((node) => {
    const seen = data.get(node.node)
    return seen === undefined ? [] : [{ ...node, ...seen }]
  })
  const groups = Map.groupBy(judged, ({ account, region, platform, patchGroup }) => `${account}/${region} ${platform} ${patchGroup}`)
  return [...groups]
    .sort(([a], [b]) => bytewise(a, b))
    .flatMap(([, members]) => {
      const ids = [...Map.groupBy(members, ({ baselineId }) => baselineId)]
      const [most, ...others] = ids.sort(([a, first], [b, second]) => second.length - first.length || bytewise(a, b))
      if (others.length === 0) return []
      const count = others.reduce((sum, [, some]) => sum + some.length, 0)
      const named = others.map(([id]) => id).join(', ')
      const { account, region, platform } = known(members[0], 'a member')
      const place = `${account}/${region} (${platform})`
      return [
        `${plural(count, 'node')} of ${place} last judged by patch baseline ${named}, not ${known(most, 'a baseline')[0]} as the rest: a scan by another one has overwritten the data`,
      ]
    })
}
