import { parseShare } from '../../kit/duration.ts'
import { plain, spoken } from '../../kit/schema.ts'
import { each, type Finding, type Found } from './finding.ts'
import { recordOf } from './references.ts'

/** Each limit says one thing, once, and a wave's limits are no looser than the runbook's. */
export function disruptionFindings(root: unknown): readonly Finding[] {
  const everywhere = each(root, '/disruption/*')
  const waves = each(root, '/waves/*').map(({ pointer }) => each(root, `${pointer}/disruption/*`))
  return [everywhere, ...waves]
    .flatMap((limits) => [...limits.flatMap(formFindings), ...duplicates(limits)])
    .concat(waves.flat().flatMap((limit) => looserThan(limit, everywhere)))
}

function formFindings({ pointer, value }: Found): readonly Finding[] {
  const { per, atMost, oneAtATime } = recordOf(value)
  if (per === undefined || (atMost === undefined) !== (oneAtATime === undefined)) return []
  const message = atMost === undefined ? `${spoken(pointer)} says no number` : `${spoken(pointer)} says both \`atMost\` and \`oneAtATime\``
  return [{ pointer, kind: 'contradiction', message, hint: 'say either `atMost: 1` or `oneAtATime: true`; for both, write two limits' }]
}

function duplicates(limits: readonly Found[]): readonly Finding[] {
  const seen = new Set<string>()
  return limits.flatMap(({ pointer, value }) => {
    const { per, oneAtATime } = recordOf(value)
    const key = `${String(per)} ${String(oneAtATime === true)}`
    if (typeof per !== 'string' || !seen.has(key)) {
      seen.add(key)
      return []
    }
    return [
      {
        pointer: `${pointer}/per`,
        kind: 'duplicate-name',
        message: `a limit per ${per} stands above already`,
        hint: 'keep the tighter one',
      } as const,
    ]
  })
}

/** A count and a share cannot be compared before the fleet is known; there the plan takes the tighter one of the two. */
function looserThan(limit: Found, everywhere: readonly Found[]): readonly Finding[] {
  const { per, atMost } = recordOf(limit.value)
  const rules = everywhere.map(({ value }) => recordOf(value)).filter((rule) => rule['per'] === per)
  if (atMost === undefined || rules.length === 0) return []
  const numbers = rules.filter((rule) => rule['atMost'] !== undefined)
  const looser = numbers.find((rule) => exceeds(atMost, rule['atMost']))
  const against = looser ? `atMost: ${plain(looser['atMost'])}` : 'oneAtATime'
  if (!looser && numbers.length > 0) return []
  const message = `${spoken(limit.pointer)} allows ${plain(atMost)} per ${plain(per)}, the runbook says \`${against}\``
  return [
    {
      pointer: `${limit.pointer}/atMost`,
      kind: 'loosened-limit',
      message,
      hint: 'a wave may only tighten: use a smaller number, or leave it out',
    },
  ]
}

function exceeds(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a > b
  if (typeof a !== 'string' || typeof b !== 'string') return false
  return (parseShare(a) ?? 0) > (parseShare(b) ?? 100)
}
