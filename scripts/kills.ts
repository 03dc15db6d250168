import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { seeded } from '../src/kit/random.ts'
import { Desk, type Kill, type Seen } from '../test/kills/desk.ts'

// `npm run kills` kills a run of 60 nodes with SIGKILL at every commit of its store, once before and once after it, each time in a fresh run that
// is then continued to its end by another process; then a run of 1,000 nodes at 50 random commits. Each run has to end as the undisturbed one did:
// the same outcome, the same packages on every node, and no transaction twice. `-- --nodes=20 --from=5 --to=9` looks at a part.

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '60' },
    from: { type: 'string', default: '1' },
    to: { type: 'string', default: '100000' },
    large: { type: 'string', default: '1000' },
    random: { type: 'string', default: '50' },
    speed: { type: 'string', default: '600' },
  },
})
const number = (text: string): number => {
  if (!/^[0-9]{1,6}$/.test(text)) throw new Error(`${text} is no number`)
  return Number(text)
}

/** What an undisturbed run comes to, and how many commits it makes. */
type Standard = Readonly<{ last: string; seen: Seen }>

const told = (last: string): string => {
  const { outcome, nodes } = JSON.parse(last === '' ? '{}' : last) as { outcome?: unknown; nodes?: unknown }
  return JSON.stringify({ outcome, nodes })
}

async function standardOf(desk: Desk): Promise<Standard> {
  await desk.again()
  const { last } = await desk.run()
  return { last: told(last), seen: await desk.seen() }
}

/** What is wrong with a run that was killed there; null when it was over before that commit came. */
async function tryKill(desk: Desk, standard: Standard, kill: Kill): Promise<readonly string[] | null> {
  await desk.again()
  const first = await desk.run(kill)
  if (!first.killed) return null
  const second = await desk.run()
  const seen = await desk.seen()
  const twice = [...seen.transactions].filter(([, count]) => count > 1).map(([node]) => node)
  return [
    ...(told(second.last) === standard.last ? [] : [`ended ${told(second.last)}, not ${standard.last}`]),
    ...(twice.length === 0 ? [] : [`transactions twice on ${twice.join(', ')}`]),
    ...(seen.packages === standard.seen.packages ? [] : ['other packages on the nodes']),
  ]
}

let failures = 0
let kills = 0

/** Tries kills from a shared list, one desk a core. False from `next`: there are no more. */
async function campaign(nodes: number, next: () => Kill | undefined, over: () => void): Promise<void> {
  const work = async (): Promise<void> => {
    const desk = await Desk.open(nodes, number(values.speed))
    try {
      const standard = await standardOf(desk)
      for (let kill = next(); kill !== undefined; kill = next()) {
        const wrong = await tryKill(desk, standard, kill)
        if (wrong === null) {
          over()
          continue
        }
        kills += 1
        if (wrong.length === 0) continue
        failures += 1
        console.log(`${String(nodes)} nodes, killed ${kill.moment} commit ${String(kill.commit)}: ${wrong.join('; ')}`)
      }
    } finally {
      await desk.close()
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
}

const began = performance.now()
let at = (number(values.from) - 1) * 2
let last = number(values.to) * 2
await campaign(
  number(values.nodes),
  () => (at >= last ? undefined : { moment: at % 2 === 0 ? 'before' : 'after', commit: Math.floor(at++ / 2) + 1 }),
  () => (last = Math.min(last, at)),
)
console.log(`${values.nodes} nodes: ${String(kills)} kills, ${String(failures)} went wrong`)
if (number(values.random) > 0) {
  const chance = seeded('kills')
  let left = number(values.random)
  const early = kills
  await campaign(
    number(values.large),
    () => (left-- <= 0 ? undefined : { moment: chance() < 0.5 ? 'before' : 'after', commit: 1 + Math.floor(chance() * 400) }),
    () => undefined,
  )
  console.log(`${values.large} nodes: ${String(kills - early)} kills`)
}
console.log(`${String(kills)} kills in ${String(Math.round((performance.now() - began) / 1000))} s, ${String(failures)} went wrong`)
process.exitCode = failures > 0 ? 1 : 0
