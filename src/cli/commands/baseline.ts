import { instant, isoSeconds } from '../../kit/instant.ts'
import { PatchwaveError } from '../../kit/error.ts'
import type { StoredBaseline } from '../../core/plan/baseline.ts'
import { readHeader } from '../../core/plan/packing-read.ts'
import type { Quarantined } from '../../core/plan/quarantine.ts'
import { logByHand } from '../../engine/by-hand.ts'
import { APPROVED, approvedVersion, baselineHistory, labelApproved, readBaseline } from '../../engine/shelf.ts'
import type { World } from '../../engine/world.ts'
import type { Session } from '../app.ts'
import { argOf, countOf, REASON, textOf, using, type Call, type CommandSpec, type OptionSpec } from '../call.ts'
import { EXIT, usage } from '../exit.ts'
import { counted, plain, table, when } from '../render/text.ts'

const VERSION: OptionSpec = { flags: '--version <n>', means: 'this version instead of the approved one' }
/** Parameter Store counts versions from 1 and keeps the last hundred. */
const VERSION_MAX = 1_000_000_000

type Row = Readonly<{ path: string; account: string; image: string; run: string; newest: Stored; approved: Stored | null }>
type Stored = Readonly<{ version: number; storedAt: string }>

/** What is stored and what is approved, per account and image. */
export const baselineList: CommandSpec = {
  path: 'baseline list',
  summary: 'baselines: what is stored and what is approved, per account and image',
  options: [{ flags: '--below <path>', means: 'where they are kept (default: /patchwave)' }],
  example: 'baseline list --below /patchwave/monthly-linux-security',
  output: 'document',
  run: (call) =>
    using(call.app.openSession(call.common), async ({ world }) => {
      const rows = await rowsBelow(world, textOf(call, 'below') ?? '/patchwave', call.app.io.signal)
      const { io } = call.app
      if (call.common.json) io.out(JSON.stringify({ baselines: rows }))
      else if (rows.length === 0) io.out('no baseline is stored; `patchwave run` tests one')
      else for (const line of table([['account', 'image', 'approved', 'newest', 'stored', 'path'], ...rows.map(cells)])) io.out(line)
      return EXIT.done
    }),
}

const cells = ({ path, account, image, newest, approved }: Row): string[] => [
  account,
  plain(image),
  approved === null ? 'none' : `:${String(approved.version)}`,
  `:${String(newest.version)}`,
  newest.storedAt,
  path,
]

async function rowsBelow(world: World, path: string, signal: AbortSignal): Promise<Row[]> {
  const rows: Row[] = []
  for await (const { path: name, value, version, storedAt } of world.parameters.below(world.home, path, signal)) {
    const header = name.endsWith(MANIFEST) ? readHeader(value) : 'a part'
    if (typeof header === 'string') continue
    const approved = await world.parameters.get(world.home, name, APPROVED, signal)
    rows.push({
      path: name.slice(0, -MANIFEST.length),
      account: header.account,
      image: header.image,
      run: header.run,
      newest: { version, storedAt: isoSeconds(storedAt) },
      approved: approved ? { version: approved.version, storedAt: isoSeconds(approved.storedAt) } : null,
    })
  }
  return rows.sort((a, b) => (a.path < b.path ? -1 : 1))
}

const MANIFEST = '/manifest'

/** One baseline: its patches and who tested them. */
export const baselineShow: CommandSpec = {
  path: 'baseline show',
  arguments: '<path>',
  summary: 'the patches of a baseline and the trial behind it',
  options: [VERSION],
  example: 'baseline show /patchwave/monthly-linux-security/222222222222/ami-0abc',
  output: 'document',
  run: (call) =>
    using(call.app.openSession(call.common), async ({ world }) => {
      const path = argOf(call, 0, 'the path')
      const stored = await wanted(world, path, countOf(call, 'version', 1, VERSION_MAX) ?? APPROVED, call.app.io.signal)
      const { io } = call.app
      if (call.common.json)
        io.out(
          JSON.stringify({
            ...stored,
            storedAt: isoSeconds(stored.storedAt),
            baseline: {
              ...stored.baseline,
              provenance: { ...stored.baseline.provenance, testedAt: isoSeconds(stored.baseline.provenance.testedAt) },
            },
          }),
        )
      else for (const line of baselineLines(stored)) io.out(line)
      return EXIT.done
    }),
}

