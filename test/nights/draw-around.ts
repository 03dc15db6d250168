import type { Random } from '../../src/kit/random.ts'
import { MINUTE, SECOND } from '../../src/kit/instant.ts'
import type { FleetGroup } from '../../src/sandbox/fleet-file.ts'
import type { Sections } from '../scenarios/documents.ts'
import { chance, pick, share } from './draw.ts'

/** What a night puts around its changes: how nodes serve, what the runbooks say of it, and what befalls the owner's scripts. */
export type Around = Readonly<{
  group: Partial<FleetGroup>
  sections: (index: number, sections: Sections) => Sections
  /** Lines of a fault file's `documents`. */
  documents: readonly string[]
}>

/** Buckets in which override lists are put, of both regions. */
export const BUCKETS = ['patchwave-lists-us-east-1', 'patchwave-lists-eu-west-1']

/** Of two nights one has nothing around its changes: the steps must not hide what goes wrong without them. */
export function aroundOf(random: Random): Around | null {
  if (chance(random, 0.5)) return null
  const target = { name: 'web', port: 80, drainMs: pick(random, [30 * SECOND, 5 * MINUTE]) }
  const group = {
    targetGroups: chance(random, 0.6) ? [target] : [],
    autoScaling: chance(random, 0.5) ? { name: 'web', min: pick(random, [0, 0, 2]), max: null } : null,
    stopped: pick(random, [0, 0, 0.3]),
  }
  const drawn = [sectionsOf(random), sectionsOf(random)]
  const fails = chance(random, 0.5) ? [`{ match: '*', ${pick(random, ['fails', 'hangs'])}: ${share(random, 5, 30)} }`] : []
  return { group, documents: fails, sections: (index, sections) => (drawn[index] ?? ((same: Sections) => same))(sections) }
}

/** Every part of the language around a change, each with its own odds. */
function sectionsOf(random: Random): (sections: Sections) => Sections {
  const hooks = hooksOf(random)
  const drain = pick(random, [
    '',
    '{ targetGroups: auto, autoScaling: standby }',
    '{ wait: 60s, autoScaling: leave }',
    '{ targetGroups: none }',
  ])
  const power = pick(random, ['{}', '{ stopped: start-and-restore }'])
  const backup = pick(random, ['', '', '{ method: snapshot, keep: 1d }'])
  const volumes = chance(random, 0.25)
  const kernel = pick(random, ['install', 'install', 'live-patch', 'hold'])
  const byPatchManager = kernel !== 'live-patch' && chance(random, 0.25)
  return (sections) => ({
    ...sections,
    hooks,
    drain,
    power,
    backup,
    ...(byPatchManager && { apply: '{ with: patch-manager }' }),
    patches: patchesOf(sections['patches'] ?? '', kernel, byPatchManager),
    ...(volumes && { rollback: (sections['rollback'] ?? '{ }').replace(/ }$/, ', method: root-volume }') }),
  })
}

/** Patch Manager never boots a node. */
function patchesOf(patches: string, kernel: string, byPatchManager: boolean): string {
  const calm = byPatchManager ? patches.replace(/reboot: [a-z-]+/, 'reboot: never') : patches
  return calm.replace(/ }$/, `, kernel: ${kernel} }`)
}

function hooksOf(random: Random): string {
  const names: readonly (readonly [key: string, failures: readonly string[]])[] = [
    ['beforeNode', ['skip-node', 'fail-node', 'stop-wave']],
    ['afterNode', ['fail-node', 'stop-wave']],
    ['onExit', ['fail-node', 'stop-wave']],
  ]
  const chosen = names.filter(() => chance(random, 0.5))
  return `{ ${chosen.map(([key, failures]) => `${key}: { script: /opt/app/bin/${key}, timeout: 2m, onFailure: ${pick(random, failures)} }`).join(', ')} }`
}
