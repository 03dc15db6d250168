import type { SimNode } from '../../model.ts'
import { AMAZON_LINUX_2 } from './amazon-linux-2.ts'
import { AMAZON_LINUX_2023 } from './amazon-linux-2023.ts'
import { DEBIAN, UBUNTU } from './debian.ts'

/** A distribution as tables of text: a line a row. A name without `.arch` has the platform's own architecture. */
export type CatalogueText = Readonly<{
  family: 'rpm' | 'deb'
  arch: string
  /** The package whose version is the kernel's. */
  kernel: string
  /** How old the oldest image's kernel is when the fleet begins; absent: as old as the rest. */
  kernelDaysBefore?: number
  /** `name version`: what the oldest image has. */
  installed: string
  /** `id | classification | severity | days before the fleet's start (negative: after) | CVEs | names… version`. */
  advisories: string
  /** `name version other-name other-version`: installing the first needs at least the second. */
  needs: string
}>

/** One package of one advisory. `key` is `name.arch`. */
export type AdvisoryRow = Readonly<{
  id: string
  classification: string
  severity: string
  daysBefore: number
  cves: readonly string[]
  keys: readonly string[]
  version: string
}>

/** A distribution, read. Keys are `name.arch`. */
export type Catalogue = Readonly<{
  family: 'rpm' | 'deb'
  kernelKey: string
  kernelDaysBefore?: number
  installed: ReadonlyMap<string, string>
  advisories: readonly AdvisoryRow[]
  needs: readonly Readonly<{ key: string; version: string; other: string; otherVersion: string }>[]
}>

/** What each platform has installed and what has been published for it since. */
export const CATALOGUES: Readonly<Record<SimNode['platform'], Catalogue>> = {
  'amazon-linux-2023': read(AMAZON_LINUX_2023),
  'amazon-linux-2': read(AMAZON_LINUX_2),
  ubuntu: read(UBUNTU),
  debian: read(DEBIAN),
}

function read(text: CatalogueText): Catalogue {
  const keyOf = (name: string): string => (/\.(noarch|all)$/.test(name) ? name : `${name}.${text.arch}`)
  return {
    family: text.family,
    kernelKey: keyOf(text.kernel),
    ...(text.kernelDaysBefore !== undefined && { kernelDaysBefore: text.kernelDaysBefore }),
    installed: new Map(rows(text.installed, ' ').map(([name = '', version = '']) => [keyOf(name), version])),
    advisories: rows(text.advisories, '|').map((row) => advisory(row, keyOf)),
    needs: rows(text.needs, ' ').map(([name = '', version = '', other = '', otherVersion = '']) => ({
      key: keyOf(name),
      version,
      other: keyOf(other),
      otherVersion,
    })),
  }
}

function advisory(row: readonly string[], keyOf: (name: string) => string): AdvisoryRow {
  const [id = '', classification = '', severity = '', days = '0', cves = '', packages = ''] = row
  const words = packages.split(' ')
  return {
    id,
    classification,
    severity,
    daysBefore: Number(days),
    cves: cves === '' ? [] : cves.split(' '),
    keys: words.slice(0, -1).map(keyOf),
    version: words.at(-1) ?? '',
  }
}

function rows(text: string, separator: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(separator).map((cell) => cell.trim()))
}
