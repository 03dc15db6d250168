import type { ApprovalRule } from '../../src/core/runbook/runbook.ts'
import type { Fact, Subject } from '../../src/core/run/event.ts'
import { findings, type Check, type Evidence } from './evidence.ts'

/** I4: no wave starts before the previous gate passed, no rollout before what it needs was approved. */
export const order: Check = (evidence) => {
  const { found, say } = findings('I4')
  const passed = new Set<number>()
  evidence.facts.forEach(({ event }, index) => {
    const before = evidence.facts.slice(0, index)
    if (event.type === 'GateDecided' && event.verdict === 'pass') passed.add(event.wave)
    if (event.type === 'WaveStarted') {
      for (let wave = 0; wave < event.wave; wave++) if (!passed.has(wave)) say(`wave ${String(event.wave)} started before gate ${String(wave)} passed`)
    }
    if (event.type === 'CommandIntended' && event.work === 'apply') inItsWave(evidence, event.nodes, before, say)
    if (event.type === 'WindowOpened' && !approved(before, { kind: 'plan' }, evidence.plan.approval)) say('the window opened before the plan was approved')
    if (event.type === 'BaselinesApproved' && !approved(before, { kind: 'baselines' }, evidence.plan.trial?.approval ?? null)) say('baselines got their label before they were approved')
    if (event.type === 'GateDecided' && event.verdict === 'pass') {
      const wave = evidence.plan.waves[event.wave]
      const word = before.some(({ event: one }) => one.type === 'ApprovalGiven' && one.subject.kind === 'gate' && one.subject.wave === wave?.name)
      if (wave !== undefined && !word && !approved(before, { kind: 'gate', wave: wave.name }, wave.gate.approval)) say(`gate ${String(event.wave)} passed before it was approved`)
    }
  })
  for (const list of evidence.plan.lists) {
    if (evidence.plan.act === 'rollout' && evidence.plan.work === 'apply' && evidence.plan.runbook.baseline !== 'none' && list.baseline === null) say(`the rollout installs a list of ${list.image} that comes from no baseline`)
  }
  return found
}

function inItsWave({ plan }: Evidence, nodes: readonly number[], before: readonly Fact[], say: (what: string) => void): void {
  const started = new Set(before.flatMap(({ event }) => (event.type === 'WaveStarted' ? [event.wave] : [])))
  for (const position of nodes) {
    const wave = plan.waves.findIndex((one) => one.nodes.includes(position))
    if (!started.has(wave)) say(`node ${String(position)} was touched before its wave ${String(wave)} started`)
  }
}

/** Enough different people said yes to the newest asking, and not the one who asked for the run. */
function approved(facts: readonly Fact[], subject: Subject, rule: ApprovalRule | null): boolean {
  if (rule === null) return true
  const requester = facts.find(({ event }) => event.type === 'RunRequested')?.actor.id
  const same = (other: Subject): boolean => JSON.stringify(other) === JSON.stringify(subject)
  const from = facts.findLastIndex(({ event }) => event.type === 'ApprovalAsked' && same(event.subject))
  const people = facts.slice(from).flatMap(({ event }) => (event.type === 'ApprovalGiven' && same(event.subject) ? [event.by] : []))
  return from >= 0 && new Set(people.filter((person) => person !== requester)).size >= rule.count
}
