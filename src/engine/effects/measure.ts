import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, cellOf, tokenOf } from '../../kit/ids.ts'
import { iso, MINUTE, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import type { CheckRule } from '../../core/runbook/runbook.ts'
import type { RunEvent, Verdict } from '../../core/run/event.ts'
import { PRESENCE } from '../../core/run/gate.ts'
import { isMeasured } from '../../core/run/isolate-judge.ts'
import { isRefused } from '../../core/run/refused-cells.ts'
import { at, cellAt, codeOf, planned, STAGE, type RunState } from '../../core/run/state.ts'
import { isGone } from '../../core/plan/fleet.ts'
import { startsNodes } from '../../core/plan/select.ts'
import { eachBounded } from '../../kit/bounded.ts'
import type { NodeSeen, StatusSeen } from '../../ports/fleet.ts'
import { ask } from '../ask.ts'
import { endedAt } from '../journal.ts'
import { mayPass } from '../steps/trying.ts'
import type { World } from '../world.ts'
import type { EffectOf, Found, Performing } from './perform.ts'
import { refusesCell } from './refused-cell.ts'

/** What one check found: per node where it looks at nodes. */
type Measured = Readonly<{
  verdict: Verdict
  evidence: string
  subjects: number
  failing: readonly number[]
  unclear?: readonly number[]
  gone?: readonly number[]
}>

/** At most this many nodes are named in the evidence; the count is exact. */
const NAMED_MAX = 50

/** Each cell has quotas of its own, so cells are read side by side; more would only cost sockets. */
const CELLS_AT_ONCE = 16

/** Measures one check once. Doubt is `inconclusive`, never a pass. */
export async function* measureCheck(performing: Performing, effect: EffectOf<'measure'>): Found {
  const { state } = performing
  const measured = await measure(performing, effect).catch((error: unknown) => untold(performing, effect, error))
  const events: RunEvent[] = []
  const gone = measured.gone ?? []
  if (gone.length > 0) events.push({ type: 'NodesGone', nodes: gone })
  const { purpose, wave, round, check } = effect
  const { verdict, evidence, subjects, failing } = measured
  const seen = { type: 'CheckMeasured', purpose, wave, round, check, verdict, evidence, subjects } as const
  // Each node of a try is judged for itself, so all of them are named.
  if (purpose === 'try') events.push({ ...seen, failing, unclear: measured.unclear ?? [] })
  else events.push({ ...seen, failing: failing.slice(0, NAMED_MAX) })
  if (state.activities.has(effect.key)) yield events
}

async function measure(performing: Performing, effect: EffectOf<'measure'>): Promise<Measured> {
  const { state } = performing
  const chosen = subjectsOf(state, effect)
  if (effect.check === PRESENCE) return presence(performing, effect)
  const rule = known(state.plan.checks[effect.check], `check ${effect.check}`)
  const subjects = startsNodes(state.plan.runbook) ? chosen.filter((position) => at(state.nodes.down, position) === 0) : chosen
  if (rule.type !== 'http' && subjects.length === 0 && chosen.length > 0) return nobodyToAsk(chosen.length)
  const measured = await byRule(performing, effect, rule, subjects)
  if (effect.purpose !== 'try') return measured
  // Each node of a try is judged for itself: who was not asked has told nothing.
  const unasked = chosen.filter((position) => !subjects.includes(position))
  return { ...measured, unclear: [...(measured.unclear ?? []), ...unasked] }
}

function byRule(performing: Performing, effect: EffectOf<'measure'>, rule: CheckRule, subjects: readonly number[]): Promise<Measured> {
  switch (rule.type) {
    case 'agent-ping':
      return agentPing(performing, subjects)
    case 'instance-status':
      return instanceStatus(performing, subjects)
    case 'script':
      return script(performing, effect, rule, subjects)
    case 'http':
      return http(performing.world, rule, performing.signal)
  }
}

/** How long after its asking a check is tried again where AWS does not answer: beyond that a gate holds, its owner is told, and `holdFor` counts. */
const TRIED_MS: Ms = 10 * MINUTE

/** A cell that refuses to be asked, or does not answer for long, tells nothing of its nodes, and so nothing of all. */
function untold({ world, state }: Performing, effect: EffectOf<'measure'>, error: unknown): Measured {
  if (!(error instanceof PatchwaveError)) throw error
  const rule = state.plan.checks[effect.check]
  const worksMs = rule?.type === 'script' ? rule.timeoutMs : 0
  if (mayPass(error) && world.clock.now() < plus(askedAt(state, effect), TRIED_MS + worksMs)) throw error
  const unclear = subjectsOf(state, effect)
  return { verdict: 'inconclusive', evidence: `${error.code}: ${error.message}`, subjects: unclear.length, failing: [], unclear }
}

/** Nodes that are started for their change only, and stopped again, can tell nothing. */
const nobodyToAsk = (stopped: number): Measured => ({
  verdict: 'inconclusive',
  evidence: `${String(stopped)} nodes are stopped again, and there is no other to ask`,
  subjects: 0,
  failing: [],
})

/** Before: every node that will be touched. Gate and after: those that were patched, or needed nothing. */
function subjectsOf(state: RunState, effect: EffectOf<'measure'>): number[] {
  if (effect.purpose === 'try')
    return [...(state.isolation?.tries ?? [])].flatMap(([position, one]) => (isMeasured(state, position, one) ? [position] : []))
  const nodes =
    effect.purpose === 'gate' ? known(state.plan.waves[effect.wave], 'the wave').nodes : state.plan.nodes.map((_, position) => position)
  if (effect.purpose === 'before')
    return nodes.filter((position) => at(state.nodes.stage, position) !== STAGE.ended && !isLeftOut(state, position))
  const good = new Set([codeOf('patched'), codeOf('rolled-back')])
  return nodes.filter((position) => good.has(at(state.nodes.outcome, position)))
}

/** Its cell has refused since before it was ever used: the run goes on without it. */
const isLeftOut = (state: RunState, position: number): boolean => {
  const cell = cellAt(state, position)
  return isRefused(state, cell) && !state.refusals.has(cell)
}

async function lookAt({ world, state, signal }: Performing, positions: readonly number[]): Promise<Map<number, NodeSeen>> {
  const seen = new Map<number, NodeSeen>()
  const cells = Map.groupBy(positions, (position) => cellKey(planned(state, position)))
  await eachBounded(cells, CELLS_AT_ONCE, async ([key, group]) => {
    const byId = new Map(group.map((position) => [planned(state, position).node, position]))
    for (let from = 0; from < group.length; from += 50) {
      const ids = group.slice(from, from + 50).map((position) => planned(state, position).node)
      for (const node of await world.fleet.look(cellOf(key), ids, signal)) seen.set(known(byId.get(node.node), 'the node'), node)
    }
  })
  return seen
}

/** Nodes that were touched must still exist: replaced canaries are no evidence of health. */
async function presence(performing: Performing, effect: EffectOf<'measure'>): Promise<Measured> {
  const { state } = performing
  const touched = known(state.plan.waves[effect.wave], 'the wave').nodes.filter(
    (position) => at(state.nodes.touched, position) === 1 && at(state.nodes.stage, position) === STAGE.ended,
  )
  const { seen, dark } = await statusOf(performing, touched)
  const asked = touched.filter((position) => !dark.has(position))
  const gone = asked.filter((position) => {
    const now = seen.get(position)?.state ?? null
    return now === null || isGone({ state: now })
  })
  const unasked = dark.size > 0 ? `, ${String(dark.size)} cannot be asked for` : ''
  return {
    // The others prove their cells; of a wave of which nobody can be asked nothing is proved.
    verdict: asked.length === 0 && dark.size > 0 ? 'inconclusive' : 'pass',
    evidence: `${String(asked.length - gone.length)} of ${String(touched.length)} touched nodes exist${unasked}`,
    subjects: touched.length,
    failing: gone,
    gone,
  }
}

/** Online, with a ping later than the node's own end: an older one says nothing about the patched system. */
async function agentPing(performing: Performing, subjects: readonly number[]): Promise<Measured> {
  const seen = await lookAt(performing, subjects)
  const failing: number[] = []
  const waiting: number[] = []
  for (const position of subjects) {
    const node = seen.get(position)
    const ended = endedAt(performing.state, position)
    if (node?.agent !== 'online') failing.push(position)
    else if (ended !== undefined && (node.lastPing === null || node.lastPing <= ended)) waiting.push(position)
  }
  return verdictOf(subjects, failing, waiting, 'answer')
}

async function instanceStatus(performing: Performing, subjects: readonly number[]): Promise<Measured> {
  const { seen } = await statusOf(performing, subjects)
  const verdicts = Map.groupBy(subjects, (position) => seen.get(position)?.verdict ?? 'unknown')
  return verdictOf(subjects, verdicts.get('impaired') ?? [], verdicts.get('unknown') ?? [], 'are reachable')
}

/** What EC2 says of nodes; `dark`: those whose cell refuses to be asked. */
type Statuses = Readonly<{ seen: ReadonlyMap<number, StatusSeen>; dark: ReadonlySet<number> }>

/** EC2's short view: 100 nodes a call, and none of it SSM's. Cells side by side. */
async function statusOf({ world, state, signal }: Performing, positions: readonly number[]): Promise<Statuses> {
  const seen = new Map<number, StatusSeen>()
  const dark = new Set<number>()
  const cells = Map.groupBy(positions, (position) => cellKey(planned(state, position)))
  await eachBounded(cells, CELLS_AT_ONCE, async ([key, group]) => {
    const byId = new Map(group.map((position) => [planned(state, position).node, position]))
    const ids = [...byId.keys()]
    try {
      for (let from = 0; from < ids.length; from += 100)
        for (const one of await world.fleet.status(cellOf(key), ids.slice(from, from + 100), signal))
          seen.set(known(byId.get(one.node), 'the node'), one)
    } catch (error) {
      if (!(error instanceof PatchwaveError) || !refusesCell(error, key)) throw error
      for (const position of group) dark.add(position)
    }
  })
  return { seen, dark }
}

const askedAt = (state: RunState, { purpose, wave }: EffectOf<'measure'>): Instant =>
  known(purpose === 'gate' ? state.waves[wave]?.measure?.askedAt : state.measure?.askedAt, 'the asking')

/** How long a script's answer may take beyond its own timeout: delivery and one page. */
const SCRIPT_SLACK_MS = 5 * MINUTE

async function script(
  performing: Performing,
  effect: EffectOf<'measure'>,
  rule: Extract<CheckRule, { type: 'script' }>,
  subjects: readonly number[],
): Promise<Measured> {
  const { world, state, signal } = performing
  const name = 'Patchwave-Check'
  const answers = await ask(
    world,
    {
      token: tokenOf(state.run, effect.n),
      document: { name, hash: known(state.plan.documents[name], `the hash of ${name}`) },
      parameters: { Script: rule.run, Timeout: String(Math.ceil(rule.timeoutMs / SECOND)) },
      nodes: subjects.map((position) => planned(state, position)),
      askedAt: askedAt(state, effect),
      until: plus(world.clock.now(), rule.timeoutMs + SCRIPT_SLACK_MS),
      executionSeconds: Math.ceil(rule.timeoutMs / SECOND) + 60,
    },
    signal,
  )
  const asked = askedAt(state, effect)
  if (world.clock.now() > plus(asked, rule.timeoutMs + SCRIPT_SLACK_MS + TRIED_MS)) return heardTooLate(asked, subjects)
  const byId = new Map(answers.map((one) => [one.node, one.line?.verdict]))
  const failing = subjects.filter((position) => byId.get(planned(state, position).node) === 'failed')
  const silent = subjects.filter((position) => !['failed', 'passed'].includes(byId.get(planned(state, position).node) ?? ''))
  return verdictOf(subjects, failing, silent, `pass ${rule.run}`)
}

/** Nobody was there to hear what the nodes said when they were asked: it says nothing of now, and they are asked anew. */
const heardTooLate = (asked: Instant, subjects: readonly number[]): Measured => ({
  verdict: 'inconclusive',
  evidence: `asked at ${iso(asked)}, and heard too late to say anything of now`,
  subjects: subjects.length,
  failing: [],
  unclear: subjects,
})

async function http(world: World, rule: Extract<CheckRule, { type: 'http' }>, signal: AbortSignal): Promise<Measured> {
  const at = iso(world.clock.now())
  const answer = await world.probe.get(rule.url, rule.withinMs, signal)
  if ('failure' in answer)
    return { verdict: 'inconclusive', evidence: `GET ${rule.url}: ${answer.failure} at ${at}`, subjects: 1, failing: [] }
  const good = answer.status === rule.status && answer.tookMs <= rule.withinMs
  const evidence = `GET ${rule.url}: ${String(answer.status)} in ${String(Math.round(answer.tookMs))} ms (wanted ${String(rule.status)} within ${String(rule.withinMs)} ms) at ${at}`
  return { verdict: good ? 'pass' : 'fail', evidence, subjects: 1, failing: [] }
}

function verdictOf(subjects: readonly number[], failing: readonly number[], unclear: readonly number[], what: string): Measured {
  const good = subjects.length - failing.length - unclear.length
  const evidence = `${String(good)} of ${String(subjects.length)} nodes ${what}${unclear.length > 0 ? `, ${String(unclear.length)} unclear` : ''}`
  const verdict = failing.length > 0 ? 'fail' : unclear.length > 0 ? 'inconclusive' : 'pass'
  return { verdict, evidence, subjects: subjects.length, failing, unclear }
}
