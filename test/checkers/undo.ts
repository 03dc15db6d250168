import { findings, type Check, type Evidence, type Packages } from './evidence.ts'
import { retell } from './story.ts'

/** I6: rollback touches only touched nodes, newest wave first, and restores what each node had before this run first touched it. */
export const undo: Check = (evidence) => [...touchedOnly(evidence), ...restored(evidence)]

function touchedOnly(evidence: Evidence) {
  const { found, say } = findings('I6')
  let newest = Number.POSITIVE_INFINITY
  retell(evidence, (story, { event }) => {
    if (event.type !== 'CommandIntended' || event.work !== 'rollback') return
    const waves = event.nodes.map((position) => story.waveOf[position] ?? -1)
    if (evidence.plan.work !== 'rollback') {
      for (const position of event.nodes) if (!story.touched(story.node(position))) say(`node ${String(position)} was never touched and is rolled back by command ${String(event.n)}`)
      if (Math.max(...waves) > newest) say(`command ${String(event.n)} rolls wave ${String(Math.max(...waves))} back after wave ${String(newest)}`)
    }
    newest = Math.min(newest, ...waves)
  })
  return found
}

function restored(evidence: Evidence) {
  const { found, say } = findings('I6')
  const { versions, plan } = evidence
  if (versions === undefined || plan.work === 'rollback') return found
  for (const node of retell(evidence).nodes) {
    const name = plan.nodes[node.position]?.node ?? ''
    if (node.outcome === 'rolled-back' && !equal(versions.before[name], versions.after[name])) say(`${name} is rolled back, but has other versions than before the run`)
  }
  return found
}

/** The same packages at the same versions. */
export const equal = (a: Packages = {}, b: Packages = {}): boolean => [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => a[name] === b[name])