function baselineLines({ baseline, path, version, digest, storedAt }: StoredBaseline): string[] {
  const { run, nodes, checks, testedAt } = baseline.provenance
  const rows = baseline.patches.map((one) => [
    plain(one.name),
    one.arch,
    plain(one.version),
    plain(one.severity),
    one.cves.slice(0, 3).map(plain).join(' '),
  ])
  return [
    `${path}:${String(version)}  stored ${when(storedAt)}  ${digest}`,
    `tested ${when(testedAt)} by run ${run} on ${counted(nodes.length, 'node')}${checks.length > 0 ? `, checks ${checks.map(plain).join(', ')}` : ''}`,
    ...table(rows),
    ...quarantineLines(baseline.quarantined ?? []),
  ]
}

/** What later trials leave out, why, and which trial found out. */
function quarantineLines(quarantined: readonly Quarantined[]): string[] {
  if (quarantined.length === 0) return []
  const rows = quarantined.map((one) => [
    plain(one.name),
    one.arch,
    plain(one.version),
    `${plain(one.why)}; ${when(one.at)}, run ${one.run}`,
  ])
  return ['', 'quarantined', ...table(rows)]
}

async function wanted(world: World, path: string, selector: number | string, signal: AbortSignal): Promise<StoredBaseline> {
  const stored = await readBaseline(world, path, selector, signal)
  if (stored) return stored
  const what = selector === APPROVED ? 'has no approved version' : `has no version ${String(selector)}`
  throw new PatchwaveError('aws.missing', `the baseline ${path} ${what}`, {
    hint: 'see `patchwave baseline list` and `patchwave baseline history PATH`',
  })
}

/** What two versions of a baseline have, and the other has not. */
export const baselineDiff: CommandSpec = {
  path: 'baseline diff',
  arguments: '<path>',
  summary: 'what changes between two versions of a baseline (default: from the approved to the newest)',
  options: [
    { flags: '--old <n>', means: 'the version to compare from' },
    { flags: '--new <n>', means: 'the version to compare to' },
  ],
  example: 'baseline diff /patchwave/monthly-linux-security/222222222222/ami-0abc --old 3 --new 4',
  output: 'document',
  run: (call) =>
    using(call.app.openSession(call.common), async ({ world }) => {
      const { io } = call.app
      const path = argOf(call, 0, 'the path')
      const newest = (await baselineHistory(world, path, io.signal)).at(-1)?.version ?? 1
      const old = await wanted(world, path, countOf(call, 'old', 1, VERSION_MAX) ?? APPROVED, io.signal)
      const next = await wanted(world, path, countOf(call, 'new', 1, VERSION_MAX) ?? newest, io.signal)
      const diff = differences(old, next)
      if (call.common.json) io.out(JSON.stringify({ path, old: old.version, new: next.version, ...diff }))
      else for (const line of diffLines(old, next, diff)) io.out(line)
      return EXIT.done
    }),
}

type Difference = Readonly<{
  added: readonly Named[]
  removed: readonly Named[]
  changed: readonly Readonly<{ name: string; arch: string; old: string; new: string }>[]
  /** Quarantined in the new version and not in the old one, and the other way round. */
  quarantined: readonly Named[]
  released: readonly Named[]
}>
type Named = Readonly<{ name: string; arch: string; version: string }>

/** Patches by name and architecture: those only one side has, and those whose version differs. */
export function differences(old: Pick<StoredBaseline, 'baseline'>, next: Pick<StoredBaseline, 'baseline'>): Difference {
  const key = (one: Named): string => `${one.name} ${one.arch}`
  const byKey = (from: typeof old): Map<string, Named> =>
    new Map(from.baseline.patches.map(({ name, arch, version }) => [key({ name, arch, version }), { name, arch, version }]))
  const [left, right] = [byKey(old), byKey(next)]
  const changed = [...right.values()].flatMap((one) => {
    const before = left.get(key(one))
    return before === undefined || before.version === one.version
      ? []
      : [{ name: one.name, arch: one.arch, old: before.version, new: one.version }]
  })
  return {
    added: [...right.values()].filter((one) => !left.has(key(one))),
    removed: [...left.values()].filter((one) => !right.has(key(one))),
    changed,
    quarantined: quarantinedOnly(next, old),
    released: quarantinedOnly(old, next),
  }
}

