import { findings, type Check } from './evidence.ts'
import { retell, type Story } from './story.ts'

/**
 * I11: a wave passes with n failed or unknown nodes and not with one more; beyond n nothing more of it starts; in all no more fail than the plan
 * says for the worst case (n + concurrency; a hard budget: n + 1). Nodes that vanish after they were patched are beyond any such promise.
 */
export const budget: Check = (evidence) => {
  const { found, say } = findings('I11')
  const { plan } = evidence
  const story = retell(evidence, (before, { event }) => {
    if (event.type === 'CommandIntended' && event.work === plan.work && before.phase !== 'rolling-back') {
      for (const wave of new Set(event.nodes.map((position) => before.waveOf[position] ?? -1))) {
        const { failuresMax, concurrency } = limitsOf(before, wave)
        if (before.spent(wave) > failuresMax) say(`command ${String(event.n)} was intended when ${String(before.spent(wave))} of at most ${String(failuresMax)} had failed`)
        const flying = inFlight(before, wave) + event.nodes.filter((position) => !isWaitingAgain(before, position)).length
        if (flying > concurrency) say(`command ${String(event.n)} brings wave ${String(wave)} to ${String(flying)} nodes in flight, ${String(concurrency)} may be`)
      }
      if (plan.budgetMax !== null && spentInRun(before) > plan.budgetMax) say(`command ${String(event.n)} was intended when the budget of the run was spent`)
    }
    if (event.type === 'GateDecided' && event.verdict === 'pass') {
      const { failuresMax } = limitsOf(before, event.wave)
      if (before.spent(event.wave) > failuresMax) say(`gate ${String(event.wave)} passed with ${String(before.spent(event.wave))} failures of at most ${String(failuresMax)}`)
    }
    if (event.type === 'GateDecided' && event.verdict === 'fail' && event.why.some((why) => why.startsWith('failures:'))) {
      if (before.spent(event.wave) <= limitsOf(before, event.wave).failuresMax) say(`gate ${String(event.wave)} failed within its budget`)
    }
  })
  plan.waves.forEach((wave, index) => {
    const failed = story.nodes.filter((node) => story.waveOf[node.position] === index && node.reason !== 'gone' && isSpent(story, node.position)).length
    const most = wave.gate.hard ? wave.gate.failuresMax + 1 : wave.gate.failuresMax + wave.concurrency
    if (failed > most) say(`${String(failed)} nodes of wave ${wave.name} failed, in the worst case ${String(most)} may`)
  })
  return found
}

const limitsOf = ({ plan }: Story, wave: number) => {
  const rule = plan.waves[wave]
  if (rule === undefined) throw new Error(`the plan has no wave ${String(wave)}`)
  const { failuresMax, hard } = rule.gate
  return { failuresMax, concurrency: hard ? Math.min(rule.concurrency, failuresMax + 1) : rule.concurrency }
}

/** By what its changes did, whatever a rollback made of it. */
const isSpent = (story: Story, position: number): boolean => {
  const last = story.node(position).attempts.findLast((attempt) => attempt.work === story.plan.work)
  return last?.outcome === 'failed' || last?.outcome === 'unknown'
}

const spentInRun = (story: Story): number => story.plan.waves.reduce((sum, _, index) => sum + story.spent(index), 0)

const inFlight = (story: Story, wave: number): number =>
  story.nodes.filter((node) => story.waveOf[node.position] === wave && (node.flying !== null || isWaitingAgain(story, node.position))).length

const isWaitingAgain = (story: Story, position: number): boolean => {
  const node = story.node(position)
  return node.outcome === 'open' && node.flying === null && node.attempts.at(-1)?.outcome === 'failed'
}
