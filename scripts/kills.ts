import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { seeded } from '../src/kit/random.ts'
import { nameOf, runCampaign, type Campaign } from '../test/kills/campaign.ts'
import type { Kill } from '../test/kills/desk.ts'

// `npm run kills` kills a run of 60 nodes with SIGKILL at every commit of its store, once before and once after it, each time in a fresh run that
// is then continued to its end by another process; then a run of 1,000 nodes at 50 random commits. Each run has to end as the undisturbed one did:
// the same outcome and gates, the same outcome and packages of every node, no transaction twice, and nothing gone that was acknowledged.
// `-- --nodes=20 --from=5 --to=9 --random=0` looks at a part; `--desks` are sandboxes side by side.

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '60' },
    from: { type: 'string', default: '1' },
    to: { type: 'string', default: '100000' },
    large: { type: 'string', default: '1000' },
    random: { type: 'string', default: '50' },
    speed: { type: 'string', default: '150' },
    desks: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string', default: 'kills' },
  },
})
const number = (text: string): number => {
  if (!/^[0-9]{1,6}$/.test(text)) throw new Error(`${text} is no number`)
  return Number(text)
}

/** Plays a campaign and tells what came of it; resolves to how many went wrong. */
async function play(nodes: number, more: Pick<Campaign, 'next' | 'over'>): Promise<number> {
  const began = performance.now()
  let bad = 0
  const tried = (kill: Kill, wrong: readonly string[]): void => {
    if (wrong.length === 0) return
    bad += 1
    console.log(`${nodes} nodes, killed ${nameOf(kill)}: ${wrong.slice(0, 5).join('; ')}`)
  }
  const { kills, wrong } = await runCampaign({ nodes, speed: number(values.speed), desks: number(values.desks), tried, ...more })
  const seconds = Math.round((performance.now() - began) / 1000)
  for (const one of wrong.filter((text) => !text.startsWith('killed '))) console.log(`${nodes} nodes, ${one}`)
  console.log(`${nodes} nodes: ${kills} kills in ${seconds} s, ${bad} went wrong`)
  return wrong.length
}

let at = (number(values.from) - 1) * 2
let end = number(values.to) * 2
let wrong = await play(number(values.nodes), {
  next: () => (at >= end ? undefined : { moment: at % 2 === 0 ? 'before' : 'after', commit: Math.floor(at++ / 2) + 1 }),
  over: ({ commit }) => (end = Math.min(end, Number(commit) * 2)),
})
if (number(values.random) > 0) {
  const chance = seeded(values.seed)
  let left = number(values.random)
  /** No run has had more commits than this; a kill that would come after the end is drawn anew. */
  let most = 1_000
  wrong += await play(number(values.large), {
    next: () => (left-- <= 0 ? undefined : { moment: chance() < 0.5 ? 'before' : 'after', commit: 1 + Math.floor(chance() * most) }),
    over: ({ commit }) => {
      left += 1
      most = Math.min(most, Number(commit))
    },
  })
}
process.exitCode = wrong > 0 ? 1 : 0
