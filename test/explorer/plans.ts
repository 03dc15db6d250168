import { ACCOUNT, plan } from '../core/run/plan.ts'
import { BY_PATCH_MANAGER, DRAIN, hooks, STOPPED } from '../core/run/stepping.ts'
import { isolated, LINES as LIST } from '../core/run/walk-trial.ts'
import { DAY, MINUTE } from '../../src/kit/instant.ts'
import type { PlanContent } from '../../src/core/plan/plan.ts'

/** Two waves, 2 + 1 nodes, nothing may fail, a failed gate rolls back. */
export const plain: PlanContent = plan({ waves: [{ nodes: 2 }, { nodes: 1 }] })

/** One of two members of a cluster at a time, in the waves and on the way back. */
export const cluster: PlanContent = plan({
  groups: [{ atMost: 1 }],
  waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], gate: { failuresMax: 1 } }, { nodes: 1 }],
})

/** Two zones that take turns. */
export const turns: PlanContent = plan({
  groups: [
    { atMost: 2, set: 'zone' },
    { atMost: 2, set: 'zone' },
  ],
  waves: [{ nodes: [{ groups: [0] }, { groups: [1] }], gate: { failuresMax: 1 } }, { nodes: [{ groups: [0] }] }],
})

/** Never more than one failure, and a second attempt for what may pass. */
export const retrying: PlanContent = plan({
  waves: [{ nodes: 2, gate: { failuresMax: 0, hard: true } }, { nodes: 1 }],
  retry: { attempts: 2, on: ['lock-held', 'scriptlet-failed'] },
})

/** A gate that bakes and looks at the nodes, and rolls the whole run back when it fails. What a window leaves goes into the next one. */
export const checked: PlanContent = plan({
  unfinished: 'next-window',
  waves: [{ nodes: 1 }, { nodes: 1, gate: { bakeMs: 10 * MINUTE, checks: ['smoke'] } }],
  rollback: { on: 'gate-failed', scope: 'run', method: 'packages', outside: 'ask', failures: { kind: 'count', count: 0 }, failuresMax: 0 },
})

/** Scan, classify, install, store, have it approved. */
export const trial: PlanContent = plan({
  act: 'trial',
  waves: [{ nodes: [{ list: null }, { list: null }] }],
  trial: {
    lineages: [{ image: 'ami-1', nodes: [0, 1], accounts: [ACCOUNT] }],
    path: '/patchwave',
    approval: { group: 'leads', count: 1, expiresMs: DAY },
  },
})

/** One of two members of a cluster at a time, each out of its target groups and made quiet by a hook while it is changed. */
export const prepared: PlanContent = plan({
  groups: [{ atMost: 1 }],
  waves: [{ nodes: [{ groups: [0] }, { groups: [0] }], gate: { failuresMax: 1 } }],
  around: { ...hooks('before', 'exit'), drain: DRAIN },
})

/** Patch Manager installs, Patchwave verifies, and a hook follows. */
export const verified: PlanContent = plan({ waves: [{ nodes: 1 }, { nodes: 1 }], around: { ...hooks('after'), apply: BY_PATCH_MANAGER } })

/** A gate that bakes long enough for a late word to send a node on its way back. */
export const late: PlanContent = plan({
  waves: [{ nodes: 2, gate: { failuresMax: 1, bakeMs: 10 * MINUTE } }],
  around: hooks('after'),
})

/**
 * Two runs over one cluster of which one member may be out of service at a time: they share a node, and each has one of its own. Each puts back what it
 * broke.
 */
export const [left, right] = [member(0, 2), member(1, 2)]

/** Only the shared node of the two. */
export const shared: PlanContent = member(1, 1)

/** Two runs over two zones that take turns: one has a node in each, the other one in the second. */
export const [zones, zone] = [inZones([0, 1], 1), inZones([1], 2)]

function inZones(groups: readonly number[], of: number): PlanContent {
  const set = { atMost: 2, set: 'zone' }
  const own = plan({ groups: [set, set], waves: [{ nodes: groups.map((group) => ({ groups: [group] })), gate: { failuresMax: 1 } }] })
  return { ...own, nodes: own.nodes.map((node, position) => ({ ...node, node: `i-${String(of)}${String(position).repeat(16)}` })) }
}

/** A second attempt at what failed, which stays out of service meanwhile. */
export const again: PlanContent = { ...left, retry: { attempts: 2, on: ['lock-held', 'scriptlet-failed'] } }

function member(of: 0 | 1, size: number): PlanContent {
  const own = plan({ groups: [{ atMost: 1 }], waves: [{ nodes: Array.from({ length: size }, () => ({ groups: [0] })) }] })
  return { ...own, nodes: own.nodes.map((node, position) => (position === 0 ? node : { ...node, node: `i-${String(of + 1).repeat(17)}` })) }
}

