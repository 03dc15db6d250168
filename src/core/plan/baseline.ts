import { PatchwaveError } from '../../kit/error.ts'
import type { Digest } from '../../kit/digest.ts'
import type { NodeId, RunId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import { canonicalDigest } from './canonical.ts'
import { byLine, bytewise, listDigest } from './list.ts'
import type { Patch } from './plan.ts'
import { distinct, type Quarantined } from './quarantine.ts'

/** The tested list for one account and image lineage: exact versions, and how they were tested. */
export type Baseline = Readonly<{
  /** 2: with something quarantined. */
  v: 1 | 2
  account: string
  /** Image lineage. */
  image: string
  patches: readonly Patch[]
  provenance: Provenance
  /** Versions that later trials do not try again; absent: none. */
  quarantined?: readonly Quarantined[]
}>

/** Which trial stands behind a baseline. */
export type Provenance = Readonly<{ run: RunId; plan: Digest; nodes: readonly NodeId[]; checks: readonly string[]; testedAt: Instant }>

/** A baseline as the store has it: `version` is the manifest's parameter version, `digest` that of the baseline. */
export type StoredBaseline = Readonly<{ baseline: Baseline; path: string; version: number; digest: Digest; storedAt: Instant }>

/** Where plans look a baseline up. */
export const baselineKey = (account: string, image: string): string => `${account}/${image}`

/** The baseline in its one form, patches and nodes in order, so that equal ones have equal digests. */
export function baselineOf(
  account: string,
  image: string,
  patches: readonly Patch[],
  provenance: Provenance,
  quarantined: readonly Quarantined[] = [],
): Baseline {
  const { nodes, checks } = provenance
  const sorted = { ...provenance, nodes: [...nodes].sort(bytewise), checks: [...checks].sort(bytewise) }
  const tested = { account, image, patches: patches.map(plain).sort(byLine), provenance: sorted }
  return quarantined.length === 0 ? { v: 1, ...tested } : { v: 2, ...tested, quarantined: distinct(quarantined).map(short).sort(byLine) }
}

function plain({ family, name, arch, version, advisories, cves, classification, severity, releasedAt }: Patch): Patch {
  const attributes = { advisories: [...new Set(advisories)].sort(bytewise), cves: [...new Set(cves)].sort(bytewise) }
  return { family, name, arch, version, ...attributes, classification, severity, releasedAt }
}

/** Characters of the evidence that a baseline keeps; the trial's journal has all of it. */
const WHY_CHARACTERS_MAX = 400

function short({ family, name, arch, version, as, why, run, at }: Quarantined): Quarantined {
  return { family, name, arch, version, as, why: why.slice(0, WHY_CHARACTERS_MAX), run, at }
}

/** SHA-256 over the whole baseline, provenance included. */
export const baselineDigest = (baseline: Baseline): Digest => canonicalDigest(baseline)

/** SHA-256 of its list text: equal lists install equal versions, whoever tested them. */
export const baselineList = (baseline: Baseline): Digest => listDigest(baseline.patches)

/**
 * Parameter path of a baseline: the runbook's template with `{runbook}`, `{account}` (the id) and `{image}` (the lineage) filled in.
 * @throws `runbook.invalid` when Parameter Store would refuse it: names of `a-zA-Z0-9_.-/`, 15 levels, 1,011 characters with the ARN, not
 * beginning with `aws` or `ssm` (Parameter Store, "About requirements and constraints for parameter names")
 */
export function baselinePath(template: string, names: Readonly<{ runbook: string; account: string; image: string }>): string {
  const path = template.replaceAll('{runbook}', names.runbook).replaceAll('{account}', names.account).replaceAll('{image}', names.image)
  const wrong = mistake(path)
  if (wrong !== undefined) {
    throw new PatchwaveError('runbook.invalid', `the baseline path "${path}" ${wrong}`, {
      hint: 'write it like /patchwave/{runbook}/{account}/{image}',
    })
  }
  return path
}

/** Characters of a path that leave room for `/manifest` and for the ARN's prefix in the 1,011 that AWS allows. */
const PATH_CHARACTERS_MAX = 900
/** Parameter Store allows 15 levels; the part's own name is one. */
const LEVELS_MAX = 14

function mistake(path: string): string | undefined {
  if (!/^(\/[A-Za-z0-9_.-]+)+$/.test(path)) return 'holds a character that Parameter Store does not take'
  if (/^\/(aws|ssm)/i.test(path)) return 'begins with aws or ssm'
  if (path.split('/').length - 1 > LEVELS_MAX) return `has more than ${String(LEVELS_MAX)} levels`
  return path.length > PATH_CHARACTERS_MAX ? `is longer than ${String(PATH_CHARACTERS_MAX)} characters` : undefined
}