/** Exact versions that one version of a baseline keeps out and another does not. */
function quarantinedOnly(one: Pick<StoredBaseline, 'baseline'>, other: Pick<StoredBaseline, 'baseline'>): Named[] {
  const exact = ({ name, arch, version }: Named): string => `${name} ${arch} ${version}`
  const there = new Set((other.baseline.quarantined ?? []).map(exact))
  return (one.baseline.quarantined ?? [])
    .filter((row) => !there.has(exact(row)))
    .map(({ name, arch, version }) => ({ name, arch, version }))
}

function diffLines(old: StoredBaseline, next: StoredBaseline, { added, removed, changed, quarantined, released }: Difference): string[] {
  const rows = [
    ...added.map((one) => ['+', one.name, one.arch, one.version]),
    ...removed.map((one) => ['-', one.name, one.arch, one.version]),
    ...changed.map((one) => ['~', one.name, one.arch, `${one.old} → ${one.new}`]),
    ...quarantined.map((one) => ['quarantined', one.name, one.arch, one.version]),
    ...released.map((one) => ['released', one.name, one.arch, one.version]),
  ]
  const head = `${old.path}: version ${String(old.version)} to ${String(next.version)}`
  return [rows.length === 0 ? `${head}: no patch differs` : head, ...table(rows.map((row) => row.map(plain)))]
}

/** All versions of a baseline that Parameter Store still has. */
export const baselineHistoryOf: CommandSpec = {
  path: 'baseline history',
  arguments: '<path>',
  summary: 'all kept versions of a baseline, oldest first',
  example: 'baseline history /patchwave/monthly-linux-security/222222222222/ami-0abc',
  output: 'document',
  run: (call) =>
    using(call.app.openSession(call.common), async ({ world }) => {
      const { io } = call.app
      const path = argOf(call, 0, 'the path')
      const found = (await baselineHistory(world, path, io.signal)).map(({ version, storedAt, labels, value }) => {
        const header = readHeader(value)
        const tested =
          typeof header === 'string'
            ? { unreadable: header }
            : {
                run: header.run,
                testedAt: isoSeconds(instant(header.testedAt)),
                digest: header.digest,
                quarantined: header.quarantined,
              }
        return { version, storedAt: isoSeconds(storedAt), approved: labels.includes(APPROVED), ...tested }
      })
      if (found.length === 0)
        throw new PatchwaveError('aws.missing', `there is no baseline ${path}`, { hint: 'see `patchwave baseline list`' })
      if (call.common.json) io.out(JSON.stringify({ path, versions: found }))
      else
        for (const line of table(
          found.map((one) => [
            `:${String(one.version)}`,
            one.storedAt,
            one.approved ? APPROVED : '',
            one.run ?? one.unreadable ?? '',
            (one.quarantined ?? 0) > 0 ? `${String(one.quarantined)} quarantined` : '',
          ]),
        ))
          io.out(line)
      return EXIT.done
    }),
}

/** Makes an older version the approved one again. */
export const baselineRevert: CommandSpec = {
  path: 'baseline revert',
  arguments: '<path>',
  summary: 'make an older version the approved one again; the next plans pin it',
  options: [{ flags: '--to <n>', means: 'the version to go back to', required: true }, REASON],
  example: "baseline revert /patchwave/monthly-linux-security/222222222222/ami-0abc --to 3 --reason 'openssl breaks our proxy'",
  output: 'document',
  run: (call) => using(call.app.openSession(call.common), (session) => revert(call, session)),
}

async function revert(call: Call, session: Session): Promise<number> {
  const { io } = call.app
  const { world } = session
  const path = argOf(call, 0, 'the path')
  const version = countOf(call, 'to', 1, VERSION_MAX)
  if (version === undefined) throw usage('--to is missing', 'name the version to go back to')
  const { digest } = await wanted(world, path, version, io.signal) // What does not verify must not become the approved one.
  const from = await approvedVersion(world, path, io.signal)
  const actor = await session.actor()
  const reason = textOf(call, 'reason') ?? ''
  await logByHand(world, { type: 'BaselineRevertAsked', path, from, to: version, digest, reason }, actor)
  await labelApproved(world, path, version, io.signal)
  await logByHand(world, { type: 'BaselineReverted', path, to: version }, actor)
  if (call.common.json) io.out(JSON.stringify({ path, approved: version }))
  else io.out(`${path}:${String(version)} is the approved one now`)
  return EXIT.done
}
