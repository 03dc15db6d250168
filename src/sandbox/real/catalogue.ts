import type { Catalogue } from '../nodes/catalogue/catalogue.ts'
import type { Family } from './images.ts'
import { SAMPLES, versionText } from './samples.ts'

/** The samples are older than any fleet. */
const DAYS_BEFORE = 30

const CLASSIFICATIONS = { security: 'Security', bugfix: 'Bugfix', enhancement: 'Enhancement' } as const

/** What real nodes of a family begin with, as an image of it showed, and what their repository has: for the services that ask no node. */
export function sampleCatalogue(family: Family, installed: ReadonlyMap<string, string>): Catalogue {
  const style = family === 'apt' ? 'deb' : 'rpm'
  const keys = new Map([...installed.keys()].map((key) => [key.slice(0, key.lastIndexOf('.')), key]))
  const advisories = SAMPLES.flatMap(({ name, versions }) =>
    versions.flatMap((version) => {
      const key = keys.get(name)
      const { advisory } = version
      if (!advisory || key === undefined) return []
      const { id, kind, cves } = advisory
      // Debs have no advisories: only their archive says that it is one for security.
      const severity = style === 'rpm' ? advisory.severity : ''
      const row = { id, classification: CLASSIFICATIONS[kind], severity, daysBefore: DAYS_BEFORE, cves }
      return [{ ...row, keys: [key], version: versionText(version, style) }]
    }),
  )
  return { family: style, kernelKey: 'kernel.none', installed, advisories, needs: [] }
}