/** Two cells, of which one may be lost. */
export const cells: PlanContent = plan({ waves: [{ nodes: [{}, { region: 'eu-west-1' }], gate: { failuresMax: 1 } }] })

/** One node in a cell that may be lost. */
export const lone: PlanContent = plan({ waves: [{ nodes: 1 }] })

/** A wave of two cells, and one of a single node after it. */
export const shaky: PlanContent = plan({ waves: [{ nodes: [{}, { region: 'eu-west-1' }] }, { nodes: 1 }] })

/** A plan that a member of a group has to approve, and a gate that somebody has to. */
export const asking: PlanContent = plan({
  approval: { group: 'leads', count: 1, expiresMs: DAY },
  waves: [{ nodes: 2, gate: { approval: { group: 'leads', count: 1, expiresMs: DAY } } }],
})

/** A trial that looks for the patches that break it: of its three, one does. */
export const searching: PlanContent = plan(isolated({ waves: [{ nodes: 2 }] }, false))

/** The same with one node, on which one part is tried after the other. */
export const seeking: PlanContent = plan(isolated({ waves: [{ nodes: 1 }] }, false))

export const LINES: readonly string[] = LIST.slice(0, 3)

/** One node after the other, and none may fail. */
export const oneByOne: PlanContent = plan({ waves: [{ nodes: 2, concurrency: 1 }] })

const AGAIN = { attempts: 2, on: ['lock-held', 'scriptlet-failed'] }
const ALL_BACK: PlanContent['rollback'] = {
  on: 'gate-failed',
  scope: 'run',
  method: 'packages',
  outside: 'allow',
  failures: { kind: 'count', count: 0 },
  failuresMax: 0,
}
const CLUSTER = [{ atMost: 1 }]
const MEMBER = { groups: [0] }

/** Every hook and a drain around each change, which is tried twice, and all of it back when that fails. */
export const attended: PlanContent = plan({
  waves: [{ nodes: 1 }],
  retry: AGAIN,
  rollback: ALL_BACK,
  around: { ...hooks('before', 'after', 'exit'), drain: DRAIN },
})

/** A node that is started for its change, another one after it; both in standby meanwhile, and back by their root volumes. */
export const asleep: PlanContent = plan({
  waves: [{ nodes: 1, gate: { failuresMax: 1 } }, { nodes: 1 }],
  retry: AGAIN,
  rollback: { ...ALL_BACK, method: 'root-volume' },
  around: { power: STOPPED, drain: { targetGroups: 'auto', waitMs: null, autoScaling: 'standby' } },
})

/** One of a cluster at a time, prepared and tried twice, while freezes come and go. */
export const frosty: PlanContent = plan({
  groups: CLUSTER,
  waves: [{ nodes: [MEMBER, MEMBER], gate: { failuresMax: 1 } }],
  retry: AGAIN,
  rollback: ALL_BACK,
  around: { ...hooks('exit'), drain: DRAIN },
})

/** The same for a run that may break them, once somebody allows it. */
export const breaking: PlanContent = allowed(plan({ waves: [{ nodes: 1 }, { nodes: 1 }], retry: AGAIN, around: hooks('after') }))

function allowed(plan: PlanContent): PlanContent {
  const { runbook } = plan
  const breakFreeze = { group: 'leads', count: 1, expiresMs: 10 * MINUTE }
  return { ...plan, runbook: { ...runbook, window: runbook.window && { ...runbook.window, breakFreeze } } }
}

/** An undo of what an earlier run did, one of a cluster at a time. */
export const undoing: PlanContent = plan({
  work: 'rollback',
  undoes: '01900000-0000-7000-8000-000000000009',
  groups: CLUSTER,
  waves: [{ nodes: [MEMBER, MEMBER] }, { nodes: 1 }],
  around: { ...hooks('exit'), drain: DRAIN },
})

/** Patch Manager installs what hooks surround; it is tried twice, and all of it goes back when a gate fails. */
export const handed: PlanContent = plan({
  waves: [{ nodes: 1, gate: { failuresMax: 1 } }, { nodes: 1 }],
  retry: AGAIN,
  rollback: ALL_BACK,
  around: { ...hooks('before', 'after', 'exit'), apply: BY_PATCH_MANAGER },
})

/** A kernel that is patched while it runs, before the packages. */
export const lively: PlanContent = livePatched(
  plan({ waves: [{ nodes: 1, gate: { bakeMs: 10 * MINUTE } }, { nodes: 1 }], retry: AGAIN, rollback: ALL_BACK }),
)

function livePatched(plan: PlanContent): PlanContent {
  const { runbook } = plan
  return { ...plan, runbook: { ...runbook, patches: runbook.patches && { ...runbook.patches, kernel: 'live-patch' } } }
}
