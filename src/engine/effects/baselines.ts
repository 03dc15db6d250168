import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { baselineOf, baselinePath } from '../../core/plan/baseline.ts'
import { listLine } from '../../core/plan/list.ts'
import type { Patch } from '../../core/plan/plan.ts'
import type { Quarantined } from '../../core/plan/quarantine.ts'
import type { Found as FoundCulprits } from '../../core/run/isolation.ts'
import { spoken } from '../../core/run/next-isolation.ts'
import { at, codeOf, planned, type RunState } from '../../core/run/state.ts'
import { listsOf } from '../lists.ts'
import { labelApproved, storeBaselineAt } from '../shelf.ts'
import { mayPass } from '../steps/trying.ts'
import type { World } from '../world.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** A store's turn. Parameter Store takes three writes a second; two writers would only be throttled. */
const turns = new WeakMap<World, Promise<unknown>>()

/** Stores the tested list of one image lineage for one account. */
export async function* storeBaseline(performing: Performing, effect: EffectOf<'store'>): Found {
  const { world, state } = performing
  const lineage = known(state.plan.trial?.lineages[effect.lineage], 'the lineage')
  const path = baselinePath(known(state.plan.trial, 'the trial').path, {
    runbook: state.plan.runbook.name,
    account: effect.account,
    image: lineage.image,
  })
  const names = { account: effect.account, image: lineage.image, path }
  try {
    const before = turns.get(world) ?? Promise.resolve()
    const turn = before.catch(() => undefined).then(() => stored(performing, effect, path))
    turns.set(world, turn)
    const { version, digest, written } = await turn
    yield [{ type: 'BaselineStored', ...names, version, digest, written }]
  } catch (error) {
    if (!(error instanceof PatchwaveError) || mayPass(error)) throw error
    yield [{ type: 'BaselineRefused', account: names.account, image: names.image, code: error.code, message: error.message }]
  }
}

async function stored({ world, state, signal }: Performing, effect: EffectOf<'store'>, path: string) {
  const trial = known(state.plan.trial, 'the trial')
  const lineage = known(trial.lineages[effect.lineage], 'the lineage')
  const lists = await listsOf(world, state)
  const base = lists.findIndex((one) => one.image === lineage.image)
  const whole = known(lists[base], `the list of ${lineage.image}`)
  const found = state.isolation?.lists[base]?.found ?? null
  const tested = lineage.nodes.filter((position) => provesList(state, position) && (found === null || state.isolation?.kept.has(position)))
  const list = found === null ? whole : known(lists[found.list], 'the rest of the list')
  const wave = state.waves.at(-1)
  const testedAt = known(wave?.decidedAt, 'the decision')
  const measure = found === null ? wave?.measure : state.measure
  const provenance = {
    run: state.run,
    plan: state.planDigest,
    nodes: tested.map((position) => planned(state, position).node),
    checks: [...(measure?.checks.keys() ?? [])],
    testedAt,
  }
  const quarantined = [...(whole.quarantined ?? []), ...newlyQuarantined(whole.patches, found, { run: state.run, at: testedAt })]
  return storeBaselineAt(world, path, baselineOf(effect.account, lineage.image, list.patches, provenance, quarantined), signal)
}

/** What this trial found to break nodes, and what cannot be installed without it. */
function newlyQuarantined(patches: readonly Patch[], found: FoundCulprits | null, by: Pick<Quarantined, 'run' | 'at'>): Quarantined[] {
  return patches.flatMap((patch): Quarantined[] => {
    const { family, name, arch, version } = patch
    const line = listLine(patch)
    const culprit = found?.culprits.indexOf(line) ?? -1
    const exact = { family, name, arch, version }
    if (culprit >= 0) return [{ ...exact, as: 'breaks', why: found?.why[culprit] ?? '', ...by }]
    const needs = found?.dependents.includes(line) === true
    return needs ? [{ ...exact, as: 'needs', why: `cannot be installed without ${found.culprits.map(spoken).join(', ')}`, ...by }] : []
  })
}

/** It was patched with the list, or needed nothing of it. */
const provesList = (state: RunState, position: number): boolean =>
  at(state.nodes.outcome, position) === codeOf('patched') || at(state.nodes.outcome, position) === codeOf('not-needed')

/** Puts the label on every baseline of this trial. Moving a label twice changes nothing. One that Parameter Store does not label is refused as one that it does not take. */
export async function* approveBaselines({ world, state, signal }: Performing): Found {
  let count = 0
  for (const [key, one] of state.stored) {
    if ('refused' in one) continue
    try {
      await labelApproved(world, one.path, one.version, signal)
    } catch (error) {
      if (!(error instanceof PatchwaveError) || mayPass(error)) throw error
      const [image, account] = [key.slice(0, key.lastIndexOf('@')), key.slice(key.lastIndexOf('@') + 1)]
      yield [{ type: 'BaselineRefused', account, image, code: error.code, message: error.message }]
      return
    }
    count += 1
  }
  yield [{ type: 'BaselinesApproved', count }]
}
