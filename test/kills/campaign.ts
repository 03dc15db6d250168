import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { Desk, type Kill } from './desk.ts'
import { differences, hasEnded, resultOf, type Result } from './result.ts'

/** What a campaign has done, as it goes on. */
export type Tally = { kills: number; wrong: string[] }

export type Campaign = Readonly<{
  nodes: number
  speed: number
  /** How many sandboxes work side by side. */
  desks: number
  /** The next kill to try; undefined: there are no more. */
  next: () => Kill | undefined
  /** Told of a kill that was to come after the run had ended. */
  over: (kill: Kill) => void
  /** Told of each kill that was tried. */
  tried: (kill: Kill, wrong: readonly string[]) => void
}>

/**
 * Kills runs, one process each, and lets another process go on. Each has to end as the first one did, which nobody disturbed: the same outcome and
 * gates, the same outcome and versions of every node, nothing lost that was acknowledged, and no promise broken.
 * @throws when an undisturbed run is not whole itself
 */
export async function runCampaign(campaign: Campaign): Promise<Tally> {
  const tally: Tally = { kills: 0, wrong: [] }
  const first = await Desk.open(campaign)
  const desks = [Promise.resolve(first), ...Array.from({ length: campaign.desks - 1 }, () => Desk.open(campaign))]
  try {
    await first.again()
    const before = await first.nodes()
    await first.run()
    const wanted = await resultOf(first, before)
    if (wanted.outcome === null || wanted.faults.length > 0) throw new Error(`undisturbed, it is not whole: ${wanted.faults.join('; ')}`)
    await Promise.all(desks.map(async (desk) => work(await desk, campaign, tally, { before, wanted })))
    return tally
  } finally {
    for (const desk of await Promise.allSettled(desks)) if (desk.status === 'fulfilled') await desk.value.close()
  }
}

type Standard = Readonly<{ before: readonly NodeView[]; wanted: Result }>

async function work(desk: Desk, { next: draw, over, tried }: Campaign, tally: Tally, { before, wanted }: Standard): Promise<void> {
  for (let kill = draw(); kill !== undefined; kill = draw()) {
    await desk.again()
    const { killed, code } = await desk.run(kill)
    if (!killed) {
      over(kill)
      if (code !== 0) tally.wrong.push(`${nameOf(kill)}: it ended with ${code} before it was killed`)
      continue
    }
    // After its last entry a run has nothing to go on with but messages, which go out with whatever is driven next.
    const ended = await hasEnded(desk)
    const next = ended ? await desk.look() : await desk.run()
    const wrong = [
      ...(next.code === 0 ? [] : [`whoever went on ended with ${next.code}: ${next.errors.slice(0, 200)}`]),
      ...differences(wanted, await resultOf(desk, before, { runs: ended ? 2 : 1 })),
    ]
    tally.kills += 1
    tally.wrong.push(...wrong.map((one) => `killed ${nameOf(kill)}: ${one}`))
    tried(kill, wrong)
  }
}

/** `before commit 12`. */
export const nameOf = ({ moment, commit }: Kill): string => `${moment} commit ${commit}`
